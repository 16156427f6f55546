//! `lgflow policy`: what a person and a script are told of layers, calls, tests and differences.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod program;

use program::Workspace;
use serde_json::{Value, json};

const GRAPH: &str = "\
schema: lgflow.graph/v1
name: g
policy: [policy.yaml]
nodes:
  one: { uses: values, with: { a: 1 } }
";

const POLICY: &str = "\
schema: lgflow.policy/v1
name: mine
tools: { read_file: allow, apply_patch: ask, exec: allow }
paths:
  read: { allow: ['**'], deny: ['secret/**'] }
  write: { allow: ['src/**'], ask: ['Cargo.toml'] }
commands:
  - name: test
    program: cargo
    args: [[test, '...']]
    flags: { --offline: none }
sandbox: { mode: best_effort }
";

const TESTS: &str = "\
schema: lgflow.policy_test/v1
policy: [../policy.yaml]
cases:
  - { tool: read_file, input: { path: src/a.rs }, expect: allow }
  - { tool: read_file, input: { path: secret/a }, expect: deny, rule: paths.read.deny }
  - { tool: exec, input: { argv: [cargo, test] }, expect: allow }
";

fn workspace() -> Workspace {
    let workspace = Workspace::git();
    workspace.write(".lg/graph.yaml", GRAPH).write(".lg/policy.yaml", POLICY);
    workspace.write(".lg/tests/policy.yaml", TESTS);
    workspace.lgflow(&["trust"]).ended(0);
    workspace
}

fn explained(workspace: &Workspace, code: i32, tool: &str, input: &Value) -> Value {
    let input = input.to_string();
    workspace.lgflow(&["policy", "explain", tool, &input, "--format", "json"]).ended(code).json()
}

#[test]
fn each_kind_of_verdict_says_which_edit_alters_it() {
    let workspace = workspace();
    let cases = [
        (
            5,
            "apply_patch",
            json!({"changes": [{"op": "put", "path": "src/a.rs", "content": ""}]}),
            "in .lg/policy.yaml:3, write `apply_patch: allow` under `tools`",
            "allow",
        ),
        (
            4,
            "apply_patch",
            json!({"changes": [{"op": "put", "path": "docs/[a].md", "content": ""}]}),
            "in .lg/policy.yaml, add `docs/[[]a[]].md` to `paths.write.allow`",
            "ask",
        ),
        (
            4,
            "read_file",
            json!({"path": "secret/a"}),
            "in .lg/policy.yaml:5, remove `secret/**` from `paths.read.deny`",
            "allow",
        ),
        (
            4,
            "search_files",
            json!({"pattern": "x"}),
            "in .lg/policy.yaml, write `search_files: allow` under `tools`",
            "allow",
        ),
        (
            4,
            "exec",
            json!({"argv": ["cargo", "test", "--locked"]}),
            "in .lg/policy.yaml:8, write `--locked: none` under `commands[test].flags`",
            "allow",
        ),
        (
            4,
            "exec",
            json!({"argv": ["cargo", "test", "--jobs", "4"]}),
            "in .lg/policy.yaml:8, write `--jobs: int` under `commands[test].flags`",
            "allow",
        ),
        (
            4,
            "exec",
            json!({"argv": ["cargo", "publish"]}),
            "in .lg/policy.yaml:8, add `[\"publish\"]` to `commands[test].args`",
            "allow",
        ),
        (
            0,
            "read_file",
            json!({"path": "src/a.rs"}),
            "in .lg/policy.yaml, add `src/a.rs` to `paths.read.ask`",
            "ask",
        ),
    ];
    for (code, tool, input, edit, gives) in cases {
        let found = explained(&workspace, code, tool, &input);
        assert_eq!(found["schema"], "lgflow.policy_explanation/v1");
        assert_eq!(found["change"]["edits"][0]["text"], edit, "{found:#}");
        assert_eq!(
            (&found["change"]["gives"], &found["change"]["possible"]),
            (&json!(gives), &json!(true)),
            "{found:#}"
        );
    }
}

