//! Whole processes, from start to end: what a person waits for, and what the machine spends on it. For each case the
//! median and the ninth decile of the wall time, the mean of user and system time, and what a run leaves in the store. Then
//! what `dev` takes from a file's being put in place to the line that tells of it, the 40 ms included that it waits for more. Last, the most
//! memory that `validate` takes of many nodes.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark makes its own files and processes, prints, and stops where it is wrong"
)]

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn main() {
    // without it, the benchmark is only tried: `cargo test --benches`
    let measured = std::env::args().any(|argument| argument == "--bench");
    println!("{:44} {:>10} {:>10} {:>10} {:>12}", "", "median", "9th decile", "CPU", "store");
    for case in cases() {
        case.measure(if measured { case.runs } else { 1 });
    }
    for nodes in [20, 1_000] {
        reload(nodes, if measured { 100 } else { 1 });
    }
    for files in if measured { vec![1, 3, 10] } else { vec![1] } {
        memory(files);
    }
}

/// The most memory that `validate` takes for graphs of 10,000 nodes in so many files, told by the kernel (`getrusage(2)`).
fn memory(files: usize) {
    let folder = tempfile::tempdir().unwrap();
    let mut graph = "schema: lgflow.graph/v1\nname: all\ngraphs:\n".to_owned();
    for at in 0..files {
        std::fs::write(folder.path().join(format!("g{at}.yaml")), chain(10_000)).unwrap();
        writeln!(graph, "  g{at}: {{ file: g{at}.yaml }}").unwrap();
    }
    graph.push_str("nodes:\n");
    for at in 0..files {
        writeln!(graph, "  n{at}: {{ uses: graph, with: {{ graph: g{at} }} }}").unwrap();
    }
    std::fs::write(folder.path().join("graph.yaml"), graph).unwrap();
    let result = folder.path().join("result.json");
    let status = Command::new("python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/program/measure.py"))
        .arg(&result)
        .args(["300", env!("CARGO_BIN_EXE_lgflow"), "validate", "graph.yaml"])
        .current_dir(folder.path())
        .env("LGFLOW_STATE_DIR", folder.path().join("state"))
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "python3 ended with {status}");
    let measured: serde_json::Value = serde_json::from_slice(&std::fs::read(result).unwrap()).unwrap();
    assert_eq!(measured["code"], 0, "the graph is sound");
    let name = format!("validate 10,000 nodes in each of {files} files");
    println!(
        "{name:44} {:>7} ms {:>7} MiB",
        measured["milliseconds"],
        measured["peak_kib"].as_u64().unwrap() >> 10
    );
}

