//! The one place where the state of a run changes. Live runs, resumed ones and replay share it. It follows events and
//! decides nothing; an event that does not fit the state is refused.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::effect::ErrorKind;

use super::ending::cancelled;
use super::state::{Phase, RunState, Task};
use super::work::{Returned, Stage, Step, UnitState, Work};
use super::{
    At, Budget, Cancel, EventBody, FrameId, GraphError, NodeError, NodeFinished, NodeResult, Status, Unit,
};

/// The event does not fit the state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the event `{kind}` does not fit the state of the run: {why}")]
pub struct IllegalEvent {
    /// The kind of the event.
    pub kind: &'static str,
    /// What is wrong.
    pub why: &'static str,
}

/// Refused, and the state is as it was.
pub(crate) type Legal = Result<(), &'static str>;

/// Changes `state` by one event. Where it refuses, the state is not to be used further.
pub fn apply(state: &mut RunState, event: &EventBody) -> Result<(), IllegalEvent> {
    in_phase(state, event)
        .and_then(|()| state.follow(event))
        .map_err(|why| IllegalEvent { kind: event.kind(), why })
}

fn in_phase(state: &RunState, event: &EventBody) -> Legal {
    let starts = matches!(event, EventBody::RunStarted(_));
    match state.phase {
        Phase::New if starts => Ok(()),
        Phase::New => Err("the run has not started"),
        Phase::Finished { .. } => Err("the run is over"),
        _ if starts => Err("the run has started already"),
        _ => Ok(()),
    }
}

impl RunState {
    fn follow(&mut self, event: &EventBody) -> Legal {
        match event {
            EventBody::RunStarted(started) => {
                self.start(&started.inputs, started.revision.as_deref());
                Ok(())
            }
            EventBody::NodeDecided(decided) => {
                let task = if decided.status == Status::NotReached { Task::NotReached } else { Task::Begin };
                self.done(task(decided.at))?;
                self.settle_unrun(decided);
                Ok(())
            }
            EventBody::NodeStarted { at, items } => self.start_node(*at, items.as_ref()),
            EventBody::NodeFinished(finished) => self.finish_node(finished),
            EventBody::NodeExhausted(finished) => self.exhaust(finished),
            EventBody::ItemStarted { unit } => self.start_item(*unit),
            EventBody::ItemFinished { unit, result } => self.finish_item(*unit, result),
            EventBody::NodeRetried { unit, attempt, backoff, .. } => self.retry(*unit, *attempt, *backoff),
            EventBody::EdgeTaken { frame, edge } => self.decide_edge(*frame, *edge, true),
            EventBody::EdgeDead { frame, edge, .. } => self.decide_edge(*frame, *edge, false),
            EventBody::LoopTurned { frame, at, iteration } => self.turn(*frame, *at, *iteration),
            EventBody::LoopFinished { frame, at, taken, .. } => self.end_loop(*frame, *at, taken),
            EventBody::StateWritten { unit, channel, value } => {
                let work = self.work_mut(unit.at).ok_or("the node does not run")?;
                work.writes.push((unit.item, *channel, Arc::clone(value)));
                Ok(())
            }
            EventBody::CallStarted { call, unit, attempt, order } => {
                self.start_call(*call, *unit, *attempt, order)
            }
            EventBody::CallCancelled { call } => self.done(Task::CancelCall(*call)),
            EventBody::CallFinished { call, outcome } => self.finish_call(*call, outcome),
            EventBody::GraphStarted { frame, unit, attempt, inputs } => {
                self.start_graph(*frame, *unit, *attempt, inputs)
            }
            EventBody::GraphFinished { frame, outcome } => self.finish_graph(*frame, outcome),
            EventBody::BudgetCharged { call, cost } => self.charge(*call, *cost),
            EventBody::BudgetExceeded { frame, budget, .. } => self.exceed(*frame, *budget),
            EventBody::WaitStarted { wait, reason, duration } => self.start_wait(*wait, *reason, *duration),
            EventBody::WaitFinished { wait } => self.finish_wait(*wait),
            EventBody::ApprovalRequested(question) => self.ask(question),
            EventBody::ApprovalGranted { question, answer } => self.answer(*question, answer, true),
            EventBody::ApprovalRejected { question, answer } => self.answer(*question, answer, false),
            EventBody::ApprovalWithdrawn { question, at } => self.withdraw(*question, *at),
            EventBody::RunSuspended { .. } => {
                self.phase = Phase::Suspended;
                Ok(())
            }
            EventBody::RunResumed => {
                self.resume();
                Ok(())
            }
            EventBody::RunCancelled { how } => {
                self.cancel(*how);
                Ok(())
            }
            EventBody::RunFinished { status, outcome } => {
                self.finish(*status, outcome);
                Ok(())
            }
        }
    }

    /// The task at the head of the agenda is done.
    pub(crate) fn done(&mut self, task: Task) -> Legal {
        if self.agenda.front() != Some(&task) {
            return Err("something else is to be decided first");
        }
        self.agenda.pop_front();
        Ok(())
    }

    fn start(&mut self, inputs: &Arc<Value>, revision: Option<&str>) {
        self.phase = Phase::Running;
        if let Some(root) = self.frame_mut(FrameId::ROOT) {
            root.give(inputs);
            let digest = root.plan().digest;
            self.run_view = Arc::new(json!({ "graph_digest": digest.to_string(), "revision": revision }));
        }
        self.open_frame(FrameId::ROOT);
    }

