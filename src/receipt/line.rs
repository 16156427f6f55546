//! One receipt, and its line: canonical JSON with a code over everything else in it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::digest::{Digest, MacKey, canonical_json};
use crate::effect::Recalled;

use super::{CallFact, ResultFact};

/// The schema id of a receipt.
const SCHEMA: &str = "lgflow.receipt/v1";

/// The runner's word on one thing that it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// `lgflow.receipt/v1`
    pub schema: String,
    /// The run.
    pub run: String,
    /// Which process of the run's: a word of its own for each.
    pub session: String,
    /// From 1, over all sessions of the run.
    pub n: u64,
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// The digest of the line before.
    pub prev: Option<Digest>,
    /// What it did.
    #[serde(flatten)]
    pub what: What,
}

/// What the runner did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub enum What {
    /// A process began to serve the run.
    #[serde(rename = "session.opened")]
    Opened {
        /// Of the layers in force.
        policy: Digest,
        /// Of the walls around commands, in force or not.
        sandbox: Digest,
        /// Tells the key apart that makes the codes.
        key: String,
        /// The runner's version.
        version: String,
    },
    /// It was asked; in the order in which it was.
    #[serde(rename = "request.received")]
    Received {
        /// The calls: one, or those of a list.
        calls: Vec<CallFact>,
    },
    /// A call is about to be done. Before it is, and for one that changes something, on the disk by then.
    #[serde(rename = "call.begun")]
    Begun {
        /// The call's key.
        key: String,
        /// The tool.
        tool: String,
        /// Bytes of patches that it would use up.
        #[serde(default, skip_serializing_if = "is_zero")]
        patch_bytes: u64,
        /// The request that its approval answered, and the place of the call in it: both spent with this.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        approval: Option<String>,
    },
    /// A call is not done: it is answered with the result of an earlier one.
    #[serde(rename = "call.recalled")]
    Recalled {
        /// The call's key.
        key: String,
        /// The tool.
        tool: String,
        /// Bytes of patches that it uses up, as if it were done.
        #[serde(default, skip_serializing_if = "is_zero")]
        patch_bytes: u64,
        /// The call that the result was made for.
        recalled: Recalled,
    },
    /// A request is about to go out of the machine; a call may send several, or none.
    #[serde(rename = "request.sent")]
    Sent {
        /// The places of the rules that bound what goes there.
        rules: Vec<String>,
        /// About as many bytes as it has.
        bytes: u64,
    },
    /// A call that changes something has come to an end.
    #[serde(rename = "call.ended")]
    Ended {
        /// The call's key.
        key: String,
        /// Did it do what it was asked?
        ok: bool,
    },
    /// A call that had begun met something that asks, before anything was done: it counts as not made.
    #[serde(rename = "call.withdrawn")]
    Withdrawn {
        /// The call's key.
        key: String,
    },
    /// It has answered; in the order in which it did.
    #[serde(rename = "request.answered")]
    Answered {
        /// The number of the receipt of the request.
        request: u64,
        /// Of the layers that decided.
        policy: Digest,
        /// The results, in the order of the calls; of a list, up to the first failure.
        results: Vec<ResultFact>,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Receipt {
    /// A receipt of `what`.
    pub fn new(run: &str, session: &str, (n, prev): (u64, Option<Digest>), at: u64, what: What) -> Self {
        let (run, session) = (run.to_owned(), session.to_owned());
        Self { schema: SCHEMA.to_owned(), run, session, n, at, prev, what }
    }

    /// Its line, without a line end.
    pub(super) fn line(&self, key: &MacKey) -> String {
        let members = self.members();
        let code = key.code(&message(&members));
        with_code(members, code)
    }

    /// A line, with the code that it carries. None where it is not one of this version, to the byte.
    pub(super) fn parse(line: &str) -> Option<(Self, String)> {
        let Value::Object(mut members) = serde_json::from_str(line).ok()? else { return None };
        let Value::String(code) = members.remove("mac")? else { return None };
        let receipt: Self = serde_json::from_value(Value::Object(members)).ok()?;
        let same = receipt.schema == SCHEMA && with_code(receipt.members(), code.clone()) == line;
        same.then_some((receipt, code))
    }

    /// Was it made with `key`?
    pub(super) fn is_of(&self, key: &MacKey, code: &str) -> bool {
        key.checks(&message(&self.members()), code)
    }

    fn members(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(members)) => members,
            _ => Map::new(),
        }
    }
}

/// What the code covers: everything but itself, under a name that no other use of the key has.
fn message(members: &Map<String, Value>) -> Vec<u8> {
    let text = canonical_json(&Value::Object(members.clone()));
    [b"lgflow receipt\0", text.as_bytes()].concat()
}

fn with_code(mut members: Map<String, Value>, code: String) -> String {
    members.insert("mac".to_owned(), Value::String(code));
    canonical_json(&Value::Object(members))
}
