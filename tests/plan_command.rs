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

#[test]
fn inputs_that_are_given_decide_also_within_subgraphs() {
    let workspace = workspace();
    workspace.write(
        "given.yaml",
        "\
schema: lgflow.graph/v1
name: given
policy: [policy.yaml]
inputs: { file: { type: string }, folder: { type: string, default: src } }
graphs:
  inner:
    inputs: { file: { type: string }, other: { type: string, default: secret/b } }
    nodes:
      one: { uses: read_file, with: { path: '{{ inputs.file }}' } }
      two: { uses: read_file, with: { path: '{{ inputs.other }}' } }
nodes:
  chosen: { uses: read_file, with: { path: '{{ inputs.folder }}/{{ inputs.file }}' } }
  seen: { uses: read_file, with: { path: '{{ inputs.file }}' } }
  sub: { uses: graph, with: { graph: inner, inputs: { file: '{{ inputs.file }}' } } }
  later: { uses: read_file, with: { path: '{{ nodes.chosen.output.content }}' } }
  several:
    uses: batch
    with: { calls: [{ tool: read_file, input: { path: '{{ inputs.file }}' } }], tools: [read_file], max_calls: 1 }
edges:
  - chosen -> seen -> later
  - { from: sub, to: several, catch: [denied] }
",
    );
    let plan = |arguments: &[&str]| {
        let whole = [&["plan", "-g", "given.yaml", "--format", "json"], arguments].concat();
        workspace.lgflow(&whole).ended(0).json()
    };
    let table = [
        ("chosen", "allow", json!([]), "allow", json!(["inputs.file", "inputs.folder"])),
        ("seen", "deny", json!([]), "allow", json!(["inputs.file"])),
        ("sub/one", "deny", json!([]), "allow", json!(["inputs.file"])),
        ("sub/two", "deny", json!([]), "deny", json!([])),
        ("later", "allow", json!(["nodes.chosen"]), "allow", json!(["nodes.chosen"])),
        ("several", "deny", json!([]), "allow", json!(["inputs.file"])),
    ];
    let (given, open) = (plan(&["-i", "file=secret/key"]), plan(&[]));
    for (node, decision, depends_on, open_decision, open_on) in table {
        let (one, other) = (verdict(&given, node), verdict(&open, node));
        assert_eq!((&one["decision"], &one["depends_on"]), (&json!(decision), &depends_on), "{node}");
        assert_eq!((&other["decision"], &other["depends_on"]), (&json!(open_decision), &open_on), "{node}");
    }
    assert_eq!(verdict(&given, "chosen")["input"], json!({ "object": { "path": "text" } }));
}

#[test]
fn what_may_run_at_once_is_told_by_sides_and_what_excludes_each_other_is_not() {
    let workspace = workspace();
    let names = |name: &str| (0..95).map(|at| format!("{name}{at}")).collect::<Vec<_>>();
    let rows = |name: &str| {
        names(name).iter().map(|name| format!("  {name}: {{ uses: values }}")).collect::<Vec<_>>().join("\n")
    };
    let chain = |name: &str| format!("  - start -> {}\n", names(name).join(" -> "));
    let graph = format!(
        "\
schema: lgflow.graph/v1
name: beside
inputs: {{ fast: {{ type: boolean, default: false }} }}
graphs:
  inner:
    nodes: {{ x: {{ uses: values }}, y: {{ uses: values }}, z: {{ uses: values }} }}
    edges: [x -> y, x -> z]
nodes:
  start: {{ uses: values }}
  short: {{ uses: values }}
  long: {{ uses: values }}
  again: {{ uses: values }}
  after: {{ uses: values }}
  sub: {{ uses: graph, with: {{ graph: inner }} }}
{}
{}
edges:
  - {{ from: start, to: short, when: inputs.fast }}
  - {{ from: start, to: long, when: not inputs.fast }}
  - long -> again
  - {{ from: again, to: long, when: loops.long.iteration < 2, loop: {{ max: 3 }} }}
  - again -> after
  - start -> sub
{}{}",
        rows("a"),
        rows("b"),
        chain("a"),
        chain("b"),
    );
    workspace.write("beside.yaml", &graph);
    let plan = workspace.lgflow(&["plan", "-g", "beside.yaml", "--format", "json"]).ended(0).json();
    // the branches stand on one side, and so does all of a chain
    let expected = json!([
        [["short", "long", "again", "after"], ["sub"], names("a"), names("b")],
        [["sub/y"], ["sub/z"]],
    ]);
    assert_eq!(plan["at_once"], expected);
    let text = workspace.lgflow(&["plan", "-g", "beside.yaml"]).ended(0).stdout;
    let line = "  short, long, again, after | sub | a0, a1, a2, a3, a4, a5, a6 and 88 more | b0, b1";
    assert!(text.contains(line) && text.contains("\n  sub/y | sub/z\n"), "{text}");
}

