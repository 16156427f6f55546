//! Events to their stored form. Names come from the plans in the state: an event itself has numbers alone.

use serde_json::{Map, Value, json};

use crate::plan::{LoopIx, NodeIx};
use crate::trace::state::RunState;
use crate::trace::{
    At, CallId, CallOrder, CallOutcome, Cost, EventBody, FrameId, NodeFinished, Question, Unit, WaitFor,
    WaitId,
};

use super::calls::{order_data, result_data, results_data};
use super::fields::{answer_to, dead_to, edges_to, error_to, outcome_to, result_to};

/// What of an event stands beside its data.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wire {
    pub(crate) node: Option<String>,
    pub(crate) path: Option<String>,
    pub(crate) iteration: Vec<u32>,
    pub(crate) attempt: Option<u32>,
    pub(crate) data: Map<String, Value>,
}

impl EventBody {
    /// Every word that [`EventBody::kind`] gives.
    pub const KINDS: [&str; 30] = [
        "run.started",
        "node.decided",
        "node.started",
        "node.finished",
        "node.exhausted",
        "item.started",
        "item.finished",
        "node.retried",
        "edge.taken",
        "edge.dead",
        "loop.turned",
        "loop.finished",
        "state.written",
        "call.started",
        "call.cancelled",
        "call.finished",
        "graph.started",
        "graph.finished",
        "budget.charged",
        "budget.exceeded",
        "wait.started",
        "wait.finished",
        "approval.requested",
        "approval.granted",
        "approval.rejected",
        "approval.withdrawn",
        "run.suspended",
        "run.resumed",
        "run.cancelled",
        "run.finished",
    ];

    /// The word of the trace.
    pub fn kind(&self) -> &'static str {
        match self {
            EventBody::RunStarted(_) => "run.started",
            EventBody::NodeDecided(_) => "node.decided",
            EventBody::NodeStarted { .. } => "node.started",
            EventBody::NodeFinished(_) => "node.finished",
            EventBody::NodeExhausted(_) => "node.exhausted",
            EventBody::ItemStarted { .. } => "item.started",
            EventBody::ItemFinished { .. } => "item.finished",
            EventBody::NodeRetried { .. } => "node.retried",
            EventBody::EdgeTaken { .. } => "edge.taken",
            EventBody::EdgeDead { .. } => "edge.dead",
            EventBody::LoopTurned { .. } => "loop.turned",
            EventBody::LoopFinished { .. } => "loop.finished",
            EventBody::StateWritten { .. } => "state.written",
            EventBody::CallStarted { .. } => "call.started",
            EventBody::CallCancelled { .. } => "call.cancelled",
            EventBody::CallFinished { .. } => "call.finished",
            EventBody::GraphStarted { .. } => "graph.started",
            EventBody::GraphFinished { .. } => "graph.finished",
            EventBody::BudgetCharged { .. } => "budget.charged",
            EventBody::BudgetExceeded { .. } => "budget.exceeded",
            EventBody::WaitStarted { .. } => "wait.started",
            EventBody::WaitFinished { .. } => "wait.finished",
            EventBody::ApprovalRequested(_) => "approval.requested",
            EventBody::ApprovalGranted { .. } => "approval.granted",
            EventBody::ApprovalRejected { .. } => "approval.rejected",
            EventBody::ApprovalWithdrawn { .. } => "approval.withdrawn",
            EventBody::RunSuspended { .. } => "run.suspended",
            EventBody::RunResumed => "run.resumed",
            EventBody::RunCancelled { .. } => "run.cancelled",
            EventBody::RunFinished { .. } => "run.finished",
        }
    }

    /// The kinds that come from outside, and are not decided by the interpreter.
    pub const FROM_OUTSIDE: [&str; 7] = [
        "run.started",
        "call.finished",
        "wait.finished",
        "approval.granted",
        "approval.rejected",
        "run.resumed",
        "run.cancelled",
    ];

    /// Does it come from outside, and is not decided by the interpreter?
    pub fn is_from_outside(&self) -> bool {
        Self::FROM_OUTSIDE.contains(&self.kind())
    }
}

