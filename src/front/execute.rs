//! One run: starts the runner, opens the store, drives the session, and says what it came to. Prints nothing itself.
#![expect(
    clippy::disallowed_methods,
    reason = "a run begins at a time, and its trace is read back for the copy"
)]

use std::fs;
use std::io;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::client::Connection;
use crate::digest::Digest;
use crate::effect::{FrozenLayer, RunnerStart, Started};
use crate::files::{FileError, Root};
use crate::plan::Plan;
use crate::session::{Interrupted, Interrupter, Interrupts, Recorder, Session, system_clock};
use crate::store::{Durability, RunId, Store, StoreError};
use crate::trace::{Chain, EventBody, Redaction, RunStarted, RunState, Summary};

use super::artifacts::TraceCopy;
use super::{Narrator, Place, RunnerProcess, StartError};

/// What is to be run.
#[derive(Debug)]
pub struct Task<'a> {
    /// Where.
    pub place: &'a Place,
    /// The graph.
    pub plan: Arc<Plan>,
    /// The layers that bind it, the grant first.
    pub layers: Vec<FrozenLayer>,
    /// Its inputs, defaults put in.
    pub inputs: Value,
    /// When a line of the trace is safe.
    pub durability: Durability,
    /// Is the trace written into the workspace as well?
    pub trace: bool,
    /// The program that becomes the runner: our own.
    pub program: &'a Path,
}

/// What a run came to.
#[derive(Debug)]
pub struct Finished {
    /// Its id.
    pub run: RunId,
    /// Its outputs, nodes, path and error.
    pub summary: Summary,
    /// Why it stopped before its end, if it did.
    pub interrupted: Option<Interrupted>,
    /// The copy of its trace in the workspace, relative to the root; else the store's.
    pub trace: PathBuf,
    /// What the runner said at its start.
    pub runner: Started,
}

/// A run that did not begin.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// The workspace cannot be opened, or its `artifacts` folder not written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The runner did not start.
    #[error(transparent)]
    Runner(#[from] StartError),
    /// The machine refused.
    #[error("cannot begin: {0}")]
    Io(#[from] io::Error),
}

/// Runs `task` to its end and tells `narrator`. Interrupts are heard from the terminal.
pub fn execute(task: &Task<'_>, narrator: &mut Narrator) -> Result<Finished, BeginError> {
    let root = Root::open(&task.place.root)?;
    let store = Store::open(&task.place.state, &task.place.root)?;
    let run = new_run_id()?;
    let mut log = store.create(&run, task.durability)?;
    let copy = if task.trace { Some(TraceCopy::create(&root, &run)?) } else { None };
    let copy = copy.map(|(copy, file)| {
        log.copy_to(Path::new(copy.path.as_str()), file);
        copy
    });
    let start = runner_start(task, &run, &store);
    let (runner, calls) = RunnerProcess::start(task.program, start, root.as_fd())?;
    let recorder = Recorder::new(
        Chain::new(run.as_str(), Redaction::default()),
        log,
        store.blobs(),
        task.durability,
        system_clock,
    );
    let first = first_event(task, runner.started());
    let state = RunState::new(run.as_str(), &task.plan);
    let ended = drive(state, recorder, calls, first, narrator)?;
    let events = store.run(&run)?.events;
    if copy.is_some() {
        TraceCopy::add_blobs(&root, &fs::read_to_string(&events)?, &store.blobs())?;
    }
    let started = runner.started().clone();
    runner.stop();
    let trace = copy.map_or(events, |copy| PathBuf::from(copy.path.as_str()));
    let mut summary = ended.state.summary();
    if ended.interrupted.is_some() {
        // an end that could not be recorded is none
        summary.outputs = None;
    }
    Ok(Finished { run, summary, interrupted: ended.interrupted, trace, runner: started })
}

/// Single-threaded: a session waits for answers and does little itself.
fn drive(
    state: RunState,
    recorder: Recorder,
    calls: std::os::unix::net::UnixStream,
    first: EventBody,
    narrator: &mut Narrator,
) -> io::Result<crate::session::Ended> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (interrupter, interrupts) = Interrupts::new();
        let listening = tokio::spawn(listen(interrupter));
        let connection = Connection::new(calls)?;
        let mut observer = |state: &RunState, event: &EventBody| narrator.tell(state, event);
        let ended = Session::new(state, recorder, connection, interrupts, &mut observer).run(first).await;
        listening.abort();
        Ok(ended)
    })
}

/// Ctrl-C, again and again; a polite request to end counts as one.
async fn listen(interrupter: Interrupter) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return;
    };
    loop {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        interrupter.interrupt();
    }
}

fn new_run_id() -> io::Result<RunId> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut random = [0; 10];
    getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(RunId::new(now.as_millis() as u64, random))
}

fn runner_start(task: &Task<'_>, run: &RunId, store: &Store) -> RunnerStart {
    RunnerStart {
        schema: "lgflow.runner_start/v1".into(),
        run: run.to_string(),
        root: task.place.root.display().to_string(),
        state: store.folder().display().to_string(),
        layers: task.layers.clone(),
        protected: task.place.protected(),
    }
}

fn first_event(task: &Task<'_>, runner: &Started) -> EventBody {
    let layers: Vec<Value> = task
        .layers
        .iter()
        .map(|layer| json!({ "name": layer.name, "role": layer.role, "digest": Digest::of(&layer.text) }))
        .collect();
    let facts = json!({
        "lgflow": env!("CARGO_PKG_VERSION"),
        "runner": runner.version,
        "graph": task.plan.name,
        "graph_digest": task.plan.digest,
        "plan": task.plan.document(),
        "layers": layers,
        "policy_digest": runner.policy_digest,
        "inputs_digest": Digest::of_json(&task.inputs),
        "durability": task.durability.as_str(),
        "sandbox": runner.sandbox,
    });
    EventBody::RunStarted(Box::new(RunStarted {
        inputs: Arc::new(task.inputs.clone()),
        revision: runner.revision.clone(),
        facts: Arc::new(facts),
    }))
}
