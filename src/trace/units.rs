//! How calls, subgraphs, waits and questions move the units that they are for.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::effect::{ErrorKind, approves};
use crate::plan::Action;

use super::apply::Legal;
use super::cost::cost_of;
use super::frame::Frame;
use super::state::{OpenCall, Phase, RunState, Task};
use super::talk::Talk;
use super::work::{Returned, Stage, Step, UnitState, Work};
use super::{
    Answer, At, CallId, CallOrder, CallOutcome, Cost, FrameId, GraphOutcome, Question, QuestionId, Unit,
    WaitFor, WaitId,
};

impl RunState {
    pub(crate) fn work_mut(&mut self, at: At) -> Option<&mut Work> {
        self.frame_mut(at.frame)?.node_mut(at.node).work.as_deref_mut()
    }

    pub(crate) fn unit_mut(&mut self, unit: Unit) -> Option<&mut UnitState> {
        self.work_mut(unit.at)?.units.get_mut(unit.item.unwrap_or_default() as usize)
    }

    /// A unit is to begin an attempt: at once, or when there is a slot for its call.
    pub(crate) fn enqueue(&mut self, unit: Unit, first: bool) {
        let Some(frame) = self.frame(unit.at.frame) else { return };
        let node = frame.plan().node(unit.at.node);
        let key = (frame.plan().rank[unit.at.node.0 as usize], unit.item, unit.at.node);
        let needs_slot = matches!(node.action, Action::Call { .. } | Action::Llm(_) | Action::Batch { .. });
        let group = node.group.as_ref().map(|group| Arc::from(group.as_str()));
        let step = if needs_slot { Step::Queued } else { Step::Ready };
        if needs_slot {
            self.queues.entry((unit.at.frame, group)).or_default().insert(key);
        } else if first {
            self.agenda.push_front(Task::Step(unit));
        } else {
            self.agenda.push_back(Task::Step(unit));
        }
        if let Some(state) = self.unit_mut(unit) {
            state.step = step;
        }
    }

    /// Takes a unit out of the queue of those that wait for a slot.
    fn dequeue(&mut self, unit: Unit) {
        let Some(frame) = self.frame(unit.at.frame) else { return };
        let node = frame.plan().node(unit.at.node);
        let key = (frame.plan().rank[unit.at.node.0 as usize], unit.item, unit.at.node);
        let queue = (unit.at.frame, node.group.as_ref().map(|group| Arc::from(group.as_str())));
        if let Some(waiting) = self.queues.get_mut(&queue) {
            waiting.remove(&key);
            if waiting.is_empty() {
                self.queues.remove(&queue);
            }
        }
    }

    /// What a unit waited for has come: a task says that it is to be judged.
    fn come_back(&mut self, unit: Unit, with: Returned) {
        if let Some(state) = self.unit_mut(unit) {
            state.step = Step::Returned(with);
            self.agenda.push_back(Task::Step(unit));
        }
    }

    /// An attempt is over: its task is done, its slot is free, its timer is forgotten.
    pub(crate) fn leave_unit(&mut self, unit: Unit) -> Legal {
        let state = self.unit(unit).ok_or("the node does not run")?;
        match state.step {
            Step::Ready | Step::Returned(_) => self.done(Task::Step(unit))?,
            Step::Queued => self.dequeue(unit),
            _ => return Err("the node waits for something else"),
        }
        self.free_slot(unit);
        self.forget_timer(unit);
        Ok(())
    }

    fn forget_timer(&mut self, unit: Unit) {
        let Some(frame) = self.frame(unit.at.frame) else { return };
        if frame.plan().node(unit.at.node).timeout.is_none() {
            return;
        }
        let timer = self.unit_mut(unit).and_then(|state| state.timer.take());
        match timer {
            Some(wait) => drop(self.waits.remove(&wait)),
            None => self.forget_wait(WaitFor::Timeout(unit)),
        }
    }

