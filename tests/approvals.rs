//! Approvals through the program: asked at a terminal and later, answered, refused, and gone on with.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod program;

use std::fs;
use std::path::PathBuf;

use program::kept::{log_of, rewrite_log};
use program::{Ran, Workspace};
use serde_json::{Value, json};

const BEFORE: &str = "one\ntwo\nthree\n";
const AFTER: &str = "one\nTWO\nthree\n";
const PATCHES: &str = r#"schema: lgflow.graph/v1
name: patches
nodes:
  look: { uses: read_file, with: { path: a.txt } }
  apply:
    uses: apply_patch
    with: { patch: "--- a/a.txt\n+++ b/a.txt\n@@ -1,3 +1,3 @@\n one\n-two\n+TWO\n three\n" }
  after: { uses: read_file, with: { path: a.txt } }
edges: [ look -> apply -> after ]
outputs: { text: "{{ nodes.after.output.content }}" }
"#;
const ALLOWS: &str = "schema: lgflow.policy/v1\nname: open\ntools: {read_file: allow, apply_patch: allow}\npaths: \
                      {read: {allow: ['**']}, write: {allow: ['**']}}\n";
const ASKS: &str = "schema: lgflow.policy/v1\nname: asks\ntools: {read_file: allow, apply_patch: ask}\npaths: {read: \
                    {allow: ['**']}, write: {allow: ['**']}}\n";

fn workspace() -> Workspace {
    let workspace = Workspace::git();
    workspace.write("a.txt", BEFORE).write("graph.yaml", PATCHES);
    workspace
}

/// Runs it at a terminal; a person types `answers`.
fn at_terminal(workspace: &Workspace, answers: &Value, arguments: &[&str]) -> (i32, String) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/program/terminal.py");
    let answers = answers.to_string();
    let program = [script, answers.as_str(), env!("CARGO_BIN_EXE_lgflow")];
    let all: Vec<&str> = program.into_iter().chain(arguments.iter().copied()).collect();
    let output = workspace.program("python3", &all).env("TERM", "xterm").output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    let code = shown.trim_end().rsplit("EXIT ").next().and_then(|code| code.parse().ok());
    (code.unwrap_or_else(|| panic!("{shown}\n{}", String::from_utf8_lossy(&output.stderr))), shown)
}

/// Without the terminal's own words.
fn plain(shown: &str) -> String {
    let mut plain = String::new();
    let mut rest = shown;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        plain.push_str(before);
        rest = after.find(|c: char| c.is_ascii_alphabetic()).map_or("", |at| &after[at + 1..]);
    }
    plain + rest
}

fn suspended(workspace: &Workspace, arguments: &[&str]) -> Value {
    let all: Vec<&str> = ["run", "--format", "json"].into_iter().chain(arguments.iter().copied()).collect();
    let document = workspace.lgflow(&all).ended(5).json();
    assert_eq!(document["status"], "suspended");
    document
}

fn run_of(document: &Value) -> String {
    document["run"].as_str().unwrap().to_owned()
}

/// The digest that `approve` shows, and refuses to go on without.
fn shown_digest(workspace: &Workspace, run: &str) -> String {
    let ran = workspace.lgflow(&["approve", run]).ended(2);
    let at = ran.stderr.rfind("--digest ").unwrap_or_else(|| panic!("{}", ran.stderr));
    ran.stderr[at + 9..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == ':').collect()
}

fn approve(workspace: &Workspace, run: &str) -> Ran {
    let digest = shown_digest(workspace, run);
    workspace.lgflow(&["approve", run, "--digest", &digest])
}

fn ledger(workspace: &Workspace) -> PathBuf {
    let folders = fs::read_dir(workspace.state().join("ledger")).unwrap();
    folders.map(|folder| folder.unwrap().path()).next().unwrap()
}

#[test]
fn a_patch_is_applied_after_a_yes_at_the_terminal() {
    let workspace = workspace();
    let (code, shown) = at_terminal(&workspace, &json!(["y"]), &["run", "-g", "graph.yaml"]);
    let shown = plain(&shown);
    assert_eq!(code, 0, "{shown}");
    assert_eq!(workspace.read("a.txt"), AFTER);
    for line in ["-two", "+TWO", "path: a.txt (now sha256:"] {
        assert!(shown.contains(line), "{line}\n{shown}");
    }
}

#[test]
fn anything_but_a_yes_is_a_no() {
    for answer in ["", "n", "yess", "always"] {
        let workspace = workspace();
        let (code, shown) = at_terminal(&workspace, &json!([answer]), &["run", "-g", "graph.yaml"]);
        assert_eq!(code, 1, "{answer}: {shown}");
        assert!(shown.contains("rejected"), "{shown}");
        assert_eq!(workspace.read("a.txt"), BEFORE);
    }
}

