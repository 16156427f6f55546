//! A workspace, a state folder and what is granted: one call of `exec` as the runner makes it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::effect::{ErrorKind, RuleRef, ToolCall, ToolResult};
use crate::files::Root;
use crate::policy::{
    ExecGrant, ExecLimits, GrantLimits, NetworkAccess, NetworkRules, Obligations, PathRules, SandboxMode,
    WorkspaceMode,
};
use crate::runner::tools::exec::exec_with;
use crate::runner::{Cancel, CommandMemory, ToolWorld};
use crate::sandbox::{Helper, helper_main};

/// This test program as a helper: the harness runs the one test below.
pub(super) fn helper() -> Helper {
    let arguments =
        ["--exact", "runner::tools::exec_tests::bench::lives_as_a_helper", "--ignored", "--nocapture"];
    Helper::other(std::env::current_exe().unwrap(), arguments.map(str::to_owned).to_vec())
}

#[test]
#[ignore = "the helper of the tests here, which start it"]
fn lives_as_a_helper() {
    helper_main();
}

pub(super) struct Bench {
    pub(super) folder: tempfile::TempDir,
    pub(super) world: ToolWorld,
    pub(super) obligations: Obligations,
}

impl Bench {
    pub(super) fn new(program: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        Self::at(&path, program, folder)
    }

    pub(super) fn at(path: &Path, program: &str, folder: tempfile::TempDir) -> Self {
        for name in ["work", "state"] {
            fs::create_dir_all(path.join(name)).unwrap();
        }
        let world = ToolWorld {
            root: Root::open(&path.join("work")).unwrap(),
            root_path: path.join("work"),
            state: Root::open(&path.join("state")).unwrap(),
            protected: Vec::new(),
            memory: CommandMemory::default(),
            redaction: std::sync::Arc::default(),
            outside: crate::runner::Outside::default(),
            room: crate::runner::Room::default(),
        };
        Self { folder, world, obligations: obligations(program) }
    }

    pub(super) fn grant(&mut self) -> &mut ExecGrant {
        self.obligations.exec.as_mut().unwrap()
    }

    pub(super) fn write(&self, path: &str, text: &str) {
        let path = self.work(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(super) fn work(&self, path: &str) -> PathBuf {
        self.folder.path().join("work").join(path)
    }

    pub(super) fn call(&self, input: &Value) -> ToolResult {
        self.call_with(input, &Cancel::default())
    }

    pub(super) fn call_with(&self, input: &Value, cancel: &Cancel) -> ToolResult {
        let result = exec_with(
            &helper(),
            &ToolCall::new("exec", input.clone()),
            &self.obligations,
            &self.world,
            cancel,
        )
        .unwrap_or_else(|error| ToolResult::failure("exec", error));
        let left: Vec<_> = match fs::read_dir(self.folder.path().join("state/exec")) {
            Ok(entries) => entries.map(|entry| entry.unwrap().path()).collect(),
            Err(_) => Vec::new(),
        };
        assert_eq!(left, Vec::<PathBuf>::new(), "the folders of a call go with it");
        result
    }

    pub(super) fn sh(&self, script: &str) -> ToolResult {
        self.call(&json!({ "argv": ["sh", "-c", script] }))
    }
}

fn obligations(program: &str) -> Obligations {
    Obligations {
        read: PathRules::of_globs(&["**"], &[], &["**/.env*", ".env*"]),
        write: PathRules::of_globs(&["src/**", "*.txt"], &["Cargo.toml"], &["src/locked"]),
        binary: PathRules::of_globs(&[], &[], &[]),
        limits: GrantLimits::default(),
        network: NetworkRules::default(),
        exec: Some(ExecGrant {
            rule: RuleRef {
                layer: "test".into(),
                rule: "commands[sh]".into(),
                file: "test.yaml".into(),
                line: 7,
                column: 5,
            },
            program: program.into(),
            search: vec!["/usr/bin".into(), "/bin".into()],
            toolchains: Vec::new(),
            visible: Vec::new(),
            env_set: BTreeMap::from([("SET".into(), "by policy".into()), ("GRANTED".into(), "yes".into())]),
            env_pass: vec!["LISTED".into()],
            mode: SandboxMode::BestEffort,
            require: Vec::new(),
            workspace: WorkspaceMode::Copy,
            network: NetworkAccess::Deny,
            unsafe_write: Vec::new(),
            git: crate::policy::GitSight::Hidden,
            cache: None,
            runs_workspace_code: true,
            cache_folders: vec!["target".into()],
            limits: ExecLimits {
                wall: Duration::from_mins(1),
                cpu: None,
                memory: None,
                processes: None,
                output: 10_000,
                workspace_bytes: None,
            },
        }),
        approved: None,
        rules: Vec::new(),
    }
}

pub(super) fn kind(result: &ToolResult) -> &ErrorKind {
    &result.error.as_ref().unwrap_or_else(|| panic!("it succeeded: {result:?}")).kind
}