    /// A wait that has not begun is of no more use.
    pub(crate) fn forget_wait(&mut self, reason: WaitFor) {
        self.agenda.retain(|task| !matches!(task, Task::Wait(known, _) if *known == reason));
    }

    /// Changes how many leaf calls run, in an execution and all around it, and of a group.
    fn count_busy(&mut self, unit: Unit, change: impl Fn(&mut u32)) {
        let Some(frame) = self.frame(unit.at.frame) else { return };
        let plan = frame.plan();
        if let Some(group) = plan.node(unit.at.node).group.as_ref() {
            let group = (Arc::clone(&plan.place), group.as_str().into());
            change(self.busy_groups.entry(group).or_default());
        }
        let mut around = Some(unit.at.frame);
        while let Some(frame) = around.and_then(|id| self.frame_mut(id)) {
            change(&mut frame.busy);
            around = frame.parent.map(|(parent, _)| parent.at.frame);
        }
    }

    fn free_slot(&mut self, unit: Unit) {
        let held = self.unit_mut(unit).is_some_and(|state| std::mem::take(&mut state.slot));
        if held {
            self.count_busy(unit, |busy| *busy = busy.saturating_sub(1));
        }
    }

    pub(crate) fn start_call(
        &mut self,
        call: CallId,
        unit: Unit,
        attempt: u32,
        order: &Arc<CallOrder>,
    ) -> Legal {
        let state = self.unit(unit).ok_or("the node does not run")?;
        if call.0 != self.next_call || attempt != state.attempt {
            return Err("calls and attempts are counted one by one");
        }
        match state.step {
            Step::Queued => self.dequeue(unit),
            Step::Returned(_) if state.slot => self.done(Task::Step(unit))?,
            Step::Ready if matches!(**order, CallOrder::Prepare(_)) => self.done(Task::Step(unit))?,
            _ => return Err("the node makes no call now"),
        }
        self.next_call += 1;
        self.given.remove(&unit.at);
        let talks = self.is_conversation(unit);
        let Some(state) = self.unit_mut(unit) else { return Ok(()) };
        let (first, held) = (state.calls == 0, state.slot);
        state.calls += 1;
        state.slot = true;
        state.step = Step::Calling(call);
        state.asked = Some(Arc::clone(order));
        state.approval = None;
        if talks {
            state.talk = Talk::started(state.talk.take(), order);
        }
        self.calls.insert(call, OpenCall { unit, order: Arc::clone(order), cancelling: false });
        if !held {
            self.count_busy(unit, |busy| *busy += 1);
        }
        if first {
            self.set_timer(unit);
        }
        Ok(())
    }

    fn is_conversation(&self, unit: Unit) -> bool {
        let frame = self.frame(unit.at.frame);
        frame.is_some_and(|frame| matches!(frame.plan().node(unit.at.node).action, Action::Llm(_)))
    }

    /// Attempts of several parts are timed here; a single call's time is the runner's matter.
    fn set_timer(&mut self, unit: Unit) {
        let Some(frame) = self.frame(unit.at.frame) else { return };
        let node = frame.plan().node(unit.at.node);
        if let Some(timeout) = node.timeout.filter(|_| !matches!(node.action, Action::Call { .. })) {
            self.agenda.push_back(Task::Wait(WaitFor::Timeout(unit), timeout));
        }
    }

