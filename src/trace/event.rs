//! The vocabulary of the trace: everything that can happen in a run. Knows neither its wire form nor what it changes.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::effect::{ToolCall, ToolResult};
use crate::plan::{ChannelIx, EdgeIx, LoopIx};

use super::{At, CallId, FrameId, GraphError, GraphOutcome, NodeResult, QuestionId, Status, Unit, WaitId};

/// One thing that happened.
///
/// Events from outside (a call's result, a timer, a person's word) are fed in as they come; all others are decided
/// by `interpret::next`, and which ones those are follows from the events before.
#[derive(Debug, Clone, PartialEq)]
pub enum EventBody {
    /// The first event. From outside.
    RunStarted(Box<RunStarted>),
    /// A node will not run, and this is why.
    NodeDecided(Box<NodeDecided>),
    /// A node runs.
    NodeStarted {
        /// The node.
        at: At,
        /// Of a `for_each`: the list.
        items: Option<Arc<Value>>,
    },
    /// A node is done, and its edges are decided with it.
    NodeFinished(Box<NodeFinished>),
    /// What a finished node comes to at the end of a loop: a loop edge of it that leaves that loop has run out; or what it
    /// failed with is caught by such edges alone, and the loop would turn, or none of them is taken after all.
    NodeExhausted(Box<NodeFinished>),
    /// An item runs.
    ItemStarted {
        /// The item.
        unit: Unit,
    },
    /// An item is done.
    ItemFinished {
        /// The item.
        unit: Unit,
        /// What it came to.
        result: NodeResult,
    },
    /// An attempt failed, and there will be another.
    NodeRetried {
        /// The node or item.
        unit: Unit,
        /// The number of the next attempt.
        attempt: u32,
        /// Why this one failed.
        error: Box<super::NodeError>,
        /// The wait before the next.
        backoff: Duration,
    },
    /// An edge is decided: its target hears of it.
    EdgeTaken {
        /// The execution of the graph.
        frame: FrameId,
        /// The edge.
        edge: EdgeIx,
    },
    /// An edge is decided: it will not be taken.
    EdgeDead {
        /// The execution of the graph.
        frame: FrameId,
        /// The edge.
        edge: EdgeIx,
        /// Why.
        why: DeadReason,
    },
    /// An iteration is over, the next begins.
    LoopTurned {
        /// The execution of the graph.
        frame: FrameId,
        /// The loop.
        at: LoopIx,
        /// The iteration that begins.
        iteration: u32,
    },
    /// A loop is over, and the edges that leave it are decided.
    LoopFinished {
        /// The execution of the graph.
        frame: FrameId,
        /// The loop.
        at: LoopIx,
        /// How many iterations there were.
        iterations: u32,
        /// Of the edges that waited for its end, the ones that are taken.
        taken: Vec<EdgeIx>,
    },
    /// A channel is written; it holds once the node has succeeded.
    StateWritten {
        /// The node or item that writes.
        unit: Unit,
        /// The channel.
        channel: ChannelIx,
        /// What is written.
        value: Arc<Value>,
    },
    /// A call is made. Recorded before its effect.
    CallStarted {
        /// The call.
        call: CallId,
        /// The node or item that makes it.
        unit: Unit,
        /// The attempt, from 1.
        attempt: u32,
        /// What is asked.
        order: Arc<CallOrder>,
    },
    /// A call is to end early.
    CallCancelled {
        /// The call.
        call: CallId,
    },
    /// A call has ended. From outside.
    CallFinished {
        /// The call.
        call: CallId,
        /// What it came to.
        outcome: Arc<CallOutcome>,
    },
    /// A subgraph runs.
    GraphStarted {
        /// The execution that begins.
        frame: FrameId,
        /// The node or item that it is for.
        unit: Unit,
        /// The attempt, from 1.
        attempt: u32,
        /// Its inputs: an object.
        inputs: Arc<Value>,
    },
    /// A subgraph is done.
    GraphFinished {
        /// The execution.
        frame: FrameId,
        /// What it came to.
        outcome: GraphOutcome,
    },
    /// What a call cost.
    BudgetCharged {
        /// The call.
        call: CallId,
        /// The cost.
        cost: Cost,
    },
    /// A budget is used up, and something needed it.
    BudgetExceeded {
        /// The execution of the graph whose budget it is.
        frame: FrameId,
        /// The budget.
        budget: Budget,
        /// The node or item that needed it; none for time on the clock.
        unit: Option<Unit>,
    },
    /// Time has to pass.
    WaitStarted {
        /// The wait.
        wait: WaitId,
        /// What for.
        reason: WaitFor,
        /// How long.
        duration: Duration,
    },
    /// The time has passed. From outside.
    WaitFinished {
        /// The wait.
        wait: WaitId,
    },
    /// A person is asked.
    ApprovalRequested(Box<Question>),
    /// A person agreed, or chose. From outside.
    ApprovalGranted {
        /// The question.
        question: QuestionId,
        /// The answer.
        answer: Box<Answer>,
    },
    /// A person refused. From outside.
    ApprovalRejected {
        /// The question.
        question: QuestionId,
        /// The answer.
        answer: Box<Answer>,
    },
    /// A node that waits for a person ends without an answer, with the executions inside of it: it is part of an execution
    /// that can only fail.
    ApprovalWithdrawn {
        /// The question.
        question: QuestionId,
        /// The node that ends: the one that asks, or one whose subgraph it is in.
        at: At,
    },
    /// Nothing can go on before a question is answered.
    RunSuspended {
        /// The open questions.
        waiting: Vec<QuestionId>,
    },
    /// Somebody goes on with it. From outside.
    RunResumed,
    /// Somebody wants it to end. From outside.
    RunCancelled {
        /// In order, with `always` paths, or at once?
        how: Cancel,
    },
    /// The last event.
    RunFinished {
        /// How it ended.
        status: RunStatus,
        /// Its outputs, or the error.
        outcome: GraphOutcome,
    },
}

