//! A run whose processes die where a test says so: it is gone on with, ends as it would have, and each effect is there once.
//! Front, runner and interpreter are ours; between the interpreter and both stands a parent of it, this test program once
//! more, that kills what it is told to at the event that it is told. Where the front is to die, it is a process of its own.
#![allow(dead_code, reason = "each test program uses its part")]

mod parent;
mod power;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;

use lgflow::digest::Digest;
use lgflow::effect::{FrozenLayer, LayerRole};
use lgflow::front::{Finished, KnownRun, Place, Resume, kept_words, standing_run, stored_run};
use lgflow::session::{Stored, resumable};
use lgflow::store::{RunId, Store};
use lgflow::trace::{RunStatus, verify};
use serde_json::{Value, json};

use crate::program::begun::{self, place_in};
use crate::program::processes::all_gone;
use crate::program::{Ran, Workspace, digest_in};
use parent::{BACKWARDS, KILL, PARENT, SHOTS};
use power::power_off;

/// Commands and a loop of them; a map over a graph that patches and reads; a list of calls; a patch that a person approves; and
/// two that read at the same time.
const GRAPH: &str = r#"schema: lgflow.graph/v1
name: crashes
graphs:
  part:
    inputs: { name: { type: string } }
    nodes:
      put:
        uses: apply_patch
        with: { changes: [{ op: add, path: "out/{{ inputs.name }}.txt", content: "{{ inputs.name }}\n" }] }
      seen: { uses: read_file, with: { path: "out/{{ inputs.name }}.txt" } }
    edges: [put -> seen]
    outputs: { text: "{{ nodes.seen.output.content }}" }
nodes:
  once: { uses: exec, with: { argv: [sh, put.sh, once] }, on_crash: fail }
  turn: { uses: exec, with: { argv: [sh, put.sh, turn] }, on_crash: fail }
  each:
    uses: graph
    with: { graph: part, inputs: { name: "{{ name }}" } }
    for_each: { in: "['x-4711', 'y-4712']", as: name }
  several:
    uses: batch
    with:
      calls:
        - { tool: exec, input: { argv: [sh, put.sh, batch] } }
        - { tool: apply_patch, input: { changes: [{ op: add, path: out/batch.txt, content: "batch\n" }] } }
      tools: [exec, apply_patch]
      max_calls: 2
    on_crash: fail
  asked:
    uses: apply_patch
    with: { changes: [{ op: put, path: asked.txt, content: "two\n" }] }
  after: { uses: read_file, with: { path: asked.txt } }
  beside: { uses: read_file, with: { path: a.txt } }
edges:
  - once -> turn
  - { from: turn, to: turn, when: "loops.turn.iteration < 2", loop: { max: 3, exhausted: leave } }
  - turn -> each -> several -> asked
  - asked -> after
  - asked -> beside
outputs: { text: "{{ nodes.after.output.content }}{{ nodes.beside.output.content }}", parts: "{{ nodes.each.output }}" }
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
limits: { tool_calls: 14 }
";

/// Each command adds a line to a file in a folder that it really writes, so that they can be counted.
const PUT: &str = "echo \"$1\" >> \"made/$1\"\n";

/// The test that is the front's process.
const FRONT: &str = "crash::the_front";

/// Not a test of its own: what runs in the front's place, where that is to die.
#[test]
fn the_front() {
    let Ok(told) = std::env::var("LGFLOW_TEST_FRONT") else { return };
    let told: Value = serde_json::from_str(&told).unwrap();
    let text = |name: &str| told[name].as_str().unwrap();
    let place = place_in(Path::new(text("outside")), text("store"));
    let run = told["run"].as_str().map(|run| run.parse().unwrap());
    let finished = carry_out(&place, text("policy"), Path::new(text("program")), run);
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
fn carry_out(place: &Place, policy: &str, program: &Path, run: Option<RunId>) -> Finished {
    let layers = vec![FrozenLayer {
        name: "policy.yaml".into(),
        role: LayerRole::Grant,
        text: policy.into(),
        syntax: "yaml".into(),
        includes: Vec::new(),
        within: std::collections::BTreeSet::new(),
    }];
    let resume = run.map(|run| {
        let again = standing_run(place, &run).unwrap();
        let began = again.stored.verified.events > 0;
        let kept = began.then(|| kept_words(place, (&run, &again.record, &again.plan), &layers).unwrap());
        let Stored { state, verified, .. } = again.stored;
        Resume { run, state, verified, kept: kept.flatten() }
    });
    begun::carry_out(place, layers, program, resume)
}

/// A workspace with a run that can be gone on with again and again.
pub struct Bench {
    pub workspace: Workspace,
    marker: PathBuf,
    store: String,
    policy: String,
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
            policy: POLICY.to_owned(),
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

    /// The same, where a pattern takes something out of inputs, paths, patches, results and outputs.
    pub fn redacting(self) -> Self {
        Self { policy: format!("{POLICY}redact: [{{ name: number, pattern: '[xy]-[0-9]{{4}}' }}]\n"), ..self }
    }

    fn redacts(&self) -> bool {
        self.policy != POLICY
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
        let path = self.workspace.outside().join("lgflow-with-a-parent");
        let own = std::env::current_exe().unwrap();
        let clock = if self.backwards { format!("export {BACKWARDS}=1; ") } else { String::new() };
        let folder = self.shots_folder();
        let shots =
            if self.shots { format!("export {SHOTS}='{}'; ", folder.display()) } else { String::new() };
        let text = format!(
            "#!/bin/sh\ncase \"$1\" in\n  __interpreter) {clock}{shots}export {KILL}='{kill}'; exec '{}' --exact {PARENT} --nocapture ;;\n  *) exec '{}' \"$@\" ;;\nesac\n",
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
            return Some(Came::of(&carry_out(&self.place(), &self.policy, &program, run)));
        }
        let came = self.workspace.outside().join("came");
        // there is none before the first time
        let _ = fs::remove_file(&came);
        let told = json!({
            "outside": self.workspace.outside(),
            "store": self.store,
            "run": run.as_ref().map(RunId::as_str),
            "program": program,
            "policy": self.policy,
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
        // what was taken out of its trace cannot be decided again out of that
        assert_eq!(retraced.compared, !self.redacts());
        assert!(retraced.misfit.is_none(), "{retraced:?}");
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
        json!({
            "commands": [made("once"), made("turn"), made("batch")],
            "files": [out("x-4711"), out("y-4712"), out("batch"), self.workspace.read("asked.txt")],
        })
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
    assert!(honest.calls.len() >= 12, "{:?}", honest.calls);
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
        assert_eq!(
            effects,
            json!({ "commands": [1, 2, 1], "files": ["x-4711", "y-4712", "batch\n", "two\n"] })
        );
        assert_eq!(outcome[0], RunStatus::Succeeded.as_str());
        // what is asked of the others without a process is what the program says
        honest.holds(&run);
        if !honest.redacts() {
            honest.lgflow(&["replay", run.as_str()]).ended(0);
        }
        assert_eq!(honest.redacts(), log.contains("[redacted:number]"));
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