#[test]
fn an_invariant_has_no_change_and_a_builtin_is_not_edited() {
    let workspace = workspace();
    let write = json!({"changes": [{"op": "put", "path": ".git/hooks/x", "content": ""}]});
    let found = explained(&workspace, 4, "apply_patch", &write);
    assert_eq!(found["change"]["possible"], false, "{found:#}");
    assert_eq!(found["invariants"][0]["rule"]["layer"], "builtin:invariants", "{found:#}");
    workspace.lgflow(&["trust", "--forget"]).ended(0);
    workspace.write(".lg/policy.yaml", POLICY.replace("sandbox: { mode: best_effort }\n", ""));
    let found = explained(&workspace, 4, "read_file", &json!({"path": ".env"}));
    let (layers, what) = (&found["layers"], &found["change"]["elsewhere"][0]);
    assert_eq!(layers[1]["layer"], "builtin:contained", "{found:#}");
    assert_eq!(layers[1]["reasons"][0]["rule"]["rule"], "paths.read.deny");
    assert!(what.as_str().unwrap().contains("lgflow trust"), "{found:#}");
}

#[test]
fn every_layer_speaks_with_its_place_and_the_obligations_are_shown() {
    let workspace = workspace();
    let input = r#"{"argv": ["cargo", "test"]}"#;
    let ran = workspace.lgflow(&["policy", "explain", "exec", input]).ended(0);
    for text in [
        "1. grant    .lg/policy.yaml: allow",
        ".lg/policy.yaml:3:46 (tools.exec)",
        ".lg/policy.yaml:8:11 (commands[test])",
        "sandbox: best_effort, workspace overlay, network deny, git hidden",
        "time: at most 600s",
        "tried: it gives `ask`",
    ] {
        assert!(ran.stdout.contains(text), "`{text}` is not in\n{}", ran.stdout);
    }
    let patch = "--- a/src/a.rs\n+++ b/secret/x\n";
    let input = json!({ "patch": patch }).to_string();
    workspace.lgflow(&["policy", "explain", "apply_patch", &input]).ended(2).says("the patch cannot be read");
    let patch = "diff --git a/src/a.rs b/docs/a.rs\nsimilarity index 100%\nrename from src/a.rs\nrename to docs/a.rs\n";
    let found = explained(&workspace, 4, "apply_patch", &json!({ "patch": patch }));
    assert_eq!(found["input"]["patch"], patch);
    assert_eq!(found["change"]["edits"][0]["value"], "docs/a.rs", "{found:#}");
}

#[test]
fn wrong_calls_and_policies_have_their_exit_codes() {
    let workspace = workspace();
    workspace.lgflow(&["policy", "explain", "read_flie", "{}"]).ended(2).says("read_file");
    workspace.lgflow(&["policy", "explain", "read_file", "{"]).ended(2);
    for input in ["{}", r#"{"path": 1}"#, r#"{"path": "a", "paht": "b"}"#] {
        let ran = workspace.lgflow(&["policy", "explain", "read_file", input]).ended(2);
        ran.says("these are no parameters of `read_file`").says("lgflow tool schema read_file");
    }
    workspace.write("bad.yaml", "schema: lgflow.policy/v1\nname: x\ntools: { read_flie: allow }\n");
    workspace
        .lgflow(&["policy", "explain", "read_file", "{\"path\": \"a\"}", "--policy", "bad.yaml"])
        .ended(3);
    workspace.lgflow(&["policy", "check", "bad.yaml"]).ended(3);
    workspace.lgflow(&["policy", "diff", "bad.yaml", "builtin:rust"]).ended(3);
    workspace.lgflow(&["policy", "check", "none.yaml"]).ended(2);
}

#[test]
fn check_shows_the_layers_and_what_they_say_together() {
    let workspace = workspace();
    workspace.write("home/x", "");
    let found = workspace.lgflow(&["policy", "check", "--format", "json"]).ended(0).json();
    assert_eq!(found["schema"], "lgflow.policy_check/v1");
    assert_eq!(found["layers"][0]["name"], ".lg/policy.yaml");
    assert_eq!(found["layers"][0]["commands"], json!([{"name": "test", "program": "cargo"}]));
    assert_eq!(found["tools"]["apply_patch"], "ask");
    assert_eq!(found["tools"]["list_files"], "deny");
    let both = workspace.lgflow(&["policy", "check", ".lg/policy.yaml", "builtin:contained"]).ended(0);
    assert!(both.stdout.contains("2. ceiling  builtin:contained"), "{}", both.stdout);
    workspace.lgflow(&["policy", "check", ".lg/policy.yaml", "--format", "sarif"]).ended(0).json();
    workspace.lgflow(&["trust", "--forget"]).ended(0);
    workspace.lgflow(&["policy", "check"]).ended(4).says("lgflow trust");
}

