//! The runner's receipts against an interpreter that lies. The processes are real and so are front and runner; in the
//! interpreter's place runs this test program once more: an honest session whose every word to the runner, and every word
//! back, goes through hands that leave out, make up, alter and reorder.

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
use std::sync::{Arc, Mutex};

use lgflow::client::Connection;
use lgflow::compile::check_bundle;
use lgflow::diag::Diagnostics;
use lgflow::digest::Digest;
use lgflow::effect::{
    Confinement, FrameBuffer, FrontFrame, InterpreterFrame, InterpreterStart, LayerRole, SandboxLayer,
};
use lgflow::front::{Finished, Stopped};
use lgflow::ledger::known_key;
use lgflow::policy::{CONTAINED, builtin};
use lgflow::receipt::{Told, Wrong, vouch};
use lgflow::session::{FrontLink, Interrupts, Journal, JournalError, Recorder, Session, system_clock};
use lgflow::source::Sources;
use lgflow::store::RunId;
use lgflow::trace::{Appended, Chain, EventBody, Redaction, RunStarted, RunState, verify};
use lgflow::wire::{FirstFrame, next_frame, receive_first, send_frame};
use program::Workspace;
use program::begun::{carry_out, place_in};
use program::kept::{anew, find, log_of, only_run, rewrite_log, store_of};
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

const GRAPH: &str = "\
schema: lgflow.graph/v1
name: reads
nodes:
  first: { uses: read_file, with: { path: a.txt } }
  left: { uses: read_file, with: { path: b.txt } }
  right: { uses: read_file, with: { path: c.txt } }
  end: { uses: values, with: { done: true } }
edges: [first -> left, first -> right, left -> end, right -> end]
outputs:
  text: \"{{ nodes.first.output.content }}{{ nodes.left.output.content }}\"
";

/// The number of a call that the session knows nothing of.
const SECRET: u64 = 1_000_000;

/// The hands between a session and its runner.
struct Hands {
    lie: String,
    /// By the number of a request, its node.
    nodes: Mutex<Vec<(u64, String)>>,
    held: Mutex<Vec<Value>>,
}

impl Hands {
    /// What becomes of a request: what goes on to the runner, and what goes back to the session at once.
    fn asked(&self, mut frame: Value) -> (Vec<Value>, Vec<Value>) {
        let node = frame["body"]["call"]["node"].as_str().unwrap_or_default().to_owned();
        let id = frame["id"].as_u64().unwrap();
        self.nodes.lock().unwrap().push((id, node.clone()));
        match (self.lie.as_str(), node.as_str()) {
            ("leaves one out", "first") => {
                let mut secret = frame.clone();
                secret["id"] = json!(SECRET);
                secret["body"]["call"]["idempotency_key"] = json!("secret");
                (vec![frame, secret], Vec::new())
            }
            ("makes one up", "left") => {
                let output = json!({ "path": "b.txt", "content": "made up" });
                let result = lgflow::effect::ToolResult::success("read_file", output);
                (Vec::new(), vec![json!({ "id": id, "body": { "type": "result", "result": result } })])
            }
            ("asks for another call", "first") => {
                frame["body"]["call"]["input"]["path"] = json!("c.txt");
                (vec![frame], Vec::new())
            }
            ("swaps two calls", "left") => {
                self.held.lock().unwrap().push(frame);
                (Vec::new(), Vec::new())
            }
            ("swaps two calls", "right") => {
                let mut both = vec![frame];
                both.append(&mut self.held.lock().unwrap());
                (both, Vec::new())
            }
            _ => (vec![frame], Vec::new()),
        }
    }

