//! What runner and helper say to each other over their private socket pair: one order, one report.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The hidden first argument that makes our own program a helper.
pub const HELPER_ARGUMENT: &str = "__sandbox";

/// How many descriptors travel with an order: program, working folder, standard input, output and error.
pub(super) const DESCRIPTORS: usize = 5;
/// The most bytes of an order: the system takes no longer arguments anyway.
pub(super) const MAX_ORDER: usize = 16 << 20;

/// What the helper is to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) argv: Vec<String>,
    pub(super) env: BTreeMap<String, String>,
    pub(super) wall_ms: u64,
    pub(super) cpu_seconds: Option<u64>,
    pub(super) memory: Option<u64>,
    pub(super) processes: Option<u64>,
    pub(super) file_bytes: Option<u64>,
    /// Of a script, whose interpreter opens it by name.
    pub(super) script: Option<String>,
}

/// How it went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Report {
    /// The program ended, or was ended.
    Ended {
        /// Its exit code, if it exited.
        code: Option<i32>,
        /// The signal that ended it, if one did.
        signal: Option<i32>,
        /// Why.
        cause: Cause,
        /// Processes that could not be ended.
        left: usize,
    },
    /// The program did not start.
    Failed {
        /// Why.
        message: String,
    },
}

/// Why a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Cause {
    Itself,
    Timeout,
    Cancelled,
    Processes,
}