#[test]
fn tests_of_policies_are_found_tried_and_told_as_a_difference() {
    let workspace = workspace();
    let ran = workspace.lgflow(&["policy", "test"]).ended(0);
    assert_eq!(ran.stdout, "3 cases in 1 file: 3 as expected, 0 otherwise\n");
    workspace.write(
        ".lg/tests/policy.yaml",
        TESTS.replace("path: secret/a }, expect: deny", "path: secret/a }, expect: allow"),
    );
    let ran = workspace.lgflow(&["policy", "test", ".lg/tests/policy.yaml"]).ended(1);
    let expected = "\
.lg/tests/policy.yaml:5:5: read_file {\"path\":\"secret/a\"}
  - allow by `paths.read.deny`
  + deny by .lg/policy.yaml:5:33 (paths.read.deny): `secret/**` denies `secret/a`; to alter that, narrow it in `paths.read.deny`
3 cases in 1 file: 2 as expected, 1 otherwise
";
    assert_eq!(ran.stdout, expected);
    let found = workspace.lgflow(&["policy", "test", "--format", "json"]).ended(1).json();
    assert_eq!((&found["schema"], &found["cases"]), (&json!("lgflow.policy_tests/v1"), &json!(3)));
    assert_eq!(
        (&found["failed"][0]["expected"], &found["failed"][0]["found"]),
        (&json!("allow"), &json!("deny"))
    );
    // a file outside of `.lg` names what lies beneath its own folder
    workspace
        .write("here/own.yaml", POLICY)
        .write("here/t.yaml", TESTS.replace("../policy.yaml", "own.yaml"));
    workspace.lgflow(&["policy", "test", "here/t.yaml"]).ended(0);
    workspace.write("here/t.yaml", TESTS);
    workspace.lgflow(&["policy", "test", "here/t.yaml"]).ended(3);
    workspace.lgflow(&["policy", "test", "here/own.yaml"]).ended(2).says("holds no policy tests");
    Workspace::git().lgflow(&["policy", "test"]).ended(2).says("lgflow.policy_test/v1");
}

#[test]
fn a_difference_says_what_the_new_one_allows_asks_and_denies() {
    let workspace = workspace();
    let new = POLICY
        .replace("apply_patch: ask", "apply_patch: allow, list_files: ask")
        .replace("exec: allow", "exec: deny")
        .replace("deny: ['secret/**']", "deny: ['**/*.pem']");
    workspace.write("old.yaml", format!("{POLICY}limits: {{ tool_calls: 5 }}\n"));
    workspace.write("new.yaml", format!("{new}limits: {{ tool_calls: 9 }}\n"));
    let ran = workspace.lgflow(&["policy", "diff", "old.yaml", "new.yaml"]).ended(0);
    let expected = "\
--- old.yaml
+++ new.yaml
allows what the old one did not
  + limits.tool_calls: 9 instead of 5
  + tools.apply_patch: allow
  + without paths.read[secret/**]: deny
asks where the old one did not
  - tools.list_files: ask
denies or bounds what the old one did not
  - paths.read[**/*.pem]: deny
  - tools.exec: deny
";
    assert_eq!(ran.stdout, expected);
    workspace.lgflow(&["policy", "diff", "old.yaml", "new.yaml", "--deny-widening"]).ended(4);
    workspace.lgflow(&["policy", "diff", "new.yaml", "new.yaml", "--deny-widening"]).ended(0);
    let found =
        workspace.lgflow(&["policy", "diff", "new.yaml", "new.yaml", "--format", "json"]).ended(0).json();
    assert_eq!(
        (&found["widens"], &found["narrows"], &found["changes"]),
        (&json!(false), &json!(false), &json!([]))
    );
    workspace.lgflow(&["policy", "diff", "builtin:rust", "builtin:go", "--deny-widening"]).ended(4);
}
