//! The call: which model, and whether it is asked here or over a network.

use crate::effect::{ErrorKind, ToolCall, ToolError, ToolResult};
use crate::policy::Granted;
use crate::runner::{Cancel, ToolWorld};

use super::asked::Asked;
use super::{built_in, chat};

/// `{model, params?, messages: [{role, content}], output_schema?, tools?}` → `{text}`, a value of the schema, or the tools
/// that the model asks for.
pub(in crate::runner) fn llm(
    call: &Granted<ToolCall>,
    world: &ToolWorld,
    cancel: &Cancel,
) -> Result<ToolResult, ToolError> {
    let asked = Asked::read(&call.request().input)?;
    if world.outside.declared.is_built_in(asked.model) {
        return built_in::answer(&asked);
    }
    let Some(model) = world.outside.declared.model(asked.model) else {
        let message = format!(
            "there is no model `{}`; declare `[models.{}]` in your own configuration, or name `deterministic`",
            asked.model, asked.model
        );
        return Err(ToolError::new(ErrorKind::NotFound, message));
    };
    chat::answer(&asked, model, call, world, cancel)
}