    /// What becomes of a reply.
    fn answered(&self, mut frame: Value) -> Vec<Value> {
        let id = frame["id"].as_u64().unwrap();
        let nodes = self.nodes.lock().unwrap();
        let node = nodes.iter().find(|(known, _)| *known == id).map_or("", |(_, node)| node.as_str());
        match (self.lie.as_str(), node) {
            ("leaves one out", _) if id == SECRET => Vec::new(),
            ("alters a result", "left") => {
                frame["body"]["result"]["output"]["content"] = json!("altered");
                vec![frame]
            }
            ("says that one was recalled", "left") => {
                frame["body"]["result"]["recalled"] = json!({ "from": "cache", "run": "r", "at": 1 });
                vec![frame]
            }
            ("alters a verdict", "right") => {
                frame["body"]["result"]["rules"][0]["line"] = json!(99);
                vec![frame]
            }
            ("swaps two results", "left" | "right") => {
                let mut held = self.held.lock().unwrap();
                if held.is_empty() {
                    held.push(frame);
                    return Vec::new();
                }
                vec![frame, held.pop().unwrap()]
            }
            _ => vec![frame],
        }
    }
}

/// A socket that a session may take for its runner's.
fn through_hands(lie: &str, runner: UnixStream) -> UnixStream {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let hands = Arc::new(Hands { lie: lie.to_owned(), nodes: Mutex::default(), held: Mutex::default() });
    let (asking, answering) = (theirs.try_clone().unwrap(), theirs);
    let back = answering.try_clone().unwrap();
    let to_runner = runner.try_clone().unwrap();
    let up = Arc::clone(&hands);
    std::thread::spawn(move || {
        let mut arrived = FrameBuffer::default();
        while let Ok(Some(frame)) = next_frame::<Value>(&asking, &mut arrived) {
            let (on, at_once) = up.asked(frame);
            for frame in on {
                send_frame(&to_runner, &frame).unwrap();
            }
            for frame in at_once {
                send_frame(&back, &frame).unwrap();
            }
        }
    });
    std::thread::spawn(move || {
        let mut arrived = FrameBuffer::default();
        while let Ok(Some(frame)) = next_frame::<Value>(&runner, &mut arrived) {
            for frame in hands.answered(frame) {
                send_frame(&answering, &frame).unwrap();
            }
        }
    });
    ours
}

/// Not a test of its own: what runs in the interpreter's place, told by a variable how to lie.
#[test]
fn the_liar() {
    let Ok(lie) = std::env::var("LGFLOW_TEST_LIE") else { return };
    let front = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
    let mut first: FirstFrame<FrontFrame> = receive_first(&front).unwrap();
    let [calls] = first.take().unwrap();
    let FrontFrame::Start(start) = first.frame else { panic!("no task") };
    let layers = vec![SandboxLayer { name: "seccomp".into(), in_force: true }];
    let confinement = Confinement { layers, missing: Vec::new() };
    send_frame(&front, &InterpreterFrame::Ready { confinement }).unwrap();
    let (interrupter, _interrupts) = Interrupts::new();
    let (link, ear) = FrontLink::new(front.try_clone().unwrap(), first.arrived, interrupter).unwrap();
    std::thread::spawn(move || ear.listen());
    let interrupted = drive(&start, &lie, through_hands(&lie, UnixStream::from(calls)), link);
    send_frame(&front, &InterpreterFrame::Ended { interrupted }).unwrap();
}

/// One that tells of another event than it made.
struct Retelling(FrontLink);

impl Journal for Retelling {
    fn append(&mut self, mut line: Appended) {
        line.line = line.line.replacen("\"seq\"", "\"seq\" ", 1);
        self.0.append(line);
    }

    fn commit(&mut self, awaited: bool) -> Result<(), JournalError> {
        self.0.commit(awaited)
    }

    fn finish(self: Box<Self>) -> Result<(), JournalError> {
        Box::new(self.0).finish()
    }
}

