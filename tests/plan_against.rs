//! `lgflow plan --against`: two plans beside one another, of files, of written plans, and of git revisions.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod program;

use std::process::Command;

use program::Workspace;
use serde_json::{Value, json};

const GRAPH: &str = "\
schema: lgflow.graph/v1
name: release
policy: [policy.yaml]
budgets: { tool_calls: 10 }
nodes:
  read: { uses: read_file, with: { path: src/a.rs } }
  test: { uses: exec, with: { argv: [cargo, test], ok_exit: any } }
  tell: { uses: values, with: { text: done } }
edges:
  - read -> test
  - { from: test, to: tell, when: 'output.exit_code == 0' }
";
const POLICY: &str = "\
schema: lgflow.policy/v1
name: mine
tools: { read_file: allow, exec: ask }
paths: { read: { allow: ['src/**'] } }
commands:
  - { name: test, program: cargo, args: [[test]] }
";

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

/// A repository whose branch `main` has the graph and the policy.
fn repository() -> Workspace {
    let workspace = Workspace::new();
    git(&workspace, &["init", "-q", "-b", "main"]);
    workspace.write(".lg/graph.yaml", GRAPH).write(".lg/policy.yaml", POLICY).write("src/a.rs", "a");
    git(&workspace, &["add", "-A"]);
    git(&workspace, &["commit", "-qm", "one"]);
    workspace
}

/// The change under review: it asks no more before it runs the tests, and runs another thing as well.
fn changed() -> Workspace {
    let workspace = repository();
    let graph = GRAPH
        .replace("tool_calls: 10", "tool_calls: 20")
        .replace("== 0", "< 2")
        .replace("  tell:", "  look: { uses: read_file, with: { path: src/b.rs } }\n  tell:")
        .replace("  - read -> test\n", "  - read -> look -> test\n");
    workspace.write(".lg/graph.yaml", graph);
    workspace.write(".lg/policy.yaml", POLICY.replace("exec: ask", "exec: allow"));
    workspace
}

#[test]
fn what_a_change_lets_happen_comes_first_and_all_else_is_told_by_its_parts() {
    let workspace = changed();
    let text = workspace.lgflow(&["plan", "--against", "main"]).ended(0).stdout;
    assert!(
        text.starts_with("--- main:.lg/graph.yaml\n+++ .lg/graph.yaml\n\ncalls: 2 calls newly allowed\n"),
        "{text}"
    );
    for line in [
        "  ! look read_file: new, allowed\n",
        "  ! test exec: asks → allowed\n      .lg/policy.yaml:3:28 (tools.exec): `exec` is allowed\n",
        "  + look (read_file)\n",
        "  + read → look\n",
        "  + look → test\n",
        "  - read → test\n",
        "  ~ test → tell\n      ~ when: \"output.exit_code == 0\" → \"output.exit_code < 2\"\n",
        "  ~ budgets.tool_calls: 10 → 20\n",
        "  ~ grant .lg/policy.yaml: says something else\n",
        "schedule: 3 steps → 4 steps\n",
    ] {
        assert!(text.contains(line), "`{line}`: {text}");
    }
    // neither was trusted, and nobody asks for that here
    assert!(!workspace.state().join("trust").exists());
}

#[test]
fn a_job_may_stop_where_more_is_allowed_and_only_there() {
    let workspace = changed();
    workspace.lgflow(&["plan", "--against", "main", "--deny-widening"]).ended(4);
    let document = workspace.lgflow(&["plan", "--against", "main", "--format", "json"]).ended(0).json();
    assert_eq!((&document["widens"], &document["same"]), (&json!(true), &json!(false)));
    assert_eq!(document["calls"][1]["before"]["decision"], "ask");
    git(&workspace, &["commit", "-qam", "two"]);
    let document = workspace.lgflow(&["plan", "--against", "main", "--format", "json"]).ended(0).json();
    assert_eq!((&document["widens"], &document["same"]), (&json!(false), &json!(true)), "{document}");
    workspace.write(".lg/graph.yaml", GRAPH).write(".lg/policy.yaml", POLICY);
    let back = workspace.lgflow(&["plan", "--against", "main", "--deny-widening"]).ended(0).stdout;
    assert!(back.contains("1 call newly denied or asked about, 1 call gone"), "{back}");
}

