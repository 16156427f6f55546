//! The one table of exit codes. The same for every command; scripts rely on it.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// The run failed, or the command could not do its work.
    Failed = 1,
    /// Wrong usage.
    Usage = 2,
    /// An invalid graph, policy or setting.
    Invalid = 3,
    /// Denied by policy.
    Denied = 4,
    /// Suspended: waiting for an approval.
    Suspended = 5,
    /// A budget ran out.
    Budget = 6,
    /// A trace or a pack failed verification.
    Unverified = 7,
    /// A bug in lgflow.
    Bug = 70,
    /// Interrupted.
    Interrupted = 130,
}

impl Exit {
    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}
