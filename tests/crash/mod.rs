//! A run whose processes die where a test says so: it is gone on with, ends as it would have, and each effect is there once.
//! Front and runner are ours; in the interpreter's place runs the test program once more, an honest session that kills
//! what it is told to at the event that it is told. Where the front is to die, it is a process of its own as well.
#![allow(dead_code, reason = "each test program uses its part")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::parent_id;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lgflow::client::Connection;
use lgflow::compile::check_bundle;
use lgflow::diag::Diagnostics;
use lgflow::digest::Digest;
use lgflow::effect::{
    Confinement, FrameBuffer, FrontFrame, FrozenLayer, InterpreterFrame, InterpreterStart, LayerRole,
    SandboxLayer,
};
use lgflow::front::{Finished, KnownRun, Place, Resume, stored_run};
use lgflow::session::{
    Clock, FrontLink, Interrupts, Journal, JournalError, Recorder, Session, fold, resumable, system_clock,
};
use lgflow::source::Sources;
use lgflow::store::{RunId, Store};
use lgflow::trace::{Appended, Chain, EventBody, Redaction, RunStarted, RunState, RunStatus, verify};
use lgflow::wire::{FirstFrame, receive_first, send_frame};
use rustix::event::{PollFd, PollFlags, poll};
use serde_json::{Value, json};

use crate::program::begun::{self, place_in};
use crate::program::processes::{alive, all_gone, command_line, signal};
use crate::program::{Ran, Workspace, digest_in};

