//! A node whose edges are all decided: it starts, is skipped, is not reached, or comes too late.

use std::sync::Arc;

use serde_json::Value;

use crate::effect::ErrorKind;
use crate::expr::EvalError;
use crate::plan::{Action, EdgeIx, PlanNode};
use crate::trace::{
    At, EventBody, Frame, NodeDecided, NodeError, NodeFinished, NodeResult, RunState, Status, Unit,
};

use super::edges::{Decided, Source, describe};
use super::scope::Scope;
use super::{finish, pure};

/// Decides a node that is reached.
pub(super) fn begin(state: &RunState, at: At) -> Vec<EventBody> {
    let Some(frame) = state.frame(at.frame) else { return Vec::new() };
    if frame.is_cut(at.node) {
        return unrun(state, frame, at, Status::Cancelled, cut_reason(frame));
    }
    let node = frame.plan().node(at.node);
    match &node.for_each {
        None => match is_skipped(state, frame, at, None) {
            Err(error) => failed_before_start(state, frame, at, error),
            Ok(true) => unrun(state, frame, at, Status::Skipped, skip_reason(node)),
            Ok(false) => start(state, at, &node.action),
        },
        Some(rule) => match list(state, frame, at, rule) {
            Err(error) => failed_before_start(state, frame, at, error),
            Ok(items) => vec![EventBody::NodeStarted { at, items: Some(items) }],
        },
    }
}

/// Decides a node to which too few edges were taken.
pub(super) fn not_reached(state: &RunState, at: At) -> Vec<EventBody> {
    let Some(frame) = state.frame(at.frame) else { return Vec::new() };
    let dead = |edge: &&EdgeIx| frame.edges[edge.0 as usize] == Some(false);
    let first = frame.plan().node(at.node).incoming.iter().find(dead);
    let reason = first.map_or_else(|| "no edge leads to it".to_owned(), |edge| describe(state, frame, *edge));
    unrun(state, frame, at, Status::NotReached, reason)
}

/// Is `skip_when` true? For an item, with the item in scope.
pub(super) fn is_skipped(
    state: &RunState,
    frame: &Frame,
    at: At,
    item: Option<(Arc<Value>, u32)>,
) -> Result<bool, NodeError> {
    let Some(condition) = &frame.plan().node(at.node).skip_when else { return Ok(false) };
    let scope = Scope { state, frame, node: at.node, item, own: None, writes: &[] };
    scope.read(|values| condition.evaluate_bool(values)).map_err(|error| without_value("`skip_when`", &error))
}

/// The failure of a node of which a part has no value.
pub(super) fn without_value(what: &str, error: &EvalError) -> NodeError {
    NodeError::new(ErrorKind::Expression, format!("{what} has no value: {error}"))
}

/// What computes alone is started and finished in one go.
fn start(state: &RunState, at: At, action: &Action) -> Vec<EventBody> {
    let started = EventBody::NodeStarted { at, items: None };
    let mut events = vec![started];
    if let Some(outcome) = pure::compute(state, Unit::node(at), action) {
        events.extend(finish::finish(state, Unit::node(at), outcome));
    }
    events
}

fn list(
    state: &RunState,
    frame: &Frame,
    at: At,
    rule: &crate::plan::ForEachRule,
) -> Result<Arc<Value>, NodeError> {
    let scope = Scope { state, frame, node: at.node, item: None, own: None, writes: &[] };
    let value = scope
        .read(|values| rule.items.evaluate(values))
        .map_err(|error| without_value("`for_each.in`", &error))?;
    let Some(count) = value.as_array().map(Vec::len) else {
        let message = format!("`for_each.in` wants a list, and `{}` gives none", rule.items.source());
        return Err(NodeError::new(ErrorKind::Expression, message));
    };
    if count > rule.max as usize {
        let message = format!("the list has {count} items, and `for_each.max` is {}", rule.max);
        return Err(NodeError::new(ErrorKind::InvalidInput, message));
    }
    Ok(Arc::new(value))
}

fn unrun(state: &RunState, frame: &Frame, at: At, status: Status, reason: String) -> Vec<EventBody> {
    let source = Source { state, frame, node: at.node, writes: &[], over: None };
    let Decided { result, taken } = source.decide(NodeResult::without_output(status));
    if result.status() == Status::Failed {
        return vec![EventBody::NodeFinished(Box::new(NodeFinished { at, result, taken }))];
    }
    vec![EventBody::NodeDecided(Box::new(NodeDecided { at, status, reason, taken }))]
}

fn failed_before_start(state: &RunState, frame: &Frame, at: At, error: NodeError) -> Vec<EventBody> {
    let source = Source { state, frame, node: at.node, writes: &[], over: None };
    let Decided { result, taken } = source.decide(NodeResult::failed(error, None));
    vec![EventBody::NodeFinished(Box::new(NodeFinished { at, result, taken }))]
}

fn skip_reason(node: &PlanNode) -> String {
    let source = node.skip_when.as_ref().map_or("", |condition| condition.source());
    format!("its `skip_when` is true: `{source}`")
}

fn cut_reason(frame: &Frame) -> String {
    let error = frame.ending.as_ref().map(|ending| &ending.error);
    match error.and_then(|error| error.node.as_deref()) {
        Some(node) => format!("the run ends with the failure of `{node}`"),
        None => error.map_or_else(String::new, |error| error.error.message.clone()),
    }
}
