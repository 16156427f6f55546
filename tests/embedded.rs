//! The library without processes: a session asks a runner on another thread of the same program, behind the same client
//! and over the same frames as in a run of `lgflow`.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and threads, and stops where it is wrong"
)]

mod program;

use std::fs::File;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use lgflow::client::Connection;
use lgflow::compile::{bundle, check_bundle};
use lgflow::diag::Diagnostics;
use lgflow::effect::{ControlFrame, Declared, FrameBuffer, GraphBundle, LayerRole, RunLimits, RunnerStart};
use lgflow::files::RelPath;
use lgflow::plan::Plan;
use lgflow::policy::{CONTAINED, Packs, builtin};
use lgflow::runner;
use lgflow::session::{Interrupts, Recorder, Session, check_paths, system_clock};
use lgflow::source::Sources;
use lgflow::store::{Durability, RunId, Store};
use lgflow::trace::{
    Chain, EventBody, Redaction, RunStarted, RunState, RunStatus, apply, read_event, verify,
};
use lgflow::wire::{hand_over, next_frame, send_frame};
use program::Workspace;
use serde_json::{Value, json};

const GRAPH: &str = "\
schema: lgflow.graph/v1
name: embedded
prompts:
  say: { file: say.md }
nodes:
  read: { uses: read_file, with: { path: a.txt } }
  say: { uses: render, with: { prompt: say, vars: { text: \"{{ nodes.read.output.content }}\" } } }
edges: [read -> say]
outputs:
  said: \"{{ nodes.say.output.text }}\"
";

fn read(workspace: &Workspace) -> (Arc<Plan>, GraphBundle) {
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let folders =
        check_paths(&[workspace.path().join("graph.yaml")], &Packs::default(), &mut sources, &mut found)
            .unwrap();
    let texts = bundle(&RelPath::parse("graph.yaml").unwrap(), &folders[0].files, &sources);
    let plan = check_bundle(&texts, &mut Sources::default(), &mut found).expect("it compiles again");
    assert!(!found.has_errors(), "{found:?}");
    (plan, texts)
}

#[test]
fn a_session_runs_beside_its_runner_and_its_lines_tell_the_whole_run() {
    let workspace = Workspace::new();
    // no ledger knows this run
    workspace.forges();
    // large enough to stand outside of its line
    let text = "word ".repeat(2_000);
    workspace.write("graph.yaml", GRAPH).write("say.md", "Said: {{ text }}").write("a.txt", &text);
    let (plan, _) = read(&workspace);
    let store = Store::open(&workspace.state(), &workspace.path()).unwrap();

    let run = RunId::new(1, [7; 10]);
    let (control, theirs) = UnixStream::pair().unwrap();
    let (calls, their_calls) = UnixStream::pair().unwrap();
    let serving = std::thread::spawn(move || runner::serve(theirs));
    let start = RunnerStart {
        schema: "lgflow.runner_start/v1".into(),
        run: run.to_string(),
        root: workspace.path().display().to_string(),
        state: store.folder().display().to_string(),
        layers: vec![builtin(CONTAINED, LayerRole::Grant).unwrap()],
        protected: Vec::new(),
        starter: None,
        ledger: None,
        declared: Declared::default(),
        live: false,
        limits: RunLimits::default(),
        plan: None,
        undoes: None,
        reuse: None,
        counted_calls: 0,
        answers_on_record: false,
        keeps_records: true,
    };
    let root = File::open(workspace.path()).unwrap();
    hand_over(&control, &ControlFrame::Start(start), &[root.as_fd(), their_calls.as_fd()]).unwrap();
    drop(their_calls);
    let answer = next_frame(&control, &mut FrameBuffer::default()).unwrap();
    assert!(matches!(answer, Some(ControlFrame::Started(_))), "{answer:?}");

    let log = store.create(&run, Durability::Batch).unwrap();
    let chain = Chain::new(run.as_str(), Redaction::default());
    let recorder = Recorder::new(chain, log, system_clock);
    let first = EventBody::RunStarted(Box::new(RunStarted {
        inputs: Arc::new(json!({})),
        revision: None,
        facts: Arc::new(Value::Null),
    }));
    let mut lines = Vec::new();
    let mut observer = |line: &str| lines.push(line.to_owned());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ended = runtime.block_on(async {
        let connection = Connection::new(calls).unwrap();
        let (_interrupter, interrupts) = Interrupts::new();
        let state = RunState::new(run.as_str(), &plan);
        Session::new(state, recorder, connection, interrupts, &mut observer).run(first).await
    });
    assert!(ended.interrupted.is_none(), "{:?}", ended.interrupted);
    send_frame(&control, &ControlFrame::Stop).unwrap();
    serving.join().unwrap().unwrap();

    let summary = ended.state.summary();
    assert_eq!(summary.status, Some(RunStatus::Succeeded), "{:?}", summary.error);
    assert_eq!(summary.outputs.as_ref().unwrap()["said"], format!("Said: {text}"));

    // what the front does with the lines
    let mut followed = RunState::new(run.as_str(), &plan);
    for line in &lines {
        let event = read_event(&followed, line, |digest| store.blobs().get(digest)).unwrap();
        apply(&mut followed, &event).unwrap();
    }
    assert_eq!(followed.summary(), summary);
    let verified = verify(lines.iter().map(String::as_str), None);
    assert!(verified.complete && verified.fault.is_none(), "{verified:?}");
    assert_eq!(verified.head, ended.digest);
}

#[test]
fn a_bundle_becomes_the_same_plan_and_opens_nothing() {
    let workspace = Workspace::new();
    workspace.write("graph.yaml", GRAPH).write("say.md", "Said: {{ text }}").write("a.txt", "x");
    let (plan, texts) = read(&workspace);
    assert_eq!(
        texts.files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(),
        ["graph.yaml", "say.md"]
    );
    std::fs::remove_dir_all(workspace.path()).unwrap();
    let mut found = Diagnostics::default();
    let again = check_bundle(&texts, &mut Sources::default(), &mut found).unwrap();
    assert_eq!(again.document(), plan.document());
    let missing = GraphBundle { files: texts.files[..1].to_vec(), ..texts };
    assert!(check_bundle(&missing, &mut Sources::default(), &mut found).is_none());
    assert!(found.has_errors());
}
