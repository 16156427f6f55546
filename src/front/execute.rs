//! One run: starts the runner and the interpreter, follows the run to its end, and says what it came to. Prints nothing
//! itself.
#![expect(clippy::disallowed_methods, reason = "a run begins at a time")]

use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use crate::approval::Signer;
use crate::config::Retention;
use crate::digest::Digest;
use crate::effect::{InterpreterStart, LedgerPlace, RunnerStart, Started};
use crate::files::{FileError, Root};
use crate::ledger::{ForkedFrom, Ledger, LedgerError, RunRecord};
use crate::logging::RunSpans;
use crate::receipt::Told;
use crate::store::{RunId, RunLog, Store, StoreError};
use crate::trace::{Phase, RunState, Summary, Tip};
use crate::view::escaped;

use super::answering::Answering;
use super::artifacts::TraceCopy;
use super::asking::Asking;
use super::elsewhere::{Opening, RemoteRunner, Word};
use super::ending::Ending;
use super::follower::{Arriving, Follower};
use super::keep_out::{KeepOutError, KeptOut};
use super::keys::signer;
use super::logs::Logs;
use super::meanwhile::{begun_meanwhile, held_meanwhile};
use super::on_record::on_record;
use super::supervise::Supervision;
use super::task::Named;
use super::watchers::Watchers;
use super::witnessing::Witnessing;
use super::{
    AgainError, Elsewhere, ElsewhereError, InterpreterProcess, Mark, Meanwhile, Narrator, Past,
    RunnerProcess, SigningKeyError, SpawnedRunner, StartError, Stopped, Task,
};

