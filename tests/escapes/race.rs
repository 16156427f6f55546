//! A folder that turns into a link outside and back, all the time, while the tools look at what lies in it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use lgflow::effect::{FrozenLayer, LayerRole, ToolCall, ToolResult};
use lgflow::files::Root;
use lgflow::policy::{Gate, GateDecision, Machine, PolicySet};
use lgflow::runner::{Cancel, CommandMemory, Outside, Room, ToolWorld, execute};
use lgflow::source::Sources;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde_json::{Value, json};

/// How long the race is run.
const RACE: Duration = Duration::from_secs(5);
const SECRET: &str = "SECRET-outside";

/// A workspace, and a gate that lets everything through that stays in it.
struct Place {
    folder: tempfile::TempDir,
    state: tempfile::TempDir,
    gate: Gate,
}

impl Place {
    fn new() -> Self {
        let layer = FrozenLayer {
            name: "race".into(),
            role: LayerRole::Grant,
            text: include_str!("policies/grant.yaml").into(),
            syntax: "yaml".into(),
            includes: Vec::new(),
            within: std::collections::BTreeSet::new(),
        };
        let policy = PolicySet::compile(&[layer], &mut Sources::default()).expect("the policy is valid");
        let gate = Gate::new(policy, Machine::default());
        Self { folder: tempfile::tempdir().unwrap(), state: tempfile::tempdir().unwrap(), gate }
    }

    fn call(&self, tool: &str, input: Value) -> Option<ToolResult> {
        let world = ToolWorld {
            root: Root::open(self.folder.path()).unwrap(),
            root_path: self.folder.path().to_owned(),
            state: Root::open(self.state.path()).unwrap(),
            protected: Vec::new(),
            redaction: Arc::default(),
            memory: CommandMemory::default(),
            outside: Outside::default(),
            room: Room::default(),
        };
        match self.gate.decide(&ToolCall::new(tool, input)) {
            GateDecision::Granted(granted) => Some(execute(&granted, &world, &Cancel::default())),
            GateDecision::Ask(_) | GateDecision::Denied(_) => None,
        }
    }
}

#[test]
fn a_swapped_folder_never_lets_a_tool_out() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("file"), SECRET).unwrap();
    let place = Place::new();
    let root = place.folder.path().to_path_buf();
    fs::create_dir(root.join("swap")).unwrap();
    fs::write(root.join("swap/file"), "inside").unwrap();
    symlink(outside.path(), root.join("other")).unwrap();
    let (over, swaps) = (AtomicBool::new(false), AtomicU64::new(0));
    let counts = thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                exchange(&root.join("swap"), &root.join("other"));
                swaps.fetch_add(1, Ordering::Relaxed);
            }
        });
        let racers: Vec<_> = calls()
            .into_iter()
            .map(|(tool, input)| {
                let place = &place;
                (tool, scope.spawn(move || race(place, tool, &input)))
            })
            .collect();
        let counts: Vec<(&str, u64, u64)> = racers
            .into_iter()
            .map(|(tool, racer)| {
                let (calls, inside) = racer.join().unwrap();
                (tool, calls, inside)
            })
            .collect();
        over.store(true, Ordering::Relaxed);
        counts
    });
    let swaps = swaps.load(Ordering::Relaxed);
    println!("{swaps} swaps; calls and those that met the folder inside: {counts:?}");
    assert!(swaps > 1000, "it was no race: {swaps} swaps");
    assert!(counts.iter().all(|(_, calls, inside)| *calls > 20 && *inside > 0), "it was no race: {counts:?}");
    let planted: Vec<_> =
        fs::read_dir(outside.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(planted, ["file"], "something was planted outside");
    assert_eq!(fs::read_to_string(outside.path().join("file")).unwrap(), SECRET);
}

fn calls() -> Vec<(&'static str, Value)> {
    vec![
        ("read_file", json!({ "path": "swap/file" })),
        ("list_files", json!({ "path": "swap" })),
        ("search_files", json!({ "pattern": "SECRET|inside", "path": "swap" })),
        ("apply_patch", json!({ "changes": [{ "op": "put", "path": "swap/planted", "content": "inside" }] })),
    ]
}

fn exchange(a: &Path, b: &Path) {
    renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE).unwrap();
}

/// How many calls there were, and how many did what they were asked, inside.
fn race(place: &Place, tool: &str, input: &Value) -> (u64, u64) {
    let end = Instant::now() + RACE;
    let (mut calls, mut inside) = (0, 0);
    while Instant::now() < end {
        let result = place.call(tool, input.clone()).expect("the policy allows it");
        let text = serde_json::to_string(&result).unwrap();
        assert!(!text.contains("SECRET-outside"), "{tool} escaped: {text}");
        calls += 1;
        inside += u64::from(result.ok);
    }
    (calls, inside)
}
