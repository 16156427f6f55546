//! Tools of a model: each is a call of the run, decided by the node's own list and by the policy, and told to the model
//! whatever it comes to.

use std::fs;

use serde_json::{Value, json};

use crate::llmock::Llmock;
use crate::places::{KEY, Place, secret};
use crate::program::Ran;
use crate::server::{Part, Request, Server, ok};

const POLICY: &str = "schema: lgflow.policy/v1\nname: p\ntools: { llm: allow, read_file: allow, list_files: allow, apply_patch: ask }\npaths: { read: { allow: ['**'], deny: [hidden.txt] }, write: { allow: ['out/**'] } }\n";

fn place(origin: &str) -> Place {
    let place = Place::new(&format!(
        "{}[models.default]\nbase_url = \"{origin}/v1\"\nmodel = \"m\"\nkey = \"API_KEY\"\nretries = 0\n",
        secret("llm", origin)
    ));
    place.workspace.write("a.txt", "the text of a\n").write("hidden.txt", "what is hidden\n");
    fs::write(place.workspace.outside().join("policy.yaml"), POLICY).unwrap();
    place
}

fn graph(with: &str) -> String {
    format!(
        "schema: lgflow.graph/v1\nname: g\nprompts: {{ ask: {{ text: 'What is in a.txt?' }} }}\nnodes:\n  agent:\n    uses: llm\n    with: {{ model: default, prompt: ask, {with} }}\noutputs: {{ answer: '{{{{ nodes.agent.output.text }}}}' }}\n"
    )
}

fn lgflow(place: &Place, arguments: &[&str]) -> (i32, Value) {
    let mut command = place.workspace.command(arguments);
    command.env("API_KEY", KEY);
    let ran = Ran::from(command.output().unwrap());
    assert!(!ran.stdout.contains(KEY) && !ran.stderr.contains(KEY));
    let document =
        serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{}\n{}", ran.stdout, ran.stderr));
    (ran.code.unwrap(), document)
}

fn run(place: &Place, with: &str) -> (i32, Value) {
    place.workspace.write("g.yaml", graph(with));
    let policy = place.workspace.outside().join("policy.yaml").display().to_string();
    lgflow(place, &["run", "-g", "g.yaml", "--policy", &policy, "--format", "json", "--trace"])
}

/// A model that asks for these tools, round by round, and then says what it was told last.
fn asking(rounds: Vec<Value>) -> Server {
    Server::start(move |request: &Request| -> Vec<Part> {
        let messages = request.json()["messages"].as_array().unwrap().clone();
        let done = messages.iter().filter(|message| !message["tool_calls"].is_null()).count();
        let piece = match rounds.get(done) {
            Some(calls) => {
                let calls = calls.as_array().unwrap().iter().enumerate().map(|(at, call)| {
                    json!({ "index": at, "id": format!("c{done}{at}"), "type": "function", "function": { "name": call[0], "arguments": call[1] } })
                });
                json!({ "choices": [{ "delta": { "tool_calls": calls.collect::<Vec<_>>() }, "finish_reason": "tool_calls" }] })
            }
            None => {
                let told = messages.iter().rev().find(|message| message["role"] == "tool");
                let told = told.map_or(json!("nothing"), |message| message["content"].clone());
                json!({ "choices": [{ "delta": { "content": told }, "finish_reason": "stop" }], "usage": { "prompt_tokens": 10, "completion_tokens": 1 } })
            }
        };
        ok("text/event-stream", &format!("data: {piece}\n\ndata: [DONE]\n\n"))
    })
}

