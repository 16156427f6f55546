//! How the edges of a node are decided: together, when it is done. Order in the file means nothing.

use std::sync::Arc;

use serde_json::Value;

use crate::effect::ErrorKind;
use crate::expr::{EvalError, Expression};
use crate::plan::{ChannelIx, EdgeIx, EdgeOutcome, LoopIx, NodeIx, PlanEdge};
use crate::trace::{DeadReason, Frame, NodeError, NodeResult, RunState, Status};

use super::scope::Scope;

/// What a node comes to once its edges are decided, and the edges that are taken.
pub(super) struct Decided {
    pub(super) result: NodeResult,
    pub(super) taken: Vec<EdgeIx>,
}

/// A node whose edges are to be decided.
pub(super) struct Source<'a> {
    pub(super) state: &'a RunState,
    pub(super) frame: &'a Frame,
    pub(super) node: NodeIx,
    /// What it wrote.
    pub(super) writes: &'a [(ChannelIx, Arc<Value>)],
    /// The loop that is over: edges that waited for its end are decided now.
    pub(super) over: Option<LoopIx>,
}

/// Why the edges of a node turn it into a failed one.
enum Trouble {
    /// The condition of an edge has no value.
    Expression(EdgeIx, EvalError),
    Exhausted(LoopIx),
}

