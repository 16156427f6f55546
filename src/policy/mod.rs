//! Grant and ceilings → a verdict with its reasons; the gate that alone makes a [`Granted`]. Pure: no disk, no clock.

mod granted;
mod verdict;

pub use granted::{
    ExecGrant, ExecLimits, GrantLimits, Granted, NetworkAccess, Obligations, PathRule, PathRules,
    SandboxMode, WorkspaceMode,
};
pub use verdict::{Decision, Reason, Verdict};