/// Changes a graph again and again while `dev` watches it.
fn reload(nodes: usize, turns: usize) {
    let folder = tempfile::tempdir().unwrap();
    let (own, aside) = (folder.path().join(".lg"), folder.path().join("aside"));
    std::fs::create_dir(&own).unwrap();
    let graph = chain(nodes);
    std::fs::write(own.join("graph.yaml"), &graph).unwrap();
    let mut dev = Command::new(env!("CARGO_BIN_EXE_lgflow"))
        .args(["dev", "--format", "json"])
        .current_dir(folder.path())
        .env("LGFLOW_STATE_DIR", folder.path().join("state"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(dev.stdout.take().unwrap()).lines();
    let mut told = || assert!(lines.next().unwrap().unwrap().contains("\"sound\":true"));
    told();
    let mut walls: Vec<Duration> = (0..turns)
        .map(|turn| {
            std::fs::write(&aside, graph.replace("default: 1", &format!("default: {}", turn + 2))).unwrap();
            let start = Instant::now();
            std::fs::rename(&aside, own.join("graph.yaml")).unwrap();
            told();
            start.elapsed()
        })
        .collect();
    dev.kill().unwrap();
    dev.wait().unwrap();
    walls.sort_unstable();
    let (median, decile) = (walls[walls.len() / 2], walls[walls.len() * 9 / 10]);
    println!("{:44} {} {}", format!("reload a graph of {nodes} nodes"), shown(median), shown(decile));
}

struct Case {
    name: &'static str,
    graph: String,
    arguments: &'static [&'static str],
    runs: u32,
}

fn cases() -> Vec<Case> {
    let case = |name, graph, arguments, runs| Case { name, graph, arguments, runs };
    let (validate, run): (&[&str], &[&str]) = (&["validate", "graph.yaml"], &["run", "-g", "graph.yaml"]);
    vec![
        case("print the version", String::new(), &["--version"], 200),
        case("validate a graph of 20 nodes", chain(20), validate, 200),
        case("run one render node", RENDER.to_owned(), run, 200),
        case("validate a chain of 1,000", chain(1_000), validate, 20),
        case("run a chain of 1,000, with its trace", chain(1_000), run, 20),
        case("validate a chain of 10,000", chain(10_000), validate, 5),
        case("run a chain of 10,000, with its trace", chain(10_000), run, 5),
        case("run 1,000 turns of a loop, with its trace", turns(1_000), run, 20),
        case("run 10,000 turns of a loop, with its trace", turns(10_000), run, 5),
    ]
}

impl Case {
    fn measure(&self, runs: u32) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("graph.yaml"), &self.graph).unwrap();
        self.run(folder.path());
        let stored = bytes_beneath(&folder.path().join("state"));
        let spent = cpu_of_children();
        let mut walls: Vec<Duration> = (0..runs).map(|_| self.run(folder.path())).collect();
        let spent = cpu_of_children().saturating_sub(spent) / runs;
        walls.sort_unstable();
        let (median, decile) = (walls[walls.len() / 2], walls[walls.len() * 9 / 10]);
        println!("{:44} {} {} {} {stored:>10} B", self.name, shown(median), shown(decile), shown(spent));
    }

    fn run(&self, folder: &Path) -> Duration {
        let start = Instant::now();
        let status = Command::new(env!("CARGO_BIN_EXE_lgflow"))
            .args(self.arguments)
            .current_dir(folder)
            .env("LGFLOW_STATE_DIR", folder.join("state"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        let wall = start.elapsed();
        assert!(status.success(), "{:?} ended with {status}", self.arguments);
        wall
    }
}

fn shown(time: Duration) -> String {
    format!("{:>7.2} ms", time.as_secs_f64() * 1e3)
}

/// User and system time of all children that have ended, their own children included (`proc_pid_stat(5)`: fields 16
/// and 17, in hundredths of a second).
fn cpu_of_children() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat[stat.rfind(')').unwrap()..].split_whitespace().collect();
    let ticks: u64 = fields[14].parse::<u64>().unwrap() + fields[15].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

fn bytes_beneath(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap());
    entries
        .map(|entry| match entry.file_type().unwrap() {
            kind if kind.is_dir() => bytes_beneath(&entry.path()),
            _ => entry.metadata().unwrap().len(),
        })
        .sum()
}

/// A chain of `count` nodes with a template each.
fn chain(count: usize) -> String {
    let mut text = String::from(
        "schema: lgflow.graph/v1\nname: chain\ninputs:\n  n: { type: integer, default: 1 }\nnodes:\n",
    );
    for at in 0..count {
        let before = if at == 0 { "inputs.n".to_owned() } else { format!("nodes.n{}.output.n", at - 1) };
        let expression = format!("{{{{ {before} + 1 }}}}");
        write!(text, "  n{at}:\n    uses: values\n    with: {{ n: \"{expression}\" }}\n").unwrap();
    }
    let names: Vec<String> = (0..count).map(|at| format!("n{at}")).collect();
    text + &format!("edges:\n  - {}\n", names.join(" -> "))
}

/// A node that turns itself `count` times.
fn turns(count: usize) -> String {
    format!(
        "schema: lgflow.graph/v1\nname: turns\nnodes:\n  body: {{ uses: values, with: {{ n: \"{{{{ loops.body.iteration \
         }}}}\" }} }}\nedges:\n  - {{ from: body, to: body, when: output.n < {count}, loop: {{ max: {count} }} }}\n"
    )
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
