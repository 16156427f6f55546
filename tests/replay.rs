//! `lgflow replay` on runs that the program made: nothing differs, nothing is done, and what was edited is named.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod program;

use std::fs;

use lgflow::schema::{Validator, document};
use lgflow::trace::Envelope;
use program::{Ran, Workspace};
use serde_json::{Value, json};

/// A list, a loop, a command of the runner, large payloads, and two persons' answers.
const GRAPH: &str = r#"schema: lgflow.graph/v1
name: again
nodes:
  big: { uses: read_file, with: { path: big.txt } }
  turn: { uses: read_file, with: { path: a.txt } }
  each:
    uses: apply_patch
    with: { changes: [{ op: put, path: "out/{{ name }}.txt", content: "{{ name }}\n" }] }
    for_each: { in: "['x', 'y', 'z']", as: name }
  asked: { uses: apply_patch, with: { changes: [{ op: put, path: asked.txt, content: "two\n" }] } }
  after: { uses: read_file, with: { path: asked.txt } }
edges:
  - big -> turn
  - { from: turn, to: turn, when: "loops.turn.iteration < 3", loop: { max: 3, exhausted: leave } }
  - turn -> each -> asked -> after
outputs: { text: "{{ nodes.after.output.content }}", big: "{{ nodes.big.output.content }}" }
"#;