/// Commands, a loop of them, patches from a list, and a patch that a person approves.
const GRAPH: &str = r#"schema: lgflow.graph/v1
name: crashes
nodes:
  look: { uses: read_file, with: { path: a.txt } }
  once: { uses: exec, with: { argv: [sh, put.sh, once] }, on_crash: fail }
  turn: { uses: exec, with: { argv: [sh, put.sh, turn] }, on_crash: fail }
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
  write: { allow: [\"out/**\", \"made/**\"], ask: [\"asked.txt\"] }
commands:
  - { name: put, program: sh, args: [[\"put.sh\", \"*\"]], sandbox: { unsafe_write: [\"made\"] } }
sandbox: { mode: best_effort }
limits: { tool_calls: 12 }
";

/// Each command adds a line to a file in a folder that it really writes, so that they can be counted.
const PUT: &str = "echo \"$1\" >> \"made/$1\"\n";

/// The names of the two tests that are other processes.
const MORTAL: &str = "crash::the_mortal";
const FRONT: &str = "crash::the_front";
/// With this variable the clock of the interpreter goes backwards.
const BACKWARDS: &str = "LGFLOW_TEST_BACKWARDS";
/// With this variable all that is on the disk is copied at each event, into the folder that it names.
const SHOTS: &str = "LGFLOW_TEST_SHOTS";

/// Not a test of its own: what runs in the interpreter's place, told by variables when to kill whom.
#[test]
fn the_mortal() {
    let Ok(kill) = std::env::var("LGFLOW_TEST_KILL") else { return };
    let shots = std::env::var_os(SHOTS).map(PathBuf::from);
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
    let kill = Kill::parse(&kill);
    let waits = Arc::new(AtomicBool::new(false));
    let open = Arc::new(Open::default());
    let calls = relay(UnixStream::from(calls), kill.clone(), waits.clone(), Arc::clone(&open));
    let shots = shots.map(|folder| (folder, open));
    let interrupted = drive(&start, (kill, waits, shots), calls, link, interrupts);
    send_frame(&front, &InterpreterFrame::Ended { interrupted }).unwrap();
}

/// The folder of the copies, and the requests whose ends are waited for before one is made.
type Shots = Option<(PathBuf, Arc<Open>)>;

/// What an interpreter does with its front, but for the killing.
struct Mortal {
    link: FrontLink,
    kill: Option<Kill>,
    /// Is whom to kill killed by the next answer of the runner?
    waits: Arc<AtomicBool>,
    /// Where all that is on the disk is copied to.
    shots: Shots,
    lines: Vec<String>,
}

impl Journal for Mortal {
    fn append(&mut self, line: Appended) {
        self.lines.push(line.line.clone());
        self.link.append(line);
    }

    fn commit(&mut self, awaited: bool) -> Result<(), JournalError> {
        self.link.commit(awaited)?;
        if let Some((folder, open)) = self.shots.as_ref().filter(|_| !self.lines.is_empty()) {
            self.link.commit(true)?;
            open.wait_for_none();
            shoot(folder, self.lines.len() as u64);
        }
        for line in self.lines.drain(..) {
            match self.kill.as_ref().filter(|kill| kill.is_due(&line)) {
                Some(kill) if kill.answered => self.waits.store(true, Ordering::SeqCst),
                Some(kill) => {
                    if kill.who == "machine" {
                        // what goes with it was written
                        self.link.commit(true)?;
                    }
                    kill.carry_out();
                }
                None => {}
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), JournalError> {
        self.commit(true)
    }
}

/// Copies the workspace and the state as they are on the disk, while the front stands still. Events that were written
/// together are there together.
fn shoot(folder: &Path, events: u64) {
    let front = parent_id();
    assert!(command_line(front).contains(FRONT), "{}", command_line(front));
    let name = format!("{:04}-{events}", fs::read_dir(folder).unwrap().count());
    let shot = folder.join(name);
    fs::create_dir(&shot).unwrap();
    signal(front, "STOP");
    while !is_stopped(front) {
        std::thread::sleep(Duration::from_millis(1));
    }
    let outside = folder.parent().unwrap();
    let copied =
        Command::new("cp").arg("-a").args([outside.join("work"), outside.join("state"), shot]).status();
    signal(front, "CONT");
    assert!(copied.unwrap().success());
}

fn is_stopped(id: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    stat.rsplit_once(')').unwrap().1.trim_start().starts_with('T')
}

/// The requests that are on their way to the runner, or that it has not answered.
#[derive(Debug, Default)]
struct Open {
    /// Held while some are taken off the socket, or are looked for on it.
    carrying: Mutex<Option<UnixStream>>,
    count: AtomicI64,
}

impl Open {
    /// Waits until there is none: the session, which waits for this, asks for no more.
    fn wait_for_none(&self) {
        loop {
            let socket = self.carrying.lock().unwrap();
            let on_the_way = socket.as_ref().map_or(0, |socket| rustix::io::ioctl_fionread(socket).unwrap());
            if on_the_way == 0 && self.count.load(Ordering::SeqCst) == 0 {
                return;
            }
            drop(socket);
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Counts the frames that are whole by these bytes, as many times as `each` says of one.
    fn note(&self, buffer: &mut FrameBuffer, bytes: &[u8], each: impl Fn(&Value) -> i64) {
        buffer.push(bytes);
        while let Some(frame) = buffer.take::<Value>().unwrap() {
            self.count.fetch_add(each(&frame), Ordering::SeqCst);
        }
    }

    /// Carries requests from the session to the runner, until one of them has gone.
    fn carry(&self, requests: &mut UnixStream, runner: &mut UnixStream) {
        let (mut buffer, mut part) = (FrameBuffer::default(), vec![0; 1 << 16]);
        *self.carrying.lock().unwrap() = Some(requests.try_clone().unwrap());
        loop {
            // there is something, or never will be
            let mut waiting = [PollFd::new(requests, PollFlags::IN)];
            if poll(&mut waiting, None).is_err() {
                return;
            }
            let carrying = self.carrying.lock().unwrap();
            let Ok(length @ 1..) = requests.read(&mut part) else { return };
            self.note(&mut buffer, &part[..length], |_| 1);
            drop(carrying);
            if runner.write_all(&part[..length]).is_err() {
                return;
            }
        }
    }
}

/// Carries requests to the runner, and its answers to the session. Where an answer is waited for, it comes to nobody: the
/// runner has done what it was asked and has given its answer, and who is to be killed is.
fn relay(mut calls: UnixStream, kill: Option<Kill>, waits: Arc<AtomicBool>, open: Arc<Open>) -> UnixStream {
    calls.set_nonblocking(false).unwrap();
    let (mut session, own) = UnixStream::pair().unwrap();
    let (mut requests, mut runner) = (session.try_clone().unwrap(), calls.try_clone().unwrap());
    let asked = Arc::clone(&open);
    std::thread::spawn(move || {
        asked.carry(&mut requests, &mut runner);
        let _ = runner.shutdown(Shutdown::Both);
    });
    std::thread::spawn(move || {
        let (mut answer, mut buffer) = (vec![0; 1 << 16], FrameBuffer::default());
        while let Ok(length @ 1..) = calls.read(&mut answer) {
            if let Some(kill) = kill.as_ref().filter(|_| waits.load(Ordering::SeqCst)) {
                kill.carry_out();
                break;
            }
            // pieces come before their answer
            open.note(
                &mut buffer,
                &answer[..length],
                |frame| if frame["body"]["type"] == "piece" { 0 } else { -1 },
            );
            if session.write_all(&answer[..length]).is_err() {
                break;
            }
        }
        let _ = session.shutdown(Shutdown::Both);
    });
    own
}

fn drive(
    start: &InterpreterStart,
    (kill, waits, shots): (Option<Kill>, Arc<AtomicBool>, Shots),
    calls: UnixStream,
    link: FrontLink,
    interrupts: Interrupts,
) -> Option<String> {
    let run = start.run.as_str();
    let plan = check_bundle(&start.graph, &mut Sources::default(), &mut Diagnostics::default()).unwrap();
    let plan = plan.bounded(&start.limits);
    let (state, chain, open) = if start.resume {
        let before = link.recorded().unwrap();
        let stored = fold(run, &plan, &before, &|digest| link.payload(digest), &clock()()).unwrap();
        (stored.state, Chain::resume(run, &stored.verified, Redaction::default()), stored.waits)
    } else {
        (RunState::new(run, &plan), Chain::new(run, Redaction::default()), Vec::new())
    };
    let mortal = Mortal { link, kill, waits, shots, lines: Vec::new() };
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
        if start.resume { session.resume(open).await } else { session.run(begin).await }
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

/// Who is killed, and when.
#[derive(Debug, Clone)]
struct Kill {
    /// When the runner has answered the call that begins with that event; else when the event is recorded.
    answered: bool,
    who: String,
    seq: u64,
    /// There is such a file once it has happened.
    marker: PathBuf,
}

impl Kill {
    /// `WHEN WHO SEQ MARKER`
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let (when, who) = (words.next()?, words.next()?.to_owned());
        let (seq, marker) = (words.next()?.parse().unwrap(), words.next()?.into());
        Some(Self { answered: when == "answered", who, seq, marker })
    }

    fn is_due(&self, line: &str) -> bool {
        let event: Value = serde_json::from_str(line).unwrap();
        event["seq"] == self.seq && !self.marker.exists()
    }

    fn carry_out(&self) {
        // ours is the runner's group, so its number is the runner's
        let stat = fs::read_to_string("/proc/self/stat").unwrap();
        let runner = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(2).unwrap().parse().unwrap();
        assert!(command_line(runner).contains("__runner"), "{}", command_line(runner));
        let own = std::process::id();
        fs::write(&self.marker, format!("{runner} {own}")).unwrap();
        if ["front", "machine"].contains(&self.who.as_str()) {
            let front = parent_id();
            assert!(command_line(front).contains(FRONT), "{}", command_line(front));
            signal(front, "KILL");
            // the runner ends by itself; what it is asked before that may be done or not, and is another test
            while alive(runner) {
                std::thread::sleep(Duration::from_millis(2));
            }
            return;
        }
        if self.who != "interpreter" {
            signal(runner, "KILL");
        }
        if self.who != "runner" {
            signal(own, "KILL");
        }
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
        Resume { run, state: stored.state, verified: stored.verified, kept: None }
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
    /// What becomes of the store when the front has died.
    then: Option<Then>,
    /// Is all that is on the disk copied at each event?
    shots: bool,
}

/// What becomes of the store.
pub type Then = Rc<dyn Fn(&Bench)>;

impl Bench {
    /// Its runs are in the store with this address.
    pub fn new(store: &str) -> Self {
        let workspace = Workspace::new();
        workspace
            .write("graph.yaml", GRAPH)
            .write("a.txt", "a\n")
            .write("asked.txt", "one\n")
            .write("put.sh", PUT)
            .write("made/.keep", "");
        let marker = workspace.outside().join("killed");
        Self {
            workspace,
            marker,
            store: store.to_owned(),
            apart: false,
            backwards: false,
            then: None,
            shots: false,
        }
    }

    /// The same, where the front is a process that can be killed.
    pub fn apart(self) -> Self {
        Self { apart: true, ..self }
    }

    /// The same, where each event is told to be earlier than the one before it.
    pub fn backwards(self) -> Self {
        Self { backwards: true, ..self }
    }

    /// The same, where more dies than the front.
    pub fn and_then(self, then: Then) -> Self {
        Self { then: Some(then), ..self }
    }

    fn program(&self, kill: &str) -> PathBuf {
        let was_killed = self.marker.exists() || kill.is_empty();
        if was_killed && !self.backwards && !self.shots {
            // nobody is killed any more
            return env!("CARGO_BIN_EXE_lgflow").into();
        }
        let path = self.workspace.outside().join("lgflow-mortal");
        let own = std::env::current_exe().unwrap();
        let clock = if self.backwards { format!("export {BACKWARDS}=1; ") } else { String::new() };
        let folder = self.shots_folder();
        let shots =
            if self.shots { format!("export {SHOTS}='{}'; ", folder.display()) } else { String::new() };
        let text = format!(
            "#!/bin/sh\ncase \"$1\" in\n  __interpreter) {clock}{shots}export LGFLOW_TEST_KILL='{kill}'; exec '{}' --exact {MORTAL} --nocapture ;;\n  *) exec '{}' \"$@\" ;;\nesac\n",
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
        if !self.apart || self.marker.exists() {
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
        if let Some(then) = &self.then {
            then(self);
        }
        None
    }

    /// Runs to the end: approves what is asked, goes on after what dies.
    pub fn to_the_end(&self, kill: &str) -> RunId {
        self.goes_to_the_end(None, kill)
    }

    fn goes_to_the_end(&self, mut run: Option<RunId>, kill: &str) -> RunId {
        if let Some(over) = run.as_ref().filter(|run| self.is_over(run)) {
            return over.clone();
        }
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
        let summary = stored_run(&self.place(), run).unwrap().stored.state.summary();
        json!([summary.status.map(RunStatus::as_str), summary.outputs.as_deref(), summary.path])
    }

    /// What `trace verify` and `replay` look at holds.
    #[track_caller]
    fn holds(&self, run: &RunId) {
        let store = self.stored();
        let (log, blobs) = (store.log(run).unwrap(), store.blobs());
        let payload = |digest: &Digest| blobs.get(digest);
        let verified = verify(log.lines(), Some(&payload));
        assert!(verified.complete && verified.fault.is_none(), "{verified:?}");
        let known = KnownRun::in_workspace(&self.place(), &store.id(), run).unwrap().unwrap();
        assert!(!known.seal(&log).unwrap().is_broken());
        let (vouched, unheard) = known.vouched(&log, None, &payload).unwrap();
        assert!(vouched.discord.is_none() && unheard.is_none(), "{vouched:?}");
        let retraced = known.retraced(&log, &payload).unwrap().unwrap();
        assert!(retraced.compared && retraced.misfit.is_none(), "{retraced:?}");
    }

    /// The same, all that is on the disk copied at each event.
    fn shot(self) -> Self {
        fs::create_dir(self.shots_folder()).unwrap();
        Self { shots: true, ..self }
    }

    fn shots_folder(&self) -> PathBuf {
        self.workspace.outside().join("shots")
    }

    /// The disk is as it was then.
    fn is_again(&self, shot: &Path) {
        for part in ["work", "state"] {
            let there = self.workspace.outside().join(part);
            fs::remove_dir_all(&there).unwrap();
            fs::rename(shot.join(part), there).unwrap();
        }
    }

    /// The files of the workspace that the run makes; those of commands by how often each was made.
    pub fn effects(&self) -> Value {
        let made = |name: &str| {
            let lines = fs::read_to_string(self.workspace.path().join("made").join(name));
            lines.unwrap_or_default().lines().filter(|line| *line == name).count()
        };
        let out = |name: &str| self.workspace.read(&format!("out/{name}.txt"));
        json!([made("once"), made("turn"), out("x"), out("y"), out("z"), self.workspace.read("asked.txt")])
    }
}

/// Kills at every event, each time in a run of its own on a bench that `bench` makes; `who` is told by the number of the event.
pub fn killed_at_every_event(bench: &dyn Fn() -> Bench, who: &dyn Fn(u64) -> &'static str) {
    let honest = Honest::of(bench);
    let kills: Vec<(u64, &str)> = (1..=honest.events).map(|at| (at, who(at))).collect();
    honest.ends_the_same(bench, "recorded", &kills);
}

/// Kills at every call, when the runner has made it and has answered and nobody has heard it. Where a command that has ended
/// or a patch that is there were not known to be, the run would fail: no such command is to be made again, and a file that is
/// there cannot be added.
pub fn killed_at_every_answer(bench: &dyn Fn() -> Bench, who: &'static str) {
    let honest = Honest::of(bench);
    assert!(honest.calls.len() >= 9, "{:?}", honest.calls);
    let kills: Vec<(u64, &str)> = honest.calls.iter().map(|at| (*at, who)).collect();
    honest.ends_the_same(bench, "answered", &kills);
}

/// The machine loses power at every event, once that is written: of its database file nothing is there that was not flushed to
/// the disk. How many events that were is given back. What is on the disk at an event is copied there, in one run that goes
/// on, so that not each of them needs a run that comes to it.
pub fn powered_off_at_every_event(bench: &dyn Fn() -> Bench) -> u64 {
    let bench = bench().apart().shot();
    let honest = Honest::run_on(&bench);
    let bench = Bench { apart: false, shots: false, ..bench };
    let mut shots: Vec<PathBuf> =
        fs::read_dir(bench.shots_folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    shots.sort();
    let (mut events, mut lost) = (0, 0);
    for shot in shots {
        let written = shot.to_str().unwrap().rsplit_once('-').unwrap().1;
        events += written.parse::<u64>().unwrap();
        bench.is_again(&shot);
        lost += power_off(&bench);
        let run = bench.goes_to_the_end(bench.stored().runs().unwrap().pop(), "");
        honest.is_the_same(&bench, &run, &format!("off at event {events}"));
    }
    assert_eq!(events, honest.events, "each event is one at which it lost power");
    lost
}

/// The front is killed at every so-manieth event, once it has written that, and `then` takes what was not flushed.
pub fn powered_off_at_some_events(bench: &dyn Fn() -> Bench, step: usize, then: &Then) {
    let honest = Honest::of(bench);
    let kills: Vec<(u64, &str)> = (1..=honest.events).step_by(step).map(|at| (at, "machine")).collect();
    honest.ends_the_same(&|| bench().and_then(Rc::clone(then)), "recorded", &kills);
}

/// Takes from a database file what was committed since it was flushed last, and says how many events those were. Flushed is what
/// a call, or a person, may know of: docs/store.md promises no more, so the test takes everything else.
fn power_off(bench: &Bench) -> u64 {
    const KNOWN: [&str; 3] = ["call.started", "approval.requested", "run.suspended"];
    let folder = bench.stored().folder().to_owned();
    let Ok(log) = fs::read(folder.join("runs.db-wal")) else { return 0 };
    let copy = tempfile::tempdir().unwrap();
    let seen = |length: usize| lines_after(&folder, &log[..length], copy.path());
    let mut ends = vec![WAL_HEADER.min(log.len())];
    ends.extend(commits(&log));
    let whole = seen(log.len());
    let mut kept = ends.pop().unwrap();
    let mut lines = whole.clone();
    while let Some(before) = ends.pop() {
        let less = seen(before);
        if lines[less.len()..]
            .iter()
            .any(|line| KNOWN.iter().any(|kind| line.contains(&format!("\"kind\":\"{kind}\""))))
        {
            break;
        }
        (kept, lines) = (before, less);
    }
    let rest = vec![0; log.len() - kept];
    fs::write(folder.join("runs.db-wal"), [&log[..kept], &rest].concat()).unwrap();
    // what processes share of it in memory is gone with them
    let _ = fs::remove_file(folder.join("runs.db-shm"));
    (whole.len() - lines.len()) as u64
}

const WAL_HEADER: usize = 32;

/// Where the commits end of which a write-ahead log consists: <https://sqlite.org/fileformat2.html#walformat>.
fn commits(log: &[u8]) -> Vec<usize> {
    let Some(header) = log.get(..WAL_HEADER) else { return Vec::new() };
    let number = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().unwrap());
    let frame = 24 + number(&header[8..12]) as usize;
    let frames = log[WAL_HEADER..].chunks_exact(frame).enumerate();
    let frames = frames.take_while(|(_, frame)| frame[8..16] == header[16..24]);
    let ends = frames.filter(|(_, frame)| number(&frame[4..8]) != 0);
    ends.map(|(at, _)| WAL_HEADER + (at + 1) * frame).collect()
}

/// The lines of the run as they are with so much of the log.
fn lines_after(folder: &Path, log: &[u8], copy: &Path) -> Vec<String> {
    let id = folder.file_name().unwrap();
    let state = tempfile::tempdir_in(copy).unwrap();
    let there = Store::of_workspace(&"local".parse().unwrap(), state.path(), id.to_str().unwrap()).unwrap();
    fs::copy(folder.join("runs.db"), there.folder().join("runs.db")).unwrap();
    let wal = there.folder().join("runs.db-wal");
    fs::write(&wal, log).unwrap();
    fs::set_permissions(wal, fs::Permissions::from_mode(0o600)).unwrap();
    let Some(run) = there.runs().unwrap().pop() else { return Vec::new() };
    there.log(&run).unwrap().lines().map(str::to_owned).collect()
}

/// What a run comes to of which nothing is killed.
struct Honest {
    events: u64,
    /// The events with which calls begin.
    calls: Vec<u64>,
    outcome: Value,
    effects: Value,
}

impl Honest {
    fn of(bench: &dyn Fn() -> Bench) -> Self {
        Self::run_on(&bench())
    }

    fn run_on(honest: &Bench) -> Self {
        let run = honest.to_the_end("");
        let log = honest.stored().log(&run).unwrap();
        let events = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let calls = events.filter(|event| event["kind"] == "call.started");
        let calls = calls.map(|event| event["seq"].as_u64().unwrap()).collect();
        let (events, outcome, effects) = (honest.events(&run), honest.outcome(&run), honest.effects());
        assert_eq!(effects, json!([1, 3, "x", "y", "z", "two\n"]));
        assert_eq!(outcome[0], RunStatus::Succeeded.as_str());
        // what is asked of the others without a process is what the program says
        honest.holds(&run);
        honest.lgflow(&["replay", run.as_str()]).ended(0);
        let shown = honest.lgflow(&["runs", "show", run.as_str(), "--format", "json"]).ended(0).json();
        assert_eq!(outcome, json!([shown["status"], shown["outputs"], shown["path"]]));
        Self { events, calls, outcome, effects }
    }

    fn ends_the_same(&self, bench: &dyn Fn() -> Bench, when: &str, kills: &[(u64, &str)]) {
        let mut killed = 0;
        for (at, who) in kills {
            let bench = bench();
            let run = bench.to_the_end(&format!("{when} {who} {at} {}", bench.marker.display()));
            killed += usize::from(bench.marker.exists());
            self.is_the_same(&bench, &run, &format!("{who} killed, event {at} {when}"));
        }
        assert_eq!(killed, kills.len(), "each time something was killed");
    }

    #[track_caller]
    fn is_the_same(&self, bench: &Bench, run: &RunId, what: &str) {
        assert_eq!(bench.effects(), self.effects, "{what}");
        assert_eq!(bench.outcome(run), self.outcome, "{what}");
        bench.holds(run);
    }
}