    pub(crate) fn finish_call(&mut self, id: CallId, outcome: &Arc<CallOutcome>) -> Legal {
        let call = self.calls.remove(&id).ok_or("there is no such call")?;
        if call.cancelling {
            self.agenda.retain(|task| *task != Task::CancelCall(id));
        }
        let refused = |kind: &ErrorKind| *kind == ErrorKind::Denied;
        let made = !matches!(*call.order, CallOrder::Prepare(_));
        for result in outcome.results().iter().filter(|_| made) {
            self.totals.calls += 1;
            self.totals.denied += u64::from(result.error.as_ref().is_some_and(|error| refused(&error.kind)));
        }
        let (frame, cost) = (call.unit.at.frame, cost_of(&call.order, outcome));
        if self.is_budgeted(frame) {
            self.agenda.push_back(Task::Charge(id, frame, cost));
        } else {
            // no event tells of it, and it was spent all the same
            self.spend(frame, cost);
        }
        if let Some(talk) = self.unit_mut(call.unit).and_then(|unit| unit.talk.as_mut()) {
            talk.heard(&call.order, outcome);
        }
        self.come_back(call.unit, Returned::Call(Arc::clone(outcome)));
        Ok(())
    }

    fn is_budgeted(&self, id: FrameId) -> bool {
        self.chain(id).any(|frame| {
            let budgets = &frame.plan().budgets;
            budgets.tool_calls.or(budgets.llm_tokens).or(budgets.patch_bytes).is_some()
        })
    }

    /// An execution and all around it, from the inside out.
    pub(crate) fn chain(&self, id: FrameId) -> impl Iterator<Item = &Frame> {
        std::iter::successors(self.frame(id), |frame| self.frame(frame.parent?.0.at.frame))
    }

    pub(crate) fn charge(&mut self, call: CallId, cost: Cost) -> Legal {
        let Some(Task::Charge(known, id, due)) = self.agenda.front().copied() else {
            return Err("no call is to be charged");
        };
        if (known, due) != (call, cost) {
            return Err("another cost is to be charged");
        }
        self.agenda.pop_front();
        self.spend(id, cost);
        Ok(())
    }

    /// Counts a cost in an execution and in all around it.
    fn spend(&mut self, id: FrameId, cost: Cost) {
        let mut around = Some(id);
        while let Some(frame) = around.and_then(|id| self.frame_mut(id)) {
            frame.spent.tool_calls += cost.tool_calls;
            frame.spent.llm_tokens = frame.spent.llm_tokens.saturating_add(cost.llm_tokens);
            frame.spent.patch_bytes += cost.patch_bytes;
            around = frame.parent.map(|(parent, _)| parent.at.frame);
        }
    }

    pub(crate) fn start_graph(
        &mut self,
        id: FrameId,
        unit: Unit,
        attempt: u32,
        inputs: &Arc<Value>,
    ) -> Legal {
        let state = self.unit(unit).ok_or("the node does not run")?;
        if id.0 as usize != self.frames.len() || attempt != state.attempt {
            return Err("executions and attempts are counted one by one");
        }
        let frame = self.frame(unit.at.frame).ok_or("there is no such execution")?;
        let node = frame.plan().node(unit.at.node);
        let Action::Graph { plan, .. } = &node.action else { return Err("the node uses no graph") };
        let path: Arc<str> = format!("{}{}/", frame.path, node.id).into();
        let address: Arc<str> = format!("{}/", frame.unit_address(unit, attempt)).into();
        let plan = Arc::clone(plan);
        self.done(Task::Step(unit))?;
        if let Some(state) = self.unit_mut(unit) {
            state.step = Step::Inside(id);
        }
        let plan = self.indexes.of(&plan);
        let frame = Frame::new(plan, Some((unit, attempt)), address, path, inputs);
        self.frames.push(Some(Box::new(frame)));
        self.set_timer(unit);
        self.open_frame(id);
        Ok(())
    }