#[test]
fn an_answer_that_was_typed_before_the_question_is_none() {
    let workspace = workspace();
    workspace.write("p.yaml", ASKS);
    let typed = json!([{ "before": "y" }, { "before": "yes" }, Value::Null]);
    let (code, shown) = at_terminal(&workspace, &typed, &["run", "-g", "graph.yaml", "--policy", "p.yaml"]);
    assert_eq!((code, workspace.read("a.txt").as_str()), (5, BEFORE), "{shown}");
    let run = workspace.lgflow(&["runs", "list", "--format", "json"]).ended(0).json();
    let run = run["runs"][0]["run"].as_str().unwrap();
    let (code, shown) = at_terminal(&workspace, &json!([{ "before": "y" }, "n"]), &["approve", run]);
    assert!(code == 0 && shown.contains("left open"), "{shown}");
    let (code, shown) = at_terminal(&workspace, &json!([{ "before": "n" }, "y"]), &["approve", run]);
    assert!(code == 0 && shown.contains("approved"), "{shown}");
}

#[test]
fn the_end_of_the_input_leaves_it_open() {
    let workspace = workspace();
    let (code, shown) = at_terminal(&workspace, &json!([null]), &["run", "-g", "graph.yaml"]);
    assert_eq!(code, 5, "{shown}");
    assert_eq!(workspace.read("a.txt"), BEFORE);
}

#[test]
fn without_a_terminal_it_suspends_and_goes_on_after_an_approval() {
    let workspace = workspace();
    let run = run_of(&suspended(&workspace, &["-g", "graph.yaml"]));
    let listed = workspace.lgflow(&["runs", "list", "--format", "json"]).ended(0).json();
    assert_eq!(listed["schema"], "lgflow.runs/v1");
    let row = &listed["runs"][0];
    assert_eq!(
        (&row["run"], &row["status"], &row["resumable"]),
        (&json!(run), &json!("suspended"), &json!(true))
    );
    let shown = workspace.lgflow(&["runs", "show", &run, "--format", "json"]).ended(0).json();
    assert_eq!((&shown["status"], &shown["exit_code"]), (&json!("suspended"), &json!(5)));
    assert_eq!(shown["waiting"][0]["node"], "apply");
    workspace.lgflow(&["runs", "resume", &run]).ended(5);
    assert_eq!(workspace.read("a.txt"), BEFORE);
    approve(&workspace, &run).ended(0).says("approved");
    let resumed = workspace.lgflow(&["runs", "resume", &run, "--format", "json"]).ended(0).json();
    assert_eq!(workspace.read("a.txt"), AFTER);
    workspace.lgflow(&["trace", "verify", &run]).ended(0);
    let allowed = Workspace::git();
    allowed.write("a.txt", BEFORE).write("graph.yaml", PATCHES).write("open.yaml", ALLOWS);
    let straight = allowed
        .lgflow(&["run", "-g", "graph.yaml", "--policy", "open.yaml", "--format", "json"])
        .ended(0)
        .json();
    for key in ["outputs", "path", "nodes", "status", "error", "graph_digest"] {
        assert_eq!(resumed[key], straight[key], "{key}");
    }
    workspace.lgflow(&["runs", "resume", &run]).ended(1).says("it is over");
}

#[test]
fn a_run_that_can_only_fail_asks_nobody() {
    let workspace = Workspace::git();
    workspace.write(
        "graph.yaml",
        "schema: lgflow.graph/v1\nname: doomed\nnodes:\n  sure: { uses: approval, with: { show: Deploy? } }\n  look: { uses: read_file, with: { path: nowhere.txt } }\n  done: { uses: values }\nedges:\n  - { from: [sure, look], to: done }\n",
    );
    let document = workspace.lgflow(&["run", "-g", "graph.yaml", "--format", "json"]).ended(1).json();
    assert_eq!((&document["error"]["node"], &document["waiting"]), (&json!("look"), &json!([])));
    assert_eq!(document["nodes"]["sure"]["status"], "cancelled");
    let run = run_of(&document);
    let log = log_of(&workspace, &run);
    assert!(log.contains("approval.withdrawn") && !log.contains("run.suspended"), "{log}");
    workspace.lgflow(&["trace", "verify", &run]).ended(0);
    workspace.lgflow(&["replay", &run]).ended(0);
    // nor does an export say that somebody is waited for, at the end or as soon as it was withdrawn
    let until = log.lines().position(|line| line.contains("approval.withdrawn")).unwrap();
    let begun: Vec<&str> = log.lines().take(until + 1).collect();
    workspace.write("begun.jsonl", begun.join("\n") + "\n");
    for trace in [run.as_str(), "begun.jsonl"] {
        let told = workspace.lgflow(&["trace", "export", trace]).ended(0).json();
        let pieces = told["pieces"].as_array().unwrap();
        let ended = |what: &str, key: &str| {
            pieces
                .iter()
                .find(|one| one["what"] == what && one["key"].as_str().unwrap().starts_with(key))
                .unwrap()["end"]
                .clone()
        };
        assert_eq!(
            (ended("question", "sure"), ended("node", "sure")),
            (json!("cancelled"), json!("cancelled")),
            "{told:#}"
        );
        let page = workspace.lgflow(&["trace", "export", trace, "--to", "html"]).ended(0).stdout;
        assert!(page.contains("■ withdrawn") && !page.contains("waits for an answer"), "{trace}");
    }
    let (code, shown) = at_terminal(&workspace, &json!([]), &["run", "-g", "graph.yaml"]);
    assert!(code == 1 && !shown.contains("Deploy?"), "{shown}");
}

