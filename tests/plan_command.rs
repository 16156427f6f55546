//! `lgflow plan`: the order, the verdicts and the layers of a run that is not begun.

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

const POLICY: &str = "\
schema: lgflow.policy/v1
name: mine
tools: { read_file: allow, list_files: ask, apply_patch: allow }
paths: { read: { allow: ['**'], deny: ['secret/**'] }, write: { allow: ['src/**'] } }
";

const GRAPH: &str = "\
schema: lgflow.graph/v1
name: verdicts
policy: [policy.yaml]
inputs: { file: { type: string, default: a.txt } }
nodes:
  list: { uses: list_files, with: { path: . } }
  open: { uses: read_file, with: { path: src/a.rs } }
  closed: { uses: read_file, with: { path: secret/key } }
  chosen: { uses: read_file, with: { path: '{{ inputs.file }}' } }
  sized: { uses: read_file, with: { path: src/b.rs, encoding: '{{ inputs.file }}' } }
  shell: { uses: exec, with: { argv: ['{{ inputs.file }}'] } }
  last: { uses: values, with: { done: true } }
edges:
  - list -> open
  - list -> closed
  - list -> chosen
  - list -> sized
  - list -> shell
  - open -> last
  - closed -> last
";

fn workspace() -> Workspace {
    let workspace = Workspace::git();
    workspace.write("policy.yaml", POLICY).write("graph.yaml", GRAPH);
    workspace
}

fn verdict<'a>(plan: &'a Value, node: &str) -> &'a Value {
    let verdicts = plan["verdicts"].as_array().unwrap();
    verdicts.iter().find(|verdict| verdict["node"] == node).unwrap_or_else(|| panic!("{node}: {plan}"))
}

#[test]
fn literal_calls_have_exact_verdicts_and_the_rest_says_what_it_depends_on() {
    let plan = workspace().lgflow(&["plan", "-g", "graph.yaml", "--format", "json"]).ended(0).json();
    assert_eq!(plan["schema"], "lgflow.plan/v1");
    let table = [
        ("list", "ask", json!([])),
        ("open", "allow", json!([])),
        ("closed", "deny", json!([])),
        ("chosen", "allow", json!(["inputs.file"])),
        ("sized", "allow", json!([])),
        // a tool that no rule allows is denied whatever it is asked
        ("shell", "deny", json!([])),
    ];
    for (node, decision, depends_on) in table {
        let verdict = verdict(&plan, node);
        assert_eq!((&verdict["decision"], &verdict["depends_on"]), (&json!(decision), &depends_on), "{node}");
    }
    let closed = verdict(&plan, "closed");
    assert_eq!((&closed["rule"]["file"], &closed["rule"]["line"]), (&json!("policy.yaml"), &json!(4)));
}

#[test]
fn what_waits_for_none_of_each_other_is_one_step_and_a_loop_is_left_as_a_whole() {
    let workspace = workspace();
    let plan = workspace.lgflow(&["plan", "-g", "graph.yaml", "--format", "json"]).ended(0).json();
    assert_eq!(plan["steps"], json!([["list"], ["open", "closed", "chosen", "sized", "shell"], ["last"]]));
    workspace.write(
        "loop.yaml",
        "\
schema: lgflow.graph/v1
name: turns
nodes:
  a: { uses: values, with: { n: 1 } }
  b: { uses: values, with: { n: 2 } }
  c: { uses: values, with: { n: 3 } }
edges:
  - a -> b
  - { from: b, to: a, when: 'loops.a.iteration < 1', loop: { max: 3 } }
  - { from: a, to: c, when: 'output.n == 2' }
",
    );
    let ran = workspace.lgflow(&["plan", "-g", "loop.yaml"]).ended(0);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    let line = |text: &str| {
        lines.iter().position(|line| line.contains(text)).unwrap_or_else(|| panic!("{text}: {lines:#?}"))
    };
    assert!(line("loop a: at most 3 iterations") < line("     1    a"), "{lines:#?}");
    assert!(line("     2    b") < line("     3  c"), "{lines:#?}");
}

#[test]
fn what_leads_to_a_node_is_told_and_a_subgraph_has_its_own_steps() {
    let workspace = workspace();
    workspace.write(
        "sub.yaml",
        "\
schema: lgflow.graph/v1
name: outer
graphs:
  inner:
    nodes: { x: { uses: exec, with: { argv: [x] } }, y: { uses: exec, with: { argv: [y] } } }
    edges: [x -> y]
nodes:
  a: { uses: exec, with: { argv: [a] } }
  sub: { uses: graph, with: { graph: inner } }
  rescue: { uses: exec, with: { argv: [r] } }
  tidy: { uses: exec, with: { argv: [t] } }
edges:
  - a -> sub
  - { from: a, to: rescue, catch: [timeout, exit] }
  - { from: sub, to: tidy, always: true }
",
    );
    let text = workspace.lgflow(&["plan", "-g", "sub.yaml"]).ended(0).stdout;
    for line in [
        "     2  sub     graph\n   2.1    x     exec\n   2.2    y     exec\n",
        "     2  rescue  exec, after a catch exit, timeout\n",
        "     3  tidy    exec, after sub always\n",
    ] {
        assert!(text.contains(line), "`{line}`: {text}");
    }
}

#[test]
fn it_shows_the_layers_and_what_does_not_protect_and_leaves_no_trace() {
    let workspace = workspace();
    let ran = workspace.lgflow(&["plan", "-g", "graph.yaml"]).ended(0);
    for text in ["1. grant", "policy.yaml", "2. ceiling  builtin:contained", "not trusted", "\nsandbox: "] {
        assert!(ran.stdout.contains(text), "`{text}`: {}", ran.stdout);
    }
    assert!(ran.stdout.contains("chosen read_file: depends on `inputs.file`"), "{}", ran.stdout);
    assert!(!workspace.state().exists(), "planning wrote state");
}

#[test]
fn a_run_that_would_be_refused_is_refused_here_too() {
    let workspace = Workspace::git();
    workspace.write(".lg/policy.yaml", format!("{POLICY}secrets: {{ TOKEN: allow }}\n"));
    workspace.write(".lg/graph.yaml", GRAPH);
    let ran = workspace.lgflow(&["plan"]).ended(4).says("the secret `TOKEN`").says("`lgflow trust`");
    assert!(ran.stdout.contains("list list_files"), "{}", ran.stdout);
    let plan = workspace.lgflow(&["plan", "--format", "json"]).ended(4).json();
    assert!(plan["refusal"].as_str().unwrap().contains("policy.yaml:5"), "{plan}");
    assert_eq!(plan["trusted"], false);
    workspace.lgflow(&["trust"]).ended(0);
    let plan = workspace.lgflow(&["plan", "--format", "json"]).ended(0).json();
    assert_eq!((&plan["refusal"], &plan["trusted"]), (&Value::Null, &json!(true)));
    assert_eq!(workspace.lgflow(&["plan", "--trust", "--format", "json"]).ended(0).json()["trusted"], true);
}

#[test]
fn the_document_satisfies_its_schema() {
    let workspace = workspace();
    let schema: Value = workspace.lgflow(&["schema", "plan"]).ended(0).json();
    let schema = jsonschema::validator_for(&schema).unwrap();
    for graph in [&["plan", "--format", "json"][..], &["plan", "-g", "graph.yaml", "--format", "json"]] {
        let plan = workspace.lgflow(graph).ended(0).json();
        let found: Vec<String> = schema.iter_errors(&plan).map(|error| error.to_string()).collect();
        assert!(found.is_empty(), "{found:?}");
    }
}
