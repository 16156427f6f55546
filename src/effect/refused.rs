//! A list of calls of which one is refused: none of them is done, and the refusal is the list's. Who answers a list
//! and who reads the answer keep to the same rule.

use super::{ErrorKind, ToolCall, ToolError, ToolResult};

/// What each call of a list is answered, where some of them are refused. A person is asked about a list only where
/// nothing else stands in its way.
pub fn refused_whole(calls: &[ToolCall], refusals: Vec<Option<ToolResult>>) -> Vec<ToolResult> {
    let is_question = |refusal: &ToolResult| failed_as(refusal, &ErrorKind::ApprovalRequired);
    let denied = refusals.iter().flatten().any(|refusal| !is_question(refusal));
    let own = |refusal: Option<ToolResult>| refusal.filter(|refusal| !denied || !is_question(refusal));
    calls.iter().zip(refusals).map(|(call, refusal)| own(refusal).unwrap_or_else(|| not_run(call))).collect()
}

/// Which of the results of a list is its failure: the first that was not answered for another's sake. A list that was
/// begun ends at its first failure, so only in one that was refused do others stand beside it.
pub fn failure_of(results: &[ToolResult]) -> Option<usize> {
    let own = results.iter().position(|result| !result.ok && !failed_as(result, &ErrorKind::Cancelled));
    own.or_else(|| results.iter().position(|result| !result.ok))
}

fn not_run(call: &ToolCall) -> ToolResult {
    let message = "not run: another call of the batch was refused";
    ToolResult::failure(&call.tool, ToolError::new(ErrorKind::Cancelled, message))
}

fn failed_as(result: &ToolResult, kind: &ErrorKind) -> bool {
    result.error.as_ref().is_some_and(|error| error.kind == *kind)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What is answered, and which answer is the list's, where calls are refused with these kinds.
    fn kinds<const N: usize>(refused: [Option<ErrorKind>; N]) -> (Vec<ErrorKind>, Option<usize>) {
        let calls = vec![ToolCall::new("exec", json!({})); N];
        let refusal = |kind| ToolResult::failure("exec", ToolError::new(kind, "no"));
        let results = refused_whole(&calls, refused.map(|kind| kind.map(refusal)).into());
        let failure = failure_of(&results);
        (results.into_iter().filter_map(|result| Some(result.error?.kind)).collect(), failure)
    }

    #[test]
    fn the_refused_call_is_the_failure_wherever_it_stands() {
        use ErrorKind::{ApprovalRequired, Cancelled, Denied, Unplanned};
        assert_eq!(kinds([None, Some(Denied)]), (vec![Cancelled, Denied], Some(1)));
        assert_eq!(kinds([Some(Denied), None]), (vec![Denied, Cancelled], Some(0)));
        let two = kinds([None, Some(Unplanned), Some(Denied)]);
        assert_eq!(two, (vec![Cancelled, Unplanned, Denied], Some(1)));
        // nobody is asked about a list that cannot be done
        let asks = kinds([Some(ApprovalRequired), None, Some(Denied)]);
        assert_eq!(asks, (vec![Cancelled, Cancelled, Denied], Some(2)));
        let asks = kinds([None, Some(ApprovalRequired)]);
        assert_eq!(asks, (vec![Cancelled, ApprovalRequired], Some(1)));
    }

    #[test]
    fn a_call_that_was_ended_is_the_failure_of_its_list() {
        let done = ToolResult::success("exec", json!({}));
        let ended = ToolResult::failure("exec", ToolError::new(ErrorKind::Cancelled, "ended"));
        assert_eq!(failure_of(&[done.clone(), ended]), Some(1));
        assert_eq!(failure_of(&[done]), None);
        assert_eq!(failure_of(&[]), None);
    }
}
