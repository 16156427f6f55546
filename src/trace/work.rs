//! What a node does while it runs, and each of its units: attempts, calls, questions, waits. Decides nothing.

use std::sync::Arc;

use serde_json::Value;

use crate::plan::ChannelIx;

use super::talk::Talk;
use super::{Answer, CallId, CallOrder, CallOutcome, FrameId, GraphOutcome, NodeResult, QuestionId, WaitId};

/// A node in its present iteration.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NodeState {
    /// Forward edges that are not decided.
    pub(crate) pending: u32,
    pub(crate) stage: Stage,
    /// Reached through an `always` edge, or by what follows from one.
    pub(crate) via_always: bool,
    /// In how many iterations it ran.
    pub(crate) ran: u32,
    /// While it runs.
    pub(crate) work: Option<Box<Work>>,
    pub(crate) result: Option<NodeResult>,
    /// Why it did not run.
    pub(crate) reason: Option<Box<str>>,
}

/// How far a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Edges to it are undecided.
    Waiting,
    /// It is to be decided: a task says so.
    Ready,
    /// It waits for the rest to end.
    Parked,
    /// It waits between iterations.
    Delayed,
    /// It runs.
    Running,
    /// It is done.
    Settled,
}

/// What a running node does.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Work {
    /// Of a `for_each`.
    pub(crate) items: Option<Arc<Value>>,
    /// By item; one where there is no `for_each`.
    pub(crate) units: Vec<UnitState>,
    /// Items that run.
    pub(crate) live: u32,
    /// The lowest failed item: no later one starts.
    pub(crate) bound: Option<u32>,
    /// The node is to end early.
    pub(crate) cancelling: bool,
    /// A task says that items are to be looked at.
    pub(crate) looked_at: bool,
    /// Writes that hold once the node has succeeded.
    pub(crate) writes: Vec<(Option<u32>, ChannelIx, Arc<Value>)>,
}

/// What a unit does.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct UnitState {
    /// From 1.
    pub(crate) attempt: u32,
    /// Calls of this attempt.
    pub(crate) calls: u32,
    pub(crate) step: Step,
    /// It is to end early.
    pub(crate) cancelling: bool,
    /// Its attempt took too long.
    pub(crate) timed_out: bool,
    /// Does it hold a slot?
    pub(crate) slot: bool,
    /// The timer of its attempt.
    pub(crate) timer: Option<WaitId>,
    /// The calls of this attempt, for the next: what was asked last.
    pub(crate) asked: Option<Arc<CallOrder>>,
    /// The approval that its next call carries.
    pub(crate) approval: Option<Box<Value>>,
    /// Of `llm`: the conversation of this attempt.
    pub(crate) talk: Option<Box<Talk>>,
}

/// Where a unit stands in its attempt.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    /// It is to begin: a task says so.
    Ready,
    /// It waits for a slot.
    Queued,
    /// It waits for the runner.
    Calling(CallId),
    /// It waits for a subgraph.
    Inside(FrameId),
    /// It waits for a person.
    Asking(QuestionId),
    /// It waits for its next attempt; none: the wait has not begun.
    Backoff(Option<WaitId>),
    /// Its attempt has come to something: a task says so.
    Returned(Returned),
    /// It is done.
    Done(NodeResult),
}

/// What an attempt came to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Returned {
    Call(Arc<CallOutcome>),
    Graph(GraphOutcome),
    Granted(Box<Answer>),
    Rejected(Box<Answer>),
    TimedOut,
    Cancelled,
}

impl NodeState {
    pub(crate) fn new(incoming: u32) -> Self {
        Self {
            pending: incoming,
            stage: Stage::Waiting,
            via_always: false,
            ran: 0,
            work: None,
            result: None,
            reason: None,
        }
    }

    /// As if it had never run.
    pub(crate) fn reset(&mut self, incoming: u32) {
        *self = Self { ran: self.ran, ..Self::new(incoming) };
    }
}

impl UnitState {
    pub(crate) fn new() -> Self {
        Self {
            attempt: 1,
            calls: 0,
            step: Step::Ready,
            cancelling: false,
            timed_out: false,
            slot: false,
            timer: None,
            asked: None,
            approval: None,
            talk: None,
        }
    }
}
