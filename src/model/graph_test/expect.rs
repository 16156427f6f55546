//! What a run is expected to come to. What is not named is not looked at.

use serde_json::Value;

use crate::document::Tree;
use crate::source::{Located, Span};

use super::Which;

/// What a run is expected to come to.
#[derive(Debug, Clone)]
pub struct Expectations {
    /// All of it.
    pub span: Span,
    /// The status of the run.
    pub status: Option<Located<&'static str>>,
    /// The error of the run.
    pub error: Option<ExpectedError>,
    /// Outputs, by name.
    pub outputs: Vec<(Located<String>, Located<Value>)>,
    /// The nodes that ran, in canonical order: a list of strings.
    pub path: Option<Located<Value>>,
    /// Status by node.
    pub nodes: Vec<(Located<String>, Located<&'static str>)>,
    /// Values of channels at the end, by name.
    pub channels: Vec<(Located<String>, Located<Value>)>,
    /// How often a node ran, by node.
    pub iterations: Vec<(Located<String>, Located<u32>)>,
    /// Calls that are made.
    pub calls: Vec<ExpectedCall>,
    /// Calls that are not.
    pub never: Vec<ExpectedCall>,
    /// Calls that the policy refuses.
    pub denied: Vec<ExpectedDenial>,
    /// Nodes whose questions nobody has answered: a list of strings.
    pub waiting: Option<Located<Value>>,
    /// The nodes that `path` and `waiting` name, as they are written.
    pub named: Vec<Located<String>>,
}

/// The error of a run. What is not named is not looked at.
#[derive(Debug, Clone)]
pub struct ExpectedError {
    /// The node that failed.
    pub node: Option<Located<String>>,
    /// The kind.
    pub kind: Option<Located<String>>,
    /// A part of the message.
    pub message: Option<Located<String>>,
}

/// Calls, by who makes them and by what they hold.
#[derive(Debug, Clone)]
pub struct ExpectedCall {
    /// All of it.
    pub span: Span,
    /// Whose they are.
    pub which: Which,
    /// What their parameters hold, at least.
    pub input: Option<Located<Value>>,
    /// The same as it is written, for the places of what is wrong with it.
    pub written: Option<Tree>,
    /// How many; without it, at least one.
    pub times: Option<Located<u32>>,
}

/// A call that the policy refuses.
#[derive(Debug, Clone)]
pub struct ExpectedDenial {
    /// All of it.
    pub span: Span,
    /// Whose it is.
    pub which: Which,
    /// The rule that refuses it, where the case cares.
    pub rule: Option<Located<String>>,
}

impl Expectations {
    /// Is nothing expected at all?
    pub fn is_empty(&self) -> bool {
        self.status.is_none()
            && self.error.is_none()
            && self.path.is_none()
            && self.waiting.is_none()
            && [self.outputs.len(), self.nodes.len(), self.channels.len(), self.iterations.len()] == [0; 4]
            && [self.calls.len(), self.never.len(), self.denied.len()] == [0; 3]
    }
}
