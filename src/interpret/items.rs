//! `for_each`: items start in order, a few at once, and come together as one result.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::effect::ErrorKind;
use crate::model::OnItemError;
use crate::trace::{At, EventBody, Frame, NodeError, NodeResult, RunState, Status, Step, Unit, Work};

use super::finish::{Write, Writes, finished, updates, written};

/// The item of a unit and its index, as its expressions see them.
pub(super) fn item_of(frame: &Frame, unit: Unit) -> Option<(Arc<Value>, u32)> {
    let index = unit.item?;
    let items = frame.node(unit.at.node).work.as_ref()?.items.as_ref()?;
    Some((Arc::new(items.get(index as usize)?.clone()), index))
}

/// The next item starts, or the node is done.
pub(super) fn items(state: &RunState, at: At) -> Vec<EventBody> {
    let Some(frame) = state.frame(at.frame) else { return Vec::new() };
    let (node, rule) = (frame.node(at.node), &frame.plan().node(at.node).for_each);
    let (Some(work), Some(rule)) = (&node.work, rule) else { return Vec::new() };
    if work.may_start(rule.parallel) {
        let item = Some(work.units.len() as u32);
        return vec![EventBody::ItemStarted { unit: Unit { at, item } }];
    }
    let result = together(work, rule.on_error);
    let writes = match all_updates(state, frame, at, work, &result) {
        Ok(writes) => writes,
        Err(error) => return vec![finished(state, frame, at, NodeResult::failed(error, None), &[])],
    };
    let mut events = written(frame, at.node, writes.iter().map(|(unit, write)| (*unit, write)));
    let own: Writes = writes.into_iter().map(|(_, write)| write).collect();
    events.push(finished(state, frame, at, result, &own));
    events
}

fn together(work: &Work, on_error: OnItemError) -> NodeResult {
    let results = work.units.iter().filter_map(|unit| match &unit.step {
        Step::Done(result) => Some(result),
        _ => None,
    });
    let count = work.items.as_ref().and_then(|items| items.as_array()).map_or(0, Vec::len);
    let cut = work.units.len() < count || results.clone().any(|result| result.status() == Status::Cancelled);
    let fails = |error: &NodeError| on_error == OnItemError::Stop || !is_collected(&error.kind);
    let mut failures = results.clone().zip(0u32..).filter_map(|(result, at)| Some((result.error()?, at)));
    if let Some((error, at)) = failures.find(|(error, _)| fails(error)) {
        return NodeResult::failed(NodeError { index: Some(at), ..NodeError::clone(error) }, None);
    }
    if work.cancelling && cut {
        return NodeResult::without_output(Status::Cancelled);
    }
    let outputs = results.map(|result| match on_error {
        OnItemError::Stop => result.output().cloned().unwrap_or(Value::Null),
        OnItemError::Collect => collected(result),
    });
    NodeResult::succeeded(outputs.collect())
}

/// What no edge could catch is not collected either, least of all that a run has left its plan; nor is what an edge has to
/// name: a refusal of the policy or of a person.
fn is_collected(kind: &ErrorKind) -> bool {
    !ErrorKind::NEVER.contains(kind) && !matches!(kind, ErrorKind::Denied | ErrorKind::Rejected)
}

/// `{status, output, error}`: all three are always there.
fn collected(result: &NodeResult) -> Value {
    let mut item = Map::new();
    item.insert("status".into(), result.status().as_str().into());
    item.insert("output".into(), result.output().cloned().unwrap_or(Value::Null));
    item.insert("error".into(), result.error().map_or(Value::Null, |error| error.view()));
    Value::Object(item)
}

/// The writes of all items, by index. They were evaluated when the item ended, and see the same now.
fn all_updates(
    state: &RunState,
    frame: &Frame,
    at: At,
    work: &Work,
    result: &NodeResult,
) -> Result<Vec<(Unit, Write)>, NodeError> {
    let mut writes = Vec::new();
    if result.status() != Status::Succeeded {
        return Ok(writes);
    }
    for (index, state_of) in (0u32..).zip(&work.units) {
        let Step::Done(result) = &state_of.step else { continue };
        let unit = Unit { at, item: Some(index) };
        writes.extend(updates(state, frame, unit, result)?.into_iter().map(|write| (unit, write)));
    }
    Ok(writes)
}
