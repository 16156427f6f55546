//! What the oracle is told of the world, and what it tells of a run.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

/// What a call comes to.
#[derive(Debug, Clone)]
pub enum Answer {
    Output(Json),
    Failure(String),
    /// It goes on until somebody ends it.
    Never,
}

/// What a person says when a node asks.
#[derive(Debug, Clone, Copy)]
pub enum Person {
    Approves,
    Rejects,
    Chooses(usize),
    /// Nothing, as long as anybody waits.
    Silent,
    /// Nothing at all: where no clock is around, the run suspends.
    Absent,
}

/// Everything outside: the same for the engine and for the oracle.
#[derive(Clone, Copy)]
pub struct World<'w> {
    /// By idempotency key and input.
    pub call: &'w dyn Fn(&str, &Json) -> Answer,
    /// By the path of the node.
    pub person: &'w dyn Fn(&str) -> Person,
    /// Nodes that ended because nobody was asked any more, and what each came to: `run/outer!1/node#2`. Whether somebody had
    /// answered before depends on persons alone; all else follows.
    pub withdrawn: &'w BTreeMap<String, Ended>,
}

/// Why a node failed.
#[derive(Debug, Clone)]
pub struct Failure {
    pub kind: String,
    /// What it says, where that is of the world or of the author, and not in the engine's own words.
    pub message: Option<String>,
    pub output: Option<Json>,
    pub index: Option<usize>,
    /// Where in a subgraph.
    pub path: Option<String>,
}

impl Failure {
    pub fn new(kind: &str) -> Self {
        Self { kind: kind.to_owned(), message: None, output: None, index: None, path: None }
    }

    /// As expressions see it, but for its message.
    pub fn view(&self) -> Json {
        let mut view = json!({ "kind": self.kind });
        if let Some(output) = &self.output {
            view["output"] = output.clone();
        }
        if let Some(index) = self.index {
            view["index"] = json!(index);
        }
        if let Some(path) = &self.path {
            view["path"] = json!(path);
        }
        view
    }
}

/// What a node came to.
#[derive(Debug, Clone)]
pub struct Ended {
    pub status: &'static str,
    pub output: Option<Json>,
    pub failure: Option<Failure>,
}

impl Ended {
    pub fn well(output: Json) -> Self {
        Self { status: "succeeded", output: Some(output), failure: None }
    }

    pub fn badly(failure: Failure) -> Self {
        Self { status: "failed", output: None, failure: Some(failure) }
    }

    pub fn without(status: &'static str) -> Self {
        Self { status, output: None, failure: None }
    }

    /// As expressions see it.
    pub fn view(&self) -> Json {
        let mut view = json!({ "status": self.status });
        if let Some(output) = &self.output {
            view["output"] = output.clone();
        }
        if let Some(failure) = &self.failure {
            view["error"] = failure.view();
        }
        view
    }
}

/// A call that was made.
#[derive(Debug, Clone)]
pub struct Called {
    pub key: String,
    pub input: Json,
    /// The moment of the node of the run's own graph that made it, or that it was made inside of.
    pub at: usize,
}

/// An execution of a subgraph that is over.
#[derive(Debug)]
pub struct Child {
    /// `outer#2[3]!1/inner!1`
    pub address: String,
    /// `outer/inner`
    pub names: String,
    /// Is it of an item of a list?
    pub of_item: bool,
    pub at: usize,
    /// Its channels at the end, as far as they do not depend on timing.
    pub channels: BTreeMap<String, Json>,
    pub failed: bool,
}

/// What a run comes to, or, where it is suspended, has come to.
#[derive(Debug)]
pub struct Told {
    pub status: &'static str,
    pub outputs: Option<Json>,
    /// The node, where a single one is to blame, and the kind.
    pub error: Option<(Option<String>, String)>,
    /// What the error says, where that is not in the engine's own words.
    pub message: Option<String>,
    /// The channels of the run's own graph at the end, as far as they do not depend on timing.
    pub channels: BTreeMap<String, Json>,
    /// What of the language it came by.
    pub met: BTreeSet<&'static str>,
    /// What ran, in canonical order, each with its moment.
    pub path: Vec<(String, usize)>,
    /// Each node of the run's own graph: its status and the moment of its last iteration.
    pub nodes: BTreeMap<String, (&'static str, usize)>,
    pub calls: Vec<Called>,
    pub children: Vec<Child>,
    /// Nodes inside of which it depends on timing how far things came.
    pub loose: BTreeSet<String>,
    /// Was somebody not asked any more, in one of the schedules?
    pub withdrawn: bool,
    /// The moment of the failure that ended the run: what is later depends on timing.
    pub until: usize,
}
