//! The spans of a run on their way to a collector that other people wrote: the same that an export of the stored run has,
//! without contents; and a collector that is not there.
#![cfg(feature = "otel")]
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod program;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use program::python::python;
use program::{Ran, Workspace};
use serde_json::{Value, json};

const TOKEN: &str = "s3cr3t/token+of&the=environment";

const POLICY: &str = "\
schema: lgflow.policy/v1
name: p
tools: { exec: allow, read_file: allow, apply_patch: allow, llm: allow }
paths: { read: { allow: ['**'] }, write: { allow: ['**'] } }
commands: [{ name: sh, program: sh, args: [[-c, '*', '...']], sandbox: { env: { pass: [TOKEN] } } }]
sandbox: { mode: best_effort }
";

const GRAPH: &str = r#"schema: lgflow.graph/v1
name: spans
inputs: { word: { type: string } }
prompts: { ask: { text: canary of words } }
nodes:
  look: { uses: read_file, with: { path: a.txt } }
  each: { uses: read_file, for_each: { in: "['a.txt', 'b.txt']", as: name, max: 5 }, with: { path: "{{ name }}" } }
  command: { uses: exec, with: { argv: [sh, -c, 'printf %s "$TOKEN"; echo canary-of-an-output', canary-of-an-argument] } }
  fails:
    uses: exec
    retry: { attempts: 2, backoff: 10ms, kinds: [exit] }
    with: { argv: [sh, -c, 'echo canary-of-a-failure 1>&2; exit 3'] }
  says: { uses: llm, with: { model: default, prompt: ask } }
  after: { uses: values, with: { done: true } }
  never: { uses: values, with: { word: "{{ inputs.word }}" } }
edges:
  - look -> each -> says -> command -> fails
  - { from: fails, to: after, catch: [exit] }
  - { from: after, to: never, when: "output.done == false" }
outputs: { word: "{{ inputs.word }}" }
"#;

fn workspace() -> Workspace {
    let workspace = Workspace::git();
    let config = workspace.outside().join("home/.config/lgflow");
    fs::create_dir_all(&config).unwrap();
    fs::write(config.join("config.toml"), "[secrets.TOKEN]\nenv = \"TOKEN\"\n").unwrap();
    workspace.write("a.txt", "canary-of-a-file").write("b.txt", "b");
    workspace.write("policy.yaml", POLICY).write("graph.yaml", GRAPH);
    workspace
}

const RUN: [&str; 7] =
    ["run", "-g", "graph.yaml", "--policy", "policy.yaml", "-i", "word=canary-of-an-input"];

/// A run while a collector listens, and what it has received.
fn collected(workspace: &Workspace) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/watching/collect.py");
    let all: Vec<&str> =
        [script.to_str().unwrap(), env!("CARGO_BIN_EXE_lgflow")].into_iter().chain(RUN).collect();
    let ran = Ran::from(workspace.program(python(), &all).env("TOKEN", TOKEN).output().unwrap());
    ran.ended(0).json()
}

/// A span in one form, whoever has told it.
fn span(told: &Value) -> Value {
    let field =
        |names: [&str; 2]| names.iter().map(|name| &told[*name]).find(|value| !value.is_null()).cloned();
    let number = |value: Option<Value>| {
        value.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    };
    json!({
        "trace": field(["traceId", "trace_id"]),
        "id": field(["spanId", "span_id"]),
        "parent": field(["parentSpanId", "parent_span_id"]).filter(|parent| *parent != ""),
        "name": told["name"],
        "from": number(field(["startTimeUnixNano", "start_time_unix_nano"])),
        "to": number(field(["endTimeUnixNano", "end_time_unix_nano"])),
        "attributes": attributes(&told["attributes"]),
        "error": told["status"]["message"].as_str().filter(|message| !message.is_empty()),
    })
}

fn attributes(told: &Value) -> BTreeMap<String, String> {
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match told {
        Value::Array(all) => {
            let one = |one: &Value| {
                let value =
                    one["value"].as_object().and_then(|value| value.values().next()).unwrap_or(&one["value"]);
                (one["key"].as_str().unwrap().to_owned(), plain(value))
            };
            all.iter().map(one).collect()
        }
        Value::Object(all) => all.iter().map(|(key, value)| (key.clone(), plain(value))).collect(),
        _ => BTreeMap::new(),
    }
}

fn by_id(spans: &Value) -> BTreeMap<String, Value> {
    let all = spans.as_array().unwrap().iter().map(span);
    all.map(|span| (span["id"].as_str().unwrap().to_owned(), span)).collect()
}

#[test]
fn a_collector_receives_live_what_an_export_of_the_run_has_and_no_contents() {
    let workspace = workspace();
    let told = collected(&workspace);
    assert_eq!(told["code"], 0, "{told}");
    let (received, exported) = (by_id(&told["received"]), by_id(&told["exported"]));
    assert_eq!(received.len(), told["received"].as_array().unwrap().len(), "a span came twice");
    assert_eq!(received.keys().collect::<Vec<_>>(), exported.keys().collect::<Vec<_>>());
    for (id, span) in &received {
        assert_eq!(*span, exported[id]);
    }
    let named = |name: &str| received.values().filter(|span| span["name"] == name).collect::<Vec<_>>();
    assert_eq!((named("run spans").len(), named("node command").len(), named("sh").len()), (1, 1, 3));
    let failed = named("sh").into_iter().find(|span| !span["error"].is_null()).unwrap();
    assert_eq!((&failed["error"], &failed["attributes"]["process.exit.code"]), (&json!("exit"), &json!("3")));
    assert_eq!(failed["attributes"]["process.args_count"], "3");
    let said = &named("chat deterministic")[0]["attributes"];
    assert_eq!(
        (&said["gen_ai.provider.name"], &said["gen_ai.response.model"]),
        (&json!("lgflow"), &json!("deterministic"))
    );
    assert_eq!(
        (&said["gen_ai.usage.input_tokens"], &said["gen_ai.usage.output_tokens"]),
        (&json!("3"), &json!("3"))
    );
    let bytes = told["received"].to_string();
    for hidden in ["canary", "printf", TOKEN, &TOKEN.replace('/', "\\/"), "s3cr3t"] {
        assert!(!bytes.contains(hidden), "{hidden}:\n{bytes}");
    }
}

#[test]
fn a_collector_that_is_not_there_is_said_once_and_changes_nothing() {
    let workspace = workspace();
    let dead = [
        ("TOKEN", TOKEN),
        ("LGFLOW_EXPORTERS_OTLP_ENDPOINT", "http://127.0.0.1:1"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=hunter2"),
    ];
    let ran = Ran::from(workspace.command(&RUN).envs(dead).output().unwrap()).ended(0);
    assert_eq!(ran.stdout, "canary-of-an-input\n");
    assert_eq!(ran.stderr.matches("not every span of the run has reached").count(), 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("`http://127.0.0.1:1`") && !ran.stderr.contains("hunter2"), "{}", ran.stderr);
}

#[test]
fn no_repository_chooses_who_is_told() {
    let workspace = workspace();
    workspace.write(".lg/config.toml", "[exporters.otlp]\nendpoint = 'http://evil.example'\n");
    let refused = workspace.lgflow(&["config"]).ended(3);
    assert!(
        (refused.stdout + &refused.stderr)
            .contains("`exporters` may not stand in a workspace's configuration")
    );
}
