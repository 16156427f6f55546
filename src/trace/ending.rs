//! How a failure, a cancellation or the end of the time ends an execution: in order.

use std::sync::Arc;

use crate::effect::ErrorKind;
use crate::plan::NodeIx;

use super::apply::Legal;
use super::frame::{Ending, Frame};
use super::state::{RunState, Task};
use super::work::{Returned, Stage};
use super::{At, FrameId, GraphError, NodeError, Question, QuestionId, Unit, WaitFor};

impl RunState {
    /// What comes later than `bound` in canonical order does not start, or ends; `always` paths are left.
    /// The first error in canonical order stays.
    pub(crate) fn end_frame(&mut self, id: FrameId, bound: Vec<u32>, error: GraphError) {
        // executions inside end with it: a list of them, for graphs may be nested deeper than a stack is
        let mut open = vec![(id, bound, error)];
        while let Some((id, bound, error)) = open.pop() {
            let Some(frame) = self.frame_mut(id) else { continue };
            match &mut frame.ending {
                Some(ending) if bound >= ending.bound => continue,
                Some(ending) if bound.is_empty() => ending.bound = bound,
                Some(ending) => (ending.bound, ending.error) = (bound, error),
                None => frame.ending = Some(Ending { bound, error, always: true, grace: false }),
            }
            self.ending.insert(id);
            self.park_begun(id);
            let inside = self.cancel_later(id);
            open.extend(inside.into_iter().map(|frame| (frame, Vec::new(), cancelled())));
        }
    }

    /// What was reached through `always` and has not begun waits for the rest to end.
    fn park_begun(&mut self, id: FrameId) {
        let begun: Vec<At> = self
            .agenda
            .iter()
            .filter_map(|task| match task {
                Task::Begin(at) if at.frame == id => Some(*at),
                _ => None,
            })
            .collect();
        for at in begun {
            if self.frame(id).is_some_and(|frame| frame.must_park(at.node)) {
                self.agenda.retain(|task| *task != Task::Begin(at));
                self.reach(at);
            }
        }
    }

    /// Ends what runs and comes too late; gives the executions inside that are to end.
    fn cancel_later(&mut self, id: FrameId) -> Vec<FrameId> {
        let Some(frame) = self.frame(id) else { return Vec::new() };
        let late: Vec<NodeIx> = frame.running.iter().copied().filter(|node| frame.is_cut(*node)).collect();
        late.into_iter().flat_map(|node| self.cancel_node(At { frame: id, node })).collect()
    }

    /// The node that ends with a question that nobody is asked any more: the outermost one around it in an execution that
    /// ends because of a failure. What was reached through `always` is asked all the same.
    pub(crate) fn withdrawn_with(&self, question: &Question) -> Option<At> {
        let mut found = None;
        let mut around = Some(question.unit);
        while let Some(unit) = around {
            let frame = self.frame(unit.at.frame)?;
            let node = frame.node(unit.at.node);
            let ends = node.work.as_ref().is_some_and(|work| work.cancelling);
            if frame.ending.is_some() && !node.via_always && !ends {
                found = Some(unit.at);
            }
            around = frame.parent.map(|(unit, _)| unit);
        }
        found
    }

    /// Nobody is asked in an execution that can only fail.
    pub(crate) fn withdraw(&mut self, id: QuestionId, at: At) -> Legal {
        let question = self.questions.get(&id).ok_or("there is no such question")?;
        if self.withdrawn_with(question) != Some(at) {
            return Err("the question is not part of what ends");
        }
        for inside in self.cancel_node(at) {
            self.end_frame(inside, Vec::new(), cancelled());
        }
        Ok(())
    }

