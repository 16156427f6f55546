//! From the text of a graph to its plan, by the number of nodes.

#![expect(clippy::unwrap_used, reason = "a benchmark of what is broken measures nothing")]

use std::fmt::Write as _;

use lgflow::compile::{CheckedRoot, FileRef, LoadProblem, Root, check_files};
use lgflow::diag::Diagnostics;
use lgflow::files::RelPath;
use lgflow::source::Sources;

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

#[divan::bench(args = [20, 1_000, 10_000], sample_count = 25, sample_size = 1)]
fn text_to_plan(bencher: divan::Bencher<'_, '_>, nodes: usize) {
    let text = chain(nodes);
    bencher.bench(|| {
        let (mut sources, mut diagnostics) = (Sources::default(), Diagnostics::default());
        let root = Root {
            path: RelPath::parse("graph.yaml").unwrap(),
            name: "graph.yaml".to_owned(),
            bytes: text.clone().into_bytes(),
        };
        let mut load = |_: &FileRef| Err(LoadProblem::new("nothing is named"));
        let checked = check_files(vec![root], &mut load, &mut sources, &mut diagnostics);
        assert!(matches!(checked.roots[0], CheckedRoot::Graph(_)), "{diagnostics:#?}");
        checked
    });
}
