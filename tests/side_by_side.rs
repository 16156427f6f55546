//! An undo of a run and a fork of it that begin at the same moment: two processes, of which one stands still while the other
//! goes through, at one moment of it after the other.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod program;

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use program::processes::{signal, signal_if_there};
use program::{Ran, Workspace};
use serde_json::Value;

/// The first of what is executed looks for what was taken over, and so does the last.
const GRAPH: &str = r#"schema: lgflow.graph/v1
name: beside
nodes:
  put: { uses: apply_patch, with: { changes: [{ op: put, path: out.txt, content: "A\n" }] } }
  look: { uses: read_file, with: { path: out.txt } }
  again: { uses: read_file, with: { path: out.txt } }
edges: [put -> look -> again]
outputs: { seen: "{{ nodes.look.output.content ~ nodes.again.output.content }}" }
"#;

const POLICY: &str = "\
schema: lgflow.policy/v1
name: beside
tools: { apply_patch: allow, read_file: allow }
paths: { read: { allow: [\"**\"] }, write: { allow: [\"out.txt\"] } }
";

/// When the first of two processes stands still until the other one is over.
#[derive(Debug, Clone, Copy)]
enum Stops {
    /// They go on side by side.
    Never,
    After(Duration),
}

struct Bench {
    workspace: Workspace,
    run: String,
}

impl Bench {
    fn new() -> Self {
        let workspace = Workspace::new();
        workspace.write("graph.yaml", GRAPH).write("policy.yaml", POLICY);
        let run = ["run", "-g", "graph.yaml", "--policy", "policy.yaml", "--format", "json"];
        let ran = workspace.lgflow(&run).ended(0).json();
        Self { run: ran["run"].as_str().unwrap().to_owned(), workspace }
    }

    fn begin(&self, arguments: &[&str]) -> Child {
        let mut command = self.workspace.command(&[&["--format", "json", "runs"], arguments].concat());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn undo(&self) -> Child {
        self.begin(&["undo", &self.run])
    }

    fn fork(&self) -> Child {
        self.begin(&["fork", &self.run, "--from", "look"])
    }

    /// How long one takes that nothing stands beside.
    fn takes(&self, begin: impl Fn(&Self) -> Child) -> Duration {
        let began = Instant::now();
        let ran = over(begin(self));
        let took = began.elapsed();
        self.come_after(&ran, None);
        took
    }

    /// Is each of the two all or nothing, and did one come after the other? What was taken back is there again behind it.
    #[track_caller]
    fn holds(&self, undo: &Ran, fork: &Ran) {
        let there = self.workspace.path().join("out.txt").exists();
        assert_eq!(there, undo.code != Some(0), "{}", undo.stderr);
        for ran in [undo, fork].into_iter().filter(|ran| ran.code != Some(0)) {
            // refused is what has not begun: what begins fails in its middle for no reason of the other's
            assert_ne!(document(ran)["schema"], "lgflow.run/v1", "{}{}", ran.stdout, ran.stderr);
            let said = ran.stdout.clone() + &ran.stderr;
            let whys = ["taken back", "goes on right now", "another process", "left it", "locked"];
            assert!(whys.iter().any(|why| said.contains(why)), "{said}");
        }
        if fork.code == Some(0) {
            assert_eq!(document(fork)["outputs"]["seen"], "A\nA\n", "it has taken over what is not there");
        }
        self.come_after(undo, Some(fork));
    }

    #[track_caller]
    fn come_after(&self, undo: &Ran, fork: Option<&Ran>) {
        let both = fork.is_some_and(|fork| fork.code == Some(0)) && undo.code == Some(0);
        if let Some(fork) = fork.filter(|_| both) {
            // the fork was first, and over before the undo began
            let (forked, undone) = (self.times(fork), self.times(undo));
            assert!(forked.1 <= undone.0, "{forked:?} {undone:?}");
        }
        if document(undo)["graph"] == "undo" && undo.code == Some(0) {
            let undone = document(undo)["run"].as_str().unwrap().to_owned();
            self.workspace.lgflow(&["runs", "undo", &undone]).ended(0);
        }
    }

    /// When a run told its first event, and its last.
    fn times(&self, ran: &Ran) -> (String, String) {
        let document = document(ran);
        let run = document["run"].as_str().unwrap();
        let trace = self.workspace.lgflow(&["trace", "show", run, "--format", "json"]).ended(0).json();
        let events = trace["events"].as_array().unwrap();
        let time = |event: Option<&Value>| event.unwrap()["ts"].as_str().unwrap().to_owned();
        (time(events.first()), time(events.last()))
    }
}

fn document(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_default()
}

fn over(child: Child) -> Ran {
    Ran::from(child.wait_with_output().unwrap())
}

/// Both, the first before the second.
fn side_by_side(first: Child, second: impl FnOnce() -> Child, stops: Stops) -> (Ran, Ran) {
    match stops {
        Stops::Never => {
            let second = second();
            (over(first), over(second))
        }
        Stops::After(time) => {
            std::thread::sleep(time);
            // one that has ended meanwhile is not buried before it is waited for
            signal_if_there(first.id(), "STOP");
            let second = over(second());
            signal(first.id(), "CONT");
            (over(first), second)
        }
    }
}

#[test]
fn of_an_undo_and_a_fork_at_the_same_moment_one_comes_after_the_other_or_is_refused() {
    const MOMENTS: u32 = 8;
    let bench = Bench::new();
    let moments = |whole: Duration| {
        let at = move |part: u32| Stops::After(whole * part / MOMENTS);
        [Stops::Never, Stops::Never].into_iter().chain((0..MOMENTS).map(at))
    };
    let (undo, fork) = (bench.takes(Bench::undo), bench.takes(Bench::fork));
    let mut came = [0; 4];
    let mut count = |undo: &Ran, fork: &Ran| {
        bench.holds(undo, fork);
        came[usize::from(undo.code == Some(0)) * 2 + usize::from(fork.code == Some(0))] += 1;
    };
    for stops in moments(undo) {
        let (undone, forked) = side_by_side(bench.undo(), || bench.fork(), stops);
        count(&undone, &forked);
    }
    for stops in moments(fork) {
        let (forked, undone) = side_by_side(bench.fork(), || bench.undo(), stops);
        count(&undone, &forked);
    }
    // that neither of them waits for the other is no way out
    assert!(came[1] > 0 && came[2] > 0, "{came:?}");
}
