//! What becomes of a call before it is made: the policies of the graphs that it is inside of, the schema of its tool, and
//! what a person said of it. Each in a run and in `lgflow test`, which say the same.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod program;

use program::{Ran, Workspace};
use serde_json::{Value, json};

const OPEN: &str = "schema: lgflow.policy/v1\nname: open\n\
    tools: { read_file: allow, list_files: allow, apply_patch: allow, exec: allow }\n\
    paths: { read: { allow: ['**'] }, write: { allow: ['**'] } }\n";

/// A workspace with a graph, a policy that allows files, and the other files that are named.
fn workspace(graph: &str, files: &[(&str, &str)]) -> Workspace {
    let workspace = Workspace::git();
    let graph = format!("schema: lgflow.graph/v1\nname: g\npolicy: [policy.yaml]\n{graph}");
    workspace.write(".lg/graph.yaml", graph).write(".lg/policy.yaml", OPEN).write("notes.txt", "notes\n");
    for (path, text) in files {
        workspace.write(path, text);
    }
    workspace
}

fn run(workspace: &Workspace, code: i32) -> Value {
    workspace.lgflow(&["run", "-g", ".lg/graph.yaml", "--format", "json"]).ended(code).json()
}

/// Plays cases, which all have to come to what they expect.
fn cases(workspace: &Workspace, cases: &str) -> Ran {
    let text = format!("schema: lgflow.test/v1\ngraph: ../graph.yaml\ncases:\n{cases}");
    workspace.write(".lg/tests/t.yaml", text);
    workspace.lgflow(&["test"]).ended(0)
}

const LAYERED: &str = "\
inputs: { file: { type: string, default: notes.txt } }
graphs:
  inner: { policy: [inner.yaml], inputs: { file: {} }, nodes: { a: { uses: read_file, with: { path: '{{ inputs.file }}' } } } }
  outer:
    inputs: { file: {} }
    graphs: { same: { policy: [inner.yaml], inputs: { file: {} }, nodes: { b: { uses: read_file, with: { path: '{{ inputs.file }}' } } } } }
    nodes: { o: { uses: graph, with: { graph: same, inputs: { file: '{{ inputs.file }}' } } }, free: { uses: read_file, with: { path: notes.txt } } }
    edges: [free -> o]
nodes:
  before: { uses: read_file, with: { path: '{{ inputs.file }}' } }
  c: { uses: graph, with: { graph: inner, inputs: { file: '{{ inputs.file }}' } } }
  d: { uses: graph, with: { graph: outer, inputs: { file: '{{ inputs.file }}' } } }
edges: [before -> c -> d]
";

const NARROW: &str = "schema: lgflow.policy/v1\nname: narrow\ntools: { read_file: allow }\npaths: { read: { allow: ['src/**'] } }\n";

#[test]
fn a_subgraphs_policies_bind_its_own_calls_and_no_others() {
    let files = [(".lg/inner.yaml", NARROW), ("src/a.txt", "a\n")];
    let workspace = workspace(LAYERED, &files);
    workspace.lgflow(&["validate"]).ended(0);
    workspace.lgflow(&["trust"]).ended(0);
    let denied = run(&workspace, 4);
    assert_eq!((&denied["status"], &denied["path"]), (&json!("denied"), &json!(["before", "c", "c/a"])));
    assert_eq!(denied["error"]["node"], "c/a", "{denied}");
    let told = workspace.lgflow(&["run", "-g", ".lg/graph.yaml"]).ended(4);
    assert!((told.stdout + &told.stderr).contains("inner.yaml"), "{denied}");
    let arguments = ["run", "-g", ".lg/graph.yaml", "-i", "file=src/a.txt", "--format", "json"];
    let allowed = workspace.lgflow(&arguments).ended(0).json();
    assert_eq!(allowed["path"], json!(["before", "c", "c/a", "d", "d/free", "d/o", "d/o/b"]));
    let scripted = "results: [{ tool: read_file, output: { content: x } }]";
    cases(
        &workspace,
        &format!(
            "  - {{ name: denied, {scripted}, expect: {{ status: denied, error: {{ node: c/a, kind: denied }}, denied: [{{ node: c/a }}], calls: [{{ node: before }}] }} }}\n  \
             - {{ name: allowed, inputs: {{ file: src/a.txt }}, {scripted}, expect: {{ status: succeeded, calls: [{{ tool: read_file, times: 4 }}] }} }}\n"
        ),
    );
}

