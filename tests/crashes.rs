//! Processes that die at every event of a run: it is gone on with, ends as it would have, and each effect is there once.
//! Front and runner are ours; in the interpreter's place runs this test program once more, an honest session that kills
//! what it is told to at the event that it is told.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod program;

use std::fs;
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use lgflow::client::Connection;
use lgflow::compile::{bundle, check_bundle};
use lgflow::diag::Diagnostics;
use lgflow::effect::{
    Confinement, FrontFrame, FrozenLayer, InterpreterFrame, InterpreterStart, LayerRole, RunLimits,
    SandboxLayer,
};
use lgflow::files::RelPath;
use lgflow::front::{Display, Finished, Named, Narrator, Place, Resume, Task, Watching, execute, stored_run};
use lgflow::policy::Packs;
use lgflow::session::{
    FrontLink, Interrupts, Journal, JournalError, Recorder, Session, check_paths, fold, resumable,
    system_clock,
};
use lgflow::source::Sources;
use lgflow::store::{Durability, RunId, StoreAddress};
use lgflow::trace::{Appended, Chain, EventBody, Redaction, RunStarted, RunState, RunStatus};
use lgflow::wire::{FirstFrame, receive_first, send_frame};
use program::processes::{all_gone, children, command_line, signal, wait_for_descendant};
use program::{Ran, Workspace};
use serde_json::{Value, json};

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
        let stored = fold(run, &plan, &before, &|digest| link.payload(digest), &system_clock()).unwrap();
        (stored.state, Chain::resume(run, &stored.verified, Redaction::default()), stored.waits)
    } else {
        (RunState::new(run, &plan), Chain::new(run, Redaction::default()), Vec::new())
    };
    let mortal = Mortal { link, kill: kill.to_owned(), lines: Vec::new() };
    let recorder = Recorder::new(chain, mortal, system_clock);
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

/// `WHO SEQ MARKER`: at the event with that number `WHO` is killed, once.
fn kill_at(kill: &str, line: &str) {
    let mut words = kill.split(' ');
    let (Some(who), Some(at), Some(marker)) = (words.next(), words.next(), words.next()) else { return };
    let seq = serde_json::from_str::<Value>(line).unwrap()["seq"].as_u64().unwrap();
    if seq.to_string() != at || Path::new(marker).exists() {
        return;
    }
    fs::write(marker, who).unwrap();
    if who != "interpreter" {
        // ours is the runner's group, so its number is the runner's
        let stat = fs::read_to_string("/proc/self/stat").unwrap();
        let group = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(2).unwrap().parse().unwrap();
        assert!(command_line(group).contains("__runner"), "{}", command_line(group));
        signal(group, "KILL");
    }
    if who != "runner" {
        signal(std::process::id(), "KILL");
    }
}

/// A workspace with a run that can be gone on with again and again.
struct Bench {
    workspace: Workspace,
    marker: PathBuf,
}

impl Bench {
    fn new() -> Self {
        let workspace = Workspace::new();
        workspace
            .write("graph.yaml", GRAPH)
            .write("a.txt", "a\n")
            .write("asked.txt", "one\n")
            .write("made/.keep", "");
        let marker = workspace.outside().join("killed");
        Self { workspace, marker }
    }

