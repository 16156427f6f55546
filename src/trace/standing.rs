//! Where a run stands at one event, in full: every execution with its nodes, channels and budgets, and what is under way.
//! A function of its state alone; knows neither its wire form nor time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::plan::{ChannelIx, NodeIx, PlanBudgets};

use super::frame::Frame;
use super::state::{Phase, RunState};
use super::summary::Waiting;
use super::work::{NodeState, Stage, Step, UnitState, Work};
use super::{CallId, CallOrder, Cost, FrameId, NodeError, Status, Totals, WaitFor, WaitId};

/// A run at one event.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// `new`, `running`, `suspended`, `ending`, or how it ended.
    pub status: &'static str,
    /// The executions of graphs that are not over, the run's own first.
    pub executions: Vec<Execution>,
    /// The calls that were started and have not ended.
    pub calls: Vec<CallInFlight>,
    /// The waits that have begun and not ended.
    pub waits: Vec<OpenWait>,
    /// The questions that nobody has answered.
    pub waiting: Vec<Waiting>,
    /// Sums.
    pub totals: Totals,
}

/// One execution of a graph.
#[derive(Debug, Clone, PartialEq)]
pub struct Execution {
    /// `outer#2[3]!1`; none for the run's own graph.
    pub path: Option<String>,
    /// The graph's name.
    pub graph: String,
    /// In canonical order.
    pub nodes: Vec<NodeStanding>,
    /// Every write that holds, by channel.
    pub channels: BTreeMap<String, Arc<Value>>,
    /// What was used up.
    pub spent: Cost,
    /// What may be.
    pub budgets: PlanBudgets,
}

/// A node in its present iteration.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeStanding {
    /// Its id.
    pub node: String,
    /// The iterations of the loops around it, outermost first.
    pub iteration: Vec<u32>,
    /// `waiting`, `ready`, `parked`, `delayed`, `running`, or how it ended.
    pub status: &'static str,
    /// In how many iterations it ran.
    pub iterations: u32,
    /// What it does, where it runs.
    pub doing: Option<Doing>,
    /// Why it failed.
    pub error: Option<Arc<NodeError>>,
    /// Why it did not run.
    pub reason: Option<String>,
    /// What it gave.
    pub output: Option<Value>,
}

/// What a running node does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Doing {
    /// It is tried.
    Attempt {
        /// Which time, from 1.
        attempt: u32,
        /// What the attempt waits for.
        step: &'static str,
    },
    /// It is done for each item of a list.
    Items {
        /// How many there are.
        all: usize,
        /// How many have ended.
        done: usize,
        /// How many run.
        running: usize,
    },
}

/// A call that was started and has not ended.
#[derive(Debug, Clone, PartialEq)]
pub struct CallInFlight {
    /// Its number.
    pub id: CallId,
    /// `outer/inner`
    pub node: String,
    /// Of the `for_each` item that makes it.
    pub index: Option<u32>,
    /// What is asked.
    pub order: Arc<CallOrder>,
    /// Was the runner asked to end it, or will it be?
    pub cancelling: bool,
}

/// A wait that has begun and not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenWait {
    /// Its number.
    pub id: WaitId,
    /// `backoff`, `timeout`, `delay`, `wall` or `grace`.
    pub reason: &'static str,
    /// `outer/inner`; none where no node waits.
    pub node: Option<String>,
    /// Its whole length.
    pub length: Duration,
}

impl RunState {
    /// Where the run stands.
    pub fn standing(&self) -> Standing {
        let status = match &self.phase {
            Phase::New => "new",
            Phase::Running => "running",
            Phase::Suspended => "suspended",
            Phase::Halted => "ending",
            Phase::Finished { status, .. } => status.as_str(),
        };
        Standing {
            status,
            executions: self.frames.iter().flatten().map(|frame| frame.execution()).collect(),
            calls: self.calls_in_flight(),
            waits: self
                .waits
                .iter()
                .map(|(id, (reason, length))| self.open_wait(*id, *reason, *length))
                .collect(),
            waiting: self.summary().waiting,
            totals: self.totals,
        }
    }

