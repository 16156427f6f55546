//! What an attempt came to: success, another round with the model, another attempt, or a failure.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::effect::{APPROVE, ErrorKind, ToolCall, ToolResult, failure_of};
use crate::expr::ValueTemplate;
use crate::plan::{Action, Conversation};
use crate::schema::validate_value;
use crate::trace::{
    Answer, CallOrder, CallOutcome, EventBody, Frame, GraphOutcome, NodeError, Returned, RunState, Unit,
    asks_model,
};

use super::calls::{refuse, started, used_up};
use super::finish::{finish, finish_cancelled};
use super::step::{asked, shown_call};
use super::tools;

/// The longest wait between attempts.
const LONGEST: Duration = Duration::from_mins(1);

/// What follows from what came back.
pub(super) fn judge(state: &RunState, frame: &Frame, unit: Unit, returned: &Returned) -> Vec<EventBody> {
    match returned {
        Returned::Call(outcome) => call(state, frame, unit, outcome),
        Returned::Graph(outcome) => graph(state, frame, unit, outcome),
        Returned::Granted(answer) => granted(state, frame, unit, answer),
        Returned::Rejected(answer) => {
            let message = match answer.comment.as_str() {
                "" => format!("rejected by {}", answer.by),
                comment => format!("rejected by {}: {comment}", answer.by),
            };
            finish(state, unit, Err(NodeError::new(ErrorKind::Rejected, message)))
        }
        Returned::TimedOut => failed(state, frame, unit, timed_out(frame, unit)),
        Returned::Cancelled => finish_cancelled(state, unit),
    }
}

fn call(state: &RunState, frame: &Frame, unit: Unit, outcome: &CallOutcome) -> Vec<EventBody> {
    if let Action::Approval { show, options, response } = &frame.plan().node(unit.at.node).action {
        return prepared(state, unit, outcome, (show, options, response.as_ref()));
    }
    let asks = outcome.results().iter().filter_map(|result| result.error.as_ref());
    if let Some(error) = asks.into_iter().find(|error| error.kind == ErrorKind::ApprovalRequired) {
        return policy_asks(state, unit, error);
    }
    let output = match outcome {
        CallOutcome::Single(result) => single(result),
        CallOutcome::Batch(results) => batch(state, unit, results),
    };
    match (&frame.plan().node(unit.at.node).action, output) {
        (Action::Llm(conversation), output) => conversed(state, frame, unit, conversation, output),
        (_, Ok(output)) => finish(state, unit, Ok(output)),
        (_, Err(error)) => failed(state, frame, unit, error),
    }
}

/// The runner has looked at the call that is to be shown: where the policy asks, the question is the runner's own.
fn prepared(
    state: &RunState,
    unit: Unit,
    outcome: &CallOutcome,
    (show, options, response): (&ValueTemplate, &[String], Option<&Value>),
) -> Vec<EventBody> {
    let result = outcome.results().first();
    let error = result.and_then(|result| result.error.as_ref());
    let request = match error {
        Some(error) if error.kind == ErrorKind::ApprovalRequired => {
            error.approval.as_ref().map(|asked| &asked.nonce)
        }
        Some(error) => return finish(state, unit, Err(NodeError::of_tool(error))),
        None => None,
    };
    let shown = shown_call(state, unit, show).map(|call| {
        let mut shown =
            json!({ "node": call.node, "tool": call.tool, "input": call.input, "request": request });
        // what the runner found that it would do, where nobody has to be asked
        if let Some(preview) = result.map(|result| &result.output).filter(|preview| preview.is_object()) {
            shown["preview"] = preview.clone();
        }
        json!({ "call": shown })
    });
    match shown {
        Ok(shown) => {
            let response = response.cloned().map(Arc::new);
            vec![asked(state, unit, shown, options.to_vec(), response, false)]
        }
        Err(error) => finish(state, unit, Err(error)),
    }
}

fn single(result: &ToolResult) -> Result<Value, NodeError> {
    if result.ok {
        return Ok(result.output.clone());
    }
    Err(result.error.as_ref().map_or_else(
        || NodeError::new(ErrorKind::Internal, "the runner says that the call failed, and not why"),
        NodeError::of_tool,
    ))
}

