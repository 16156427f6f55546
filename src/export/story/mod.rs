//! What a trace tells, put together: pieces of time within each other (the run, nodes, items, attempts, calls, questions,
//! waits), what did not run and why, which edges were taken, and which files were changed. Every export draws from it. It
//! is taken from the events alone: no plan is compiled and nothing is believed that a line does not say.

mod changes;
mod fold;
mod planned;

use serde_json::Value;

use super::{Moment, Recorded};

pub use changes::{Change, changes_of};
pub use planned::{Planned, PlannedEdge, PlannedLoop, PlannedNode};

/// A run as its trace tells it.
#[derive(Debug, Clone)]
pub struct Story {
    /// The run.
    pub run: String,
    /// The graph's name.
    pub graph: String,
    /// How it ended or stands: `succeeded`, `failed`, …, `suspended`, or `interrupted` where the trace breaks off. Who knows
    /// that it goes on says `running` instead.
    pub status: String,
    /// How it was taken back, for who knows of that: these events do not tell of it.
    pub taken_back: Option<Undone>,
    /// Is `run.finished` there?
    pub complete: bool,
    /// The commit that the workspace stood on.
    pub revision: Option<String>,
    /// What the first event says of digests, versions and walls.
    pub facts: Value,
    /// The inputs.
    pub inputs: Value,
    /// The outputs, if it succeeded.
    pub outputs: Option<Value>,
    /// Why it failed.
    pub error: Option<Value>,
    /// The node that failed.
    pub failed_node: Option<String>,
    /// Pieces of time, each behind the one that it is within. The first is the run.
    pub pieces: Vec<Piece>,
    /// Nodes that did not run.
    pub decided: Vec<Decided>,
    /// What became of edges, in order.
    pub edges: Vec<EdgeTold>,
    /// How much was taken out of the events, because it must not leave.
    pub redacted: u64,
    /// Used up: calls of tools, tokens of models, bytes of patches.
    pub used: Used,
}

/// How a run was taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undone {
    /// The run that did it.
    pub by: String,
    /// The node from whose changes on, where it was not the whole run.
    pub from: Option<String>,
}

/// What a run used up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Used {
    /// Calls of tools.
    pub tool_calls: u64,
    /// Tokens of models.
    pub llm_tokens: u64,
    /// Bytes of patches.
    pub patch_bytes: u64,
}

/// A piece of time.
#[derive(Debug, Clone)]
pub struct Piece {
    /// Tells it apart from all others of the run: `outer#2[3]!1/inner!1/call7`; empty for the run.
    pub key: String,
    /// The place of the piece that it is within; none for the run.
    pub parent: Option<usize>,
    /// What it is.
    pub what: What,
    /// When it began. Times never go back, whatever the clock did.
    pub from: Moment,
    /// When it ended; for one that did not, the last that is told.
    pub to: Moment,
    /// How it ended.
    pub end: End,
    /// The number of the event that began it.
    pub seq: u64,
}

/// How a piece ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// As it should.
    Done,
    /// It did not do what it was asked, with the kind of the error and its message.
    Failed(String, String),
    /// It was ended early.
    Cancelled,
    /// Nothing is told of its end.
    Open,
}

/// What a piece is.
#[derive(Debug, Clone)]
pub enum What {
    /// The run.
    Run,
    /// A node in one iteration.
    Node(NodeTold),
    /// An item of a node's `for_each`.
    Item {
        /// Its index.
        index: u64,
    },
    /// One try of a node or item.
    Attempt {
        /// From 1.
        number: u64,
    },
    /// A call of a tool, or one of a list of calls.
    Call(Box<CallTold>),
    /// Something that a person is asked.
    Question(Box<QuestionTold>),
    /// Time that had to pass.
    Wait {
        /// `backoff` or `delay`.
        reason: String,
    },
    /// Nothing went on: the run waited for a person.
    Suspended,
    /// Nothing went on: a process of the run had died.
    Interrupted,
}

/// A node that ran.
#[derive(Debug, Clone)]
pub struct NodeTold {
    /// Its id.
    pub id: String,
    /// The execution of a subgraph that it is of: `outer#2[3]!1`; empty in the run's own graph.
    pub path: String,
    /// The iterations of the loops around it.
    pub iteration: Vec<u32>,
    /// Its kind, where the trace has the plan.
    pub uses: String,
    /// What it gave.
    pub output: Option<Value>,
}