/// What a run begins with.
#[derive(Debug, Clone, PartialEq)]
pub struct RunStarted {
    /// Its inputs, defaults included: an object.
    pub inputs: Arc<Value>,
    /// The revision of the workspace, for `run.revision`.
    pub revision: Option<String>,
    /// Digests, versions, layers of the sandbox: for the reader of the trace alone.
    pub facts: Arc<Value>,
}

/// A node that does not run.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeDecided {
    /// The node.
    pub at: At,
    /// `Skipped`, `NotReached` or `Cancelled`.
    pub status: Status,
    /// Why, for people: the edge, the value of its condition.
    pub reason: String,
    /// The edges from it that are taken.
    pub taken: Vec<EdgeIx>,
}

/// A node that is done.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeFinished {
    /// The node.
    pub at: At,
    /// What it came to.
    pub result: NodeResult,
    /// The edges from it that are taken, in its present iteration; an edge that leaves a loop's body is decided
    /// when the loop is over.
    pub taken: Vec<EdgeIx>,
}

/// Why an edge is dead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeadReason {
    /// Its condition was false.
    ConditionFalse,
    /// Its condition had no value, and its source had failed already.
    NoValue,
    /// `otherwise`, and another edge was taken.
    OtherTaken,
    /// A loop edge in the last iteration.
    LastIteration,
    /// It catches failures, and there was none.
    NoFailure,
    /// It does not catch failures of the kind that there was.
    NotCaught,
    /// The source ended with this status.
    Source(Status),
}

/// What is asked of the runner.
#[derive(Debug, Clone, PartialEq)]
pub enum CallOrder {
    /// One call.
    Single(ToolCall),
    /// Calls in order, all checked before the first.
    Batch(Vec<ToolCall>),
    /// Not the call itself: what would be decided of it, and a question to a person where the policy asks.
    Prepare(ToolCall),
}

