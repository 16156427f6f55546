//! The call: its parameters, which model, and the answer as a result.

use serde_json::{Value, json};

use crate::effect::{ErrorKind, ToolCall, ToolError, ToolResult};
use crate::policy::Granted;
use crate::runner::tools::input::{Input, invalid};
use crate::schema::validate_value;

use super::excerpt::excerpt;
use super::material::Material;
use super::value::value_for;

/// What a call may have. The deterministic model needs no parameters and calls no tools.
const KNOWN: &[&str] =
    &["model", "params", "messages", "output_schema", "repairs", "tools", "max_rounds", "max_calls"];

/// `{model, params?, messages: [{role, content}], output_schema?}` → `{text}`, or a value of the schema. What users
/// say is what is answered; what `system` says is for models that follow instructions.
pub(in crate::runner) fn llm(call: &Granted<ToolCall>) -> Result<ToolResult, ToolError> {
    let input = Input::new("llm", &call.request().input, KNOWN)?;
    demand_built_in(input.required_text("model")?)?;
    let messages = messages(input.value("messages"))?;
    let user = |(role, content): &(&str, &str)| (*role == "user").then(|| (*content).to_owned());
    let text = messages.iter().filter_map(user).collect::<Vec<_>>().join("\n\n");
    let material = Material::new(&text);
    let output = match input.value("output_schema") {
        Some(schema) => judged(schema, value_for(schema, &material)?)?,
        None => json!({ "text": excerpt(&material) }),
    };
    let words = |text: &str| text.split_whitespace().count() as u64;
    let answer = output["text"].as_str().map_or_else(|| output.to_string(), str::to_owned);
    // it has no tokens: words are what it reads and writes
    let tokens = messages.iter().map(|(_, content)| words(content)).sum::<u64>() + words(&answer);
    Ok(ToolResult { stdout: answer, llm_tokens: Some(tokens), ..ToolResult::success("llm", output) })
}

/// `default` is what a user's configuration would replace; it has no models yet.
fn demand_built_in(model: &str) -> Result<(), ToolError> {
    if matches!(model, "deterministic" | "default") {
        return Ok(());
    }
    let message = format!("there is no model `{model}`; this release has only the built-in `deterministic`");
    Err(ToolError::new(ErrorKind::NotFound, message))
}

fn messages(value: Option<&Value>) -> Result<Vec<(&str, &str)>, ToolError> {
    let wrong = || {
        invalid("`messages` of `llm` is a list of `{role, content}`, role `system`, `user` or `assistant`")
    };
    let list = value.and_then(Value::as_array).filter(|list| !list.is_empty()).ok_or_else(wrong)?;
    let roles = ["system", "user", "assistant"];
    let found = list.iter().map(|item| message(item).filter(|(role, _)| roles.contains(role)));
    found.collect::<Option<Vec<_>>>().ok_or_else(wrong)
}

fn message(item: &Value) -> Option<(&str, &str)> {
    Some((item.get("role")?.as_str()?, item.get("content")?.as_str()?))
}

/// An answer that its schema does not accept is no answer.
fn judged(schema: &Value, value: Value) -> Result<Value, ToolError> {
    let faults = validate_value(schema, &value);
    let Some(fault) = faults.first() else { return Ok(value) };
    let message = format!("the deterministic model has no answer for this schema: {fault}");
    Err(ToolError { output: Some(value), ..ToolError::new(ErrorKind::InvalidOutput, message) })
}
