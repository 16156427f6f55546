//! The spans of what leaves the machine, by the conventions for HTTP and generative AI, and without what was said.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};

use crate::places::{KEY, Place, network, secret};
use crate::program::Ran;
use crate::server::{Server, ok, reply};

fn graph(origin: &str) -> String {
    format!(
        "schema: lgflow.graph/v1
name: spans
prompts: {{ ask: {{ text: 'Name a colour of the canary.' }} }}
models: {{ careful: {{ use: default, max_tokens: 40 }} }}
nodes:
  found: {{ uses: http, with: {{ url: '{origin}/there?q=canary', method: POST, body: canary }} }}
  absent: {{ uses: http, with: {{ url: '{origin}/absent' }} }}
  ask: {{ uses: llm, with: {{ model: careful, prompt: ask, output_schema: {{ type: object }} }} }}
  cut: {{ uses: llm, with: {{ model: default, prompt: ask }} }}
  end: {{ uses: values, with: {{ x: 1 }} }}
edges:
  - {{ from: found, to: absent }}
  - {{ from: absent, to: ask, catch: [not_found] }}
  - {{ from: ask, to: cut }}
  - {{ from: cut, to: end, catch: [limit] }}
"
    )
}

/// The name and the attributes of each span, as the export says them.
fn told(place: &Place, run: &str) -> Vec<(String, BTreeMap<String, Value>)> {
    let exported = place.workspace.lgflow(&["trace", "export", run, "--to", "otlp"]).ended(0).stdout;
    for hidden in ["canary", KEY] {
        assert!(!exported.contains(hidden), "{hidden}: {exported}");
    }
    let exported: Value = serde_json::from_str(&exported).unwrap();
    let spans = exported["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().clone();
    let one = |span: Value| {
        let attributes = span["attributes"].as_array().unwrap().iter();
        let plain = |value: &Value| value.as_object().unwrap().values().next().unwrap().clone();
        let attributes =
            attributes.map(|one| (one["key"].as_str().unwrap().to_owned(), plain(&one["value"]))).collect();
        (span["name"].as_str().unwrap().to_owned(), attributes)
    };
    spans.into_iter().map(one).collect()
}

#[test]
fn requests_and_models_are_told_by_the_conventions() {
    let server = Server::start(|request| {
        let answer = |text: &str, finish: &str| {
            let piece = json!({ "model": "canary", "choices": [{ "delta": { "content": text }, "finish_reason": finish }], "usage": { "prompt_tokens": 12, "completion_tokens": 3 } });
            ok("text/event-stream", &format!("data: {piece}\n\ndata: [DONE]\n\n"))
        };
        match request.target.as_str() {
            "/absent" => reply("404 Not Found", "", b"no canary"),
            "/v1/chat/completions" if request.json()["max_tokens"] == 40 => {
                answer("{\"a\": \"canary\"}", "stop")
            }
            "/v1/chat/completions" => answer("canary", "length"),
            _ => ok("text/plain", "canary"),
        }
    });
    let origin = server.origin();
    let place = Place::new(&format!(
        "{}[models.default]\nbase_url = \"{origin}/v1\"\nmodel = \"test-model\"\nkey = \"API_KEY\"\n\n[network]\nprivate = [\"{origin}\"]\n",
        secret("llm", &origin)
    ));
    place.workspace.write("g.yaml", graph(&origin));
    let policy = place.workspace.outside().join("policy.yaml");
    let rules = network(&[&origin]);
    fs::write(
        &policy,
        format!("schema: lgflow.policy/v1\nname: p\ntools: {{ llm: allow, http: allow }}\n{rules}\n"),
    )
    .unwrap();
    let policy = policy.display().to_string();
    let mut command =
        place.workspace.command(&["run", "-g", "g.yaml", "--policy", &policy, "--format", "json"]);
    let ran = Ran::from(command.env("API_KEY", KEY).output().unwrap()).ended(0);
    let spans = told(&place, ran.json()["run"].as_str().unwrap());
    let of =
        |name: &str| spans.iter().filter(|(own, _)| own == name).map(|(_, told)| told).collect::<Vec<_>>();
    let holds = |told: &BTreeMap<String, Value>, expected: Value| {
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(told.get(name), Some(value).filter(|value| !value.is_null()), "{name}: {told:#?}");
        }
    };
    let port = server.port().to_string();
    holds(
        of("POST")[0],
        json!({ "http.request.method": "POST", "http.response.status_code": "200", "url.full": format!("{origin}/there?REDACTED"),
            "server.address": "127.0.0.1", "server.port": port, "error.type": null }),
    );
    holds(
        of("GET")[0],
        json!({ "http.request.method": "GET", "http.response.status_code": "404", "error.type": "404", "lgflow.error.kind": "not_found" }),
    );
    let chats = of("chat test-model");
    holds(
        chats[0],
        json!({ "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "test-model",
            "gen_ai.response.model": "test-model", "gen_ai.usage.input_tokens": "12", "gen_ai.usage.output_tokens": "3",
            "gen_ai.output.type": "json", "gen_ai.request.max_tokens": "40", "lgflow.model": "default",
            "gen_ai.response.finish_reasons": { "values": [{ "stringValue": "stop" }] }, "error.type": null }),
    );
    holds(
        chats[1],
        json!({ "gen_ai.provider.name": "openai", "gen_ai.usage.input_tokens": "12", "gen_ai.output.type": "text",
            "gen_ai.request.max_tokens": null, "gen_ai.response.finish_reasons": { "values": [{ "stringValue": "length" }] }, "error.type": "limit" }),
    );
    assert_eq!((chats.len(), of("run spans").len()), (2, 1));
}