fn drive(start: &InterpreterStart, lie: &str, calls: UnixStream, link: FrontLink) -> Option<String> {
    let run: RunId = start.run.parse().unwrap();
    let plan = check_bundle(&start.graph, &mut Sources::default(), &mut Diagnostics::default()).unwrap();
    let plan = plan.bounded(&start.limits);
    let chain = Chain::new(run.as_str(), Redaction::default());
    let recorder = if lie == "tells of another trace" {
        Recorder::new(chain, Retelling(link), system_clock)
    } else {
        Recorder::new(chain, link, system_clock)
    };
    let mut facts = start.facts.clone();
    if lie == "names another policy" {
        facts["policy_digest"] = json!(Digest::of("another"));
    }
    let begin = EventBody::RunStarted(Box::new(RunStarted {
        inputs: Arc::new(start.inputs.clone()),
        revision: start.revision.clone(),
        facts: Arc::new(Value::Object(facts)),
    }));
    let mut observer = |_: &str| {};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ended = runtime.block_on(async {
        let connection = Connection::new(calls).unwrap();
        let (_interrupter, interrupts) = Interrupts::new();
        let state = RunState::new(run.as_str(), &plan);
        Session::new(state, recorder, connection, interrupts, &mut observer).run(begin).await
    });
    ended.interrupted.map(|why| why.to_string())
}

/// A program that is `lgflow`, but for its interpreter.
fn with_a_liar(workspace: &Workspace, lie: &str) -> PathBuf {
    let path = workspace.outside().join("lgflow-with-a-liar");
    let own = std::env::current_exe().unwrap();
    let text = format!(
        "#!/bin/sh\ncase \"$1\" in\n  __interpreter) export LGFLOW_TEST_LIE='{lie}'; exec '{}' --exact the_liar --nocapture ;;\n  *) exec '{}' \"$@\" ;;\nesac\n",
        own.display(),
        env!("CARGO_BIN_EXE_lgflow"),
    );
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn reads() -> Workspace {
    let workspace = Workspace::new();
    workspace.write("graph.yaml", GRAPH);
    for name in ["a.txt", "b.txt", "c.txt"] {
        workspace.write(name, format!("{name}\n"));
    }
    workspace
}

fn run(workspace: &Workspace, lie: &str) -> Finished {
    let layers = vec![builtin(CONTAINED, LayerRole::Grant).unwrap()];
    carry_out(&place_in(workspace.outside(), "local"), layers, &with_a_liar(workspace, lie), None)
}

#[test]
fn the_harmless_twin_succeeds_and_is_vouched_for() {
    let workspace = reads();
    let finished = run(&workspace, "not at all");
    assert!(finished.interrupted.is_none(), "{:?}", finished.interrupted);
    assert_eq!(finished.summary.outputs.unwrap()["text"], "a.txt\nb.txt\n");
    let ran = workspace.lgflow(&["trace", "verify", finished.run.as_str()]).ended(0);
    for words in
        ["consistent, signed by local:", ", unanchored: ", "receipts of the runner agree", "as sealed"]
    {
        assert!(ran.stdout.contains(words), "`{words}`: {}", ran.stdout);
    }
}

#[test]
fn each_lie_ends_the_run_and_is_named_by_verify() {
    for (lie, what) in [
        ("leaves one out", Wrong::LeftOut),
        ("makes one up", Wrong::MadeUp),
        ("asks for another call", Wrong::OtherCall),
        ("alters a result", Wrong::OtherResult),
        ("says that one was recalled", Wrong::OtherResult),
        ("alters a verdict", Wrong::OtherVerdict),
        ("swaps two calls", Wrong::Order),
        ("swaps two results", Wrong::ResultOrder),
        ("names another policy", Wrong::OtherPolicy),
    ] {
        let workspace = reads();
        workspace.forges();
        let finished = run(&workspace, lie);
        let Some(Stopped::Discord(found)) = finished.interrupted else {
            panic!("{lie}: {:?}", finished.interrupted)
        };
        assert_eq!(found.what, what, "{lie}: {found}");
        assert!(finished.summary.outputs.is_none(), "{lie}: it gave outputs");
        let run = finished.run.as_str();
        let ran = workspace.lgflow(&["trace", "verify", run, "--format", "json"]).ended(7).json();
        is_valid("verification", &ran);
        let fault = &ran["receipts"]["fault"];
        assert_eq!(
            (&ran["fault"], &fault["what"], &fault["event"], &ran["verdicts"]),
            (&Value::Null, &json!(what.as_str()), &json!(found.event), &json!([])),
            "{lie}: {ran}"
        );
        workspace.lgflow(&["trace", "verify", run]).ended(7).says(&found.to_string());
        let listed = workspace.lgflow(&["runs", "list", "--format", "json"]).ended(0).json();
        assert_eq!(
            (&listed["runs"][0]["status"], &listed["runs"][0]["resumable"]),
            (&json!("interrupted"), &json!(false)),
            "{lie}"
        );
        workspace.lgflow(&["runs", "resume", run]).ended(7);
    }
}

#[test]
fn nothing_is_stored_but_the_next_event_in_its_only_form() {
    let workspace = reads();
    let finished = run(&workspace, "tells of another trace");
    assert!(matches!(finished.interrupted, Some(Stopped::Unfit(_))), "{:?}", finished.interrupted);
    assert!(store_of(&workspace).runs().unwrap().is_empty());
    assert_eq!(workspace.lgflow(&["runs", "list"]).ended(0).stdout, "");
}

#[track_caller]
fn is_valid(schema: &str, document: &Value) {
    let text = lgflow::schema::document(schema).unwrap();
    let validator = lgflow::schema::Validator::new(&serde_json::from_str(text).unwrap()).unwrap();
    let errors: Vec<String> = validator.errors(document).iter().map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{document:#}");
}

/// The receipts of the only run, and its log.
fn files(workspace: &Workspace) -> (PathBuf, String) {
    (find(&workspace.state().join("ledger"), ".jsonl"), log_of(workspace, &only_run(workspace)))
}

fn finished(workspace: &Workspace, more: &[&str]) -> Value {
    let all: Vec<&str> =
        ["run", "-g", "graph.yaml", "--format", "json"].into_iter().chain(more.iter().copied()).collect();
    workspace.lgflow(&all).ended(0).json()
}

#[test]
fn receipts_are_the_users_alone_and_out_of_the_interpreters_reach() {
    let workspace = reads();
    finished(&workspace, &[]);
    let (receipts, _) = files(&workspace);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&receipts), mode(receipts.parent().unwrap())), (0o600, 0o700));
    // the folder of the runs is a workspace's, and this one is the installation's
    assert!(!receipts.starts_with(store_of(&workspace).folder()), "{}", receipts.display());
    let kinds: Vec<String> = fs::read_to_string(&receipts)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["kind"].as_str().unwrap().to_owned())
        .collect();
    let one = ["request.received", "call.begun", "request.answered"];
    assert_eq!(kinds[..4], [&["session.opened"], &one[..]].concat()[..]);
    assert_eq!(kinds.len(), 10, "{kinds:?}");
}

