//! Runs looked at afterwards, through the program: as they were at any event, and held against each other.

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
use program::{Ran, Workspace};
use serde_json::{Value, json};

/// A loop that writes a channel, a list, a subgraph, and a question in the middle.
const GRAPH: &str = r#"schema: lgflow.graph/v1
name: travel
inputs: { file: { type: string, default: a.txt } }
state: { seen: { type: array, reduce: append } }
graphs: { inner: { file: inner.yaml } }
budgets: { tool_calls: 40 }
nodes:
  look: { uses: read_file, with: { path: "{{ inputs.file }}" } }
  turn:
    uses: read_file
    with: { path: a.txt }
    update: { seen: "{{ loops.turn.iteration }}" }
  each:
    uses: apply_patch
    with: { changes: [{ op: put, path: "out/{{ name }}.txt", content: "{{ name }} {{ nodes.look.output.content }}" }] }
    for_each: { in: "['x', 'y', 'z']", as: name }
  inside: { uses: graph, with: { graph: inner, inputs: { path: a.txt } } }
  sure: { uses: approval, with: { show: "go on?", options: [go, stop] } }
  last: { uses: values, with: { chosen: "{{ nodes.sure.output.choice }}" } }
  aside: { uses: values, with: { a: 1 }, skip_when: "true" }
edges:
  - look -> turn
  - { from: turn, to: turn, when: "loops.turn.iteration < 3", loop: { max: 3, exhausted: leave } }
  - turn -> each -> inside -> sure -> last
  - look -> aside
outputs: { chosen: "{{ nodes.last.output.chosen }}", seen: "{{ state.seen }}" }
"#;

