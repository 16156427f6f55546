//! A workspace with a gate before it: calls as the runner makes them, without its process.
#![allow(dead_code, reason = "each test program uses a part of it")]

pub mod drive;

use std::fs;
use std::path::Path;

use lgflow::effect::{LayerRole, ToolCall, ToolResult};
use lgflow::files::Root;
use lgflow::policy::{CONTAINED, Gate, GateDecision, Machine, PolicySet, builtin};
use lgflow::runner::{Cancel, CommandMemory, Outside, Room, ToolWorld, execute};
use lgflow::source::Sources;
use serde_json::Value;
use tempfile::TempDir;

/// A workspace under `builtin:contained`.
pub struct Bench {
    pub folder: TempDir,
    state: TempDir,
    gate: Gate,
}

impl Bench {
    pub fn empty() -> Self {
        let layer = builtin(CONTAINED, LayerRole::Grant).expect("the policy is built in");
        let mut sources = Sources::default();
        let set = PolicySet::compile(&[layer], &mut sources).expect("the built-in policy compiles");
        let gate = Gate::new(set, Machine::default());
        Self { folder: tempfile::tempdir().unwrap(), state: tempfile::tempdir().unwrap(), gate }
    }

    pub fn with(files: &[(&str, &str)]) -> Self {
        let bench = Self::empty();
        for (name, text) in files {
            bench.write(name, text);
        }
        bench
    }

    /// A copy of a folder.
    pub fn copy_of(folder: &Path) -> Self {
        let bench = Self::empty();
        copy(folder, bench.folder.path());
        bench
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let at = self.folder.path().join(name);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        fs::write(at, text).unwrap();
    }

    /// Decides about a call, and does it.
    pub fn call(&self, tool: &str, input: Value) -> ToolResult {
        self.call_at(self.folder.path(), tool, input)
    }

    /// The same on another workspace.
    pub fn call_at(&self, root: &Path, tool: &str, input: Value) -> ToolResult {
        let world = ToolWorld {
            root: Root::open(root).unwrap(),
            root_path: root.to_owned(),
            state: Root::open(self.state.path()).unwrap(),
            protected: Vec::new(),
            memory: CommandMemory::default(),
            outside: Outside::default(),
            room: Room::default(),
            redaction: std::sync::Arc::default(),
        };
        let verdict = match self.gate.decide(&ToolCall::new(tool, input)) {
            GateDecision::Granted(granted) => return execute(&granted, &world, &Cancel::default()),
            GateDecision::Ask(asked) => asked.verdict().clone(),
            GateDecision::Denied(verdict) => verdict,
        };
        let reason = verdict.deciding().expect("a refusal has a reason");
        let mut error =
            lgflow::effect::ToolError::new(lgflow::effect::ErrorKind::Denied, reason.message.clone());
        error.rule = Some(reason.rule.clone());
        ToolResult::failure(tool, error)
    }

    /// The output of a call that succeeds, which its schema accepts.
    pub fn output(&self, tool: &str, input: Value) -> Value {
        let result = self.call(tool, input);
        assert!(result.ok, "{tool}: {:?}", result.error);
        if tool != "llm" {
            let schema = lgflow::schema::tool_output(tool).expect("the tool has a schema");
            let schema = serde_json::from_str(schema).unwrap();
            let faults = lgflow::schema::validate_value(&schema, &result.output);
            assert!(faults.is_empty(), "{tool}: {}: {}", faults[0], result.output);
        }
        result.output
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