/// The first failure fails the node, with the results so far: of a list that was refused, none.
fn batch(state: &RunState, unit: Unit, results: &[ToolResult]) -> Result<Value, NodeError> {
    let outputs: Vec<Value> = results.iter().map(|result| result.output.clone()).collect();
    if let Some(at) = failure_of(results) {
        single(&results[at]).map_err(|error| {
            let done = results.iter().take_while(|result| result.ok).count();
            let so_far = json!({ "results": outputs[..done] });
            NodeError { index: u32::try_from(at).ok(), output: Some(Arc::new(so_far)), ..error }
        })?;
    }
    let wanted = state.unit(unit).and_then(|unit| unit.asked.as_ref()).map_or(0, |asked| asked.calls().len());
    if results.len() < wanted {
        let message = format!("the runner answered {} of {wanted} calls", results.len());
        return Err(NodeError::new(ErrorKind::Internal, message));
    }
    Ok(json!({ "results": outputs }))
}

/// The policy wants an approval of exactly this call before it decides.
fn policy_asks(state: &RunState, unit: Unit, error: &crate::effect::ToolError) -> Vec<EventBody> {
    let asked_for = state.unit(unit).and_then(|unit| unit.asked.as_ref());
    let calls: Vec<Value> = asked_for
        .map(|asked| {
            asked.calls().iter().map(|call| json!({ "tool": call.tool, "input": call.input })).collect()
        })
        .unwrap_or_default();
    let request = error.approval.as_ref().map(|asked| &asked.nonce);
    let show = json!({ "calls": calls, "reason": error.message, "rule": error.rule, "request": request });
    vec![asked(state, unit, show, Vec::new(), None, true)]
}

/// What came of a call of a conversation: an answer, or what a tool came to that the model asked for.
fn conversed(
    state: &RunState,
    frame: &Frame,
    unit: Unit,
    conversation: &Conversation,
    output: Result<Value, NodeError>,
) -> Vec<EventBody> {
    let work = state.unit(unit);
    let of_model = work.and_then(|work| work.asked.as_deref()).is_none_or(asks_model);
    let talk = work.and_then(|work| work.talk.as_deref());
    match (talk, output) {
        (Some(talk), Ok(_)) if !of_model || !talk.wanted.is_empty() => {
            tools::go_on(state, frame, unit, conversation, talk)
        }
        // what nothing catches is nothing that the model could do better
        (Some(talk), Err(error)) if !of_model && !ErrorKind::NEVER.contains(&error.kind) => {
            tools::go_on(state, frame, unit, conversation, talk)
        }
        (_, Err(error)) if !of_model => failed(state, frame, unit, error),
        (_, output) => answered(state, frame, unit, conversation, output),
    }
}

/// A model's answer: it has to satisfy `output_schema`; if not, it goes back with the errors.
fn answered(
    state: &RunState,
    frame: &Frame,
    unit: Unit,
    conversation: &Conversation,
    output: Result<Value, NodeError>,
) -> Vec<EventBody> {
    let (answer, errors) = match (&conversation.output_schema, output) {
        (None, Ok(output)) => return finish(state, unit, Ok(output)),
        (Some(schema), Ok(output)) => {
            let errors: Vec<String> =
                validate_value(schema, &output).iter().map(ToString::to_string).collect();
            if errors.is_empty() {
                return finish(state, unit, Ok(output));
            }
            (output, errors)
        }
        (Some(_), Err(error)) if error.kind == ErrorKind::InvalidOutput => {
            (error.output.as_deref().cloned().unwrap_or_default(), vec![error.message])
        }
        (_, Err(error)) => return failed(state, frame, unit, error),
    };
    let work = state.unit(unit);
    let answers = work.and_then(|work| work.talk.as_ref()).map_or(0, |talk| talk.answers);
    let repairs = answers.saturating_sub(1);
    let stopped = work.is_some_and(|work| work.cancelling || work.timed_out);
    if repairs < conversation.repairs && !stopped {
        return repair(state, unit, &answer, &errors);
    }
    let message = format!("the answer does not satisfy `output_schema`: {}", errors.join("; "));
    let error = NodeError::new(ErrorKind::InvalidOutput, message);
    failed(state, frame, unit, NodeError { output: Some(Arc::new(answer)), ..error })
}