    fn program(&self, kill: &str) -> PathBuf {
        let path = self.workspace.outside().join("lgflow-mortal");
        let own = std::env::current_exe().unwrap();
        let text = format!(
            "#!/bin/sh\ncase \"$1\" in\n  __interpreter) export LGFLOW_TEST_KILL='{kill}'; exec '{}' --exact the_mortal --nocapture ;;\n  *) exec '{}' \"$@\" ;;\nesac\n",
            own.display(),
            env!("CARGO_BIN_EXE_lgflow"),
        );
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// Begins the run, or goes on with it.
    fn go(&self, resume: Option<RunId>, kill: &str) -> Finished {
        let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
        let graph = self.workspace.path().join("graph.yaml");
        let folders = check_paths(&[graph], &Packs::default(), &mut sources, &mut found).unwrap();
        let texts = bundle(&RelPath::parse("graph.yaml").unwrap(), &folders[0].files, &sources);
        let plan = check_bundle(&texts, &mut Sources::default(), &mut found);
        assert!(!found.has_errors(), "{found:?}");
        let place = self.place();
        let resume = resume.map(|run| {
            let stored = stored_run(&place, &run).unwrap().stored;
            Resume { run, state: stored.state, verified: stored.verified }
        });
        let layer = FrozenLayer {
            name: "policy.yaml".into(),
            role: LayerRole::Grant,
            text: POLICY.into(),
            syntax: "yaml".into(),
            includes: Vec::new(),
        };
        let task = Task {
            place: &place,
            plan: plan.unwrap(),
            bundle: texts,
            limits: RunLimits::default(),
            layers: vec![layer],
            secrets: Vec::new(),
            inputs: json!({}),
            durability: Durability::Batch,
            retention: lgflow::config::Retention::default(),
            trace: false,
            program: &self.program(kill),
            named: Named::default(),
            signing_key: None,
            color: false,
            attended: false,
            serving: None,
            resume,
            held: None,
            undoes: None,
            watching: Watching::default(),
            fork: None,
        };
        execute(&task, &mut Narrator::new(Display::Quiet)).unwrap()
    }

    /// Runs to the end: approves what is asked, goes on after what dies.
    fn to_the_end(&self, kill: &str) -> RunId {
        let mut run = None;
        for _ in 0..8 {
            let finished = self.go(run.clone(), kill);
            run = Some(finished.run.clone());
            match (finished.summary.status, &finished.interrupted) {
                (Some(RunStatus::Suspended), None) => approve(&self.workspace, finished.run.as_str()),
                (Some(RunStatus::Succeeded), _) => return finished.run,
                // what was told last may not have been all
                (_, Some(_)) if self.is_over(&finished.run) => return finished.run,
                (_, Some(_)) => {}
                (status, None) => panic!("{kill}: {status:?} {:?}", finished.summary.error),
            }
        }
        panic!("{kill}: it does not come to its end");
    }

    fn place(&self) -> Place {
        Place {
            root: self.workspace.path(),
            state: self.workspace.state(),
            config: self.workspace.outside().join("config"),
            base: None,
            store: StoreAddress::Local,
        }
    }

    fn is_over(&self, run: &RunId) -> bool {
        resumable(&stored_run(&self.place(), run).unwrap().stored.state).is_err()
    }

    fn events(&self, run: &RunId) -> u64 {
        let shown =
            self.workspace.lgflow(&["trace", "verify", run.as_str(), "--format", "json"]).ended(0).json();
        shown["events"].as_u64().unwrap()
    }

    /// The files of the workspace that the run makes; those of commands by how many there are of each kind.
    fn effects(&self) -> Value {
        let made = |prefix: &str| {
            let names = fs::read_dir(self.workspace.path().join("made")).unwrap();
            let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            names.filter(|name| name.starts_with(prefix)).count()
        };
        let out = |name: &str| self.workspace.read(&format!("out/{name}.txt"));
        json!([made("once-"), made("turn-"), out("x"), out("y"), out("z"), self.workspace.read("asked.txt")])
    }
}

fn approve(workspace: &Workspace, run: &str) {
    let shown = workspace.lgflow(&["approve", run]).ended(2).stderr;
    let at = shown.rfind("--digest ").unwrap() + "--digest ".len();
    let digest: String = shown[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == ':').collect();
    workspace.lgflow(&["approve", run, "--digest", &digest]).ended(0);
}

/// The whole of what is shown of a run but for what differs between two runs of anything.
fn outcome(workspace: &Workspace, run: &RunId) -> Value {
    let shown = workspace.lgflow(&["runs", "show", run.as_str(), "--format", "json"]).ended(0).json();
    json!([shown["status"], shown["outputs"], shown["path"]])
}

#[test]
fn a_run_that_is_killed_at_any_event_ends_as_it_would_have_with_each_effect_once() {
    let honest = Bench::new();
    let run = honest.to_the_end("");
    let (events, wanted, effects) = (honest.events(&run), outcome(&honest.workspace, &run), honest.effects());
    assert_eq!(effects, json!([1, 3, "x", "y", "z", "two\n"]));
    assert_eq!(wanted[0], "succeeded");
    let mut kills = 0;
    for at in 1..=events {
        let who = ["interpreter", "runner", "both"][at as usize % 3];
        let bench = Bench::new();
        let run = bench.to_the_end(&format!("{who} {at} {}", bench.marker.display()));
        kills += u64::from(bench.marker.exists());
        assert_eq!(bench.effects(), effects, "{who} killed at event {at}");
        assert_eq!(outcome(&bench.workspace, &run), wanted, "{who} killed at event {at}");
        bench.workspace.lgflow(&["trace", "verify", run.as_str()]).ended(0);
        bench.workspace.lgflow(&["replay", run.as_str()]).ended(0);
    }
    assert_eq!(kills, events, "at each event something was killed");
}

const SLEEPY: &str = "\
schema: lgflow.policy/v1
name: sleepy
tools: { exec: allow }
paths: { read: { allow: [\"**\"] } }
commands:
  - { name: sleep, program: sleep, args: [[\"*\"]], sandbox: { workspace: direct } }
sandbox: { mode: best_effort }
";

/// A run whose runner was killed while its command slept.
fn killed_in_the_middle(on_crash: &str) -> (Workspace, String) {
    let workspace = Workspace::git();
    let graph = format!(
        "schema: lgflow.graph/v1\nname: sleepy\nnodes:\n  nap: {{ uses: exec, with: {{ argv: [sleep, \"600\"] }}, on_crash: {on_crash} }}\n"
    );
    workspace.write("graph.yaml", graph).write("policy.yaml", SLEEPY);
    let arguments = ["run", "-g", "graph.yaml", "--policy", "policy.yaml", "--format", "json"];
    let front = workspace.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let sleeper = wait_for_descendant(front.id(), |line| line.starts_with("sleep 600"));
    let runner = children(front.id()).into_iter().find(|id| command_line(*id).contains("__runner")).unwrap();
    signal(runner, "KILL");
    let ran = Ran::from(front.wait_with_output().unwrap()).ended(1).json();
    all_gone(&[sleeper]);
    (workspace, ran["run"].as_str().unwrap().to_owned())
}

#[test]
fn a_command_that_was_killed_has_failed_where_its_author_says_so() {
    let (workspace, run) = killed_in_the_middle("fail");
    let ran = workspace.lgflow(&["runs", "resume", &run, "--format", "json"]).ended(1).json();
    assert_eq!(ran["error"]["kind"], "exit", "{ran}");
    assert!(ran["error"]["message"].as_str().unwrap().contains("had begun when its runner died"), "{ran}");
    workspace.lgflow(&["trace", "verify", &run]).ended(0);
}

/// Goes on, waits for the command to sleep again, and ends it.
fn sleeps_again(workspace: &Workspace, run: &str) {
    let again = workspace
        .command(&["runs", "resume", run])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let sleeper = wait_for_descendant(again.id(), |line| line.starts_with("sleep 600"));
    signal(again.id(), "INT");
    Ran::from(again.wait_with_output().unwrap()).ended(130);
    all_gone(&[sleeper]);
    workspace.lgflow(&["trace", "verify", run]).ended(0);
    workspace.lgflow(&["replay", run]).ended(0);
}

#[test]
fn a_command_that_was_killed_is_made_again_where_its_author_says_so() {
    let (workspace, run) = killed_in_the_middle("retry");
    sleeps_again(&workspace, &run);
}

#[test]
fn a_command_that_was_killed_is_made_again_where_a_person_says_so() {
    let (workspace, run) = killed_in_the_middle("ask");
    let ran = workspace.lgflow(&["runs", "resume", &run]).ended(5);
    assert!(ran.stderr.contains("approve it to have it made again"), "{}", ran.stderr);
    approve(&workspace, &run);
    sleeps_again(&workspace, &run);
}
