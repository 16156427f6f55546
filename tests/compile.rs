//! Whole files through the one path that every command takes: what is found, and what the plan is.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use lgflow::compile::{Checked, CheckedRoot, FileRef, LoadProblem, Loaded, Root, check_files};
use lgflow::diag::Diagnostics;
use lgflow::files::RelPath;
use lgflow::plan::Plan;
use lgflow::source::Sources;

/// A project in memory: files by path.
struct Project {
    files: BTreeMap<String, String>,
}

struct Outcome {
    checked: Checked,
    sources: Sources,
    diagnostics: Diagnostics,
}

impl Project {
    fn of(files: &[(&str, &str)]) -> Self {
        Self { files: files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect() }
    }

    fn check(&self, roots: &[&str]) -> Outcome {
        let (mut sources, mut diagnostics) = (Sources::default(), Diagnostics::default());
        let roots = roots
            .iter()
            .map(|path| Root {
                path: RelPath::parse(path).unwrap(),
                name: (*path).to_owned(),
                bytes: self.files[*path].clone().into_bytes(),
            })
            .collect();
        let mut load = |file: &FileRef| {
            let text = self
                .files
                .get(file.path.as_str())
                .ok_or_else(|| LoadProblem::new(format!("`{}` does not exist", file.path)))?;
            Ok(Loaded { name: file.path.to_string(), bytes: text.clone().into_bytes() })
        };
        let checked = check_files(roots, &mut load, &mut sources, &mut diagnostics);
        Outcome { checked, sources, diagnostics }
    }
}

impl Outcome {
    /// `line:column code: message` of each finding.
    fn report(&self) -> Vec<String> {
        let line = |found: &lgflow::diag::Diagnostic| {
            let file = self.sources.get(found.span().file);
            let at = file.position(found.span().start);
            format!("{}:{}:{} {}: {}", file.name(), at.line, at.column, found.code, found.message)
        };
        self.diagnostics.iter().map(line).collect()
    }

    fn plan(&self) -> Arc<Plan> {
        match &self.checked.roots[0] {
            CheckedRoot::Graph(plan) => plan.clone(),
            other => panic!("no plan but {other:?}: {:#?}", self.report()),
        }
    }
}

fn graph(body: &str) -> Outcome {
    let text = format!("schema: lgflow.graph/v1\nname: g\n{body}");
    Project::of(&[("g.yaml", &text)]).check(&["g.yaml"])
}

fn ids(plan: &Plan) -> Vec<&str> {
    plan.order.iter().map(|&at| plan.node(at).id.as_str()).collect()
}

#[test]
fn the_whole_example_compiles() {
    let read = |path: &str| std::fs::read_to_string(format!("tests/ok/{path}")).unwrap();
    let names = ["fix_tests.yaml", "policies/grant.yaml", "prompts/planner.md", "schemas/plan.json"];
    let texts: Vec<(&str, String)> = names.iter().map(|name| (*name, read(name))).collect();
    let files: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let outcome = Project::of(&files).check(&["fix_tests.yaml"]);
    assert_eq!(outcome.report(), [] as [String; 0]);
    let plan = outcome.plan();
    assert_eq!(ids(&plan), ["files", "plan", "apply", "test", "report", "undo", "give_up"]);
    assert_eq!(plan.loops.len(), 1);
    let body: Vec<&str> = plan.loops[0].body.iter().map(|&at| plan.node(at).id.as_str()).collect();
    assert_eq!(body, ["plan", "apply", "test"]);
}