impl Source<'_> {
    /// Decides the edges. A loop that has run out and a condition without a value fail the node, which keeps its output.
    pub(super) fn decide(&self, result: NodeResult) -> Decided {
        let failed_so = result
            .error()
            .is_some_and(|error| matches!(error.kind, ErrorKind::Exhausted | ErrorKind::Expression));
        if failed_so {
            return self.decide_failed(result);
        }
        match self.attempt(&result, true) {
            Ok(taken) => Decided { result, taken },
            Err(Trouble::Expression(edge, error)) if self.stays(&result) => {
                self.decide_failed(self.with_both(result, edge, &error))
            }
            Err(trouble) => {
                let output = result.output().cloned();
                self.decide_failed(NodeResult::failed(self.error(trouble, result.error()), output))
            }
        }
    }

    /// The node fails because of its edges: what makes trouble again is simply not taken.
    fn decide_failed(&self, result: NodeResult) -> Decided {
        let taken = self.attempt(&result, false).unwrap_or_default();
        Decided { result, taken }
    }

    /// Did the node end before its edges made trouble, by what no edge of it handles? Then that is what happened.
    fn stays(&self, result: &NodeResult) -> bool {
        let plan = self.frame.plan();
        let handles = |at: &EdgeIx| {
            let edge = plan.edge(*at);
            let catches = matches!(edge.outcome, EdgeOutcome::Catch(_)) && is_for(edge, result);
            catches && self.holds(*at, result).unwrap_or(false)
        };
        let ended = matches!(result.status(), Status::Failed | Status::Cancelled);
        ended && !plan.node(self.node).outgoing.iter().any(handles)
    }

    /// The first failure, which tells of the condition as well; once, when the node is done.
    fn with_both(&self, result: NodeResult, edge: EdgeIx, error: &EvalError) -> NodeResult {
        let Some(first) = result.error().filter(|_| self.over.is_none()) else { return result };
        let message = format!("{}; besides, {}", first.message, without_value(self.frame, edge, error));
        NodeResult::failed(NodeError { message, ..NodeError::clone(first) }, result.output().cloned())
    }

    fn error(&self, trouble: Trouble, before: Option<&Arc<NodeError>>) -> NodeError {
        match trouble {
            Trouble::Expression(edge, error) => {
                let mut message = without_value(self.frame, edge, &error);
                if let Some(before) = before {
                    message = format!(
                        "{message}; before that it failed with `{}`: {}",
                        before.kind, before.message
                    );
                }
                NodeError::new(ErrorKind::Expression, message)
            }
            Trouble::Exhausted(l) => {
                let plan = self.frame.plan();
                let turned = &plan.loops[l.0 as usize];
                let name = &plan.node(turned.target).id;
                let message = format!("the loop `{name}` has had its {} iterations", turned.max);
                NodeError::new(ErrorKind::Exhausted, message)
            }
        }
    }

    /// The edges that are taken. A condition without a value counts before a loop that has run out: what a node
    /// comes to does not depend on the order of its edges in the file.
    fn attempt(&self, result: &NodeResult, strict: bool) -> Result<Vec<EdgeIx>, Trouble> {
        let plan = self.frame.plan();
        let outgoing = &plan.node(self.node).outgoing;
        let mut holding = Vec::new();
        for &at in outgoing {
            if !is_for(plan.edge(at), result) {
                continue;
            }
            match self.holds(at, result) {
                Ok(true) => holding.push(at),
                Err(error) if strict => return Err(Trouble::Expression(at, error)),
                Ok(false) | Err(_) => {}
            }
        }
        let mut taken = Vec::new();
        for at in holding {
            match plan.edge(at).turns.filter(|l| self.has_run_out(plan.edge(at), *l)) {
                None => taken.push(at),
                Some(l) if strict && !self.leaves_when_exhausted(at, l) => return Err(Trouble::Exhausted(l)),
                Some(_) => {}
            }
        }
        let good = matches!(result.status(), Status::Succeeded | Status::Skipped);
        let of = |at: &EdgeIx| &plan.edge(*at).outcome;
        if good && !taken.iter().any(|at| *of(at) == EdgeOutcome::Success) {
            taken.extend(outgoing.iter().filter(|at| *of(at) == EdgeOutcome::Otherwise));
        }
        Ok(taken)
    }

    fn holds(&self, at: EdgeIx, result: &NodeResult) -> Result<bool, EvalError> {
        let Some(when) = &self.frame.plan().edge(at).when else { return Ok(true) };
        let scope = Scope {
            state: self.state,
            frame: self.frame,
            node: self.node,
            item: None,
            own: Some(result),
            writes: self.writes,
        };
        scope.read(|values| when.evaluate_bool(values))
    }

    /// Is the loop in its last iteration? For an edge that leaves an inner loop that is known once that is over, and stays
    /// known when a loop around it is over as well.
    fn has_run_out(&self, edge: &PlanEdge, l: LoopIx) -> bool {
        let loops = &self.frame.plan().loops;
        let is_over =
            |left: LoopIx| self.over.is_some_and(|o| o == left || loops[left.0 as usize].outer.contains(&o));
        let known = edge.leaves.last().is_none_or(|left| is_over(*left));
        known && self.frame.loops[l.0 as usize].iteration >= loops[l.0 as usize].max
    }

    fn leaves_when_exhausted(&self, at: EdgeIx, l: LoopIx) -> bool {
        let turned = &self.frame.plan().loops[l.0 as usize];
        let place = turned.edges.iter().position(|edge| *edge == at);
        place.and_then(|place| turned.leave.get(place)).copied().unwrap_or(false)
    }
}

/// Is the edge one for how its source ended, its condition aside?
fn is_for(edge: &PlanEdge, result: &NodeResult) -> bool {
    match (&edge.outcome, result.status()) {
        (EdgeOutcome::Catch(kinds), Status::Failed) => {
            result.error().is_some_and(|error| kinds.contains(&error.kind))
        }
        (EdgeOutcome::Success | EdgeOutcome::Always, Status::Succeeded | Status::Skipped)
        | (EdgeOutcome::Always, Status::Failed | Status::Cancelled) => true,
        _ => false,
    }
}

/// `` the condition `…` of the edge `a -> b` has no value: … ``
fn without_value(frame: &Frame, at: EdgeIx, error: &EvalError) -> String {
    let when = frame.plan().edge(at).when.as_ref().map_or("", Expression::source);
    format!("the condition `{}` of the edge {} has no value: {error}", when.trim(), arrow(frame, at))
}

