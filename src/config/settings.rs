//! The settings in force, by key, and typed.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::effect::Declared;

use super::{KEYS, Setting, SettingValue};

/// The settings in force.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    pub(super) values: BTreeMap<&'static str, Setting>,
    pub(super) declared: Declared,
}

/// How long records are kept. What is not set bounds nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// Runs that ended longer ago may go.
    pub age: Option<Duration>,
    /// So many runs are kept, the newest.
    pub count: Option<u64>,
    /// So many bytes of runs are kept, the newest first.
    pub size: Option<u64>,
}

impl Settings {
    /// The setting of a key, if it has a value.
    pub fn get(&self, key: &str) -> Option<&Setting> {
        self.values.get(key)
    }

    /// Every setting that has a value, in the order of the table of keys.
    pub fn iter(&self) -> impl Iterator<Item = &Setting> {
        KEYS.iter().filter_map(|info| self.values.get(info.key))
    }

    /// What the user or the machine declares for runs: secrets, models, addresses.
    pub fn declared(&self) -> &Declared {
        &self.declared
    }

    /// The graph that `run` executes, where one is set.
    pub fn graph(&self) -> Option<&str> {
        self.text("graph")
    }

    /// `human` or `json`.
    pub fn format(&self) -> &str {
        self.text("format").unwrap_or("human")
    }

    /// Where runs are kept.
    pub fn store(&self) -> Option<&str> {
        self.text("store")
    }

    /// `sync`, `batch` or `none`.
    pub fn durability(&self) -> &str {
        self.text("durability").unwrap_or("batch")
    }

    /// Leaf calls at once.
    pub fn concurrency(&self) -> Option<u32> {
        self.number("concurrency.max").map(|max| u32::try_from(max).unwrap_or(u32::MAX))
    }

    /// Time on the clock that a run may take.
    pub fn wall(&self) -> Option<Duration> {
        self.time("limits.wall")
    }

    /// Calls of tools that a run may make.
    pub fn tool_calls(&self) -> Option<u64> {
        self.number("limits.tool_calls")
    }

    /// Bytes of patches that a run may apply.
    pub fn patch_bytes(&self) -> Option<u64> {
        self.number("limits.patch_bytes")
    }

    /// Is what a run would change asked about, whatever its policy allows?
    pub fn asks_about_mutations(&self) -> bool {
        self.text("approvals.mutations") == Some("ask")
    }

    /// How long records are kept.
    pub fn retention(&self) -> Retention {
        Retention {
            age: self.time("retention.age"),
            count: self.number("retention.count"),
            size: self.number("retention.size"),
        }
    }

    /// `off`, or how much our processes say of their work.
    pub fn log(&self) -> &str {
        self.text("log").unwrap_or("off")
    }

    /// `human` or `json`.
    pub fn log_format(&self) -> &str {
        self.text("log_format").unwrap_or("human")
    }

    /// The file that what is counted of runs is added to.
    pub fn metrics(&self) -> Option<&str> {
        self.text("metrics")
    }

    /// Where each run is anchored.
    pub fn anchor(&self) -> Option<&str> {
        self.text("anchor.to")
    }

    /// The runner elsewhere that makes the calls of runs.
    pub fn runner(&self) -> Option<&str> {
        self.text("runner")
    }

    /// The file with the token that is presented to it.
    pub fn runner_token_file(&self) -> Option<&str> {
        self.text("runner_token_file")
    }

    /// The key that it must have.
    pub fn runner_key(&self) -> Option<&str> {
        self.text("runner_key")
    }

    /// The collector that spans are sent to.
    pub fn otlp_endpoint(&self) -> Option<&str> {
        self.text("exporters.otlp.endpoint")
    }

    /// The file of the key that approvals are signed with.
    pub fn signing_key(&self) -> Option<&str> {
        self.text("signing_key")
    }

    /// The profile in force.
    pub fn profile(&self) -> Option<&str> {
        self.text("profile")
    }

    /// The digest that `LGFLOW_TRUST` names.
    pub fn trust(&self) -> Option<&str> {
        self.text("trust")
    }

    fn text(&self, key: &str) -> Option<&str> {
        match &self.get(key)?.value {
            SettingValue::Text(text) => Some(text),
            _ => None,
        }
    }

    fn time(&self, key: &str) -> Option<Duration> {
        match self.get(key)?.value {
            SettingValue::Time(time) => Some(time),
            _ => None,
        }
    }

    fn number(&self, key: &str) -> Option<u64> {
        match self.get(key)?.value {
            SettingValue::Number(number) => Some(number),
            _ => None,
        }
    }
}