/// A call.
#[derive(Debug, Clone)]
pub struct CallTold {
    /// Its number in the run.
    pub number: u64,
    /// The tool; `batch` for a list of calls, which are pieces within it.
    pub tool: String,
    /// Its idempotency key.
    pub key: String,
    /// What was asked of it.
    pub input: Value,
    /// The protocol's result, if it came; null for a list.
    pub result: Value,
    /// Was it only asked what would be decided?
    pub prepared: bool,
}

impl CallTold {
    /// Where its result was kept, if it was made for an earlier call, and in which run: nothing was done for this one.
    pub fn recalled(&self) -> Option<(&str, &str)> {
        let recalled = self.result.get("recalled")?;
        let part = |name: &str| recalled.get(name).and_then(Value::as_str).unwrap_or_default();
        Some((part("from"), part("run")))
    }

    /// The first rule that decided of it, as `LAYER RULE`.
    pub fn rule(&self) -> Option<String> {
        let of_error = self.result.get("error").and_then(|error| error.get("rule"));
        let rule = of_error.or_else(|| self.result.get("rules")?.get(0))?;
        let part = |name: &str| rule.get(name).and_then(Value::as_str).unwrap_or_default();
        Some(format!("{} {}", part("layer"), part("rule")))
    }
}

/// Something that a person is asked.
#[derive(Debug, Clone, Default)]
pub struct QuestionTold {
    /// Its number in the run.
    pub number: u64,
    /// What is shown.
    pub show: Value,
    /// Does the policy ask, before a call?
    pub policy: bool,
    /// The answer: yes or no; none while there is none.
    pub granted: Option<bool>,
    /// Who answered.
    pub by: String,
    /// The option that was chosen.
    pub choice: String,
    /// The remark.
    pub comment: String,
    /// The signed approval, where the policy had asked.
    pub approval: Value,
}

/// A node that did not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The execution of a subgraph.
    pub path: String,
    /// Its id.
    pub id: String,
    /// `skipped`, `not_reached` or `cancelled`.
    pub status: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Moment,
}

/// What became of an edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeTold {
    /// The execution of a subgraph.
    pub path: String,
    /// Its place in the plan.
    pub edge: u64,
    /// The node that it comes from.
    pub from: String,
    /// The node that it leads to.
    pub to: String,
    /// Why it was not taken; none where it was.
    pub dead: Option<String>,
}

impl Story {
    /// What the events tell.
    pub fn of(recorded: &Recorded) -> Self {
        fold::story(recorded)
    }

    /// When it began.
    pub fn began(&self) -> Moment {
        self.pieces.first().map(|run| run.from).unwrap_or_default()
    }

    /// The last that is told of it.
    pub fn ended(&self) -> Moment {
        self.pieces.first().map(|run| run.to).unwrap_or_default()
    }

    /// The run's own graph, as the first event has it.
    pub fn planned(&self) -> Option<Planned> {
        self.facts.get("plan").map(Planned::of)
    }

    /// The graph of an execution of a subgraph.
    pub fn planned_at(&self, path: &str) -> Option<Planned> {
        planned::at(self.facts.get("plan")?, path).map(Planned::of)
    }

    /// The calls, with their places.
    pub fn calls(&self) -> impl Iterator<Item = (&Piece, &CallTold)> {
        self.pieces.iter().filter_map(|piece| match &piece.what {
            What::Call(call) => Some((piece, &**call)),
            _ => None,
        })
    }

    /// The questions. One that was withdrawn has ended without an answer.
    pub fn questions(&self) -> impl Iterator<Item = (&Piece, &QuestionTold)> {
        self.pieces.iter().filter_map(|piece| match &piece.what {
            What::Question(question) => Some((piece, &**question)),
            _ => None,
        })
    }

    /// The nodes that ran.
    pub fn nodes(&self) -> impl Iterator<Item = (&Piece, &NodeTold)> {
        self.pieces.iter().filter_map(|piece| match &piece.what {
            What::Node(node) => Some((piece, node)),
            _ => None,
        })
    }
}

impl What {
    /// One word for it.
    pub fn word(&self) -> &'static str {
        match self {
            What::Run => "run",
            What::Node(_) => "node",
            What::Item { .. } => "item",
            What::Attempt { .. } => "attempt",
            What::Call(_) => "call",
            What::Question(_) => "question",
            What::Wait { .. } => "wait",
            What::Suspended => "suspended",
            What::Interrupted => "interrupted",
        }
    }
}

impl End {
    /// One word for it.
    pub fn word(&self) -> &'static str {
        match self {
            End::Done => "done",
            End::Failed(..) => "failed",
            End::Cancelled => "cancelled",
            End::Open => "open",
        }
    }
}