#[test]
fn what_bounds_a_subgraph_what_runs_after_a_loop_and_what_is_not_applied_is_told() {
    let workspace = workspace();
    workspace.write(
        "bounds.yaml",
        "\
schema: lgflow.graph/v1
name: bounds
policy: [open.yaml]
budgets: { wall: 1h30m, grace: 90s }
graphs:
  inner:
    budgets: { wall: 5m, tool_calls: 2 }
    concurrency: { groups: { build: 1 } }
    nodes: { x: { uses: exec, with: { argv: [make, x] } } }
    outputs: { change: '{{ nodes.x.output.patch }}' }
nodes:
  h: { uses: values }
  change: { uses: exec, with: { argv: [make, it] } }
  test: { uses: exec, with: { argv: [make, test], ok_exit: any } }
  note: { uses: values }
  own: { uses: exec, with: { argv: [make, own] }, update: { patches: '{{ output.patch }}' } }
  each: { uses: exec, with: { argv: [make, '{{ it }}'] }, for_each: { in: \"['all']\", as: it } }
  sub: { uses: graph, with: { graph: inner } }
  apply: { uses: apply_patch, with: { patch: '{{ nodes.change.output.patch }}' } }
state: { patches: { type: array, reduce: append } }
edges:
  - h -> change -> apply -> test
  - h -> note
  - { from: test, to: h, when: output.exit_code != 0, loop: { max: 2 } }
  - { from: test, to: own, otherwise: true }
  - { from: own, to: each, always: true }
  - { from: each, to: sub, when: 'output[0].exit_code == 0' }
",
    );
    workspace.write(
        "open.yaml",
        "schema: lgflow.policy/v1\nname: open\ntools: { exec: allow, apply_patch: allow }\npaths: { read: { allow: ['**'] }, write: { allow: ['**'] } }\ncommands:\n  - { name: make, program: make, args: [['...']] }\n",
    );
    let text = workspace.lgflow(&["plan", "-g", "bounds.yaml", "--trust"]).ended(0).stdout;
    for line in [
        "\nbudgets: wall 1h30m, calls at once 8, grace for `always` paths 1m30s\n",
        "budgets: wall 5m, tool calls 2, group build 1 at once\n",
        "note      values, once, when the loop h is over\n",
    ] {
        assert!(text.contains(line), "`{line}`: {text}");
    }
    let plan =
        workspace.lgflow(&["plan", "-g", "bounds.yaml", "--trust", "--format", "json"]).ended(0).json();
    let unapplied: Vec<&str> = plan["verdicts"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|call| call["unapplied"] == true)
        .map(|call| call["node"].as_str().unwrap())
        .collect();
    assert_eq!(unapplied, ["test", "each"], "{text}");
    assert_eq!(
        text.matches("what it changes is not applied: nothing takes its `patch`").count(),
        2,
        "{text}"
    );
}

#[test]
fn every_way_to_a_node_is_told_and_a_loop_edge_counts_iterations() {
    let workspace = workspace();
    let graph = "\
schema: lgflow.graph/v1
name: ways
nodes:
  a: { uses: read_file, with: { path: a.txt } }
  b: { uses: values }
  once: { uses: values }
edges:
  - a -> b
  - { from: a, to: b, catch: [not_found] }
  - { from: b, to: a, when: \"nodes.a.status == 'failed'\", loop: { max: 3 } }
  - { from: b, to: once, otherwise: true }
";
    workspace.write("ways.yaml", graph);
    let text = workspace.lgflow(&["plan", "-g", "ways.yaml"]).ended(0).stdout;
    assert!(text.contains("  values, after a; a catch not_found\n"), "{text}");
    let bounded = graph.replace("max: 3", "max: 3, delay: 1s, exhausted: leave");
    workspace.write("ways.yaml", &bounded);
    let text = workspace.lgflow(&["plan", "-g", "ways.yaml"]).ended(0).stdout;
    let said = "loop a: at most 3 iterations, delay 1s, exhausted: leave, from b\n";
    assert!(text.contains(said), "{text}");
    for form in ["mermaid", "dot", "svg", "html", "text"] {
        let drawn = workspace.lgflow(&["export", "ways.yaml", "--to", form]).ended(0).stdout;
        assert!(drawn.contains("delay 1s") && drawn.contains("exhausted"), "{form}: {drawn}");
    }
    for (max, label) in [("3", "again, 3 iterations at most"), ("1", "never again: 1 iteration at most")] {
        workspace.write("ways.yaml", graph.replace("max: 3", &format!("max: {max}")));
        for form in ["text", "mermaid", "dot", "svg"] {
            let drawn = workspace.lgflow(&["export", "ways.yaml", "--to", form]).ended(0).stdout;
            assert!(drawn.contains(label) || form == "text", "{form}: {drawn}");
            assert!(!drawn.contains("times at most"), "{form}: {drawn}");
        }
    }
}

#[test]
fn a_call_that_is_refused_whatever_comes_is_told_and_is_an_error_where_warnings_are() {
    let workspace = workspace();
    let ran = workspace.lgflow(&["plan", "-g", "graph.yaml"]).ended(0).says("denied-call");
    assert!(ran.stderr.contains("`closed` calls `read_file`"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("`chosen` calls"), "{}", ran.stderr);
    let ran = workspace.lgflow(&["plan", "-g", "graph.yaml", "--deny-warnings"]).ended(3);
    assert!(ran.stderr.contains("denied-call") && ran.stdout.is_empty(), "{}\n{}", ran.stdout, ran.stderr);
}
