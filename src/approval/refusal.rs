//! Why an approval does not count.

/// Why an approval does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is no document of this version.
    #[error("it is no `lgflow.approval/v1` document: {0}")]
    Unreadable(String),
    /// No runner of this installation asked for it.
    #[error("no request of this installation has its nonce")]
    Unknown,
    /// A code or a signature is not right, or what it covers was altered.
    #[error("its signature is not right, or what it covers was altered")]
    Forged,
    /// It is about another call, or about another list of calls.
    #[error("it is for another call, or for another list of calls")]
    OtherCall,
    /// It is for another run or another place in it.
    #[error("it is for another run, or for another place in this run")]
    OtherPlace,
    /// The policy in force is another.
    #[error("another policy is in force than when it was asked for")]
    OtherPolicy,
    /// The workspace is another.
    #[error("it is for another workspace")]
    OtherWorkspace,
    /// What it would change or reach has changed.
    #[error("`{0}` has changed since it was asked for")]
    TargetChanged(String),
    /// It was used.
    #[error("it was used before, and each is good for one call once")]
    Spent,
    /// Too old.
    #[error("it has expired")]
    Expired,
    /// The clock stands before the time at which it was given.
    #[error("the clock stands before the time at which it was given")]
    ClockMovedBack,
    /// The machine was started anew.
    #[error("the machine was started anew since it was given")]
    OtherBoot,
    /// The key is nobody's who may approve.
    #[error("the key `{0}` is not among those that the policy lets approve")]
    NotAnApprover(String),
    /// The key started the run.
    #[error("the key that started the run does not count (`approvals.separate`)")]
    Starter,
    /// Too few keys.
    #[error("{have} of {want} keys have approved (`approvals.quorum`)")]
    Quorum {
        /// That count.
        have: u32,
        /// That are needed.
        want: u32,
    },
    /// That it is spent could not be recorded, so nothing was done.
    #[error("that it is used could not be recorded, so nothing was done: {0}")]
    Unrecorded(String),
}

impl Refusal {
    /// The word for it in records.
    pub fn word(&self) -> &'static str {
        match self {
            Refusal::Unreadable(_) => "unreadable",
            Refusal::Unknown => "unknown",
            Refusal::Forged => "forged",
            Refusal::OtherCall => "other_call",
            Refusal::OtherPlace => "other_place",
            Refusal::OtherPolicy => "other_policy",
            Refusal::OtherWorkspace => "other_workspace",
            Refusal::TargetChanged(_) => "target_changed",
            Refusal::Spent => "spent",
            Refusal::Expired => "expired",
            Refusal::ClockMovedBack => "clock_moved_back",
            Refusal::OtherBoot => "other_boot",
            Refusal::NotAnApprover(_) => "not_an_approver",
            Refusal::Starter => "starter",
            Refusal::Quorum { .. } => "quorum",
            Refusal::Unrecorded(_) => "unrecorded",
        }
    }
}