const YAML: &str = "schema: lgflow.graph/v1
name: g
inputs: { request: { type: string, default: hello } }
prompts: { p: { text: \"{{ what }}\" } }
nodes:
  a: { uses: values, with: { x: \"{{ inputs.request }}\", y: [1, 2.5, true] } }
  b: { uses: llm, with: { model: default, prompt: p, vars: { what: \"{{ nodes.a.output.x }}\" } }, timeout: 90s }
edges:
  - a -> b
outputs: { text: \"{{ nodes.b.output.text }}\" }
";

fn digest(path: &str, text: &str) -> String {
    Project::of(&[(path, text)]).check(&[path]).plan().digest.to_string()
}

#[test]
fn the_digest_ignores_spelling() {
    let toml = "# the same in TOML
name = 'g'
schema = 'lgflow.graph/v1'
edges = [{ to = 'b', from = 'a' }]
[nodes.b]
timeout = '1m30s'
uses = 'llm'
with = { vars = { what = '{{ nodes.a.output.x }}' }, prompt = 'p', model = 'default' }
[nodes.a]
description = 'says what it was asked for'
with = { y = [1, 2.5, true], x = '{{ inputs.request }}' }
uses = 'values'
[prompts.p]
text = '{{ what }}'
[inputs.request]
default = 'hello'
type = 'string'
[outputs]
text = '{{ nodes.b.output.text }}'
";
    let value: serde_json::Value = serde_json::json!({
        "schema": "lgflow.graph/v1", "name": "g",
        "inputs": { "request": { "type": "string", "default": "hello" } },
        "prompts": { "p": { "text": "{{ what }}" } },
        "nodes": {
            "a": { "uses": "values", "with": { "x": "{{ inputs.request }}", "y": [1, 2.5, true] } },
            "b": {
                "uses": "llm", "timeout": "90s",
                "with": { "model": "default", "prompt": "p", "vars": { "what": "{{ nodes.a.output.x }}" } }
            },
        },
        "edges": ["a -> b"],
        "outputs": { "text": "{{ nodes.b.output.text }}" },
    });
    let wanted = digest("g.yaml", YAML);
    assert_eq!(digest("g.toml", toml), wanted);
    assert_eq!(digest("g.json", &serde_json::to_string_pretty(&value).unwrap()), wanted);
    assert_eq!(digest("g.json", &value.to_string()), wanted);
}

#[test]
fn every_change_of_meaning_changes_the_digest() {
    // what may be missing on the one way has to be told also where it is not
    let guarded = YAML
        .replace(".output.x }}", ".output.x | default('') }}")
        .replace(".text }}", ".text | default('') }}");
    let on = |way: &str| digest("g.yaml", &guarded.replacen("- a -> b", way, 1));
    let plain = on("- a -> b");
    for way in ["- { from: a, to: b, always: true }", "- { from: a, to: b, when: \"nodes.a.output.y[2]\" }"] {
        assert_ne!(plain, on(way));
    }
    let changes = [
        ("name: g", "name: h"),
        ("default: hello", "default: hullo"),
        ("type: string, default", "type: string, minLength: 1, default"),
        ("text: \"{{ what }}\"", "text: \"{{ what }}!\""),
        ("2.5", "2.6"),
        ("true]", "false]"),
        ("timeout: 90s", "timeout: 91s"),
        ("{ uses: values, with", "{ uses: values, join: all, with"),
        ("{ text: \"{{ nodes.b.output.text }}\" }", "{ texts: \"{{ nodes.b.output.text }}\" }"),
        ("edges:", "budgets: { tool_calls: 3 }\nedges:"),
        ("edges:", "concurrency: { max: 3 }\nedges:"),
        ("edges:", "policy: [\"builtin:rust\"]\nedges:"),
        ("edges:", "state: { c: { type: integer, reduce: sum } }\nedges:"),
    ];
    let mut seen = std::collections::BTreeSet::from([digest("g.yaml", YAML)]);
    for (from, to) in changes {
        assert!(YAML.contains(from), "{from}");
        let changed = YAML.replacen(from, to, 1);
        assert!(seen.insert(digest("g.yaml", &changed)), "`{from}` -> `{to}` leaves the digest as it was");
    }
}

/// A graph with every rule of a node, an edge and a loop.
const RULES: &str = "\
schema: lgflow.graph/v1
name: g
state: { n: { type: integer, reduce: sum } }
concurrency: { groups: { one: 1, two: 1 } }
graphs: { inner: { inputs: { x: { type: string, default: a } }, nodes: { i: { uses: values } } } }
nodes:
  h: { uses: values, update: { n: 1 } }
  r: { uses: read_file, with: { path: a.txt }, timeout: 5s, retry: { attempts: 3, backoff: 2s, kinds: [timeout] }, group: one }
  e: { uses: exec, with: { argv: [t] }, on_crash: fail, for_each: { in: '[1, 2]', as: i, max: 3, parallel: 2, on_error: stop } }
  s: { uses: values, skip_when: 'state.n > 3' }
  g: { uses: graph, with: { graph: inner, inputs: { x: b } } }
  back: { uses: rollback, with: { to: start } }
  l: { uses: values }
edges:
  - h -> r
  - { from: r, to: h, when: \"output.content == 'x'\", loop: { max: 3, delay: 1s, exhausted: leave } }
  - { from: r, to: h, catch: [not_found], loop: { max: 3 } }
  - { from: r, to: e, catch: [timeout, invalid_input] }
  - { from: e, to: s, always: true }
  - s -> g -> back
  - { from: back, to: l, catch: [any] }
";

#[test]
fn every_rule_of_a_node_an_edge_and_a_loop_changes_the_digest() {
    let changes = [
        ("n: 1 }", "n: 2 }"),
        ("timeout: 5s", "timeout: 6s"),
        ("attempts: 3", "attempts: 4"),
        ("backoff: 2s", "backoff: 3s"),
        ("kinds: [timeout]", "kinds: [timeout, invalid_input]"),
        ("group: one", "group: two"),
        ("on_crash: fail", "on_crash: ask"),
        ("path: a.txt }", "path: a.txt }, cache: true"),
        ("'[1, 2]'", "'[1, 3]'"),
        ("max: 3, parallel", "max: 4, parallel"),
        ("parallel: 2", "parallel: 3"),
        ("on_error: stop", "on_error: collect"),
        ("state.n > 3", "state.n > 4"),
        ("inputs: { x: b }", "inputs: { x: c }"),
        ("default: a } }, nodes", "default: z } }, nodes"),
        ("i: { uses: values }", "i: { uses: values, with: { y: 1 } }"),
        ("to: start", "to: e"),
        ("== 'x'", "== 'y'"),
        (
            "max: 3, delay: 1s, exhausted: leave } }\n  - { from: r, to: h, catch: [not_found], loop: { max: 3 }",
            "max: 4, delay: 1s, exhausted: leave } }\n  - { from: r, to: h, catch: [not_found], loop: { max: 4 }",
        ),
        ("delay: 1s, ", ""),
        (", exhausted: leave", ""),
        (
            "exhausted: leave } }\n  - { from: r, to: h, catch: [not_found], loop: { max: 3 }",
            "exhausted: fail } }\n  - { from: r, to: h, catch: [not_found], loop: { max: 3, exhausted: leave }",
        ),
        ("catch: [not_found], loop: { max: 3 }", "catch: [not_found], loop: { max: 3, exhausted: leave }"),
        ("catch: [not_found]", "catch: [not_found, denied]"),
        ("catch: [timeout, invalid_input]", "catch: [timeout]"),
        ("always: true", "catch: [any]"),
        ("one: 1", "one: 2"),
        ("s -> g -> back", "s -> g\n  - { from: s, to: back }"),
    ];
    let mut seen = std::collections::BTreeSet::from([digest("g.yaml", RULES)]);
    for (from, to) in changes {
        assert!(RULES.contains(from), "{from}");
        let changed = RULES.replacen(from, to, 1);
        assert!(seen.insert(digest("g.yaml", &changed)), "`{from}` -> `{to}` leaves the digest as it was");
    }
}

#[test]
fn a_prompt_in_a_file_counts_and_its_place_does_not() {
    let with = |file: &str, text: &str| {
        let graph = YAML.replacen("{ text: \"{{ what }}\" }", &format!("{{ file: {file} }}"), 1);
        Project::of(&[("g.yaml", &graph), (file, text)]).check(&["g.yaml"]).plan().digest
    };
    assert_eq!(with("a.md", "{{ what }}").to_string(), digest("g.yaml", YAML));
    assert_eq!(with("a.md", "{{ what }}"), with("sub/b.md", "{{ what }}"));
    assert_ne!(with("a.md", "{{ what }}"), with("a.md", "{{ what }}\n"));
}

#[test]
fn ties_in_the_order_go_by_the_file_and_leave_the_digest_alone() {
    let one = graph("nodes:\n  a: { uses: values }\n  b: { uses: values }\n  c: { uses: values }\nedges:\n  - a -> c\n  - b -> c\n").plan();
    let other = graph("nodes:\n  b: { uses: values }\n  c: { uses: values }\n  a: { uses: values }\nedges:\n  - b -> c\n  - a -> c\n").plan();
    assert_eq!(ids(&one), ["a", "b", "c"]);
    assert_eq!(ids(&other), ["b", "a", "c"]);
    assert_eq!(one.digest, other.digest);
}

#[test]
fn what_a_crash_has_cut_off_is_made_again_where_it_only_reads_and_is_a_persons_where_it_may_not() {
    let with = "schema: lgflow.graph/v1\nname: g\nnodes:\n  read: { uses: read_file, with: { path: a } }\n  list: { uses: list_files }\n  \
                facts: { uses: values }\n  test: { uses: exec, with: { argv: [t] } }\n  \
                fetch: { uses: http, with: { url: 'https://example.org/', method: POST } }\n  \
                ask: { uses: mcp, with: { server: s, tool: t, input: {} } }\n  \
                again: { uses: exec, with: { argv: [t] }, on_crash: retry }\n  \
                never: { uses: exec, with: { argv: [t] }, on_crash: fail }\n\
                edges: [read -> list -> facts -> test -> fetch -> ask -> again -> never]\n";
    let plan = Project::of(&[("g.yaml", with)]).check(&["g.yaml"]).plan();
    let found: Vec<String> =
        plan.nodes.iter().map(|node| format!("{} {:?}", node.id, node.on_crash)).collect();
    assert_eq!(
        found,
        [
            "read Retry",
            "list Retry",
            "facts Retry",
            "test Ask",
            "fetch Ask",
            "ask Ask",
            "again Retry",
            "never Fail"
        ]
    );
}
