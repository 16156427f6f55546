//! A run whose processes die where a test says so: it is gone on with, ends as it would have, and each effect is there once.
//! Front and runner are ours; in the interpreter's place runs the test program once more, an honest session that kills
//! what it is told to at the event that it is told. Where the front is to die, it is a process of its own as well.
#![allow(dead_code, reason = "each test program uses its part")]

use std::fs;
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::parent_id;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lgflow::client::Connection;
use lgflow::compile::check_bundle;
use lgflow::diag::Diagnostics;
use lgflow::effect::{
    Confinement, FrontFrame, FrozenLayer, InterpreterFrame, InterpreterStart, LayerRole, SandboxLayer,
};
use lgflow::front::{Finished, Place, Resume, stored_run};
use lgflow::session::{
    Clock, FrontLink, Interrupts, Journal, JournalError, Recorder, Session, fold, resumable, system_clock,
};
use lgflow::source::Sources;
use lgflow::store::{RunId, Store};
use lgflow::trace::{Appended, Chain, EventBody, Redaction, RunStarted, RunState, RunStatus};
use lgflow::wire::{FirstFrame, receive_first, send_frame};
use serde_json::{Value, json};

use crate::program::begun::{self, place_in};
use crate::program::processes::{alive, all_gone, command_line, signal};
use crate::program::{Ran, Workspace, digest_in};

/// Commands, a loop of them, patches from a list, and a patch that a person approves.
const GRAPH: &str = r#"schema: lgflow.graph/v1
name: crashes
nodes:
  look: { uses: read_file, with: { path: a.txt } }
  once: { uses: exec, with: { argv: [mktemp, made/once-XXXXXX] }, on_crash: fail }
  turn: { uses: exec, with: { argv: [mktemp, made/turn-XXXXXX] }, on_crash: fail }
  each:
    uses: apply_patch
    with: { changes: [{ op: add, path: "out/{{ name }}.txt", content: "{{ name }}\n" }] }
    for_each: { in: "['x', 'y', 'z']", as: name }
  asked:
    uses: apply_patch
    with: { changes: [{ op: put, path: asked.txt, content: "two\n" }] }
  after: { uses: read_file, with: { path: asked.txt } }
edges:
  - look -> once -> turn
  - { from: turn, to: turn, when: "loops.turn.iteration < 3", loop: { max: 3, exhausted: leave } }
  - turn -> each -> asked -> after
outputs: { text: "{{ nodes.after.output.content }}" }
"#;