/// A whole number is one value, whichever way it came: what is gone on with has it from the trace.
#[test]
fn numbers_are_after_a_resume_what_they_were_before() {
    let workspace = Workspace::git();
    let graph = |between: &str| {
        format!(
            "schema: lgflow.graph/v1\nname: numbers\ninputs: {{ n: {{ type: number }} }}\nnodes:\n  a: {{ uses: values, with: {{ half: \"{{{{ inputs.n / 2 }}}}\", big: \"{{{{ inputs.n * 1e17 / 1 }}}}\", text: \"{{{{ inputs.n }}}} {{{{ inputs.n / 2 }}}} {{{{ [inputs.n, 4 / 2] | tojson }}}}\" }} }}\n{between}  b: {{ uses: values, with: {{ text: \"{{{{ inputs.n }}}} {{{{ nodes.a.output.half }}}} {{{{ [inputs.n, nodes.a.output.half] | tojson }}}}\", big: \"{{{{ nodes.a.output.big }}}} {{{{ nodes.a.output.big // 3 }}}}\", at: \"{{{{ ['x', 'y', 'z'][nodes.a.output.half] }}}}\" }} }}\nedges:\n  - {}\noutputs: {{ a: \"{{{{ nodes.a.output.text }}}}\", b: \"{{{{ nodes.b.output }}}}\", n: \"{{{{ [inputs.n, nodes.a.output.half] }}}}\" }}\n",
            if between.is_empty() { "a -> b" } else { "a -> sure -> b" }
        )
    };
    workspace.write("straight.yaml", graph(""));
    workspace.write("asks.yaml", graph("  sure: { uses: approval, with: { show: on? } }\n"));
    let given = ["-i", "n=4.0", "--format", "json"];
    let straight = workspace.lgflow(&[&["run", "-g", "straight.yaml"], &given[..]].concat()).ended(0).json();
    let run = run_of(&suspended(&workspace, &["-g", "asks.yaml", "-i", "n=4.0"]));
    workspace.lgflow(&["approve", &run, "sure"]).ended(0);
    let resumed = workspace.lgflow(&["runs", "resume", &run, "--format", "json"]).ended(0).json();
    assert_eq!(resumed["outputs"], straight["outputs"]);
    assert_eq!((&straight["outputs"]["a"], &straight["outputs"]["n"]), (&json!("4 2 [4,2]"), &json!([4, 2])));
    assert_eq!(straight["outputs"]["b"]["at"], "z");
    workspace.lgflow(&["replay", &run]).ended(0);
}

#[test]
fn a_rejection_fails_the_node_and_says_why() {
    let workspace = workspace();
    let run = run_of(&suspended(&workspace, &["-g", "graph.yaml"]));
    workspace.lgflow(&["reject", &run, "apply", "--comment", "not today"]).ended(0);
    workspace.lgflow(&["runs", "resume", &run]).ended(1).says("not today");
    assert_eq!(workspace.read("a.txt"), BEFORE);
}

#[test]
fn no_flag_approves_what_was_not_shown() {
    let workspace = workspace();
    let run = run_of(&suspended(&workspace, &["-g", "graph.yaml"]));
    let other = format!("sha256:{}", "0".repeat(64));
    workspace.lgflow(&["approve", &run]).ended(2).says("nobody can be asked here");
    workspace.lgflow(&["approve", &run, "--digest", &other]).ended(2).says("nothing was approved");
    workspace.lgflow(&["approve", &run, "--digest", "yes"]).ended(2);
    workspace.lgflow(&["approve", &run, "--yes"]).ended(2);
    workspace.lgflow(&["runs", "resume", &run]).ended(5);
    assert_eq!(workspace.read("a.txt"), BEFORE);
}

