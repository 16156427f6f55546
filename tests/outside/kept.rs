//! Answers of models and servers that are kept: given again to the same question, for as long as they may be, and to no other.

use std::fs;

use serde_json::{Value, json};

use crate::models::{GRANT, graph, model, run};
use crate::places::{KEY, Place, network, private};
use crate::server::{Server, ok, reply};

fn kept(graph: &str) -> String {
    graph.replace("    with: { model", "    cache: true\n    with: { model")
}

/// A provider that says how often it was asked.
fn counting() -> Server {
    let asked = std::sync::atomic::AtomicU64::new(0);
    Server::start(move |request| {
        let times = asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
        let said = match request.json()["messages"][0]["content"].as_str().unwrap_or_default() {
            "refuse" => return reply("400 Bad Request", "", b""),
            "key" => request.header("authorization").unwrap_or_default().to_owned(),
            _ => format!("answer {times}"),
        };
        let piece = json!({ "choices": [{ "delta": { "content": said }, "finish_reason": "stop" }], "usage": { "prompt_tokens": 7, "completion_tokens": 2 } });
        ok("text/event-stream", &format!("data: {piece}\n\ndata: [DONE]\n\n"))
    })
}

#[test]
fn the_same_question_to_the_same_model_has_the_same_answer() {
    let provider = counting();
    let config = model(&provider.origin(), "");
    let place = Place::new(&config);
    let asking = |graph: &str| {
        let before = provider.requests().len();
        let (document, _) = run(&place, graph);
        (document, provider.requests().len() - before)
    };
    let (first, asked) = asking(&kept(&graph("")));
    assert_eq!((&first["outputs"]["answer"]["text"], asked), (&json!("answer 1"), 1), "{first:#}");
    let (second, asked) = asking(&kept(&graph("")));
    assert_eq!((&second["outputs"], asked), (&first["outputs"], 0), "{second:#}");
    assert_eq!(second["calls"], first["calls"], "it counts as it would have");
    let id = second["run"].as_str().unwrap();
    let shown = place.workspace.lgflow(&["trace", "show", id, "--format", "json"]).ended(0).json();
    let events = shown["events"].as_array().unwrap();
    let finished = events.iter().find(|event| event["kind"] == "call.finished").unwrap();
    assert_eq!(finished["data"]["recalled"]["run"], first["run"], "{finished:#}");
    assert_eq!(finished["data"]["result"]["llm_tokens"], 9);
    assert_eq!(place.workspace.lgflow(&["trace", "verify", id]).code, Some(0));
    assert_eq!(place.workspace.lgflow(&["replay", id]).code, Some(0));

    // who did not ask for it, and another question, are answered anew
    assert_eq!(asking(&graph("")).1, 1);
    assert_eq!(asking(&kept(&graph("").replace("Name a colour.", "Name a number."))).1, 1);
    let warm = "models: { warm: { use: default, temperature: 1 } }\nnodes:\n";
    let other = kept(&graph("")).replace("nodes:\n", warm).replace("model: default", "model: warm");
    assert_eq!((asking(&other).1, asking(&other).1), (1, 0));
    // and so are another model, and another policy
    let folder = place.workspace.outside().join("home/.config/lgflow/config.toml");
    fs::write(&folder, config.replace("\"test-model\"", "\"other-model\"")).unwrap();
    assert_eq!(asking(&kept(&graph(""))).1, 1);
    fs::write(&folder, &config).unwrap();
    assert_eq!(asking(&kept(&graph(""))).1, 0);
    let policy = place.workspace.outside().join("policy.yaml");
    fs::write(&policy, GRANT.replace("name: p", "name: p\nlimits: { tool_calls: 9 }")).unwrap();
    assert_eq!(asking(&kept(&graph(""))).1, 1);
}

#[test]
fn what_is_no_answer_and_what_must_not_leave_is_not_kept() {
    let provider = counting();
    let place = Place::new(&model(&provider.origin(), ""));
    for (word, said) in [("refuse", "none"), ("key", "Bearer [redacted:API_KEY]")] {
        let asking = kept(&graph("").replace("Name a colour.", word));
        for _ in 0..2 {
            let before = provider.requests().len();
            let (document, _) = run(&place, &asking);
            let answer = &document["outputs"]["answer"];
            let text = if answer.is_string() { answer } else { &answer["text"] };
            assert_eq!(text, said, "{document:#}");
            assert_eq!(provider.requests().len() - before, 1, "{word}");
        }
    }
}

#[test]
fn an_answer_of_a_server_is_kept_for_as_long_as_it_says() {
    let server = Server::start(|request| {
        let control = match request.target.as_str() {
            "/kept" => "cache-control: max-age=600\r\n",
            "/old" => "cache-control: max-age=600\r\nage: 600\r\n",
            "/private" => "cache-control: no-store, max-age=600\r\n",
            _ => "",
        };
        let status = if request.target == "/made" { "201 Created" } else { "200 OK" };
        reply(status, &format!("content-type: text/plain\r\n{control}"), request.target.as_bytes())
    });
    let origin = server.origin();
    let place = Place::new(&private(&[&origin]));
    let policy = place.workspace.outside().join("policy.yaml");
    let rules =
        format!("schema: lgflow.policy/v1\nname: p\ntools: {{ http: allow }}\n{}\n", network(&[&origin]));
    fs::write(&policy, rules).unwrap();
    let fetch = |path: &str, more: &str| -> (Value, usize) {
        let before = server.requests().len();
        place.workspace.write(
            "g.yaml",
            format!("schema: lgflow.graph/v1\nname: g\nnodes:\n  get: {{ uses: http, with: {{ url: '{origin}{path}'{more} }}, cache: true }}\noutputs: {{ body: '{{{{ nodes.get.output.body }}}}' }}\n"),
        );
        let arguments =
            ["run", "-g", "g.yaml", "--policy", &policy.display().to_string(), "--format", "json"];
        let mut command = place.workspace.command(&arguments);
        let ran = crate::program::Ran::from(command.env("API_KEY", KEY).output().unwrap()).ended(0);
        (ran.json()["outputs"]["body"].clone(), server.requests().len() - before)
    };
    for (path, more, again) in [
        ("/kept", "", 0),
        ("/kept", ", headers: { accept: text/plain }", 0),
        ("/old", "", 1),
        ("/private", "", 1),
        ("/made", "", 1),
        ("/silent", "", 1),
    ] {
        assert_eq!(fetch(path, more), (json!(path), 1), "{path}{more}");
        assert_eq!(fetch(path, more), (json!(path), again), "{path}{more}");
    }
}
