//! A decision with all of its reasons.

use crate::effect::{ErrorKind, RuleRef, ToolError};

use super::Change;

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

impl Decision {
    /// The word of the policy language.
    pub fn as_str(self) -> &'static str {
        match self {
            Decision::Allow => "allow",
            Decision::Ask => "ask",
            Decision::Deny => "deny",
        }
    }
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
    /// That change, where this is not an allowance.
    pub change: Change,
}

impl Reason {
    /// An opinion of `rule` that no policy alters.
    pub fn new(decision: Decision, rule: RuleRef, message: impl Into<String>) -> Self {
        Self { decision, rule, message: message.into(), change: Change::Never }
    }

    /// The same opinion, and what would alter it.
    #[must_use]
    pub fn altered_by(self, change: Change) -> Self {
        Self { change, ..self }
    }

    /// Where the rule stands.
    pub fn place(&self) -> String {
        self.rule.place()
    }
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

    /// This verdict, where more was said; what a rule has said already it says once. What no layer allows stays denied.
    #[must_use]
    pub fn with(mut self, more: Vec<Reason>) -> Self {
        if self.reasons.is_empty() {
            return self;
        }
        for reason in more {
            let said = |known: &Reason| (&known.rule, known.decision) == (&reason.rule, reason.decision);
            if !self.reasons.iter().any(said) {
                self.reasons.push(reason);
            }
        }
        Self::of(self.reasons)
    }

    /// The reason that decides.
    pub fn deciding(&self) -> Option<&Reason> {
        self.reasons.first()
    }

    /// The rules that spoke, strictest first.
    pub fn rules(&self) -> Vec<RuleRef> {
        self.reasons.iter().map(|reason| reason.rule.clone()).collect()
    }

    /// The error of a call that may not go ahead: `denied` or `approval_required`, with rule, file, line and the
    /// change that would alter it. `None` where the verdict is to allow.
    pub fn refusal(&self) -> Option<ToolError> {
        let kind = match self.decision {
            Decision::Allow => return None,
            Decision::Ask => ErrorKind::ApprovalRequired,
            Decision::Deny => ErrorKind::Denied,
        };
        let Some(reason) = self.deciding() else {
            return Some(ToolError::new(kind, "no layer of the policy allows it"));
        };
        let message = format!("{}: {}", reason.place(), reason.message);
        Some(ToolError { rule: Some(reason.rule.clone()), ..ToolError::new(kind, message) })
    }
}