#[test]
fn any_byte_of_the_events_or_of_the_receipts_that_is_changed_is_found_on_its_line() {
    let workspace = reads();
    let ran = finished(&workspace, &[]);
    let run = ran["run"].as_str().unwrap();
    let (receipts, log) = files(&workspace);
    let receipts = fs::read_to_string(receipts).unwrap();
    let key = known_key(&workspace.state()).unwrap();
    let told = Told::of_log(&log, &|_| None);
    let line_of = |text: &str, at: usize| text[..at].matches('\n').count() as u64 + 1;
    let changed = |text: &str, at: usize, by: u8| {
        let mut bytes = text.as_bytes().to_vec();
        // another byte for each `by`; all that there is in these files is ASCII, and so is what takes its place
        bytes[at] = (bytes[at] + 1 + by) % 128;
        String::from_utf8(bytes).unwrap()
    };
    assert!(log.is_ascii() && receipts.is_ascii());
    assert_eq!(vouch(&told, &receipts, Some(run), Some(&key)).discord, None);
    let receipt_changed = |at: usize, by: u8| {
        let found = vouch(&told, &changed(&receipts, at, by), Some(run), Some(&key)).discord.unwrap();
        assert_eq!(found.receipt, Some(line_of(&receipts, at)), "byte {at}, {by}: {found}");
    };
    let event_changed = |at: usize, by: u8| {
        let fault =
            verify(changed(&log, at, by).lines(), None).fault.unwrap_or_else(|| panic!("byte {at}, {by}"));
        assert_eq!(fault.line as u64, line_of(&log, at), "byte {at}, {by}: {fault:?}");
    };
    for at in (0..receipts.len()).step_by(7) {
        receipt_changed(at, 0);
    }
    for at in (0..log.len()).step_by(7) {
        event_changed(at, 0);
    }
    let places = (0..receipts.len(), 0..log.len(), 0..127_u8);
    let tried = TestRunner::new(Config::with_cases(400)).run(&places, |(receipt, event, by)| {
        receipt_changed(receipt, by);
        event_changed(event, by);
        Ok(())
    });
    tried.unwrap();
}

