//! The interpreter's process: it takes its task from the front, gives up everything but its sockets, tries
//! whether that holds, and only then reads what others wrote and begins the run.

use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use regex::Regex;
use serde_json::Value;

use crate::client::Connection;
use crate::compile::check_bundle;
use crate::diag::Diagnostics;
use crate::digest::Digest;
use crate::effect::{Confinement, FrameBuffer, FrontFrame, InterpreterFrame, InterpreterStart};
use crate::plan::Plan;
use crate::redact::Values;
use crate::sandbox::{InterpreterError, begin_interpreter, broken_promises, confine_interpreter};
use crate::source::Sources;
use crate::trace::{Chain, EventBody, Redaction, RunStarted, RunState, WaitId};
use crate::wire::{FirstFrame, WireError, receive_first, send_frame};

use super::{
    Ended, FrontEar, FrontLink, Interrupts, JournalError, Recorder, Retold, Session, Stored, StoredError,
    fold, fold_whole, resumable, system_clock,
};

/// The hidden first argument that makes our own program an interpreter.
pub const INTERPRETER_ARGUMENT: &str = "__interpreter";

/// An interpreter that did not begin. The front was told, where there is one.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// Nobody of ours is at the other end.
    #[error("it is started by `lgflow run` over an inherited socket, and in no other way")]
    NotStartedByFront,
    /// The socket failed.
    #[error("the front's socket failed: {0}")]
    Wire(WireError),
    /// The walls cannot be put up.
    #[error(transparent)]
    Walls(#[from] InterpreterError),
    /// A wall that stands does not hold.
    #[error("the walls around the interpreter do not hold, so nothing is run: {0}")]
    Broken(String),
    /// The front is gone before it began.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The stored run cannot be gone on with.
    #[error(transparent)]
    Stored(#[from] StoredError),
    /// The system refused.
    #[error("cannot begin: {0}")]
    Io(#[from] io::Error),
    /// The texts that were handed over became another plan.
    #[error("a bug of lgflow, please report it: {0}")]
    Task(&'static str),
}

/// The life of an interpreter whose front is at the other end of `front`. To be called before any thread.
pub fn interpret(front: &UnixStream) -> Result<(), BeginError> {
    let first = receive_first(front)?;
    let served = match first.frame {
        FrontFrame::Probe => probe(front, first.arrived),
        FrontFrame::Start(_) => serve(front, first),
        _ => return Err(BeginError::NotStartedByFront),
    };
    if let Err(error) = &served {
        // a front that is gone needs no reason
        let _ = send_frame(front, &InterpreterFrame::Refused { message: error.to_string() });
    }
    served
}

fn probe(front: &UnixStream, arrived: FrameBuffer) -> Result<(), BeginError> {
    begin_interpreter()?;
    let confinement = confine_interpreter()?;
    let (interrupter, _interrupts) = Interrupts::new();
    let (_link, ear) = FrontLink::new(front.try_clone()?, arrived, interrupter)?;
    try_walls(front, &confinement, ear)?.tested()?;
    Ok(send_frame(front, &InterpreterFrame::Ready { confinement })?)
}

fn serve(front: &UnixStream, mut first: FirstFrame<FrontFrame>) -> Result<(), BeginError> {
    let [calls] = first.take()?;
    let FrontFrame::Start(start) = first.frame else { return Err(BeginError::NotStartedByFront) };
    begin_interpreter()?;
    let confinement = confine_interpreter()?;
    let (interrupter, interrupts) = Interrupts::new();
    let (link, ear) = FrontLink::new(front.try_clone()?, first.arrived, interrupter)?;
    let tested = try_walls(front, &confinement, ear)?;
    let plan = compile(&start)?;
    tested.tested()?;
    let begin = Begin::of(&start, &plan, &link, &confinement)?;
    send_frame(front, &InterpreterFrame::Ready { confinement })?;
    let ended = drive(begin, link, UnixStream::from(calls), interrupts)?;
    let interrupted = ended.interrupted.map(|why| why.to_string());
    Ok(send_frame(front, &InterpreterFrame::Ended { interrupted })?)
}

/// Where a run begins, or is gone on with.
struct Begin {
    state: RunState,
    chain: Chain,
    /// Of a run that begins.
    first: Option<EventBody>,
    /// Of a run that is gone on with.
    waits: Vec<(WaitId, Duration)>,
}

impl Begin {
    fn of(
        start: &InterpreterStart,
        plan: &Arc<Plan>,
        link: &FrontLink,
        confinement: &Confinement,
    ) -> Result<Self, BeginError> {
        let (run, redaction) = (start.run.as_str(), redaction(start)?);
        if start.resume {
            let stored = recorded(start, plan, link, &redaction)?;
            resumable(&stored.state)?;
            let chain = Chain::resume(run, &stored.verified, redaction);
            return Ok(Self { state: stored.state, chain, first: None, waits: stored.waits });
        }
        Ok(Self {
            state: RunState::new(run, plan),
            chain: Chain::new(run, redaction),
            first: Some(first_event(start, plan, confinement)),
            waits: Vec::new(),
        })
    }
}

/// Where a run that is gone on with was left.
fn recorded(
    start: &InterpreterStart,
    plan: &Arc<Plan>,
    link: &FrontLink,
    redaction: &Redaction,
) -> Result<Stored, BeginError> {
    let (run, log, now) = (start.run.as_str(), link.recorded()?, system_clock());
    let blob = |digest: &Digest| link.payload(digest);
    let Some(kept) = &start.kept else { return Ok(fold(run, plan, &log, &blob, &now)?) };
    let redactions = [patterns(&kept.patterns)?, redaction.clone()];
    Ok(fold_whole((run, plan), &log, &blob, &now, Retold { kept, redactions: &redactions })?)
}

/// What the test of the walls will come to.
struct Tested(mpsc::Receiver<Vec<String>>);

/// Tries the walls from a thread of its own, which hears the front from then on.
fn try_walls(front: &UnixStream, confinement: &Confinement, ear: FrontEar) -> io::Result<Tested> {
    let (front, confinement) = (front.try_clone()?, confinement.clone());
    let (tell, told) = mpsc::channel();
    let life = move || {
        // the main thread waits for it
        let _ = tell.send(broken_promises(&confinement, front.as_fd()));
        ear.listen();
    };
    thread::Builder::new().name("front".to_owned()).spawn(life)?;
    Ok(Tested(told))
}

impl Tested {
    fn tested(self) -> Result<(), BeginError> {
        match self.0.recv() {
            Ok(broken) if broken.is_empty() => Ok(()),
            Ok(broken) => Err(BeginError::Broken(broken.join("; "))),
            Err(_) => Err(BeginError::Broken("they could not be tried".to_owned())),
        }
    }
}

/// The front has found nothing wrong with these texts, and shown the plan that must come out.
fn compile(start: &InterpreterStart) -> Result<Arc<Plan>, BeginError> {
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let plan = check_bundle(&start.graph, &mut sources, &mut found);
    let plan = plan.ok_or(BeginError::Task("the graph cannot be compiled a second time"))?;
    let plan = plan.bounded(&start.limits);
    if Digest::of_json(&plan.document()) == start.plan {
        Ok(plan)
    } else {
        Err(BeginError::Task("the graph became another plan than the one that was shown"))
    }
}

/// What the policy's patterns keep out of the trace. The runner has taken it out of results already.
fn redaction(start: &InterpreterStart) -> Result<Redaction, BeginError> {
    patterns(&start.redact)
}

fn patterns(given: &[(String, String)]) -> Result<Redaction, BeginError> {
    let build = |(name, pattern): &(String, String)| Some((name.clone(), Regex::new(pattern).ok()?));
    let patterns: Option<Vec<_>> = given.iter().map(build).collect();
    let patterns = patterns.ok_or(BeginError::Task("a pattern that was checked cannot be compiled"))?;
    Ok(Redaction::new(Values::default(), patterns))
}

fn first_event(start: &InterpreterStart, plan: &Plan, confinement: &Confinement) -> EventBody {
    let mut facts = start.facts.clone();
    facts.insert("plan".to_owned(), plan.document());
    facts.insert("interpreter".to_owned(), Value::from(confinement.sentence()));
    EventBody::RunStarted(Box::new(RunStarted {
        inputs: Arc::new(start.inputs.clone()),
        revision: start.revision.clone(),
        facts: Arc::new(Value::Object(facts)),
    }))
}

/// Single-threaded: a session waits for answers and does little itself.
fn drive(begin: Begin, link: FrontLink, calls: UnixStream, interrupts: Interrupts) -> io::Result<Ended> {
    let Begin { state, chain, first, waits } = begin;
    let recorder = Recorder::new(chain, link, system_clock);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // trying to execute has set the signal of a closed pipe back to its deadly default
        let _pipe = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::pipe())?;
        let connection = Connection::new(calls)?;
        // the front has the lines already: it stores them
        let mut observer = |_: &str| {};
        let session = Session::new(state, recorder, connection, interrupts, &mut observer);
        Ok(match first {
            Some(first) => session.run(first).await,
            None => session.resume(waits).await,
        })
    })
}

impl From<WireError> for BeginError {
    fn from(error: WireError) -> Self {
        match error {
            WireError::Closed | WireError::Descriptors => Self::NotStartedByFront,
            WireError::Io(_) | WireError::Frame(_) => Self::Wire(error),
        }
    }
}