const POLICY: &str = "\
schema: lgflow.policy/v1
name: crashes
tools: { read_file: allow, apply_patch: allow, exec: allow }
paths:
  read: { allow: [\"**\"] }
  write: { allow: [\"out/**\"], ask: [\"asked.txt\"] }
commands:
  - { name: mktemp, program: mktemp, args: [[\"made/*\"]], sandbox: { workspace: direct } }
sandbox: { mode: best_effort }
limits: { tool_calls: 12 }
";

/// The names of the two tests that are other processes.
const MORTAL: &str = "crash::the_mortal";
const FRONT: &str = "crash::the_front";
/// With this variable the clock of the interpreter goes backwards.
const BACKWARDS: &str = "LGFLOW_TEST_BACKWARDS";

/// Not a test of its own: what runs in the interpreter's place, told by variables when to kill whom.
#[test]
fn the_mortal() {
    let Ok(kill) = std::env::var("LGFLOW_TEST_KILL") else { return };
    let front = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
    let mut first: FirstFrame<FrontFrame> = receive_first(&front).unwrap();
    let [calls] = first.take().unwrap();
    let FrontFrame::Start(start) = first.frame else { panic!("no task") };
    let layers = vec![SandboxLayer { name: "seccomp".into(), in_force: true }];
    let confinement = Confinement { layers, missing: Vec::new() };
    send_frame(&front, &InterpreterFrame::Ready { confinement }).unwrap();
    let (interrupter, interrupts) = Interrupts::new();
    let (link, ear) = FrontLink::new(front.try_clone().unwrap(), first.arrived, interrupter).unwrap();
    std::thread::spawn(move || ear.listen());
    let interrupted = drive(&start, &kill, UnixStream::from(calls), link, interrupts);
    send_frame(&front, &InterpreterFrame::Ended { interrupted }).unwrap();
}

/// What an interpreter does with its front, but for the killing.
struct Mortal {
    link: FrontLink,
    kill: String,
    lines: Vec<String>,
}

impl Journal for Mortal {
    fn append(&mut self, line: Appended) {
        self.lines.push(line.line.clone());
        self.link.append(line);
    }

    fn commit(&mut self, awaited: bool) -> Result<(), JournalError> {
        self.link.commit(awaited)?;
        for line in self.lines.drain(..) {
            kill_at(&self.kill, &line);
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), JournalError> {
        self.commit(true)
    }
}

fn drive(
    start: &InterpreterStart,
    kill: &str,
    calls: UnixStream,
    link: FrontLink,
    interrupts: Interrupts,
) -> Option<String> {
    let run = start.run.as_str();
    let plan = check_bundle(&start.graph, &mut Sources::default(), &mut Diagnostics::default()).unwrap();
    let plan = plan.bounded(&start.limits);
    let (state, chain, waits) = if start.resume {
        let before = link.recorded().unwrap();
        let stored = fold(run, &plan, &before, &|digest| link.payload(digest), &clock()()).unwrap();
        (stored.state, Chain::resume(run, &stored.verified, Redaction::default()), stored.waits)
    } else {
        (RunState::new(run, &plan), Chain::new(run, Redaction::default()), Vec::new())
    };
    let mortal = Mortal { link, kill: kill.to_owned(), lines: Vec::new() };
    let recorder = Recorder::new(chain, mortal, clock());
    let begin = EventBody::RunStarted(Box::new(RunStarted {
        inputs: Arc::new(start.inputs.clone()),
        revision: start.revision.clone(),
        facts: Arc::new(Value::Object(start.facts.clone())),
    }));
    let mut observer = |_: &str| {};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ended = runtime.block_on(async {
        let connection = Connection::new(calls).unwrap();
        let session = Session::new(state, recorder, connection, interrupts, &mut observer);
        if start.resume { session.resume(waits).await } else { session.run(begin).await }
    });
    ended.interrupted.map(|why| why.to_string())
}

/// A clock of which each reading is before the last, where a variable asks for it.
fn clock() -> Clock {
    fn backwards() -> String {
        static READ: AtomicU64 = AtomicU64::new(0);
        let hours = READ.fetch_add(1, Ordering::Relaxed);
        format!("20{:02}-01-01T{:02}:00:00Z", 26 - hours / 24, 23 - hours % 24)
    }
    if std::env::var_os(BACKWARDS).is_some() { backwards } else { system_clock }
}

/// `WHO SEQ MARKER`: at the event with that number `WHO` is killed, once.
fn kill_at(kill: &str, line: &str) {
    let mut words = kill.split(' ');
    let (Some(who), Some(at), Some(marker)) = (words.next(), words.next(), words.next()) else { return };
    let seq = serde_json::from_str::<Value>(line).unwrap()["seq"].as_u64().unwrap();
    if seq.to_string() != at || Path::new(marker).exists() {
        return;
    }
    // ours is the runner's group, so its number is the runner's
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let runner = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(2).unwrap().parse().unwrap();
    assert!(command_line(runner).contains("__runner"), "{}", command_line(runner));
    let own = std::process::id();
    fs::write(marker, format!("{runner} {own}")).unwrap();
    if who == "front" {
        let front = parent_id();
        assert!(command_line(front).contains(FRONT), "{}", command_line(front));
        signal(front, "KILL");
        // the runner ends by itself; what it is asked before that may be done or not, and is another test
        while alive(runner) {
            std::thread::sleep(Duration::from_millis(2));
        }
        return;
    }
    if who != "interpreter" {
        signal(runner, "KILL");
    }
    if who != "runner" {
        signal(own, "KILL");
    }
}

/// Not a test of its own: what runs in the front's place, where that is to die.
#[test]
fn the_front() {
    let Ok(told) = std::env::var("LGFLOW_TEST_FRONT") else { return };
    let told: Value = serde_json::from_str(&told).unwrap();
    let text = |name: &str| told[name].as_str().unwrap();
    let place = place_in(Path::new(text("outside")), text("store"));
    let run = told["run"].as_str().map(|run| run.parse().unwrap());
    let finished = carry_out(&place, Path::new(text("program")), run);
    fs::write(text("came"), Came::of(&finished).document().to_string()).unwrap();
}

/// What one process of the front comes to.
struct Came {
    run: RunId,
    /// Where the run stands; none where it stopped early.
    status: Option<String>,
    why: String,
}

impl Came {
    fn of(finished: &Finished) -> Self {
        let status = finished.summary.status.filter(|_| finished.interrupted.is_none());
        let why = format!("{:?} {:?}", finished.interrupted, finished.summary.error);
        Self { run: finished.run.clone(), status: status.map(|status| status.as_str().to_owned()), why }
    }

    fn document(&self) -> Value {
        json!({ "run": self.run.as_str(), "status": self.status, "why": self.why })
    }

    fn read(text: &str) -> Self {
        let read: Value = serde_json::from_str(text).unwrap();
        Self {
            run: read["run"].as_str().unwrap().parse().unwrap(),
            status: read["status"].as_str().map(str::to_owned),
            why: read["why"].as_str().unwrap().to_owned(),
        }
    }
}

/// Begins the run, or goes on with it.
fn carry_out(place: &Place, program: &Path, run: Option<RunId>) -> Finished {
    let resume = run.map(|run| {
        let stored = stored_run(place, &run).unwrap().stored;
        Resume { run, state: stored.state, verified: stored.verified }
    });
    let layer = FrozenLayer {
        name: "policy.yaml".into(),
        role: LayerRole::Grant,
        text: POLICY.into(),
        syntax: "yaml".into(),
        includes: Vec::new(),
        within: std::collections::BTreeSet::new(),
    };
    begun::carry_out(place, vec![layer], program, resume)
}

/// A workspace with a run that can be gone on with again and again.
pub struct Bench {
    pub workspace: Workspace,
    marker: PathBuf,
    store: String,
    /// Is the front a process of its own?
    apart: bool,
    /// Does the interpreter's clock go backwards?
    backwards: bool,
}

impl Bench {
    /// Its runs are in the store with this address.
    pub fn new(store: &str) -> Self {
        let workspace = Workspace::new();
        workspace
            .write("graph.yaml", GRAPH)
            .write("a.txt", "a\n")
            .write("asked.txt", "one\n")
            .write("made/.keep", "");
        let marker = workspace.outside().join("killed");
        Self { workspace, marker, store: store.to_owned(), apart: false, backwards: false }
    }

    /// The same, where the front is a process that can be killed.
    pub fn apart(self) -> Self {
        Self { apart: true, ..self }
    }

    /// The same, where each event is told to be earlier than the one before it.
    pub fn backwards(self) -> Self {
        Self { backwards: true, ..self }
    }

    fn program(&self, kill: &str) -> PathBuf {
        let path = self.workspace.outside().join("lgflow-mortal");
        let own = std::env::current_exe().unwrap();
        let clock = if self.backwards { format!("export {BACKWARDS}=1; ") } else { String::new() };
        let text = format!(
            "#!/bin/sh\ncase \"$1\" in\n  __interpreter) {clock}export LGFLOW_TEST_KILL='{kill}'; exec '{}' --exact {MORTAL} --nocapture ;;\n  *) exec '{}' \"$@\" ;;\nesac\n",
            own.display(),
            env!("CARGO_BIN_EXE_lgflow"),
        );
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// Begins the run, or goes on with it; nothing where the front was killed.
    fn go(&self, run: Option<RunId>, kill: &str) -> Option<Came> {
        let program = self.program(kill);
        if !self.apart {
            return Some(Came::of(&carry_out(&self.place(), &program, run)));
        }
        let came = self.workspace.outside().join("came");
        // there is none before the first time
        let _ = fs::remove_file(&came);
        let told = json!({
            "outside": self.workspace.outside(),
            "store": self.store,
            "run": run.as_ref().map(RunId::as_str),
            "program": program,
            "came": came,
        });
        let ended = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", FRONT, "--nocapture"])
            .env("LGFLOW_TEST_FRONT", told.to_string())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        if ended.status.success() {
            return Some(Came::read(&fs::read_to_string(came).unwrap()));
        }
        assert_eq!(ended.status.code(), None, "{}", String::from_utf8_lossy(&ended.stderr));
        let left = fs::read_to_string(&self.marker).unwrap();
        all_gone(&left.split(' ').map(|id| id.parse().unwrap()).collect::<Vec<u32>>());
        None
    }

    /// Runs to the end: approves what is asked, goes on after what dies.
    pub fn to_the_end(&self, kill: &str) -> RunId {
        let mut run = None;
        for _ in 0..8 {
            let came = self.go(run.clone(), kill);
            run = match &came {
                Some(came) => Some(came.run.clone()),
                None => self.stored().runs().unwrap().pop(),
            };
            match (came.as_ref().and_then(|came| came.status.as_deref()), &run) {
                (Some("suspended"), Some(run)) => self.approve(run.as_str()),
                (Some("succeeded"), Some(run)) => return run.clone(),
                (Some(status), _) => {
                    panic!(
                        "{kill}: {status} {}",
                        came.as_ref().map(|came| came.why.as_str()).unwrap_or_default()
                    )
                }
                // what was told last may not have been all
                (None, Some(run)) if self.is_over(run) => return run.clone(),
                (None, _) => {}
            }
        }
        panic!("{kill}: it does not come to its end");
    }

    fn place(&self) -> Place {
        place_in(self.workspace.outside(), &self.store)
    }

    fn stored(&self) -> Store {
        self.place().runs().unwrap()
    }

    fn is_over(&self, run: &RunId) -> bool {
        resumable(&stored_run(&self.place(), run).unwrap().stored.state).is_err()
    }

    /// The program, on the store of this run.
    pub fn lgflow(&self, arguments: &[&str]) -> Ran {
        let mut command = self.workspace.command(arguments);
        Ran::from(command.env("LGFLOW_STORE", &self.store).output().unwrap())
    }

    fn approve(&self, run: &str) {
        let shown = self.lgflow(&["approve", run]).ended(2).stderr;
        self.lgflow(&["approve", run, "--digest", &digest_in(&shown)]).ended(0);
    }

    pub fn events(&self, run: &RunId) -> u64 {
        let shown = self.lgflow(&["trace", "verify", run.as_str(), "--format", "json"]).ended(0).json();
        shown["events"].as_u64().unwrap()
    }

    /// The whole of what is shown of a run but for what differs between two runs of anything.
    pub fn outcome(&self, run: &RunId) -> Value {
        let shown = self.lgflow(&["runs", "show", run.as_str(), "--format", "json"]).ended(0).json();
        json!([shown["status"], shown["outputs"], shown["path"]])
    }

    /// The files of the workspace that the run makes; those of commands by how many there are of each kind.
    pub fn effects(&self) -> Value {
        let made = |prefix: &str| {
            let names = fs::read_dir(self.workspace.path().join("made")).unwrap();
            let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            names.filter(|name| name.starts_with(prefix)).count()
        };
        let out = |name: &str| self.workspace.read(&format!("out/{name}.txt"));
        json!([made("once-"), made("turn-"), out("x"), out("y"), out("z"), self.workspace.read("asked.txt")])
    }
}

/// Kills at every event, each time in a run of its own on a bench that `bench` makes; `who` is told by the number of the event.
pub fn killed_at_every_event(bench: &dyn Fn() -> Bench, who: &dyn Fn(u64) -> &'static str) {
    let honest = bench();
    let run = honest.to_the_end("");
    let (events, wanted, effects) = (honest.events(&run), honest.outcome(&run), honest.effects());
    assert_eq!(effects, json!([1, 3, "x", "y", "z", "two\n"]));
    assert_eq!(wanted[0], RunStatus::Succeeded.as_str());
    let mut kills = 0;
    for at in 1..=events {
        let (bench, who) = (bench(), who(at));
        let run = bench.to_the_end(&format!("{who} {at} {}", bench.marker.display()));
        kills += u64::from(bench.marker.exists());
        assert_eq!(bench.effects(), effects, "{who} killed at event {at}");
        assert_eq!(bench.outcome(&run), wanted, "{who} killed at event {at}");
        bench.lgflow(&["trace", "verify", run.as_str()]).ended(0);
        bench.lgflow(&["replay", run.as_str()]).ended(0);
    }
    assert_eq!(kills, events, "at each event something was killed");
}
