//! The examples of `docs/known-before-the-run.md`: what is `ok` has no finding, what `fails` has the codes that it names and no other.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test reads its own files, and stops where it is wrong"
)]

mod far_ways;

use lgflow::compile::{FileRef, LoadProblem, Root, check_files};
use lgflow::diag::Diagnostics;
use lgflow::files::RelPath;
use lgflow::schema::validate_value;
use lgflow::source::Sources;
use proptest::collection::vec;
use proptest::sample::select;
use proptest::strategy::{BoxedStrategy, Just, Strategy};
use proptest::test_runner::Config;
use proptest::{prop_assert, proptest};
use serde_json::{Value, json};

/// The codes of what is found in a graph.
fn codes(body: &str) -> Vec<String> {
    codes_of("g.yaml", format!("schema: lgflow.graph/v1\nname: example\n{body}"))
}

/// The codes of what is found in a file.
fn codes_of(name: &str, text: String) -> Vec<String> {
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let root = Root { path: RelPath::parse(name).unwrap(), name: name.into(), bytes: text.into_bytes() };
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
            Some(("fails", codes)) => codes.split(' ').map(str::to_owned).collect(),
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
        "of three nodes that are skipped by what is given, which is never all of them, one gives its output",
        &[],
        "inputs: { m: { enum: [x, y, z], default: x } }
nodes:
  a: { uses: values, with: { t: a }, skip_when: \"inputs.m != 'x'\" }
  b: { uses: values, with: { t: b }, skip_when: \"inputs.m != 'y'\" }
  e: { uses: values, with: { t: e }, skip_when: \"inputs.m != 'z'\" }
  d: { uses: values, with: { t: '{{ first_of(nodes.a.output.t, nodes.b.output.t, nodes.e.output.t) }}' } }
edges: [a -> b -> e -> d]
",
    ),
    (
        "and two of them are not enough",
        &["may-be-missing"],
        "inputs: { m: { enum: [x, y, z], default: x } }
nodes:
  a: { uses: values, with: { t: a }, skip_when: \"inputs.m != 'x'\" }
  b: { uses: values, with: { t: b }, skip_when: \"inputs.m != 'y'\" }
  e: { uses: values, with: { t: e }, skip_when: \"inputs.m in ['x', 'z']\" }
  d: { uses: values, with: { t: '{{ first_of(nodes.a.output.t, nodes.b.output.t, nodes.e.output.t) }}' } }
edges: [a -> b -> e -> d]
",
    ),
    (
        "names that are not there hide no other fault: in prompts, through subgraphs, of types, of what may be missing",
        &["unknown-field", "unknown-field", "unknown-input", "unknown-value", "may-be-missing", "unknown-field", "not-text"],
        "inputs: { m: { enum: [x, y], default: x }, o: { type: object, properties: { a: { type: integer } } } }
graphs:
  sub:
    nodes: { x: { uses: values, with: { deep: { list: [{ name: a }] } } } }
    outputs: { all: '{{ nodes.x.output.deep }}' }
prompts: { p: { text: '{% for f in files %}{{ f.nam }}{% endfor %}' } }
nodes:
  s: { uses: graph, with: { graph: sub } }
  r: { uses: render, with: { prompt: p, vars: { files: '{{ nodes.s.output.all.list }}' } } }
  t: { uses: exec, with: { argv: [x] } }
  v:
    uses: values
    with:
      a: '{{ nodes.t.output.stdot }}'
      b: '{{ inputs.mm }}'
      c: \"{{ inputs.m == 'z' }}\"
      d: '{{ inputs.o.a }}'
      e: '{{ nodes.s.output.all.list[0].nme }}'
      f: 'list: {{ nodes.s.output.all.list }}'
edges: [s -> r -> t -> v]
",
    ),
    (
        "nor do filters, tests, functions and arguments that are not there, in expressions, texts and prompts, and what no parser takes",
        &[
            "unknown-filter", "unknown-field", "unknown-variable", "expression-syntax", "unknown-field", "unknown-filter",
            "wrong-operand", "unknown-test", "unknown-function", "filter-argument", "expression-syntax", "unknown-field",
            "unknown-value",
        ],
        "inputs: { m: { enum: [x, y], default: x }, n: { type: integer } }
prompts: { p: { text: '{{ v | loudly }} {{ w.nope }} {{ z }}' }, q: { text: '{{ v' } }
nodes:
  t: { uses: exec, with: { argv: [x] } }
  v:
    uses: values
    with:
      a: '{{ nodes.t.output.stdot | uper }}'
      b: '{{ inputs.n | upper }}'
      c: '{{ inputs.m is definde }}'
      d: 'x {{ frist(inputs.m) }}'
      e: '{{ inputs.m | tail(nope=1) }}'
      f: '{{ inputs.m + }}'
      g: '{{ nodes.t.output.nope }}'
      h: \"{{ inputs.m == 'z' }}\"
  r: { uses: render, with: { prompt: p, vars: { v: 1, w: '{{ nodes.v.output }}' } } }
  s: { uses: render, with: { prompt: q, vars: { v: 1 } } }
edges: [t -> v -> r -> s]
",
    ),
    (
        "an `otherwise` that is never taken is told beside a loop that nothing ends as well",
        &["endless-loop", "constant-condition"],
        "inputs: { a: { type: boolean }, b: { type: boolean } }
nodes: { s: { uses: values }, x: { uses: values }, y: { uses: values }, z: { uses: values } }
edges:
  - { from: s, to: x, when: inputs.a }
  - { from: s, to: y, when: not inputs.a }
  - { from: s, to: s, when: inputs.b, loop: { max: 2, exhausted: leave } }
  - { from: s, to: z, otherwise: true }
",
    ),
    (
        "a loop that is left at its head, in its middle or past a failure may turn without asking anything, and run out",
        &["constant-condition", "constant-condition"],
        "inputs: { again: { type: boolean } }
state: { n: { type: integer, reduce: sum } }
nodes:
  look: { uses: values }
  work: { uses: values, update: { n: 1 } }
  h: { uses: values }
  t: { uses: exec, with: { argv: [t] } }
  u: { uses: values }
  i: { uses: exec, with: { argv: [i], ok_exit: any } }
  j: { uses: values }
  k: { uses: values, join: all }
  out: { uses: values }
edges:
  - { from: look, to: work, when: state.n < 2 }
  - { from: look, to: h, otherwise: true }
  - { from: work, to: look, when: \"true\", loop: { max: 9 } }
  - h -> t -> i
  - { from: t, to: u, catch: [exit] }
  - { from: u, to: h, when: \"true\", loop: { max: 3 } }
  - { from: i, to: j, when: output.exit_code != 0 }
  - { from: i, to: out, otherwise: true }
  - j -> k
  - { from: i, to: k, when: output.exit_code != 0 }
  - { from: k, to: i, when: inputs.again, loop: { max: 3 } }
",
    ),
    (
        "nor has such a loop to say that running out leaves it",
        &[],
        "state: { n: { type: integer, reduce: sum } }
nodes: { look: { uses: values }, work: { uses: exec, with: { argv: [w] }, update: { n: 1 } }, done: { uses: values }, e: { uses: values } }
edges:
  - { from: look, to: work, when: state.n < 20 }
  - { from: look, to: done, otherwise: true }
  - { from: work, to: look, loop: { max: 9, exhausted: fail } }
  - { from: work, to: e, catch: [exit] }
  - { from: e, to: look, loop: { max: 9 } }
",
    ),
    (
        "on the edges of a node its `output` and its `error` are parts of its result, and what is asked of one is known of the other",
        &[],
        "inputs: { s: { type: boolean } }
nodes:
  h: { uses: values }
  t: { uses: exec, with: { argv: [c], ok_exit: any }, skip_when: inputs.s }
  n: { uses: values }
  m: { uses: values }
  k: { uses: exec, with: { argv: [c] } }
  o: { uses: values, with: { e: \"{{ nodes.k.error.kind }}\" } }
  p: { uses: values }
edges:
  - h -> t
  - h -> k
  - { from: t, to: h, when: \"nodes.t.status == 'succeeded' and output.exit_code > 2\", loop: { max: 3 } }
  - { from: t, to: n, when: output is defined and nodes.t.output.exit_code == 0 }
  - { from: t, to: m, when: nodes.t.output is defined and output.exit_code == 1 }
  - { from: k, to: o, always: true, when: \"nodes.k.status == 'failed' and error.kind == 'exit'\" }
  - { from: k, to: p, always: true, when: \"nodes.k.status == 'succeeded' and output.exit_code == 0\" }
",
    ),
    (
        "a graph whose loops cannot run out keeps its output by `exhausted`, and one whose loop can may have none",
        &["may-be-missing"],
        "graphs:
  plain: { nodes: { e: { uses: exec, with: { argv: [c], ok_exit: any } } }, outputs: { c: \"{{ nodes.e.output.exit_code }}\" } }
  turns:
    nodes: { e: { uses: exec, with: { argv: [c], ok_exit: any } } }
    edges: [{ from: e, to: e, when: output.exit_code > 2, loop: { max: 3 } }]
    outputs: { c: \"{{ nodes.e.output.exit_code }}\" }
nodes:
  h: { uses: graph, with: { graph: plain } }
  d: { uses: values, with: { c: \"{{ nodes.h.output.c + 1 }}\" } }
  g: { uses: graph, with: { graph: turns } }
  f: { uses: values, with: { c: \"{{ nodes.g.output.c + 1 }}\" } }
edges:
  - { from: h, to: h, when: output.c < 3, loop: { max: 4 } }
  - { from: h, to: d, otherwise: true }
  - { from: h, to: d, catch: [exhausted] }
  - { from: g, to: g, when: output.c < 3, loop: { max: 4 } }
  - { from: g, to: f, otherwise: true }
  - { from: g, to: f, catch: [exhausted] }
",
    ),
    (
        "where all ways of the body lead to its source, it is never left early",
        &["endless-loop", "endless-loop"],
        "inputs: { again: { type: boolean }, way: { type: boolean } }
nodes: { h: { uses: values }, a: { uses: values }, b: { uses: exec, with: { argv: [b] } }, c: { uses: values }, t: { uses: values, join: all }, x: { uses: values }, y: { uses: values }, d: { uses: values }, e: { uses: values } }
edges:
  - h -> a -> t
  - h -> c -> t
  - { from: a, to: x, when: inputs.way }
  - { from: t, to: h, when: inputs.again, loop: { max: 3 } }
  - { from: b, to: y, catch: [exit] }
  - { from: b, to: d, otherwise: true }
  - { from: b, to: e, when: inputs.way }
  - d -> y
  - e -> y
  - { from: y, to: b, when: \"true\", loop: { max: 2 } }
  - t -> b
",
    ),
    (
        "what is asked where only some values lead, or where a failure is expected, may have no value for the others",
        &[],
        "inputs: { n: { type: [integer, string] }, m: { enum: [number, text] }, o: { type: object, properties: { v: { type: [integer, string] } } }, any: {}, w: { type: [integer, string], minLength: 2 } }
nodes: { s: { uses: values }, a: { uses: values }, b: { uses: values }, c: { uses: values }, d: { uses: values }, e: { uses: values }, f: { uses: values } }
edges:
  - { from: s, to: a, when: \"inputs.m == 'number'\" }
  - { from: s, to: b, when: \"inputs.m == 'text'\" }
  - { from: a, to: c, when: inputs.n == 3 }
  - { from: b, to: d, when: \"inputs.n == 'x'\" }
  - s -> e
  - { from: e, to: f, when: inputs.n == 3 }
  - { from: e, to: d, catch: [expression] }
  - { from: s, to: f, when: \"inputs.any == 3 or inputs.o.v is defined and inputs.o.v == 3 or inputs.w == 'ab'\" }
",
    ),
    (
        "and what every run asks is told, of each kind and each condition",
        &["failing-condition", "failing-condition", "failing-condition"],
        "inputs: { n: { type: [integer, string, array] }, b: { type: [boolean, string] } }
nodes: { s: { uses: values }, a: { uses: values, skip_when: inputs.b }, b: { uses: values }, c: { uses: values } }
edges:
  - s -> a
  - { from: s, to: b, when: inputs.n | length == 1 }
  - { from: b, to: c, when: \"inputs.n is string and inputs.n == 'x'\" }
  - { from: a, to: c, when: \"inputs.n == 'x'\" }
",
    ),
    (
        "lengths, presence and fallbacks keep nodes apart",
        &[],
        "inputs: { s: { type: string }, l: { type: array, items: { type: string } }, o: { type: object, properties: { a: { type: boolean }, m: { enum: [x, y] } } }, p: { type: string, default: p } }
nodes:
  s: { uses: values }
  a: { uses: apply_patch, with: { patch: '{{ inputs.p }}' } }
  b: { uses: apply_patch, with: { patch: '{{ inputs.p }}' } }
  t: { uses: values }
  c: { uses: apply_patch, with: { patch: '{{ inputs.p }}' } }
  d: { uses: apply_patch, with: { patch: '{{ inputs.p }}' } }
  u: { uses: values }
  e: { uses: apply_patch, with: { patch: '{{ inputs.p }}' } }
  f: { uses: apply_patch, with: { patch: '{{ inputs.p }}' } }
  v: { uses: values, join: some }
  g: { uses: apply_patch, with: { patch: '{{ inputs.p }}' } }
  h: { uses: apply_patch, with: { patch: '{{ inputs.p }}' } }
edges:
  - { from: s, to: a, when: inputs.s | length == 0 }
  - { from: s, to: b, when: \"inputs.s != ''\" }
  - { from: [a, b], to: t }
  - { from: t, to: c, when: inputs.o.a is defined and inputs.o.a }
  - { from: t, to: d, when: not (inputs.o.a | default(false)) }
  - { from: [c, d], to: u }
  - { from: u, to: e, when: inputs.l is empty }
  - { from: u, to: f, when: inputs.l | length > 1 or inputs.l | length == 1 }
  - { from: [e, f], to: v }
  - { from: v, to: g, when: \"inputs.o.m | default('x') == 'x'\" }
  - { from: v, to: h, when: \"inputs.o.m is defined and inputs.o.m == 'y'\" }
",
    ),
    (
        "but only where they do",
        &["workspace-race", "workspace-race", "overlapping-conditions"],
        "inputs: { s: { type: string }, o: { type: object, properties: { a: { type: boolean } } } }
nodes:
  s: { uses: values }
  a: { uses: apply_patch, with: { patch: p } }
  b: { uses: apply_patch, with: { patch: p } }
  t: { uses: values }
  c: { uses: apply_patch, with: { patch: p } }
  d: { uses: apply_patch, with: { patch: p } }
edges:
  - { from: s, to: a, when: inputs.s | length < 2 }
  - { from: s, to: b, when: \"inputs.s != ''\" }
  - { from: [a, b], to: t }
  - { from: t, to: c, when: inputs.o.a | default(true) }
  - { from: t, to: d, when: not (inputs.o.a | default(false)) }
",
    ),
    (
        "but not where it follows from what is told already",
        &["constant-condition"],
        "inputs: { a: { type: integer } }
nodes: { s: { uses: values }, x: { uses: values }, z: { uses: values } }
edges:
  - { from: s, to: x, when: inputs.a < 1 or inputs.a > 0 }
  - { from: s, to: z, otherwise: true }
",
    ),
    (
        "what only follows from one that can't be read is not told",
        &["unknown-filter", "unknown-filter", "unknown-test", "expression-syntax"],
        "inputs: { m: { enum: [x, y], default: x }, o: { type: object, properties: { a: { type: integer } } } }
prompts: { p: { text: '{{ o.a | defualt(1) }}' } }
nodes:
  s: { uses: values, with: { v: '{{ inputs.o.a | defualt(1) }}' } }
  r: { uses: values, with: { v: '{{ inputs.o.a + 1 }}' } }
  a: { uses: apply_patch, with: { changes: [{ op: put, path: a, content: a }] } }
  b: { uses: apply_patch, with: { changes: [{ op: put, path: a, content: b }] } }
  q: { uses: render, with: { prompt: p, vars: { o: '{{ inputs.o }}' } } }
edges:
  - { from: s, to: r, when: inputs.o.a is definde }
  - { from: s, to: a, when: \"inputs.m == 'x'\" }
  - { from: s, to: b, when: \"inputs.m == 'y\" }
  - s -> q
outputs: { o: '{{ first_of(nodes.a.output.files, nodes.b.output.files) }}' }
",
    ),
    (
        "a misspelt guard is one fault: what it would have settled, kept apart or completed is none",
        &["unknown-input", "unknown-input", "unknown-input"],
        "inputs: { m: { enum: [x, y], default: x }, o: { type: object, properties: { a: { type: integer } } } }
nodes:
  s: { uses: values }
  r: { uses: values, with: { v: '{{ inputs.o.a }}' } }
  k: { uses: values, skip_when: inputs.oo.a is undefined, with: { v: '{{ inputs.o.a }}' } }
  a: { uses: apply_patch, with: { changes: [{ op: put, path: a, content: a }] } }
  b: { uses: apply_patch, with: { changes: [{ op: put, path: a, content: b }] } }
edges:
  - { from: s, to: r, when: inputs.oo.a is defined }
  - s -> k
  - { from: s, to: a, when: \"inputs.m == 'x'\" }
  - { from: s, to: b, when: \"inputs.mm == 'y'\" }
outputs: { o: '{{ first_of(nodes.a.output.files, nodes.b.output.files) }}' }
",
    ),
    (
        "nor does an expression that reads what is not there have another fault",
        &["unknown-input"],
        "inputs: { o: { type: object, properties: { a: { type: integer } } } }
nodes: { r: { uses: values, with: { v: '{{ inputs.o.a if inputs.oo.a is defined else 0 }}' } } }
",
    ),
    (
        "what a policy, a parameter or a graph inside has of faults hides none around it, and brings none",
        &["unknown-policy", "wrong-operand", "wrong-type", "unknown-value", "unknown-field"],
        "policy: [builtin:nope]
inputs: { m: { enum: [x, y], default: x } }
graphs:
  sub:
    nodes: { x: { uses: values, with: { n: \"{{ 1 - 'a' }}\" } } }
    outputs: { n: '{{ nodes.x.output }}' }
nodes:
  t: { uses: exec, with: { argv: cargo test, ok_exit: [0, 1] } }
  s: { uses: graph, with: { graph: sub } }
  u: { uses: values, with: { v: \"{{ inputs.m == 'z' }}\", w: '{{ nodes.s.output.n.nn }}' } }
edges:
  - { from: t, to: s, when: output.exit_code == 2 }
  - s -> u
",
    ),
    (
        "who asks for a key knows that it is there: in an expression, through `keys`, by `and`, and behind an edge",
        &[],
        "inputs: { o: { type: object, properties: { a: { type: integer }, p: { type: object, properties: { b: { type: string } } } } } }
nodes:
  s: { uses: values, with: { v: \"{{ inputs.o.a if 'a' in inputs.o else 0 }}\", w: \"{% if 'a' in (inputs.o | keys) %}{{ inputs.o.a }}{% endif %}\" } }
  t: { uses: values, with: { v: '{{ inputs.o.a }}' } }
  u: { uses: values, with: { v: '{{ inputs.o.a }}' } }
  w: { uses: values, with: { v: \"{{ inputs.o.p.b if 'p' in inputs.o and 'b' in inputs.o.p else '' }}\" } }
  x: { uses: values, skip_when: \"'a' not in inputs.o\", with: { v: '{{ inputs.o.a }}' } }
edges:
  - { from: s, to: t, when: \"'a' in inputs.o\" }
  - { from: s, to: u, when: \"not ('a' not in (inputs.o | keys))\" }
  - s -> w -> x
",
    ),
    (
        "of another key nothing is known, and nothing where the key is not there",
        &["may-be-missing", "may-be-missing"],
        "inputs: { o: { type: object, properties: { a: { type: integer }, b: { type: integer } } } }
nodes:
  s: { uses: values, with: { v: \"{{ inputs.o.b if 'a' in inputs.o else 0 }}\", w: \"{{ inputs.o.a if 'a' not in inputs.o else 0 }}\" } }
",
    ),
    (
        "an object that is not empty has its only field",
        &[],
        "inputs: { o: { type: object, properties: { a: { type: integer } }, additionalProperties: false } }
nodes:
  s: { uses: values }
  t: { uses: values, with: { v: '{{ inputs.o.a }}' } }
edges: [{ from: s, to: t, when: inputs.o is not empty }]
",
    ),
    (
        "one that can have others may have one of those",
        &["may-be-missing"],
        "inputs: { o: { type: object, properties: { a: { type: integer } } } }
nodes:
  s: { uses: values }
  t: { uses: values, with: { v: '{{ inputs.o.a }}' } }
edges: [{ from: s, to: t, when: inputs.o is not empty }]
",
    ),
    (
        "a word of a text is no key",
        &["may-be-missing"],
        "inputs: { o: { anyOf: [{ type: string }, { type: object, properties: { a: { type: integer } } }] } }
nodes:
  s: { uses: values, with: { v: \"{{ (inputs.o.a if 'a' in inputs.o else 0) if inputs.o is object else 1 }}\", w: \"{{ inputs.o.a if 'a' in inputs.o else 0 }}\" } }
",
    ),
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
        &["dead-join"],
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
    (
        "a number that may be null is also a number",
        &["incomplete-conditions", "workspace-race", "overlapping-conditions"],
        "inputs: { n: { type: [integer, \"null\"], default: 3 } }
nodes:
  s: { uses: values }
  i: { uses: apply_patch, with: { patch: \"\" } }
  j: { uses: apply_patch, with: { patch: \"\" } }
edges:
  - { from: s, to: i, when: inputs.n is not none }
  - { from: s, to: j, when: not (inputs.n is none) }
",
    ),
    (
        "a part of a string is not the string",
        &["workspace-race"],
        "inputs: { s: { type: string, default: a } }
nodes:
  s: { uses: values }
  i: { uses: apply_patch, with: { patch: \"\" } }
  j: { uses: apply_patch, with: { patch: \"\" } }
edges:
  - { from: s, to: i, when: inputs.s in 'abc' }
  - { from: s, to: j, when: inputs.s in 'xyza' }
",
    ),
    (
        "a large number keeps its digits",
        &["incomplete-conditions", "workspace-race", "overlapping-conditions"],
        "inputs: { n: { type: integer, default: 1 } }
nodes:
  s: { uses: values }
  i: { uses: apply_patch, with: { patch: \"\" } }
  j: { uses: apply_patch, with: { patch: \"\" } }
edges:
  - { from: s, to: i, when: inputs.n > 9007199254740992 }
  - { from: s, to: j, when: inputs.n >= 9007199254740993 }
",
    ),
    (
        "kinds exclude each other",
        &[],
        "inputs: { v: {}, w: { type: [integer, string], default: a } }
nodes:
  s: { uses: values }
  t: { uses: values }
  i: { uses: apply_patch, with: { patch: \"\" } }
  j: { uses: apply_patch, with: { patch: \"\" } }
  k: { uses: apply_patch, with: { patch: \"\" } }
  l: { uses: apply_patch, with: { patch: \"\" } }
edges:
  - { from: s, to: i, when: inputs.v is none }
  - { from: s, to: j, when: inputs.v is not none }
  - { from: [i, j], to: t }
  - { from: t, to: k, when: inputs.w is integer }
  - { from: t, to: l, when: inputs.w is string }
",
    ),
    (
        "what an edge asks of a failure leaves out the kinds of another",
        &[],
        "nodes:
  s: { uses: exec, with: { argv: [a] } }
  i: { uses: apply_patch, with: { patch: \"\" } }
  j: { uses: apply_patch, with: { patch: \"\" } }
edges:
  - { from: s, to: i, catch: [exit, timeout] }
  - { from: s, to: j, catch: [any], when: \"error.kind != 'exit' and error.kind != 'timeout'\" }
",
    ),
    (
        "a status that is asked for excludes another",
        &[],
        "inputs: { b: { type: boolean, default: true } }
nodes:
  s: { uses: exec, with: { argv: [a] }, skip_when: inputs.b }
  i: { uses: apply_patch, with: { patch: \"\" } }
  j: { uses: apply_patch, with: { patch: \"\" } }
edges:
  - { from: s, to: i, when: nodes.s.status == 'succeeded' }
  - { from: s, to: j, always: true, when: nodes.s.status == 'skipped' }
",
    ),
    (
        "a loop that has run out turns no more",
        &[],
        "nodes:
  plan: { uses: values }
  test: { uses: exec, with: { argv: [t], ok_exit: any } }
  review: { uses: exec, with: { argv: [r], ok_exit: any } }
  merge: { uses: values }
  stop: { uses: values }
edges:
  - plan -> test
  - { from: test, to: plan, when: output.exit_code != 0, loop: { max: 4 } }
  - { from: test, to: review, otherwise: true }
  - { from: review, to: plan, when: output.exit_code != 0, loop: { max: 4 } }
  - { from: review, to: merge, otherwise: true }
  - { from: [test, review], to: stop, catch: [exhausted] }
",
    ),
    (
        "an edge that is not taken where its source was skipped leaves no doubt",
        &[],
        "inputs: { n: { type: [string, \"null\"], default: a } }
nodes:
  a: { uses: values, skip_when: inputs.n is none, with: { v: 1 } }
  k: { uses: values, with: { v: \"{{ nodes.a.output.v }}\" } }
edges:
  - { from: a, to: k, when: inputs.n is not none }
",
    ),
    (
        "what is written behind a condition is another value",
        &["may-be-null"],
        "state: { r: { type: [string, \"null\"], default: a, reduce: replace } }
nodes:
  s: { uses: values }
  x: { uses: values, update: { r: \"{{ none }}\" } }
  y: { uses: values, with: { v: \"{{ state.r | upper }}\" } }
edges:
  - { from: s, to: x, when: state.r is not none }
  - x -> y
",
    ),
    (
        "what is not written stays as it was asked for",
        &[],
        "state: { r: { type: [string, \"null\"], default: a, reduce: replace } }
nodes:
  s: { uses: values }
  x: { uses: values, update: { r: b } }
  y: { uses: values, with: { v: \"{{ state.r | upper }}\" } }
edges:
  - { from: s, to: x, when: state.r is not none }
  - x -> y
",
    ),
    (
        "a workspace without commits has no revision",
        &["may-be-null"],
        "nodes:
  a: { uses: values, with: { at: \"at {{ run.revision }}\" } }
",
    ),
    (
        "a graph that can only fail gives no output, and needs none",
        &[],
        "graphs: { no: { nodes: { f: { uses: fail, with: { message: no } } } } }
inputs: { b: { type: boolean, default: true } }
nodes:
  s: { uses: values }
  a: { uses: values, with: { v: 1 } }
  c: { uses: graph, with: { graph: no } }
edges:
  - { from: s, to: a, when: inputs.b }
  - { from: s, to: c, otherwise: true }
outputs: { v: \"{{ nodes.a.output.v }}\" }
",
    ),
    (
        "a prompt that several nodes use may be written for each of them: what they give by hand, one of a few, statuses, options",
        &[],
        "prompts:
  p: { text: \"{% if mode == 'fast' %}Be quick.{% elif mode in ['slow', 'calm'] %}Calmly.{% else %}Be thorough.{% endif %}\" }
  n: { text: \"{% if n == 1 %}one{% elif n > 5 %}many{% endif %}x\" }
  s: { text: \"{% if s == 'failed' %}bad{% endif %}{% if s == 'succeeded' %}good{% endif %}\" }
  c: { text: \"{% if c == 'skip' %}x{% else %}{{ c }}{% endif %}\" }
nodes:
  a: { uses: render, with: { prompt: p, vars: { mode: fast } } }
  b: { uses: render, with: { prompt: p, vars: { mode: slow } } }
  d: { uses: render, with: { prompt: n, vars: { n: 1 } } }
  e: { uses: render, with: { prompt: n, vars: { n: 7 } } }
  t: { uses: exec, with: { argv: [x] } }
  good: { uses: render, with: { prompt: s, vars: { s: '{{ nodes.t.status }}' } } }
  bad: { uses: render, with: { prompt: s, vars: { s: '{{ nodes.t.status }}' } } }
  q: { uses: approval, with: { show: s, options: [skip, go] } }
  r: { uses: approval, with: { show: s, options: [go, stop] } }
  after_q: { uses: render, with: { prompt: c, vars: { c: '{{ nodes.q.output.choice }}' } } }
  after_r: { uses: render, with: { prompt: c, vars: { c: '{{ nodes.r.output.choice }}' } } }
edges: [a -> b, d -> e, t -> good, { from: t, to: bad, catch: [exit] }, q -> after_q, r -> after_r]
",
    ),
    (
        "so may one with a word by hand that is used once, and what it asks for may be a field that only another use gives",
        &[],
        "prompts:
  once: { text: \"{% if mode == 'fast' %}Be quick.{% endif %}{% if o.deep.way == 'far' %}far{% endif %}\" }
  o: { text: \"{% if o.a is defined %}{{ o.a }}{% else %}{{ o.b | upper }}{% endif %}{{ o.b | default('') }}{{ first_of(o.a, o.b) }}\" }
  l: { text: \"{{ l | selectattr('a', 'defined') | map(attribute='a') | join }}{{ l | map(attribute='b', default='') | join }}\" }
nodes:
  a: { uses: render, with: { prompt: once, vars: { mode: slow, o: { deep: { way: near } } } } }
  b: { uses: render, with: { prompt: o, vars: { o: { a: x } } } }
  c: { uses: render, with: { prompt: o, vars: { o: { b: y } } } }
  d: { uses: render, with: { prompt: l, vars: { l: [{ a: x }] } } }
  e: { uses: render, with: { prompt: l, vars: { l: [{ b: x }] } } }
edges: [a -> b -> c -> d -> e]
",
    ),
    (
        "what no use of a prompt makes sense of is told once for it, with what such a word hides, and what fails in one use is told",
        &["unknown-value", "wrong-operand", "unknown-value", "unknown-field", "incomparable", "wrong-operand"],
        "inputs: { m: { enum: [x, y], default: x }, n: { enum: [x, z], default: x }, i: { type: integer } }
prompts:
  p: { text: \"{% if m == 'w' %}{{ i | upper }}{% endif %}{% if m in ['x', 'v'] %}{% endif %}{{ o.nmae | default('') }}\" }
  q: { text: \"{% if v == 'a' %}{% endif %}{% if v is string %}{% else %}{{ v | upper }}{% endif %}\" }
nodes:
  a: { uses: render, with: { prompt: p, vars: { m: '{{ inputs.m }}', i: '{{ inputs.i }}', o: { name: x } } } }
  b: { uses: render, with: { prompt: p, vars: { m: '{{ inputs.n }}', i: '{{ inputs.i }}', o: { name: y } } } }
  c: { uses: render, with: { prompt: q, vars: { v: a } } }
  d: { uses: render, with: { prompt: q, vars: { v: '{{ inputs.i }}' } } }
edges: [a -> b -> c -> d]
",
    ),
    (
        "what is never come to is not looked at: in texts, in `if … else`, behind `and` and `or`",
        &[],
        "inputs: { s: { type: string, default: a }, l: { type: array, items: { type: string }, default: [b] }, o: { type: object, properties: { k: { enum: [a, b] } }, required: [k], additionalProperties: false } }
prompts:
  p: { text: \"{% if x is string %}{{ x }}{% else %}{{ x | join(', ') }}{% endif %}{% if x is not string %}{{ x | first | default('') }}{% elif x != '' %}{{ x | upper }}{% endif %}\" }
  n: { text: \"{% if y is defined and y is not none %}{{ y | upper }}{% endif %}{% for i in l if i is number %}{{ i + 1 }}{% endfor %}\" }
  s: { text: \"{% set k = 'a' %}{% if x is string %}{% set k = 1 %}{% endif %}{% if k is number %}{{ k + 1 }}{% else %}{{ k | upper }}{% endif %}\" }
nodes:
  a: { uses: render, with: { prompt: p, vars: { x: '{{ inputs.s }}' } } }
  b: { uses: render, with: { prompt: p, vars: { x: '{{ inputs.l }}' } } }
  c: { uses: render, with: { prompt: n, vars: { y: '{{ none }}', l: '{{ inputs.l }}' } } }
  e: { uses: render, with: { prompt: s, vars: { x: '{{ inputs.s }}' } } }
  d:
    uses: values
    with:
      a: \"{{ inputs.l | upper if inputs.l is string else 'x' }}\"
      b: \"{{ inputs.l is string and inputs.l == 'x' }}\"
      c: \"{{ inputs.l is list or inputs.l == 'x' }}\"
      d: \"{{ inputs.o.k | length if inputs.o.k is string else inputs.o.k + 1 }}\"
edges: [a -> b -> c -> d -> e]
",
    ),
    (
        "and what may be come to is, also behind what makes nothing known, behind a word that is no such, and where one of two is asked",
        &["wrong-operand", "wrong-operand", "wrong-operand", "unknown-value", "wrong-operand", "wrong-operand", "wrong-operand"],
        "inputs: { m: { enum: [x, y], default: x }, i: { type: integer }, u: { type: [string, integer] }, l: { type: array, items: { type: integer } }, o: { type: object, properties: { a: { type: string } } } }
nodes:
  d:
    uses: values
    with:
      a: \"{{ 1 if inputs.o.a is defined else inputs.i | upper }}\"
      b: \"{{ 1 if (inputs.o.a | default('')) == '' else inputs.i | upper }}\"
      c: \"{{ inputs.i | upper if inputs.m == 'z' else 1 }}\"
      d: \"{{ inputs.i | upper if inputs.u is string else 1 }}\"
      e: \"{{ inputs.u is string or (inputs.i | upper) == 'A' }}\"
      f: \"{% if inputs.u is string or inputs.u is integer %}{{ inputs.l | upper }}{% endif %}\"
",
    ),
    (
        "an output is there where a node has succeeded, and where it ran out of iterations: on one way each, behind a node of each",
        &[],
        "nodes:
  p: { uses: values, with: { x: 1 } }
  t: { uses: exec, with: { argv: [x], ok_exit: any } }
  good: { uses: values, with: { m: good } }
  bad: { uses: values, with: { m: '{{ nodes.t.output.stderr }}' } }
  rep: { uses: values, with: { m: '{{ first_of(nodes.good.output.m, nodes.bad.output.m) }}', c: '{{ nodes.t.output.exit_code }}', first: '{{ first_of(nodes.t.output.stdout) }}' } }
  end: { uses: values, with: { c: '{{ nodes.t.output.exit_code }}', kind: \"{{ nodes.t.error.kind if nodes.t.status == 'failed' else '' }}\" } }
edges:
  - p -> t
  - { from: t, to: p, when: output.exit_code != 0, loop: { max: 3 } }
  - { from: t, to: good, otherwise: true }
  - { from: t, to: bad, catch: [exhausted] }
  - { from: [good, bad], to: rep }
  - rep -> end
outputs: { m: '{{ nodes.rep.output.m }}', c: '{{ nodes.t.output.exit_code }}' }
",
    ),
    (
        "also where a condition had no value, if all that the node is given has one, and where a loop around turns on what ran out",
        &[],
        "inputs: { s: { type: string, default: a } }
nodes:
  v: { uses: values, with: { x: '{{ inputs.s }}', y: \"{{ inputs.s ~ '!' if inputs.s != '' else inputs.s | upper }}\" } }
  good: { uses: values }
  bad: { uses: values, with: { x: '{{ nodes.v.output.x }}' } }
  all: { uses: values, with: { x: '{{ nodes.v.output.x }}' } }
  h: { uses: values }
  t: { uses: exec, with: { argv: [x], ok_exit: any } }
  stop: { uses: values, with: { c: '{{ nodes.t.output.exit_code }}' } }
edges:
  - { from: v, to: good, when: output.x | int > 3 }
  - { from: v, to: bad, catch: [expression] }
  - { from: [good, bad], to: all }
  - h -> t
  - { from: t, to: t, when: output.exit_code != 0, loop: { max: 2 } }
  - { from: t, to: h, catch: [exhausted], loop: { max: 2 } }
  - { from: t, to: stop, catch: [exhausted] }
outputs: { x: '{{ nodes.v.output.x }}' }
",
    ),
    (
        "it may be missing where what the node is given, or what it writes, had no value, also with a condition behind it",
        &["may-be-missing", "may-be-missing", "may-be-missing", "may-be-missing", "may-be-missing"],
        "inputs: { s: { type: string, default: abc } }
state: { n: { type: integer, reduce: replace, default: 0 } }
nodes:
  v: { uses: values, with: { x: '{{ inputs.s | int }}' } }
  e: { uses: values, with: { o: '{{ nodes.v.output.x }}' } }
  w: { uses: values, with: { x: '{{ inputs.s | int }}' } }
  f: { uses: values, with: { o: '{{ nodes.w.output.x }}' } }
  u: { uses: values, update: { n: '{{ inputs.s | int }}' } }
  g: { uses: values, with: { o: '{{ nodes.u.output }}' } }
  r: { uses: render, with: { prompt: p, vars: { s: '{{ inputs.s }}' } } }
  k: { uses: values, with: { o: '{{ nodes.r.output.text }}' } }
  c: { uses: exec, with: { argv: [x] } }
  l: { uses: values, with: { o: '{{ nodes.c.output.stdout }}' } }
prompts: { p: { text: '{{ 10 // (s | int) }}' } }
edges:
  - { from: v, to: e, catch: [expression] }
  - { from: w, to: f, catch: [expression], when: error.message != '' }
  - { from: w, to: w, when: output.x > 3, loop: { max: 2 } }
  - { from: u, to: g, catch: [expression] }
  - { from: r, to: k, catch: [expression] }
  - { from: c, to: c, catch: [exit], loop: { max: 2, exhausted: fail } }
  - { from: c, to: l, catch: [exhausted] }
",
    ),
    (
        "and in outputs",
        &["may-be-missing", "may-be-missing"],
        "inputs: { s: { type: string, default: abc } }
nodes:
  v: { uses: values, with: { x: '{{ inputs.s | int }}' } }
  e: { uses: values, with: { o: 1 } }
  c: { uses: exec, with: { argv: [x] } }
  l: { uses: values }
edges:
  - { from: v, to: e, always: true }
  - { from: v, to: e, catch: [expression] }
  - { from: c, to: c, catch: [exit], loop: { max: 2, exhausted: fail } }
  - { from: c, to: l, catch: [exhausted] }
outputs: { x: '{{ nodes.v.output.x }}', c: '{{ nodes.c.output.stdout }}' }
",
    ),
    (
        "a part of an error that one of the node itself lacks may be missing: of its own time, of what it is given, of its outputs, of its list",
        &["may-be-missing", "may-be-missing", "may-be-missing", "may-be-missing", "may-be-missing", "may-be-missing"],
        "inputs: { n: { type: integer, default: 7 }, calls: { type: array } }
graphs:
  g: { inputs: { n: { type: integer, maximum: 5 } }, nodes: { s: { uses: exec, with: { argv: [x] } } } }
  o: { inputs: { n: {} }, nodes: { s: { uses: values, with: { x: '{{ inputs.n }}' } } }, outputs: { x: '{{ nodes.s.output.x.y }}' } }
nodes:
  a: { uses: graph, with: { graph: g, inputs: { n: 3 } }, timeout: 1s }
  b: { uses: values, with: { p: '{{ nodes.a.error.path }}' } }
  c: { uses: graph, with: { graph: g, inputs: { n: '{{ inputs.n }}' } } }
  d: { uses: values, with: { p: '{{ nodes.c.error.path }}' } }
  e: { uses: graph, with: { graph: o, inputs: { n: 4 } } }
  f: { uses: values, with: { p: '{{ nodes.e.error.path }}' } }
  h: { uses: batch, with: { calls: '{{ inputs.calls }}', tools: [exec], max_calls: 4 } }
  i: { uses: values, with: { p: '{{ nodes.h.error.index }}', q: '{{ nodes.h.error.output.results }}' } }
  k: { uses: values, with: { q: '{{ nodes.h.error.output.results }}' } }
edges:
  - { from: a, to: b, catch: [any] }
  - { from: c, to: d, catch: [invalid_input] }
  - { from: e, to: f, catch: [expression] }
  - { from: h, to: i, catch: [any] }
  - { from: h, to: k, catch: [denied] }
",
    ),
    (
        "and is taken to be there of what failed in it: of other kinds, without a time of its own, of calls that are written out",
        &[],
        "inputs: { n: { type: integer, default: 7 }, x: { type: string, default: x } }
graphs:
  g: { inputs: { n: { type: integer, maximum: 5 } }, nodes: { s: { uses: exec, with: { argv: [x] } } }, outputs: { x: '{{ nodes.s.output.stdout }}' } }
nodes:
  a: { uses: graph, with: { graph: g, inputs: { n: 3 } } }
  b: { uses: values, with: { p: '{{ nodes.a.error.path }}' } }
  c: { uses: graph, with: { graph: g, inputs: { n: '{{ inputs.n }}' } }, timeout: 1s }
  d: { uses: values, with: { p: '{{ nodes.c.error.path }}', q: 1 } }
  h: { uses: batch, with: { calls: [{ tool: exec, input: { argv: ['{{ inputs.x }}'] } }], tools: [exec], max_calls: 4 } }
  i: { uses: values, with: { p: '{{ nodes.h.error.index }}', q: '{{ nodes.h.error.output.results }}' } }
edges:
  - { from: a, to: b, catch: [any, expression] }
  - { from: c, to: d, catch: [exit] }
  - { from: h, to: i, catch: [any] }
",
    ),
    (
        "a field of a `merge` channel that nothing ever writes is never there",
        &["may-be-missing", "unknown-field", "unknown-field"],
        "state:
  m: { type: object, properties: { a: { type: integer }, b: { type: integer } }, additionalProperties: false, reduce: merge }
  o: { type: object, reduce: merge, default: { d: 1 } }
nodes:
  w: { uses: values, update: { m: { b: 1 }, o: { name: '{{ output }}' } } }
  r: { uses: values, with: { x: '{{ state.m.a }}', y: '{{ state.m.b }}', z: '{{ state.o.nmae }}', n: \"{{ state.o.nmae | default('') }}\", d: '{{ state.o.d }}', e: '{{ state.o.name }}' } }
edges: [w -> r]
",
    ),
    (
        "one that some node writes may be there, and of computed keys nothing is known",
        &[],
        "inputs: { o: { type: object } }
state:
  m: { type: object, properties: { a: { type: integer } }, additionalProperties: false, reduce: merge }
  o: { type: object, reduce: merge }
nodes:
  s: { uses: values }
  r: { uses: values, with: { x: '{{ state.m.a }}', y: '{{ state.o.name }}' } }
  w: { uses: values, update: { m: { a: 1 }, o: '{{ inputs.o }}' } }
edges:
  - s -> r -> w
  - { from: w, to: s, loop: { max: 2, exhausted: leave } }
",
    ),
    (
        "of a list that is written out it is known how long it is, and whether it is empty",
        &["may-be-missing"],
        "prompts:
  r: { text: \"{% set n = items | length %}{% if n == 0 %}none{% else %}{{ items[0].a }}{% endif %}{% if items is empty %}{{ items | length + 1 }}{% else %}{{ items[0].a }}{% endif %}\" }
  s: { text: \"{% if items | length > 1 %}{{ items[1].a }}{% elif items is not empty %}{{ items[0].a }}{% endif %}{{ items[0].a if 0 < (items | length) else '' }}\" }
  t: { text: \"{% if items | length > 0 %}{{ items[1].a }}{% endif %}\" }
nodes:
  a: { uses: render, with: { prompt: r, vars: { items: [] } } }
  b: { uses: render, with: { prompt: r, vars: { items: [{ a: x }] } } }
  c: { uses: render, with: { prompt: s, vars: { items: [] } } }
  d: { uses: render, with: { prompt: s, vars: { items: [{ a: x }] } } }
  e: { uses: render, with: { prompt: t, vars: { items: [{ a: x }, { a: y }] } } }
  f: { uses: render, with: { prompt: t, vars: { items: [{ a: x }] } } }
edges: [a -> b -> c -> d -> e -> f]
",
    ),
    (
        "`first_of` wants one that is there: an error, its parts, inputs and channels count as outputs do",
        &["may-be-missing"; 10],
        "inputs: { m: { enum: [a, b], default: b }, f: { type: boolean, default: false }, o: { type: object, properties: { a: { type: string }, b: { type: string } }, additionalProperties: false, default: {} } }
state: { facts: { type: object, properties: { a: { type: string } }, reduce: merge } }
nodes:
  s: { uses: exec, with: { argv: [c] }, skip_when: \"inputs.m == 'b'\" }
  t: { uses: exec, with: { argv: [c] } }
  u: { uses: values, with: { w: y, l: '{{ [1, 2] }}' } }
  v: { uses: values, with: { a: '{{ first_of(nodes.t.output.stdout, nodes.t.error.path) }}' } }
  w: { uses: values, with: { w: y } }
  x: { uses: values, with: { a: '{{ first_of(inputs.o.a, inputs.o.b) }}', b: '{{ first_of(nodes.w.output.w, inputs.o.a) }}', c: '{{ first_of(nodes.w.output.w, state.facts.a) }}', d: '{{ first_of(nodes.w.output.w, nodes.u.output.l[5]) }}', e: '{{ first_of(nodes.w.output.w | upper, inputs.o.a | lower) }}' } }
  y: { uses: values }
edges:
  - s -> t
  - { from: t, to: v }
  - { from: t, to: v, catch: [exit] }
  - { from: u, to: w, when: inputs.f }
  - { from: u, to: x, otherwise: true }
  - w -> x
  - { from: u, to: y, always: true, when: \"first_of(nodes.u.output.w, nodes.u.error.path) == 'y'\" }
outputs:
  a: '{{ first_of(nodes.s.output.exit_code, nodes.s.error.kind) }}'
  b: '{{ first_of(nodes.s.output.exit_code, nodes.t.error.kind) }}'
  c: '{{ first_of(nodes.t.output.exit_code, nodes.t.error.index) }}'
",
    ),
    (
        "one is there where each way brings one, of whatever it is: an error that is caught, a field that is asked for, one of each shape",
        &[],
        "inputs: { l: { type: array, items: { type: object, properties: { name: { type: string } } }, default: [] }, f: { type: boolean, default: false }, o: { type: object, properties: { a: { type: string } }, additionalProperties: false, default: {} }, m: { oneOf: [{ type: object, properties: { a: { type: integer }, d: { type: integer } }, required: [a], additionalProperties: false }, { type: object, properties: { b: { type: integer } }, required: [b], additionalProperties: false }], default: { a: 1 } } }
nodes:
  t: { uses: exec, with: { argv: [c] } }
  u: { uses: values, with: { v: 1 } }
  n: { uses: values, with: { v: 2 } }
  v: { uses: values, with: { a: '{{ first_of(nodes.t.output.stdout, nodes.t.error.kind) }}', b: '{{ nodes.t.output.stdout | default(nodes.t.error.kind) }}', c: '{{ first_of(nodes.u.output.v | string, nodes.n.output.v) }}', d: '{{ first_of(inputs.m.a, inputs.m.b) }}', e: '{{ inputs.m.a | default(inputs.m.b) + 1 }}', f: '{{ first_of(inputs.m.a, inputs.m.d, inputs.m.b) }}', g: '{% for x in inputs.l %}{{ first_of(x.name, nodes.u.output.v, nodes.n.output.v) }}{% endfor %}' } }
  w: { uses: values, with: { w: y } }
  x: { uses: values, with: { z: '{{ first_of(nodes.w.output.w, inputs.o.a) }}' } }
  k: { uses: values, with: { t: k }, skip_when: inputs.f }
  p: { uses: values, with: { t: p }, skip_when: not inputs.f }
  q: { uses: values, with: { t: '{{ first_of(nodes.k.output.t, nodes.p.output.t) }}' } }
edges:
  - t -> u -> v
  - { from: t, to: n, catch: [exit] }
  - n -> v
  - { from: v, to: w, when: inputs.o.a is undefined }
  - { from: v, to: x, otherwise: true }
  - w -> x
  - k -> p -> q
outputs: { a: '{{ first_of(nodes.t.output.stdout, nodes.t.error.kind) }}', z: '{{ first_of(nodes.w.output.w, inputs.o.a) }}' }
",
    ),
    (
        "what is not there is known where it is asked for: of shapes that are told apart by a key, in prompts of several nodes",
        &[],
        "inputs: { m: { oneOf: [{ type: object, properties: { a: { type: integer } }, required: [a], additionalProperties: false }, { type: object, properties: { b: { type: integer } }, required: [b], additionalProperties: false }], default: { a: 1 } } }
prompts:
  p: { text: \"{% if 'a' in m %}{{ m.a }}{% else %}{{ m.b }}{% endif %}\" }
  q: { text: \"{% if 'a' not in (m | keys) %}{{ m.b }}{% else %}{{ m.a }}{% endif %}\" }
nodes:
  s: { uses: values, with: { x: \"{{ inputs.m.a if 'a' in inputs.m else inputs.m.b }}\", y: '{{ inputs.m.a if inputs.m.a is defined else inputs.m.b }}' } }
  a: { uses: values, with: { x: '{{ inputs.m.a }}' } }
  b: { uses: values, with: { x: '{{ inputs.m.b }}' } }
  c: { uses: values, with: { x: '{{ inputs.m.a }}' } }
  d: { uses: values, with: { x: '{{ inputs.m.b }}' } }
  k: { uses: values }
  e: { uses: exec, with: { argv: [c] } }
  f: { uses: values, with: { x: '{{ nodes.e.output.stdout if nodes.e.output is defined else nodes.e.error.kind }}', y: '{{ nodes.e.error.kind if nodes.e.error is defined else nodes.e.output.stdout }}' } }
  g: { uses: render, with: { prompt: p, vars: { m: { a: 1 } } } }
  h: { uses: render, with: { prompt: p, vars: { m: { b: 1 } } } }
  i: { uses: render, with: { prompt: q, vars: { m: { a: 1 } } } }
  j: { uses: render, with: { prompt: q, vars: { m: { b: 1 } } } }
edges:
  - { from: s, to: a, when: \"'a' in inputs.m\" }
  - { from: s, to: b, otherwise: true }
  - { from: k, to: c, when: \"'b' not in inputs.m\" }
  - { from: k, to: d, when: inputs.m.a is undefined }
  - e -> f
  - { from: e, to: f, catch: [exit] }
  - g -> h -> i -> j
",
    ),
    (
        "and is an error where it is read all the same, or where a third shape has neither",
        &["may-be-missing", "may-be-missing"],
        "inputs: { o: { type: object, properties: { a: { type: integer } }, default: {} }, m: { oneOf: [{ type: object, properties: { a: { type: integer } }, required: [a], additionalProperties: false }, { type: object, properties: { b: { type: integer } }, required: [b], additionalProperties: false }, { type: object, properties: { c: { type: integer } }, required: [c], additionalProperties: false }] } }
nodes:
  s: { uses: values, with: { x: \"{{ 1 if 'a' in inputs.o else inputs.o.a }}\", y: '{{ first_of(inputs.m.a, inputs.m.b) }}' } }
",
    ),
    (
        "an item that is collected has succeeded or failed, unless it may be skipped",
        &["may-be-null"],
        "inputs: { l: { type: array, items: { type: string }, default: [a, b] } }
nodes:
  m: { uses: exec, with: { argv: [c, '{{ i }}'] }, for_each: { in: inputs.l, as: i, on_error: collect } }
  r: { uses: values, with: { t: \"{% for x in nodes.m.output %}{% if x.status == 'succeeded' %}{{ x.output.stdout }}{% else %}{{ x.error.kind }}{% endif %}{% endfor %}\", k: \"{{ nodes.m.output | rejectattr('status', 'eq', 'succeeded') | map(attribute='error.kind') | join(',') }}\" } }
  q: { uses: values, for_each: { in: nodes.m.output, as: x }, with: { z: \"{{ x.output.stdout if x.status == 'succeeded' else x.error.kind }}\" } }
  n: { uses: exec, with: { argv: [c, '{{ i }}'] }, for_each: { in: inputs.l, as: i, on_error: collect }, skip_when: \"i == 'a'\" }
  s: { uses: values, for_each: { in: nodes.n.output, as: x }, with: { z: \"{{ x.output.stdout if x.status == 'succeeded' else x.error.kind }}\" } }
edges: [m -> r -> q, n -> s]
",
    ),
    (
        "a list that is longer than `max`, or none, has no item that failed; nor has a batch that took too long, that a person refused, or whose loop has run out, a call",
        &["may-be-missing"; 7],
        "inputs: { files: { type: array, items: { type: string }, default: [a, b, c] }, text: { type: string, default: '[]' } }
graphs: { g: { inputs: { f: { type: string } }, nodes: { x: { uses: exec, with: { argv: [lint, '{{ inputs.f }}'] } } } } }
nodes:
  a: { uses: exec, with: { argv: [lint, '{{ f }}'] }, for_each: { in: inputs.files, as: f, max: 2 } }
  b: { uses: values, with: { at: '{{ nodes.a.error.index }}' } }
  c: { uses: graph, with: { graph: g, inputs: { f: '{{ f }}' } }, for_each: { in: inputs.files, as: f, max: 2 } }
  d: { uses: values, with: { at: '{{ nodes.c.error.path }}' } }
  e: { uses: exec, with: { argv: [lint, '{{ f }}'] }, for_each: { in: inputs.text | fromjson, as: f } }
  f: { uses: values, with: { at: '{{ nodes.e.error.index }}' } }
  h: { uses: batch, with: { calls: [{ tool: exec, input: { argv: [c] } }], tools: [exec], max_calls: 2 }, timeout: 1s }
  i: { uses: values, with: { at: '{{ nodes.h.error.index }}' } }
  j: { uses: values, with: { at: '{{ nodes.h.error.output.results }}' } }
  k: { uses: graph, with: { graph: g, inputs: { f: a } }, timeout: 1s, for_each: { in: '[1, 2]', as: x, on_error: collect } }
  l: { uses: values, with: { o: \"{{ nodes.k.output | selectattr('status', 'eq', 'failed') | map(attribute='error.path') }}\" } }
  n: { uses: exec, with: { argv: [c, '{{ f }}'] }, for_each: { in: \"['a']\", as: f } }
  o: { uses: values, with: { at: '{{ nodes.n.error.index }}' } }
edges:
  - { from: a, to: b, catch: [any] }
  - { from: c, to: d, catch: [invalid_input] }
  - { from: e, to: f, catch: [expression] }
  - { from: h, to: i, catch: [timeout] }
  - { from: h, to: j, catch: [rejected] }
  - k -> l
  - { from: n, to: n, loop: { max: 2 }, when: \"output[0].stdout == 'x'\" }
  - { from: n, to: o, catch: [exit, exhausted] }
",
    ),
    (
        "there is one where the list can't be too long: by its schema, by what gives it, by a part that is taken",
        &[],
        "inputs: { files: { type: array, items: { type: string }, maxItems: 20, default: [a] }, more: { type: array, items: { type: string }, default: [a] } }
nodes:
  a: { uses: exec, with: { argv: [c, '{{ f }}'] }, for_each: { in: inputs.files, as: f, max: 20 } }
  b: { uses: values, with: { at: '{{ nodes.a.error.index }}' } }
  c: { uses: exec, with: { argv: [c, '{{ f }}'] }, for_each: { in: inputs.more, as: f, on_error: collect } }
  d: { uses: exec, with: { argv: [c, '{{ f.error.kind }}'] }, for_each: { in: \"nodes.c.output | selectattr('status', 'eq', 'failed')\", as: f } }
  e: { uses: values, with: { at: '{{ nodes.d.error.index }}' } }
  l: { uses: batch, with: { calls: [{ tool: exec, input: { argv: [c] } }], tools: [exec], max_calls: 2 }, timeout: 1s }
  m: { uses: values, with: { many: '{{ nodes.l.error.output.results | length }}' } }
  f: { uses: exec, with: { argv: [c, '{{ f }}'] }, for_each: { in: \"inputs.more[:10] + ['z']\", as: f, max: 11 } }
  g: { uses: values, with: { at: '{{ nodes.f.error.index }}' } }
  h: { uses: values }
  i: { uses: list_files, with: { max: 50 } }
  j: { uses: exec, with: { argv: [c, '{{ f }}'] }, for_each: { in: nodes.i.output.files | sort, as: f, max: 50 } }
  k: { uses: values, with: { at: '{{ nodes.j.error.index }}' } }
edges:
  - { from: a, to: b, catch: [any] }
  - c -> d
  - { from: d, to: e, catch: [any] }
  - { from: d, to: h, when: output | length > 2 }
  - { from: f, to: g, catch: [exit, invalid_input] }
  - i -> j
  - { from: j, to: k, catch: [any] }
  - { from: l, to: m, catch: [timeout, exit] }
",
    ),
    (
        "what is written has to fit, and a sum has to be a number: else it is the node that had no value",
        &["may-be-missing", "may-be-missing", "may-be-missing", "may-be-missing"],
        "state:
  n: { type: integer, minimum: 5, default: 9, reduce: replace }
  s: { type: number, reduce: sum }
  t: { type: number, reduce: sum }
  u: { type: string, default: '', reduce: replace }
inputs: { l: { type: array, items: { type: integer }, default: [1] }, v: { type: integer, default: 1 }, w: { type: [string, integer], default: a } }
nodes:
  a: { uses: values, with: { x: 1 }, update: { n: '{{ inputs.v }}' } }
  b: { uses: values, with: { y: '{{ nodes.a.output.x }}' } }
  c: { uses: values, with: { x: 1 }, update: { s: 1.7e308 } }
  d: { uses: values, with: { y: '{{ nodes.c.output.x }}' } }
  e: { uses: values, update: { t: 1.7e308 } }
  f: { uses: values, update: { t: 1.7e308 } }
  g: { uses: values, with: { x: '{{ state.t }}' } }
  h: { uses: values, with: { y: '{{ nodes.g.output.x }}' } }
  i: { uses: values }
  j: { uses: values, with: { x: 1 }, update: { u: '{{ inputs.w }}' } }
  k: { uses: values, with: { y: '{{ nodes.j.output.x }}' } }
edges:
  - { from: a, to: i, when: 'inputs.l[5] == 1' }
  - { from: a, to: b, catch: [expression] }
  - { from: c, to: i, when: 'inputs.l[5] == 1' }
  - { from: c, to: d, catch: [expression] }
  - { from: [e, f], to: g }
  - { from: g, to: i, when: 'inputs.l[5] == 1' }
  - { from: g, to: h, catch: [expression] }
  - { from: j, to: i, when: 'inputs.l[5] == 1' }
  - { from: j, to: k, catch: [expression] }
",
    ),
    (
        "what fits in every run, and small sums, leave a node what it gave",
        &[],
        "state:
  n: { type: integer, reduce: sum }
  k: { type: integer, reduce: sum }
  last: { type: string, default: '', reduce: replace }
  log: { type: array, items: { type: object, properties: { a: { type: string }, n: { type: integer } }, required: [a], additionalProperties: false }, reduce: append }
inputs: { s: { type: string, default: a } }
nodes:
  c: { uses: exec, with: { argv: [c, '{{ state.n | string }}'], ok_exit: any }, update: { n: 1, k: '{{ inputs.s | length }}', last: '{{ output.stdout }}', log: { a: '{{ output.stdout }}', n: 3 } } }
  d: { uses: values, with: { y: '{{ nodes.c.output.stdout }}' } }
  e: { uses: values }
edges:
  - { from: c, to: e, when: output.stdout | lines | first == inputs.s }
  - { from: c, to: d, catch: [expression] }
",
    ),
    (
        "what was surely written to a channel is there, and what it began with where nothing takes it away",
        &[],
        "state:
  v: { type: [string, 'null'], default: null, reduce: replace }
  last: { type: [string, 'null'], default: null, reduce: replace }
  o: { type: object, properties: { a: { type: integer } }, additionalProperties: false, default: {}, reduce: replace }
  b: { type: [string, 'null'], default: x, reduce: replace }
inputs: { f: { type: boolean, default: false } }
nodes:
  s: { uses: values, with: { b: '{{ state.b }}!' } }
  w: { uses: values, update: { v: x, o: { a: 1 } } }
  u: { uses: values, update: { v: y, o: { a: 2 } } }
  r: { uses: values, with: { n: '{{ state.v }}!', a: '{{ state.o.a }}' } }
  c: { uses: values }
  d: { uses: values, update: { b: '{{ none }}' } }
  t: { uses: exec, with: { argv: [c, \"{{ state.last if state.last is not none else '' }}\"], ok_exit: any }, update: { last: '{{ output.stdout }}' } }
  g: { uses: values, with: { v: 'was {{ state.last }}' } }
  h: { uses: values, with: { v: 'gave up at {{ state.last }}' } }
edges:
  - { from: s, to: w, when: inputs.f }
  - { from: s, to: u, otherwise: true }
  - { from: [w, u], to: r }
  - { from: r, to: c, when: \"state.v != 'x'\" }
  - { from: r, to: d, otherwise: true }
  - { from: t, to: t, when: output.exit_code != 0, loop: { max: 3 } }
  - { from: t, to: g, otherwise: true }
  - { from: t, to: h, catch: [exhausted] }
outputs: { last: '{{ state.last }}', v: '{{ state.v }}' }
",
    ),
    (
        "and may be null where another writes after it, where the writer may be skipped, where a loop turns, and behind `always`; who writes beside it is not seen",
        &["may-be-null"; 6],
        "state:
  a: { type: [string, 'null'], default: null, reduce: replace }
  b: { type: [string, 'null'], default: null, reduce: replace }
  c: { type: [string, 'null'], default: x, reduce: replace }
  d: { type: [string, 'null'], default: null, reduce: replace }
  e: { type: [string, 'null'], default: x, reduce: replace }
  f: { type: [string, 'null'], default: x, reduce: replace }
inputs: { f: { type: boolean, default: false } }
nodes:
  a1: { uses: values, update: { a: x } }
  a2: { uses: values, with: { n: '{{ state.a }}!' } }
  a3: { uses: values, update: { a: '{{ none }}' } }
  b1: { uses: values, update: { b: x } }
  b2: { uses: values }
  b3: { uses: values, with: { n: '{{ state.b }}!' } }
  c1: { uses: values }
  c2: { uses: values }
  c3: { uses: values, update: { c: '{{ none }}' } }
  c4: { uses: values, join: all, with: { n: '{{ state.c }}!' } }
  d1: { uses: values, update: { d: x }, skip_when: inputs.f }
  d2: { uses: values, with: { n: '{{ state.d }}!' } }
  e1: { uses: values, with: { n: '{{ state.e }}!' } }
  e2: { uses: values, update: { e: '{{ none }}' } }
  f1: { uses: values, with: { n: '{{ state.f }}!' }, update: { f: w } }
  f2: { uses: values, update: { f: '{{ none }}' } }
  f3: { uses: values }
edges:
  - a1 -> a2
  - a1 -> a3
  - b1 -> b2
  - { from: b2, to: b3, always: true }
  - c1 -> c2 -> c4
  - c1 -> c3 -> c4
  - d1 -> d2
  - e1 -> e2
  - { from: e2, to: e1, when: loops.e1.iteration < 2, loop: { max: 3 } }
  - f1 -> f2
  - { from: f2, to: f3, always: true }
  - { from: f3, to: f1, when: loops.f1.iteration < 2, loop: { max: 3 } }
outputs: { d: '{{ state.d }}' }
",
    ),
    (
        "a constant in a text or a prompt is asked for its value as well",
        &["wrong-operand", "wrong-operand"],
        "prompts: { p: { text: '{{ 3 // 2 }}{% if x %}n = {{ 1 // 0 }}{% endif %}{% for i in range(3) %}{{ i }}{% endfor %}' } }
nodes:
  a: { uses: values, with: { v: \"n = {{ 1 // 0 }} {{ '1' | int }}\" } }
  b: { uses: render, with: { prompt: p, vars: { x: true } } }
",
    ),
    (
        "what runs out around an inner loop is caught by what leaves both: an edge within the inner one is past then",
        &["may-be-missing"],
        "nodes:
  o: { uses: values }
  t: { uses: exec, with: { argv: [x], ok_exit: any } }
  within: { uses: values, with: { text: x } }
  out: { uses: values }
edges:
  - o -> t
  - { from: t, to: within, otherwise: true }
  - { from: within, to: t, loop: { max: 2, exhausted: leave } }
  - { from: t, to: o, when: output.exit_code != 0, loop: { max: 2 } }
  - { from: t, to: within, catch: [exhausted] }
  - { from: t, to: out, catch: [exhausted] }
outputs: { text: '{{ nodes.within.output.text }}' }
",
    ),
    (
        "what comes later in a loop may write null, or lack a field, in whatever form it is written",
        &["may-be-missing", "may-be-null", "may-be-null", "may-be-null", "may-be-missing"],
        "inputs: { z: { type: [string, 'null'], default: null }, s: { type: string, default: k } }
state:
  a: { type: object, properties: { a: { type: string }, b: { type: string } }, default: { a: q }, reduce: replace }
  b: { type: [integer, 'null'], default: 3, reduce: replace }
  c: { type: [integer, 'null'], default: 3, reduce: replace }
  d: { type: object, properties: { a: { type: [string, 'null'] } }, required: [a], default: { a: q }, reduce: replace }
nodes:
  h: { uses: values, with: { a: '{{ state.a.a }}!', b: '{{ state.b }}!', c: '{{ state.c }}!', d: '{{ state.d.a }}!' } }
  t: { uses: exec, with: { argv: [c], ok_exit: any }, update: { c: '{{ output.signal }}' } }
  w: { uses: values, update: { a: { b: '{{ inputs.s }}' }, b: '{{ nodes.t.output.signal }}', d: { a: '{{ inputs.z }}' } } }
  e: { uses: values, with: { a: '{{ state.a.a }}' } }
edges:
  - h -> t -> w
  - { from: w, to: h, when: loops.h.iteration < 2, loop: { max: 3 } }
  - { from: w, to: e, otherwise: true }
",
    ),
    (
        "and it may not, where what it writes is there",
        &[],
        "inputs: { s: { type: string, default: k } }
state:
  a: { type: object, properties: { a: { type: string }, b: { type: string } }, default: { a: q }, reduce: replace }
  b: { type: [integer, 'null'], default: 3, reduce: replace }
  c: { type: [string, 'null'], default: x, reduce: replace }
nodes:
  h: { uses: values, with: { a: '{{ state.a.a }}!', b: '{{ state.b }}!', c: '{{ state.c }}!' } }
  t: { uses: exec, with: { argv: [c], ok_exit: any } }
  w: { uses: values, with: { c: '{{ state.c }}' }, update: { a: { a: '{{ inputs.s }}', b: x }, b: '{{ nodes.t.output.exit_code if nodes.t.output.exit_code is not none else 0 }}', c: '{{ output.c }}' } }
edges:
  - h -> t -> w
  - { from: w, to: h, when: loops.h.iteration < 2, loop: { max: 3 } }
",
    ),
    (
        "a loop turns with the null where what would write anew has failed, was skipped or has no item, or writes null itself, also out of an inner loop",
        &["may-be-null"; 6],
        "inputs: { z: { type: [string, 'null'], default: null }, f: { type: boolean, default: true }, l: { type: array, items: { type: string }, default: [] } }
state:
  a: { type: [string, 'null'], default: x, reduce: replace }
  b: { type: [string, 'null'], default: x, reduce: replace }
  c: { type: [string, 'null'], default: x, reduce: replace }
  d: { type: [string, 'null'], default: x, reduce: replace }
  e: { type: [string, 'null'], default: x, reduce: replace }
nodes:
  h: { uses: values, with: { a: '{{ state.a }}!', b: '{{ state.b }}!', c: '{{ state.c }}!', d: '{{ state.d }}!' } }
  bad: { uses: values, update: { a: '{{ inputs.z }}', b: '{{ inputs.z }}', c: '{{ inputs.z }}', d: '{{ inputs.z }}' } }
  skip: { uses: values, skip_when: inputs.f, update: { b: x } }
  each: { uses: values, for_each: { in: inputs.l, as: i }, update: { c: x } }
  try: { uses: exec, with: { argv: [c] }, update: { a: x, d: '{{ inputs.z }}' } }
  note: { uses: values }
  done: { uses: values }
  o: { uses: values, with: { e: '{{ state.e }}!' } }
  i: { uses: values }
  w: { uses: values, update: { e: '{{ inputs.z }}' } }
  t: { uses: values }
  end: { uses: values, with: { e: '{{ state.e }}!' } }
edges:
  - h -> bad -> skip -> each -> try -> done
  - { from: try, to: note, catch: [exit] }
  - { from: note, to: h, loop: { max: 3, exhausted: leave } }
  - { from: o, to: i, when: loops.o.iteration < 3 }
  - { from: o, to: end, otherwise: true }
  - { from: i, to: w, when: loops.i.iteration < 2 }
  - { from: w, to: i, loop: { max: 5, exhausted: leave } }
  - { from: i, to: t, otherwise: true }
  - { from: t, to: o, loop: { max: 5, exhausted: leave } }
",
    ),
    (
        "and without it where each way writes anew, or who hangs off the loop does; who writes beside the reader is not seen",
        &[],
        "inputs: { z: { type: [string, 'null'], default: null } }
state:
  a: { type: [string, 'null'], default: x, reduce: replace }
  b: { type: [string, 'null'], default: x, reduce: replace }
  c: { type: [string, 'null'], default: x, reduce: replace }
nodes:
  h: { uses: values, with: { a: '{{ state.a }}!' } }
  bad: { uses: values, update: { a: '{{ inputs.z }}', b: '{{ inputs.z }}' } }
  try: { uses: exec, with: { argv: [c] }, update: { a: x } }
  note: { uses: values, update: { a: failed } }
  good: { uses: values, update: { b: y } }
  read: { uses: values, with: { b: '{{ state.b }}!' } }
  done: { uses: values }
  s: { uses: values }
  one: { uses: values, update: { c: '{{ inputs.z }}' } }
  two: { uses: values, with: { c: '{{ state.c }}!' } }
edges:
  - h -> bad -> try -> done
  - h -> good -> read
  - { from: try, to: note, catch: [exit] }
  - { from: note, to: h, loop: { max: 3, exhausted: leave } }
  - s -> one
  - s -> two
outputs: { a: '{{ state.a }}!', b: '{{ state.b }}!' }
",
    ),
    (
        "a node that has surely succeeded has written, whichever way leads to its reader",
        &[],
        "state:
  a: { type: [string, 'null'], default: null, reduce: replace }
  o: { type: object, properties: { a: { type: string } }, default: {}, reduce: replace }
  c: { type: [string, 'null'], default: null, reduce: replace }
  d: { type: object, properties: { a: { type: string } }, default: {}, reduce: replace }
nodes:
  s: { uses: values }
  w: { uses: values, update: { a: x, o: { a: x } } }
  o: { uses: values }
  r: { uses: values, with: { a: '{{ state.a }}!', o: '{{ state.o.a }}!' } }
  each: { uses: values, for_each: { in: \"['p', 'q']\", as: i }, update: { c: '{{ i }}' } }
  copy: { uses: values, with: { c: '{{ state.c }}!' } }
  t: { uses: exec, with: { argv: [c] }, update: { d: { a: x } } }
  b: { uses: values, with: { q: x } }
  f: { uses: values, with: { t: '{{ first_of(state.d.a, nodes.b.output.q) }}' } }
edges:
  - s -> w -> r
  - s -> o -> r
  - each -> copy
  - t -> f
  - { from: t, to: b, catch: [exit] }
  - b -> f
",
    ),
    (
        "and not where its failure is caught elsewhere, or a condition leads past it; a copy of what may be null may be null",
        &["may-be-null", "may-be-null", "may-be-null", "may-be-missing"],
        "inputs: { f: { type: boolean, default: false } }
state:
  a: { type: [string, 'null'], default: null, reduce: replace }
  b: { type: [string, 'null'], default: null, reduce: replace }
  c: { type: [string, 'null'], default: x, reduce: replace }
  d: { type: object, properties: { a: { type: string } }, default: {}, reduce: replace }
nodes:
  s: { uses: values }
  w: { uses: exec, with: { argv: [c] }, update: { a: x } }
  h: { uses: values }
  o: { uses: values }
  v: { uses: values, update: { b: x } }
  r: { uses: values, with: { a: '{{ state.a }}!', b: '{{ state.b }}!' } }
  copy: { uses: values, with: { c: '{{ state.a }}' }, update: { c: '{{ output.c }}' } }
  read: { uses: values, with: { c: '{{ state.c }}!' } }
  t: { uses: exec, with: { argv: [c] }, update: { d: { a: x } } }
  b: { uses: values, with: { q: x } }
  f: { uses: values, with: { t: '{{ first_of(state.d.a, nodes.b.output.q) }}' } }
edges:
  - s -> w -> r
  - s -> o -> r
  - { from: s, to: v, when: inputs.f }
  - v -> r
  - { from: w, to: h, catch: [exit] }
  - copy -> read
  - t -> f
  - { from: t, to: b, when: inputs.f }
  - { from: t, to: f, catch: [exit] }
  - b -> f
",
    ),
];

#[test]
fn what_is_known_of_a_shape_holds_for_each_graph_that_has_it() {
    let wrong: Vec<String> = SHAPES
        .iter()
        .map(|(why, expected, body)| (why, expected, body, codes(body)))
        .filter(|(_, expected, _, found)| *found != **expected)
        .map(|(why, expected, body, found)| format!("{why}: {found:?} and not {expected:?}\n{body}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_more_is_told_of_a_graph_that_is_drawn_out() {
    let page = std::fs::read_to_string("docs/known-before-the-run.md").unwrap();
    let examples = page.split("\n```yaml ").skip(1).map(|block| {
        let (_, rest) = block.split_once('\n').unwrap();
        format!("{}\n", rest.split("\n```").next().unwrap())
    });
    let shapes = SHAPES.iter().map(|(_, _, body)| (*body).to_owned());
    let (mut drawn, mut wrong) = (0, Vec::new());
    for body in examples.chain(shapes) {
        let short = codes(&body);
        let longs = [far_ways::behind(&body), far_ways::drawn_out(&body)];
        for (how, text) in longs.into_iter().enumerate() {
            let Some(text) = text else { continue };
            let long = codes_of("g.json", text);
            drawn += 1;
            if !far_ways::says_no_more(&long, &short) {
                let how = ["behind a long way", "with long ways in it"][how];
                wrong.push(format!("{how}: {long:?}, and {short:?} of the short one\n{body}"));
            }
        }
    }
    assert!(drawn > 100, "{drawn} graphs were drawn out");
    assert!(wrong.is_empty(), "{} of {drawn}:\n{}", wrong.len(), wrong.join("\n"));
}

/// One bound of a schema as likely as not to hold of small values.
fn bound(reduce: &str) -> BoxedStrategy<(String, Value)> {
    let words: &[(&str, Value)] = match reduce {
        "sum" => &[
            ("minimum", json!(0)),
            ("minimum", json!(-2)),
            ("maximum", json!(4)),
            ("maximum", json!(0)),
            ("exclusiveMinimum", json!(-1)),
            ("exclusiveMaximum", json!(3)),
            ("multipleOf", json!(2)),
            ("multipleOf", json!(0.5)),
            ("enum", json!([0, 2])),
            ("not", json!({ "const": 4 })),
        ],
        "merge" => &[
            ("required", json!(["a"])),
            ("minProperties", json!(1)),
            ("maxProperties", json!(1)),
            ("additionalProperties", json!({ "maximum": 2 })),
            ("properties", json!({ "a": { "minimum": 1 } })),
            ("propertyNames", json!({ "pattern": "^[ab]$" })),
            ("dependentRequired", json!({ "b": ["a"] })),
            ("oneOf", json!([{ "required": ["a"] }, { "required": ["b"] }])),
        ],
        _ => &[
            ("items", json!({ "maximum": 2 })),
            ("minItems", json!(1)),
            ("maxItems", json!(2)),
            ("uniqueItems", json!(true)),
            ("uniqueItems", json!(false)),
            ("contains", json!({ "const": 1 })),
            ("prefixItems", json!([{ "const": 1 }])),
            ("allOf", json!([{ "maxItems": 2 }])),
        ],
    };
    let owned: Vec<(String, Value)> =
        words.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    select(owned).boxed()
}

/// A value of the kind that a channel holds.
fn held(reduce: &str) -> BoxedStrategy<Value> {
    let number = -3..4_i64;
    match reduce {
        "sum" => number.prop_map(Value::from).boxed(),
        "merge" => {
            let entry = (select(vec!["a", "b", "c"]), number);
            vec(entry, 0..3)
                .prop_map(|entries| {
                    entries.into_iter().map(|(key, value)| (key.to_owned(), json!(value))).collect()
                })
                .boxed()
        }
        _ => vec(number, 0..3).prop_map(Value::from).boxed(),
    }
}

/// A channel: how it folds, its schema and its start; and what is written to it.
fn channel() -> impl Strategy<Value = (String, Value, Value, Vec<Value>)> {
    select(vec!["append", "extend", "merge", "sum"]).prop_flat_map(|reduce| {
        let write = if reduce == "append" { (-3..4_i64).prop_map(Value::from).boxed() } else { held(reduce) };
        (Just(reduce.to_owned()), vec(bound(reduce), 0..3), held(reduce), vec(write, 1..4)).prop_map(
            |(reduce, bounds, start, writes)| {
                let kind = match reduce.as_str() {
                    "sum" => "integer",
                    "merge" => "object",
                    _ => "array",
                };
                let mut schema = Value::Object(bounds.into_iter().collect());
                schema["type"] = json!(kind);
                (reduce, schema, start, writes)
            },
        )
    })
}

fn folded(reduce: &str, held: Value, write: &Value) -> Value {
    match (reduce, held, write) {
        ("sum", held, write) => json!(held.as_i64().unwrap() + write.as_i64().unwrap()),
        ("merge", Value::Object(mut held), Value::Object(write)) => {
            held.extend(write.clone());
            Value::Object(held)
        }
        ("extend", Value::Array(held), Value::Array(write)) => [held, write.clone()].concat().into(),
        (_, Value::Array(held), write) => [held, vec![write.clone()]].concat().into(),
        (_, held, _) => held,
    }
}

proptest! {
    #![proptest_config(Config { cases: 3000, ..Config::default() })]

    /// What may stand in the schema of a channel that folds holds of what it holds, whatever is written in whatever order.
    #[test]
    fn what_a_channel_may_say_is_kept_by_folding((reduce, schema, start, writes) in channel()) {
        let holds = |schema: &Value, value: &Value| validate_value(schema, value).is_empty();
        let mut declared = schema.clone();
        declared["reduce"] = json!(reduce);
        declared["default"] = start.clone();
        let graph = json!({ "state": { "c": declared }, "nodes": { "a": { "uses": "values" } } });
        let found = codes(&format!("state: {}\nnodes: {}\n", graph["state"], graph["nodes"]));
        prop_assert!(found.iter().all(|code| code == "bad-value" || code == "bad-default"), "{found:?}: {graph}");
        if found.is_empty() {
            let anything = json!(true);
            let of_write = if reduce == "append" { schema.get("items").unwrap_or(&anything) } else { &schema };
            let mut value = start;
            for write in writes.iter().filter(|write| holds(of_write, write)) {
                value = folded(&reduce, value, write);
                prop_assert!(holds(&schema, &value), "{value} by {writes:?}: {graph}");
            }
        }
    }
}