#[test]
fn a_wish_that_was_cut_is_none() {
    let call = json!({ "index": 0, "id": "c", "type": "function", "function": { "name": "read_file", "arguments": "{\"pa" } });
    let piece = json!({ "choices": [{ "delta": { "tool_calls": [call] }, "finish_reason": "length" }] });
    let provider =
        Server::start(move |_| ok("text/event-stream", &format!("data: {piece}\n\ndata: [DONE]\n\n")));
    let place = place(&provider.origin());
    let (code, document) = run(&place, "tools: [read_file]");
    assert_eq!((code, &document["error"]["kind"]), (1, &json!("limit")), "{document:#}");
    assert!(document["error"]["message"].as_str().unwrap().contains("max_tokens"), "{document:#}");
    assert_eq!(provider.requests().len(), 1);
}

#[test]
fn who_had_tools_may_end_without_a_word_and_not_begin_so() {
    for (first, code) in [(json!([["list_files", "{\"path\":\".\"}"]]), 0), (Value::Null, 1)] {
        let provider = Server::start(move |request: &Request| -> Vec<Part> {
            let told = request.json()["messages"].as_array().unwrap().iter().any(|one| one["role"] == "tool");
            let call = first.get(0).filter(|_| !told).map(|call| {
                json!({ "index": 0, "id": "c", "type": "function", "function": { "name": call[0], "arguments": call[1] } })
            });
            let (delta, end) = match call {
                Some(call) => (json!({ "tool_calls": [call] }), "tool_calls"),
                None => (json!({ "content": "" }), "stop"),
            };
            let piece = json!({ "choices": [{ "delta": delta, "finish_reason": end }] });
            ok("text/event-stream", &format!("data: {piece}\n\ndata: [DONE]\n\n"))
        });
        let place = place(&provider.origin());
        let (ended, document) = run(&place, "tools: [list_files]");
        assert_eq!(ended, code, "{document:#}");
        match code {
            0 => assert_eq!(document["outputs"]["answer"], "", "{document:#}"),
            _ => assert!(document.to_string().contains("answered with nothing"), "{document:#}"),
        }
    }
}

