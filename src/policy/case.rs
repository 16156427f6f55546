//! One case of a policy's tests: does the gate say what is expected?

use std::collections::BTreeSet;

use crate::effect::{Provenance, Source, ToolCall};
use crate::model::policy::PolicyCase;

use super::layer::decision;
use super::{Decision, Gate, Verdict};

/// A case that came out otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseFailure {
    /// What was expected.
    pub expected: Decision,
    /// The rule that should have decided, where the case cares.
    pub rule: Option<String>,
    /// What the gate said.
    pub verdict: Verdict,
}

/// Asks the gate about the call of a case.
///
/// # Errors
/// Another verdict, or another rule that decides.
pub fn try_case(gate: &Gate, case: &PolicyCase) -> Result<(), Box<CaseFailure>> {
    let named: BTreeSet<Source> = case.from.iter().map(|source| Source::read(&source.value)).collect();
    let from = if named.is_empty() { BTreeSet::from([Source::User]) } else { named };
    let call = ToolCall::new(case.tool.value.as_str(), case.input.clone());
    let verdict = gate.explain(&ToolCall { provenance: Some(Box::new(Provenance::of_all(from))), ..call });
    let expected = decision(case.expect.value);
    let wanted = case.rule.as_ref().map(|rule| rule.value.clone());
    let deciders = verdict.reasons.iter().filter(|reason| reason.decision == verdict.decision);
    let by_rule = wanted.as_ref().is_none_or(|rule| deciders.clone().any(|reason| reason.rule.rule == *rule));
    if verdict.decision == expected && by_rule {
        return Ok(());
    }
    Err(Box::new(CaseFailure { expected, rule: wanted, verdict }))
}
