//! What the runner's hands cost, through the gate as a call comes: a patch of a thousand files and its way back, beside
//! `git apply` where git is found; and looking through ten thousand files, beside ripgrep where it is found. Medians of
//! runs in which all take turns, on the disk that `TMPDIR` names.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a benchmark makes its files, starts processes, looks at the clock and prints"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use lgflow::effect::{FrozenLayer, LayerRole, ToolCall, ToolResult};
use lgflow::files::Root;
use lgflow::policy::{Gate, GateDecision, Machine, PolicySet};
use lgflow::runner::{Cancel, CommandMemory, Outside, Room, ToolWorld, execute};
use lgflow::source::Sources;
use serde_json::{Value, json};

/// How often each is done.
const TIMES: usize = 9;
/// Files of the patch.
const PATCHED: usize = 1000;
/// Files that are looked through.
const LOOKED_AT: usize = 10_000;

const POLICY: &str = "schema: lgflow.policy/v1
name: hands
tools: { read_file: allow, list_files: allow, search_files: allow, apply_patch: allow, rollback: allow, workspace_diff: allow }
paths: { read: { allow: ['**'] }, write: { allow: ['**'] } }
";

struct Hands {
    folder: tempfile::TempDir,
    world: ToolWorld,
    gate: Gate,
    calls: usize,
}

impl Hands {
    /// A workspace with so many files, in folders of a hundred.
    fn with(files: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["work", "state"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let work = folder.path().join("work");
        for at in 0..files {
            let path = work.join(name(at));
            if at % 100 == 0 {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
            }
            fs::write(path, content(at, "before")).unwrap();
        }
        let layer = FrozenLayer {
            name: "hands.yaml".to_owned(),
            role: LayerRole::Grant,
            text: POLICY.to_owned(),
            syntax: "yaml".to_owned(),
            includes: Vec::new(),
            within: std::collections::BTreeSet::new(),
        };
        let set = PolicySet::compile(&[layer], &mut Sources::default()).expect("the policy compiles");
        let world = ToolWorld {
            root: Root::open(&work).unwrap(),
            root_path: work,
            state: Root::open(&folder.path().join("state")).unwrap(),
            protected: Vec::new(),
            redaction: std::sync::Arc::default(),
            outside: Outside::default(),
            room: Room::default(),
            memory: CommandMemory::default(),
        };
        Self { folder, world, gate: Gate::new(set, Machine::default()), calls: 0 }
    }

    fn work(&self) -> &Path {
        &self.world.root_path
    }

    /// How long a call takes, and what it gives.
    fn call(&mut self, tool: &str, input: Value) -> (Duration, ToolResult) {
        self.calls += 1;
        let call = ToolCall {
            run: "bench".to_owned(),
            node: "bench".to_owned(),
            idempotency_key: format!("bench/{}", self.calls),
            ..ToolCall::new(tool, input)
        };
        let start = Instant::now();
        let GateDecision::Granted(granted) = self.gate.decide(&call) else { panic!("{tool} is not granted") };
        let result = execute(&granted, &self.world, &Cancel::default());
        let took = start.elapsed();
        assert!(result.ok, "{tool}: {:?}", result.error);
        (took, result)
    }
}

fn name(at: usize) -> String {
    format!("folder{:03}/file{at:05}.txt", at / 100)
}

/// Forty lines, one of which says `word`.
fn content(at: usize, word: &str) -> String {
    (0..40).fold(String::new(), |mut text, line| {
        let word = if line == 20 { word } else { "same" };
        writeln!(text, "line {line} of file {at}: {word}").unwrap();
        text
    })
}

/// Changes a line of each file.
fn patch() -> String {
    (0..PATCHED).fold(String::new(), |mut text, at| {
        let name = name(at);
        writeln!(text, "diff --git a/{name} b/{name}\n--- a/{name}\n+++ b/{name}\n@@ -18,7 +18,7 @@")
            .unwrap();
        for line in 17..24 {
            if line == 20 {
                writeln!(text, "-line 20 of file {at}: before\n+line 20 of file {at}: behind").unwrap();
            } else {
                writeln!(text, " line {line} of file {at}: same").unwrap();
            }
        }
        text
    })
}

/// How long a program takes; none where it is not found.
fn beside(program: &str, arguments: &[&str], folder: &Path) -> Option<Duration> {
    let start = Instant::now();
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null());
    let status = command.stderr(Stdio::null()).status().ok()?;
    assert!(status.success(), "{program} {arguments:?} failed");
    Some(start.elapsed())
}

