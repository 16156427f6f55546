//! The built-in model `deterministic`: it picks and copies from what it is sent, by rules that are written down; it holds no
//! text of its own, needs no network and no key, and the same call gives the same answer.

use serde_json::{Value, json};

use crate::effect::{DETERMINISTIC, ErrorKind, ModelUsed, ToolError, ToolResult};
use crate::schema::validate_value;

use super::asked::Asked;
use super::excerpt::excerpt;
use super::material::Material;
use super::value::value_for;

/// What users say is what is answered; what `system` says is for models that follow instructions. It calls no tools.
pub(super) fn answer(asked: &Asked<'_>) -> Result<ToolResult, ToolError> {
    let said = |role: Option<&'static str>| {
        let of_role =
            asked.messages.iter().filter(move |message| role.is_none_or(|role| message.role == role));
        of_role.map(|message| message.content)
    };
    let material = Material::new(&said(Some("user")).collect::<Vec<_>>().join("\n\n"));
    let output = match asked.output_schema {
        Some(schema) => judged(schema, value_for(schema, &material)?)?,
        None => json!({ "text": excerpt(&material) }),
    };
    let words = |text: &str| text.split_whitespace().count() as u64;
    let answer = output["text"].as_str().map_or_else(|| output.to_string(), str::to_owned);
    // it has no tokens: words are what it reads and writes
    let (read, written) = (said(None).map(words).sum::<u64>(), words(&answer));
    let model = ModelUsed {
        provider: "lgflow".to_owned(),
        name: DETERMINISTIC.to_owned(),
        input_tokens: Some(read),
        output_tokens: Some(written),
    };
    Ok(ToolResult {
        stdout: answer,
        llm_tokens: Some(read + written),
        model: Some(Box::new(model)),
        ..ToolResult::success("llm", output)
    })
}

/// An answer that its schema does not accept is no answer.
fn judged(schema: &Value, value: Value) -> Result<Value, ToolError> {
    let faults = validate_value(schema, &value);
    let Some(fault) = faults.first() else { return Ok(value) };
    let message = format!("the deterministic model has no answer for this schema: {fault}");
    Err(ToolError { output: Some(value), ..ToolError::new(ErrorKind::InvalidOutput, message) })
}