/// What a run came to.
#[derive(Debug)]
pub struct Finished {
    /// Its id.
    pub run: RunId,
    /// Its outputs, nodes, path and error.
    pub summary: Summary,
    /// Why it stopped before its end, if it did.
    pub interrupted: Option<Stopped>,
    /// The copy of its trace in the workspace, relative to the root; else the run's id, by which the store has it.
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
    /// It would carry a secret.
    #[error(transparent)]
    KeepOut(#[from] KeepOutError),
    /// The runner or the interpreter did not start.
    #[error(transparent)]
    Process(#[from] StartError),
    /// The ledger cannot be opened or written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The key that answers cannot be used.
    #[error(transparent)]
    Key(#[from] SigningKeyError),
    /// The runner elsewhere does not take it.
    #[error(transparent)]
    Elsewhere(#[from] ElsewhereError),
    /// A run that it cannot go on beside has begun meanwhile.
    #[error(transparent)]
    Meanwhile(#[from] Meanwhile),
    /// The runs that go on cannot be looked at.
    #[error(transparent)]
    Others(#[from] AgainError),
    /// The machine refused.
    #[error("cannot begin: {0}")]
    Io(#[from] io::Error),
}

/// Who makes the calls of a run: a process of ours, or a runner elsewhere.
#[derive(Debug)]
pub(super) enum Hands {
    Ours(RunnerProcess),
    Elsewhere(RemoteRunner),
}

impl Hands {
    /// What it said when it was ready.
    fn started(&self) -> &Started {
        match self {
            Self::Ours(runner) => runner.started(),
            Self::Elsewhere(runner) => &runner.started,
        }
    }

    /// Where it asks.
    pub(super) fn control(&self) -> io::Result<Option<UnixStream>> {
        match self {
            Self::Ours(runner) => runner.control(),
            Self::Elsewhere(runner) => runner.control().map(Some),
        }
    }

    /// Lets go of it. What is given back a runner elsewhere vouches for.
    fn stop(self) -> Option<Word> {
        match self {
            Self::Ours(runner) => {
                runner.stop();
                None
            }
            Self::Elsewhere(runner) => Some(runner.stop()),
        }
    }
}

/// Runs `task` to its end and tells `narrator`. Interrupts are heard from the terminal.
pub fn execute(task: &Task<'_>, narrator: &mut Narrator) -> Result<Finished, BeginError> {
    let mut logs = Logs::begin(task.watching.log);
    let finished = execute_with(task, narrator, &mut logs);
    logs.tell(narrator);
    finished
}

fn execute_with(task: &Task<'_>, narrator: &mut Narrator, logs: &mut Logs) -> Result<Finished, BeginError> {
    let mut kept_out = KeptOut::of(task)?;
    let root = Root::open(&task.place.root)?;
    let store = task.place.runs()?;
    let known = task.resume.as_ref().map(|resume| &resume.run).or(task.serving.as_ref());
    let run = known.map_or_else(new_run_id, |run| Ok(run.clone()))?;
    let answering = answering((task, &kept_out), &run, &store)?;
    let undone = held_meanwhile(task, &store)?;
    let copy = if task.trace { Some(TraceCopy::create(&root, &run)?) } else { None };
    let (log, before) = begin_log(task, &run, (&store, &answering.ledger))?;
    begun_meanwhile(task, (&store, &answering.ledger))?.map_or(Ok(()), Err)?;
    TraceCopy::copy_lines(copy.as_ref(), &before)?;
    let (runner, mut interpreter) =
        start((task, &mut kept_out), (&run, &before), (&store, &answering.ledger), &root, (narrator, logs))?;
    let commit = runner.started().revision.as_deref();
    let witnessing = Witnessing::begin(task, (&run, commit), (&store, &answering.ledger), narrator)?;
    let path = copy.as_ref().map(|(copy, _)| PathBuf::from(copy.path.as_str()));
    let (state, tip) = match &task.resume {
        Some(resume) => (resume.state.clone(), Tip::of(run.as_str(), &resume.verified)),
        None => (RunState::new(run.as_str(), &task.plan), Tip::new(run.as_str())),
    };
    let follower = Follower {
        state,
        log,
        undone,
        tip,
        told: Told::of_log(&before, &|digest| store.blobs().get(digest)),
        spans: RunSpans::new(run.as_str()),
        watchers: Watchers::begin(&task.watching, &before, &store),
        witnessing,
        narrator,
        copy: copy.and_then(|(_, file)| Some((path.clone()?, file))),
        arriving: Arriving::default(),
    };
    let ledger = answering.ledger.clone();
    let asking = Asking::new(answering, task);
    let asking = (asking, task.serving.is_some());
    let (follower, interrupted) = supervise((&mut interpreter, &runner), follower, asking, logs)?;
    let started = runner.started().clone();
    let over = matches!(follower.state.phase(), Phase::Finished { .. });
    let Follower { state, log, told, watchers, witnessing, narrator, tip, .. } = follower;
    let word = runner.stop();
    let ending = Ending { ledger: &ledger, run: &run, log, told: &told, tip, over, witnessing, word };
    let interrupted = ending.end(interrupted, narrator);
    watchers.end(&task.watching, &store, (&state, interrupted.as_ref()), narrator);
    let is_ours = !interrupted.as_ref().is_some_and(Stopped::is_taken_over);
    let copied = path.as_ref().filter(|_| is_ours);
    let uncopied = copied.and_then(|_| TraceCopy::complete(&root, &run, &store, &ledger).err());
    let interrupted = interrupted.or(uncopied.map(Stopped::Beside));
    let mut summary = state.summary();
    if interrupted.is_some() {
        tracing::error!(run = run.as_str(), "the run stopped before its end");
        // an end that could not be recorded is none
        summary.outputs = None;
    }
    let trace = path.unwrap_or_else(|| PathBuf::from(run.as_str()));
    Ok(Finished { run, summary, interrupted, trace, runner: started })
}

/// The log of the run, held by this process, and what it has recorded before.
fn begin_log(
    task: &Task<'_>,
    run: &RunId,
    (store, ledger): (&Store, &Ledger),
) -> Result<(RunLog, String), BeginError> {
    let Some(resume) = &task.resume else {
        let mut log = store.create(run, task.durability)?;
        log.vouched_by(ledger.key());
        return Ok((log, String::new()));
    };
    let (mut log, before) = store.reopen(run, task.durability)?;
    // another process may have gone on with it since it was read
    if before.text.lines().count() as u64 != resume.verified.events {
        return Err(StoreError::Busy(run.to_string()).into());
    }
    on_record(run, &before, (ledger, ledger.reached(run.as_str())?.as_ref()))?;
    log.vouched_by(ledger.key());
    Ok((log, before.text))
}

/// Starts both processes; they come up side by side.
fn start(
    (task, kept_out): (&Task<'_>, &mut KeptOut),
    (run, before): (&RunId, &str),
    (store, ledger): (&Store, &Ledger),
    root: &Root,
    (narrator, logs): (&mut Narrator, &mut Logs),
) -> Result<(Hands, InterpreterProcess), BeginError> {
    let ours = match &task.elsewhere {
        Some(_) => None,
        None => Some(SpawnedRunner::spawn(task.program, logs.of_child("runner")?)?),
    };
    if let Some(runner) = &ours {
        tracing::debug!(run = run.as_str(), child = "runner", pid = runner.id(), "started a process");
    }
    let saying = logs.of_child("interpreter")?;
    let group = ours.as_ref().map(SpawnedRunner::id);
    let mut interpreter = InterpreterProcess::spawn(task.program, group, saying)?;
    tracing::debug!(run = run.as_str(), child = "interpreter", pid = interpreter.id(), "started a process");
    let (runner, calls) = match (ours, &task.elsewhere) {
        (Some(runner), _) => {
            let (runner, calls) = runner.begin(runner_start(task, run, store), root.as_fd())?;
            (Hands::Ours(runner), calls)
        }
        (None, Some(there)) => {
            let opening = Opening { run, layers: &task.layers, limits: task.limits };
            let (runner, calls) = RemoteRunner::begin(there, &opening, ledger)?;
            kept_out.take_patterns(&runner.redact)?;
            (Hands::Elsewhere(runner), calls)
        }
        (None, None) => return Err(io::Error::other("there is no runner").into()),
    };
    let start = interpreter_start((task, kept_out), run, runner.started());
    let blobs = store.blobs();
    let past = Past { lines: before, payload: &|digest| blobs.get(digest) };
    let confinement = interpreter.begin(start, calls, task.resume.as_ref().map(|_| &past))?;
    if !confinement.is_whole() {
        tracing::warn!(run = run.as_str(), child = "interpreter", "a process is not behind all of its walls");
        narrator.line(Mark::Note, &format!("interpreter: {}", escaped(&confinement.sentence())));
    }
    Ok((runner, interpreter))
}

/// Waits for the end of the run and of the interpreter.
fn supervise<'a>(
    (interpreter, runner): (&mut InterpreterProcess, &Hands),
    follower: Follower<'a>,
    asking: (Asking, bool),
    logs: &mut Logs,
) -> io::Result<(Follower<'a>, Option<Stopped>)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        logs.watch()?;
        let mut supervision = Supervision::new(interpreter, runner, follower, asking)?;
        let stopped = supervision.run(logs).await;
        let stopped = stopped.or(interpreter.end().err().map(Stopped::Io));
        let (follower, words) = supervision.into_parts();
        for line in words {
            follower.narrator.line(Mark::Note, &format!("interpreter: {}", escaped(&line)));
        }
        Ok((follower, stopped))
    })
}

/// Opens the ledger, and records what the run is started with.
fn answering(
    (task, kept_out): (&Task<'_>, &KeptOut),
    run: &RunId,
    store: &Store,
) -> Result<Answering, BeginError> {
    let ledger = Ledger::open(&task.place.state, &store.id())?;
    let signer = signer(task.signing_key.as_deref(), &ledger)?;
    if task.resume.is_none() {
        let given = kept_out.untold(&task.inputs, task.elsewhere.is_some());
        ledger.begin(run.as_str(), &RunRecord { given, ..record(task, &signer, None) })?;
    }
    let secrets = task.declared.secrets.clone();
    Ok(Answering { ledger, signer, run: run.to_string(), secrets })
}

/// Puts a run into the queue, with all that decides it, for a worker of this installation.
pub fn enqueue(task: &Task<'_>) -> Result<RunId, BeginError> {
    KeptOut::of(task)?;
    let store = task.place.runs()?;
    let ledger = Ledger::open(&task.place.state, &store.id())?;
    let signer = signer(task.signing_key.as_deref(), &ledger)?;
    let run = new_run_id()?;
    ledger.begin(run.as_str(), &record(task, &signer, Some(task.inputs.clone())))?;
    store.enqueue(&run)?;
    Ok(run)
}

/// What a run is started with; `inputs` are those of a run that waits.
fn record(task: &Task<'_>, signer: &Signer, inputs: Option<Value>) -> RunRecord {
    let Named { graph, policies, trusted, profile } = task.named.clone();
    RunRecord {
        starter: signer.key(),
        graph,
        policies,
        trusted,
        profile,
        base: task.place.base.as_ref().map(|base| base.revision.clone()),
        bundle: task.bundle.clone(),
        limits: task.limits,
        plan: Digest::of_json(&task.plan.document()),
        layers: task.layers.clone(),
        held: task.held.clone(),
        undoes: task.undoes.as_ref().map(RunId::to_string),
        forked: task
            .fork
            .as_ref()
            .map(|fork| ForkedFrom { run: fork.run.to_string(), from: fork.from.clone() }),
        store: Some(task.place.store.shown()),
        durability: task.durability.as_str().to_owned(),
        trace: task.trace,
        elsewhere: task.elsewhere.as_ref().map(Elsewhere::record),
        inputs,
        given: None,
    }
}

pub(super) fn new_run_id() -> io::Result<RunId> {
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
        starter: None,
        ledger: Some(LedgerPlace { state: task.place.state.display().to_string(), workspace: store.id() }),
        declared: task.declared.clone(),
        limits: task.limits,
        plan: task.held.clone(),
        undoes: task.undoes.as_ref().map(RunId::to_string),
        live: task.attended,
        reuse: task.fork.as_ref().map(|fork| fork.reuse.clone()),
        counted_calls: 0,
        answers_on_record: false,
        keeps_records: true,
    }
}

fn interpreter_start(
    (task, kept_out): (&Task<'_>, &KeptOut),
    run: &RunId,
    runner: &Started,
) -> InterpreterStart {
    InterpreterStart {
        schema: "lgflow.interpreter_start/v1".into(),
        run: run.to_string(),
        graph: task.bundle.clone(),
        limits: task.limits,
        plan: Digest::of_json(&task.plan.document()),
        inputs: task.inputs.clone(),
        revision: runner.revision.clone(),
        redact: kept_out.patterns(),
        facts: facts((task, kept_out), runner),
        resume: task.resume.is_some(),
        kept: task.resume.as_ref().and_then(|resume| resume.kept.clone()),
    }
}

/// What the front knows of the first event; the interpreter adds the plan that it has compiled, and its walls.
fn facts((task, kept_out): (&Task<'_>, &KeptOut), runner: &Started) -> Map<String, Value> {
    let layers: Vec<Value> = task
        .layers
        .iter()
        .map(|layer| json!({ "name": layer.name, "role": layer.role, "digest": Digest::of(&layer.text) }))
        .collect();
    let facts = [
        ("lgflow", json!(env!("CARGO_PKG_VERSION"))),
        ("runner", json!(runner.version)),
        ("graph", json!(task.plan.name)),
        ("graph_digest", json!(task.plan.digest)),
        ("layers", Value::Array(layers)),
        ("policy_digest", json!(runner.policy_digest)),
        ("inputs_digest", json!(Digest::of_json(&kept_out.recorded(&task.inputs)))),
        ("durability", json!(task.durability.as_str())),
        ("profile", json!(task.named.profile)),
        ("redaction", kept_out.document()),
        ("retention", retention(task.retention)),
        ("sandbox", json!(runner.sandbox)),
        ("work_tree", json!(runner.work_tree)),
        ("held_to", json!(task.held.as_ref().map(|plan| plan.checksum))),
        (
            "forked",
            json!(task.fork.as_ref().map(|fork| json!({ "run": fork.run.as_str(), "from": fork.from }))),
        ),
        ("policy_from", json!(task.place.base.as_ref().map(|base| &base.revision))),
    ];
    let anchor = task.watching.anchor.as_ref().map(|place| ("anchor", json!(place.to_string())));
    facts.into_iter().chain(anchor).map(|(name, fact)| (name.to_owned(), fact)).collect()
}

fn retention(kept: Retention) -> Value {
    let age = kept.age.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
    json!({ "age_ms": age, "count": kept.count, "size": kept.size })
}