#[test]
fn a_target_that_changed_after_the_approval_is_left_alone() {
    let workspace = workspace();
    let run = run_of(&suspended(&workspace, &["-g", "graph.yaml"]));
    approve(&workspace, &run).ended(0);
    workspace.write("a.txt", "one\ntwo\nthree\nfour\n");
    let ran = workspace.lgflow(&["runs", "resume", &run]);
    assert_ne!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(workspace.read("a.txt"), "one\ntwo\nthree\nfour\n");
}

#[test]
fn an_approval_is_not_taken_from_a_workspace_or_another_installation() {
    let workspace = workspace();
    workspace.forges();
    let run = run_of(&suspended(&workspace, &["-g", "graph.yaml"]));
    approve(&workspace, &run).ended(0);
    // the answer of an installation whose key is another
    fs::write(workspace.state().join("keys/approvals.key"), "ab".repeat(32)).unwrap();
    let ran = workspace.lgflow(&["runs", "resume", &run]);
    assert_ne!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(workspace.read("a.txt"), BEFORE);
}

#[test]
fn a_question_whose_request_is_lost_can_be_refused_and_says_so() {
    for (damage, removed) in [("altered", false), ("gone", true)] {
        let workspace = workspace();
        let document = suspended(&workspace, &["-g", "graph.yaml"]);
        let run = run_of(&document);
        assert_eq!(document["waiting"][0]["id"], 1, "questions are counted from 1");
        for request in fs::read_dir(ledger(&workspace).join("requests")).unwrap() {
            let path = request.unwrap().path();
            if removed {
                fs::remove_file(path).unwrap();
            } else {
                let text = fs::read_to_string(&path).unwrap();
                fs::write(path, text.replace("apply_patch", "apply_match")).unwrap();
            }
        }
        let next = format!("lgflow reject {run} 1");
        let shown = workspace.lgflow(&["runs", "show", &run]).ended(0);
        assert!(shown.stdout.contains(&next) && !shown.stdout.contains("lgflow approve"), "{}", shown.stdout);
        workspace
            .lgflow(&["approve", &run, "1"])
            .ended(2)
            .says("not on record any more")
            .says("lgflow reject");
        let left = workspace.lgflow(&["runs", "resume", &run]).ended(5).says(&next);
        assert!(!left.stderr.contains("lgflow approve"), "{}", left.stderr);
        workspace.lgflow(&["reject", &run, "1"]).ended(0).says("rejected");
        let ran = workspace.lgflow(&["runs", "resume", &run, "--format", "json"]).ended(1).json();
        assert_eq!(
            (&ran["status"], &ran["error"]["kind"]),
            (&json!("failed"), &json!("rejected")),
            "{damage}"
        );
        assert_eq!(workspace.read("a.txt"), BEFORE, "{damage}");
    }
}

#[test]
fn a_trace_that_was_cut_or_edited_is_not_gone_on_with() {
    let workspace = workspace();
    let run = run_of(&suspended(&workspace, &["-g", "graph.yaml"]));
    approve(&workspace, &run).ended(0);
    let whole = log_of(&workspace, &run);
    let lines: Vec<&str> = whole.lines().collect();
    rewrite_log(&workspace, &run, &(lines[..lines.len() - 1].join("\n") + "\n"));
    workspace.lgflow(&["runs", "resume", &run]).ended(7);
    rewrite_log(&workspace, &run, &whole.replacen("\"look\"", "\"lool\"", 1));
    workspace.lgflow(&["runs", "resume", &run]).ended(7);
    assert_eq!(workspace.read("a.txt"), BEFORE);
    rewrite_log(&workspace, &run, &whole);
    workspace.lgflow(&["runs", "resume", &run]).ended(0);
}

#[test]
fn a_run_is_bound_to_its_graph_its_order_and_its_policies() {
    let workspace = workspace();
    workspace.write("asks.yaml", ASKS);
    let run = run_of(&suspended(&workspace, &["-g", "graph.yaml", "--policy", "asks.yaml"]));
    approve(&workspace, &run).ended(0);
    let resume = |code: i32| workspace.lgflow(&["runs", "resume", &run]).ended(code);
    workspace.write("graph.yaml", PATCHES.replace("+TWO", "+ZWEI"));
    resume(1).says("its graph has changed").says("node `apply`: `with.patch` was").says("graph.yaml:");
    workspace.write("graph.yaml", PATCHES.replace("name: patches", "name: other"));
    resume(1).says("its graph has changed");
    workspace.write("graph.yaml", PATCHES).write("asks.yaml", format!("{ASKS}approvals: {{ttl: 2h}}\n"));
    resume(1).says("its policies have changed").says("asks.yaml:").says("is `approvals: {ttl: 2h}`");
    workspace.write("asks.yaml", ASKS.replace("apply_patch: ask", "apply_patch: allow"));
    resume(1).says("its policies have changed");
    assert_eq!(workspace.read("a.txt"), BEFORE);
    workspace.write("asks.yaml", ASKS);
    resume(0);
    assert_eq!(workspace.read("a.txt"), AFTER);
}

