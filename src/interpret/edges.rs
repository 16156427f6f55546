//! How the edges of a node are decided: together, when it is done. Order in the file means nothing.

use std::sync::Arc;

use serde_json::Value;

use crate::effect::ErrorKind;
use crate::expr::EvalError;
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
    Expression(EvalError),
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
            Err(trouble) => {
                let output = result.output().cloned();
                self.decide_failed(NodeResult::failed(self.error(trouble), output))
            }
        }
    }

    /// The node fails because of its edges: what makes trouble again is simply not taken.
    fn decide_failed(&self, result: NodeResult) -> Decided {
        let taken = self.attempt(&result, false).unwrap_or_default();
        Decided { result, taken }
    }

    fn error(&self, trouble: Trouble) -> NodeError {
        match trouble {
            Trouble::Expression(error) => NodeError::new(ErrorKind::Expression, error.message),
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
            if is_for(plan.edge(at), result) && self.holds(plan.edge(at), result, strict)? {
                holding.push(at);
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

    fn holds(&self, edge: &PlanEdge, result: &NodeResult, strict: bool) -> Result<bool, Trouble> {
        let Some(when) = &edge.when else { return Ok(true) };
        let scope = Scope {
            state: self.state,
            frame: self.frame,
            node: self.node,
            item: None,
            own: Some(result),
            writes: self.writes,
        };
        match scope.read(|values| when.evaluate_bool(values)) {
            Ok(holds) => Ok(holds),
            Err(error) if strict => Err(Trouble::Expression(error)),
            Err(_) => Ok(false),
        }
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

/// Why an edge of a node that is done is dead.
pub(super) fn dead_reason(frame: &Frame, at: EdgeIx) -> DeadReason {
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
pub(super) fn describe(frame: &Frame, at: EdgeIx) -> String {
    let edge = frame.plan().edge(at);
    let name = |node: NodeIx| frame.plan().node(node).id.as_str();
    let arrow = format!("`{} -> {}`", name(edge.from), name(edge.to));
    let why = match dead_reason(frame, at) {
        DeadReason::ConditionFalse => match &edge.when {
            Some(when) => format!("its condition `{}` was false", when.source()),
            None => "its condition was false".to_owned(),
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
    format!("the edge {arrow} was not taken: {why}")
}