    pub(crate) fn finish_graph(&mut self, id: FrameId, outcome: &GraphOutcome) -> Legal {
        self.done(Task::GraphEnd(id))?;
        let frame = self.frames.get_mut(id.0 as usize).and_then(Option::take);
        let frame = frame.ok_or("there is no such execution")?;
        let (unit, attempt) = frame.parent.ok_or("the run's own graph ends with the run")?;
        self.ending.remove(&id);
        self.waits.retain(|_, (reason, _)| !reason.is_of(id));
        self.agenda.retain(|task| !matches!(task, Task::Wait(reason, _) if reason.is_of(id)));
        self.agenda.retain(|task| *task != Task::TimeIsUp(id));
        let path = frame.ran_path();
        if let Some(around) = self.frame_mut(unit.at.frame) {
            let last = around.ran.iter_mut().rev().find(|ran| ran.node == unit.at.node);
            if let Some(ran) = last {
                ran.inside.push((unit.item, attempt, path));
            }
        }
        self.come_back(unit, Returned::Graph(outcome.clone()));
        Ok(())
    }

    pub(crate) fn start_wait(&mut self, id: WaitId, reason: WaitFor, duration: Duration) -> Legal {
        if id.0 != self.next_wait {
            return Err("waits are counted one by one");
        }
        match reason {
            WaitFor::Grace(frame) => self.begin_grace(frame)?,
            _ => self.done(Task::Wait(reason, duration))?,
        }
        self.next_wait += 1;
        self.waits.insert(id, (reason, duration));
        match reason {
            WaitFor::Backoff(unit) => {
                if let Some(state) = self.unit_mut(unit) {
                    state.step = Step::Backoff(Some(id));
                }
            }
            WaitFor::Timeout(unit) => {
                if let Some(state) = self.unit_mut(unit) {
                    state.timer = Some(id);
                }
            }
            WaitFor::Delay(..) | WaitFor::Wall(_) | WaitFor::Grace(_) => {}
        }
        Ok(())
    }

    pub(crate) fn finish_wait(&mut self, id: WaitId) -> Legal {
        let (reason, _) = self.waits.remove(&id).ok_or("there is no such wait")?;
        if self.phase == Phase::Suspended {
            self.phase = Phase::Running;
        }
        match reason {
            WaitFor::Backoff(unit) => self.enqueue(unit, false),
            WaitFor::Timeout(unit) => self.time_out(unit),
            WaitFor::Delay(frame, l) => self.end_delay(frame, l),
            WaitFor::Wall(frame) => self.agenda.push_back(Task::TimeIsUp(frame)),
            WaitFor::Grace(frame) => self.end_grace(frame),
        }
        Ok(())
    }

    fn end_delay(&mut self, id: FrameId, l: crate::plan::LoopIx) {
        let Some(frame) = self.frame_mut(id) else { return };
        let node = frame.plan().loops[l.0 as usize].target;
        frame.running.remove(&node);
        if frame.node(node).stage == Stage::Delayed {
            self.reach(At { frame: id, node });
        }
    }

    pub(crate) fn ask(&mut self, question: &Question) -> Legal {
        if question.id.0 != self.next_question {
            return Err("questions are counted one by one");
        }
        self.done(Task::Step(question.unit))?;
        self.free_slot(question.unit);
        self.next_question += 1;
        self.questions.insert(question.id, question.clone());
        if let Some(state) = self.unit_mut(question.unit) {
            state.step = Step::Asking(question.id);
        }
        // one that shows a call has begun its time with that
        let begun = self.unit(question.unit).is_some_and(|state| state.calls > 0);
        if !question.policy && !begun {
            self.set_timer(question.unit);
        }
        Ok(())
    }

    pub(crate) fn answer(&mut self, id: QuestionId, answer: &Answer, granted: bool) -> Legal {
        let question = self.questions.remove(&id).ok_or("there is no such question")?;
        if self.phase == Phase::Suspended {
            self.phase = Phase::Running;
        }
        let boxed = Box::new(answer.clone());
        self.give_ahead(&question, answer, granted);
        match (granted, question.policy) {
            (true, true) => {
                if let Some(state) = self.unit_mut(question.unit) {
                    state.approval = Some(Box::new(answer.approval.clone().unwrap_or(Value::Null)));
                }
                self.enqueue(question.unit, false);
            }
            (true, false) => self.come_back(question.unit, Returned::Granted(boxed)),
            (false, _) => self.come_back(question.unit, Returned::Rejected(boxed)),
        }
        Ok(())
    }