#[test]
fn each_tool_is_decided_and_what_it_comes_to_is_told() {
    let provider = asking(vec![
        json!([
            ["read_file", "{\"path\":\"hidden.txt\"}"],
            ["apply_patch", "{\"changes\":[]}"],
            ["rm", "{}"],
            ["read_file", "{path"],
            ["read_file", "[]"]
        ]),
        json!([["list_files", "{\"path\":\".\"}"], ["read_file", "{\"path\":\"a.txt\"}"]]),
    ]);
    let place = place(&provider.origin());
    let (code, document) = run(&place, "tools: [read_file, list_files]");
    assert_eq!(code, 0, "{document:#}");
    assert!(document["outputs"]["answer"].as_str().unwrap().contains("the text of a"), "{document:#}");
    // the model: three; its tools: one that the policy refused, two that were done
    assert_eq!((&document["calls"], &document["denied"]), (&json!(6), &json!(1)), "{document:#}");
    let sent = provider.requests();
    assert_eq!(sent.len(), 3);
    let offered: Vec<String> = sent[0].json()["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["function"]["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(offered, ["read_file", "list_files"]);
    let second = sent[1].json();
    let told: Vec<(String, String)> = second["messages"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|message| message["role"] == "tool")
        .map(|message| {
            (
                message["tool_call_id"].as_str().unwrap().to_owned(),
                message["content"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    for ((id, text), (expected, holds)) in told.iter().zip([
        ("c00", "denied"),
        ("c01", "there is no tool `apply_patch` here"),
        ("c02", "there is no tool `rm` here"),
        ("c03", "no JSON"),
        ("c04", "no object"),
    ]) {
        assert!(id == expected && text.contains(holds), "{id}: {text}");
    }
    assert_eq!(told.len(), 5);
    assert!(!sent.iter().any(|request| String::from_utf8_lossy(&request.body).contains("what is hidden")));
    // each is in the trace, and the runner vouches for it
    let trace = document["trace"].as_str().unwrap();
    let text = place.workspace.read(trace);
    let events = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let started = events.filter(|event| event["kind"] == "call.started");
    let tools: Vec<String> =
        started.map(|event| event["data"]["tool"].as_str().unwrap().to_owned()).collect();
    assert_eq!(tools, ["llm", "read_file", "llm", "list_files", "read_file", "llm"], "{text}");
    let run = document["run"].as_str().unwrap();
    assert_eq!(place.workspace.lgflow(&["trace", "verify", run]).code, Some(0));
    assert_eq!(place.workspace.lgflow(&["replay", run]).code, Some(0));
}

#[test]
fn rounds_and_calls_end() {
    let read = json!(["read_file", "{\"path\":\"a.txt\"}"]);
    let endless = asking(vec![json!([read]); 50]);
    let place = place(&endless.origin());
    for (with, limit, requests) in [
        ("tools: [read_file], max_rounds: 2", "max_rounds", 3),
        ("tools: [read_file], max_calls: 3, max_rounds: 30", "max_calls", 4),
    ] {
        let before = endless.requests().len();
        let (code, document) = run(&place, with);
        let error = &document["error"];
        assert!(
            code == 1 && error["kind"] == "limit" && error["message"].as_str().unwrap().contains(limit),
            "{document:#}"
        );
        assert_eq!(endless.requests().len() - before, requests, "{limit}");
    }
    // a model that was given no tools gets none, and has not answered
    let (code, document) = run(&place, "repairs: 0");
    assert_eq!(
        (code, &document["calls"], &document["error"]["kind"]),
        (1, &json!(1), &json!("upstream")),
        "{document:#}"
    );
}

#[test]
fn a_tool_that_asks_waits_for_a_person() {
    let change = json!([
        "apply_patch",
        "{\"changes\":[{\"op\":\"put\",\"path\":\"out/x.txt\",\"content\":\"made by a model\\n\"}]}"
    ]);
    let provider = asking(vec![json!([change])]);
    let place = place(&provider.origin());
    let (code, document) = run(&place, "tools: [apply_patch]");
    assert_eq!((code, document["status"].as_str()), (5, Some("suspended")), "{document:#}");
    assert!(!place.workspace.path().join("out/x.txt").exists());
    let run = document["run"].as_str().unwrap();
    // the digest is shown to who cannot be asked
    let shown = place.workspace.lgflow(&["approve", run]).stderr;
    let at = shown.rfind("--digest ").unwrap_or_else(|| panic!("{shown}"));
    let digest: String =
        shown[at + 9..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == ':').collect();
    let approved = place.workspace.lgflow(&["approve", run, "--digest", &digest]);
    assert_eq!(approved.code, Some(0), "{}{}", approved.stdout, approved.stderr);
    let (code, document) = lgflow(&place, &["runs", "resume", run, "--format", "json"]);
    assert_eq!(code, 0, "{document:#}");
    assert_eq!(place.workspace.read("out/x.txt"), "made by a model\n");
    assert_eq!(provider.requests().len(), 2, "what was answered before the question is not asked again");
}

#[test]
fn broken_wishes_of_a_model_are_told_to_it() {
    let provider = Llmock::start();
    let place = place(&provider.origin());
    provider.script(&json!([{ "type": "tool_fault", "kind": "malformed_arguments" }]));
    let (code, document) = run(&place, "tools: [read_file]");
    assert_eq!(code, 0, "{document:#}");
    provider.reset().script(&json!([{ "type": "tool_fault", "kind": "unknown_tool" }]));
    assert_eq!(run(&place, "tools: [read_file]").0, 0);
    provider.reset().script(&json!([{ "type": "reply", "tool_calls": [{ "name": "read_file", "arguments": { "path": "a.txt" } }] }]));
    let (code, document) = run(&place, "tools: [read_file]");
    assert_eq!((code, &document["calls"]), (0, &json!(3)), "{document:#}");
    assert_eq!(provider.findings(), Vec::<String>::new());
}
