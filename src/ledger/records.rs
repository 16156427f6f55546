//! What the ledger keeps, each sealed with the installation's key: a file that anybody else wrote is not believed.

use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::approval::Moment;
use crate::digest::{Digest, MacKey, canonical_json};
use crate::effect::{Approval, ApprovalRequest, FrozenLayer, GraphBundle, HeldPlan, RunLimits, RunnerClock};

/// A person's answer to a request, until it is used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answered {
    /// Signed; maybe by fewer keys than are needed.
    Approved {
        /// The approval so far.
        approval: Box<Approval>,
        /// A remark.
        comment: String,
    },
    /// Refused.
    Rejected {
        /// Which key.
        by: String,
        /// A remark.
        comment: String,
    },
}

impl Answered {
    /// Does it settle its question at `now`: a no, or so many signatures as it needs that are still good?
    pub fn settles(&self, quorum: u32, now: u64) -> bool {
        match self {
            Answered::Rejected { .. } => true,
            Answered::Approved { approval, .. } => {
                let good = approval.signatures.iter().filter(|one| now < one.expires).count();
                good >= quorum as usize
            }
        }
    }
}

/// A person's answer to a node's question.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// Agreed, or chosen?
    pub granted: bool,
    /// One of the options.
    pub choice: Option<String>,
    /// The further answer.
    pub response: Option<Value>,
    /// A remark.
    pub comment: String,
    /// Which key.
    pub by: String,
}

/// A revision whose `.lg` decides a run, in place of the work tree's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseRevision {
    /// As it was named.
    pub revision: String,
    /// All hex digits of the commit that it meant.
    pub commit: String,
}

/// The earlier run that one was forked from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForkedFrom {
    /// Its id.
    pub run: String,
    /// The node from which on everything is executed.
    pub from: String,
}

/// A runner that is not one of our own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ElsewhereRecord {
    /// Where it is.
    pub url: String,
    /// The file with what is presented to it.
    pub token_file: Option<PathBuf>,
    /// The key that it must have.
    pub key: Option<String>,
}

/// What a run was started with: all that is needed to go on with it, and to see whether it still is the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The key that started it.
    pub starter: String,
    /// The graph file that was named; an absolute path.
    pub graph: Option<PathBuf>,
    /// The policy files that were named; absolute paths.
    pub policies: Vec<PathBuf>,
    /// Was the workspace trusted for this run alone?
    pub trusted: bool,
    /// The profile that was named.
    pub profile: Option<String>,
    /// The revision that decides it; a later resume takes the same commit.
    #[serde(default)]
    pub base: Option<BaseRevision>,
    /// The texts of the graph.
    pub bundle: GraphBundle,
    /// The user's own limits.
    pub limits: RunLimits,
    /// The digest of the plan's document.
    pub plan: Digest,
    /// The layers that bound it.
    pub layers: Vec<FrozenLayer>,
    /// The plan that it is held to: a later resume is held to the same.
    #[serde(default)]
    pub held: Option<HeldPlan>,
    /// The earlier run whose changes it takes back.
    #[serde(default)]
    pub undoes: Option<String>,
    /// The earlier run that it takes results over from.
    #[serde(default)]
    pub forked: Option<ForkedFrom>,
    /// The store that its trace is in, as it is shown.
    #[serde(default)]
    pub store: Option<String>,
    /// When a line of its trace is safe.
    pub durability: String,
    /// Is its trace written into the workspace as well?
    pub trace: bool,
    /// The runner elsewhere that makes its calls: a later resume speaks with the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elsewhere: Option<ElsewhereRecord>,
    /// Of a run that was put into the queue: its inputs, which no event tells yet.
    #[serde(default)]
    pub inputs: Option<Value>,
    /// Its inputs, where its trace may not tell all of them: a pattern takes something out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<Value>,
}

impl RunRecord {
    /// The inputs that it was started with, where they were kept.
    pub fn kept_inputs(&self) -> Option<&Value> {
        self.given.as_ref().or(self.inputs.as_ref())
    }
}

/// What a session was opened with: somebody else calls tools in it, one by one, and no graph stands behind the calls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionRecord {
    /// By which protocol its calls come: `mcp`, or `http` where a runner is served.
    pub protocol: String,
    /// The key that opened it.
    pub starter: String,
    /// When, in milliseconds since 1970.
    pub opened: u64,
    /// The layers that bind it.
    pub layers: Vec<FrozenLayer>,
    /// The process that holds it open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<String>,
}

/// The clock of a runner elsewhere beside ours, as it was last heard: what is signed for that runner is signed for its time,
/// and for the boot of its machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockThere {
    /// The boot of its machine.
    pub boot: String,
    /// By how many milliseconds it is ahead of ours.
    pub ahead: i64,
    /// The name of its installation's key, which `local` is there.
    pub installation: String,
}

impl ClockThere {
    /// What the runner said, when it was `here` for us. What was under way then makes it seem a little behind, and never
    /// ahead of what it is.
    pub fn heard(clock: &RunnerClock, here: &Moment) -> Self {
        let ahead = i128::from(clock.millis) - i128::from(here.millis);
        let bound = i64::try_from(ahead).unwrap_or(if ahead > 0 { i64::MAX } else { i64::MIN });
        Self { boot: clock.boot.clone(), ahead: bound, installation: clock.installation.clone() }
    }

    /// The moment there for a `request` of that runner, when it is `here` for us: not before it was asked.
    pub fn at(&self, here: &Moment, request: &ApprovalRequest) -> Moment {
        let millis = here.millis.saturating_add_signed(self.ahead).max(request.issued);
        Moment { millis, boot: self.boot.clone() }
    }
}

/// How far a run had come when its front last saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The number of events.
    pub events: u64,
    /// The hash of the last.
    pub hash: Digest,
    /// How far the runner's receipts had come.
    #[serde(default)]
    pub receipts: Option<ReceiptHead>,
    /// Why the run is not to be believed: its receipts and its events did not say the same.
    #[serde(default)]
    pub discord: Option<String>,
    /// Of a run whose runner is elsewhere: the event since which that one was not heard, where its front did not hear it to
    /// the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unheard: Option<u64>,
}

impl Head {
    /// The last event that the runner was heard of.
    pub fn heard(&self) -> u64 {
        match (self.unheard, &self.receipts) {
            (Some(since), _) => since,
            (None, Some(_)) => self.events,
            (None, None) => 0,
        }
    }
}

/// How far the receipts of a run had come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptHead {
    /// How many there are.
    pub count: u64,
    /// The digest of the last line.
    pub hash: Digest,
}

/// A record with its seal.
#[derive(Serialize, Deserialize)]
struct Sealed {
    record: Value,
    seal: String,
}

/// The text of a record. `place` is part of what is sealed, so that no record can stand in another's place.
pub(super) fn seal<T: Serialize>(key: &MacKey, place: &str, record: &T) -> String {
    let record = serde_json::to_value(record).unwrap_or_default();
    let seal = key.code(&message(place, &record));
    serde_json::to_string(&Sealed { record, seal }).unwrap_or_default()
}

/// The record of a text; `None` where the seal is not right.
pub(super) fn unseal<T: DeserializeOwned>(key: &MacKey, place: &str, text: &str) -> Option<T> {
    let Sealed { record, seal } = serde_json::from_str(text).ok()?;
    let right = key.checks(&message(place, &record), &seal);
    if right { serde_json::from_value(record).ok() } else { None }
}

fn message(place: &str, record: &Value) -> Vec<u8> {
    [b"lgflow ledger\0", place.as_bytes(), b"\0", canonical_json(record).as_bytes()].concat()
}
