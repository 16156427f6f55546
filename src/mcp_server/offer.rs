//! The tools as a client is told of them: our names, our descriptions, the schemas that every call is held to, and what a
//! tool may do to the world. Nothing of a workspace is in it, and nothing of it changes while it is served.

use std::sync::Arc;

use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde_json::Value;

use crate::model::Uses;
use crate::schema;

/// The tool of this name.
pub(super) fn tool(uses: Uses) -> Option<Tool> {
    let name = uses.as_str();
    let input = object(schema::call_input(name)?)?;
    let description = input.get("description").and_then(Value::as_str).unwrap_or_default().to_owned();
    let tool = Tool::new(name, description, Arc::new(input)).with_annotations(annotations(uses));
    // with a schema of the caller's, a model answers with that schema's value
    if uses == Uses::Llm {
        return Some(tool);
    }
    Some(tool.with_raw_output_schema(Arc::new(object(schema::tool_output(name)?)?)))
}

fn object(text: &str) -> Option<JsonObject> {
    serde_json::from_str(text).ok()
}

/// True of every call that any policy allows, so the worst that one may do counts. No verdict looks at them.
fn annotations(uses: Uses) -> ToolAnnotations {
    let all = ToolAnnotations::new();
    match uses {
        Uses::ReadFile | Uses::ListFiles | Uses::SearchFiles | Uses::RepoContext | Uses::WorkspaceDiff => {
            all.read_only(true).destructive(false).idempotent(true).open_world(false)
        }
        Uses::ApplyPatch | Uses::Rollback => {
            all.read_only(false).destructive(true).idempotent(false).open_world(false)
        }
        Uses::Llm => all.read_only(false).destructive(false).idempotent(false).open_world(true),
        Uses::Exec
        | Uses::Http
        | Uses::Mcp
        | Uses::Batch
        | Uses::Graph
        | Uses::Approval
        | Uses::Render
        | Uses::Values
        | Uses::ParseReport
        | Uses::Fail => all.read_only(false).destructive(true).idempotent(false).open_world(true),
    }
}

#[cfg(test)]
mod tests {
    use crate::effect::ToolCall;

    use super::*;

    #[test]
    fn every_tool_is_offered_with_its_own_schemas_and_a_true_word_about_reading() {
        for uses in Uses::ALL.into_iter().filter(|uses| uses.is_tool()) {
            let tool = tool(uses).unwrap_or_else(|| panic!("{uses:?} has no schemas"));
            assert!(!tool.description.as_deref().unwrap_or_default().is_empty(), "{uses:?}");
            assert_eq!(tool.input_schema["type"], "object", "{uses:?}: a client takes nothing else");
            let output = tool.output_schema.as_deref().map(|schema| schema["type"].clone());
            assert_eq!(output, (uses != Uses::Llm).then(|| "object".into()), "{uses:?}");
            let reads = tool.annotations.and_then(|hints| hints.read_only_hint);
            // a model is asked elsewhere, and told what it was given
            let changes = ToolCall::new(uses.as_str(), Value::Null).changes() || uses == Uses::Llm;
            assert_eq!(reads, Some(!changes), "{uses:?}");
        }
    }
}
