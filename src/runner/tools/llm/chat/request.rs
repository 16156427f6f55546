//! What is sent: a conversation as a chat completion.

use serde_json::{Map, Value, json};

use crate::effect::ModelDeclaration;
use crate::model::Uses;
use crate::runner::tools::llm::asked::{Asked, Message};
use crate::schema;

/// Parameters of a graph's model that are handed on.
const PARAMS: [&str; 5] = ["temperature", "top_p", "max_tokens", "seed", "stop"];

/// The body of a request.
pub(super) fn body(asked: &Asked<'_>, model: &ModelDeclaration) -> Value {
    let mut body = Map::new();
    body.insert("model".to_owned(), model.model.clone().into());
    body.insert("messages".to_owned(), messages(asked));
    body.insert("stream".to_owned(), true.into());
    body.insert("stream_options".to_owned(), json!({ "include_usage": true }));
    for (name, value) in asked.params.into_iter().flatten() {
        if PARAMS.contains(&name.as_str()) {
            body.insert(name.clone(), value.clone());
        }
    }
    if let Some(most) = most_tokens(asked, model) {
        body.insert("max_tokens".to_owned(), most.into());
    }
    if let Some(schema) = asked.output_schema.filter(|schema| is_object(schema)) {
        let named = json!({ "name": "answer", "schema": schema });
        body.insert("response_format".to_owned(), json!({ "type": "json_schema", "json_schema": named }));
    }
    if !asked.tools.is_empty() {
        body.insert("tools".to_owned(), asked.tools.iter().filter_map(|tool| offered(*tool)).collect());
    }
    Value::Object(body)
}

/// The smaller of what the graph and what the user says.
fn most_tokens(asked: &Asked<'_>, model: &ModelDeclaration) -> Option<u64> {
    let said = asked.params.and_then(|params| params.get("max_tokens")).and_then(Value::as_u64);
    match (said, model.max_tokens) {
        (Some(said), Some(most)) => Some(said.min(most)),
        (said, most) => said.or(most),
    }
}

/// A provider holds an answer to a schema of an object, and to no other.
fn is_object(schema: &Value) -> bool {
    schema.get("type").and_then(Value::as_str) == Some("object")
}

fn messages(asked: &Asked<'_>) -> Value {
    // in words as well: not every provider holds an answer to a schema
    let demand = asked.output_schema.map(|schema| {
        let text = format!(
            "Answer with one JSON value that satisfies this JSON Schema, and with nothing else:\n{schema}"
        );
        json!({ "role": "system", "content": text })
    });
    demand.into_iter().chain(asked.messages.iter().map(message)).collect()
}

fn message(message: &Message<'_>) -> Value {
    let mut said = json!({ "role": message.role, "content": message.content });
    if let Some(answers) = message.answers {
        said["tool_call_id"] = answers.into();
    }
    if !message.tool_calls.is_empty() {
        let text =
            |call: &Value, key: &str| call.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let calls = message.tool_calls.iter().map(|call| {
            json!({
                "id": text(call, "id"),
                "type": "function",
                "function": { "name": text(call, "tool"), "arguments": text(call, "arguments") },
            })
        });
        said["tool_calls"] = calls.collect();
    }
    said
}

/// A tool with the schema of its parameters.
fn offered(tool: Uses) -> Option<Value> {
    let name = tool.as_str();
    let mut parameters: Value = serde_json::from_str(schema::tool_input(name)?).ok()?;
    let description = parameters.get("description").cloned().unwrap_or_default();
    if let Some(members) = parameters.as_object_mut() {
        members.retain(|key, _| !key.starts_with('$') && !key.starts_with("x-") && key != "title");
    }
    let function = json!({ "name": name, "description": description, "parameters": parameters });
    Some(json!({ "type": "function", "function": function }))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::effect::Provider;

    use super::*;

    fn model() -> ModelDeclaration {
        ModelDeclaration {
            name: "default".into(),
            provider: Provider::Openai,
            base_url: "http://h/v1/".into(),
            model: "m-1".into(),
            key: None,
            max_tokens: Some(100),
            retries: 0,
            connect: Duration::ZERO,
            first_token: Duration::ZERO,
            total: Duration::ZERO,
        }
    }

    #[test]
    fn a_conversation_is_said_as_the_provider_takes_it() {
        let input = json!({
            "model": "default",
            "params": { "temperature": 0, "max_tokens": 200, "x-own": 1 },
            "messages": [
                { "role": "user", "content": "read a" },
                { "role": "assistant", "content": "", "tool_calls": [{ "id": "c1", "tool": "read_file", "arguments": "{\"path\":\"a\"}" }] },
                { "role": "tool", "content": "text of a", "answers": "c1" },
            ],
            "output_schema": { "type": "object" },
            "tools": ["read_file"],
        });
        let body = body(&Asked::read(&input).unwrap(), &model());
        assert_eq!(
            (&body["model"], &body["stream"], &body["max_tokens"]),
            (&json!("m-1"), &json!(true), &json!(100))
        );
        assert_eq!((&body["temperature"], body.get("x-own")), (&json!(0), None));
        assert_eq!(body["response_format"]["json_schema"]["schema"], json!({ "type": "object" }));
        assert_eq!(body["messages"][2]["tool_calls"][0]["function"]["arguments"], "{\"path\":\"a\"}");
        assert_eq!(
            body["messages"][3],
            json!({ "role": "tool", "content": "text of a", "tool_call_id": "c1" })
        );
        assert_eq!(body["tools"][0]["function"]["name"], "read_file");
        assert!(body["tools"][0]["function"]["parameters"]["properties"]["path"].is_object());
        assert_eq!(model().address().unwrap().to_string(), "http://h/v1/chat/completions");
    }

    #[test]
    fn what_is_no_conversation_is_refused() {
        for wrong in [
            json!({ "model": "m", "messages": [] }),
            json!({ "model": "m", "messages": [{ "role": "tool", "content": "x" }] }),
            json!({ "model": "m", "messages": [{ "role": "robot", "content": "x" }] }),
            json!({ "model": "m", "messages": [{ "role": "user", "content": "x" }], "tools": ["llm"] }),
            json!({ "messages": [{ "role": "user", "content": "x" }] }),
        ] {
            assert!(Asked::read(&wrong).is_err(), "{wrong}");
        }
    }
}