/// Why the condition of an edge has no value, of a node that has failed. After a success it would have failed the node.
fn fault(state: &RunState, frame: &Frame, at: EdgeIx) -> Option<EvalError> {
    let edge = frame.plan().edge(at);
    let result = frame.node(edge.from).result.as_ref()?;
    let asked = matches!(result.status(), Status::Failed | Status::Cancelled) && is_for(edge, result);
    if !asked || edge.when.is_none() {
        return None;
    }
    let writes = frame.own_writes(edge.from);
    let source = Source { state, frame, node: edge.from, writes: &writes, over: None };
    source.holds(at, result).err()
}

/// Why an edge of a node that is done is dead.
pub(super) fn dead_reason(state: &RunState, frame: &Frame, at: EdgeIx) -> DeadReason {
    match outcome_reason(frame, at) {
        DeadReason::ConditionFalse if fault(state, frame, at).is_some() => DeadReason::NoValue,
        reason => reason,
    }
}

/// The same, but that a condition without a value is one that was false.
fn outcome_reason(frame: &Frame, at: EdgeIx) -> DeadReason {
    let edge = frame.plan().edge(at);
    let status = frame.node(edge.from).result.as_ref().map_or(Status::NotReached, NodeResult::status);
    let good = matches!(status, Status::Succeeded | Status::Skipped);
    match &edge.outcome {
        EdgeOutcome::Catch(_) if good => DeadReason::NoFailure,
        EdgeOutcome::Catch(kinds) if status == Status::Failed => {
            let error = frame.node(edge.from).result.as_ref().and_then(NodeResult::error);
            let caught = error.is_some_and(|error| kinds.contains(&error.kind));
            if caught { DeadReason::ConditionFalse } else { DeadReason::NotCaught }
        }
        EdgeOutcome::Otherwise if good => DeadReason::OtherTaken,
        EdgeOutcome::Success if good && edge.when.is_none() => DeadReason::LastIteration,
        EdgeOutcome::Success if good => DeadReason::ConditionFalse,
        EdgeOutcome::Always if status != Status::NotReached => DeadReason::ConditionFalse,
        _ => DeadReason::Source(status),
    }
}

/// Is there a loop edge beside an `otherwise` that is judged only after it?
fn has_later_loop(frame: &Frame, otherwise: EdgeIx) -> bool {
    let (plan, one) = (frame.plan(), frame.plan().edge(otherwise));
    let beside = plan.node(one.from).outgoing.iter().map(|at| plan.edge(*at));
    let mut loops = beside.filter(|edge| edge.turns.is_some() && edge.outcome == EdgeOutcome::Success);
    loops.any(|edge| edge.leaves.len() > one.leaves.len())
}

/// `edge a -> b (when: …)`, for people.
pub(super) fn describe(state: &RunState, frame: &Frame, at: EdgeIx) -> String {
    let when = frame.plan().edge(at).when.as_ref().map_or("", Expression::source).trim();
    let why = match outcome_reason(frame, at) {
        DeadReason::ConditionFalse | DeadReason::NoValue => match fault(state, frame, at) {
            Some(error) => format!("its condition `{when}` has no value: {error}"),
            None if when.is_empty() => "its condition was false".to_owned(),
            None => format!("its condition `{when}` was false"),
        },
        DeadReason::OtherTaken if has_later_loop(frame, at) => {
            "another edge was taken, or is a loop edge whose loop had its last iteration, which is known only when an inner \
             loop is over"
                .to_owned()
        }
        DeadReason::OtherTaken => "another edge was taken".to_owned(),
        DeadReason::LastIteration => "it was the last iteration".to_owned(),
        DeadReason::NoFailure => "there was no failure to catch".to_owned(),
        DeadReason::NotCaught => "it does not catch this kind of failure".to_owned(),
        DeadReason::Source(status) => format!("its source is `{status}`"),
    };
    format!("the edge {} was not taken: {why}", arrow(frame, at))
}

/// `` `a -> b` ``
fn arrow(frame: &Frame, at: EdgeIx) -> String {
    let edge = frame.plan().edge(at);
    let name = |node: NodeIx| frame.plan().node(node).id.as_str();
    format!("`{} -> {}`", name(edge.from), name(edge.to))
}