/// The same events with `alter` done to those of a kind, and every hash computed again.
fn forged(log: &str, kind: &str, alter: impl Fn(&mut Value)) -> String {
    anew(log, |events| {
        events.iter_mut().filter(|event| event["kind"] == kind).for_each(|event| alter(&mut event["data"]));
    })
}

#[test]
fn a_trace_that_is_carried_elsewhere_takes_its_receipts_along() {
    let workspace = reads();
    let ran = finished(&workspace, &["--trace"]);
    let copy = workspace.path().join(ran["trace"].as_str().unwrap());
    let receipts = copy.with_extension("receipts");
    let at_home = workspace.lgflow(&["trace", "verify", copy.to_str().unwrap()]).ended(0);
    assert!(at_home.stdout.starts_with("consistent, signed by local:"), "{}", at_home.stdout);

    let json =
        workspace.lgflow(&["trace", "verify", copy.to_str().unwrap(), "--format", "json"]).ended(0).json();
    is_valid("verification", &json);

    let elsewhere = Workspace::new();
    elsewhere.write("t.jsonl", fs::read(&copy).unwrap()).write("t.receipts", fs::read(&receipts).unwrap());
    let ran = elsewhere.lgflow(&["trace", "verify", "t.jsonl"]).ended(0);
    assert!(ran.stdout.starts_with("hashes and receipts agree, unanchored: "), "{}", ran.stdout);
    assert!(ran.stdout.contains("that made them is not here"), "{}", ran.stdout);

    let other = |data: &mut Value| data["result"]["output"]["content"] = json!("another");
    let log = fs::read_to_string(&copy).unwrap();
    elsewhere.write("t.jsonl", forged(&log, "call.finished", other));
    elsewhere.lgflow(&["trace", "verify", "t.jsonl"]).ended(7).says("another result than the runner gave");

    fs::remove_file(elsewhere.path().join("t.receipts")).unwrap();
    let ran = elsewhere.lgflow(&["trace", "verify", "t.jsonl"]).ended(0);
    assert!(ran.stdout.contains("receipts are not at hand"), "{}", ran.stdout);
}

fn first(text: &str, lines: usize) -> String {
    text.lines().take(lines).flat_map(|line| [line, "\n"]).collect()
}

#[test]
fn receipts_that_are_gone_cut_or_made_anew_are_found() {
    let workspace = reads();
    let ran = finished(&workspace, &[]);
    let run = ran["run"].as_str().unwrap();
    let (path, log) = files(&workspace);
    let honest = fs::read_to_string(&path).unwrap();
    let cases = [
        (String::new(), "receipts are gone"),
        (first(&honest, 9), "that the runner never gave"),
        (honest.replacen("\"at\":1", "\"at\":2", 1), "receipt 1 of the runner was edited"),
    ];
    for (text, why) in cases {
        fs::write(&path, text).unwrap();
        workspace.lgflow(&["trace", "verify", run]).ended(7).says(why);
    }
    // events and receipts cut together, so that they agree: the seal knows how far both had come
    fs::write(&path, first(&honest, 1)).unwrap();
    rewrite_log(&workspace, run, &first(&log, 1));
    workspace
        .lgflow(&["trace", "verify", run, "--allow", "incomplete"])
        .ended(7)
        .says("receipt 2 of the runner was cut");
}