    fn calls_in_flight(&self) -> Vec<CallInFlight> {
        let call = |(id, call): (&CallId, &super::state::OpenCall)| CallInFlight {
            id: *id,
            node: self.node_path(call.unit.at),
            index: call.unit.item,
            order: Arc::clone(&call.order),
            cancelling: call.cancelling,
        };
        self.calls.iter().map(call).collect()
    }

    fn open_wait(&self, id: WaitId, reason: WaitFor, length: Duration) -> OpenWait {
        let of_frame = |frame: FrameId| {
            let path = self.frame(frame)?.path.trim_end_matches('/').to_owned();
            (!path.is_empty()).then_some(path)
        };
        let (reason, node) = match reason {
            WaitFor::Backoff(unit) => ("backoff", Some(self.node_path(unit.at))),
            WaitFor::Timeout(unit) => ("timeout", Some(self.node_path(unit.at))),
            WaitFor::Delay(frame, at) => ("delay", Some(self.loop_path(frame, at))),
            WaitFor::Wall(frame) => ("wall", of_frame(frame)),
            WaitFor::Grace(frame) => ("grace", of_frame(frame)),
        };
        OpenWait { id, reason, node, length }
    }
}

impl Frame {
    fn execution(&self) -> Execution {
        let plan = self.plan();
        let address = self.address.trim_end_matches('/');
        let channels = plan
            .channels
            .iter()
            .enumerate()
            .map(|(at, channel)| (channel.name.to_string(), self.channel_shown(ChannelIx(at as u32))));
        Execution {
            path: (!address.is_empty()).then(|| address.to_owned()),
            graph: plan.name.clone(),
            nodes: plan.order.iter().map(|&at| self.node_standing(at)).collect(),
            channels: channels.collect(),
            spent: self.spent,
            budgets: plan.budgets.clone(),
        }
    }

    fn node_standing(&self, at: NodeIx) -> NodeStanding {
        let state = self.node(at);
        NodeStanding {
            node: self.plan().node(at).id.to_string(),
            iteration: self.iterations(at).into_vec(),
            status: status_of(state),
            iterations: state.ran,
            doing: state.work.as_deref().and_then(Work::doing),
            error: state.result.as_ref().and_then(|result| result.error().cloned()),
            reason: state.reason.as_deref().map(str::to_owned),
            output: state.result.as_ref().and_then(|result| result.output().cloned()),
        }
    }
}

fn status_of(state: &NodeState) -> &'static str {
    let ended = state.result.as_ref().map(|result| result.status().as_str());
    match state.stage {
        Stage::Waiting => "waiting",
        Stage::Ready => "ready",
        Stage::Parked => "parked",
        Stage::Delayed => "delayed",
        Stage::Running => "running",
        Stage::Settled => ended.unwrap_or(Status::Cancelled.as_str()),
    }
}

impl Work {
    fn doing(&self) -> Option<Doing> {
        if let Some(items) = &self.items {
            let done = self.units.iter().filter(|unit| matches!(unit.step, Step::Done(_))).count();
            let all = items.as_array().map_or(0, Vec::len);
            return Some(Doing::Items { all, done, running: self.units.len() - done });
        }
        self.units.first().map(|unit| Doing::Attempt { attempt: unit.attempt, step: step_of(unit) })
    }
}

fn step_of(unit: &UnitState) -> &'static str {
    match &unit.step {
        Step::Ready => "begins",
        Step::Queued => "waits for a slot",
        Step::Calling(_) => "waits for the runner",
        Step::Inside(_) => "waits for its graph",
        Step::Asking(_) => "waits for a person",
        Step::Backoff(_) => "waits for its next attempt",
        Step::Returned(_) => "is to be decided",
        Step::Done(_) => "is done",
    }
}