/// The stored form of `event`, as it happens to `state`.
pub(crate) fn encode(state: &RunState, event: &EventBody) -> Wire {
    let mut wire = Wire::default();
    match event {
        EventBody::RunStarted(started) => {
            wire.put("inputs", (*started.inputs).clone());
            wire.put("revision", json!(started.revision));
            wire.put("facts", (*started.facts).clone());
        }
        EventBody::NodeDecided(decided) => {
            wire.at(state, decided.at);
            wire.put("status", decided.status.as_str());
            wire.put("reason", decided.reason.as_str());
            wire.put("taken", edges_to(&decided.taken));
        }
        EventBody::NodeStarted { at, items } => {
            wire.at(state, *at);
            if let Some(items) = items {
                wire.put("items", (**items).clone());
            }
        }
        EventBody::NodeFinished(finished) | EventBody::NodeExhausted(finished) => {
            wire.finished(state, finished);
        }
        EventBody::ItemStarted { unit } => wire.unit(state, *unit),
        EventBody::ItemFinished { unit, result } => {
            wire.unit(state, *unit);
            result_to(&mut wire.data, result);
        }
        EventBody::NodeRetried { unit, attempt, error, backoff } => {
            wire.unit(state, *unit);
            wire.attempt = Some(*attempt);
            wire.put("error", error_to(error));
            wire.put("backoff_ms", backoff.as_millis() as u64);
        }
        EventBody::EdgeTaken { frame, edge } => wire.edge(state, *frame, edge.0),
        EventBody::EdgeDead { frame, edge, why } => {
            wire.edge(state, *frame, edge.0);
            wire.put("why", dead_to(why));
        }
        EventBody::LoopTurned { frame, at, iteration } => {
            wire.loop_at(state, *frame, *at);
            wire.put("iteration", *iteration);
        }
        EventBody::LoopFinished { frame, at, iterations, taken } => {
            wire.loop_at(state, *frame, *at);
            wire.put("iterations", *iterations);
            wire.put("taken", edges_to(taken));
        }
        EventBody::StateWritten { unit, channel, value } => {
            wire.unit(state, *unit);
            if let Some(frame) = state.frame(unit.at.frame) {
                wire.put("channel", frame.plan().channels[channel.0 as usize].name.as_str());
            }
            wire.put("value", (**value).clone());
        }
        EventBody::RunSuspended { waiting } => {
            wire.put("waiting", waiting.iter().map(|question| question.0).collect::<Value>());
        }
        EventBody::RunResumed => {}
        EventBody::RunCancelled { how } => {
            wire.put("at_once", *how == crate::trace::Cancel::AtOnce);
        }
        EventBody::RunFinished { status, outcome } => {
            wire.put("status", status.as_str());
            outcome_to(&mut wire.data, outcome);
        }
        EventBody::CallStarted { .. }
        | EventBody::CallCancelled { .. }
        | EventBody::CallFinished { .. }
        | EventBody::GraphStarted { .. }
        | EventBody::GraphFinished { .. }
        | EventBody::BudgetCharged { .. }
        | EventBody::BudgetExceeded { .. }
        | EventBody::WaitStarted { .. }
        | EventBody::WaitFinished { .. }
        | EventBody::ApprovalRequested(_)
        | EventBody::ApprovalGranted { .. }
        | EventBody::ApprovalRejected { .. }
        | EventBody::ApprovalWithdrawn { .. } => encode_effect(state, event, &mut wire),
    }
    wire
}

