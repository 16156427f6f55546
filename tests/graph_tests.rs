//! `lgflow test`: cases beside a graph, played by their scripts. Nothing is ever run or changed.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

#[path = "graph_tests/blessed.rs"]
mod blessed;
#[path = "graph_tests/models.rs"]
mod models;
mod program;
#[path = "graph_tests/rehearsed.rs"]
mod rehearsed;
#[path = "graph_tests/written.rs"]
mod written;

use program::Workspace;
use serde_json::{Value, json};

const POLICY: &str = "\
schema: lgflow.policy/v1
name: p
tools: { exec: allow, apply_patch: ask, read_file: allow, llm: allow }
paths:
  read: { allow: ['**'], deny: ['secret/**'] }
  write: { allow: ['src/**'] }
commands:
  - { name: test, program: cargo, args: [[test, '...']] }
";

const GRAPH: &str = "\
schema: lgflow.graph/v1
name: fix
inputs:
  file: { type: string, default: notes.txt }
policy: [policy.yaml]
models:
  planner: { use: default }
prompts:
  ask: { text: 'mend it: {{ failures }}' }
state:
  failures: { type: array, items: { type: string }, reduce: append }
  tries: { type: integer, reduce: sum }
nodes:
  look: { uses: read_file, with: { path: '{{ inputs.file }}' } }
  plan:
    uses: llm
    with: { model: planner, prompt: ask, vars: { failures: '{{ state.failures | join }}' } }
  sure: { uses: approval, with: { show: 'go on?', options: [yes_do, no_stop] } }
  apply:
    uses: apply_patch
    with: { changes: [{ op: put, path: src/a.rs, content: '{{ nodes.plan.output.text }}' }] }
  test:
    uses: exec
    with: { argv: [cargo, test], ok_exit: any }
    timeout: 5m
    update: { failures: '{{ output.stdout }}', tries: 1 }
  done: { uses: values, with: { text: 'tries: {{ state.tries }}' } }
  give_up: { uses: fail, with: { message: 'it still fails' } }