#[test]
fn what_the_user_forbids_meanwhile_is_forbidden() {
    let workspace = workspace();
    let run = run_of(&suspended(&workspace, &["-g", "graph.yaml"]));
    approve(&workspace, &run).ended(0);
    let folder = workspace.outside().join("home/.config/lgflow");
    fs::create_dir_all(&folder).unwrap();
    fs::write(
        folder.join("policy.yaml"),
        "schema: lgflow.policy/v1\nname: mine\ntools: {read_file: allow, apply_patch: deny}\n",
    )
    .unwrap();
    workspace.lgflow(&["runs", "resume", &run]).ended(4);
    assert_eq!(workspace.read("a.txt"), BEFORE);
}

const GATE: &str = r#"schema: lgflow.graph/v1
name: gate
nodes:
  gate:
    uses: approval
    with:
      show: "ship it?"
      options: [ship, wait]
      response: { type: object, required: [n], properties: { n: { type: integer } } }
outputs: { choice: "{{ nodes.gate.output.choice }}", n: "{{ nodes.gate.output.response.n }}", said: "{{ nodes.gate.output.comment }}" }
"#;

#[test]
fn a_node_may_ask_with_choices_and_a_response() {
    let workspace = Workspace::git();
    workspace.write("graph.yaml", GATE);
    let run = run_of(&suspended(&workspace, &["-g", "graph.yaml"]));
    let shown = workspace.lgflow(&["runs", "show", &run]).ended(0);
    let line = "question 1: gate waits for an answer with a response `{ n: integer }`: ship it?\n";
    assert!(shown.stdout.contains(line), "{}", shown.stdout);
    workspace
        .lgflow(&["approve", &run, "gate", "--choice", "ship"])
        .ended(2)
        .says("choices: ship, wait\n  response (JSON): { n: integer }\n");
    workspace
        .lgflow(&["approve", &run, "--choice", "ship", "--response", "{\"n\": 1}"])
        .ended(2)
        .says("name what is approved")
        .says(&format!("lgflow approve {run} gate"));
    workspace
        .lgflow(&["approve", &run, "gate", "--choice", "sail", "--response", "{\"n\": 1}"])
        .ended(2)
        .says("ship, wait");
    // the no is a choice, or there is none
    workspace.lgflow(&["reject", &run]).ended(2).says("nothing to reject").says("ship, wait");
    workspace.lgflow(&["approve", &run, "gate", "--choice", "ship", "--response", "{\"n\": \"x\"}"]).ended(2);
    workspace.lgflow(&["approve", &run, "gate", "--choice", "ship", "--response", "{"]).ended(2);
    let first = workspace
        .lgflow(&["approve", &run, "gate", "--choice", "wait", "--response", "{\"n\": 1}"])
        .ended(0)
        .says("gate: answered `wait`\n");
    assert!(!first.stderr.contains("takes the place"), "{}", first.stderr);
    workspace
        .lgflow(&["approve", &run, "gate", "--choice", "ship", "--response", "{\"n\": 7}", "--comment", "go"])
        .ended(0)
        .says("gate: answered `ship`\n")
        .says("takes the place of the answer before, which was: answered `wait`");
    let resumed = workspace.lgflow(&["runs", "resume", &run, "--format", "json"]).ended(0).json();
    assert_eq!(resumed["outputs"], json!({ "choice": "ship", "n": 7, "said": "go" }));
    let (code, shown) =
        at_terminal(&workspace, &json!(["sail", "wait", "{\"n\": 2}"]), &["run", "-g", "graph.yaml"]);
    assert_eq!(code, 0, "{shown}");
    assert!(plain(&shown).contains("\"choice\": \"wait\""), "{shown}");
}

#[test]
fn each_open_question_says_for_which_item_it_asks_and_what() {
    let workspace = Workspace::git();
    let graph = "schema: lgflow.graph/v1\nname: each\nnodes:\n  q:\n    uses: approval\n    with: { show: \"ship {{ x }}?\\nnow\", \
                 options: [go, stop] }\n    for_each: { in: \"['left', 'right']\", as: x, parallel: 2 }\n";
    workspace.write("graph.yaml", graph);
    let run = run_of(&suspended(&workspace, &["-g", "graph.yaml"]));
    let lines =
        ["q[0] waits for an answer: ship left?\\nnow\n", "q[1] waits for an answer: ship right?\\nnow\n"];
    let shown = workspace.lgflow(&["runs", "show", &run]).ended(0).stdout;
    assert!(lines.iter().all(|line| shown.contains(line)), "{shown}");
    let several = workspace.lgflow(&["approve", &run]).ended(2).stderr;
    assert!(several.contains("q  ship left?") && several.contains("q  ship right?"), "{several}");
}

