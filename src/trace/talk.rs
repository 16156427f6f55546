//! A conversation with a model, as far as it has come within an attempt: what was asked last, and what became of the tools
//! that the model asked for. Follows what happens and decides nothing.

use std::sync::Arc;

use crate::effect::{AskedTool, ErrorKind, ToolCall, ToolResult};
use crate::model::Uses;

use super::{CallOrder, CallOutcome};

/// A conversation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Talk {
    /// What the model was asked last.
    pub(crate) question: Arc<CallOrder>,
    /// The words beside the tools that it asked for.
    pub(crate) said: String,
    /// The tools that it asked for in its last answer.
    pub(crate) wanted: Vec<AskedTool>,
    /// What those of them came to that were called, in their order.
    pub(crate) results: Vec<ToolResult>,
    /// Answers that asked for tools.
    pub(crate) rounds: u32,
    /// Answers that did not.
    pub(crate) answers: u32,
    /// Tools that were called.
    pub(crate) calls: u32,
}

impl Talk {
    /// A call of the attempt begins: the first asks the model, and so does every one of `llm`.
    pub(crate) fn started(known: Option<Box<Self>>, order: &Arc<CallOrder>) -> Option<Box<Self>> {
        if !asks_model(order) {
            return known;
        }
        let question = Arc::clone(order);
        let nothing = Self {
            question: Arc::clone(order),
            said: String::new(),
            wanted: Vec::new(),
            results: Vec::new(),
            rounds: 0,
            answers: 0,
            calls: 0,
        };
        let known = known.map_or(nothing, |known| *known);
        Some(Box::new(Self {
            question,
            said: String::new(),
            wanted: Vec::new(),
            results: Vec::new(),
            ..known
        }))
    }

    /// A call has ended. One that waits for an approval has not come to anything.
    pub(crate) fn heard(&mut self, order: &CallOrder, outcome: &CallOutcome) {
        let Some(result) = outcome.results().first() else { return };
        let asks = |result: &ToolResult| {
            result.error.as_ref().is_some_and(|error| error.kind == ErrorKind::ApprovalRequired)
        };
        if asks(result) {
            return;
        }
        if !asks_model(order) {
            self.calls += 1;
            self.results.push((*result).clone());
        } else if result.tool_calls.is_empty() {
            self.answers += 1;
        } else {
            self.rounds += 1;
            self.said.clone_from(&result.stdout);
            self.wanted.clone_from(&result.tool_calls);
        }
    }
}

/// Is it a call of the model, and not of a tool for it?
pub(crate) fn asks_model(order: &CallOrder) -> bool {
    matches!(order, CallOrder::Single(ToolCall { tool, .. }) if tool == Uses::Llm.as_str())
}
