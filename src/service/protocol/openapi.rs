//! The description of the service, in `OpenAPI` 3.1: the paths are written here, and what is sent over them is in the published
//! schemas, which are taken in as they are.

use serde_json::{Map, Value, json};

use crate::schema;
use crate::service::Role;

use super::roles::{ANY, APPROVE, CALL};

/// Documents that travel, by the name that they have in the description.
const SCHEMAS: [(&str, &str); 12] = [
    ("ToolCall", "tool-call"),
    ("ToolResult", "tool-result"),
    ("Batch", "batch"),
    ("BatchResult", "batch-result"),
    ("Cancelled", "cancelled"),
    ("Capabilities", "capabilities"),
    ("Identity", "identity"),
    ("OpenRequests", "open-requests"),
    ("Approval", "approval"),
    ("Rejection", "rejection"),
    ("AnswerTaken", "answer-taken"),
    ("Problem", "problem"),
];

/// The document.
pub fn openapi() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "lgflow runner",
            "version": "1",
            "summary": "Tools of a workspace, each call decided by the policy of its token.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "security": [{ "token": [] }],
        "paths": paths(),
        "components": {
            "securitySchemes": { "token": {
                "type": "http",
                "scheme": "bearer",
                "description": "A token is bound to one workspace, one frozen policy and one role, which is named where one is needed: `call`, `approve` or `read`.",
            } },
            "schemas": schemas(),
        },
    })
}

fn paths() -> Value {
    let parts = [paths_of_the_service(), paths_of_calls(), paths_of_answers()];
    let members = parts.into_iter().filter_map(|part| part.as_object().cloned());
    Value::Object(members.flatten().collect())
}

/// What a token must have one of the roles for.
fn may(roles: &[Role]) -> Value {
    roles.iter().map(|role| json!({ "token": [role.as_str()] })).collect()
}

fn paths_of_the_service() -> Value {
    json!({
        "/healthz": { "get": {
            "operationId": "health",
            "summary": "Does it live? Needs no token.",
            "security": [],
            "responses": answers(&[("200", "It does.", status("ok"))], &["403"]),
        } },
        "/v1/identity": { "get": {
            "operationId": "identity",
            "summary": "Who is it? Signs a nonce, and the name that it was asked under, with its key. Needs no token: a client asks before it says who it is.",
            "security": [],
            "parameters": [{
                "name": "nonce", "in": "query", "required": true,
                "description": "What the client has drawn for this one request.",
                "schema": { "type": "string", "pattern": "^[0-9a-f]{64}$" },
            }],
            "responses": answers(&[("200", "Its key, and what it signed.", named("Identity"))], &["400", "403"]),
        } },
        "/readyz": { "get": {
            "operationId": "ready",
            "security": may(ANY),
            "summary": "Does it take calls?",
            "responses": answers(&[("200", "It does.", status("ready"))], &["401", "403", "429", "503"]),
        } },
        "/openapi.json": { "get": {
            "operationId": "description",
            "security": may(ANY),
            "summary": "This document.",
            "responses": answers(&[("200", "The document.", json!({ "type": "object" }))], &["401", "403", "429"]),
        } },
        "/metrics": { "get": {
            "operationId": "metrics",
            "security": may(ANY),
            "summary": "What was counted, as Prometheus reads it.",
            "responses": text_answer(),
        } },
        "/v1/capabilities": { "get": {
            "operationId": "capabilities",
            "security": may(ANY),
            "summary": "What can be called, under which policy, behind which walls.",
            "responses": answers(&[("200", "What there is.", named("Capabilities"))], &["401", "403", "429", "503"]),
        } }
    })
}

fn paths_of_calls() -> Value {
    json!({
        "/v1/tools/execute": { "post": {
            "operationId": "execute",
            "security": may(CALL),
            "summary": "One call. A refused or failed call is a result as well, with `ok: false`. One for which there is no room while others wait to be taken is left out: `limit`, `answer_bytes`.",
            "requestBody": body("ToolCall"),
            "responses": answers(&[("200", "What it came to.", named("ToolResult"))], CALLS),
        } },
        "/v1/tools/batch_execute": { "post": {
            "operationId": "batch_execute",
            "security": may(CALL),
            "summary": "Several calls, with a result for each, in their order. Results of more than 64 MiB together, or for which there is no room while others wait to be taken, are left out: `limit`, `answer_bytes`.",
            "requestBody": body("Batch"),
            "responses": answers(&[("200", "What they came to.", named("BatchResult"))], CALLS),
        } },
        "/v1/tools/stream": { "post": {
            "operationId": "stream",
            "security": may(CALL),
            "summary": "One call whose output is told while it comes: events `stdout` and `stderr` with `{\"text\": …}`, and at last `result` with the result.",
            "requestBody": body("ToolCall"),
            "responses": event_answer(),
        } },
        "/v1/calls/{key}": { "delete": {
            "operationId": "cancel",
            "security": may(CALL),
            "summary": "Ends the call with this idempotency key: its processes are gone when this is answered.",
            "parameters": [{
                "name": "key", "in": "path", "required": true, "description": "The idempotency key.",
                "schema": { "type": "string", "minLength": 1 },
            }],
            "responses": answers(
                &[("200", "It has ended.", named("Cancelled"))],
                &["400", "401", "403", "404", "429", "503"],
            ),
        } },
        "/v1/runs/open": { "get": {
            "operationId": "open_run",
            "security": may(CALL),
            "summary": "Opens a run whose front is elsewhere: the connection is upgraded to `lgflow-frames/1`, and the session ends with it. A token may have been made for single calls alone.",
            "responses": answers(&[], &["401", "403", "426", "429"]),
        } },
    })
}