#[test]
fn a_widening_is_one_also_where_the_verdict_depends_on_values() {
    const OPEN: &str = "\
schema: lgflow.graph/v1
name: release
policy: [policy.yaml]
inputs: { f: { type: string } }
nodes:
  read: { uses: read_file, with: { path: '{{ inputs.f }}' } }
";
    let workspace = Workspace::new();
    git(&workspace, &["init", "-q", "-b", "main"]);
    let denies = POLICY.replace("allow: ['src/**']", "allow: ['**'], deny: ['secret/**']");
    workspace.write(".lg/graph.yaml", OPEN).write(".lg/policy.yaml", denies);
    git(&workspace, &["add", "-A"]);
    git(&workspace, &["commit", "-qm", "one"]);
    let against = ["plan", "--against", "main", "--deny-widening"];
    let same = workspace.lgflow(&against).ended(0).stdout;
    assert!(same.ends_with("the plans mean the same\n"), "{same}");
    let edits = [
        (".lg/policy.yaml", POLICY.replace("'src/**'", "'**'"), "its policy is another"),
        (
            ".lg/graph.yaml",
            OPEN.replace("'{{ inputs.f }}'", "'x/{{ inputs.f }}'"),
            "its parameters are others",
        ),
        (".lg/graph.yaml", OPEN.replace("type: string", "enum: [a, b]"), "made from something else"),
    ];
    for (file, edit, why) in edits {
        workspace.write(file, edit);
        let text = workspace.lgflow(&against).ended(4).stdout;
        assert!(
            text.contains("calls: 1 call that may do more with some values\n  ! read read_file: "),
            "{text}"
        );
        assert!(text.contains(why), "{why}: {text}");
        git(&workspace, &["checkout", "-q", "."]);
    }
    // a literal becomes a template: what it may come to was not there before
    workspace.write(".lg/graph.yaml", OPEN.replace("'{{ inputs.f }}'", "a"));
    git(&workspace, &["commit", "-qam", "two"]);
    workspace.write(".lg/graph.yaml", OPEN);
    let text = workspace.lgflow(&against).ended(4).stdout;
    assert!(text.contains("allowed → allowed, or less: depends on `inputs.f`"), "{text}");
}

#[test]
fn another_file_and_a_written_plan_are_compared_as_well() {
    let workspace = repository();
    workspace.lgflow(&["plan", "--trust", "-o", "plan.json"]).ended(0);
    let same = workspace.lgflow(&["plan", "--against", "plan.json"]).ended(0).stdout;
    assert!(same.ends_with("the plans mean the same\n"), "{same}");
    let edited = GRAPH.replace("[cargo, test]", "[cargo, test, '--all']");
    workspace.write(".lg/other.yaml", edited);
    let text = workspace.lgflow(&["plan", "-g", ".lg/other.yaml", "--against", "plan.json"]).ended(0).stdout;
    assert!(
        text.contains(
            "  ~ test (exec)\n      ~ with.argv: [\"cargo\",\"test\"] → [\"cargo\",\"test\",\"--all\"]\n"
        ),
        "{text}"
    );
    let text = workspace.lgflow(&["plan", "--against", ".lg/other.yaml"]).ended(0).stdout;
    assert!(text.starts_with("--- .lg/other.yaml\n+++ .lg/graph.yaml\n"), "{text}");
    // the same graph of the revision, by its path beneath `.lg`
    let text = workspace.lgflow(&["plan", "-g", ".lg/graph.yaml", "--against", "main"]).ended(0).stdout;
    assert!(text.starts_with("--- main:.lg/graph.yaml\n") && text.ends_with("mean the same\n"), "{text}");
}

#[test]
fn the_work_tree_has_no_say_in_what_a_revision_is() {
    let workspace = changed();
    let before = workspace.lgflow(&["plan", "--against", "HEAD", "--format", "json"]).ended(0).json();
    workspace
        .write(".lg/config.toml", "graph = 'other.yaml'\n")
        .write(".lg/other.yaml", GRAPH.replace("release", "other"));
    let after = workspace.lgflow(&["plan", "--against", "HEAD", "--format", "json"]).ended(0).json();
    assert_eq!(before["before"], after["before"]);
    assert_eq!(after["after"]["graph"], "other");
}