#[derive(Default)]
struct Table(Vec<(&'static str, Vec<Duration>)>);

impl Table {
    fn add(&mut self, what: &'static str, took: Option<Duration>) {
        match self.0.iter_mut().find(|(known, _)| *known == what) {
            Some((_, times)) => times.extend(took),
            None => self.0.push((what, took.into_iter().collect())),
        }
    }

    fn print(mut self) {
        println!("{:52} {:>9} {:>9}", "milliseconds", "median", "worst");
        for (what, times) in &mut self.0 {
            if times.is_empty() {
                println!("{what:52} NOT MEASURED: the program is not in the PATH");
                continue;
            }
            times.sort_unstable();
            let shown = |time: Duration| time.as_secs_f64() * 1e3;
            println!("{what:52} {:9.1} {:9.1}", shown(times[times.len() / 2]), shown(times[times.len() - 1]));
        }
    }
}

fn main() {
    let mut table = Table::default();
    patching(&mut table);
    looking(&mut table);
    table.print();
}

fn patching(table: &mut Table) {
    let patch = patch();
    let mut hands = Hands::with(PATCHED);
    let file = hands.folder.path().join("patch");
    fs::write(&file, &patch).unwrap();
    let file = file.display().to_string();
    for _ in 0..TIMES {
        let (dry, _) = hands.call("apply_patch", json!({ "patch": patch, "dry_run": true }));
        table.add("apply_patch, 1,000 files, dry run", Some(dry));
        let (applied, result) = hands.call("apply_patch", json!({ "patch": patch }));
        table.add("apply_patch, 1,000 files", Some(applied));
        let (back, _) = hands.call("apply_patch", json!({ "patch": result.output["inverse"] }));
        table.add("its inverse", Some(back));
        table.add(
            "`git apply` of the same, which is not on the disk then",
            beside("git", &["apply", &file], hands.work()),
        );
        let _ = beside("git", &["apply", "-R", &file], hands.work());
    }
    let (_, _) = hands.call("apply_patch", json!({ "patch": patch }));
    table.add("rollback of 19 such patches", Some(hands.call("rollback", json!({ "to": "start" })).0));
}

fn looking(table: &mut Table) {
    let mut hands = Hands::with(LOOKED_AT);
    for arguments in [["init", "-q"].as_slice(), &["add", "-A"]] {
        let _ = beside("git", arguments, hands.work());
    }
    let author = ["-c", "user.name=b", "-c", "user.email=b@example.com"];
    let _ = beside("git", &[author.as_slice(), &["commit", "-qm", "one"]].concat(), hands.work());
    for _ in 0..TIMES {
        table.add("read_file", Some(hands.call("read_file", json!({ "path": name(5000) })).0));
        let (took, found) = hands.call("list_files", json!({ "recursive": true }));
        assert_eq!(found.output["files"].as_array().unwrap().len(), LOOKED_AT);
        table.add("list_files, 10,000 files", Some(took));
        table.add("`rg --files` of the same", beside("rg", &["--files", "--sort", "path"], hands.work()));
        let (took, found) = hands.call("search_files", json!({ "pattern": "file 77\\d: before" }));
        assert_eq!(found.output["matches"].as_array().unwrap().len(), 10);
        table.add("search_files, 10,000 files", Some(took));
        let pattern = ["-j1", "--no-heading", "--line-number", "file 77\\d: before"];
        table.add("`rg -j1` of the same", beside("rg", &pattern, hands.work()));
        let (took, told) = hands.call("workspace_diff", json!({ "since": "HEAD" }));
        assert_eq!(told.output["patch"], "");
        table.add("workspace_diff since HEAD, 10,000 files, none changed", Some(took));
    }
}
