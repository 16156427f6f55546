//! From the text of a graph to its plan, by the number of nodes.

#![expect(clippy::unwrap_used, reason = "a benchmark of what is broken measures nothing")]

use std::fmt::Write as _;

use lgflow::compile::{CheckedRoot, FileRef, LoadProblem, Loaded, Root, check_files};
use lgflow::diag::Diagnostics;
use lgflow::files::RelPath;
use lgflow::source::Sources;

/// That of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    divan::main();
}

/// A chain of `values` nodes, each of which reads the one before it.
fn chain(nodes: usize) -> String {
    let mut text =
        "schema: lgflow.graph/v1\nname: chain\nnodes:\n  n0: { uses: values, with: { x: 1 } }\n".to_owned();
    for at in 1..nodes {
        let before = at - 1;
        writeln!(
            text,
            "  n{at}: {{ uses: values, with: {{ x: \"{{{{ nodes.n{before}.output.x + 1 }}}}\" }} }}"
        )
        .unwrap();
    }
    text.push_str("edges:\n");
    for at in 1..nodes {
        writeln!(text, "  - n{} -> n{at}", at - 1).unwrap();
    }
    text
}

/// Blocks of four nodes with types and conditions: a value, a decision by two conditions, and both ways together again. Each
/// looks at the block before, at the inputs and at a channel.
fn typed(nodes: usize) -> String {
    let mut text = "schema: lgflow.graph/v1
name: typed
inputs:
  mode: { enum: [fast, thorough], default: fast }
  limits: { type: object, properties: { least: { type: integer }, name: { type: [string, 'null'] } }, required: [least, name], default: { least: 0, name: null } }
state:
  seen: { type: array, items: { type: object, properties: { n: { type: integer } }, required: [n] }, reduce: append }
nodes:
  join0: { uses: values, with: { n: 0, name: begin } }
"
    .to_owned();
    for at in 1..=nodes / 4 {
        let before = at - 1;
        writeln!(text, "  start{at}: {{ uses: values, with: {{ n: \"{{{{ nodes.join{before}.output.n + inputs.limits.least }}}}\", name: \"{{{{ nodes.join{before}.output.name | upper }}}}\" }}, update: {{ seen: {{ n: \"{{{{ output.n }}}}\" }} }} }}").unwrap();
        writeln!(text, "  fast{at}: {{ uses: values, with: {{ n: \"{{{{ nodes.start{at}.output.n * 2 }}}}\", who: \"{{{{ inputs.limits.name if inputs.limits.name is not none else 'nobody' }}}}\" }} }}").unwrap();
        writeln!(text, "  slow{at}: {{ uses: values, with: {{ n: \"{{{{ state.seen | map(attribute='n') | sum }}}}\", who: \"{{{{ nodes.start{at}.output.name ~ '!' }}}}\" }} }}").unwrap();
        writeln!(text, "  join{at}: {{ uses: values, with: {{ n: \"{{{{ first_of(nodes.fast{at}.output.n, nodes.slow{at}.output.n) }}}}\", name: \"{{{{ first_of(nodes.fast{at}.output.who, nodes.slow{at}.output.who) }}}}\" }} }}").unwrap();
    }
    text.push_str("edges:\n");
    for at in 1..=nodes / 4 {
        let before = at - 1;
        writeln!(text, "  - join{before} -> start{at}").unwrap();
        writeln!(text, "  - {{ from: start{at}, to: fast{at}, when: \"inputs.mode == 'fast' and nodes.start{at}.output.n < 100\" }}").unwrap();
        writeln!(text, "  - {{ from: start{at}, to: slow{at}, otherwise: true }}").unwrap();
        writeln!(text, "  - {{ from: [fast{at}, slow{at}], to: join{at} }}").unwrap();
    }
    text
}

/// A chain of writes of what may be null, of what is there, and of readers, round and round.
fn carried(nodes: usize) -> String {
    let mut text = "schema: lgflow.graph/v1
name: carried
inputs: { z: { type: [string, 'null'], default: null } }
state: { x: { type: [string, 'null'], default: null, reduce: replace } }
nodes:
"
    .to_owned();
    for at in 0..nodes {
        let does = match at % 3 {
            0 => "update: { x: \"{{ inputs.z }}\" }",
            1 => "update: { x: there }",
            _ => "with: { t: \"{{ state.x }}!\" }",
        };
        writeln!(text, "  n{at}: {{ uses: values, {does} }}").unwrap();
    }
    text.push_str("edges:\n");
    for at in 1..nodes {
        writeln!(text, "  - n{} -> n{at}", at - 1).unwrap();
    }
    text
}

/// A chain that says as little as it can: so a file may hold ninety thousand nodes.
fn bare(nodes: usize) -> String {
    let mut text = "schema: lgflow.graph/v1\nname: bare\nnodes:\n".to_owned();
    for at in 0..nodes {
        writeln!(text, "  n{at}: {{uses: values}}").unwrap();
    }
    let names: Vec<String> = (0..nodes).map(|at| format!("n{at}")).collect();
    writeln!(text, "edges: [{}]", names.join(" -> ")).unwrap();
    text
}

