//! Names that are the author's own and names that are not: keys that begin with `x-`, what `run` has, and words that
//! other tools use for what is called otherwise here.

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

/// The findings of a graph, as code and help.
fn findings(graph: &str) -> Vec<(String, String)> {
    let workspace = Workspace::new();
    workspace.write("graph.yaml", graph);
    let document = workspace.lgflow(&["validate", "graph.yaml", "--format", "json"]).json();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let found = document["diagnostics"].as_array().unwrap().iter();
    found.map(|one| (text(&one["code"]), text(&one["help"]))).collect()
}

#[test]
fn an_x_key_is_a_note_where_keys_are_ours_and_data_where_they_are_the_authors() {
    let workspace = Workspace::git();
    workspace.write(
        "graph.yaml",
        "\
schema: lgflow.graph/v1
name: notes
x-owner: somebody
prompts:
  p: { text: \"{{ a }}\", x-note: a prompt }
nodes:
  a:
    uses: values
    x-note: a node
    with: { x-api-key: secret, headers: { x-trace: 1 } }
  b: { uses: render, with: { prompt: p, vars: { a: \"{{ nodes.a.output['x-api-key'] }}\" } } }
edges:
  - { from: a, to: b, x-note: an edge }
outputs:
  all: \"{{ nodes.a.output }}\"
  text: \"{{ nodes.b.output.text }}\"
",
    );
    let run = workspace.lgflow(&["run", "-g", "graph.yaml", "--format", "json"]).ended(0).json();
    let data = json!({"x-api-key": "secret", "headers": {"x-trace": 1}});
    assert_eq!(run["outputs"], json!({"all": data, "text": "secret"}));
    // a note changes nothing: the digest of the plan is that of the graph without it
    let digest = |graph: &str| {
        workspace.write("graph.yaml", graph);
        workspace.lgflow(&["plan", "-g", "graph.yaml", "--format", "json"]).ended(0).json()["digest"].clone()
    };
    let plain = "schema: lgflow.graph/v1\nname: n\nnodes:\n  a: { uses: values, with: { b: 1 } }\n";
    let noted = plain.replace("with:", "x-note: 1, with:") + "x-owner: me\n";
    assert_eq!(digest(plain), digest(&noted));
    assert_ne!(digest(plain), digest(&plain.replace("b: 1", "b: 1, x-note: 1")));
}

#[test]
fn an_expression_cannot_tell_one_run_from_another() {
    let graph = |expression: &str| {
        format!(
            "schema: lgflow.graph/v1\nname: n\nnodes:\n  a: {{ uses: values, with: {{ b: \"{{{{ {expression} }}}}\" }} }}\n"
        )
    };
    for name in ["id", "run", "started", "seq"] {
        let found = findings(&graph(&format!("run.{name}")));
        assert_eq!(found.len(), 1, "run.{name}: {found:?}");
        assert_eq!(found[0].0, "unknown-field", "run.{name}");
    }
    assert_eq!(findings(&graph("run.revision | default('none')")), []);
    assert_eq!(findings(&graph("run.graph_digest")), []);
    for clock in ["now()", "random()", "env('HOME')"] {
        assert_eq!(findings(&graph(clock))[0].0, "unknown-function", "{clock}");
    }
}

#[test]
fn what_happens_after_a_crash_is_called_on_crash() {
    let graph = |modifier: &str| {
        format!("schema: lgflow.graph/v1\nname: n\nnodes:\n  a: {{ uses: exec, with: {{ argv: [true] }}, {modifier} }}\n")
            .replace("[true]", "[\"true\"]")
    };
    for way in ["retry", "fail", "ask"] {
        assert_eq!(findings(&graph(&format!("on_crash: {way}"))), [], "{way}");
    }
    let codes =
        |modifier: &str| findings(&graph(modifier)).into_iter().map(|found| found.0).collect::<Vec<_>>();
    assert_eq!(codes("on_interrupt: retry"), ["unknown-key"]);
    assert_eq!(codes("on_crash: resume"), ["bad-value"]);
}