#[test]
fn the_time_for_an_answer_passes_while_the_run_is_suspended() {
    let workspace = Workspace::git();
    workspace.write(
        "graph.yaml",
        "schema: lgflow.graph/v1\nname: late\nbudgets: { wall: 2h }\nnodes:\n  gate: { uses: approval, with: { show: \
         now? }, timeout: 1h }\n",
    );
    let run = run_of(&suspended(&workspace, &["-g", "graph.yaml"]));
    let (mut sources, mut found) = (lgflow::source::Sources::default(), lgflow::diag::Diagnostics::default());
    let path = workspace.path().join("graph.yaml");
    let checked =
        lgflow::session::check_paths(&[path], &lgflow::policy::Packs::default(), &mut sources, &mut found)
            .unwrap();
    let lgflow::compile::CheckedRoot::Graph(plan) = &checked[0].roots[0].1 else { panic!("{found:?}") };
    let log = log_of(&workspace, &run);
    let left = |now: &str| {
        let stored = lgflow::session::fold(&run, plan, &log, &|_| None, now).unwrap();
        let mut left: Vec<u64> = stored.waits.iter().map(|(_, left)| left.as_secs() / 600).collect();
        left.sort_unstable();
        left
    };
    let first: Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
    let started = time::OffsetDateTime::parse(
        first["ts"].as_str().unwrap(),
        &time::format_description::well_known::Rfc3339,
    )
    .unwrap();
    let after = |minutes: i64| {
        let then = started + time::Duration::minutes(minutes);
        then.format(&time::format_description::well_known::Rfc3339).unwrap()
    };
    // an hour for the answer, which passes; two hours for the run, of which none has passed
    assert_eq!(left(&after(15)), [4, 11]);
    assert_eq!(left(&after(90)), [0, 11]);
    assert_eq!(left(&after(-90)), [6, 11], "a clock that was set back makes no time");
}

const AHEAD: &str = r#"schema: lgflow.graph/v1
name: ahead
nodes:
  gate: { uses: approval, with: { show: { call: apply } } }
  apply:
    uses: apply_patch
    with: { patch: "--- a/a.txt\n+++ b/a.txt\n@@ -1,3 +1,3 @@\n one\n-two\n+TWO\n three\n" }
edges: [ gate -> apply ]
"#;

#[test]
fn a_call_that_was_shown_and_approved_is_not_asked_about_again() {
    let workspace = Workspace::git();
    workspace.write("a.txt", BEFORE).write("graph.yaml", AHEAD);
    let (code, shown) = at_terminal(&workspace, &json!(["y"]), &["run", "-g", "graph.yaml"]);
    assert_eq!(code, 0, "{shown}");
    assert_eq!(workspace.read("a.txt"), AFTER);
    workspace.write("a.txt", BEFORE);
    let document = suspended(&workspace, &["-g", "graph.yaml"]);
    assert_eq!(document["waiting"][0]["node"], "gate");
    let run = run_of(&document);
    approve(&workspace, &run).ended(0);
    workspace.lgflow(&["runs", "resume", &run]).ended(0);
    assert_eq!(workspace.read("a.txt"), AFTER);
}

#[test]
fn a_call_that_the_policy_allows_is_shown_with_what_it_would_do() {
    let workspace = Workspace::git();
    let changes = "with: { changes: [{ op: put, path: a.txt, content: \"one\\nTWO\\nthree\\n\" }] }";
    let graph = format!(
        "schema: lgflow.graph/v1\nname: ahead\nnodes:\n  gate: {{ uses: approval, with: {{ show: {{ call: apply }} }} }}\n  apply: {{ uses: apply_patch, {changes} }}\nedges: [ gate -> apply ]\n"
    );
    workspace.write("a.txt", BEFORE).write("graph.yaml", &graph).write("open.yaml", ALLOWS);
    let run = run_of(&suspended(&workspace, &["-g", "graph.yaml", "--policy", "open.yaml"]));
    let shown = workspace.lgflow(&["approve", &run, "gate"]).ended(0).stderr;
    for line in [
        "the policy allows it without asking",
        "which changes:",
        "-two\n",
        "+TWO\n",
        "path: a.txt (now sha256:",
    ] {
        assert!(shown.contains(line), "`{line}`: {shown}");
    }
    workspace.lgflow(&["runs", "resume", &run]).ended(0);
    assert_eq!(workspace.read("a.txt"), AFTER);
    workspace.lgflow(&["trace", "verify", &run]).ended(0);
    // what could not be done is shown to nobody
    workspace.write("graph.yaml", graph.replace("op: put, path: a.txt", "op: add, path: a.txt"));
    workspace.lgflow(&["run", "-g", "graph.yaml", "--policy", "open.yaml"]).ended(1).says("gate: conflict");
}

