//! What a person is asked before a call, what is signed in answer, and which answer is a yes to the call. `approval` says
//! what the rest means.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::Digest;

use super::RuleRef;

/// The runner's question, `lgflow.approval_request/v1`. It goes from the runner to the front, and never through the
/// interpreter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalRequest {
    /// `lgflow.approval_request/v1`
    pub schema: String,
    /// What an approval will be bound to.
    pub binding: ApprovalBinding,
    /// The calls as they are to be shown, in order: their digests are those of the binding.
    pub shown: Vec<ShownCall>,
    /// What an approval needs to count.
    pub terms: ApprovalTerms,
    /// When it was asked, in milliseconds since 1970.
    pub issued: u64,
}

/// All that an approval is bound to: it covers this and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalBinding {
    /// The version of the binding: 1.
    pub v: u32,
    /// The run.
    pub run: String,
    /// The node, with the path of subgraph nodes before it.
    pub node: String,
    /// Where in the run: iterations, item and attempt of the node and of what is around it.
    pub iteration: String,
    /// The calls in order; each is spent once.
    pub calls: Vec<BoundCall>,
    /// Of the layers in force.
    pub policy_digest: Digest,
    /// The workspace.
    pub root: RootIdentity,
    /// The runner's: told apart from every other request, and spent before the effect.
    pub nonce: String,
}

/// One call of a binding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoundCall {
    /// Of the tool's name and its parameters.
    pub call_digest: Digest,
    /// What stands now at each path that it changes; null where nothing does.
    pub preimages: BTreeMap<String, Option<Digest>>,
    /// The paths that it really reaches, relative to the root.
    pub paths: Vec<String>,
    /// What it runs or speaks to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<BoundTarget>,
}

/// What a call would do as things stand, found out without doing it: for a person who is shown a call that the policy
/// allows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// The change that it would make, where its parameters do not say it line by line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
    /// What stands now at each path that it changes; null where nothing does.
    #[serde(default)]
    pub preimages: BTreeMap<String, Option<Digest>>,
    /// The paths that it really reaches, relative to the root.
    #[serde(default)]
    pub paths: Vec<String>,
    /// What it runs or speaks to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<BoundTarget>,
}

/// What a call runs or speaks to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum BoundTarget {
    /// A program.
    Program {
        /// Where it was found.
        path: String,
        /// Of its bytes.
        digest: Digest,
    },
    /// An origin.
    Origin(String),
}

/// The workspace's folder, whatever it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootIdentity {
    /// The device.
    pub dev: u64,
    /// The inode.
    pub ino: u64,
}

/// A call as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShownCall {
    /// The tool's name.
    pub tool: String,
    /// Its parameters, whole.
    pub input: Value,
    /// Why the policy asks; empty where it does not ask about this call of the list.
    pub reason: String,
    /// The rule that asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleRef>,
    /// The change that it would make, where its parameters do not say it line by line; worked out by the runner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
}

/// The option that approves a call which is shown.
pub const APPROVE: &str = "approve";

/// Does an answer to a question with these options approve the call that it shows? Without options a yes does.
pub fn approves(options: &[String], choice: Option<&str>) -> bool {
    options.is_empty() || choice == Some(APPROVE)
}

/// What an approval needs to count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalTerms {
    /// How long a signature is good for, in milliseconds.
    pub ttl_ms: u64,
    /// How many keys must sign.
    pub quorum: u32,
    /// Does the key that started the run not count?
    pub separate: bool,
    /// The keys that may sign: `local`, or `ed25519:…`.
    pub approvers: Vec<String>,
    /// The key that started the run.
    pub starter: String,
}

/// A signed answer, `lgflow.approval/v1`: what a call carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// `lgflow.approval/v1`
    pub schema: String,
    /// Of the request that was shown.
    pub request: Digest,
    /// What it covers.
    pub binding: ApprovalBinding,
    /// Who agreed.
    pub signatures: Vec<ApprovalSignature>,
}

/// One key's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalSignature {
    /// `local:…` or `ed25519:…`
    pub key: String,
    /// When it was signed, in milliseconds since 1970.
    pub not_before: u64,
    /// When it is no longer good.
    pub expires: u64,
    /// The boot of the machine that it was signed in.
    pub boot: String,
    /// The code or signature, in base64.
    pub signature: String,
}

/// Where a call's question is kept: what the interpreter hears of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedRef {
    /// The nonce of the request.
    pub nonce: String,
    /// The digest of the request.
    pub request: Digest,
}
