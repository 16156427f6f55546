//! Whole processes, from start to end: what a person waits for. `cargo bench --bench process`.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

use std::fmt::Write as _;
use std::process::{Command, Stdio};

fn main() {
    divan::main();
}

struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn new(graph: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("graph.yaml"), graph).unwrap();
        Self { folder }
    }

    fn lgflow(&self, arguments: &[&str]) {
        let status = Command::new(env!("CARGO_BIN_EXE_lgflow"))
            .args(arguments)
            .current_dir(self.folder.path())
            .env("LGFLOW_STATE_DIR", self.folder.path().join("state"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "{arguments:?} ended with {status}");
    }
}

/// A chain of `count` nodes with a template each.
fn chain(count: usize) -> String {
    let mut text = String::from(
        "schema: lgflow.graph/v1\nname: chain\ninputs:\n  n: { type: integer, default: 1 }\nnodes:\n",
    );
    for at in 0..count {
        let before = if at == 0 { "inputs.n".to_owned() } else { format!("nodes.n{}.output.n", at - 1) };
        let expression = format!("{{{{ {before} + 1 }}}}");
        let _ = write!(text, "  n{at}:\n    uses: values\n    with: {{ n: \"{expression}\" }}\n");
    }
    let names: Vec<String> = (0..count).map(|at| format!("n{at}")).collect();
    text + &format!("edges:\n  - {}\n", names.join(" -> "))
}

const RENDER: &str = "\
schema: lgflow.graph/v1
name: hello
prompts:
  hello: { text: \"Hello, {{ who }}.\" }
nodes:
  hello: { uses: render, with: { prompt: hello, vars: { who: world } } }
outputs:
  text: \"{{ nodes.hello.output.text }}\"
";

#[divan::bench(sample_count = 50, sample_size = 1)]
fn validate_a_graph_of_20_nodes(bencher: divan::Bencher<'_, '_>) {
    let bench = Bench::new(&chain(20));
    bencher.bench_local(|| bench.lgflow(&["validate", "graph.yaml"]));
}

#[divan::bench(sample_count = 50, sample_size = 1)]
fn run_one_render_node(bencher: divan::Bencher<'_, '_>) {
    let bench = Bench::new(RENDER);
    bencher.bench_local(|| bench.lgflow(&["run", "-g", "graph.yaml"]));
}

#[divan::bench(sample_count = 50, sample_size = 1)]
fn print_the_version(bencher: divan::Bencher<'_, '_>) {
    let bench = Bench::new("");
    bencher.bench_local(|| bench.lgflow(&["--version"]));
}
