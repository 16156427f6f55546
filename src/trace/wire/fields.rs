//! The stored form of the values inside of events: results, errors, reasons. Knows no kind of event.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::effect::ErrorKind;
use crate::plan::EdgeIx;
use crate::trace::{Answer, Budget, DeadReason, GraphError, GraphOutcome, NodeError, NodeResult, Status};

/// `{kind, message, output?, index?, limit?, path?, rule?}`
pub(super) fn error_to(error: &NodeError) -> Value {
    let mut view = error.view();
    if let (Some(rule), Value::Object(view)) = (&error.rule, &mut view) {
        view.insert("rule".into(), json!(rule));
    }
    view
}

pub(super) fn error_from(value: &Value) -> Option<NodeError> {
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(NodeError {
        kind: ErrorKind::parse(value.get("kind")?.as_str()?),
        message: text("message")?,
        output: value.get("output").cloned().map(Arc::new),
        index: value.get("index").and_then(Value::as_u64).and_then(|index| u32::try_from(index).ok()),
        limit: text("limit"),
        path: text("path"),
        rule: match value.get("rule") {
            Some(rule) => Some(serde_json::from_value(rule.clone()).ok()?),
            None => None,
        },
    })
}

/// `status`, `output?` and `error?` of a node.
pub(super) fn result_to(data: &mut Map<String, Value>, result: &NodeResult) {
    data.insert("status".into(), result.status().as_str().into());
    if let Some(output) = result.output() {
        data.insert("output".into(), output.clone());
    }
    if let Some(error) = result.error() {
        data.insert("error".into(), error_to(error));
    }
}

pub(super) fn result_from(data: &Map<String, Value>) -> Option<NodeResult> {
    let output = data.get("output").cloned();
    match Status::parse(data.get("status")?.as_str()?)? {
        Status::Succeeded => Some(NodeResult::succeeded(output?)),
        Status::Failed => Some(NodeResult::failed(error_from(data.get("error")?)?, output)),
        status => Some(NodeResult::without_output(status)),
    }
}

/// `outputs`, or `error` with the node that it came from.
pub(super) fn outcome_to(data: &mut Map<String, Value>, outcome: &GraphOutcome) {
    match outcome {
        GraphOutcome::Succeeded(outputs) => data.insert("outputs".into(), (**outputs).clone()),
        GraphOutcome::Failed(GraphError { node, error }) => {
            data.insert("failed_node".into(), json!(node));
            data.insert("error".into(), error_to(error))
        }
    };
}

pub(super) fn outcome_from(data: &Map<String, Value>) -> Option<GraphOutcome> {
    if let Some(outputs) = data.get("outputs") {
        return Some(GraphOutcome::Succeeded(Arc::new(outputs.clone())));
    }
    let node = data.get("failed_node").and_then(Value::as_str).map(str::to_owned);
    let error = Arc::new(error_from(data.get("error")?)?);
    Some(GraphOutcome::Failed(GraphError { node, error }))
}

pub(super) fn edges_to(edges: &[EdgeIx]) -> Value {
    edges.iter().map(|edge| edge.0).collect()
}

pub(super) fn edges_from(value: &Value) -> Option<Vec<EdgeIx>> {
    let numbers: Vec<u32> = serde_json::from_value(value.clone()).ok()?;
    Some(numbers.into_iter().map(EdgeIx).collect())
}

pub(super) fn dead_to(why: &DeadReason) -> &'static str {
    match why {
        DeadReason::ConditionFalse => "condition_false",
        DeadReason::NoValue => "no_value",
        DeadReason::OtherTaken => "other_taken",
        DeadReason::LastIteration => "last_iteration",
        DeadReason::NoFailure => "no_failure",
        DeadReason::NotCaught => "not_caught",
        DeadReason::Source(status) => status.as_str(),
    }
}

pub(super) fn dead_from(word: &str) -> Option<DeadReason> {
    let plain = [
        DeadReason::ConditionFalse,
        DeadReason::NoValue,
        DeadReason::OtherTaken,
        DeadReason::LastIteration,
        DeadReason::NoFailure,
        DeadReason::NotCaught,
    ];
    let known = plain.into_iter().find(|why| dead_to(why) == word);
    known.or_else(|| Status::parse(word).map(DeadReason::Source))
}

pub(super) fn answer_to(data: &mut Map<String, Value>, answer: &Answer) {
    data.insert("comment".into(), answer.comment.as_str().into());
    data.insert("by".into(), answer.by.as_str().into());
    if let Some(choice) = &answer.choice {
        data.insert("choice".into(), choice.as_str().into());
    }
    if let Some(response) = &answer.response {
        data.insert("response".into(), response.clone());
    }
    if let Some(approval) = &answer.approval {
        data.insert("approval".into(), approval.clone());
    }
}

pub(super) fn answer_from(data: &Map<String, Value>) -> Option<Answer> {
    let text = |name: &str| data.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(Answer {
        choice: text("choice"),
        response: data.get("response").cloned(),
        comment: text("comment")?,
        by: text("by")?,
        approval: data.get("approval").cloned(),
    })
}

impl Budget {
    /// All of them.
    pub const ALL: [Budget; 4] = [Budget::Wall, Budget::ToolCalls, Budget::LlmTokens, Budget::PatchBytes];

    /// The word of the graph language.
    pub fn as_str(self) -> &'static str {
        match self {
            Budget::Wall => "wall",
            Budget::ToolCalls => "tool_calls",
            Budget::LlmTokens => "llm_tokens",
            Budget::PatchBytes => "patch_bytes",
        }
    }

    /// The budget of a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|budget| budget.as_str() == word)
    }
}
