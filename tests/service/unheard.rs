//! Runs whose runner is elsewhere, and whose front died, or lost it, before it had heard what that one vouches for: the runner
//! is heard when the run is gone on with, and until then nobody is accused of anything.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use serde_json::Value;

use crate::program::processes::{alive, signal, wait_for_descendant, wait_until};
use crate::program::{Ran, Workspace};
use crate::runs::{self, GRAPH, front, socket, there};
use crate::served::{Served, fits};

/// A command that notes that it was begun, and waits; done again where it was cut off.
const WAITS: &str = "echo begun >> log.txt; while [ ! -e go ]; do sleep 0.05; done; wc -c < a.txt";

fn waiting() -> String {
    GRAPH.replace("uses: exec,", "uses: exec, on_crash: retry,").replace("wc -c < a.txt", WAITS)
}

fn run(here: &Workspace, url: &str) -> Command {
    let mut command = runs::run(here, &["--runner", url]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Begins a run, and kills its front while the command runs.
fn killed_front(here: &Workspace, served: &Served, mut command: Command) -> String {
    let mut child = command.spawn().unwrap();
    let asleep = wait_for_descendant(served.id(), |line| line.contains("while [ ! -e go ]"));
    kill(&mut child);
    wait_until(|| !alive(asleep), "the command goes on");
    newest(here)["run"].as_str().unwrap().to_owned()
}

fn kill(child: &mut Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

fn newest(here: &Workspace) -> Value {
    let list = here.lgflow(&["runs", "list", "--format", "json"]).ended(0).json();
    fits(&list);
    list["runs"][0].clone()
}

/// Nobody is accused of anything, and it can be gone on with.
#[track_caller]
fn waits_to_be_heard(here: &Workspace, run: &str, since: u64) {
    let row = newest(here);
    assert_eq!(
        (row["status"].as_str(), row["resumable"].as_bool()),
        (Some("interrupted"), Some(true)),
        "{row}"
    );
    let verified = here.lgflow(&["trace", "verify", run, "--format", "json"]).ended(7).json();
    fits(&verified);
    let receipts = &verified["receipts"];
    assert_eq!(
        (&receipts["fault"], receipts["unheard_since"].as_u64()),
        (&Value::Null, Some(since)),
        "{verified}"
    );
    assert_eq!(verified["verdicts"], serde_json::json!(["incomplete", "unanchored"]));
    here.lgflow(&["trace", "verify", run]).ended(7).says("has not said yet what it vouches for");
    here.lgflow(&["trace", "verify", "--all"]).ended(7);
    here.lgflow(&["trace", "verify", run, "--allow", "incomplete"]).ended(0);
    let shown = here.lgflow(&["runs", "show", run]).ended(0).stdout;
    assert!(shown.contains("has not said yet what it vouches for"), "{shown}");
    // what the trace tells may not be what was done: nothing is made of it
    here.lgflow(&["runs", "undo", run]).ended(1);
    here.lgflow(&["runs", "fork", run, "--from", "count"]).ended(1).says("has not said yet");
}

#[track_caller]
fn goes_on(here: &Workspace, run: &str) -> Value {
    let resumed = here.lgflow(&["runs", "resume", run, "--format", "json"]).ended(0).json();
    here.lgflow(&["trace", "verify", run]).ended(0);
    here.lgflow(&["replay", run]).ended(0);
    resumed
}

#[test]
fn a_run_whose_front_was_killed_goes_on() {
    let (here, there) = (front(&waiting()), there());
    let (served, url) = socket(&there);
    let id = killed_front(&here, &served, run(&here, &url));
    waits_to_be_heard(&here, &id, 0);
    there.write("go", "");
    assert_eq!(goes_on(&here, &id)["outputs"]["bytes"], "5");
    // cut off once, and done once more
    assert_eq!(there.read("log.txt"), "begun\nbegun\n");
    here.lgflow(&["runs", "resume", &id]).ended(1).says("it is over");
}

#[test]
fn a_run_whose_service_ended_and_came_back_late_goes_on() {
    for word in ["KILL", "TERM"] {
        let (here, there) = (front(&waiting()), there());
        let (served, url) = socket(&there);
        let child = run(&here, &url).spawn().unwrap();
        wait_for_descendant(served.id(), |line| line.contains("while [ ! -e go ]"));
        signal(served.id(), word);
        let ended = Ran::from(child.wait_with_output().unwrap()).ended(1);
        assert_eq!(ended.json()["status"], "interrupted", "{word}\n{}", ended.stderr);
        let id = ended.json()["run"].as_str().unwrap().to_owned();
        waits_to_be_heard(&here, &id, 0);
        // nobody is there to be asked
        here.lgflow(&["runs", "resume", &id]).ended(1).says("cannot reach the runner");
        drop(served);
        let (_served, _) = socket(&there);
        there.write("go", "");
        assert_eq!(goes_on(&here, &id)["outputs"]["bytes"], "5", "{word}");
    }
}

#[test]
fn what_was_heard_before_is_kept_and_the_rest_is_heard() {
    let gated = waiting()
        .replace("nodes:\n", "nodes:\n  gate: { uses: approval, with: { show: 'on?' } }\n  more: { uses: exec, with: { argv: [sh, -c, 'echo more >> more.txt'] } }\n")
        .replace("edges: [read -> count,", "edges: [read -> gate -> more -> count,");
    let (here, there) = (front(&gated), there());
    let (served, url) = socket(&there);
    let asked = Ran::from(run(&here, &url).output().unwrap()).ended(5).json();
    let id = asked["run"].as_str().unwrap();
    here.lgflow(&["trace", "verify", id, "--allow", "incomplete"]).ended(0);
    let sealed = here.lgflow(&["trace", "show", id]).ended(0).stdout.lines().count() as u64;
    here.lgflow(&["approve", id, "gate"]).ended(0);
    killed_front(&here, &served, here.command(&["runs", "resume", id]));
    assert_eq!(there.read("more.txt"), "more\n");
    waits_to_be_heard(&here, id, sealed);
    there.write("go", "");
    goes_on(&here, id);
    assert_eq!(there.read("more.txt"), "more\n", "what was done is not done again");
}

#[test]
fn a_runner_that_has_lost_what_it_vouched_for_is_not_believed() {
    let (here, there) = (front(&waiting()), there());
    let (served, url) = socket(&there);
    let id = killed_front(&here, &served, run(&here, &url));
    drop(served);
    let receipts = crate::program::kept::find(&there.state(), &format!("{id}.jsonl"));
    fs::remove_file(receipts).unwrap();
    here.forges();
    let (_served, _) = socket(&there);
    here.lgflow(&["runs", "resume", &id]).ended(7).says("that the runner was never asked for");
    here.lgflow(&["trace", "verify", &id]).ended(7).says("that the runner was never asked for");
}

/// What stands between a front and its runner, and lets go of both when the front has said that nothing more comes.
struct Between {
    path: PathBuf,
    ends: Arc<AtomicBool>,
    listening: JoinHandle<()>,
}

impl Between {
    fn listen(path: &Path, runner: &Path) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        let ends = Arc::new(AtomicBool::new(false));
        let (over, runner) = (Arc::clone(&ends), runner.to_owned());
        let listening = thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let (front, back) = (stream.unwrap(), UnixStream::connect(&runner).unwrap());
                let (from_back, to_front) = (back.try_clone().unwrap(), front.try_clone().unwrap());
                thread::spawn(move || carry(from_back, to_front, None));
                let over = Arc::clone(&over);
                thread::spawn(move || carry(front, back, Some(&over)));
            }
        });
        Self { path: path.to_owned(), ends, listening }
    }

    /// Nobody is there any more.
    fn end(self) {
        self.ends.store(true, Ordering::Relaxed);
        drop(UnixStream::connect(&self.path));
        self.listening.join().unwrap();
        fs::remove_file(&self.path).unwrap();
    }
}