fn repair(state: &RunState, unit: Unit, answer: &Value, errors: &[String]) -> Vec<EventBody> {
    if let Some((id, budget)) = used_up(state, unit.at.frame) {
        return refuse(state, unit, id, budget);
    }
    let last = state.unit(unit).and_then(|unit| unit.asked.clone());
    let Some(CallOrder::Single(last)) = last.as_deref() else { return Vec::new() };
    let text = answer.as_str().map_or_else(|| answer.to_string(), str::to_owned);
    let wrong: Vec<String> = errors.iter().map(|error| format!("- {error}")).collect();
    let complaint = format!(
        "This does not satisfy the JSON Schema of the answer:\n{}\nAnswer again, with the corrected value alone.",
        wrong.join("\n")
    );
    let mut input = last.input.clone();
    if let Some(messages) = input.get_mut("messages").and_then(Value::as_array_mut) {
        messages.push(json!({ "role": "assistant", "content": text }));
        messages.push(json!({ "role": "user", "content": complaint }));
    }
    let fresh = super::calls::call(state, unit, &last.tool, input);
    vec![started(state, unit, CallOrder::Single(ToolCall { approval: None, ..fresh }))]
}

fn graph(state: &RunState, frame: &Frame, unit: Unit, outcome: &GraphOutcome) -> Vec<EventBody> {
    let inside = match outcome {
        GraphOutcome::Succeeded(outputs) => return finish(state, unit, Ok((**outputs).clone())),
        GraphOutcome::Failed(inside) => inside,
    };
    let ended_for_us = inside.error.kind == ErrorKind::Cancelled;
    let work = state.unit(unit);
    if ended_for_us && work.is_some_and(|work| work.timed_out) {
        return failed(state, frame, unit, timed_out(frame, unit));
    }
    if ended_for_us && work.is_some_and(|work| work.cancelling) {
        return finish_cancelled(state, unit);
    }
    let error = NodeError {
        output: inside.error.output.clone(),
        limit: inside.error.limit.clone(),
        rule: inside.error.rule.clone(),
        path: inside.node.clone(),
        ..NodeError::new(inside.error.kind.clone(), inside.error.message.clone())
    };
    failed(state, frame, unit, error)
}

fn granted(state: &RunState, frame: &Frame, unit: Unit, answer: &Answer) -> Vec<EventBody> {
    let Action::Approval { options, response, .. } = &frame.plan().node(unit.at.node).action else {
        return Vec::new();
    };
    let choice = answer.choice.clone().unwrap_or_else(|| APPROVE.to_owned());
    let known = if options.is_empty() { choice == APPROVE } else { options.contains(&choice) };
    if !known {
        let message = format!("`{choice}` is none of the choices");
        return finish(state, unit, Err(NodeError::new(ErrorKind::InvalidInput, message)));
    }
    let mut output = json!({ "choice": choice, "comment": answer.comment, "by": answer.by });
    if let Some(schema) = response {
        let given = answer.response.clone().unwrap_or_default();
        if let Some(error) = validate_value(schema, &given).first() {
            let message = format!("the response: {error}");
            return finish(state, unit, Err(NodeError::new(ErrorKind::InvalidInput, message)));
        }
        output["response"] = given;
    }
    finish(state, unit, Ok(output))
}

pub(super) fn timed_out(frame: &Frame, unit: Unit) -> NodeError {
    let timeout = frame.plan().node(unit.at.node).timeout.unwrap_or_default();
    NodeError::new(ErrorKind::Timeout, format!("it took longer than its timeout of {timeout:?}"))
}

/// Another attempt, if the kind and the count allow it; else the failure stands.
pub(super) fn failed(state: &RunState, frame: &Frame, unit: Unit, error: NodeError) -> Vec<EventBody> {
    let Some(work) = state.unit(unit) else { return Vec::new() };
    let error = if work.timed_out && error.kind == ErrorKind::Cancelled {
        NodeError { output: error.output, ..timed_out(frame, unit) }
    } else {
        error
    };
    // a call that ended early without being asked to is a failure, and nothing catches it
    if error.kind == ErrorKind::Cancelled && work.cancelling {
        return finish_cancelled(state, unit);
    }
    let rule = &frame.plan().node(unit.at.node).retry;
    if work.cancelling || work.attempt >= rule.attempts || !rule.kinds.contains(&error.kind) {
        return finish(state, unit, Err(error));
    }
    let doubled = rule.backoff.saturating_mul(1u32.checked_shl(work.attempt - 1).unwrap_or(u32::MAX));
    let backoff = doubled.min(LONGEST);
    vec![EventBody::NodeRetried { unit, attempt: work.attempt + 1, error: Box::new(error), backoff }]
}