    fn cancel_node(&mut self, at: At) -> Vec<FrameId> {
        let Some(frame) = self.frame_mut(at.frame) else { return Vec::new() };
        if frame.node(at.node).stage == Stage::Delayed {
            self.cancel_delay(at);
            return Vec::new();
        }
        let Some(work) = frame.node_mut(at.node).work.as_deref_mut() else { return Vec::new() };
        work.cancelling = true;
        let each = work.items.is_some();
        let units = 0..work.units.len() as u32;
        let inside = units
            .filter_map(|unit| {
                let unit = Unit { at, item: each.then_some(unit) };
                self.interrupt(unit, &Returned::Cancelled)
            })
            .collect();
        self.look_at_items_anew(at);
        inside
    }

    /// A loop between two iterations: the next one begins, and is cut.
    fn cancel_delay(&mut self, at: At) {
        let Some(frame) = self.frame_mut(at.frame) else { return };
        let plan = frame.plan();
        let mut around = plan.node(at.node).loops.iter().copied();
        let turned = around.rfind(|l| plan.loops[l.0 as usize].target == at.node);
        frame.running.remove(&at.node);
        if let Some(reason) = turned.map(|l| WaitFor::Delay(at.frame, l)) {
            self.forget_wait(reason);
            self.waits.retain(|_, (known, _)| *known != reason);
        }
        self.reach(at);
    }

    /// An attempt takes too long.
    pub(crate) fn time_out(&mut self, unit: Unit) {
        if let Some(state) = self.unit_mut(unit) {
            state.timer = None;
        }
        if let Some(frame) = self.interrupt(unit, &Returned::TimedOut) {
            self.end_frame(frame, Vec::new(), cancelled());
        }
    }

    /// The rest has ended: what waited for that goes on, under `budgets.grace`.
    pub(crate) fn begin_grace(&mut self, id: FrameId) -> Legal {
        let frame = self.frame_mut(id).ok_or("there is no such execution")?;
        let quiet = frame.is_quiet();
        let ending = frame.ending.as_mut().ok_or("the execution does not end")?;
        if ending.grace || !ending.always || !quiet {
            return Err("the execution is not ready for its `always` paths");
        }
        ending.grace = true;
        self.unpark(id);
        Ok(())
    }

    /// The time for `always` paths is up.
    pub(crate) fn end_grace(&mut self, id: FrameId) {
        let Some(frame) = self.frame_mut(id) else { return };
        if let Some(ending) = &mut frame.ending {
            ending.always = false;
        }
        self.unpark(id);
        for inside in self.cancel_later(id) {
            self.end_frame(inside, Vec::new(), cancelled());
        }
    }

    fn unpark(&mut self, id: FrameId) {
        let Some(frame) = self.frame_mut(id) else { return };
        for (_, node) in std::mem::take(&mut frame.parked) {
            self.reach(At { frame: id, node });
        }
    }
}

impl Frame {
    /// Does a node come too late to run, in an execution that ends?
    pub(crate) fn is_cut(&self, at: NodeIx) -> bool {
        let Some(ending) = &self.ending else { return false };
        self.position(at) > ending.bound && !(self.node(at).via_always && ending.always)
    }

    /// Has all ended but `always` paths, and is there something on them?
    pub(crate) fn is_quiet(&self) -> bool {
        let Some(ending) = &self.ending else { return false };
        let on_always = |at: &NodeIx| self.node(*at).via_always && self.position(*at) > ending.bound;
        (!self.parked.is_empty() || !self.running.is_empty()) && self.running.iter().all(on_always)
    }

    /// Does a node that is reached wait for the rest to end?
    pub(crate) fn must_park(&self, at: NodeIx) -> bool {
        let Some(ending) = &self.ending else { return false };
        ending.always && !ending.grace && self.node(at).via_always && self.position(at) > ending.bound
    }
}

/// What an execution ends with whose node is cancelled.
pub(super) fn cancelled() -> GraphError {
    let error = NodeError::new(ErrorKind::Cancelled, "the node that uses the graph was cancelled");
    GraphError { node: None, error: Arc::new(error) }
}
