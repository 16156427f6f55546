//! The examples of `docs/known-before-the-run.md`: what is `ok` has no finding, what `fails` has the code that it names and no other.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test reads its own files, and stops where it is wrong"
)]

use lgflow::compile::{FileRef, LoadProblem, Root, check_files};
use lgflow::diag::Diagnostics;
use lgflow::files::RelPath;
use lgflow::source::Sources;

/// The codes of what is found in a graph.
fn codes(body: &str) -> Vec<String> {
    let text = format!("schema: lgflow.graph/v1\nname: example\n{body}");
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let root =
        Root { path: RelPath::parse("g.yaml").unwrap(), name: "g.yaml".into(), bytes: text.into_bytes() };
    let mut load = |_: &FileRef| Err(LoadProblem::new("nothing is named"));
    check_files(vec![root], &mut load, &mut sources, &mut found);
    found.codes().iter().map(ToString::to_string).collect()
}

#[test]
fn every_example_is_what_it_says() {
    let page = std::fs::read_to_string("docs/known-before-the-run.md").unwrap();
    let mut tried = 0;
    for block in page.split("\n```yaml ").skip(1) {
        let (head, rest) = block.split_once('\n').unwrap();
        let body = rest.split("\n```").next().unwrap();
        let expected: Vec<String> = match head.split_once(' ') {
            Some(("fails", code)) => vec![code.to_owned()],
            _ => {
                assert_eq!(head, "ok", "an example is `ok`, or `fails CODE`");
                Vec::new()
            }
        };
        assert_eq!(codes(&format!("{body}\n")), expected, "{body}");
        tried += 1;
    }
    assert!(tried >= 10, "{tried} examples");
}