#[test]
fn what_cannot_be_compared_says_why_and_what_to_do() {
    let workspace = repository();
    let wrong = |arguments: &[&str], code: i32, says: &[&str]| {
        let ran = workspace.lgflow(&[&["plan"], arguments].concat()).ended(code);
        for text in says {
            assert!(
                ran.stderr.contains(text) || ran.stdout.contains(text),
                "`{text}`: {}{}",
                ran.stdout,
                ran.stderr
            );
        }
    };
    wrong(&["--against", "no-such"], 2, &["`no-such`", "name a graph file, or a plan"]);
    wrong(&["--against", "main", "-i", "a=b"], 2, &["leave the inputs out"]);
    wrong(&["--deny-widening"], 2, &["--against"]);
    wrong(&["--against", "main", "-o", "x.json"], 2, &["cannot be used with"]);
    workspace.write("elsewhere.yaml", GRAPH.replace("policy: [policy.yaml]\n", ""));
    wrong(&["-g", "elsewhere.yaml", "--against", "main"], 2, &["not beneath `.lg`", "lgflow plan -g"]);
    workspace.write("plan.json", "{\"schema\": \"lgflow.plan/v1\", \"graph\": \"g\"}");
    wrong(&["--against", "plan.json"], 2, &["it has no `binds`"]);
    workspace.write("broken.yaml", "schema: lgflow.graph/v1\nname: x\nnodes:\n  a: { uses: exce }\n");
    wrong(&["--against", "broken.yaml"], 3, &["broken.yaml:4", "`exce`"]);
    workspace.write(".lg/graph.yaml", "schema: lgflow.graph/v1\nname: x\nnodes: 1\n");
    git(&workspace, &["commit", "-qam", "broken"]);
    workspace.write(".lg/graph.yaml", GRAPH);
    wrong(&["--against", "main"], 3, &["main:.lg/graph.yaml"]);
    git(&workspace, &["rm", "-q", "-r", "-f", ".lg"]);
    git(&workspace, &["commit", "-qm", "none"]);
    workspace.write(".lg/graph.yaml", GRAPH).write(".lg/policy.yaml", POLICY);
    wrong(&["--against", "main"], 2, &["`.lg`", "main"]);
}

#[test]
fn nothing_of_a_graph_deceives_who_reads_it() {
    let workspace = repository();
    workspace.write(
        ".lg/graph.yaml",
        GRAPH.replace("text: done", "text: \"\\e[2J\\u202ewide\"").replace("== 0", "== 9"),
    );
    let text = workspace.lgflow(&["plan", "--against", "main"]).ended(0).stdout;
    assert!(text.contains("\\u{1b}[2J\\u{202e}wide"), "{text}");
    let bad: Vec<char> = text.chars().filter(|&c| c != '\n' && lgflow::view::is_unsafe_to_show(c)).collect();
    assert!(bad.is_empty(), "{bad:?}");
}

#[test]
fn the_document_satisfies_its_schema() {
    let workspace = changed();
    let schema: Value = workspace.lgflow(&["schema", "plan-diff"]).ended(0).json();
    let schema = jsonschema::validator_for(&schema).unwrap();
    for against in ["main", ".lg/graph.yaml"] {
        let document = workspace.lgflow(&["plan", "--against", against, "--format", "json"]).ended(0).json();
        let found: Vec<String> = schema.iter_errors(&document).map(|error| error.to_string()).collect();
        assert!(found.is_empty(), "{found:?}");
    }
}

