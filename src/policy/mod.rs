//! Grant and ceilings → a verdict with its reasons; the gate that alone makes a [`Granted`]. Pure: no disk, no clock.

mod builtin;
mod call;
mod case;
mod change;
mod check;
mod check_rules;
mod command_change;
mod exec;
mod explain;
mod flows;
mod footing;
#[cfg(test)]
mod for_tests;
mod foresee;
mod freeze;
mod gate;
mod grammar;
mod granted;
mod known_inputs;
mod layer;
mod load;
mod machine;
mod mismatch;
mod network;
mod openings;
mod outside;
mod outward;
mod packs;
mod paths;
mod protected;
mod requests;
mod reserved;
mod secret_names;
mod set;
mod terms;
mod toolchain;
mod verdict;
mod written_before;

pub use builtin::{ASK_MUTATIONS, BUILTINS, CONTAINED, builtin};
pub use case::{CaseFailure, try_case};
pub use change::{Action, Change, Edit, Step};
pub use check::check_policy;
pub use check_rules::check_purpose;
pub use explain::{Alteration, Bound, Explanation, LayerOpinion, explain};
pub use footing::Footing;
pub use foresee::Foreseen;
pub use freeze::{PolicyText, ReadPolicy, freeze};
pub use gate::{Gate, GateDecision};
pub use granted::{
    Approved, Asked, CacheKeeping, ExecGrant, ExecLimits, GitSight, GrantLimits, Granted, NetworkAccess,
    Obligations, SandboxMode, WorkspaceMode,
};
pub use layer::LayerOutline;
pub use machine::{Machine, STRICT_WALLS, SYSTEM_FOLDERS};
pub use network::{NetworkRules, OriginBound, WebRequest};
pub use openings::{Widening, widenings, wider};
pub use packs::{LockOwner, LockedPack, PackLack, PackTexts, Packs};
pub use paths::{PathRule, PathRules, path_glob_flaw};
pub use protected::{Guard, Protected};
pub use requests::{Request, requests_beyond_contained};
pub use reserved::is_kept_from_calls;
pub use secret_names::{SECRET_NAMES, is_secret_name, is_secret_name_itself};
pub use set::PolicySet;
pub use toolchain::{RustPlaces, Toolchains, is_plain_name, rustup_default};
pub use verdict::{Decision, Reason, Verdict};
