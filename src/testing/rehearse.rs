//! One case as a run: the interpreter decides, the policy is asked about each call, and the script says what comes of
//! it. Its time is imagined: nobody waits for it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::effect::{ErrorKind, RunLimits, ToolCall, ToolError, ToolResult, refused_whole};
use crate::interpret::{Effect, bind_inputs, next};
use crate::model::graph_test::{GraphCase, Reply};
use crate::plan::Plan;
use crate::policy::{Gate, GateDecision, GrantLimits};
use crate::receipt::{Counters, Used};
use crate::runner::{call_beyond, call_unfit, result_beyond};
use crate::source::Span;
use crate::trace::{
    CallId, CallOrder, CallOutcome, EventBody, FrameId, IllegalEvent, Phase, QuestionId, RunStarted,
    RunState, Summary, apply,
};

use super::Coverage;
use super::clocks::{Clock, Clocks, Person};
use super::outcome::{answered, asked_ref, deadline, ended, finished, refused};
use super::script::{Scene, Script};

/// More events than any case is worth.
const MOST_EVENTS: usize = 1_000_000;

/// A call that was made, or would have been.
#[derive(Debug, Clone, PartialEq)]
pub struct MadeCall {
    /// The node: `outer/inner`.
    pub node: String,
    /// The tool.
    pub tool: String,
    /// Its parameters.
    pub input: Value,
    /// The rules that refused it, strictest first, where the policy did; a limit is one.
    pub refused_by: Option<Vec<String>>,
}

/// Why a case could not be played as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where in the case.
    pub span: Span,
    /// What is wrong.
    pub message: String,
    /// The edit that mends it.
    pub help: String,
}

impl Problem {
    pub(super) fn new(span: Span, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { span, message: message.into(), help: help.into() }
    }
}

/// What a case came to.
#[derive(Debug)]
pub struct Rehearsal {
    /// The run as a whole.
    pub summary: Summary,
    /// Its channels at the end, by name.
    pub channels: Vec<(String, Arc<Value>)>,
    /// The calls, in the order in which they were made.
    pub calls: Vec<MadeCall>,
    /// What it came by.
    pub coverage: Coverage,
    /// What is wrong with the case itself.
    pub problems: Vec<Problem>,
    /// Was it played to its end? If not, the rest is as far as it was played.
    pub is_whole: bool,
}

/// Plays a case of `plan` under the policy of `gate`, which is of this case alone.
pub fn rehearse(plan: &Arc<Plan>, gate: &Gate, case: &GraphCase) -> Rehearsal {
    let mut stage = Stage {
        gate,
        case,
        script: Script::new(case),
        state: RunState::new("test", plan),
        coverage: Coverage::default(),
        waiting: VecDeque::new(),
        clocks: Clocks::default(),
        so_far: BTreeMap::new(),
        unanswered: BTreeSet::new(),
        late: BTreeSet::new(),
        calls: Vec::new(),
        counters: Counters::new(RunLimits::default(), Used::default()),
        problems: Vec::new(),
        events: 0,
    };
    let played = stage.play(plan);
    let is_whole = played.is_ok();
    if let Err(stop) = played {
        stage.problems.push(stop);
    } else {
        for (span, message) in stage.script.unused() {
            let help = "remove it, or correct whom it is for".to_owned();
            stage.problems.push(Problem { span, message, help });
        }
    }
    stage.end(plan, is_whole)
}

struct Stage<'s> {
    gate: &'s Gate,
    case: &'s GraphCase,
    script: Script<'s>,
    state: RunState,
    coverage: Coverage,
    /// Calls that have begun, and are not answered.
    waiting: VecDeque<(CallId, Arc<CallOrder>)>,
    clocks: Clocks,
    /// Of the lists of calls in which one hangs: what came of those before it.
    so_far: BTreeMap<CallId, Vec<ToolResult>>,
    /// Questions that the script has no answer to.
    unanswered: BTreeSet<QuestionId>,
    /// Those among them whose time is to pass.
    late: BTreeSet<QuestionId>,
    calls: Vec<MadeCall>,
    /// By the policy; what a user's settings lower is not a test's.
    counters: Counters,
    problems: Vec<Problem>,
    events: usize,
}

