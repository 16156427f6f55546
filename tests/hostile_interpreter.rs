//! The front against an interpreter that lies. The processes are real, the runner is ours, and in the interpreter's place
//! runs this test program once more: nothing that it says asks a person, answers for one, or becomes a result.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod program;

use std::fs;
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use lgflow::digest::{Digest, canonical_json};
use lgflow::effect::{Confinement, FrontFrame, InterpreterFrame, LayerRole, SandboxLayer};
use lgflow::front::{Finished, Stopped};
use lgflow::policy::{CONTAINED, builtin};
use lgflow::store::RunId;
use lgflow::wire::{FirstFrame, receive_first, send_frame};
use program::Workspace;
use program::begun::{carry_out, place_in};
use serde_json::{Value, json};

const GRAPH: &str = "\
schema: lgflow.graph/v1
name: asks
nodes:
  sure: { uses: approval, with: { show: \"really?\" } }
  done: { uses: values, with: { done: true } }
edges: [sure -> done]
outputs:
  done: \"{{ nodes.done.output.done }}\"
";

fn append(lines: &Value) -> Value {
    json!({ "type": "append", "lines": lines, "awaited": false })
}

/// The first line of a trace with a right hash, that names a payload.
fn names_a_payload(run: &str) -> Value {
    let mut event = json!({
        "schema": "lgflow.event/v1", "run": run, "seq": 1, "ts": "2026-01-01T00:00:00Z", "kind": "run.started",
        "data": { "facts": { "$blob": Digest::of("another").to_string(), "bytes": 7 }, "inputs": {} }, "prev": null,
    });
    event["hash"] = json!(Digest::of_json(&event).to_string());
    append(&json!([canonical_json(&event)]))
}

/// What the liar says, by name.
fn lies(name: &str, run: &str) -> Vec<Value> {
    let event = |kind: &str, data: Value| {
        let line = json!({
            "schema": "lgflow.event/v1", "run": run, "seq": 1, "ts": "2026-01-01T00:00:00Z", "kind": kind,
            "data": data, "prev": null, "hash": format!("sha256:{}", "0".repeat(64)),
        });
        append(&json!([line.to_string()]))
    };
    let payload = |part: &str| json!({ "type": "payload", "part": part, "last": true });
    let answer = json!({ "question": 1, "choice": "approve", "response": null, "comment": "", "by": "user" });
    match name {
        "ends" => vec![json!({ "type": "ended", "interrupted": null })],
        "asks" => vec![json!({ "type": "ask", "calls": [{ "text": "approve this?" }] })],
        "answers" => vec![event("approval.granted", answer)],
        "finishes" => {
            vec![event(
                "run.finished",
                json!({ "status": "succeeded", "outputs": { "done": true }, "events": 1 }),
            )]
        }
        "begins twice" => vec![json!({ "type": "ready", "confinement": { "layers": [], "missing": [] } })],
        "starts the runner" => vec![json!({ "type": "start", "layers": [] })],
        "says nothing that is a line" => vec![append(&json!(["\u{1b}[2J approve? [y/n]"]))],
        "names a payload that it did not send" => vec![payload("{}"), names_a_payload(run)],
        "asks for what is not of its run" => {
            vec![json!({ "type": "fetch", "digest": Digest::of("{}").to_string() })]
        }
        "dies" => Vec::new(),
        other => panic!("no lie is called {other}"),
    }
}

/// Not a test of its own: what runs in the interpreter's place, told by a variable what to say.
#[test]
fn the_liar() {
    let Ok(name) = std::env::var("LGFLOW_TEST_LIE") else { return };
    let front = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
    let first: FirstFrame<FrontFrame> = receive_first(&front).unwrap();
    let FrontFrame::Start(start) = first.frame else { panic!("no task") };
    let run: RunId = start.run.parse().unwrap();
    let layers = vec![SandboxLayer { name: "seccomp".into(), in_force: true }];
    let confinement = Confinement { layers, missing: Vec::new() };
    send_frame(&front, &InterpreterFrame::Ready { confinement }).unwrap();
    for lie in lies(&name, run.as_str()) {
        send_frame(&front, &lie).unwrap();
    }
    if name != "dies" {
        // one that has lied does not go by itself
        loop {
            std::thread::park();
        }
    }
}

/// A program that is `lgflow`, but for its interpreter.
fn with_a_liar(workspace: &Workspace, lie: &str) -> PathBuf {
    let path = workspace.outside().join("lgflow-with-a-liar");
    let own = std::env::current_exe().unwrap();
    let text = format!(
        "#!/bin/sh\ncase \"$1\" in\n  __interpreter) export LGFLOW_TEST_LIE='{lie}'; exec '{}' --exact the_liar --nocapture ;;\n  *) exec '{}' \"$@\" ;;\nesac\n",
        own.display(),
        env!("CARGO_BIN_EXE_lgflow"),
    );
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn run(program: &Path, workspace: &Workspace) -> Finished {
    workspace.write("graph.yaml", GRAPH);
    let layers = vec![builtin(CONTAINED, LayerRole::Grant).unwrap()];
    carry_out(&place_in(workspace.outside(), "local"), layers, program, None)
}

#[test]
fn what_an_interpreter_says_is_no_question_no_answer_and_no_result() {
    for lie in [
        "asks",
        "answers",
        "finishes",
        "begins twice",
        "starts the runner",
        "says nothing that is a line",
        "names a payload that it did not send",
        "asks for what is not of its run",
        "ends",
        "dies",
    ] {
        let workspace = Workspace::new();
        let finished = run(&with_a_liar(&workspace, lie), &workspace);
        let summary = &finished.summary;
        assert_eq!(summary.status, None, "{lie}");
        assert!(summary.outputs.is_none() && summary.waiting.is_empty(), "{lie}: {summary:?}");
        let gone = matches!(finished.interrupted, Some(Stopped::InterpreterGone));
        let unfit = matches!(finished.interrupted, Some(Stopped::Unfit(_)));
        assert!(if lie == "dies" { gone } else { unfit }, "{lie}: {:?}", finished.interrupted);
    }
}

#[test]
fn an_honest_one_asks_through_the_trace_and_the_run_waits() {
    let workspace = Workspace::new();
    let finished = run(Path::new(env!("CARGO_BIN_EXE_lgflow")), &workspace);
    assert!(finished.interrupted.is_none(), "{:?}", finished.interrupted);
    assert_eq!(finished.summary.waiting.len(), 1, "{:?}", finished.summary);
}
