//! The nodes that compute and ask nothing of the world: `values`, `render`, `parse_report`, `fail`.

use serde_json::{Value, json};

use crate::effect::ErrorKind;
use crate::expr::{Root, Template, ValueTemplate};
use crate::plan::Action;
use crate::trace::{NodeError, RunState, Unit};

use super::items::item_of;
use super::reports;
use super::scope::Scope;

/// What such a node comes to; none for the others.
pub(super) fn compute(state: &RunState, unit: Unit, action: &Action) -> Option<Result<Value, NodeError>> {
    match action {
        Action::Values(values) => Some(evaluate(state, unit, values)),
        Action::Render(rendered) => Some(evaluate(state, unit, &rendered.vars).and_then(|vars| {
            let text = prompt(&rendered.prompt, &vars)?;
            Ok(json!({ "text": text }))
        })),
        Action::ParseReport(report) => Some(evaluate(state, unit, report).and_then(|report| {
            let text = |name: &str| report.get(name).and_then(Value::as_str).unwrap_or_default();
            reports::parse(text("format"), text("text"))
                .map_err(|message| NodeError::new(ErrorKind::InvalidInput, message))
        })),
        Action::Fail { kind, message } => Some(Err(match evaluate(state, unit, message) {
            Ok(Value::String(text)) => NodeError::new(kind.clone(), text),
            Ok(other) => NodeError::new(kind.clone(), other.to_string()),
            Err(error) => error,
        })),
        Action::Call { .. }
        | Action::Llm(_)
        | Action::Batch { .. }
        | Action::Graph { .. }
        | Action::Approval { .. } => None,
    }
}

/// A value as a unit's parameters see the run.
pub(super) fn evaluate(state: &RunState, unit: Unit, template: &ValueTemplate) -> Result<Value, NodeError> {
    let Some(frame) = state.frame(unit.at.frame) else { return Ok(Value::Null) };
    let item = item_of(frame, unit);
    let scope = Scope { state, frame, node: unit.at.node, item, own: None, writes: &[] };
    scope
        .read(|values| template.evaluate(values))
        .map_err(|error| NodeError::new(ErrorKind::Expression, error.message))
}

/// A prompt's text: it sees its variables and nothing else.
pub(super) fn prompt(prompt: &Template, vars: &Value) -> Result<String, NodeError> {
    let mut variable = |root: &Root| match root {
        Root::Local(name) => vars.get(name).cloned().map(std::sync::Arc::new),
        _ => None,
    };
    prompt.render(&mut variable).map_err(|error| NodeError::new(ErrorKind::Expression, error.message))
}