impl Stage<'_> {
    fn play(&mut self, plan: &Arc<Plan>) -> Result<(), Problem> {
        let inputs = self.case.inputs.value.as_object().cloned().unwrap_or_default();
        let inputs = bind_inputs(plan, inputs).map_err(|problems| {
            let words: Vec<String> = problems.iter().map(ToString::to_string).collect();
            Problem::new(self.case.inputs.span, words.join("; "), "correct `inputs`")
        })?;
        let facts = Arc::new(json!({}));
        let start = RunStarted { inputs: Arc::new(inputs), revision: None, facts };
        self.happen(&EventBody::RunStarted(Box::new(start)))?;
        loop {
            self.decide()?;
            if matches!(self.state.phase(), Phase::Finished { .. }) {
                return Ok(());
            }
            let next = match self.state.phase() {
                Phase::Suspended => self.answer_question()?.or_else(|| self.let_time_pass()),
                _ => match self.answer_call()? {
                    Some(event) => Some(event),
                    None => self.ring(),
                },
            };
            match next {
                Some(event) => self.happen(&event)?,
                None if *self.state.phase() == Phase::Suspended => return Ok(()),
                None => {
                    let message = "the run waits for ever: a call hangs, and no timeout ends it";
                    return Err(Problem::new(
                        self.case.span,
                        message,
                        "give its node a `timeout`, or a result",
                    ));
                }
            }
        }
    }

    fn happen(&mut self, event: &EventBody) -> Result<(), Problem> {
        self.events += 1;
        if self.events > MOST_EVENTS {
            let message = format!("the run has more than {MOST_EVENTS} events");
            return Err(Problem::new(self.case.span, message, "test it with smaller loops and lists"));
        }
        apply(&mut self.state, event).map_err(|illegal: IllegalEvent| {
            let message = format!("a bug of lgflow, please report it: {illegal}");
            Problem::new(self.case.span, message, "leave the case out")
        })?;
        if let EventBody::WaitStarted { wait, .. } = event {
            self.clocks.begin(Clock::Wait(*wait));
        }
        self.coverage.see(&self.state, event);
        Ok(())
    }

    fn decide(&mut self) -> Result<(), Problem> {
        loop {
            let requests = next(&self.state);
            if requests.is_empty() {
                return Ok(());
            }
            for request in requests {
                self.happen(&request.record)?;
                match request.effect {
                    Some(Effect::Call(call, order)) => self.waiting.push_back((call, order)),
                    Some(Effect::Cancel(call)) => self.cancel(call),
                    Some(Effect::Wait(..)) | None => {}
                }
            }
        }
    }

    /// A call that is to end early ends so, as if the runner had heard of it in time.
    fn cancel(&mut self, call: CallId) {
        if !self.clocks.end(call) {
            return;
        }
        let order = self.state.open_calls().find(|(id, _)| *id == call).map(|(_, order)| Arc::clone(order));
        self.waiting.extend(order.map(|order| (call, order)));
    }

    /// The first call that has begun.
    fn answer_call(&mut self) -> Result<Option<EventBody>, Problem> {
        while let Some((call, order)) = self.waiting.pop_front() {
            if !self.state.awaits_call(call) {
                continue;
            }
            if self.state.is_cancelling(call) {
                let so_far = self.so_far.remove(&call).unwrap_or_default();
                let outcome = ended(&order, so_far, &ErrorKind::Cancelled, "the call was cancelled");
                return Ok(Some(finished(call, outcome)));
            }
            match self.outcome(call, &order)? {
                Some(outcome) => return Ok(Some(finished(call, outcome))),
                None => self.clocks.hang(call, deadline(&order)),
            }
        }
        Ok(None)
    }

    /// What an order comes to; nothing where it hangs.
    fn outcome(&mut self, id: CallId, order: &CallOrder) -> Result<Option<CallOutcome>, Problem> {
        let provenance = self.state.provenance(id).map(Box::new);
        let told = |call: &ToolCall| ToolCall { provenance: provenance.clone(), ..call.clone() };
        match order {
            CallOrder::Prepare(call) => Ok(Some(CallOutcome::Single(self.look(&told(call))))),
            CallOrder::Single(call) => {
                let call = told(call);
                if let Some(error) = self.asked_beyond(&call) {
                    return Ok(Some(CallOutcome::Single(self.beyond(&call, error))));
                }
                if let Some(refusal) = self.refusal(&call) {
                    // what is no call of its tool was not refused by the policy
                    if refusal.error.as_ref().is_some_and(|error| error.kind != ErrorKind::InvalidInput) {
                        self.note_call(&call, &refusal);
                    }
                    return Ok(Some(CallOutcome::Single(refusal)));
                }
                Ok(self.done(&call)?.map(CallOutcome::Single))
            }
            CallOrder::Batch(calls) => self.batch(id, &calls.iter().map(told).collect::<Vec<_>>()),
        }
    }

    /// All are decided before the first is done; then in order, up to the first failure.
    fn batch(&mut self, id: CallId, calls: &[ToolCall]) -> Result<Option<CallOutcome>, Problem> {
        let unfit: Vec<Option<ToolResult>> = calls.iter().map(call_unfit).collect();
        if unfit.iter().any(Option::is_some) {
            return Ok(Some(CallOutcome::Batch(refused_whole(calls, unfit))));
        }
        let mut refusals: Vec<Option<ToolResult>> = calls.iter().map(|call| self.refusal(call)).collect();
        let is_denied = |refusal: &ToolResult| {
            refusal.error.as_ref().is_some_and(|error| error.kind == ErrorKind::Denied)
        };
        if refusals.iter().any(Option::is_some) && !refusals.iter().flatten().any(is_denied) {
            let beyond = |call| call_beyond(call, &self.limits(call));
            let found = calls.iter().enumerate().find_map(|(at, call)| Some((at, beyond(call)?)));
            if let Some((at, error)) = found {
                refusals = vec![None; calls.len()];
                refusals[at] = Some(self.beyond(&calls[at], error));
                return Ok(Some(CallOutcome::Batch(refused_whole(calls, refusals))));
            }
        }
        if refusals.iter().any(Option::is_some) {
            let refused = calls.iter().zip(&refusals);
            let refused = refused.filter_map(|(call, refusal)| Some((call, refusal.as_ref()?)));
            refused.for_each(|(call, refusal)| self.note_call(call, refusal));
            return Ok(Some(CallOutcome::Batch(refused_whole(calls, refusals))));
        }
        let mut results = Vec::new();
        for call in calls {
            let Some(result) = self.done(call)? else {
                self.so_far.insert(id, results);
                return Ok(None);
            };
            let failed = !result.ok;
            results.push(result);
            if failed {
                break;
            }
        }
        Ok(Some(CallOutcome::Batch(results)))
    }

    /// What the policy says before anything is done; nothing where the call goes ahead.
    fn refusal(&self, call: &ToolCall) -> Option<ToolResult> {
        match self.gate.decide(call) {
            GateDecision::Granted(_) => None,
            GateDecision::Ask(_) if call.approval.is_some() => None,
            GateDecision::Ask(asked) => {
                Some(refused(call, ErrorKind::ApprovalRequired, asked.verdict(), Some(asked_ref())))
            }
            // what it cannot read it denies, and that is not why such a call fails
            GateDecision::Denied(verdict) => {
                call_unfit(call).or_else(|| Some(refused(call, ErrorKind::Denied, &verdict, None)))
            }
        }
    }

    /// The limit that a call is beyond of which a person would be asked: nobody is asked about what cannot be done.
    fn asked_beyond(&self, call: &ToolCall) -> Option<ToolError> {
        match self.gate.decide(call) {
            GateDecision::Ask(_) => call_beyond(call, &self.limits(call)),
            GateDecision::Granted(_) | GateDecision::Denied(_) => None,
        }
    }

    /// The bounds that the policy sets a call.
    fn limits(&self, call: &ToolCall) -> GrantLimits {
        self.gate.at(&call.node).policy().limits()
    }

    /// The runner looks at a call that is to be shown to a person.
    fn look(&self, call: &ToolCall) -> ToolResult {
        self.refusal(call)
            .or_else(|| call_unfit(call))
            .unwrap_or_else(|| ToolResult::success(&call.tool, Value::Null))
    }

    /// A call that goes ahead, unless a limit of the policy refuses it; nothing where it hangs.
    fn done(&mut self, call: &ToolCall) -> Result<Option<ToolResult>, Problem> {
        let limits = self.limits(call);
        let begun = self.counters.begin(call, self.gate.at(&call.node).policy().tool_calls());
        if let Err(error) = begun.and_then(|()| call_beyond(call, &limits).map_or(Ok(()), Err)) {
            return Ok(Some(self.beyond(call, error)));
        }
        let turn = self.script.turn(call);
        let scripted = self.script.result(call, turn);
        if let Some(result) = call_unfit(call) {
            // whatever is scripted for it: it was let through, and its tool takes no such call
            self.note_call(call, &result);
            return Ok(Some(result));
        }
        match scripted {
            // it was let through: what it comes to is another matter
            Some(Scene::Hangs) => {
                self.note(call, None);
                self.gate.note_rehearsed(call, false);
                Ok(None)
            }
            Some(Scene::Result(result)) => {
                if let Some(error) = result_beyond(call, &result, &limits) {
                    return Ok(Some(self.beyond(call, error)));
                }
                self.note_call(call, &result);
                self.gate.note_rehearsed(call, result.ok);
                Ok(Some(*result))
            }
            None => {
                let input = super::difference::shortened(&call.input.to_string());
                let number = turn.of_node();
                let (node, tool) = (&call.node, &call.tool);
                let message =
                    format!("no result is scripted for call {number} of `{node}`: `{tool}` with {input}");
                let help = format!("add `{{ node: {node}, call: {number}, output: … }}` under `results`");
                Err(Problem::new(self.case.span, message, help))
            }
        }
    }

    /// What a call comes to that a limit of the policy refuses.
    fn beyond(&mut self, call: &ToolCall, error: ToolError) -> ToolResult {
        let limit = error.limit.as_deref().unwrap_or("tool_calls");
        self.note(call, Some(vec![format!("limits.{limit}")]));
        ToolResult::failure(&call.tool, error)
    }

    fn note_call(&mut self, call: &ToolCall, result: &ToolResult) {
        let kind = result.error.as_ref().map(|error| &error.kind);
        if kind != Some(&ErrorKind::ApprovalRequired) {
            let refused = kind == Some(&ErrorKind::Denied) && !result.rules.is_empty();
            self.note(call, refused.then(|| result.rules.iter().map(|rule| rule.rule.clone()).collect()));
        }
    }

    fn note(&mut self, call: &ToolCall, refused_by: Option<Vec<String>>) {
        let ToolCall { node, tool, input, .. } = call.clone();
        self.calls.push(MadeCall { node, tool, input, refused_by });
    }

    /// A question that the script answers, in the order in which they were asked.
    fn answer_question(&mut self) -> Result<Option<EventBody>, Problem> {
        loop {
            let unanswered = &self.unanswered;
            let open = self.state.open_questions().find(|question| !unanswered.contains(&question.id));
            let Some(question) = open.cloned() else { return Ok(None) };
            let node = self.state.node_path(question.unit.at);
            let answer = self.script.answer(&node);
            match answer {
                Some(Reply::Given(given)) => {
                    let response = question.response.as_deref();
                    return answered(question.id, &question.options, response, given).map(Some);
                }
                Some(Reply::Late(_)) => drop(self.late.insert(question.id)),
                None => {}
            }
            self.unanswered.insert(question.id);
        }
    }

    /// While the run waits for people alone: the time of those who are to be late passes.
    fn let_time_pass(&mut self) -> Option<EventBody> {
        let is_late = self.state.open_questions().any(|question| self.late.contains(&question.id));
        if is_late { self.ring_of(true) } else { None }
    }

    /// The next clock that rings while the run goes on.
    fn ring(&mut self) -> Option<EventBody> {
        self.ring_of(false)
    }

    fn ring_of(&mut self, stands: bool) -> Option<EventBody> {
        let state = &self.state;
        let waits = state.open_waits();
        let waits = waits.map(|(wait, reason, whole)| (wait, whole, Person(state.times_a_person(reason))));
        match self.clocks.ring(waits, stands)? {
            Clock::Wait(wait) => Some(EventBody::WaitFinished { wait }),
            Clock::Call(call) => {
                self.clocks.end(call);
                let so_far = self.so_far.remove(&call).unwrap_or_default();
                let order = self.state.open_calls().find(|(id, _)| *id == call).map(|(_, order)| order)?;
                let why = "it took longer than its `timeout`";
                Some(finished(call, ended(order, so_far, &ErrorKind::Timeout, why)))
            }
        }
    }

    fn end(self, plan: &Plan, is_whole: bool) -> Rehearsal {
        let root = self.state.frame(FrameId::ROOT);
        let channels = plan.channels.iter().enumerate().filter_map(|(at, channel)| {
            let value = root?.channel_shown(crate::plan::ChannelIx(at as u32));
            Some((channel.name.as_str().to_owned(), value))
        });
        Rehearsal {
            channels: channels.collect(),
            summary: self.state.summary(),
            calls: self.calls,
            coverage: self.coverage,
            problems: self.problems,
            is_whole,
        }
    }
}
