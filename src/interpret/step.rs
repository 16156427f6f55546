//! A unit that begins without a slot, or whose attempt has come to something.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::effect::{ErrorKind, ToolCall};
use crate::expr::ValueTemplate;
use crate::plan::{Action, Plan};
use crate::trace::{
    CallOrder, EventBody, Frame, FrameId, NodeError, NodeResult, Question, QuestionId, RunState, Status,
    Step, Unit,
};

use super::begin::is_skipped;
use super::calls::{call, started};
use super::finish::{finish, finish_cancelled, finish_with};
use super::inputs::bind_inputs;
use super::items::item_of;
use super::judge;
use super::pure::{compute, evaluate};

/// The unit goes on.
pub(super) fn step(state: &RunState, unit: Unit) -> Vec<EventBody> {
    let (Some(frame), Some(work)) = (state.frame(unit.at.frame), state.unit(unit)) else { return Vec::new() };
    match &work.step {
        Step::Returned(returned) => judge::judge(state, frame, unit, returned),
        Step::Ready if work.cancelling => finish_cancelled(state, unit),
        Step::Ready => begin(state, frame, unit),
        Step::Queued
        | Step::Calling(_)
        | Step::Inside(_)
        | Step::Asking(_)
        | Step::Backoff(_)
        | Step::Done(_) => Vec::new(),
    }
}

fn begin(state: &RunState, frame: &Frame, unit: Unit) -> Vec<EventBody> {
    if unit.item.is_some() {
        match is_skipped(state, frame, unit.at, item_of(frame, unit)) {
            Ok(false) => {}
            Ok(true) => return finish_with(state, unit, NodeResult::without_output(Status::Skipped)),
            Err(error) => return finish(state, unit, Err(error)),
        }
    }
    let action = &frame.plan().node(unit.at.node).action;
    let begun = match action {
        Action::Graph { plan, inputs } => graph(state, unit, plan, inputs),
        // the runner looks at the call first: what a person is to approve is its question
        Action::Approval { show, .. } if shows_call(show) => {
            shown_call(state, unit, show).map(|call| vec![started(state, unit, CallOrder::Prepare(call))])
        }
        Action::Approval { show, options, response } => evaluate(state, unit, show).map(|show| {
            vec![asked(state, unit, show, options.clone(), response.clone().map(Arc::new), false)]
        }),
        _ => compute(state, unit, action)
            .unwrap_or_else(|| Err(NodeError::new(ErrorKind::Internal, "the node needs a slot")))
            .map(|output| finish(state, unit, Ok(output))),
    };
    begun.unwrap_or_else(|error| finish(state, unit, Err(error)))
}

fn graph(
    state: &RunState,
    unit: Unit,
    plan: &Plan,
    inputs: &ValueTemplate,
) -> Result<Vec<EventBody>, NodeError> {
    let given = match evaluate(state, unit, inputs)? {
        Value::Object(given) => given,
        _ => Map::new(),
    };
    let inputs = bind_inputs(plan, given).map_err(|problems| {
        let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
        NodeError::new(ErrorKind::InvalidInput, all.join("; "))
    })?;
    Ok(vec![EventBody::GraphStarted {
        frame: FrameId(state.frames.len() as u32),
        unit,
        attempt: state.unit(unit).map_or(1, |unit| unit.attempt),
        inputs: Arc::new(inputs),
    }])
}

/// A question, asked.
pub(super) fn asked(
    state: &RunState,
    unit: Unit,
    show: Value,
    options: Vec<String>,
    response: Option<Arc<Value>>,
    policy: bool,
) -> EventBody {
    let id = QuestionId(state.next_question);
    let show = Arc::new(show);
    EventBody::ApprovalRequested(Box::new(Question { id, unit, show, options, response, policy }))
}

/// Is it a call that is shown, `{call: NODE}`?
fn shows_call(show: &ValueTemplate) -> bool {
    match show {
        ValueTemplate::Literal(show) => show.get("call").is_some(),
        ValueTemplate::Object(entries) => entries.iter().any(|(name, _)| name == "call"),
        ValueTemplate::Expression(_) | ValueTemplate::Text(_) | ValueTemplate::List(_) => false,
    }
}

/// The exact call that NODE will make.
pub(super) fn shown_call(state: &RunState, unit: Unit, show: &ValueTemplate) -> Result<ToolCall, NodeError> {
    let internal = |message: String| NodeError::new(ErrorKind::Internal, message);
    let frame =
        state.frame(unit.at.frame).ok_or_else(|| internal("there is no such execution".to_owned()))?;
    let shown = evaluate(state, unit, show)?;
    let name = shown.get("call").and_then(Value::as_str).unwrap_or_default();
    let node = frame.plan.index.node(name).ok_or_else(|| internal(format!("there is no node `{name}`")))?;
    let known = frame.plan().node(node);
    let Action::Call { with } = &known.action else {
        return Err(internal(format!("the node `{name}` makes no call of its own")));
    };
    // as that node will see it: what comes between is not known yet, and is an error
    let there = Unit::node(crate::trace::At { node, ..unit.at });
    let input = evaluate(state, there, with)?;
    Ok(call(state, there, known.uses.as_str(), input))
}