const INNER: &str = "\
schema: lgflow.graph/v1
name: inner
inputs: { path: { type: string } }
nodes: { deep: { uses: read_file, with: { path: \"{{ inputs.path }}\" } } }
outputs: { text: \"{{ nodes.deep.output.content }}\" }
";

const POLICY: &str = "\
schema: lgflow.policy/v1
name: travel
tools: { read_file: allow, apply_patch: allow }
paths:
  read: { allow: [\"**\"] }
  write: { allow: [\"out/**\"] }
";

const MORE: &str = "schema: lgflow.policy/v1\nname: more\nlimits: { tool_calls: 39 }\n";

fn workspace() -> Workspace {
    let workspace = Workspace::new();
    workspace
        .write("graph.yaml", GRAPH)
        .write("inner.yaml", INNER)
        .write("policy.yaml", POLICY)
        .write("a.txt", "one\n")
        .write("b.txt", "two\n");
    workspace
}

const RUN: [&str; 8] = ["run", "-g", "graph.yaml", "--policy", "policy.yaml", "--trace", "--format", "json"];

/// A run that waits for its answer, in a workspace as it was at first.
fn begun(workspace: &Workspace, more: &[&str]) -> String {
    let _ = fs::remove_dir_all(workspace.path().join("out"));
    let ran = workspace.lgflow(&[&RUN[..], more].concat()).ended(5).json();
    ran["run"].as_str().unwrap().to_owned()
}

/// A run to its end.
fn run(workspace: &Workspace, more: &[&str], choice: &str) -> String {
    let run = begun(workspace, more);
    workspace.lgflow(&["approve", &run, "sure", "--choice", choice]).ended(0);
    workspace.lgflow(&["runs", "resume", &run]).ended(0);
    run
}

#[track_caller]
fn fits(name: &str, found: &Value) {
    let schema: Value = serde_json::from_str(document(name).unwrap()).unwrap();
    let errors: Vec<String> =
        Validator::new(&schema).unwrap().errors(found).iter().map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{found:#}");
}

#[track_caller]
fn at(workspace: &Workspace, run: &str, at: &str) -> Value {
    let found = workspace.lgflow(&["runs", "show", run, "--at", at, "--format", "json"]).ended(0).json();
    fits("moment", &found);
    found
}

fn node<'a>(moment: &'a Value, id: &str) -> &'a Value {
    let nodes = moment["executions"][0]["nodes"].as_array().unwrap();
    nodes.iter().find(|node| node["node"] == id).unwrap()
}

#[test]
fn a_run_is_shown_as_it_was_at_any_event_and_at_the_end_of_any_node() {
    let workspace = workspace();
    let run = begun(&workspace, &[]);
    let second = at(&workspace, &run, "turn[2]");
    assert_eq!((&second["kind"], &second["node"]), (&json!("node.finished"), &json!("turn")));
    assert_eq!(second["executions"][0]["channels"]["seen"], json!([1, 2]));
    assert_eq!(
        (&node(&second, "turn")["status"], &node(&second, "turn")["iteration"]),
        (&json!("succeeded"), &json!([2]))
    );
    assert_eq!((&node(&second, "each")["status"], &second["status"]), (&json!("waiting"), &json!("running")));
    let aside = at(&workspace, &run, "aside");
    assert_eq!(
        (&aside["kind"], &node(&aside, "aside")["status"]),
        (&json!("node.decided"), &json!("skipped"))
    );
    let deep = at(&workspace, &run, "inside/deep");
    assert_eq!(
        (deep["executions"].as_array().unwrap().len(), &deep["executions"][1]["graph"]),
        (2, &json!("inner"))
    );
    assert_eq!(deep["executions"][1]["nodes"][0]["output"]["content"], "one\n");

    // every event is a moment, and the number of calls in flight and spent follows the log
    let events = at(&workspace, &run, "1")["events"].as_u64().unwrap();
    let (mut calls, mut asked) = (0, 0);
    for seq in (1..=events).rev().step_by(4) {
        let moment = at(&workspace, &run, &seq.to_string());
        calls = calls.max(moment["calls"].as_array().unwrap().len());
        asked = asked.max(moment["waiting"].as_array().unwrap().len());
        assert_eq!(moment["seq"], seq);
    }
    assert_eq!((calls > 0, asked), (true, 1));
    let last = at(&workspace, &run, &events.to_string());
    assert_eq!((&last["status"], &last["waiting"][0]["node"]), (&json!("suspended"), &json!("sure")));
    assert_eq!(last["executions"][0]["spent"]["tool_calls"], last["totals"]["calls"]);
    let human = workspace.lgflow(&["runs", "show", &run, "--at", "turn[2]"]).ended(0).stdout;
    for word in ["event ", "node.finished of `turn[2]`", "channel seen: [1,2]", "calls 3 of 40", "each"] {
        assert!(human.contains(word), "`{word}` is not in:\n{human}");
    }
}

#[test]
fn what_was_spent_is_told_whether_anything_bounds_it_or_not() {
    let workspace = workspace();
    let bound = begun(&workspace, &[]);
    workspace.write("graph.yaml", GRAPH.replace("budgets: { tool_calls: 40 }\n", ""));
    let free = begun(&workspace, &[]);
    let spent = |run: &str| {
        let last = at(&workspace, run, "1")["events"].to_string();
        at(&workspace, run, &last)["executions"][0]["spent"].clone()
    };
    let (bound_spent, free_spent) = (spent(&bound), spent(&free));
    assert_eq!(bound_spent, free_spent);
    assert!(
        free_spent["tool_calls"].as_u64() > Some(6) && free_spent["patch_bytes"].as_u64() > Some(9),
        "{free_spent}"
    );
    let found = diff(&workspace, &bound, &free, 1);
    let bytes = &free_spent["patch_bytes"];
    assert_eq!(found["spent"]["patch_bytes"], json!({ "a": bytes, "b": bytes }), "{}", found["spent"]);
    assert_eq!(diff(&workspace, &free, &free, 0)["spent"]["patch_bytes"]["a"], *bytes);
}

#[test]
fn a_moment_that_a_run_does_not_have_is_said_with_what_it_has() {
    let workspace = workspace();
    let run = begun(&workspace, &[]);
    let table = [
        ("9999", "there is no event 9999: the run has the events 1 to"),
        ("0", "there is no event 0"),
        ("trun", "write `turn`"),
        ("turn[7]", "it ended in [1], [2], [3]"),
        ("last", "`last` did not run, and nothing was decided of it"),
        ("sure", "has begun at event"),
        ("turn[", "is neither the number of an event nor a node"),
        ("inside/none", "the graph has no node `inside/none`"),
    ];
    for (at, says) in table {
        workspace.lgflow(&["runs", "show", &run, "--at", at]).ended(2).says(says);
    }
}

#[track_caller]
fn diff(workspace: &Workspace, a: &str, b: &str, code: i32) -> Value {
    let found = workspace.lgflow(&["runs", "diff", a, b, "--format", "json"]).ended(code).json();
    fits("comparison", &found);
    assert_eq!(found["same"], code == 0, "{found:#}");
    found
}

#[test]
fn two_runs_of_the_same_are_the_same_whatever_their_times_and_numbers_are() {
    let workspace = workspace();
    let (a, b) = (run(&workspace, &[], "go"), run(&workspace, &[], "go"));
    let found = diff(&workspace, &a, &b, 0);
    assert_eq!(found["divergence"], Value::Null);
    assert_eq!(found["calls"]["changed"], json!([]));
    assert!(found["calls"]["same"].as_u64() > Some(6), "{found:#}");
    let human = workspace.lgflow(&["runs", "diff", &a, &b]).ended(0).stdout;
    assert!(human.contains("the same, event by event"), "{human}");
    let copy = format!("artifacts/runs/run-{b}.jsonl");
    diff(&workspace, &a, &copy, 0);
    // a run that waits has not come as far
    let half = begun(&workspace, &[]);
    let found = diff(&workspace, &a, &half, 1);
    assert_eq!(
        (&found["b"]["status"], &found["divergence"]["a"]["kind"]),
        (&Value::Null, &json!("approval.granted"))
    );
}

#[test]
fn by_which_path_a_policy_was_named_is_a_circumstance() {
    let workspace = workspace();
    workspace.write(".lg/.keep", "").write("sub/.keep", "").write("elsewhere/more.yaml", MORE);
    let including = POLICY.replace("name: travel\n", "name: travel\ninclude: [elsewhere/more.yaml]\n");
    workspace.write("policy.yaml", including);
    let a = run(&workspace, &[], "go");
    // a fork finds the policy again by the path that is on record
    let forked = workspace.lgflow(&["runs", "fork", &a, "--from", "sure", "--trace", "--format", "json"]);
    let forked = forked.ended(5).json()["run"].as_str().unwrap().to_owned();
    workspace.lgflow(&["approve", &forked, "sure", "--choice", "go"]).ended(0);
    workspace.lgflow(&["runs", "resume", &forked]).ended(0);
    let found = diff(&workspace, &a, &forked, 0);
    assert_eq!(found["start"], json!([]));
    let copy = workspace.read(&format!("artifacts/runs/run-{forked}.jsonl"));
    assert!(!copy.contains(workspace.path().to_str().unwrap()), "a trace names no folder of this machine");
    // from a folder beneath, everything has another name
    fs::remove_dir_all(workspace.path().join("out")).unwrap();
    let arguments = ["run", "-g", "../graph.yaml", "--policy", "../policy.yaml", "--format", "json"];
    let mut below = workspace.command(&arguments);
    let below = Ran::from(below.current_dir(workspace.path().join("sub")).output().unwrap()).ended(5).json();
    let below = below["run"].as_str().unwrap();
    workspace.lgflow(&["approve", below, "sure", "--choice", "go"]).ended(0);
    workspace.lgflow(&["runs", "resume", below]).ended(0);
    for (one, other) in [(a.as_str(), below), (below, a.as_str()), (&forked, below)] {
        let found = diff(&workspace, one, other, 0);
        assert_eq!((&found["start"], &found["calls"]["changed"]), (&json!([]), &json!([])), "{found:#}");
        let named = found["circumstances"].to_string();
        assert!(named.contains("../policy.yaml"), "{named}");
    }
    // another policy is one, whatever it is called
    workspace.write("policy.yaml", POLICY.replace("name: travel", "name: other"));
    fs::remove_dir_all(workspace.path().join("out")).unwrap();
    let other = run(&workspace, &[], "go");
    assert_ne!(diff(&workspace, &a, &other, 1)["start"], json!([]));
}

#[test]
fn where_two_runs_part_and_what_follows_is_told() {
    let workspace = workspace();
    let a = run(&workspace, &[], "go");

    let answered = run(&workspace, &[], "stop");
    let found = diff(&workspace, &a, &answered, 1);
    assert_eq!(found["divergence"]["why"], "a person answered otherwise");
    assert_eq!(found["divergence"]["places"][0], json!({ "at": "choice", "a": "go", "b": "stop" }));
    assert_eq!(found["outcome"][0]["at"], "outputs.chosen");
    assert_eq!((&found["calls"]["changed"], &found["files"]), (&json!([]), &json!([])));

    let given = run(&workspace, &["-i", "file=b.txt"], "go");
    let found = diff(&workspace, &a, &given, 1);
    assert_eq!(found["divergence"]["why"], "they were given other inputs");
    assert_eq!(found["divergence"]["places"][0], json!({ "at": "inputs.file", "a": "a.txt", "b": "b.txt" }));
    let look = &found["calls"]["changed"][0];
    assert_eq!((&look["key"], &look["input"][0]["at"]), (&json!("look!1"), &json!("input.path")));
    let files: Vec<&str> =
        found["files"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap()).collect();
    assert_eq!(files, ["out/x.txt", "out/y.txt", "out/z.txt"]);

    workspace.write("a.txt", "three\n");
    let read = run(&workspace, &[], "go");
    let found = diff(&workspace, &a, &read, 1);
    assert_eq!(found["divergence"]["why"], "the same call came to something else");
    assert_eq!(found["divergence"]["a"]["node"], "look");
    assert_eq!(found["nodes"][0]["node"], "look");
    workspace.write("a.txt", "one\n");

    workspace.write("graph.yaml", GRAPH.replace("< 3\"", "< 2\""));
    let shorter = run(&workspace, &[], "go");
    let found = diff(&workspace, &a, &shorter, 1);
    assert_eq!(found["divergence"]["why"], "they are runs of graphs that are not the same");
    let channel = &found["channels"][0];
    assert_eq!((&channel["path"], &channel["channel"]), (&Value::Null, &json!("seen")));
    let written = |side: &str| -> Vec<Value> {
        let writes = channel[side].as_array().unwrap().iter();
        writes.map(|write| json!([write["node"], write["iteration"], write["value"]])).collect()
    };
    assert_eq!(written("a"), [json!(["turn", [1], 1]), json!(["turn", [2], 2]), json!(["turn", [3], 3])]);
    assert_eq!(written("b"), [json!(["turn", [1], 1]), json!(["turn", [2], 2])]);
    let human = workspace.lgflow(&["runs", "diff", &a, &shorter]).ended(1).stdout;
    for word in [
        "they first differ here",
        "turn[3]: succeeded in a, did not end in b",
        "made in a alone",
        "loop.turned",
        "a  turn[3] wrote 3",
    ] {
        assert!(human.contains(word), "`{word}` is not in:\n{human}");
    }
}

#[test]
fn what_does_not_hold_or_is_not_there_is_not_compared() {
    let workspace = workspace();
    workspace.write("big.txt", "large\n".repeat(2_000));
    let a = run(&workspace, &["-i", "file=big.txt"], "go");
    let copy = format!("artifacts/runs/run-{a}.jsonl");
    workspace.lgflow(&["runs", "diff", &a, "none.jsonl"]).ended(2).says("none.jsonl");
    let path = workspace.path().join(&copy);
    let log = fs::read_to_string(&path).unwrap();
    fs::write(&path, log.replacen("look", "lock", 3)).unwrap();
    workspace.lgflow(&["runs", "diff", &a, &copy]).ended(7).says("was edited");
    let elsewhere = Workspace::new();
    elsewhere.write("t.jsonl", &log);
    elsewhere.lgflow(&["runs", "diff", "t.jsonl", "t.jsonl"]).ended(7).says("is not at hand");
}

#[test]
fn a_run_whose_graph_or_prompt_has_changed_is_refused_with_what_has() {
    let workspace = workspace();
    let prompt = "dear {{ who }},\ngo on?\n";
    let graph = "schema: lgflow.graph/v1\nname: prompted\nprompts: { ask: { file: ask.md } }\nnodes:\n  text: { uses: render, with: { prompt: ask, vars: { who: you } } }\n  \
                 sure: { uses: approval, with: { show: \"{{ nodes.text.output }}\" } }\nedges: [text -> sure]\n";
    workspace.write("graph.yaml", graph).write("ask.md", prompt);
    let run = begun(&workspace, &[]);
    let resume = || workspace.lgflow(&["runs", "resume", &run]).ended(1).says("its graph has changed");
    workspace.write("ask.md", prompt.replace("go on?", "stop?"));
    resume().says("ask.md:2: it was `go on?`, and is `stop?`").says("node `text`: `with.text` was");
    workspace
        .write("ask.md", prompt)
        .write("graph.yaml", graph.replace("who: you", "who: me") + "  # more\n");
    resume().says("node `text`: `with.vars.who` was `you`, and is `me`");
    let more = graph.replace("[text -> sure]", "[text -> sure -> then]") + "outputs: { a: \"1\" }\n";
    workspace.write("graph.yaml", more.replace("edges:", "  then: { uses: values }\nedges:"));
    resume().says("node `then` is new").says("edge `sure -> then` is new").says("output `a` is new");
    workspace.write("graph.yaml", graph);
    workspace.lgflow(&["runs", "resume", &run]).ended(5);
}
