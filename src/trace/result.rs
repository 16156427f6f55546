//! What a node, a subgraph and a run come to. Knows no graph.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::effect::{ErrorKind, RuleRef, ToolError};

/// How a node ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// It did what it is for.
    Succeeded,
    /// It did not.
    Failed,
    /// Its `skip_when` was true.
    Skipped,
    /// Too few edges to it were taken.
    NotReached,
    /// The run ended before it did.
    Cancelled,
}

impl Status {
    /// All of them.
    pub const ALL: [Status; 5] =
        [Status::Succeeded, Status::Failed, Status::Skipped, Status::NotReached, Status::Cancelled];

    /// The word of the graph language.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Succeeded => "succeeded",
            Status::Failed => "failed",
            Status::Skipped => "skipped",
            Status::NotReached => "not_reached",
            Status::Cancelled => "cancelled",
        }
    }

    /// The status of a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a node or a run failed.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeError {
    /// The kind.
    pub kind: ErrorKind,
    /// What, where, why.
    pub message: String,
    /// What was produced before it failed.
    pub output: Option<Arc<Value>>,
    /// The lowest failed item or call.
    pub index: Option<u32>,
    /// Which limit, for kind `limit`.
    pub limit: Option<String>,
    /// Where in a subgraph: `outer/inner`.
    pub path: Option<String>,
    /// The rule that refused a call.
    pub rule: Option<Box<RuleRef>>,
}

impl NodeError {
    /// An error of `kind`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), output: None, index: None, limit: None, path: None, rule: None }
    }

    /// The error of a call.
    pub fn of_tool(error: &ToolError) -> Self {
        Self {
            output: error.output.clone().map(Arc::new),
            limit: error.limit.clone(),
            rule: error.rule.clone().map(Box::new),
            ..Self::new(error.kind.clone(), error.message.clone())
        }
    }

    /// As expressions see it: `{kind, message, output?, index?, limit?, path?}`.
    pub fn view(&self) -> Value {
        let mut view = Map::new();
        view.insert("kind".into(), self.kind.as_str().into());
        view.insert("message".into(), self.message.as_str().into());
        if let Some(output) = &self.output {
            view.insert("output".into(), (**output).clone());
        }
        if let Some(index) = self.index {
            view.insert("index".into(), index.into());
        }
        if let Some(limit) = &self.limit {
            view.insert("limit".into(), limit.as_str().into());
        }
        if let Some(path) = &self.path {
            view.insert("path".into(), path.as_str().into());
        }
        Value::Object(view)
    }
}

/// What a node came to, as later nodes see it.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeResult {
    status: Status,
    error: Option<Arc<NodeError>>,
    view: Arc<Value>,
}

impl NodeResult {
    /// Success with an output.
    pub fn succeeded(output: Value) -> Self {
        let mut view = Map::new();
        view.insert("status".into(), Status::Succeeded.as_str().into());
        view.insert("output".into(), output);
        Self { status: Status::Succeeded, error: None, view: Arc::new(Value::Object(view)) }
    }

    /// Failure. Where the node ran out of iterations or one of its edges had no value, its output stays.
    pub fn failed(error: NodeError, output: Option<Value>) -> Self {
        let mut view = Map::new();
        view.insert("status".into(), Status::Failed.as_str().into());
        view.insert("error".into(), error.view());
        output.map(|output| view.insert("output".into(), output));
        Self { status: Status::Failed, error: Some(Arc::new(error)), view: Arc::new(Value::Object(view)) }
    }

    /// A status that has neither output nor error: skipped, not reached, cancelled.
    pub fn without_output(status: Status) -> Self {
        Self { status, error: None, view: Arc::new(json!({ "status": status.as_str() })) }
    }

    /// How it ended.
    pub fn status(&self) -> Status {
        self.status
    }

    /// Why it failed.
    pub fn error(&self) -> Option<&Arc<NodeError>> {
        self.error.as_ref()
    }

    /// What it gave.
    pub fn output(&self) -> Option<&Value> {
        self.view.get("output")
    }

    /// `{status, error?, output?}`, as expressions see it.
    pub fn view(&self) -> &Arc<Value> {
        &self.view
    }
}

/// What an execution of a graph came to.
#[derive(Debug, Clone, PartialEq)]
pub enum GraphOutcome {
    /// Its outputs: an object.
    Succeeded(Arc<Value>),
    /// The first failure, in canonical order, that nothing caught.
    Failed(GraphError),
}

/// Why a graph failed.
#[derive(Debug, Clone, PartialEq)]
pub struct GraphError {
    /// The node, with the subgraph nodes before it: `outer/inner`. None where no single node is to blame: the time
    /// is up, somebody cancelled, an output has no value.
    pub node: Option<String>,
    /// Its error.
    pub error: Arc<NodeError>,
}