#[test]
fn what_is_shown_is_what_was_written() {
    let workspace = Workspace::git();
    let text = |value: &str, kinds: &str| {
        format!(
            "schema: lgflow.graph/v1\nname: g\ninputs: {{ f: {{ type: string, default: x }} }}\nnodes:\n  a: {{ uses: exec, with: {{ argv: [make, '{{{{ inputs.f }}}}'] }} }}\n  b: {{ uses: values, with: {{ v: '{{{{ {value} }}}}' }} }}\nedges: [{{ from: a, to: b, catch: [{kinds}] }}]\n"
        )
    };
    workspace.write("old.yaml", text("inputs.f | upper", "exit"));
    workspace.write("new.yaml", text("inputs.f", "denied, any"));
    let told = workspace.lgflow(&["plan", "-g", "new.yaml", "--against", "old.yaml"]).ended(0).stdout;
    for line in [
        "with.v: \"{{ inputs.f | upper }}\" → \"{{ inputs.f }}\"",
        "catch: [\"exit\"] → [\"any\",\"denied\"]",
    ] {
        assert!(told.contains(line), "{line}:\n{told}");
    }
    for form in ["text", "mermaid", "dot", "svg", "html"] {
        let drawn = workspace.lgflow(&["export", "new.yaml", "--to", form]).ended(0).stdout;
        assert!(drawn.contains("any, denied") && !drawn.contains("not_found"), "{form}:\n{drawn}");
        assert!(!drawn.contains("{{ {{"), "{form}");
    }
}

#[test]
fn a_call_in_a_subgraph_may_do_more_only_where_what_its_values_are_made_from_is_another() {
    const DEEP: &str = "\
schema: lgflow.graph/v1
name: g
policy: [policy.yaml]
inputs: { f: { type: string }, g: { type: string } }
state: { c: { type: string, default: a, reduce: replace } }
graphs:
  outer:
    inputs: { p: { type: string }, q: { type: string } }
    graphs:
      inner:
        inputs: { path: { type: string }, beside: { type: string } }
        nodes:
          n: { uses: values, with: { at: '{{ inputs.path }}', k: 1 } }
          apart: { uses: values, with: { at: '{{ inputs.beside }}' } }
          read: { uses: read_file, with: { path: '{{ nodes.n.output.at }}' } }
        edges: [n -> read, n -> apart]
    nodes:
      call: { uses: graph, with: { graph: inner, inputs: { path: '{{ inputs.p }}', beside: '{{ inputs.q }}' } } }
nodes:
  v: { uses: values, with: { k: 3, at: x }, update: { c: '{{ inputs.f }}' } }
  w: { uses: values, with: { k: 4 }, retry: { attempts: 2 } }
  m: { uses: graph, with: { graph: outer, inputs: { p: '{{ state.c }}', q: '{{ inputs.g }}' } } }
edges: [v -> m, w -> m]
";
    let workspace = Workspace::git();
    let policy = POLICY.replace("allow: ['src/**']", "allow: ['**'], deny: ['secret/**']");
    workspace.write("old.yaml", DEEP).write("policy.yaml", policy);
    let told = |from: &str, to: &str| {
        assert!(DEEP.contains(from), "{from}");
        workspace.write("new.yaml", DEEP.replace(from, to));
        let text = workspace.lgflow(&["plan", "-g", "new.yaml", "--against", "old.yaml"]).ended(0).stdout;
        assert!(!text.contains("mean the same"), "{text}");
        text.contains("its values are made from something else")
    };
    for (from, to) in [
        ("k: 4", "k: 5"),
        ("attempts: 2", "attempts: 3"),
        ("q: '{{ inputs.g }}'", "q: '{{ inputs.f }}'"),
        ("beside: '{{ inputs.q }}'", "beside: '{{ inputs.p }}'"),
        ("at: '{{ inputs.beside }}'", "at: 'x{{ inputs.beside }}'"),
        ("g: { type: string } }", "g: { type: string, default: x } }"),
        (
            "edges: [v -> m, w -> m]",
            "  f: { uses: fail, with: { message: no } }\nedges: [v -> m, w -> m, { from: m, to: f, catch: [any] }]",
        ),
    ] {
        assert!(!told(from, to), "{from} is none of them");
    }
    for (from, to) in [
        ("at: '{{ inputs.path }}'", "at: 'x{{ inputs.path }}'"),
        ("path: '{{ inputs.p }}'", "path: 'x{{ inputs.p }}'"),
        ("p: '{{ state.c }}'", "p: 'x{{ state.c }}'"),
        ("c: '{{ inputs.f }}'", "c: 'x{{ inputs.f }}'"),
        ("f: { type: string }, g", "f: { type: string, default: x }, g"),
        ("default: a", "default: b"),
        ("path: { type: string }", "path: { type: string, minLength: 1 }"),
    ] {
        assert!(told(from, to), "{from} is one of them");
    }
}
