//! A run whose runner is elsewhere: what its front and that runner's service tell each other, over one connection that an
//! HTTP request was upgraded to. Calls and answers keep their order on it, and the session ends with it.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::digest::{Digest, canonical_json};

use super::{ApprovalRequest, CallFrame, FrozenLayer, ReplyFrame, RunLimits, RunnerClock, Started};

/// What the connection is upgraded to: frames as they go over inherited sockets.
pub const UPGRADE: &str = "lgflow-frames/1";

/// Where a runner shows its key, before anything is sent to it.
pub const IDENTITY: &str = "/v1/identity";

/// What a runner shows to whoever asks, before it hears who that is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// `lgflow.identity/v1`
    pub schema: String,
    /// The key of the runner's installation.
    pub key: String,
    /// Over [`Identity::message`].
    pub signature: String,
}

impl Identity {
    /// What is signed: that this key's runner answers under this name, to whoever drew the nonce. One that only hands on what
    /// another one signs answers under a name that is not that one's.
    pub fn message(host: &str, nonce: &str) -> Vec<u8> {
        message(&json!(["lgflow.identity/v1", host, nonce]))
    }
}

/// From the front to the service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum RunWord {
    /// First: what is opened.
    Open(RunOpen),
    /// A request of the run's interpreter.
    Call(CallFrame),
    /// Last: nothing more comes, and the receipts are wanted.
    Close,
}

/// What a session is opened for. It can narrow what the token may do there, and nothing else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunOpen {
    /// `lgflow.run_open/v1`
    pub schema: String,
    /// The run's id, drawn by its front.
    pub run: String,
    /// What tells this opening apart from any other: what is signed in answer cannot be an older answer.
    pub nonce: String,
    /// The layers that bind the run where it was started: they hold as ceilings, under the runner's own policy.
    pub ceilings: Vec<FrozenLayer>,
    /// The limits of who started it.
    pub limits: RunLimits,
}

/// From the service to the front.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum RunFrame {
    /// The session stands.
    Opened(RunOpened),
    /// It does not, and why.
    Refused {
        /// The reason.
        message: String,
    },
    /// An answer to the interpreter.
    Reply(ReplyFrame),
    /// A person is asked.
    Ask(Box<ApprovalRequest>),
    /// The last frame: what the runner vouches for.
    Receipts(RunReceipts),
}

/// A session that stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunOpened {
    /// `lgflow.run_opened/v1`
    pub schema: String,
    /// What the runner said when it was ready.
    pub started: Started,
    /// The patterns of its layers, each with its name: what is taken out of what the interpreter records, on both sides.
    pub redact: Vec<(String, String)>,
    /// When it is there: what people sign for this runner is signed for its clock.
    pub clock: RunnerClock,
    /// The key of the runner's installation.
    pub key: String,
    /// Over [`RunOpened::message`].
    pub signature: String,
}

impl RunOpened {
    /// What is signed: that this key's runner opened this run, for whoever drew the nonce, under this policy, at this time.
    pub fn message(run: &str, nonce: &str, policy: Digest, clock: &RunnerClock) -> Vec<u8> {
        message(&json!(["lgflow.run_opened/v1", run, nonce, policy, clock]))
    }
}

/// The receipts of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunReceipts {
    /// `lgflow.run_receipts/v1`
    pub schema: String,
    /// Their lines.
    pub text: String,
    /// The key of the runner's installation.
    pub key: String,
    /// Over [`RunReceipts::message`].
    pub signature: String,
}

impl RunReceipts {
    /// What is signed: that these lines, and no others, are the receipts of the run.
    pub fn message(run: &str, text: &str) -> Vec<u8> {
        message(&json!(["lgflow.run_receipts/v1", run, text.lines().count(), Digest::of(text)]))
    }
}

fn message(said: &serde_json::Value) -> Vec<u8> {
    [b"lgflow runner\0", canonical_json(said).as_bytes()].concat()
}
