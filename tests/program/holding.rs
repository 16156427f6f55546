//! A run whose command goes on until a test lets it, between two changes of which each would fail if it were made twice: what
//! fails meanwhile fails in the middle of the run.
#![allow(dead_code, reason = "each test program uses its part")]

use std::fs;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::processes::wait_until;
use super::{Ran, Workspace};

const GRAPH: &str = "\
schema: lgflow.graph/v1
name: holding
nodes:
  first: { uses: apply_patch, with: { changes: [{ op: add, path: first.txt, content: \"1\\n\" }] } }
  hold: { uses: exec, with: { argv: [sh, hold.sh] }, on_crash: ON_CRASH }
  last: { uses: apply_patch, with: { changes: [{ op: add, path: last.txt, content: \"2\\n\" }] } }
edges: [first -> hold -> last]
outputs: { done: \"yes\" }
";

const POLICY: &str = "\
schema: lgflow.policy/v1
name: holding
tools: { apply_patch: allow, exec: allow }
paths: { read: { allow: [\"**\"] }, write: { allow: [\"*.txt\", \"made/**\"] } }
commands:
  - { name: hold, program: sh, args: [[\"hold.sh\"]], sandbox: { unsafe_write: [\"made\"] } }
sandbox: { mode: best_effort }
";

/// How often it was made stands in a folder that it really writes.
const HOLD: &str = "echo hold >> made/hold\nuntil [ -e made/go ]; do sleep 0.05; done\n";

/// How such a run is named to `run`.
pub const NAMED: [&str; 4] = ["-g", "graph.yaml", "--policy", "policy.yaml"];

/// A workspace in which it can be begun; `on_crash` is what becomes of a command of whose end nothing is known.
pub fn workspace(on_crash: &str) -> Workspace {
    let workspace = Workspace::git();
    workspace
        .write("graph.yaml", GRAPH.replace("ON_CRASH", on_crash))
        .write("policy.yaml", POLICY)
        .write("hold.sh", HOLD)
        .write("made/.keep", "");
    workspace
}

/// Begins what executes it, and waits for its command.
#[track_caller]
pub fn begun(workspace: &Workspace, mut command: Command) -> Child {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until(|| workspace.path().join("made/hold").exists(), "its command does not begin");
    child
}

/// Lets the command end.
pub fn let_go(workspace: &Workspace) {
    workspace.write("made/go", "");
}

/// How it ended that was begun, with the id of the run; `code` is its exit code.
#[track_caller]
pub fn ended(child: Child, code: i32) -> (Ran, String) {
    let ran = Ran::from(child.wait_with_output().unwrap()).ended(code);
    let run = ran.json()["run"].as_str().unwrap().to_owned();
    (ran, run)
}

/// A run that was interrupted holds as far as it goes, goes on, ends, and holds; each effect is there once, but for the
/// command, which was made so often.
#[track_caller]
pub fn goes_on(workspace: &Workspace, run: &str, made: usize, lgflow: &dyn Fn(&[&str]) -> Ran) {
    lgflow(&["trace", "verify", run, "--allow", "incomplete"]).ended(0);
    let done = lgflow(&["runs", "resume", run, "--format", "json"]).ended(0).json();
    assert_eq!(done["outputs"]["done"], "yes");
    has_ended(workspace, run, made, lgflow);
}

/// It has ended, and holds.
#[track_caller]
pub fn has_ended(workspace: &Workspace, run: &str, made: usize, lgflow: &dyn Fn(&[&str]) -> Ran) {
    assert_eq!((workspace.read("first.txt"), workspace.read("last.txt")), ("1\n".into(), "2\n".into()));
    assert_eq!(fs::read_to_string(workspace.path().join("made/hold")).unwrap(), "hold\n".repeat(made));
    assert_eq!(status_of(run, lgflow), "succeeded");
    let said = lgflow(&["trace", "verify", run]).ended(0).stdout;
    assert!(said.contains("signed by local:"), "{said}");
    lgflow(&["trace", "verify", "--all"]).ended(0);
    lgflow(&["replay", run]).ended(0);
}

/// What the list of runs calls it.
#[track_caller]
pub fn status_of(run: &str, lgflow: &dyn Fn(&[&str]) -> Ran) -> String {
    let list = lgflow(&["runs", "list", "--format", "json"]).ended(0).json();
    let runs = list["runs"].as_array().unwrap();
    let found = runs.iter().find(|listed| listed["run"] == run).unwrap();
    found["status"].as_str().map_or_else(|| Value::to_string(found), str::to_owned)
}