/// The events that have to do with the world.
fn encode_effect(state: &RunState, event: &EventBody, wire: &mut Wire) {
    match event {
        EventBody::CallStarted { call, unit, attempt, order } => {
            wire.unit(state, *unit);
            wire.attempt = Some(*attempt);
            wire.put("call", call.0);
            wire.order(order);
        }
        EventBody::CallCancelled { call } => wire.call(state, *call),
        EventBody::CallFinished { call, outcome } => {
            wire.call(state, *call);
            wire.data.extend(match &**outcome {
                CallOutcome::Single(result) => result_data(result),
                CallOutcome::Batch(results) => results_data(results),
            });
        }
        EventBody::GraphStarted { frame, unit, attempt, inputs } => {
            wire.unit(state, *unit);
            wire.attempt = Some(*attempt);
            wire.put("frame", frame.0);
            wire.put("inputs", (**inputs).clone());
        }
        EventBody::GraphFinished { frame, outcome } => {
            wire.frame(state, *frame);
            wire.put("frame", frame.0);
            outcome_to(&mut wire.data, outcome);
        }
        EventBody::BudgetCharged { call, cost } => {
            wire.put("call", call.0);
            wire.cost(*cost);
        }
        EventBody::BudgetExceeded { frame, budget, unit } => {
            if let Some(unit) = unit {
                wire.unit(state, *unit);
            }
            wire.put("frame", frame.0);
            wire.put("budget", budget.as_str());
        }
        EventBody::WaitStarted { wait, reason, duration } => {
            wire.put("wait", wait.0);
            wire.put("ms", duration.as_millis() as u64);
            wire.wait(state, reason);
        }
        EventBody::WaitFinished { wait: WaitId(wait) } => wire.put("wait", *wait),
        EventBody::ApprovalRequested(question) => wire.question(state, question),
        EventBody::ApprovalGranted { question, answer }
        | EventBody::ApprovalRejected { question, answer } => {
            wire.put("question", question.0);
            answer_to(&mut wire.data, answer);
        }
        EventBody::ApprovalWithdrawn { question, at } => {
            wire.at(state, *at);
            wire.put("question", question.0);
        }
        _ => {}
    }
}

impl Wire {
    fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.data.insert(name.to_owned(), value.into());
    }

    fn frame(&mut self, state: &RunState, id: FrameId) {
        let address = state.frame(id).map(|frame| frame.address.trim_end_matches('/').to_owned());
        self.path = address.filter(|address| !address.is_empty());
    }

    fn at(&mut self, state: &RunState, at: At) {
        self.frame(state, at.frame);
        if let Some(frame) = state.frame(at.frame) {
            self.node = Some(frame.plan().node(at.node).id.to_string());
            self.iteration = frame.iterations(at.node).into_vec();
        }
    }

    fn unit(&mut self, state: &RunState, unit: Unit) {
        self.at(state, unit.at);
        if let Some(index) = unit.item {
            self.put("index", index);
        }
    }

    fn finished(&mut self, state: &RunState, finished: &NodeFinished) {
        self.at(state, finished.at);
        result_to(&mut self.data, &finished.result);
        self.put("taken", edges_to(&finished.taken));
    }

    fn edge(&mut self, state: &RunState, id: FrameId, edge: u32) {
        self.frame(state, id);
        self.put("edge", edge);
        if let Some(frame) = state.frame(id) {
            let known = &frame.plan().edges[edge as usize];
            let name = |node: NodeIx| frame.plan().node(node).id.as_str();
            self.put("from", name(known.from));
            self.put("to", name(known.to));
        }
    }

    fn loop_at(&mut self, state: &RunState, frame: FrameId, l: LoopIx) {
        if let Some(known) = state.frame(frame) {
            self.at(state, At { frame, node: known.plan().loops[l.0 as usize].target });
        }
        self.put("loop", l.0);
    }

    fn call(&mut self, state: &RunState, call: CallId) {
        if let Some(open) = state.calls.get(&call) {
            self.unit(state, open.unit);
        }
        self.put("call", call.0);
    }

    fn order(&mut self, order: &CallOrder) {
        self.data.extend(order_data(order));
    }

    fn cost(&mut self, cost: Cost) {
        self.put("tool_calls", cost.tool_calls);
        self.put("llm_tokens", cost.llm_tokens);
        self.put("patch_bytes", cost.patch_bytes);
    }

    fn wait(&mut self, state: &RunState, reason: &WaitFor) {
        let word = match reason {
            WaitFor::Backoff(unit) | WaitFor::Timeout(unit) => {
                self.unit(state, *unit);
                if matches!(reason, WaitFor::Backoff(_)) { "backoff" } else { "timeout" }
            }
            WaitFor::Delay(frame, l) => {
                self.loop_at(state, *frame, *l);
                "delay"
            }
            WaitFor::Wall(frame) => {
                self.frame(state, *frame);
                "wall"
            }
            WaitFor::Grace(frame) => {
                self.frame(state, *frame);
                "grace"
            }
        };
        self.put("for", word);
    }

    fn question(&mut self, state: &RunState, question: &Question) {
        self.unit(state, question.unit);
        self.put("question", question.id.0);
        self.put("show", (*question.show).clone());
        self.put("options", json!(question.options));
        self.put("policy", question.policy);
        if let Some(response) = &question.response {
            self.put("response", (**response).clone());
        }
    }
}
