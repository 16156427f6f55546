//! What a call asks of a model: its parameters, read.

use serde_json::{Map, Value};

use crate::effect::ToolError;
use crate::model::Uses;
use crate::runner::tools::input::{Input, invalid};

/// What a call may have. Rounds and repairs are the asker's matter: each is a call of its own.
const KNOWN: &[&str] =
    &["model", "params", "messages", "output_schema", "repairs", "tools", "max_rounds", "max_calls"];

/// A conversation up to here.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) model: &'a str,
    /// `temperature`, `max_tokens`, …
    pub(super) params: Option<&'a Map<String, Value>>,
    pub(super) messages: Vec<Message<'a>>,
    /// JSON Schema of the answer; without one it is text.
    pub(super) output_schema: Option<&'a Value>,
    /// Tools that the model may ask for.
    pub(super) tools: Vec<Uses>,
}

/// What somebody said.
#[derive(Debug)]
pub(super) struct Message<'a> {
    /// `system`, `user`, `assistant` or `tool`.
    pub(super) role: &'a str,
    pub(super) content: &'a str,
    /// Of `assistant`: the tools that it asked for.
    pub(super) tool_calls: &'a [Value],
    /// Of `tool`: what it answers.
    pub(super) answers: Option<&'a str>,
}

impl<'a> Asked<'a> {
    pub(super) fn read(input: &'a Value) -> Result<Self, ToolError> {
        let input = Input::new("llm", input, KNOWN)?;
        let params = match input.value("params") {
            None => None,
            Some(params) => {
                Some(params.as_object().ok_or_else(|| invalid("`params` of `llm` is no object"))?)
            }
        };
        let tools = input.texts("tools")?.into_iter().map(|tool| {
            let known = Uses::parse(tool).filter(|uses| uses.is_tool() && *uses != Uses::Llm);
            known.ok_or_else(|| {
                invalid(format!("`tools` of `llm` names `{tool}`, which is no tool of a model"))
            })
        });
        Ok(Self {
            model: input.required_text("model")?,
            params,
            messages: messages(input.value("messages"))?,
            output_schema: input.value("output_schema"),
            tools: tools.collect::<Result<_, _>>()?,
        })
    }
}

fn messages(value: Option<&Value>) -> Result<Vec<Message<'_>>, ToolError> {
    let wrong = || {
        invalid(
            "`messages` of `llm` is a list of `{role, content}`, role `system`, `user`, `assistant` or `tool`",
        )
    };
    let list = value.and_then(Value::as_array).filter(|list| !list.is_empty()).ok_or_else(wrong)?;
    list.iter().map(|item| message(item).ok_or_else(wrong)).collect()
}

fn message(item: &Value) -> Option<Message<'_>> {
    let role = item.get("role")?.as_str()?;
    let answers = item.get("answers").and_then(Value::as_str);
    let known = match role {
        "tool" => answers.is_some(),
        _ => ["system", "user", "assistant"].contains(&role),
    };
    let tool_calls = item.get("tool_calls").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let content = item.get("content")?.as_str()?;
    known.then_some(Message { role, content, tool_calls, answers })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::schema::{Validator, call_input};

    use super::*;

    #[test]
    fn what_the_schema_of_a_call_takes_is_read_and_a_node_s_parameters_are_neither() {
        let schema: Value = serde_json::from_str(call_input("llm").unwrap()).unwrap();
        let validator = Validator::new(&schema).unwrap();
        let ask = |messages: Value| json!({ "model": "default", "messages": messages });
        let called = json!([{ "id": "1", "tool": "read_file", "arguments": "{}" }]);
        let conversation = json!([
            { "role": "system", "content": "s" },
            { "role": "assistant", "content": "", "tool_calls": called },
            { "role": "tool", "content": "x", "answers": "1" },
        ]);
        let whole = json!({
            "model": "m", "params": { "temperature": 0 }, "messages": conversation, "tools": ["read_file"],
            "output_schema": { "type": "object" },
        });
        for taken in [ask(conversation.clone()), whole] {
            assert!(validator.accepts(&taken), "{taken}");
            Asked::read(&taken).unwrap();
        }
        for refused in [
            json!({ "model": "default", "prompt": "p" }),
            ask(json!([{ "role": "user", "prompt": "p" }])),
            ask(json!([{ "role": "tool", "content": "x" }])),
            ask(json!([])),
            json!({ "model": "m", "messages": conversation, "tools": ["llm"] }),
        ] {
            assert!(!validator.accepts(&refused) && Asked::read(&refused).is_err(), "{refused}");
        }
    }
}
