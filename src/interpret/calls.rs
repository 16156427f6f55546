//! Leaf calls: which one has a slot, what exactly is asked, and whether a budget still allows it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::effect::{AfterCrash, ErrorKind, ToolCall};
use crate::model::{OnCrash, Uses};
use crate::plan::{Action, Conversation};
use crate::trace::{
    Budget, CallId, CallOrder, EventBody, Frame, FrameId, NodeError, NodeResult, RunState, Status, Unit,
};

use super::begin::is_skipped;
use super::finish::{finish, finish_with};
use super::items::item_of;
use super::pure::{evaluate, prompt};

/// The first unit, in canonical order within its execution and group, that has a slot begins its call.
pub(super) fn start_one(state: &RunState) -> Vec<EventBody> {
    let free = state.queues.iter().find_map(|((id, group), waiting)| {
        let has_slot = has_slot(state, *id, group.as_ref());
        let (_, item, node) = waiting.first().filter(|_| has_slot)?;
        Some(Unit { at: crate::trace::At { frame: *id, node: *node }, item: *item })
    });
    free.map(|unit| begin_call(state, unit)).unwrap_or_default()
}

fn has_slot(state: &RunState, id: FrameId, group: Option<&Arc<str>>) -> bool {
    let Some(frame) = state.frame(id) else { return false };
    let in_group = group.is_none_or(|group| {
        let plan = frame.plan();
        let busy = state.busy_groups.get(&(Arc::clone(&plan.place), Arc::clone(group)));
        plan.groups.get(&**group).is_none_or(|most| busy.is_none_or(|busy| busy < most))
    });
    in_group && state.chain(id).all(|frame| frame.plan().concurrency.is_none_or(|most| frame.busy < most))
}

fn begin_call(state: &RunState, unit: Unit) -> Vec<EventBody> {
    let (Some(frame), Some(work)) = (state.frame(unit.at.frame), state.unit(unit)) else { return Vec::new() };
    if unit.item.is_some() && work.attempt == 1 && work.calls == 0 {
        match is_skipped(state, frame, unit.at, item_of(frame, unit)) {
            Ok(false) => {}
            Ok(true) => return finish_with(state, unit, NodeResult::without_output(Status::Skipped)),
            Err(error) => return finish(state, unit, Err(error)),
        }
    }
    if let Some((id, budget)) = used_up(state, unit.at.frame) {
        return refuse(state, unit, id, budget);
    }
    let order = match (&work.asked, &work.approval) {
        (Some(asked), Some(approval)) => Ok(approved(state, unit, asked, approval)),
        _ => order(state, unit),
    };
    match order {
        Ok(order) => vec![started(state, unit, order)],
        Err(error) => finish(state, unit, Err(error)),
    }
}

/// The begin of a unit's next call.
pub(super) fn started(state: &RunState, unit: Unit, order: CallOrder) -> EventBody {
    EventBody::CallStarted {
        call: CallId(state.next_call),
        unit,
        attempt: state.unit(unit).map_or(1, |unit| unit.attempt),
        order: Arc::new(order),
    }
}

/// A call starts only while no budget is used up, here and all around. `always` paths have their own: `grace`.
pub(super) fn used_up(state: &RunState, id: FrameId) -> Option<(FrameId, Budget)> {
    let in_grace = |frame: &Frame| frame.ending.as_ref().is_some_and(|ending| ending.grace);
    if state.chain(id).any(in_grace) {
        return None;
    }
    let mut around = Some(id);
    while let Some((id, frame)) = around.and_then(|id| Some((id, state.frame(id)?))) {
        let (budgets, spent) = (&frame.plan().budgets, frame.spent);
        let checks = [
            (Budget::ToolCalls, budgets.tool_calls, spent.tool_calls),
            (Budget::LlmTokens, budgets.llm_tokens, spent.llm_tokens),
            (Budget::PatchBytes, budgets.patch_bytes, spent.patch_bytes),
        ];
        let found = checks.into_iter().find(|(_, most, spent)| most.is_some_and(|most| *spent >= most));
        if let Some((budget, ..)) = found {
            return Some((id, budget));
        }
        around = frame.parent.map(|(parent, _)| parent.at.frame);
    }
    None
}

/// A budget that is used up fails what needs it, and is in the trace once.
pub(super) fn refuse(state: &RunState, unit: Unit, id: FrameId, budget: Budget) -> Vec<EventBody> {
    let recorded = state.frame(id).is_some_and(|frame| frame.exceeded.contains(&budget));
    let exceeded = EventBody::BudgetExceeded { frame: id, budget, unit: Some(unit) };
    let message = format!("the budget `{}` is used up", budget.as_str());
    let mut events = if recorded { Vec::new() } else { vec![exceeded] };
    events.extend(finish(state, unit, Err(NodeError::new(ErrorKind::Budget, message))));
    events
}

fn approved(state: &RunState, unit: Unit, asked: &CallOrder, approval: &Value) -> CallOrder {
    match asked {
        CallOrder::Single(call) => CallOrder::Single(ToolCall {
            idempotency_key: key(state, unit),
            approval: Some(approval.clone()),
            ..call.clone()
        }),
        CallOrder::Prepare(call) => CallOrder::Prepare(call.clone()),
        CallOrder::Batch(calls) => CallOrder::Batch(
            calls.iter().map(|call| ToolCall { approval: Some(approval.clone()), ..call.clone() }).collect(),
        ),
    }
}