fn carry(mut from: UnixStream, mut to: UnixStream, cut_at_close: Option<&AtomicBool>) {
    let mut part = vec![0; 64 << 10];
    while let Ok(count) = from.read(&mut part) {
        let last = String::from_utf8_lossy(&part[..count]).contains(r#"{"type":"close"}"#);
        if let Some(over) = cut_at_close.filter(|_| last) {
            over.store(true, Ordering::Relaxed);
            break;
        }
        if count == 0 || to.write_all(&part[..count]).is_err() {
            break;
        }
    }
    for stream in [from, to] {
        // the other side may have gone before
        let _ = stream.shutdown(std::net::Shutdown::Both);
    }
}

#[test]
fn a_run_that_is_over_and_whose_last_word_was_lost_is_heard_later() {
    let (here, there) = (front(GRAPH), there());
    let (_served, url) = socket(&there);
    let runner = PathBuf::from(url.strip_prefix("unix:").unwrap());
    let path = here.outside().join("between.sock");
    let between = Between::listen(&path, &runner);
    let child = run(&here, &format!("unix:{}", path.display())).spawn().unwrap();
    let ended = Ran::from(child.wait_with_output().unwrap()).ended(1);
    between.end();
    let document = ended.json();
    assert_eq!(document["status"], "interrupted", "{document}\n{}", ended.stderr);
    assert!(ended.stderr.contains("not known to be what the runner did"), "{}", ended.stderr);
    let id = document["run"].as_str().unwrap();
    assert_eq!(there.read("b.txt"), "hello");
    waits_to_be_heard(&here, id, 0);
    std::os::unix::fs::symlink(&runner, &path).unwrap();
    let shown = here.lgflow(&["runs", "resume", id]).ended(0).stdout;
    assert!(shown.contains("status   succeeded"), "{shown}");
    here.lgflow(&["trace", "verify", id]).ended(0);
    assert_eq!(newest(&here)["status"], "succeeded");
    here.lgflow(&["runs", "resume", id]).ended(1).says("it is over");
}

#[test]
fn a_run_that_made_no_call_since_it_was_heard_is_heard_as_well() {
    let gated = GRAPH
        .replace("nodes:\n", "nodes:\n  gate: { uses: approval, with: { show: 'on?' } }\n")
        .replace("edges: [read -> count,", "edges: [read -> gate -> count,");
    let (here, there) = (front(&gated), there());
    let (_served, url) = socket(&there);
    let runner = PathBuf::from(url.strip_prefix("unix:").unwrap());
    let path = here.outside().join("between.sock");
    std::os::unix::fs::symlink(&runner, &path).unwrap();
    let asked = Ran::from(run(&here, &format!("unix:{}", path.display())).output().unwrap()).ended(5).json();
    let id = asked["run"].as_str().unwrap();
    let sealed = here.lgflow(&["trace", "show", id]).ended(0).stdout.lines().count() as u64;
    here.lgflow(&["reject", id, "gate"]).ended(0);
    // it comes to its end without a call, and the last word of its runner is lost
    fs::remove_file(&path).unwrap();
    let between = Between::listen(&path, &runner);
    here.lgflow(&["runs", "resume", id]).ended(1).says("not known to be what the runner did");
    between.end();
    // whether a call was made and left out is what nobody has said: all that tells of it says the same
    waits_to_be_heard(&here, id, sealed);
    std::os::unix::fs::symlink(&runner, &path).unwrap();
    let shown = here.lgflow(&["runs", "resume", id]).ended(0).stdout;
    assert!(shown.contains("status   failed"), "{shown}");
    here.lgflow(&["trace", "verify", id]).ended(0);
    let row = newest(&here);
    assert_eq!((&row["status"], &row["resumable"]), (&"failed".into(), &false.into()), "{row}");
    here.lgflow(&["runs", "resume", id]).ended(1).says("it is over");
    assert!(!there.path().join("b.txt").exists());
}

#[test]
fn nothing_is_said_to_be_as_before_of_a_workspace_elsewhere() {
    let (here, there) = (front(GRAPH), there());
    let (_served, url) = socket(&there);
    let done = Ran::from(run(&here, &url).output().unwrap()).ended(0).json();
    let id = done["run"].as_str().unwrap();
    for more in [&["runs", "undo", id][..], &["runs", "undo", id, "--dry-run"]] {
        here.lgflow(more).ended(1).says("in its workspace, and nothing of them lies here");
    }
    assert_eq!(there.read("b.txt"), "hello");
    // what is not taken over is done here, and that is said
    let forked = here.lgflow(&["runs", "fork", id, "--from", "count"]);
    assert!(forked.stderr.contains("was made by the runner at"), "{}", forked.stderr);
}
