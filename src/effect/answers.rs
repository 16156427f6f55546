//! What calls ask that are served over HTTP, and the answers that people bring to it there. Wire types alone: an answer is
//! what a key has signed, and who carries it adds nothing to it.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

use super::ApprovalRequest;

/// When it is where a runner is: an approval is signed for that clock, and for the boot of that machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunnerClock {
    /// Milliseconds since 1970.
    pub millis: u64,
    /// The id of the boot.
    pub boot: String,
    /// The name of the installation's key there, `local:…`: no other installation can sign for it.
    pub installation: String,
}

/// What waits for people, `lgflow.open_requests/v1`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenRequests {
    /// `lgflow.open_requests/v1`
    pub schema: String,
    /// When it is there.
    pub clock: RunnerClock,
    /// Each with who asks, the oldest of each token first.
    pub requests: Vec<OpenRequest>,
}

/// One that waits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenRequest {
    /// The name of the token whose call asks.
    pub token: String,
    /// The keys that have approved it: more are needed.
    pub signed: Vec<String>,
    /// The request, as the runner put it.
    pub request: ApprovalRequest,
}

/// A no, `lgflow.rejection/v1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rejection {
    /// `lgflow.rejection/v1`
    pub schema: String,
    /// The nonce of the request.
    pub nonce: String,
    /// The digest of the request that was shown.
    pub request: Digest,
    /// A remark, for whoever asked.
    #[serde(default)]
    pub comment: String,
}

/// What an answer came to, `lgflow.answer_taken/v1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerTaken {
    /// `lgflow.answer_taken/v1`
    pub schema: String,
    /// The nonce of the request.
    pub nonce: String,
    /// What is so now.
    pub outcome: AnswerOutcome,
    /// The keys that have approved it.
    pub have: u32,
    /// The keys that it needs.
    pub want: u32,
}

/// What is so after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerOutcome {
    /// The call is made when it is sent again.
    Approved,
    /// Further keys are needed.
    Waiting,
    /// The call is refused when it is sent again.
    Rejected,
}
