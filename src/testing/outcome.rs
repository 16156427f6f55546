//! What calls and questions of a rehearsal come to, in the words of a run's events.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::digest::Digest;
use crate::effect::{APPROVE, AskedRef, ErrorKind, ToolCall, ToolError, ToolResult};
use crate::model::graph_test::GivenAnswer;
use crate::policy::Verdict;
use crate::schema::validate_value;
use crate::trace::{Answer, CallId, CallOrder, CallOutcome, EventBody, QuestionId};

use super::rehearse::Problem;

/// The event of an answer, where it is one to the question.
pub(super) fn answered(
    question: QuestionId,
    options: &[String],
    response: Option<&Value>,
    answer: &GivenAnswer,
) -> Result<EventBody, Problem> {
    let choice = answer.choice.value.as_str();
    if !options.is_empty() && !options.iter().any(|option| option == choice)
        || options.is_empty() && !matches!(choice, APPROVE | "reject")
    {
        let known = if options.is_empty() { "approve`, `reject".to_owned() } else { options.join("`, `") };
        let message = format!("`{choice}` is no answer to this question");
        return Err(Problem::new(answer.choice.span, message, format!("choose one of `{known}`")));
    }
    let rejects = choice == "reject" && options.is_empty();
    let asked_for = response.filter(|_| !rejects);
    if let Some(given) = answer.response.as_ref().filter(|_| asked_for.is_none()) {
        let message = if rejects && response.is_some() {
            "who rejects gives no `response`"
        } else {
            "nothing asks for this `response`"
        };
        return Err(Problem::new(given.span, message, "remove it, or give the node a `response`"));
    }
    if let Some(schema) = asked_for {
        let given = answer.response.as_ref();
        let value = given.map_or(&Value::Null, |given| &given.value);
        if let Some(fault) = validate_value(schema, value).first() {
            let (span, message, help) = match given {
                Some(given) => (
                    given.span,
                    format!("the node does not take this `response`: {fault}"),
                    "correct it, or the node's `response`",
                ),
                None => (
                    answer.choice.span,
                    "the node asks for a `response`, and this answer has none".to_owned(),
                    "add `response: …`, as `lgflow approve --response JSON` would give it",
                ),
            };
            return Err(Problem::new(span, message, help));
        }
    }
    let given = Box::new(Answer {
        choice: (!options.is_empty()).then(|| choice.to_owned()),
        response: answer.response.as_ref().map(|response| response.value.clone()),
        comment: answer.comment.clone(),
        by: "test".to_owned(),
        // what it would be signed with is the runner's to look at, and there is none
        approval: Some(json!({ "rehearsed": true })),
    });
    Ok(if rejects {
        EventBody::ApprovalRejected { question, answer: given }
    } else {
        EventBody::ApprovalGranted { question, answer: given }
    })
}

pub(super) fn finished(call: CallId, outcome: CallOutcome) -> EventBody {
    EventBody::CallFinished { call, outcome: Arc::new(outcome) }
}

/// What an order comes to that was ended before it came to its end; `so_far` is what came of the first calls of a list.
pub(super) fn ended(
    order: &CallOrder,
    so_far: Vec<ToolResult>,
    kind: &ErrorKind,
    message: &str,
) -> CallOutcome {
    let result = |call: &ToolCall| ToolResult::failure(&call.tool, ToolError::new(kind.clone(), message));
    match order {
        CallOrder::Single(call) | CallOrder::Prepare(call) => CallOutcome::Single(result(call)),
        CallOrder::Batch(calls) => {
            let under_way = calls.get(so_far.len()).map(result);
            CallOutcome::Batch(so_far.into_iter().chain(under_way).collect())
        }
    }
}

/// The time that the runner gives an order: the longest of its calls'.
pub(super) fn deadline(order: &CallOrder) -> Option<Duration> {
    order.calls().iter().filter_map(|call| call.deadline_ms).max().map(Duration::from_millis)
}

pub(super) fn refused(
    call: &ToolCall,
    kind: ErrorKind,
    verdict: &Verdict,
    approval: Option<AskedRef>,
) -> ToolResult {
    let deciding = verdict.deciding();
    let message = deciding.map_or_else(|| "no rule allows it".to_owned(), |reason| reason.message.clone());
    let rule = deciding.map(|reason| reason.rule.clone());
    let error = ToolError { rule, approval, ..ToolError::new(kind, message) };
    let deciding = verdict.reasons.iter().filter(|reason| reason.decision == verdict.decision);
    let rules = deciding.map(|reason| reason.rule.clone()).collect();
    ToolResult { rules, ..ToolResult::failure(&call.tool, error) }
}

pub(super) fn asked_ref() -> AskedRef {
    AskedRef { nonce: "rehearsed".to_owned(), request: Digest::of(b"rehearsed") }
}
