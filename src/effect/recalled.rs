//! Where a result comes from that was not made for the call that it answers.

use serde::{Deserialize, Serialize};

/// The call that a recalled result was made for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recalled {
    /// Where it was kept.
    pub from: RecalledFrom,
    /// The run of that call.
    pub run: String,
    /// When it was made, in milliseconds since 1970.
    pub at: u64,
}

/// Where a result was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecalledFrom {
    /// In the cache: nothing that it depends on has changed.
    Cache,
    /// In the trace of the run that this one was forked from.
    Run,
}

impl RecalledFrom {
    /// The word of the protocol.
    pub fn as_str(self) -> &'static str {
        match self {
            RecalledFrom::Cache => "cache",
            RecalledFrom::Run => "run",
        }
    }
}