/// What is found in graphs that are told by their shapes: each was once judged otherwise.
const SHAPES: &[(&str, &[&str], &str)] = &[
    (
        "one condition beside a loop edge that looks at something else is an optional step",
        &["may-be-missing"],
        "inputs: { b: { type: boolean, default: false } }
nodes: { n: { uses: values, with: { v: 1 } }, m: { uses: values, with: { v: 2 } } }
edges:
  - { from: n, to: m, when: inputs.b }
  - { from: n, to: n, when: loops.n.iteration < 2, loop: { max: 2 } }
outputs: { o: '{{ nodes.m.output.v }}' }
",
    ),
    (
        "also where the loop edge asks for it as well",
        &["may-be-missing"],
        "inputs: { b: { type: boolean, default: false } }
nodes: { h: { uses: values }, t: { uses: values }, d: { uses: values, with: { v: 2 } } }
edges:
  - h -> t
  - { from: t, to: h, when: loops.h.iteration < 3 and inputs.b, loop: { max: 3 } }
  - { from: t, to: d, when: inputs.b }
outputs: { o: '{{ nodes.d.output.v }}' }
",
    ),
    (
        "and where what the loop edge comes to is not known",
        &["may-be-missing"],
        "inputs: { b: { type: boolean, default: false }, f: { type: string, default: x } }
nodes: { t: { uses: read_file, with: { path: '{{ inputs.f }}' } }, d: { uses: values, with: { v: 2 } } }
edges:
  - { from: t, to: t, when: \"'x' in output.content\", loop: { max: 3 } }
  - { from: t, to: d, when: inputs.b }
outputs: { o: '{{ nodes.d.output.v }}' }
",
    ),
    (
        "an exit code that neither edge asks for",
        &["incomplete-conditions", "may-be-missing"],
        "nodes:
  h: { uses: values }
  t: { uses: exec, with: { argv: [t], ok_exit: any } }
  d: { uses: values, with: { v: 2 } }
edges:
  - h -> t
  - { from: t, to: h, when: output.exit_code == 1, loop: { max: 2 } }
  - { from: t, to: d, when: output.exit_code == 0 }
outputs: { o: '{{ nodes.d.output.v }}' }
",
    ),
    (
        "a loop that gives up after some turns, and goes on only where it has not",
        &["may-be-missing"],
        "nodes:
  h: { uses: values }
  t: { uses: exec, with: { argv: [t], ok_exit: any } }
  d: { uses: values, with: { v: 2 } }
edges:
  - h -> t
  - { from: t, to: h, when: output.exit_code != 0 and loops.h.iteration < 3, loop: { max: 3 } }
  - { from: t, to: d, when: output.exit_code == 0 }
outputs: { o: '{{ nodes.d.output.v }}' }
",
    ),
    (
        "a loop edge and its counterpart leave nothing out",
        &[],
        "nodes:
  h: { uses: values }
  t: { uses: exec, with: { argv: [t], ok_exit: any } }
  d: { uses: values, with: { v: 2 } }
edges:
  - h -> t
  - { from: t, to: h, when: output.exit_code != 0, loop: { max: 3 } }
  - { from: t, to: d, when: output.exit_code == 0 }
outputs: { o: '{{ nodes.d.output.v }}' }
",
    ),
    (
        "nor does a loop that is left in one iteration, though it could have more",
        &[],
        "nodes: { h: { uses: values }, t: { uses: values }, d: { uses: values, with: { v: 2 } } }
edges:
  - h -> t
  - { from: t, to: h, when: loops.h.iteration < 3, loop: { max: 9 } }
  - { from: t, to: d, when: loops.h.iteration == 3 }
outputs: { o: '{{ nodes.d.output.v }}' }
",
    ),
    (
        "bounds that a type does not say: what neither edge asks for may not be there",
        &[],
        "prompts: { p: { text: how many } }
nodes:
  h: { uses: values }
  t: { uses: llm, with: { model: default, prompt: p, output_schema: { type: object, required: [n], properties: { n: { type: integer, minimum: 0 } } } } }
  d: { uses: values, with: { v: 2 } }
edges:
  - h -> t
  - { from: t, to: h, when: output.n == 0, loop: { max: 9 } }
  - { from: t, to: d, when: output.n > 0 }
outputs: { o: '{{ nodes.d.output.v }}' }
",
    ),
    (
        "`join: all` with a source that only a failure leads from",
        &[],
        "nodes:
  t: { uses: exec, with: { argv: [x] } }
  u: { uses: values }
  a: { uses: values, join: all, with: { k: '{{ nodes.t.error.kind }}' } }
edges:
  - { from: t, to: a, catch: [any, denied] }
  - u -> a
",
    ),
    (
        "`join: all` with a source that is followed whatever happened",
        &["may-be-missing"],
        "nodes:
  r: { uses: read_file, with: { path: f } }
  u: { uses: values }
  a: { uses: values, join: all, with: { x: '{{ nodes.r.output.bytes }}' } }
edges:
  - { from: r, to: a, always: true }
  - u -> a
",
    ),
    (
        "the same, with the `always` edge before",
        &["may-be-missing"],
        "nodes:
  r: { uses: read_file, with: { path: f } }
  u: { uses: values }
  s: { uses: values }
  a: { uses: values, join: all, with: { x: '{{ nodes.r.output.bytes }}' } }
edges:
  - r -> s
  - u -> a
  - { from: u, to: s, always: true }
  - s -> a
",
    ),
    (
        "a failure that is caught and leads on all the same",
        &[],
        "nodes:
  lint: { uses: exec, with: { argv: [l] } }
  test: { uses: values, with: { v: 1 } }
  other: { uses: values }
  merge: { uses: values, with: { v: '{{ nodes.test.output.v }}' } }
edges:
  - lint -> test
  - { from: lint, to: test, catch: [any] }
  - test -> merge
  - other -> merge
",
    ),
    (
        "a failure of which one kind leads elsewhere",
        &["may-be-missing"],
        "nodes:
  lint: { uses: exec, with: { argv: [l] } }
  test: { uses: values, with: { v: 1 } }
  other: { uses: values }
  merge: { uses: values, with: { v: '{{ nodes.test.output.v }}' } }
edges:
  - lint -> test
  - { from: lint, to: test, catch: [exit] }
  - { from: lint, to: other, catch: [timeout] }
  - test -> merge
  - other -> merge
",
    ),
    (
        "a failure that is caught by what then does not start ends the run, and is no course that succeeds",
        &["lost-failure"],
        "inputs: { b: { type: boolean, default: true } }
nodes:
  r: { uses: read_file, with: { path: f } }
  s: { uses: values }
  j: { uses: values, join: all }
edges:
  - r -> s
  - { from: r, to: j, catch: [not_found] }
  - { from: s, to: j, when: inputs.b }
outputs: { o: '{{ nodes.r.output.bytes }}' }
",
    ),
    (
        "what the way to a node leaves out needs no edge of it",
        &[],
        "inputs: { m: { enum: [x, y, z], default: x } }
nodes: { s: { uses: values }, k: { uses: values }, y: { uses: values }, z: { uses: values } }
edges:
  - { from: s, to: k, when: inputs.m != 'x' }
  - { from: k, to: y, when: inputs.m == 'y' }
  - { from: k, to: z, when: inputs.m == 'z' }
",
    ),
    (
        "what the way to a node has decided is decided",
        &["constant-condition"],
        "inputs: { b: { type: boolean, default: true } }
nodes: { s: { uses: values }, k: { uses: values }, l: { uses: values } }
edges:
  - { from: s, to: k, when: inputs.b }
  - { from: k, to: l, when: not inputs.b }
",
    ),
];

#[test]
fn what_is_known_of_a_shape_holds_for_each_graph_that_has_it() {
    for (why, expected, body) in SHAPES {
        assert_eq!(codes(body), *expected, "{why}:\n{body}");
    }
}