const PATCHES: &str = r#"schema: lgflow.graph/v1
name: patches
nodes:
  look: { uses: read_file, with: { path: a.txt } }
  apply:
    uses: apply_patch
    with: { changes: [{ op: put, path: a.txt, content: "two\n" }] }
  after: { uses: read_file, with: { path: a.txt } }
edges: [ look -> apply -> after ]
outputs: { text: "{{ nodes.after.output.content }}" }
"#;

fn asks(most: u64) -> String {
    format!(
        "schema: lgflow.policy/v1\nname: asks\ntools: {{read_file: allow, apply_patch: ask}}\npaths: {{read: {{allow: ['**']}}, \
         write: {{allow: ['**']}}}}\nlimits: {{ tool_calls: {most} }}\n"
    )
}

#[test]
fn calls_are_counted_over_both_parts_of_a_run_that_was_suspended() {
    for (most, code, status) in [(2, 6, "out_of_budget"), (3, 0, "succeeded")] {
        let workspace = Workspace::git();
        workspace.write("a.txt", "one\n").write("graph.yaml", PATCHES).write("policy.yaml", asks(most));
        let run = ["run", "-g", "graph.yaml", "--policy", "policy.yaml", "--format", "json"];
        let run = workspace.lgflow(&run).ended(5).json()["run"].as_str().unwrap().to_owned();
        workspace.approve(&run);
        let ran = workspace.lgflow(&["runs", "resume", &run, "--format", "json"]).ended(code).json();
        assert_eq!(ran["status"], status, "{ran}");
        assert_eq!(workspace.read("a.txt"), "two\n");
        workspace.lgflow(&["trace", "verify", &run]).ended(0);
    }
}

#[test]
fn denials_questions_and_spent_approvals_have_receipts() {
    let workspace = Workspace::git();
    workspace.write("a.txt", "one\n").write("graph.yaml", PATCHES).write("policy.yaml", asks(9));
    let run = ["run", "-g", "graph.yaml", "--policy", "policy.yaml", "--format", "json"];
    let run = workspace.lgflow(&run).ended(5).json()["run"].as_str().unwrap().to_owned();
    workspace.approve(&run);
    workspace.lgflow(&["runs", "resume", &run]).ended(0);
    let (path, _) = files(&workspace);
    let receipts: Vec<Value> =
        fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for receipt in &receipts {
        is_valid("receipt", receipt);
    }
    let decisions: Vec<&str> = receipts
        .iter()
        .filter(|receipt| receipt["kind"] == "request.answered")
        .map(|receipt| receipt["results"][0]["verdict"]["decision"].as_str().unwrap())
        .collect();
    assert_eq!(decisions, ["allow", "ask", "allow", "allow"]);
    let spent = receipts.iter().find(|receipt| !receipt["approval"].is_null()).unwrap();
    assert_eq!((&spent["kind"], &spent["tool"]), (&json!("call.begun"), &json!("apply_patch")));
    let sessions = receipts.iter().filter(|receipt| receipt["kind"] == "session.opened").count();
    assert_eq!(sessions, 2);

    let denied = Workspace::new();
    denied
        .write("graph.yaml", GRAPH.replace("b.txt", ".env"))
        .write("a.txt", "")
        .write("c.txt", "")
        .write(".env", "x");
    denied.lgflow(&["run", "-g", "graph.yaml"]).ended(4);
    let (path, _) = files(&denied);
    let text = fs::read_to_string(path).unwrap();
    for line in text.lines() {
        is_valid("receipt", &serde_json::from_str(line).unwrap());
    }
    assert!(text.contains("\"decision\":\"deny\",\"rule\":{"), "{text}");
}
