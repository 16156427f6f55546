//! What the front tells the runner, once, over its private channel. Calls carry none of it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

use super::{Declared, HeldPlan, Reuse, SandboxLayer};

/// The first message on the control channel. The root descriptor and the call socket travel with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunnerStart {
    /// `lgflow.runner_start/v1`
    pub schema: String,
    /// The run, for records; empty for single calls.
    pub run: String,
    /// The path that the root descriptor was opened at, for messages alone.
    pub root: String,
    /// A folder of the user's state that the runner may write its journals in.
    pub state: String,
    /// The grant first, then the ceilings.
    pub layers: Vec<FrozenLayer>,
    /// Folders of ours that lie beneath the root, masked and unwritable like `.git`.
    pub protected: Vec<String>,
    /// Of a run that was started elsewhere: the key that counts as the one that started it.
    #[serde(default)]
    pub starter: Option<String>,
    /// What the user or the machine declares: secrets, models, addresses.
    #[serde(default)]
    pub declared: Declared,
    /// Where requests and spent approvals are recorded; without it nothing can be approved.
    #[serde(default)]
    pub ledger: Option<LedgerPlace>,
    /// The user's own limits, counted by the runner as well.
    pub limits: RunLimits,
    /// The plan that the run is held to; without one, whatever the policy allows may come.
    #[serde(default)]
    pub plan: Option<HeldPlan>,
    /// The earlier run whose changes this one may take back, as the user said; without it, no other run's.
    #[serde(default)]
    pub undoes: Option<String>,
    /// Does the front want to hear what models say while they say it?
    #[serde(default)]
    pub live: bool,
    /// What an earlier run came to that this one was forked from, and may be answered with.
    #[serde(default)]
    pub reuse: Option<Reuse>,
    /// Does an answer that is on record count for a call that carries none? In a session whose caller has no front to
    /// put it there.
    #[serde(default)]
    pub answers_on_record: bool,
    /// Calls that an earlier process of the same session has counted, where no receipts say so.
    #[serde(default)]
    pub counted_calls: u64,
    /// Are receipts kept of its calls, and results for later ones? Not of calls that a service makes for others without
    /// end: only what they ask is on record.
    pub keeps_records: bool,
}

/// Where the ledger of a workspace lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerPlace {
    /// The user's state folder.
    pub state: String,
    /// The id of the workspace.
    pub workspace: String,
}

/// What a user's own configuration makes of a plan: limits, which can only lower what it and a policy say, and the model that is
/// meant where a graph leaves the choice to them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunLimits {
    /// Leaf calls at once.
    pub concurrency: Option<u32>,
    /// Time on the clock.
    pub wall_ms: Option<u64>,
    /// Calls of tools.
    pub tool_calls: Option<u64>,
    /// Bytes of patches.
    pub patch_bytes: Option<u64>,
    /// Do they declare a model `default`?
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub default_model: bool,
}

/// A policy layer as it was read: the runner parses the same text again and owns the result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrozenLayer {
    /// `builtin:contained`, or the file as named.
    pub name: String,
    /// Grant or ceiling.
    pub role: LayerRole,
    /// The text of the policy file.
    pub text: String,
    /// `yaml`, `toml` or `json`.
    pub syntax: String,
    /// The texts that its `include` names, resolved, in order.
    pub includes: Vec<FrozenLayer>,
    /// The paths of the nodes that run the graph which names it: it binds the calls beneath them alone. With none it
    /// binds every call.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub within: BTreeSet<String>,
}

impl FrozenLayer {
    /// Does it bind the calls of a node?
    pub fn binds(&self, node: &str) -> bool {
        self.within.is_empty() || is_beneath(node, &self.within)
    }
}

/// Does a node stand beneath one of these?
pub fn is_beneath(node: &str, outer: &BTreeSet<String>) -> bool {
    node.match_indices('/').any(|(end, _)| outer.contains(&node[..end]))
}

/// What a layer may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LayerRole {
    /// The one that can allow.
    Grant,
    /// Can deny, ask or add obligations.
    Ceiling,
    /// Its rules are taken into the layer that includes it.
    Include,
}

/// How a workspace differs from the commit that it stands on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum WorkTree {
    /// In nothing.
    Clean,
    /// In some files: changed, new and not ignored, or gone.
    Dirty {
        /// How many.
        files: u64,
        /// Of their lines `<hex digest>  <path>`, bytewise by path.
        digest: Digest,
    },
    /// It is too large to be compared at the start of a run, or can't be read.
    Unknown {
        /// Why.
        why: String,
    },
}

/// The runner's answer to [`RunnerStart`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Started {
    /// `lgflow.started/v1`
    pub schema: String,
    /// The runner's version.
    pub version: String,
    /// The digest of the layers in force.
    pub policy_digest: Digest,
    /// The commit that the workspace stands on, if it is a git repository with one.
    #[serde(default)]
    pub revision: Option<String>,
    /// How the workspace differs from that commit; none outside of a repository.
    #[serde(default)]
    pub work_tree: Option<WorkTree>,
    /// The walls around commands, in force or not; none where the policy lets no command come.
    pub sandbox: Vec<SandboxLayer>,
}