#[test]
fn a_single_call_says_that_it_wants_an_approval() {
    let workspace = workspace();
    let input = json!({ "changes": [{ "op": "put", "path": "a.txt", "content": AFTER }] }).to_string();
    let result = workspace.lgflow(&["tool", "call", "apply_patch", &input]).ended(5).json();
    assert_eq!(result["error"]["kind"], "approval_required");
    assert_eq!(workspace.read("a.txt"), BEFORE);
}

#[test]
fn a_team_approves_with_keys_of_its_own_and_nobody_twice() {
    let workspace = workspace();
    let keys: Vec<(String, String)> = ["ann", "ben"].map(|name| key_of(&workspace, name)).to_vec();
    let approvers = format!("[\"{}\", \"{}\"]", keys[0].1, keys[1].1);
    workspace.write("asks.yaml", format!("{ASKS}approvals: {{quorum: 2, approvers: {approvers}}}\n"));
    let run = run_of(&suspended(&workspace, &["-g", "graph.yaml", "--policy", "asks.yaml"]));
    let digest = shown_digest(&workspace, &run);
    let sign = |key: Option<&str>| {
        let mut command = workspace.command(&["approve", &run, "--digest", &digest]);
        command.envs(key.map(|key| ("LGFLOW_SIGNING_KEY", key)));
        Ran::from(command.output().unwrap())
    };
    sign(None).ended(2).says("not among those");
    sign(Some(&keys[0].0)).ended(0).says("1 of 2");
    sign(Some(&keys[0].0)).ended(0).says("1 of 2");
    workspace.lgflow(&["runs", "resume", &run]).ended(5);
    assert_eq!(workspace.read("a.txt"), BEFORE);
    sign(Some(&keys[1].0)).ended(0).says("approved");
    workspace.lgflow(&["runs", "resume", &run]).ended(0);
    assert_eq!(workspace.read("a.txt"), AFTER);
}

#[test]
fn approvals_that_no_keys_can_give_are_denied_and_not_asked_for() {
    let workspace = workspace();
    for (terms, why) in [
        ("{quorum: 5}", "`approvals.quorum` is 5, and `approvals.approvers` names 1;"),
        ("{separate: true}", "names 0 beside the key that started the run"),
        ("{approvers: []}", "no key of `approvals.approvers` in common"),
    ] {
        workspace.write("asks.yaml", format!("{ASKS}approvals: {terms}\n"));
        let arguments = ["run", "-g", "graph.yaml", "--policy", "asks.yaml"];
        let ran = workspace.lgflow(&arguments);
        assert!(ran.code != Some(5) && ran.code != Some(0), "{terms}: {}", ran.stderr);
        assert!(format!("{}{}", ran.stdout, ran.stderr).contains(why), "{terms}: {}", ran.stderr);
        assert_eq!(workspace.read("a.txt"), BEFORE);
    }
}

#[test]
fn the_key_that_started_the_run_is_refused_at_once_where_it_does_not_count() {
    let workspace = workspace();
    let (ann, name) = key_of(&workspace, "ann");
    let approvals = format!("approvals: {{separate: true, approvers: [local, \"{name}\"]}}\n");
    workspace.write("asks.yaml", format!("{ASKS}{approvals}"));
    let run = run_of(&suspended(&workspace, &["-g", "graph.yaml", "--policy", "asks.yaml"]));
    let digest = shown_digest(&workspace, &run);
    let refused = workspace.lgflow(&["approve", &run, "--digest", &digest]).ended(2);
    refused.says("the key that started the run does not count");
    let mut command = workspace.command(&["approve", &run, "--digest", &digest]);
    Ran::from(command.env("LGFLOW_SIGNING_KEY", &ann).output().unwrap()).ended(0).says("approved");
    workspace.lgflow(&["runs", "resume", &run]).ended(0);
    assert_eq!(workspace.read("a.txt"), AFTER);
}