const POLICY: &str = "\
schema: lgflow.policy/v1
name: again
tools: { read_file: allow, apply_patch: allow }
paths:
  read: { allow: [\"**\"] }
  write: { allow: [\"out/**\"], ask: [\"asked.txt\"] }
redact: [ { name: token, pattern: \"tok-[0-9]+\" } ]
";

fn workspace() -> Workspace {
    let workspace = Workspace::git();
    workspace
        .write("graph.yaml", GRAPH)
        .write("policy.yaml", POLICY)
        .write("a.txt", "a tok-123 b\n")
        .write("asked.txt", "one\n")
        .write("big.txt", "large\n".repeat(2_000));
    workspace
}

/// A run to its end, by way of an approval; its id and where the copy of its trace lies.
fn finished(workspace: &Workspace) -> (String, String) {
    let arguments = ["run", "-g", "graph.yaml", "--policy", "policy.yaml", "--trace", "--format", "json"];
    let ran = workspace.lgflow(&arguments).ended(5).json();
    let run = ran["run"].as_str().unwrap().to_owned();
    let half = replayed(workspace, &[&run], 0);
    assert_eq!((&half["complete"], &half["difference"]), (&json!(false), &Value::Null), "{half}");
    workspace.approve(&run);
    let ran = workspace.lgflow(&["runs", "resume", &run, "--format", "json"]).ended(0).json();
    (run, ran["trace"].as_str().unwrap().to_owned())
}

/// The document of a replay.
fn replayed(workspace: &Workspace, arguments: &[&str], code: i32) -> Value {
    let arguments = [&["replay"], arguments, &["--format", "json"]].concat();
    let found = workspace.lgflow(&arguments).ended(code).json();
    let schema: Value = serde_json::from_str(document("replay").unwrap()).unwrap();
    let errors: Vec<String> =
        Validator::new(&schema).unwrap().errors(&found).iter().map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{found:#}");
    found
}

/// The same events with `alter` done to the first of a kind, and every hash made again; the number of that one.
fn forged(log: &str, kind: &str, alter: impl Fn(&mut Value)) -> (String, u64) {
    let (mut prev, mut lines, mut at) = (None, String::new(), 0);
    for line in log.lines() {
        let (mut event, _) = Envelope::parse(line).unwrap();
        let is_inline = event.data.get("result").is_none_or(|result| result.get("$blob").is_none());
        if event.kind == kind && is_inline && at == 0 {
            at = event.seq;
            let mut data = Value::Object(std::mem::take(&mut event.data));
            alter(&mut data);
            event.data.clone_from(data.as_object().unwrap());
        }
        event.prev = prev;
        if event.kind == "run.finished" {
            event.data.insert("digest".into(), json!(prev));
        }
        let (line, hash) = event.line();
        prev = Some(hash);
        lines += &(line + "\n");
    }
    (lines, at)
}

fn says(ran: &Ran, words: &[&str]) {
    for word in words {
        assert!(ran.stderr.contains(word), "`{word}` is not in:\n{}", ran.stderr);
    }
}

#[test]
fn a_run_is_decided_again_as_it_was_and_nothing_is_done() {
    let workspace = workspace();
    workspace.write("graph.yaml", GRAPH.replace("outputs: { ", "outputs: { joined: \"tok-{{ 12 }}\", "));
    let (run, copy) = finished(&workspace);
    for file in ["out/x.txt", "asked.txt", "graph.yaml"] {
        fs::remove_file(workspace.path().join(file)).unwrap();
    }
    let human = workspace.lgflow(&["replay", &run]).ended(0).stdout;
    assert!(human.starts_with("no difference: ") && human.contains("decided again"), "{human}");
    let found = replayed(&workspace, &[&run], 0);
    assert_eq!((&found["ok"], &found["complete"], &found["run"]), (&json!(true), &json!(true), &json!(run)));
    assert!(found["decided"].as_u64() > Some(20) && found["redacted"] == 1, "{found}");
    assert_eq!(replayed(&workspace, &[&copy], 0), found, "the copy in the workspace is the same run");
    for file in ["out/x.txt", "asked.txt"] {
        assert!(!workspace.path().join(file).exists(), "a replay has written `{file}`");
    }
}

#[test]
fn the_run_that_needs_no_setup_and_one_that_failed_are_decided_again() {
    let workspace = Workspace::git();
    workspace.write("README.md", "# A project\n");
    let ran = workspace.lgflow(&["run", "summarize repo", "--format", "json"]).ended(0).json();
    let found = replayed(&workspace, &[ran["run"].as_str().unwrap()], 0);
    assert_eq!(found["complete"], true, "{found}");
    workspace.write(
        "graph.yaml",
        "schema: lgflow.graph/v1\nname: fails\nnodes:\n  a: { uses: read_file, with: { path: gone.txt } }\n",
    );
    let ran = workspace.lgflow(&["run", "-g", "graph.yaml", "--format", "json"]).ended(1).json();
    assert_eq!(replayed(&workspace, &[ran["run"].as_str().unwrap()], 0)["complete"], true);
}

#[test]
fn what_was_edited_is_the_event_that_is_named() {
    let workspace = workspace();
    let (run, copy) = finished(&workspace);
    let path = workspace.path().join(&copy);
    let log = fs::read_to_string(&path).unwrap();
    let receipts = path.with_extension("receipts");

    let (other, at) = forged(&log, "item.finished", |data| data["output"] = json!("another"));
    fs::write(&path, other).unwrap();
    let ran = workspace.lgflow(&["replay", &copy]).ended(7);
    says(&ran, &[&format!("event {at} (`item.finished` of `each`)"), "data.output", "\"another\""]);
    let found = replayed(&workspace, &[&copy], 7);
    assert_eq!(
        (&found["difference"]["seq"], &found["difference"]["what"], &found["events"]),
        (&json!(at), &json!("other_decision"), &json!(at - 1))
    );

    // a result, made to fit in every hash: the runner's receipts know
    let (other, at) = forged(&log, "call.finished", |data| data["result"]["output"]["content"] = json!("b"));
    fs::write(&path, &other).unwrap();
    let found = replayed(&workspace, &[&copy], 7);
    assert_eq!(
        (&found["difference"]["seq"], &found["difference"]["what"]),
        (&json!(at), &json!("other_result")),
        "{found}"
    );
    fs::remove_file(receipts).unwrap();

    // and one without a hash of its own
    let line = log.lines().nth(at as usize - 1).unwrap();
    let bent = line.replacen("\"data\":{", "\"data\":{\"a\":1,", 1);
    fs::write(&path, log.replace(line, &bent)).unwrap();
    let found = replayed(&workspace, &[&copy], 7);
    assert_eq!(
        (&found["difference"]["seq"], &found["difference"]["what"]),
        (&json!(at), &json!("edited")),
        "{found}"
    );
    fs::write(&path, "nothing\n").unwrap();
    workspace.lgflow(&["replay", &copy]).ended(7).says("begins with no event");
    workspace.lgflow(&["replay", &run]).ended(0);
}

#[test]
fn a_trace_that_is_carried_elsewhere_wants_the_graph_of_then() {
    let workspace = workspace();
    let (_, copy) = finished(&workspace);
    let copy = workspace.path().join(copy);
    let elsewhere = Workspace::git();
    elsewhere.write("t/run.jsonl", fs::read(&copy).unwrap()).write("graph.yaml", GRAPH);
    let refused = elsewhere.lgflow(&["replay", "t/run.jsonl", "-g", "graph.yaml"]);
    says(&refused.ended(7), &["payload"]);
    let blobs = copy.parent().unwrap().join("blobs");
    let status = std::process::Command::new("cp")
        .arg("-r")
        .args([blobs, elsewhere.path().join("t/blobs")])
        .status()
        .unwrap();
    assert!(status.success());
    let found = replayed(&elsewhere, &["t/run.jsonl", "-g", "graph.yaml"], 0);
    assert_eq!((&found["ok"], &found["complete"]), (&json!(true), &json!(true)));
    elsewhere.write("graph.yaml", GRAPH.replace("max: 3", "max: 4"));
    let refused = elsewhere.lgflow(&["replay", "t/run.jsonl", "-g", "graph.yaml"]).ended(1);
    says(&refused, &["is not the one of the run", "loops", "name the graph of then"]);
    let lost = elsewhere.lgflow(&["replay", "t/run.jsonl"]).ended(1);
    says(&lost, &["is not the one of the run"]);
}