/// Blocks of four nodes that say in few letters what those of [`typed`] say: types, conditions, a join. So a file may hold
/// some twenty-eight thousand nodes.
fn terse(nodes: usize) -> String {
    let mut text = "schema: lgflow.graph/v1
name: terse
inputs: { m: { enum: [x, y], default: x }, k: { type: integer, default: 0 } }
nodes:
  e0: {uses: values, with: {n: 0}}
"
    .to_owned();
    for at in 1..=nodes / 4 {
        let before = at - 1;
        writeln!(
            text,
            "  a{at}: {{uses: values, with: {{n: \"{{{{nodes.e{before}.output.n+inputs.k}}}}\"}}}}"
        )
        .unwrap();
        writeln!(text, "  b{at}: {{uses: values, with: {{n: \"{{{{nodes.a{at}.output.n*2}}}}\"}}}}").unwrap();
        writeln!(text, "  c{at}: {{uses: values, with: {{n: 3}}}}").unwrap();
        writeln!(text, "  e{at}: {{uses: values, with: {{n: \"{{{{first_of(nodes.b{at}.output.n,nodes.c{at}.output.n)}}}}\"}}}}").unwrap();
    }
    text.push_str("edges:\n");
    for at in 1..=nodes / 4 {
        let before = at - 1;
        writeln!(text, "- e{before} -> a{at}\n- {{from: a{at}, to: b{at}, when: inputs.m=='x'}}\n- {{from: a{at}, to: c{at}, otherwise: true}}\n- {{from: [b{at}, c{at}], to: e{at}}}").unwrap();
    }
    text
}

#[divan::bench(args = [1_250, 2_500, 5_000, 10_000], sample_count = 9, sample_size = 1)]
fn typed_text_to_plan(bencher: divan::Bencher<'_, '_>, nodes: usize) {
    compile(bencher, &typed(nodes));
}

#[divan::bench(args = [2_500, 5_000, 10_000], sample_count = 9, sample_size = 1)]
fn a_channel_that_may_be_null(bencher: divan::Bencher<'_, '_>, nodes: usize) {
    compile(bencher, &carried(nodes));
}

#[divan::bench(args = [7_000, 14_000, 28_000], sample_count = 5, sample_size = 1)]
fn as_many_typed_nodes_as_a_file_holds(bencher: divan::Bencher<'_, '_>, nodes: usize) {
    compile(bencher, &terse(nodes));
}

#[divan::bench(args = [10_000, 30_000, 90_000], sample_count = 5, sample_size = 1)]
fn as_many_nodes_as_a_file_holds(bencher: divan::Bencher<'_, '_>, nodes: usize) {
    compile(bencher, &bare(nodes));
}

/// A graph of subgraphs in files of their own, ten thousand typed nodes in each.
#[divan::bench(args = [1, 3, 10], sample_count = 5, sample_size = 1)]
fn ten_thousand_typed_nodes_in_each_file(bencher: divan::Bencher<'_, '_>, files: usize) {
    let part = typed(10_000);
    let mut text = "schema: lgflow.graph/v1\nname: whole\ngraphs:\n".to_owned();
    for at in 0..files {
        writeln!(text, "  g{at}: {{ file: g{at}.yaml }}").unwrap();
    }
    text.push_str("nodes:\n");
    for at in 0..files {
        writeln!(text, "  n{at}: {{ uses: graph, with: {{ graph: g{at} }} }}").unwrap();
    }
    compile_with(bencher, &text, &|file| {
        Ok(Loaded { name: file.path.to_string(), bytes: part.as_bytes().to_vec() })
    });
}

#[divan::bench(args = [20, 1_000, 10_000], sample_count = 25, sample_size = 1)]
fn text_to_plan(bencher: divan::Bencher<'_, '_>, nodes: usize) {
    compile(bencher, &chain(nodes));
}

fn compile(bencher: divan::Bencher<'_, '_>, text: &str) {
    compile_with(bencher, text, &|_| Err(LoadProblem::new("nothing is named")));
}

fn compile_with(
    bencher: divan::Bencher<'_, '_>,
    text: &str,
    load: &(dyn Fn(&FileRef) -> Result<Loaded, LoadProblem> + Sync),
) {
    bencher.bench(|| {
        let (mut sources, mut diagnostics) = (Sources::default(), Diagnostics::default());
        let root = Root {
            path: RelPath::parse("graph.yaml").unwrap(),
            name: "graph.yaml".to_owned(),
            bytes: text.as_bytes().to_vec(),
        };
        let checked =
            check_files(vec![root], &mut |file: &FileRef| load(file), &mut sources, &mut diagnostics);
        assert!(matches!(checked.roots[0], CheckedRoot::Graph(_)), "{diagnostics:#?}");
        checked
    });
}