#[test]
fn validate_finds_a_quorum_that_no_keys_can_meet() {
    let workspace = workspace();
    workspace.write(".lg/graph.yaml", PATCHES.replace("name: patches", "name: patches\npolicy: [asks.yaml]"));
    workspace.write(".lg/asks.yaml", format!("{ASKS}approvals: {{quorum: 2}}\n"));
    let ran = workspace.lgflow(&["validate"]).ended(3);
    assert!(format!("{}{}", ran.stdout, ran.stderr).contains("`approvals.quorum` is 2"), "{}", ran.stderr);
    workspace.write(".lg/asks.yaml", format!("{ASKS}approvals: {{quorum: 1}}\n"));
    workspace.lgflow(&["validate"]).ended(0);
}

const SETS: &str = "schema: lgflow.policy/v1\nname: sets\ntools: {exec: allow}\npaths: {read: {allow: ['**']}}\n\
                    commands:\n  - name: show\n    program: printenv\n    args: [['*']]\n    sandbox: {env: {pass: \
                    [FOO], set: {FIXED: policy}}}\n";

#[test]
fn a_command_gets_the_variables_that_the_gate_granted_to_its_call() {
    let workspace = workspace();
    workspace.write("sets.yaml", SETS);
    let call = |name: &str, env: &Value| {
        let input = json!({ "argv": ["printenv", name], "env": env }).to_string();
        let mut command = workspace.command(&["tool", "call", "exec", &input, "--policy", "sets.yaml"]);
        Ran::from(command.env("FOO", "of the user").output().unwrap())
    };
    assert_eq!(call("FOO", &json!({ "FOO": "of the call" })).ended(0).json()["stdout"], "of the call\n");
    assert_eq!(call("FOO", &json!({})).ended(0).json()["stdout"], "of the user\n");
    assert_eq!(call("FIXED", &json!({ "FIXED": "policy" })).ended(0).json()["stdout"], "policy\n");
    for (env, why) in [
        (json!({ "FIXED": "other" }), "a rule sets `FIXED` to another value"),
        (json!({ "BAR": "x" }), "`BAR`, which the rule does not list"),
        (json!({ "PATH": "x" }), "no call sets it"),
        (json!({ "TMPDIR": "x" }), "no call sets it"),
    ] {
        let result = call("FOO", &env);
        assert_ne!(result.code, Some(0));
        let result = result.json();
        assert_eq!(result["error"]["kind"], "denied", "{result:#}");
        assert!(result["error"]["message"].as_str().unwrap().contains(why), "{result:#}");
    }
}

#[test]
fn a_variable_of_a_call_that_was_approved_is_set() {
    let workspace = workspace();
    workspace.write("sets.yaml", SETS.replace("exec: allow", "exec: ask"));
    let graph = "schema: lgflow.graph/v1\nname: shows\nnodes:\n  show: { uses: exec, with: { argv: [printenv, FOO], env: \
                 { FOO: of the call } } }\noutputs: { text: '{{ nodes.show.output.stdout }}' }\n";
    workspace.write("shows.yaml", graph);
    let run = run_of(&suspended(&workspace, &["-g", "shows.yaml", "--policy", "sets.yaml"]));
    approve(&workspace, &run).ended(0);
    let document = workspace.lgflow(&["runs", "resume", &run, "--format", "json"]).ended(0).json();
    assert_eq!(document["outputs"]["text"], "of the call\n");
}

/// A secret key in a file, and its public key as a policy names it.
fn key_of(workspace: &Workspace, name: &str) -> (String, String) {
    let path = workspace.outside().join(format!("{name}.pem")).display().to_string();
    let made =
        workspace.program("openssl", &["genpkey", "-algorithm", "ed25519", "-out", &path]).output().unwrap();
    assert!(
        made.status.success(),
        "openssl is needed for this test: {}",
        String::from_utf8_lossy(&made.stderr)
    );
    let public = workspace.program("openssl", &["pkey", "-in", &path, "-pubout"]).output().unwrap();
    let text = String::from_utf8(public.stdout).unwrap();
    let digits: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    (path, format!("ed25519:{digits}"))
}

#[test]
fn a_spent_approval_is_recorded_before_anything_is_done() {
    let workspace = workspace();
    let run = run_of(&suspended(&workspace, &["-g", "graph.yaml"]));
    approve(&workspace, &run).ended(0);
    let spent = ledger(&workspace).join("spent");
    assert_eq!(fs::read_dir(&spent).unwrap().count(), 0);
    // a ledger that cannot record it: nothing is done
    fs::remove_dir(&spent).unwrap();
    fs::write(&spent, "").unwrap();
    let ran = workspace.lgflow(&["runs", "resume", &run]);
    assert_ne!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(workspace.read("a.txt"), BEFORE);
    fs::remove_file(&spent).unwrap();
    workspace.lgflow(&["runs", "resume", &run]).ended(0);
    assert_eq!((workspace.read("a.txt").as_str(), fs::read_dir(&spent).unwrap().count()), (AFTER, 1));
}