/// What a unit's first call asks.
fn order(state: &RunState, unit: Unit) -> Result<CallOrder, NodeError> {
    let missing = || NodeError::new(ErrorKind::Internal, "the node makes no call");
    let frame = state.frame(unit.at.frame).ok_or_else(missing)?;
    let node = frame.plan().node(unit.at.node);
    match &node.action {
        Action::Call { with } => {
            let input = evaluate(state, unit, with)?;
            let approval = state.given_ahead(unit).cloned();
            let call = call(state, unit, node.uses.as_str(), input);
            Ok(CallOrder::Single(ToolCall { approval, ..call }))
        }
        Action::Llm(conversation) => {
            let input = conversation_input(state, unit, conversation)?;
            Ok(CallOrder::Single(call(state, unit, Uses::Llm.as_str(), input)))
        }
        Action::Batch { calls, tools, max_calls } => batch(state, unit, calls, tools, *max_calls),
        Action::Graph { .. }
        | Action::Approval { .. }
        | Action::Render(_)
        | Action::Values(_)
        | Action::ParseReport(_)
        | Action::Fail { .. } => Err(missing()),
    }
}

/// One call on behalf of a unit.
pub(super) fn call(state: &RunState, unit: Unit, tool: &str, input: Value) -> ToolCall {
    let node = state.frame(unit.at.frame).map(|frame| frame.plan().node(unit.at.node));
    let fresh = ToolCall::new(tool, input);
    let on_crash = node.filter(|_| fresh.changes()).map_or(AfterCrash::Ask, |node| match node.on_crash {
        OnCrash::Retry => AfterCrash::Retry,
        OnCrash::Fail => AfterCrash::Fail,
        OnCrash::Ask => AfterCrash::Ask,
    });
    ToolCall {
        run: state.run().to_owned(),
        node: state.node_path(unit.at),
        idempotency_key: key(state, unit),
        deadline_ms: node.and_then(|node| node.timeout).map(millis),
        verify: node.is_some_and(|node| node.verify),
        on_crash,
        cache: fresh.can_be_recalled() && node.is_some_and(|node| node.cache),
        ..fresh
    }
}

fn millis(timeout: Duration) -> u64 {
    u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX)
}

/// Run, node, iteration, index and attempt; and the number of the call within the attempt.
fn key(state: &RunState, unit: Unit) -> String {
    let work = state.unit(unit);
    let (attempt, calls) = work.map_or((1, 0), |work| (work.attempt, work.calls));
    let address = state.frame(unit.at.frame).map(|frame| frame.unit_address(unit, attempt));
    let key = format!("{}/{}", state.run(), address.unwrap_or_default());
    if calls == 0 { key } else { format!("{key}+{calls}") }
}

fn conversation_input(state: &RunState, unit: Unit, conversation: &Conversation) -> Result<Value, NodeError> {
    let vars = evaluate(state, unit, &conversation.vars)?;
    let messages = conversation
        .messages
        .iter()
        .map(|(role, text)| Ok(json!({ "role": role, "content": prompt(text, &vars)? })))
        .collect::<Result<Vec<Value>, NodeError>>()?;
    let mut input = json!({
        "model": conversation.model,
        "params": conversation.params,
        "messages": messages,
    });
    if let Some(schema) = &conversation.output_schema {
        input["output_schema"] = schema.clone();
    }
    if !conversation.tools.is_empty() {
        input["tools"] = conversation.tools.iter().map(|tool| tool.as_str()).collect();
        input["max_rounds"] = conversation.max_rounds.into();
        input["max_calls"] = conversation.max_calls.into();
    }
    Ok(input)
}

fn batch(
    state: &RunState,
    unit: Unit,
    calls: &crate::expr::ValueTemplate,
    tools: &[Uses],
    max_calls: u32,
) -> Result<CallOrder, NodeError> {
    let invalid = |message: String| NodeError::new(ErrorKind::InvalidInput, message);
    let calls = evaluate(state, unit, calls)?;
    let calls = calls.as_array().ok_or_else(|| invalid("`calls` is no list".to_owned()))?;
    if calls.len() > max_calls as usize {
        return Err(invalid(format!("there are {} calls, and `max_calls` is {max_calls}", calls.len())));
    }
    let mut orders = Vec::with_capacity(calls.len());
    for (index, asked) in (0u32..).zip(calls) {
        let known = |key: &String| matches!(key.as_str(), "tool" | "input");
        let asked = asked.as_object().filter(|asked| asked.keys().all(known));
        let tool = asked.and_then(|asked| asked.get("tool")?.as_str());
        let input = asked.and_then(|asked| asked.get("input")).filter(|input| input.is_object());
        let (Some(tool), Some(input)) = (tool, input) else {
            let error = invalid(format!("call {index} is no `{{tool, input}}`"));
            return Err(NodeError { index: Some(index), ..error });
        };
        if !tools.iter().any(|known| known.as_str() == tool) {
            let message = format!("call {index} names the tool `{tool}`, which is not in `tools`");
            return Err(NodeError { index: Some(index), ..NodeError::new(ErrorKind::Denied, message) });
        }
        let one = call(state, unit, tool, input.clone());
        let idempotency_key = format!("{}/{index}", one.idempotency_key);
        orders.push(ToolCall { idempotency_key, ..one });
    }
    Ok(CallOrder::Batch(orders))
}