    fn start_node(&mut self, at: At, items: Option<&Arc<Value>>) -> Legal {
        let frame = self.frame_mut(at.frame).ok_or("there is no such execution")?;
        let each = frame.plan().node(at.node).for_each.is_some();
        if each != items.is_some() {
            return Err("a list belongs to a `for_each`, and only to it");
        }
        self.done(Task::Begin(at))?;
        self.note_ran(at);
        let Some(frame) = self.frame_mut(at.frame) else { return Ok(()) };
        frame.running.insert(at.node);
        let node = frame.node_mut(at.node);
        node.stage = Stage::Running;
        let units = if each { Vec::new() } else { vec![UnitState::new()] };
        node.work = Some(Box::new(Work {
            items: items.cloned(),
            units,
            live: u32::from(!each),
            bound: None,
            cancelling: false,
            looked_at: false,
            writes: Vec::new(),
        }));
        if each {
            self.look_at_items(at);
        } else {
            self.enqueue(Unit::node(at), true);
        }
        Ok(())
    }

    fn start_item(&mut self, unit: Unit) -> Legal {
        let work = self.work_mut(unit.at).ok_or("the node does not run")?;
        if unit.item != Some(work.units.len() as u32) {
            return Err("items start in order");
        }
        self.done(Task::Items(unit.at))?;
        if let Some(work) = self.work_mut(unit.at) {
            work.looked_at = false;
            work.units.push(UnitState::new());
            work.live += 1;
        }
        self.enqueue(unit, true);
        self.look_at_items(unit.at);
        Ok(())
    }

    fn finish_item(&mut self, unit: Unit, result: &NodeResult) -> Legal {
        self.leave_unit(unit)?;
        let stops = self.frame(unit.at.frame).is_some_and(|frame| {
            let rule = frame.plan().node(unit.at.node).for_each.as_ref();
            rule.is_some_and(|rule| rule.on_error == crate::model::OnItemError::Stop)
        });
        if let Some(state) = self.unit_mut(unit) {
            state.step = Step::Done(result.clone());
        }
        let Some(work) = self.work_mut(unit.at) else { return Ok(()) };
        work.live = work.live.saturating_sub(1);
        if stops && result.status() == Status::Failed {
            let index = unit.item.unwrap_or_default();
            work.bound = Some(work.bound.map_or(index, |bound| bound.min(index)));
            let later = index + 1..work.units.len() as u32;
            for item in later {
                let inside = self.interrupt(Unit { item: Some(item), ..unit }, &Returned::Cancelled);
                if let Some(inside) = inside {
                    self.end_frame(inside, Vec::new(), cancelled());
                }
            }
        }
        self.look_at_items_anew(unit.at);
        Ok(())
    }

    fn finish_node(&mut self, finished: &NodeFinished) -> Legal {
        let at = finished.at;
        let frame = self.frame(at.frame).ok_or("there is no such execution")?;
        let node = frame.node(at.node);
        match (node.stage, &node.work) {
            (Stage::Ready, None) if finished.result.status() == Status::Failed => {
                self.done(Task::Begin(at))?;
                self.note_ran(at);
            }
            (Stage::Running, Some(work)) if work.items.is_some() => self.done(Task::Items(at))?,
            (Stage::Running, Some(_)) => self.leave_unit(Unit::node(at))?,
            _ => return Err("the node does not run"),
        }
        let Some(frame) = self.frame_mut(at.frame) else { return Ok(()) };
        frame.running.remove(&at.node);
        let work = frame.node_mut(at.node).work.take();
        if let Some(work) = work.filter(|_| finished.result.output().is_some()) {
            frame.commit(at.node, work.writes);
        }
        self.settle(at, &finished.result, &finished.taken);
        Ok(())
    }

    fn retry(&mut self, unit: Unit, attempt: u32, backoff: std::time::Duration) -> Legal {
        let state = self.unit(unit).ok_or("the node does not run")?;
        if attempt != state.attempt + 1 {
            return Err("attempts are counted one by one");
        }
        self.leave_unit(unit)?;
        if let Some(state) = self.unit_mut(unit) {
            *state = UnitState { attempt, ..UnitState::new() };
            if !backoff.is_zero() {
                state.step = Step::Backoff(None);
            }
        }
        if backoff.is_zero() {
            self.enqueue(unit, false);
        } else {
            self.agenda.push_back(Task::Wait(super::WaitFor::Backoff(unit), backoff));
        }
        Ok(())
    }

    fn exceed(&mut self, id: FrameId, budget: Budget) -> Legal {
        let frame = self.frame_mut(id).ok_or("there is no such execution")?;
        frame.exceeded.push(budget);
        if budget == Budget::Wall {
            self.done(Task::TimeIsUp(id))?;
            let error = NodeError::new(ErrorKind::Budget, "the time of `budgets.wall` is used up");
            self.end_frame(id, Vec::new(), GraphError { node: None, error: Arc::new(error) });
        }
        Ok(())
    }

    /// One that was not suspended was interrupted: its processes died.
    fn resume(&mut self) {
        if self.phase == Phase::Suspended {
            self.phase = Phase::Running;
        }
    }

    fn cancel(&mut self, how: Cancel) {
        match how {
            Cancel::AtOnce => self.phase = Phase::Halted,
            Cancel::InOrder => {
                if self.phase == Phase::Suspended {
                    self.phase = Phase::Running;
                }
                let error = NodeError::new(ErrorKind::Cancelled, "the run was cancelled");
                let error = GraphError { node: None, error: Arc::new(error) };
                self.end_frame(FrameId::ROOT, Vec::new(), error);
            }
        }
    }

    fn finish(&mut self, status: super::RunStatus, outcome: &super::GraphOutcome) {
        self.phase = Phase::Finished { status, outcome: outcome.clone() };
        self.agenda.clear();
        self.queues.clear();
        self.calls.clear();
        self.waits.clear();
        self.questions.clear();
        self.ending.clear();
    }
}
