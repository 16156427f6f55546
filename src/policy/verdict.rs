//! A decision with all of its reasons.

use crate::effect::RuleRef;

/// Ordered: the strictest is the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Decision {
    /// Goes ahead.
    Allow,
    /// Wants an approval.
    Ask,
    /// Refused.
    Deny,
}

/// One rule's opinion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Its decision.
    pub decision: Decision,
    /// The rule, or the layer whose silence decides.
    pub rule: RuleRef,
    /// Why, and what change would alter it.
    pub message: String,
}

/// What all layers say together: the strictest decision, and every reason, strictest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The strictest.
    pub decision: Decision,
    /// Never empty where the decision is not `Allow`.
    pub reasons: Vec<Reason>,
}

impl Verdict {
    /// The verdict of some reasons; no reason at all is a denial.
    pub fn of(mut reasons: Vec<Reason>) -> Self {
        reasons.sort_by_key(|reason| std::cmp::Reverse(reason.decision));
        let decision = reasons.first().map_or(Decision::Deny, |reason| reason.decision);
        Self { decision, reasons }
    }

    /// The reason that decides.
    pub fn deciding(&self) -> Option<&Reason> {
        self.reasons.first()
    }
}