    /// The approval of a call that was shown is kept for the node that will make it; another choice approves nothing.
    fn give_ahead(&mut self, question: &Question, answer: &Answer, granted: bool) {
        let approves = granted && !question.policy && approves(&question.options, answer.choice.as_deref());
        let Some(approval) = answer.approval.as_ref().filter(|_| approves) else { return };
        let shown = question.show.get("call").and_then(|call| call.get("node")?.as_str());
        let name = shown.and_then(|path| path.rsplit('/').next()).unwrap_or_default();
        let frame = question.unit.at.frame;
        if let Some(node) = self.frame(frame).and_then(|frame| frame.plan.index.node(name)) {
            self.given.insert(At { frame, node }, Arc::new(approval.clone()));
        }
    }

    /// The next item may start, or all are done: a task says so, once.
    pub(crate) fn look_at_items(&mut self, at: At) {
        let Some(frame) = self.frame_mut(at.frame) else { return };
        let plan = Arc::clone(&frame.plan.plan);
        let Some(rule) = &plan.node(at.node).for_each else { return };
        let Some(work) = frame.node_mut(at.node).work.as_deref_mut() else { return };
        if !work.looked_at && (work.may_start(rule.parallel) || work.live == 0) {
            work.looked_at = true;
            self.agenda.push_back(Task::Items(at));
        }
    }

    /// No more items start: a task that said so is of no more use.
    pub(crate) fn look_at_items_anew(&mut self, at: At) {
        let looked_at = self.work_mut(at).is_some_and(|work| std::mem::take(&mut work.looked_at));
        if looked_at {
            self.agenda.retain(|task| *task != Task::Items(at));
        }
        self.look_at_items(at);
    }

    /// A unit is to end early. What it does ends first; what it waits for is withdrawn.
    pub(crate) fn interrupt(&mut self, unit: Unit, because: &Returned) -> Option<FrameId> {
        let state = self.unit_mut(unit)?;
        match because {
            Returned::TimedOut => state.timed_out = true,
            _ => state.cancelling = true,
        }
        match state.step.clone() {
            Step::Ready | Step::Returned(_) | Step::Done(_) => {}
            Step::Inside(frame) => return Some(frame),
            Step::Calling(call) => self.interrupt_call(call),
            Step::Queued => {
                self.dequeue(unit);
                self.come_back(unit, because.clone());
            }
            Step::Asking(question) => {
                self.questions.remove(&question);
                self.come_back(unit, because.clone());
            }
            Step::Backoff(wait) => {
                match wait {
                    Some(wait) => drop(self.waits.remove(&wait)),
                    None => self.forget_wait(WaitFor::Backoff(unit)),
                }
                self.come_back(unit, because.clone());
            }
        }
        None
    }

    fn interrupt_call(&mut self, id: CallId) {
        if let Some(call) = self.calls.get_mut(&id).filter(|call| !call.cancelling) {
            call.cancelling = true;
            self.agenda.push_back(Task::CancelCall(id));
        }
    }
}

impl Work {
    /// May one more item start?
    pub(crate) fn may_start(&self, parallel: u32) -> bool {
        let items = self.items.as_ref().and_then(|items| items.as_array()).map_or(0, Vec::len);
        !self.cancelling && self.bound.is_none() && self.live < parallel && self.units.len() < items
    }
}

impl WaitFor {
    /// Is it for this execution as a whole, or for something in it?
    fn is_of(&self, id: FrameId) -> bool {
        match self {
            WaitFor::Backoff(unit) | WaitFor::Timeout(unit) => unit.at.frame == id,
            WaitFor::Delay(frame, _) | WaitFor::Wall(frame) | WaitFor::Grace(frame) => *frame == id,
        }
    }
}
