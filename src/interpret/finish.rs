//! A unit that is done: its channel writes, its edges, its end in the trace.

use std::sync::Arc;

use serde_json::Value;

use crate::effect::ErrorKind;
use crate::plan::{ChannelIx, PlanChannel};
use crate::schema::validate_value;
use crate::trace::{EventBody, Frame, NodeError, NodeFinished, NodeResult, RunState, Status, Unit, writable};

use super::begin::without_value;
use super::edges::{Decided, Source};
use super::items::item_of;
use super::scope::Scope;

/// A channel write.
pub(super) type Write = (ChannelIx, Arc<Value>);

/// Channel writes, in the order of the node's `update`.
pub(super) type Writes = Vec<Write>;

/// The events that end a unit with an output or an error.
pub(super) fn finish(state: &RunState, unit: Unit, outcome: Result<Value, NodeError>) -> Vec<EventBody> {
    let result = match outcome {
        Ok(output) => NodeResult::succeeded(output),
        Err(error) => NodeResult::failed(error, None),
    };
    finish_with(state, unit, result)
}

/// The events that end a unit early.
pub(super) fn finish_cancelled(state: &RunState, unit: Unit) -> Vec<EventBody> {
    finish_with(state, unit, NodeResult::without_output(Status::Cancelled))
}

/// The events that end a unit with a result.
pub(super) fn finish_with(state: &RunState, unit: Unit, result: NodeResult) -> Vec<EventBody> {
    let Some(frame) = state.frame(unit.at.frame) else { return Vec::new() };
    let (result, writes) = match updates(state, frame, unit, &result) {
        Ok(writes) => (result, writes),
        Err(error) => (NodeResult::failed(error, None), Writes::new()),
    };
    if unit.item.is_some() {
        return vec![EventBody::ItemFinished { unit, result }];
    }
    let mut events = written(frame, unit.at.node, writes.iter().map(|write| (unit, write)));
    events.push(finished(state, frame, unit.at, result, &writes));
    events
}

/// The end of a node, with its edges.
pub(super) fn finished(
    state: &RunState,
    frame: &Frame,
    at: crate::trace::At,
    result: NodeResult,
    writes: &[(ChannelIx, Arc<Value>)],
) -> EventBody {
    let source = Source { state, frame, node: at.node, writes, over: None };
    let Decided { result, taken } = source.decide(result);
    EventBody::NodeFinished(Box::new(NodeFinished { at, result, taken }))
}

/// The writes that are not in the trace yet.
pub(super) fn written<'a>(
    frame: &Frame,
    node: crate::plan::NodeIx,
    writes: impl Iterator<Item = (Unit, &'a (ChannelIx, Arc<Value>))>,
) -> Vec<EventBody> {
    let recorded = frame.node(node).work.as_ref().map_or(0, |work| work.writes.len());
    writes
        .skip(recorded)
        .map(|(unit, (channel, value))| EventBody::StateWritten {
            unit,
            channel: *channel,
            value: Arc::clone(value),
        })
        .collect()
}

/// What a unit that succeeded writes; it sees the channels as the unit saw them, and its own output.
pub(super) fn updates(
    state: &RunState,
    frame: &Frame,
    unit: Unit,
    result: &NodeResult,
) -> Result<Writes, NodeError> {
    let node = frame.plan().node(unit.at.node);
    if result.status() != Status::Succeeded || node.update.is_empty() {
        return Ok(Writes::new());
    }
    let item = item_of(frame, unit);
    let scope = Scope { state, frame, node: unit.at.node, item, own: Some(result), writes: &[] };
    let value = |(channel, template): &(ChannelIx, crate::expr::ValueTemplate)| {
        let written = &frame.plan().channels[channel.0 as usize];
        let value = scope.read(|values| template.evaluate(values)).map_err(|error| {
            without_value(&format!("what is written to the channel `{}`", written.name), &error)
        })?;
        check_write(written, &value)?;
        let value = Arc::new(value);
        if written.reduce == crate::model::Reduce::Sum {
            // it adds to what it sees: whatever runs beside it has no part in that
            frame
                .channel_for(unit.at.node, *channel, &[Arc::clone(&value)])
                .map_err(|error| NodeError::new(ErrorKind::Expression, error.to_string()))?;
        }
        Ok((*channel, value))
    };
    node.update.iter().map(value).collect()
}

/// A write has to fit the channel: what `append` adds, its items; anything else, the channel itself.
fn check_write(channel: &PlanChannel, value: &Value) -> Result<(), NodeError> {
    let failed = |message: String| NodeError::new(ErrorKind::Expression, message);
    writable(channel, value).map_err(|error| failed(error.to_string()))?;
    let schema = match channel.reduce {
        crate::model::Reduce::Append => channel.schema.get("items"),
        _ => Some(&channel.schema),
    };
    let errors = schema.map(|schema| validate_value(schema, value)).unwrap_or_default();
    match errors.first() {
        None => Ok(()),
        Some(error) => Err(failed(format!("what is written to the channel `{}`: {error}", channel.name))),
    }
}
