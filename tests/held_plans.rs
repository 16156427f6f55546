//! `lgflow plan -o FILE` and `lgflow run --plan FILE`: a run makes the calls that its plan has shown, in the world that
//! the plan was made for, and no other.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod program;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use lgflow::digest::Digest;
use program::Workspace;
use serde_json::{Value, json};

const POLICY: &str = "\
schema: lgflow.policy/v1
name: mine
tools: { read_file: allow, list_files: allow, apply_patch: ask }
paths: { read: { allow: ['**'] }, write: { allow: ['src/**'] } }
";

/// Reads what it is told to; and where that is denied, reads another file all the same.
const GRAPH: &str = "\
schema: lgflow.graph/v1
name: reads
policy: [policy.yaml]
inputs: { file: { type: string, default: a.txt } }
nodes:
  first: { uses: read_file, with: { path: a.txt } }
  second: { uses: read_file, with: { path: '{{ inputs.file }}', encoding: utf-8 } }
  instead: { uses: values, with: { content: instead } }
edges:
  - first -> second
  - { from: second, to: instead, catch: [any, denied] }
outputs: { text: \"{{ nodes.first.output.content }}\" }
";

fn workspace() -> Workspace {
    let workspace = Workspace::git();
    workspace.write("policy.yaml", POLICY).write("graph.yaml", GRAPH);
    workspace.write("a.txt", "one\n").write("b.txt", "two\n");
    git(&workspace, &["add", "-A"]);
    git(&workspace, &["commit", "-qm", "one"]);
    workspace
}

fn git(workspace: &Workspace, arguments: &[&str]) {
    let done = Command::new("git")
        .current_dir(workspace.path())
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("HOME", workspace.outside().join("home"))
        .args(["-c", "user.name=t", "-c", "user.email=t@example.com"])
        .args(arguments)
        .output()
        .expect("this test needs `git`");
    assert!(done.status.success(), "{done:?}");
}

fn plan(workspace: &Workspace, more: &[&str]) {
    let all = [&["plan", "-g", "graph.yaml", "-o", "plan.json"], more].concat();
    workspace.lgflow(&all).ended(0).says("lgflow run --plan plan.json");
}

const RUN: [&str; 5] = ["run", "-g", "graph.yaml", "--plan", "plan.json"];

/// Edits the document and seals it again, as who wants a run to leave its plan would have to.
fn edit(workspace: &Workspace, edit: impl FnOnce(&mut Value)) {
    let mut document: Value = serde_json::from_str(&workspace.read("plan.json")).unwrap();
    document.as_object_mut().unwrap().remove("checksum");
    edit(&mut document);
    document["checksum"] = json!(Digest::of_json(&document));
    workspace.write("plan.json", document.to_string());
}

#[test]
fn what_was_planned_runs_and_the_trace_says_what_held_it() {
    let workspace = workspace();
    plan(&workspace, &[]);
    let ran = workspace.lgflow(&[&RUN[..], &["--format", "json"]].concat()).ended(0).json();
    assert_eq!(ran["outputs"], json!({ "text": "one\n" }));
    let document: Value = serde_json::from_str(&workspace.read("plan.json")).unwrap();
    let trace = program::kept::log_of(&workspace, ran["run"].as_str().unwrap());
    let first: Value = serde_json::from_str(trace.lines().next().unwrap()).unwrap();
    assert_eq!(first["data"]["facts"]["held_to"], document["checksum"]);
    // the plan that a shell wrote into the workspace is no change of it either
    fs::remove_file(workspace.path().join("plan.json")).unwrap();
    let file = fs::File::create(workspace.path().join("plan.json")).unwrap();
    let status = workspace
        .command(&["plan", "-g", "graph.yaml", "--format", "json"])
        .stdout(Stdio::from(file))
        .status()
        .unwrap();
    assert!(status.success());
    workspace.lgflow(&RUN).ended(0);
}

#[test]
fn each_thing_that_has_changed_is_named_and_nothing_begins() {
    type Change = fn(&Workspace);
    let table: [(&str, Change); 5] = [
        ("workspace: on ", |workspace| {
            workspace.write("a.txt", "changed\n");
        }),
        ("workspace: on ", |workspace| {
            workspace.write("new.txt", "new\n");
        }),
        ("workspace: it stood on ", |workspace| {
            git(workspace, &["commit", "-q", "--allow-empty", "-m", "two"]);
        }),
        ("graph: it was sha256:", |workspace| {
            workspace.write("graph.yaml", GRAPH.replace("path: a.txt", "path: b.txt"));
        }),
        ("policy: it was sha256:", |workspace| {
            workspace.write("policy.yaml", POLICY.replace("list_files: allow", "list_files: deny"));
        }),
    ];
    for (says, change) in table {
        let workspace = workspace();
        plan(&workspace, &[]);
        change(&workspace);
        let ran = workspace.lgflow(&RUN).ended(4).says(says).says("lgflow plan -o plan.json");
        assert_eq!(ran.stdout, "", "{says}");
        assert!(workspace.lgflow(&["runs", "list"]).ended(0).stdout.is_empty(), "{says}: a run began");
    }
}

#[test]
fn inputs_are_bound_where_the_plan_was_given_some() {
    let workspace = workspace();
    plan(&workspace, &["-i", "file=b.txt"]);
    workspace.lgflow(&[&RUN[..], &["-i", "file=b.txt"]].concat()).ended(0);
    workspace.lgflow(&RUN).ended(4).says("inputs: they are not those that the plan was made with");
    plan(&workspace, &[]);
    workspace.lgflow(&[&RUN[..], &["-i", "file=b.txt"]].concat()).ended(0);
}

#[test]
fn the_first_call_that_was_not_shown_ends_the_run_whatever_the_graph_catches() {
    let workspace = workspace();
    plan(&workspace, &[]);
    // the plan shows another file at the second node
    edit(&workspace, |document| {
        let calls = document["verdicts"].as_array_mut().unwrap();
        let second = calls.iter_mut().find(|call| call["node"] == "second").unwrap();
        second["input"] = json!({ "exact": { "path": "b.txt", "encoding": "utf-8" } });
    });
    let ran = workspace.lgflow(&[&RUN[..], &["--format", "json"]].concat()).ended(4).json();
    assert_eq!((&ran["status"], &ran["outputs"]), (&json!("denied"), &Value::Null));
    assert_eq!((&ran["error"]["kind"], &ran["error"]["node"]), (&json!("unplanned"), &json!("second")));
    assert_eq!(ran["nodes"]["instead"]["status"], "not_reached");
    let said = workspace.lgflow(&RUN).ended(4);
    for text in ["second: unplanned", "with other parameters", "make a new plan"] {
        assert!(said.stderr.contains(text), "`{text}`: {}", said.stderr);
    }
}

#[test]
fn items_that_are_collected_do_not_hide_it() {
    let workspace = workspace();
    workspace.write(
        "graph.yaml",
        "\
schema: lgflow.graph/v1
name: items
policy: [policy.yaml]
nodes:
  all:
    uses: read_file
    for_each: { in: \"['a.txt', 'b.txt']\", as: file, on_error: collect }
    with: { path: '{{ file }}' }
outputs: { all: \"{{ nodes.all.output }}\" }
",
    );
    plan(&workspace, &[]);
    workspace.lgflow(&RUN).ended(0);
    edit(&workspace, |document| document["verdicts"][0]["input"] = json!({ "exact": { "path": "a.txt" } }));
    let ran = workspace.lgflow(&[&RUN[..], &["--format", "json"]].concat()).ended(4).json();
    assert_eq!(ran["error"]["kind"], "unplanned", "{ran}");
}

#[test]
fn a_run_that_is_gone_on_with_is_held_to_the_same_plan() {
    let workspace = workspace();
    workspace.write("src/a.txt", "one\n");
    workspace.write(
        "graph.yaml",
        r#"schema: lgflow.graph/v1
name: patches
policy: [policy.yaml]
nodes:
  apply:
    uses: apply_patch
    with: { patch: "--- a/src/a.txt\n+++ b/src/a.txt\n@@ -1,1 +1,1 @@\n-one\n+ONE\n" }
  after: { uses: list_files, with: { path: . } }
edges: [ apply -> after ]
"#,
    );
    let started = |document: &Value| document["run"].as_str().unwrap().to_owned();
    let digest = |run: &str| {
        let shown = workspace.lgflow(&["approve", run]).ended(2).stderr;
        let at = shown.rfind("--digest ").unwrap();
        shown[at + 9..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == ':').collect::<String>()
    };
    plan(&workspace, &[]);
    edit(&workspace, |document| {
        document["verdicts"].as_array_mut().unwrap().retain(|call| call["node"] != "after");
    });
    let run = started(&workspace.lgflow(&[&RUN[..], &["--format", "json"]].concat()).ended(5).json());
    workspace.lgflow(&["approve", &run, "--digest", &digest(&run)]).ended(0);
    let ran = workspace.lgflow(&["runs", "resume", &run, "--format", "json"]).ended(4).json();
    assert_eq!((&ran["error"]["kind"], &ran["error"]["node"]), (&json!("unplanned"), &json!("after")));
    assert_eq!(workspace.read("src/a.txt"), "ONE\n", "what was shown and approved was done");
}

#[test]
fn another_program_is_named_and_not_run() {
    let workspace = workspace();
    let home = workspace.outside().join("home");
    let bin = home.join(".pyenv/versions/3.1/bin");
    fs::create_dir_all(&bin).unwrap();
    fs::write(home.join(".pyenv/version"), "3.1\n").unwrap();
    let program = |text: &str| {
        fs::write(bin.join("tool"), text).unwrap();
        fs::set_permissions(bin.join("tool"), fs::Permissions::from_mode(0o755)).unwrap();
    };
    program("#!/bin/sh\necho first\n");
    let policy = workspace.outside().join("policy.yaml").display().to_string();
    fs::write(
        &policy,
        "schema: lgflow.policy/v1\nname: p\ntools: { exec: allow }\ntoolchains: [python]\npaths: { read: { allow: \
         ['**'] } }\ncommands: [{ name: tool, program: tool, args: [[]] }]\n",
    )
    .unwrap();
    workspace.write(
        "graph.yaml",
        "schema: lgflow.graph/v1\nname: runs\nnodes:\n  call: { uses: exec, with: { argv: [tool] } }\noutputs: { said: \
         \"{{ nodes.call.output.stdout }}\" }\n",
    );
    plan(&workspace, &["--policy", &policy]);
    let document: Value = serde_json::from_str(&workspace.read("plan.json")).unwrap();
    let bound = &document["binds"]["programs"][0];
    assert_eq!(
        (&bound["name"], &bound["digest"]),
        (&json!("tool"), &json!(Digest::of("#!/bin/sh\necho first\n")))
    );
    let run = [&RUN[..], &["--policy", &policy]].concat();
    assert_eq!(workspace.lgflow(&run).ended(0).stdout, "first\n");
    program("#!/bin/sh\necho other\n");
    workspace.lgflow(&run).ended(4).says("program `tool`: it was ").says("toolchain `python`: ");
}

#[test]
fn what_is_no_plan_is_told_apart_from_what_is_damaged() {
    let workspace = workspace();
    plan(&workspace, &[]);
    let text = workspace.read("plan.json");
    let table = [
        ("{", 2, "no JSON document"),
        ("{\"schema\": \"lgflow.run/v1\"}", 2, "its `schema` is `lgflow.run/v1`"),
        ("{\"schema\": \"lgflow.plan/v9\\u001b[2J\"}", 2, "this lgflow knows `lgflow.plan/v1`"),
        (&text.replace("\"a.txt\"", "\"b.txt\""), 7, "damaged or was edited"),
    ];
    for (text, code, says) in table {
        workspace.write("plan.json", text);
        let ran = workspace.lgflow(&RUN).ended(code).says(says);
        assert!(!ran.stderr.contains('\u{1b}'), "{}", ran.stderr);
    }
    workspace.lgflow(&["export", "graph.yaml", "--to", "json"]).ended(0);
    let exported = workspace.lgflow(&["export", "graph.yaml", "--to", "json"]).stdout;
    workspace.write("plan.json", exported);
    workspace.lgflow(&RUN).ended(2).says("it has no `binds`");
    workspace.lgflow(&["run", "-g", "graph.yaml", "--plan", "none.json"]).ended(2).says("none.json");
}

#[test]
fn outside_of_a_repository_every_file_is_bound() {
    let workspace = Workspace::new();
    workspace.write(".lg/policy.yaml", POLICY).write(".lg/graph.yaml", GRAPH).write("a.txt", "one\n");
    let (make, run) = (["plan", "-o", "plan.json"], ["run", "--plan", "plan.json"]);
    workspace.lgflow(&make).ended(0);
    workspace.lgflow(&run).ended(0);
    workspace.write("a.txt", "two\n");
    workspace.lgflow(&run).ended(4).says("workspace: on no commit");
}

#[test]
fn the_document_is_what_its_schema_says() {
    let workspace = workspace();
    plan(&workspace, &[]);
    let schema: Value = serde_json::from_str(lgflow::schema::document("plan").unwrap()).unwrap();
    let schema = lgflow::schema::Validator::new(&schema).unwrap();
    let mut document: Value = serde_json::from_str(&workspace.read("plan.json")).unwrap();
    let errors: Vec<String> = schema.errors(&document).iter().map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    document["binds"]["workspace"]["tree"] = json!({ "state": "cleanish" });
    assert!(!schema.accepts(&document));
}