edges:
  - look -> plan -> sure
  - { from: sure, to: apply, when: \"nodes.sure.output.choice == 'yes_do'\" }
  - { from: sure, to: give_up, otherwise: true }
  - apply -> test
  - { from: test, to: plan, when: 'nodes.test.output.exit_code != 0', loop: { max: 3 } }
  - { from: test, to: done, otherwise: true }
  - { from: test, to: give_up, catch: [exhausted, timeout] }
outputs: { text: '{{ nodes.done.output.text }}' }
";

const TESTS: &str = "\
schema: lgflow.test/v1
graph: ../graph.yaml
cases:
  - name: passes at the second try
    results:
      - { node: look, output: { content: 'hello' } }
      - { node: plan, output: { text: 'fn a() {}' } }
      - { tool: apply_patch, output: {} }
      - { node: test, call: 1, output: { exit_code: 101, stdout: 'one failed' } }
      - { node: test, call: 2, output: { exit_code: 0 } }
    answers:
      - { node: sure, choice: yes_do }
      - { node: apply, choice: approve }
    expect:
      status: succeeded
      outputs: { text: 'tries: 2' }
      path: [look, plan, sure, apply, test, plan, sure, apply, test, done]
      nodes: { give_up: not_reached }
      channels: { failures: ['one failed', ''] }
      iterations: { plan: 2 }
      calls:
        - { node: apply, input: { changes: [{ op: put, path: src/a.rs, content: 'fn a() {}' }] }, times: 2 }
        - { tool: exec, input: { argv: [cargo, test] } }
      never: [{ tool: exec, input: { argv: [cargo, publish] } }]
  - name: hangs, and is given up
    results:
      - { node: look, output: { content: 'hello' } }
      - { tool: llm, output: { text: x } }
      - { node: apply, output: {} }
      - { node: test, hangs: true }
    answers:
      - { node: sure, question: 1, choice: yes_do }
      - { node: apply, choice: approve }
    expect:
      status: failed
      error: { node: give_up, kind: failed, message: still fails }
      nodes: { test: failed, done: not_reached }
      calls: [{ node: test, tool: exec, times: 1 }]
  - name: a denied file is not read
    inputs: { file: secret/key }
    expect:
      status: denied
      error: { node: look, kind: denied }
      denied: [{ node: look, rule: paths.read.deny }]
      never: [{ tool: read_file }, { tool: llm }]
  - name: nobody answers
    results:
      - { node: look, output: { content: '' } }
      - { node: plan, output: { text: x } }
    expect: { status: suspended, waiting: [sure] }
";

fn workspace(tests: &str) -> Workspace {
    let workspace = Workspace::git();
    workspace.write(".lg/graph.yaml", GRAPH).write(".lg/policy.yaml", POLICY);
    workspace.write(".lg/tests/fix.yaml", tests);
    workspace
}

/// The cases with one text in the place of another.
fn with(from: &str, to: &str) -> String {
    assert!(TESTS.contains(from), "{from}");
    TESTS.replacen(from, to, 1)
}

fn document(workspace: &Workspace, code: i32) -> Value {
    let found = workspace.lgflow(&["test", "--format", "json"]).ended(code).json();
    assert_eq!(found["schema"], "lgflow.tests/v1");
    found
}

#[test]
fn cases_that_come_to_what_they_expect_have_no_effect_and_their_coverage_is_told() {
    let workspace = workspace(TESTS);
    let found = document(&workspace, 0);
    assert_eq!((&found["cases"], &found["failed"]), (&json!(4), &json!(0)), "{found:#}");
    let coverage = &found["coverage"][0];
    assert_eq!((&coverage["nodes"], &coverage["never_run"]), (&json!(7), &json!([])), "{coverage:#}");
    let never = coverage["never_taken"].as_array().unwrap();
    assert_eq!(never, &[json!("sure -> give_up (otherwise)")]);
    assert_eq!(coverage["never_caught"], json!([]));
    assert!(!workspace.path().join("src").exists());
    // neither a run nor a ledger was made
    assert!(!workspace.state().exists(), "{:?}", workspace.state());
    let ran = workspace.lgflow(&["test"]).ended(0);
    assert!(ran.stdout.contains("4 cases in 1 file: 4 as expected, 0 otherwise"), "{}", ran.stdout);
    assert!(ran.stdout.contains("never taken: sure -> give_up (otherwise)"), "{}", ran.stdout);
}

#[test]
fn each_kind_of_expectation_fails_where_it_is_not_met() {
    let cases = [
        ("status: succeeded", "status: failed", "status", json!("succeeded")),
        ("outputs: { text: 'tries: 2' }", "outputs: { text: 'tries: 3' }", "outputs.text", json!("tries: 2")),
        (
            "nodes: { give_up: not_reached }",
            "nodes: { give_up: skipped }",
            "nodes.give_up",
            json!("not_reached"),
        ),
        ("['one failed', '']", "['one failed']", "channels.failures", json!(["one failed", ""])),
        ("iterations: { plan: 2 }", "iterations: { plan: 1 }", "iterations.plan", json!(2)),
        ("times: 2", "times: 3", "calls of `apply`: times", json!(2)),
        (
            "[cargo, publish]",
            "[cargo, test]",
            "calls of `exec`",
            json!([{ "argv": ["cargo", "test"], "ok_exit": "any" }, { "argv": ["cargo", "test"], "ok_exit": "any" }]),
        ),
        (
            "input: { argv: [cargo, test] }",
            "input: { argv: [cargo, doc] }",
            "calls of `exec`",
            json!([{ "argv": ["cargo", "test"], "ok_exit": "any" }, { "argv": ["cargo", "test"], "ok_exit": "any" }]),
        ),
        ("message: still fails", "message: passes", "error.message", json!("it still fails")),
        ("kind: failed, ", "kind: exit, ", "error.kind", json!("failed")),
        (
            "rule: paths.read.deny",
            "rule: paths.read.allow",
            "refusals of `look`",
            json!([["paths.read.deny"]]),
        ),
        ("waiting: [sure]", "waiting: []", "waiting", json!(["sure"])),
    ];
    for (from, to, place, seen) in cases {
        let found = document(&workspace(&with(from, to)), 1);
        assert_eq!(found["failed"], 1, "{from}: {found:#}");
        let failed: Vec<&Value> = found["files"][0]["cases"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|case| case["differences"].as_array().unwrap())
            .collect();
        assert_eq!(failed.len(), 1, "{from}: {failed:#?}");
        assert_eq!((&failed[0]["place"], &failed[0]["found"]), (&json!(place), &seen), "{from}");
    }
}

#[test]
fn a_call_that_hangs_was_let_through_at_each_attempt() {
    let never = with(
        "      calls: [{ node: test, tool: exec, times: 1 }]\n",
        "      never: [{ node: test, tool: exec }]\n",
    );
    let ran = workspace(&never).lgflow(&["test"]).ended(1);
    assert!(ran.stdout.contains("never"), "{}", ran.stdout);
    let workspace = Workspace::git();
    let graph = "schema: lgflow.graph/v1\nname: g\npolicy: [policy.yaml]\nnodes:\n  h: { uses: exec, with: { argv: [cargo, test] }, timeout: 3s, retry: { attempts: 2 } }\n  q: { uses: values }\nedges:\n  - { from: h, to: q, catch: [timeout] }\n";
    let tests = "schema: lgflow.test/v1\ngraph: ../graph.yaml\ncases:\n  - name: hangs twice\n    results: [{ node: h, hangs: true }]\n    expect: { status: succeeded, path: [h, q], calls: [{ node: h, times: 2 }] }\n";
    workspace
        .write(".lg/graph.yaml", graph)
        .write(".lg/policy.yaml", POLICY)
        .write(".lg/tests/h.yaml", tests);
    workspace.lgflow(&["test"]).ended(0);
}

#[test]
fn a_file_with_a_slip_in_its_schema_is_no_silence() {
    let workspace = workspace(TESTS);
    workspace.write(".lg/tests/b.yaml", "schema: lgflow.tests/v1\ngraph: ../graph.yaml\ncases: []\n");
    for command in [&["test"][..], &["validate"]] {
        let ran = workspace.lgflow(command).ended(3);
        assert!(
            ran.stdout.contains("unknown-schema") && ran.stdout.contains("tests/b.yaml"),
            "{}",
            ran.stdout
        );
    }
    workspace.write(".lg/tests/b.yaml", "name: b\n");
    let ran = workspace.lgflow(&["validate"]).ended(0);
    assert!(ran.stdout.contains("stray-file") && ran.stdout.contains("tests/b.yaml"), "{}", ran.stdout);
}

#[test]
fn nothing_to_check_is_no_green() {
    let workspace = Workspace::git();
    workspace.write(".lg/notes.md", "nothing\n");
    let ran = workspace.lgflow(&["validate"]).ended(2);
    assert!(ran.stderr.contains("there is nothing to check"), "{}", ran.stderr);
}

#[test]
fn a_script_that_the_run_does_not_follow_is_a_problem_of_the_case() {
    let cases = [
        (
            with("      - { node: test, call: 2, output: { exit_code: 0 } }\n", ""),
            "no result is scripted for call 2 of `test`",
        ),
        (with("call: 2, output", "call: 5, output"), "no result is scripted for call 2 of `test`"),
        (
            with(
                "      - { node: test, hangs: true }\n",
                "      - { node: test, hangs: true }\n      - { node: test, call: 9, output: { exit_code: 0 } }\n",
            ),
            "no call took the result that is scripted for call 9 of `test`",
        ),
        (
            with(
                "      - { node: apply, choice: approve }\n    expect:\n      status: failed",
                "      - { node: apply, choice: approve }\n      - { node: test, choice: approve }\n    expect:\n      status: failed",
            ),
            "`test` did not ask what is answered here",
        ),
        (
            with("expect: { status: suspended, waiting: [sure] }", "expect: {}"),
            "the case expects nothing, so it shows nothing",
        ),
        (with("inputs: { file: secret/key }", "inputs: { file: 3 }"), "file"),
    ];
    for (tests, words) in cases {
        let workspace = workspace(&tests);
        let ran = workspace.lgflow(&["test"]).ended(1);
        assert!(ran.stdout.contains(words), "{words}:\n{}", ran.stdout);
        assert!(ran.stdout.contains(".lg/tests/fix.yaml:"), "{}", ran.stdout);
    }
}

#[test]
fn what_can_never_be_is_a_finding_before_anything_is_played() {
    let cases = [
        (
            "{ node: look, output: { content: 'hello' } }",
            "{ node: lok, output: {} }",
            "unknown-node",
            "write `look`",
        ),
        ("output: { exit_code: 101", "output: { exit_cod: 101", "bad-value", "write `exit_code`"),
        ("path: [look, plan,", "path: [look, plam,", "unknown-node", "write `plan`"),
        ("waiting: [sure]", "waiting: [sur]", "unknown-node", "write `sure`"),
        (
            "kind: denied }\n      denied",
            "kind: denid }\n      denied",
            "unknown-error-kind",
            "write `denied`",
        ),
        (
            "{ node: sure, choice: yes_do }",
            "{ node: sure, choice: approve }",
            "bad-value",
            "choose one of `yes_do`, `no_stop`",
        ),
        (
            "{ tool: llm, output: { text: x } }",
            "{ tool: llm, output: { txt: x } }",
            "bad-value",
            "never gives this",
        ),
        (
            "{ node: plan, output: { text: x } }",
            "{ node: plan, output: { text: 3 } }",
            "bad-value",
            "never gives this",
        ),
        ("{ node: test, hangs: true }", "{ node: done, hangs: true }", "bad-value", "makes no calls"),
        (
            "{ node: test, hangs: true }",
            "{ node: test, tool: llm, hangs: true }",
            "bad-value",
            "makes no calls of `llm`",
        ),
        (
            "node: test, call: 2",
            "node: test, call: 1",
            "bad-value",
            "another result stands for the same calls",
        ),
        ("channels: { failures", "channels: { failure", "unknown-channel", "write `failures`"),
        ("outputs: { text", "outputs: { txt", "unknown-field", "write `text`"),
        ("graph: ../graph.yaml", "graph: ../grph.yaml", "unreadable-file", "grph.yaml"),
        ("inputs: { file:", "inputs: { fil:", "unknown-input", "write `file`"),
        ("status: succeeded", "status: interrupted", "bad-value", "interrupted"),
        ("hangs: true", "hangs: true, output: {}", "conflicting-keys", "`hangs`"),
    ];
    for (from, to, code, words) in cases {
        let workspace = workspace(&with(from, to));
        for command in [&["test"][..], &["validate"]] {
            let ran = workspace.lgflow(command).ended(3);
            assert!(ran.stdout.contains(code) && ran.stdout.contains(words), "{to}:\n{}", ran.stdout);
        }
    }
    workspace(TESTS).lgflow(&["validate"]).ended(0);
}

#[test]
fn a_batch_with_a_denied_call_is_denied_and_none_of_its_calls_is_made() {
    let workspace = Workspace::git();
    let graph = "schema: lgflow.graph/v1\nname: g\npolicy: [policy.yaml]\ninputs: { file: { type: string } }\nnodes:\n  all:\n    uses: batch\n    with:\n      calls: [{ tool: apply_patch, input: { patch: x } }, { tool: read_file, input: { path: a } }, { tool: read_file, input: { path: '{{ inputs.file }}' } }]\n      tools: [apply_patch, read_file]\n      max_calls: 3\n";
    let cases = "schema: lgflow.test/v1\ngraph: ../graph.yaml\ncases:\n  - name: the last one is denied\n    inputs: { file: secret/key }\n    expect:\n      status: denied\n      error: { node: all, kind: denied }\n      denied: [{ node: all, rule: paths.read.deny }]\n      never: [{ tool: apply_patch }, { tool: read_file }]\n";
    workspace.write(".lg/graph.yaml", graph).write(".lg/policy.yaml", POLICY);
    workspace.write(".lg/tests/g.yaml", cases);
    let ran = workspace.lgflow(&["test"]);
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
}

#[test]
fn blessing_writes_what_was_found_and_keeps_the_rest_of_the_text() {
    let tests = with("iterations: { plan: 2 }", "iterations: { plan: 7 } # how often")
        .replacen("outputs: { text: 'tries: 2' }", "outputs:\n        text: |\n          other\n", 1)
        .replacen(
            "path: [look, plan, sure, apply, test, plan, sure, apply, test, done]",
            "path:\n        - look\n        - plan",
            1,
        )
        .replacen("expect: { status: suspended, waiting: [sure] }", "expect: {}", 1);
    let workspace = workspace(&tests);
    workspace.lgflow(&["test"]).ended(1);
    assert_eq!(workspace.read(".lg/tests/fix.yaml"), tests);
    let ran = workspace.lgflow(&["test", "--bless"]).ended(0);
    assert!(ran.stderr.contains("blessed .lg/tests/fix.yaml"), "{}", ran.stderr);
    let blessed = workspace.read(".lg/tests/fix.yaml");
    assert!(blessed.contains("iterations: { plan: 2 } # how often"), "{blessed}");
    assert!(blessed.contains("\"waiting\":[\"sure\"]"), "{blessed}");
    assert!(blessed.contains("text: |-\n          tries: 2\n"), "{blessed}");
    assert!(
        blessed.contains("        - look\n        - plan\n        - sure\n        - apply\n"),
        "{blessed}"
    );
    workspace.lgflow(&["test"]).ended(0);
    // a second time there is nothing to write
    let ran = workspace.lgflow(&["test", "--bless"]).ended(0);
    assert!(!ran.stderr.contains("blessed"), "{}", ran.stderr);
    assert_eq!(workspace.read(".lg/tests/fix.yaml"), blessed);
}

#[test]
fn blessing_keeps_the_form_of_lists_mappings_and_texts_with_their_comments() {
    let workspace = Workspace::git();
    let graph = "schema: lgflow.graph/v1\nname: g\nnodes:\n  a: { uses: values, with: { list: [a, b, c, d], text: \"l1\\nl2\\n\", deep: { x: 1, y: [{ n: 1 }, { n: 2 }] } } }\n  b: { uses: values }\n  c: { uses: values }\nedges: [a -> b -> c]\noutputs: { list: \"{{ nodes.a.output.list }}\", text: \"{{ nodes.a.output.text }}\", deep: \"{{ nodes.a.output.deep }}\", plain: \"{{ nodes.a.output.text }}\" }\n";
    let before = "schema: lgflow.test/v1\ngraph: ../graph.yaml\ncases:\n  - name: n\n    expect:\n      path: # in order\n        - a\n        # what b does\n        - b # b\n        - b\n        - a\n      outputs:\n        list:\n          - b # the second\n          - x\n          # the last\n          - d\n        text: | # two lines\n          l1\n          l3\n        deep:\n          x: 2 # how many\n          z: 7\n          y:\n            - n: 1\n            # more\n            - n: 3\n        plain: >-\n          folded\n";
    let after = "schema: lgflow.test/v1\ngraph: ../graph.yaml\ncases:\n  - name: n\n    expect:\n      path: # in order\n        - a\n        # what b does\n        - b # b\n        - c\n      outputs:\n        list:\n          - a\n          - b # the second\n          - c\n          # the last\n          - d\n        text: | # two lines\n          l1\n          l2\n        deep:\n          x: 1 # how many\n          y:\n            - n: 1\n            # more\n            - n: 2\n        plain: |\n          l1\n          l2\n";
    workspace.write(".lg/graph.yaml", graph).write(".lg/tests/g.yaml", before);
    workspace.lgflow(&["test", "--bless"]).ended(0);
    assert_eq!(workspace.read(".lg/tests/g.yaml"), after);
    workspace.lgflow(&["test"]).ended(0);
    // what has no such form is written on one line
    workspace.write(".lg/graph.yaml", graph.replace("[a, b, c, d]", "[]").replace("l1\\nl2\\n", " l1"));
    workspace.lgflow(&["test", "--bless"]).ended(0);
    let blessed = workspace.read(".lg/tests/g.yaml");
    assert!(
        blessed.contains("list: []\n          # the last\n")
            && blessed.contains("text: \" l1\" # two lines\n"),
        "{blessed}"
    );
    workspace.lgflow(&["test"]).ended(0);
}

#[test]
fn a_slip_in_a_test_is_shown_at_its_own_place() {
    let shown = |from: &str, to: &str| {
        let workspace = workspace(&with(from, to));
        let ran = workspace.lgflow(&["validate", "--format", "json"]).ended(3).json();
        let label = ran["diagnostics"][0]["labels"][0].clone();
        let text = workspace.read(".lg/tests/fix.yaml");
        let line = text.lines().nth(label["line"].as_u64().unwrap() as usize - 1).unwrap().to_owned();
        let column = |name: &str| label[name].as_u64().unwrap() as usize - 1;
        line.chars().skip(column("column")).take(column("end_column") - column("column")).collect::<String>()
    };
    assert_eq!(shown("inputs: { file:", "inputs: { fil:"), "fil");
    assert_eq!(shown("output: { exit_code: 101", "output: { exit_cod: 101"), "exit_cod");
    assert_eq!(shown("exit_code: 101", "exit_code: many"), "many");
    assert_eq!(shown("look, plan, sure, apply, test, plan", "look, plan, sure, appl, test, plan"), "appl");
}

#[test]
fn blessing_does_not_hide_what_no_value_mends() {
    let workspace = workspace(&with("[cargo, publish]", "[cargo, test]").replacen("plan: 2", "plan: 3", 1));
    let ran = workspace.lgflow(&["test", "--bless"]).ended(1);
    assert!(ran.stdout.contains("calls of `exec`: \"never\""), "{}", ran.stdout);
    assert!(workspace.read(".lg/tests/fix.yaml").contains("plan: 2"));
}

#[test]
fn blessing_writes_what_a_whole_run_came_to_though_its_script_has_too_much() {
    let text = with("expect: { status: suspended, waiting: [sure] }", "expect: {}");
    let unused = "      - { tool: apply_patch, output: {} }\n";
    let case = text.find("expect: {}").unwrap();
    let at = text[..case].rfind("    results:\n").unwrap() + "    results:\n".len();
    let text = format!("{}{unused}{}", &text[..at], &text[at..]);
    let workspace = workspace(&text);
    let ran = workspace.lgflow(&["test", "--bless"]).ended(1);
    assert!(!ran.stdout.contains("expects nothing"), "{}", ran.stdout);
    assert!(workspace.read(".lg/tests/fix.yaml").contains("\"waiting\":[\"sure\"]"), "{}", ran.stdout);
    // a run that was not played to its end has come to nothing that could be written
    let cut = TESTS.replacen("      - { node: look, output: { content: 'hello' } }\n", "", 1);
    let from = cut.find("    expect:").unwrap();
    let to = from + cut[from..].find("  - name:").unwrap();
    let cut = format!("{}    expect: {{}}\n{}", &cut[..from], &cut[to..]);
    workspace.write(".lg/tests/fix.yaml", cut.clone());
    let ran = workspace.lgflow(&["test", "--bless"]).ended(1);
    assert!(ran.stdout.contains("mend what keeps it from being played to its end"), "{}", ran.stdout);
    assert_eq!(workspace.read(".lg/tests/fix.yaml"), cut);
}

#[test]
fn a_name_in_junit_is_drawn_as_it_is() {
    let workspace = workspace(&with("name: passes at the second try", "name: \"passes \\u202Egnp\""));
    workspace.lgflow(&["test", "--junit", "out.xml"]);
    let xml = workspace.read("out.xml");
    assert!(xml.contains("passes ") && !xml.contains('\u{202e}'), "{xml}");
}

#[test]
fn tests_in_toml_are_played_and_blessed_alike() {
    let workspace = workspace(TESTS);
    let toml = "schema = \"lgflow.test/v1\"\ngraph = \"../graph.yaml\"\n[[cases]]\nname = \"denied\"\ninputs = { file = \"secret/key\" }\n[cases.expect]\nstatus = \"failed\" # wrong\npath = [\"plan\"]\n";
    workspace.write(".lg/tests/more.toml", toml);
    workspace.lgflow(&["test", ".lg/tests/more.toml"]).ended(1);
    workspace.lgflow(&["test", "--bless", ".lg/tests/more.toml"]).ended(0);
    let blessed = workspace.read(".lg/tests/more.toml");
    assert!(blessed.contains("status = \"denied\" # wrong"), "{blessed}");
    assert!(blessed.contains("path = [\"look\"]"), "{blessed}");
}

#[test]
fn open_questions_are_expected_in_any_order_and_each_as_often_as_it_asks() {
    let workspace = Workspace::git();
    let graph = "schema: lgflow.graph/v1\nname: g\nnodes:\n  m: { uses: approval, with: { show: \"{{ x }}?\" }, for_each: { in: \
                 \"['u', 'v']\", as: x, parallel: 2 } }\n  k: { uses: approval, with: { show: k } }\n";
    workspace.write(".lg/graph.yaml", graph);
    let code = |waiting: &str| {
        let tests = format!(
            "schema: lgflow.test/v1\ngraph: graph.yaml\ncases: [{{ name: w, expect: {{ status: suspended, waiting: {waiting} }} }}]\n"
        );
        workspace.write(".lg/t.yaml", &tests);
        workspace.lgflow(&["test"]).code
    };
    for (waiting, expected) in
        [("[m, m, k]", 0), ("[k, m, m]", 0), ("[m, k, m]", 0), ("[m, k]", 1), ("[m, k, k]", 1), ("[]", 1)]
    {
        assert_eq!(code(waiting), Some(expected), "{waiting}");
    }
}

#[test]
fn a_case_that_comes_to_something_else_tells_how_its_run_ended() {
    let refused = with(
        "      status: denied\n      error: { node: look, kind: denied }\n",
        "      status: succeeded\n",
    );
    let cases = [
        (refused.as_str(), "the run ended at `look`: denied: ", "(paths.read.deny)]\n"),
        (
            &with("error: { node: give_up, kind: failed, message: still fails }", "outputs: { text: x }"),
            "the run ended at `give_up`: failed: it still fails\n",
            "",
        ),
        (
            &with("status: suspended, waiting: [sure]", "status: succeeded"),
            "the run waits for an answer of `sure`\n",
            "",
        ),
    ];
    for (tests, begin, end) in cases {
        let ran = workspace(tests).lgflow(&["test", "--junit", "out.xml"]).ended(1);
        let line = ran
            .stdout
            .split_inclusive('\n')
            .find(|line| line.contains(begin))
            .unwrap_or_else(|| panic!("{begin}:\n{}", ran.stdout));
        assert!(line.ends_with(end), "{line}");
    }
    // what is as expected needs no reason
    let ran = workspace(TESTS).lgflow(&["test"]).ended(0);
    assert!(!ran.stdout.contains("the run "), "{}", ran.stdout);
    let workspace = workspace(&refused);
    workspace.lgflow(&["test", "--junit", "out.xml"]).ended(1);
    assert!(
        workspace.read("out.xml").contains("the run ended at `look`: denied: "),
        "{}",
        workspace.read("out.xml")
    );
    let found = document(&workspace, 1);
    let cases = found["files"][0]["cases"].as_array().unwrap();
    let denied = &cases[2]["error"];
    assert_eq!((&denied["node"], &denied["kind"]), (&json!("look"), &json!("denied")), "{denied:#}");
    assert_eq!(denied["rule"]["rule"], "paths.read.deny", "{denied:#}");
    assert_eq!((&cases[0]["error"], &cases[3]["waiting"]), (&Value::Null, &json!(["sure"])));
}

#[test]
fn junit_holds_every_case_with_its_difference() {
    let workspace = workspace(&with("iterations: { plan: 2 }", "iterations: { plan: 1 }"));
    workspace.lgflow(&["test", "--junit", "out.xml"]).ended(1);
    let xml = workspace.read("out.xml");
    for words in ["tests=\"4\"", "failures=\"1\"", "name=\"passes at the second try\"", "iterations.plan: 2"]
    {
        assert!(xml.contains(words), "{words}:\n{xml}");
    }
}

#[test]
fn cases_are_chosen_by_name_and_files_by_path() {
    let workspace = workspace(TESTS);
    let ran = workspace.lgflow(&["test", "--case", "denied"]).ended(0);
    assert!(ran.stdout.contains("1 case in 1 file"), "{}", ran.stdout);
    workspace.lgflow(&["test", "--case", "no such"]).ended(2).says("no case has such a name");
    workspace.lgflow(&["test", ".lg/graph.yaml"]).ended(2).says("holds no graph tests");
    workspace.write(".lg/tests/none.yaml", "schema: lgflow.test/v1\ngraph: ../graph.yaml\ncases: []\n");
    workspace
        .lgflow(&["test", ".lg/tests/none.yaml"])
        .ended(2)
        .says("there is no case in `.lg/tests/none.yaml`; write one under `cases`");
    Workspace::git().lgflow(&["test"]).ended(2).says("lgflow.test/v1");
}

#[test]
fn a_file_of_tests_is_checked_by_its_path_as_it_is_played() {
    let workspace = workspace(TESTS);
    workspace.lgflow(&["validate", ".lg/tests/fix.yaml"]).ended(0).says("1 file of tests");
    workspace
        .lgflow(&["validate", ".lg/graph.yaml", ".lg/tests/fix.yaml"])
        .ended(0)
        .says("1 graph, 1 file of tests");
    workspace.write(".lg/tests/out.yaml", "schema: lgflow.test/v1\ngraph: ../../graph.yaml\ncases: []\n");
    let ran = workspace.lgflow(&["validate", ".lg/tests/out.yaml"]).ended(3);
    assert!(ran.stdout.contains("in the same `.lg`"), "{}", ran.stdout);
}

#[test]
fn a_junit_report_is_of_this_time_and_hides_nothing() {
    let workspace = workspace(TESTS);
    let ran = workspace.lgflow(&["test", "--junit", "no/such/folder/r.xml"]).ended(1).says("JUnit");
    assert!(ran.stdout.contains("as expected"), "{}", ran.stdout);
    workspace.lgflow(&["test", "--junit", "r.xml"]).ended(0);
    workspace.write(".lg/tests/fix.yaml", TESTS.replace("graph: ../graph.yaml", "graph: ../none.yaml"));
    workspace.lgflow(&["test", "--junit", "r.xml"]).ended(3);
    let report = workspace.read("r.xml");
    assert!(report.contains("failures=\"1\"") && report.contains("none.yaml"), "{report}");
    // also where the policy does not compile, and where there is nothing to play
    workspace.write(".lg/tests/fix.yaml", TESTS);
    let is_told = |workspace: &Workspace, arguments: &[&str], code: i32, what: &str| {
        workspace.write("r.xml", "of an earlier time");
        workspace.lgflow(&[&["test", "--junit", "r.xml"], arguments].concat()).ended(code);
        let report = workspace.read("r.xml");
        assert!(report.contains("failures=\"1\"") && report.contains(what), "{report}");
    };
    workspace.write(".lg/policy.yaml", POLICY.replace("'src/**'", "'src/{**'"));
    is_told(&workspace, &[], 3, "policy.yaml");
    workspace.write(".lg/policy.yaml", POLICY);
    is_told(&workspace, &["--case", "no such"], 2, "no case has such a name");
    is_told(&workspace, &[".lg/graph.yaml"], 2, "holds no graph tests");
    is_told(&Workspace::git(), &[], 2, "there is no file of graph tests here");
}

#[test]
fn what_a_broken_case_only_began_is_not_covered() {
    let whole = "- name: a\n    results: [{ node: look, error: { kind: not_found } }]\n    expect: { status: failed }\n";
    let broken = "- { name: a, expect: { status: failed } }\n";
    let covered = |case: &str, code: i32| {
        let workspace = workspace(&format!("schema: lgflow.test/v1\ngraph: ../graph.yaml\ncases:\n  {case}"));
        document(&workspace, code)["coverage"][0]["never_run"].to_string()
    };
    assert!(!covered(whole, 0).contains("look"));
    assert!(covered(broken, 1).contains("look"));
}

#[test]
fn nodes_of_subgraphs_and_items_are_scripted_by_their_path_and_number() {
    let workspace = Workspace::git();
    workspace.write(".lg/graph.yaml", "\
schema: lgflow.graph/v1
name: outer
inputs: { names: { type: array, items: { type: string } } }
graphs:
  one:
    inputs: { name: { type: string } }
    nodes:
      read: { uses: read_file, with: { path: '{{ inputs.name }}' }, retry: { attempts: 2, kinds: [upstream] } }
    outputs: { text: '{{ nodes.read.output.content }}' }
nodes:
  each:
    uses: graph
    for_each: { in: inputs.names, as: name, on_error: collect }
    with: { graph: one, inputs: { name: '{{ name }}' } }
outputs: { all: '{{ nodes.each.output }}' }
");
    workspace.write(
        ".lg/tests/outer.yaml",
        "\
schema: lgflow.test/v1
graph: ../graph.yaml
cases:
  - name: the second item fails twice
    inputs: { names: [a, b] }
    results:
      - { node: each/read, call: 1, output: { content: one } }
      - { node: each/read, error: { kind: upstream, message: gone } }
    expect:
      status: succeeded
      calls: [{ node: each/read, times: 3 }]
      path: [each, each/read, each/read]
",
    );
    let ran = workspace.lgflow(&["test"]).ended(0);
    assert!(ran.stdout.contains("2 of 2 nodes"), "{}", ran.stdout);
}

/// Under limits: two calls, patches of 20 bytes and one file, files of 8 bytes.
const LIMITED: &str = "\
schema: lgflow.graph/v1
name: limited
policy: [policy.yaml]
nodes:
  read: { uses: read_file, with: { path: a.txt }, cache: true }
  again: { uses: read_file, with: { path: a.txt }, cache: true }
  third: { uses: read_file, with: { path: c.txt } }
edges:
  - read -> again -> third
";

fn limited(tests: &str) -> Workspace {
    let workspace = Workspace::new();
    let limits = "limits: { tool_calls: 2, patch_bytes: 20, patch_files: 1, read_bytes: 8 }\n";
    workspace.write(".lg/graph.yaml", LIMITED).write(".lg/policy.yaml", POLICY.to_owned() + limits).write(
        ".lg/tests/limited.yaml",
        format!("schema: lgflow.test/v1\ngraph: ../graph.yaml\ncases:\n{tests}"),
    );
    workspace
}

#[test]
fn the_limits_of_the_policy_are_counted_as_in_a_run() {
    let workspace = limited(
        "  - name: the third is refused\n    results: [{ tool: read_file, output: { content: one } }]\n    expect:\n      status: out_of_budget\n      \
         error: { node: third, kind: budget, message: 'the policy allows 2 calls in a run' }\n      \
         calls: [{ tool: read_file, times: 2 }]\n      never: [{ node: third }]\n      denied: [{ node: third, rule: limits.tool_calls }]\n",
    );
    document(&workspace, 0);
    // the same graph and policy as a run
    workspace.write("a.txt", "one").write("c.txt", "three");
    let ran =
        workspace.lgflow(&["run", "-g", ".lg/graph.yaml", "--trust", "--format", "json"]).ended(6).json();
    assert_eq!((&ran["status"], &ran["error"]["node"]), (&json!("out_of_budget"), &json!("third")), "{ran}");
}

#[test]
fn a_limit_on_a_call_fails_it_in_a_test_as_in_a_run() {
    let patch = |content: &str, more: &str| {
        LIMITED.split("nodes:").next().unwrap().to_owned()
            + &format!(
                "nodes:\n  apply: {{ uses: apply_patch, with: {{ changes: [{{ op: put, path: src/a.rs, content: {content} }}{more}] }} }}\n"
            )
    };
    let expects = |limit: &str, tool: &str| {
        format!(
            "  - name: {limit}\n    results: [{{ tool: read_file, output: {{ content: nine bytes }} }}]\n    expect:\n      status: failed\n      \
             error: {{ kind: limit }}\n      denied: [{{ tool: {tool}, rule: limits.{limit} }}]\n"
        )
    };
    let unread = |text: String| {
        text.replace("    results: [{ tool: read_file, output: { content: nine bytes } }]\n", "")
    };
    let cases = [
        (LIMITED.to_owned(), expects("read_bytes", "read_file")),
        (patch("'more than twenty bytes'", ""), unread(expects("patch_bytes", "apply_patch"))),
        (
            patch("a", ", { op: put, path: src/b.rs, content: b }"),
            unread(expects("patch_files", "apply_patch")),
        ),
    ];
    for (graph, tests) in cases {
        let workspace = limited(&tests);
        workspace.write(".lg/graph.yaml", &graph).write("a.txt", "nine bytes");
        document(&workspace, 0);
        let ran =
            workspace.lgflow(&["run", "-g", ".lg/graph.yaml", "--trust", "--format", "json"]).ended(1).json();
        assert_eq!(ran["error"]["kind"], "limit", "{ran}");
    }
    // within the limits it is asked about
    let workspace = limited("  - name: asks\n    expect: { status: suspended, waiting: [apply] }\n");
    workspace.write(".lg/graph.yaml", patch("a", ""));
    document(&workspace, 0);
}

#[test]
fn the_paths_of_a_diff_are_judged_as_those_of_a_list_are() {
    let workspace = Workspace::new();
    let policy = "schema: lgflow.policy/v1\nname: mine\ntools: { apply_patch: allow }\npaths: { write: { allow: ['src/**'] } }\n";
    workspace.write(".lg/policy.yaml", policy);
    let hunk = "@@ -1 +1 @@\\n-a\\n+b\\n";
    let cases =
        |text: &str| format!("schema: lgflow.test/v1\ngraph: ../graph.yaml\ncases:\n  - name: diff\n{text}");
    let denied = cases(
        "    expect:\n      status: denied\n      denied: [{ node: e, rule: paths.write }]\n      never: [{ node: e }]\n",
    );
    for (path, rule) in [("docs/x", "paths.write"), (".lg/x", "protection")] {
        let graph = format!(
            "schema: lgflow.graph/v1\nname: g\npolicy: [policy.yaml]\nnodes:\n  e: {{ uses: apply_patch, with: {{ patch: \"--- a/{path}\\n+++ b/{path}\\n{hunk}\" }} }}\n"
        );
        workspace.write(".lg/graph.yaml", graph);
        workspace.write(".lg/tests/diff.yaml", denied.replace("paths.write", rule));
        let found = workspace.lgflow(&["validate"]).ended(3).stdout;
        assert!(found.contains("denied-call") && found.contains(path), "{found}");
        let plan = workspace.lgflow(&["plan", "--trust", "--format", "json"]).json();
        assert_eq!(plan["verdicts"][0]["decision"], "deny", "{plan}");
    }
    let graph = format!(
        "schema: lgflow.graph/v1\nname: g\npolicy: [policy.yaml]\nnodes:\n  e: {{ uses: apply_patch, with: {{ patch: \"--- a/docs/x\\n+++ b/docs/x\\n{hunk}\" }} }}\n  n: {{ uses: values }}\nedges: [{{ from: e, to: n, catch: [denied] }}]\n"
    );
    workspace.write(".lg/graph.yaml", graph.clone());
    workspace.write(
        ".lg/tests/diff.yaml",
        cases("    expect:\n      path: [e, n]\n      denied: [{ node: e, rule: paths.write }]\n      never: [{ node: e }]\n"),
    );
    workspace.lgflow(&["test"]).ended(0);
    // a path that is allowed goes to the script
    workspace.write(".lg/graph.yaml", graph.replace("docs/x", "src/x"));
    workspace.write(
        ".lg/tests/diff.yaml",
        cases("    results: [{ tool: apply_patch, output: {} }]\n    expect:\n      status: succeeded\n      path: [e]\n"),
    );
    workspace.lgflow(&["test"]).ended(0);
}
