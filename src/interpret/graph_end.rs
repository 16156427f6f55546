//! Every node of an execution is decided: its outputs, or its error.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::effect::ErrorKind;
use crate::trace::{EventBody, Frame, FrameId, GraphError, GraphOutcome, NodeError, RunState, RunStatus};

use super::scope::OutputScope;

/// The end of an execution.
pub(super) fn end(state: &RunState, id: FrameId) -> Vec<EventBody> {
    let Some(frame) = state.frame(id) else { return Vec::new() };
    let outcome = match &frame.ending {
        Some(ending) => GraphOutcome::Failed(ending.error.clone()),
        None => outputs(state, frame),
    };
    if id == FrameId::ROOT {
        return vec![EventBody::RunFinished { status: RunStatus::of(&outcome), outcome }];
    }
    vec![EventBody::GraphFinished { frame: id, outcome }]
}

/// Each output has its value, or the graph has failed.
fn outputs(state: &RunState, frame: &Frame) -> GraphOutcome {
    let scope = OutputScope { state, frame };
    let mut outputs = Map::new();
    for output in &frame.plan().outputs {
        let name = output.name.as_str();
        let problem = match scope.read(|values| output.value.evaluate(values)) {
            Ok(Value::Null) => format!("the output `{name}` is null"),
            Ok(value) => {
                outputs.insert(name.to_owned(), value);
                continue;
            }
            Err(error) => format!("the output `{name}` has no value: {error}"),
        };
        let error = Arc::new(NodeError::new(ErrorKind::Expression, problem));
        return GraphOutcome::Failed(GraphError { node: None, error });
    }
    GraphOutcome::Succeeded(Arc::new(Value::Object(outputs)))
}
