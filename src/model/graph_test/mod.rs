//! Tests of graphs: inputs, scripted results and what a run is expected to come to. They lie beside the graph that
//! they test.

mod decode;
mod expect;

use serde_json::Value;

use crate::document::Tree;
use crate::source::{Located, Span};

use super::Uses;

pub use decode::{GRAPH_TEST_SCHEMA, decode_graph_tests};
pub use expect::{Expectations, ExpectedCall, ExpectedDenial, ExpectedError};

/// A file of graph tests.
#[derive(Debug, Clone)]
pub struct GraphTests {
    /// The graph, relative to this file.
    pub graph: Located<String>,
    /// The cases, in the order of the file.
    pub cases: Vec<GraphCase>,
}

/// One run with its script, and what it is expected to come to.
#[derive(Debug, Clone)]
pub struct GraphCase {
    /// All of it.
    pub span: Span,
    /// What it shows.
    pub name: Located<String>,
    /// The inputs of the run: an object.
    pub inputs: Located<Value>,
    /// Their names, as they are written.
    pub given: Vec<Located<String>>,
    /// What calls come to.
    pub results: Vec<Scripted>,
    /// What a person answers.
    pub answers: Vec<ScriptedAnswer>,
    /// What it comes to.
    pub expect: Expectations,
}

/// Which calls are meant: those of a node, those of a tool, or those of a node that are of a tool.
#[derive(Debug, Clone)]
pub struct Which {
    /// The node: `test`, or `outer/inner` for one of a subgraph.
    pub node: Option<Located<String>>,
    /// The tool.
    pub tool: Option<Located<Uses>>,
}

/// What a call comes to.
#[derive(Debug, Clone)]
pub struct Scripted {
    /// All of it.
    pub span: Span,
    /// The calls.
    pub which: Which,
    /// The number of the one that is meant among them, from 1; without one, each for which no other result stands.
    pub call: Option<Located<u32>>,
    /// What it comes to.
    pub outcome: ScriptedOutcome,
    /// The output as it is written, for the places of what is wrong with it.
    pub written: Option<Tree>,
    /// Of a model: the tokens that it uses up.
    pub tokens: Option<u64>,
}

/// What a call comes to.
#[derive(Debug, Clone)]
pub enum ScriptedOutcome {
    /// Success, with this output.
    Output(Located<Value>),
    /// Failure.
    Error {
        /// The kind of the error.
        kind: Located<String>,
        /// What it says.
        message: String,
        /// What was produced before.
        output: Option<Value>,
    },
    /// Nothing, until it is ended: by a timeout, a budget or a cancellation.
    Hangs,
    /// Of a model: tools that it asks for, in place of an answer.
    Asks(Located<Vec<ScriptedAsk>>),
}

/// A tool that a model asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptedAsk {
    /// By the model's word: also one that there is not.
    pub tool: String,
    /// Its parameters as the model would write them, also what is no JSON.
    pub arguments: String,
}

/// What a person answers to a question: of an `approval` node, or of the policy before a call.
#[derive(Debug, Clone)]
pub struct ScriptedAnswer {
    /// All of it.
    pub span: Span,
    /// The node that asks.
    pub node: Located<String>,
    /// The number of the question among those of the node, from 1; without one, each for which no other answer stands.
    pub question: Option<Located<u32>>,
    /// What is answered.
    pub reply: Reply,
}

/// What a question comes to.
#[derive(Debug, Clone)]
pub enum Reply {
    /// An answer.
    Given(GivenAnswer),
    /// Nothing, until its time is over.
    Late(Span),
}

/// An answer to a question.
#[derive(Debug, Clone)]
pub struct GivenAnswer {
    /// `approve`, `reject`, or one of the options.
    pub choice: Located<String>,
    /// The further answer.
    pub response: Option<Located<Value>>,
    /// A remark.
    pub comment: String,
}