fn paths_of_answers() -> Value {
    json!({
        "/v1/approvals": {
            "get": {
                "operationId": "open_requests",
                "security": may(APPROVE),
                "summary": "What calls ask and nobody has answered, as the runner put it.",
                "responses": answers(&[("200", "What waits.", named("OpenRequests"))], &["401", "403", "429"]),
            },
            "post": {
                "operationId": "approve",
                "security": may(APPROVE),
                "summary": "Brings an approval that people have signed. It counts by its signatures, for exactly what was shown, once: when the same call is sent again.",
                "requestBody": body("Approval"),
                "responses": answers(&[("200", "It is on record.", named("AnswerTaken"))], ANSWERS),
            },
        },
        "/v1/rejections": { "post": {
            "operationId": "reject",
            "security": may(APPROVE),
            "summary": "Says no to what a call asks.",
            "requestBody": body("Rejection"),
            "responses": answers(&[("200", "It is on record.", named("AnswerTaken"))], ANSWERS),
        } },
    })
}

/// What an answer may be answered with beside what it came to.
const ANSWERS: &[&str] = &["400", "401", "403", "404", "408", "409", "413", "415", "429"];

/// What a call may be answered with beside its result.
const CALLS: &[&str] = &["400", "401", "403", "408", "409", "413", "415", "429", "503"];

fn named(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn status(word: &str) -> Value {
    json!({
        "type": "object",
        "properties": { "status": { "type": "string", "const": word } },
        "required": ["status"],
        "additionalProperties": false,
    })
}

fn body(name: &str) -> Value {
    json!({ "required": true, "content": { "application/json": { "schema": named(name) } } })
}

fn answers(good: &[(&str, &str, Value)], problems: &[&str]) -> Value {
    let good = good.iter().map(|(status, what, schema)| {
        let content = json!({ "application/json": { "schema": schema } });
        ((*status).to_owned(), json!({ "description": what, "content": content }))
    });
    let problems = problems.iter().map(|status| {
        let content = json!({ "application/problem+json": { "schema": named("Problem") } });
        ((*status).to_owned(), json!({ "description": meaning(status), "content": content }))
    });
    Value::Object(good.chain(problems).collect())
}

/// What is no JSON has no schema.
fn of_another_type(kind: &str, what: &str, problems: &[&str]) -> Value {
    let mut answers = answers(&[], problems);
    let content: Map<String, Value> = [(kind.to_owned(), json!({}))].into_iter().collect();
    answers["200"] = json!({ "description": what, "content": content });
    answers
}

fn text_answer() -> Value {
    of_another_type("text/plain", "The numbers.", &["401", "403", "429"])
}

fn event_answer() -> Value {
    of_another_type("text/event-stream", "The events.", CALLS)
}

fn meaning(status: &str) -> &'static str {
    match status {
        "400" => "It was not understood.",
        "401" => "It came without a token of this service.",
        "403" => {
            "It came from a page, was sent to another host, its token is for something else or bound elsewhere, or an approval does not count."
        }
        "404" => "This token has made no such call, or no call asks this.",
        "408" => "The body did not come in time.",
        "409" => {
            "The idempotency key was another call's, or its result is not kept any more; or the question was answered."
        }
        "413" => "The body is too large.",
        "415" => "The body is not sent as JSON.",
        "426" => "The connection has to be upgraded.",
        "429" => "Too much at once, or in a second; nothing was done.",
        _ => "The service ends, or the runner did not start.",
    }
}

/// The published schemas. What is defined in one of them moves beside it, so that every reference leads from the document.
fn schemas() -> Value {
    let mut all = Map::new();
    for (name, document) in SCHEMAS {
        let text = schema::document(document).unwrap_or("{}");
        let mut schema: Value = serde_json::from_str(text).unwrap_or_default();
        let Some(members) = schema.as_object_mut() else { continue };
        members.remove("$schema");
        members.remove("$id");
        let defined = members.remove("$defs");
        lead_from_the_document(&mut schema, name);
        all.insert(name.to_owned(), schema);
        for (part, mut schema) in defined.as_ref().and_then(Value::as_object).cloned().into_iter().flatten() {
            lead_from_the_document(&mut schema, name);
            all.insert(format!("{name}.{part}"), schema);
        }
    }
    Value::Object(all)
}

fn lead_from_the_document(schema: &mut Value, name: &str) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::String(target)) = members.get_mut("$ref")
                && let Some(part) = target.strip_prefix("#/$defs/")
            {
                *target = format!("#/components/schemas/{name}.{part}");
            }
            members.values_mut().for_each(|member| lead_from_the_document(member, name));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| lead_from_the_document(item, name)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