#[test]
fn a_plan_shows_whose_calls_a_subgraphs_layer_binds() {
    let graph = LAYERED.replace("default: notes.txt", "default: src/a.txt");
    let asks = NARROW.replace("read_file: allow }", "read_file: ask }");
    let workspace = workspace(&graph, &[(".lg/inner.yaml", &asks), ("src/a.txt", "a\n")]);
    workspace.lgflow(&["trust"]).ended(0);
    let shown = workspace.lgflow(&["plan"]).ended(0).stdout;
    assert!(shown.contains("inner.yaml, for what `c`, `d/o` runs"), "{shown}");
    let plan = workspace.lgflow(&["plan", "--format", "json"]).ended(0).json();
    let verdicts: Vec<(&str, &str)> = plan["verdicts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|call| (call["node"].as_str().unwrap(), call["decision"].as_str().unwrap()))
        .collect();
    assert_eq!(
        verdicts,
        [("before", "allow"), ("c/a", "ask"), ("d/free", "allow"), ("d/o/b", "ask")],
        "{plan}"
    );
    assert_eq!(plan["layers"][1]["within"], json!(["c", "d/o"]), "{plan}");
    // the run asks the same
    let suspended = workspace
        .lgflow(&["run", "-g", ".lg/graph.yaml", "-i", "file=src/a.txt", "--format", "json"])
        .ended(5)
        .json();
    assert_eq!(suspended["waiting"][0]["node"], "c/a", "{suspended}");
}

#[test]
fn a_call_that_a_subgraphs_policy_can_never_allow_is_found_before_the_run() {
    let graph = "graphs: { inner: { policy: [inner.yaml], nodes: { a: { uses: list_files } } } }\nnodes:\n  \
                 b: { uses: list_files }\n  c: { uses: graph, with: { graph: inner } }\nedges: [b -> c]\n";
    let workspace = workspace(graph, &[(".lg/inner.yaml", NARROW)]);
    let found = workspace.lgflow(&["validate"]).ended(3);
    assert!(found.stderr.contains("denied-call") || found.stdout.contains("denied-call"), "{}", found.stderr);
    let text = found.stdout + &found.stderr;
    assert!(text.contains("`c/a` calls `list_files`") && !text.contains("`b` calls"), "{text}");
}

#[test]
fn a_subgraphs_policy_that_is_taken_away_has_to_be_trusted_again() {
    let workspace = workspace(LAYERED, &[(".lg/inner.yaml", NARROW), ("src/a.txt", "a\n")]);
    // a grant that asks for more than a workspace has without trust
    workspace.write(".lg/policy.yaml", format!("{OPEN}commands:\n  - {{ name: c, program: cargo, args: [[test]], sandbox: {{ network: allow }} }}\n"));
    workspace.lgflow(&["trust"]).ended(0);
    let edit = |from: &str, to: &str| {
        let text = workspace.read(".lg/graph.yaml");
        assert!(text.contains(from), "{text}");
        workspace.write(".lg/graph.yaml", text.replacen(from, to, 1));
    };
    edit("name: g", "name: another");
    workspace.lgflow(&["run", "-g", ".lg/graph.yaml", "-i", "file=src/a.txt"]).ended(0);
    edit("inner: { policy: [inner.yaml], ", "inner: { ");
    workspace
        .lgflow(&["run", "-g", ".lg/graph.yaml", "-i", "file=src/a.txt"])
        .ended(4)
        .says("without the ceiling")
        .says("inner.yaml");
}

const SHOWN: &str = "\
nodes:
  q: { uses: approval, with: { show: { call: w }, options: [approve, stop] } }
  w: { uses: apply_patch, with: { changes: [{ op: put, path: a.txt, content: 'x' }] } }
edges: [q -> w]
";

/// Answers the question of a node by the digest of what it shows.
fn answer(workspace: &Workspace, run: &str, node: &str, more: &[&str]) -> Ran {
    let shown = workspace.lgflow(&[&["approve", run, node], more].concat()).ended(2);
    let at = shown.stderr.rfind("--digest ").unwrap_or_else(|| panic!("{}", shown.stderr));
    let digest = |c: &char| c.is_ascii_alphanumeric() || *c == ':';
    let digest: String = shown.stderr[at + 9..].chars().take_while(digest).collect();
    workspace.lgflow(&[&["approve", run, node, "--digest", digest.as_str()], more].concat()).ended(0)
}

#[test]
fn of_the_options_beside_a_shown_call_only_approve_lets_it_pass() {
    let asks = OPEN.replace("apply_patch: allow", "apply_patch: ask");
    for (first, then, code) in [("approve", None, 0), ("stop", None, 5), ("approve", Some("stop"), 5)] {
        let workspace = workspace(SHOWN, &[]);
        workspace.write(".lg/policy.yaml", &asks);
        let id = run(&workspace, 5)["run"].as_str().unwrap().to_owned();
        let said = answer(&workspace, &id, "q", &["--choice", first]);
        let word = if first == "stop" { "q: answered `stop`\n" } else { "q: approved\n" };
        assert!(said.stderr.contains(word), "{}", said.stderr);
        if let Some(then) = then {
            answer(&workspace, &id, "q", &["--choice", then]);
        }
        let resumed = workspace.lgflow(&["runs", "resume", &id, "--format", "json"]).ended(code).json();
        assert_eq!(workspace.path().join("a.txt").exists(), code == 0, "{first}, {then:?}: {resumed}");
        if code == 5 {
            // the policy asks about the call itself, and a yes to that is one
            assert_eq!(resumed["waiting"][0]["node"], "w", "{resumed}");
            answer(&workspace, &id, "w", &[]);
            workspace.lgflow(&["runs", "resume", &id]).ended(0);
            assert_eq!(workspace.read("a.txt"), "x");
        }
    }
    let played = workspace(SHOWN, &[]);
    played.write(".lg/policy.yaml", &asks);
    cases(
        &played,
        "  - { name: approve, results: [{ node: w, output: {} }], answers: [{ node: q, choice: approve }], expect: { status: succeeded, path: [q, w] } }\n  \
         - { name: stop, answers: [{ node: q, choice: stop }], expect: { status: suspended, waiting: [w] } }\n",
    );
}

/// A batch whose calls are computed: the first would write, the second does not fit its tool.
fn batch(second: &str) -> String {
    format!(
        "inputs: {{ calls: {{ type: array, default: [{{ tool: apply_patch, input: {{ changes: [{{ op: put, path: a.txt, content: x }}] }} }}, {second}] }} }}\n\
         nodes: {{ b: {{ uses: batch, with: {{ calls: '{{{{ inputs.calls }}}}', tools: [apply_patch, read_file, list_files], max_calls: 2 }} }}, h: {{ uses: values }} }}\n\
         edges: [{{ from: b, to: h, catch: [invalid_input], when: error.index | default(0) == 1 }}]\n"
    )
}

#[test]
fn computed_calls_of_a_batch_are_all_held_to_their_schemas_before_the_first_is_made() {
    for second in [
        "{ tool: read_file, input: { pth: b } }",
        "{ tool: read_file, input: { path: 3 } }",
        "{ tool: list_files, input: { path: /etc } }",
        "{ tool: list_files, input: { max: -3 } }",
        "{ tool: list_files, input: {}, x: 1 }",
    ] {
        let workspace = workspace(&batch(second), &[]);
        let ran = run(&workspace, 0);
        assert_eq!(ran["path"], json!(["b", "h"]), "{second}: {ran}");
        assert!(!workspace.path().join("a.txt").exists(), "{second}");
        cases(&workspace, "  - { name: c, expect: { path: [b, h], never: [{ node: b }] } }\n");
    }
}

#[test]
fn a_computed_parameter_that_does_not_fit_fails_a_case_as_it_fails_a_run() {
    let nodes = [
        "{ uses: read_file, with: { path: '{{ inputs.x }}' } }",
        "{ uses: list_files, with: { max: '{{ inputs.x }}' } }",
        "{ uses: apply_patch, with: { changes: [{ op: '{{ inputs.x }}', path: a }] } }",
        // what no command can be given is no denial
        "{ uses: exec, with: { argv: [cargo, '{{ inputs.x }}'] } }",
    ];
    for node in nodes {
        let workspace =
            workspace(&format!("inputs: {{ x: {{ default: [1] }} }}\nnodes: {{ a: {node} }}\n"), &[]);
        let ran = run(&workspace, 1);
        assert_eq!(ran["error"]["kind"], "invalid_input", "{node}: {ran}");
        cases(&workspace, "  - { name: c, expect: { status: failed, error: { kind: invalid_input } } }\n");
    }
}

#[test]
fn a_scripted_status_fails_as_it_does_in_a_run() {
    let graph = "nodes:\n  a: { uses: http, with: { url: 'https://api.example.com/x', ok_status: [200, 404] } }\n  \
                 b: { uses: http, with: { url: 'https://api.example.com/x' } }\nedges: [a -> b]\n";
    let workspace = workspace(graph, &[]);
    let open = "schema: lgflow.policy/v1\nname: net\ntools: { http: allow }\nnetwork: [{ origin: 'https://api.example.com:443', methods: [GET] }]\n";
    workspace.write(".lg/policy.yaml", open);
    let case = |name: &str, a: u16, b: u16, expect: &str| {
        format!(
            "  - {{ name: {name}, results: [{{ node: a, output: {{ status: {a} }} }}, {{ node: b, output: {{ status: {b} }} }}], expect: {{ {expect} }} }}\n"
        )
    };
    let first = "  - { name: own, results: [{ node: a, output: { status: 500 } }], expect: { error: { node: a, kind: upstream } } }\n";
    cases(
        &workspace,
        &[
            case("both", 404, 204, "status: succeeded"),
            case("not found", 200, 404, "error: { node: b, kind: not_found, message: 'status 404' }"),
            first.to_owned(),
        ]
        .concat(),
    );
}

#[test]
fn an_answer_without_the_response_that_is_asked_for_is_none() {
    let graph = "nodes: { q: { uses: approval, with: { show: Well?, response: { type: object, required: [n] } } } }\n";
    let workspace = workspace(graph, &[]);
    cases(
        &workspace,
        "  - { name: no, answers: [{ node: q, choice: reject }], expect: { status: failed } }\n",
    );
    let text = "schema: lgflow.test/v1\ngraph: ../graph.yaml\ncases:\n  - { name: yes, answers: [{ node: q, choice: approve }], expect: { status: succeeded } }\n";
    workspace.write(".lg/tests/t.yaml", text);
    let told = workspace.lgflow(&["test"]).ended(1);
    assert!(told.stdout.contains("asks for a `response`"), "{}", told.stdout);
}

#[test]
fn a_patch_that_is_only_looked_at_costs_no_bytes() {
    let graph = "budgets: { patch_bytes: 30 }\nnodes:\n  \
                 dry: { uses: apply_patch, with: { dry_run: true, changes: [{ op: put, path: a.txt, content: 'forty bytes of text, and a few more still' }] } }\n  \
                 real: { uses: apply_patch, with: { changes: [{ op: put, path: a.txt, content: x }] } }\nedges: [dry -> real]\n";
    let workspace = workspace(graph, &[]);
    run(&workspace, 0);
    assert_eq!(workspace.read("a.txt"), "x");
    cases(
        &workspace,
        "  - { name: c, results: [{ tool: apply_patch, output: {} }], expect: { status: succeeded } }\n",
    );
}