impl CallOrder {
    /// The calls.
    pub fn calls(&self) -> &[ToolCall] {
        match self {
            CallOrder::Single(call) | CallOrder::Prepare(call) => std::slice::from_ref(call),
            CallOrder::Batch(calls) => calls,
        }
    }
}

/// What the runner answered.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "it is always behind an `Arc`")]
pub enum CallOutcome {
    /// To one call.
    Single(ToolResult),
    /// To a batch, in the order of the calls.
    Batch(Vec<ToolResult>),
}

impl CallOutcome {
    /// The results.
    pub fn results(&self) -> &[ToolResult] {
        match self {
            CallOutcome::Single(result) => std::slice::from_ref(result),
            CallOutcome::Batch(results) => results,
        }
    }
}

/// What a call cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Calls of tools.
    pub tool_calls: u64,
    /// Tokens of models.
    pub llm_tokens: u64,
    /// Bytes of patches.
    pub patch_bytes: u64,
}

/// A budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the word of the graph language, spelled the Rust way")]
pub enum Budget {
    Wall,
    ToolCalls,
    LlmTokens,
    PatchBytes,
}

/// What a wait is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitFor {
    /// The next attempt.
    Backoff(Unit),
    /// The end of an attempt.
    Timeout(Unit),
    /// The next iteration.
    Delay(FrameId, LoopIx),
    /// The budget of time.
    Wall(FrameId),
    /// The end of `always` paths.
    Grace(FrameId),
}

/// A question to a person.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Its number.
    pub id: QuestionId,
    /// The node or item that asks.
    pub unit: Unit,
    /// What is shown.
    pub show: Arc<Value>,
    /// The choices; empty: approve or reject.
    pub options: Vec<String>,
    /// JSON Schema of a further answer.
    pub response: Option<Arc<Value>>,
    /// Does the policy ask, before a call? Then the call is made again when it is granted.
    pub policy: bool,
}

/// A person's answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// One of the options.
    pub choice: Option<String>,
    /// The further answer.
    pub response: Option<Value>,
    /// A remark.
    pub comment: String,
    /// Who answered.
    pub by: String,
    /// The signed approval that a call carries.
    pub approval: Option<Value>,
}

/// How a run is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancel {
    /// Running calls end, `always` paths run.
    InOrder,
    /// Nothing further is done.
    AtOnce,
}

/// How a run ended, or stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is the word of the run document, spelled the Rust way")]
pub enum RunStatus {
    Succeeded,
    Failed,
    Denied,
    Suspended,
    Cancelled,
    OutOfBudget,
}

impl RunStatus {
    /// All of them.
    pub const ALL: [RunStatus; 6] = [
        RunStatus::Succeeded,
        RunStatus::Failed,
        RunStatus::Denied,
        RunStatus::Suspended,
        RunStatus::Cancelled,
        RunStatus::OutOfBudget,
    ];

    /// The word of the run document.
    pub fn as_str(self) -> &'static str {
        match self {
            RunStatus::Succeeded => "succeeded",
            RunStatus::Failed => "failed",
            RunStatus::Denied => "denied",
            RunStatus::Suspended => "suspended",
            RunStatus::Cancelled => "cancelled",
            RunStatus::OutOfBudget => "out_of_budget",
        }
    }

    /// The status of a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// How a run that came to `outcome` ended.
    pub fn of(outcome: &GraphOutcome) -> Self {
        use crate::effect::ErrorKind;
        match outcome {
            GraphOutcome::Succeeded(_) => RunStatus::Succeeded,
            GraphOutcome::Failed(GraphError { error, .. }) => match error.kind {
                ErrorKind::Denied | ErrorKind::Unplanned => RunStatus::Denied,
                ErrorKind::Budget => RunStatus::OutOfBudget,
                ErrorKind::Cancelled => RunStatus::Cancelled,
                _ => RunStatus::Failed,
            },
        }
    }
}
