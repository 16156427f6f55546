//! When something happens, as far as approvals care: the clock, and the boot that it runs in.

/// A time on this machine. A clock that was set back and a machine that was started anew make earlier approvals void.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// Milliseconds since 1970.
    pub millis: u64,
    /// The id of the boot.
    pub boot: String,
}
