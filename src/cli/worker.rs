//! `lgflow worker`: executes the runs of the queue, one after the other, until it is told to stop.

use std::collections::BTreeSet;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use crate::diag::Diagnostics;
use crate::front::{
    AgainError, BeginError, Display, Finished, Narrator, Place, Stopping, Task, execute, queued_run,
    stored_run,
};
use crate::ledger::{Ledger, LedgerError};
use crate::session::StoredError;
use crate::source::Sources;
use crate::store::{Claim, RunId, Store, StoreError};
use crate::view::{counted, escaped};

use super::Exit;
use super::output::Output;
use super::problem::Problem;
use super::run::status_of;
use super::runs::problem;
use super::runs_resume::meant;
use super::watch_args::WatchArgs;

/// A run that was taken up so often, and came to no end, is left.
const TRIES: u64 = 20;
/// So long an empty queue is left alone.
const PAUSE: Duration = Duration::from_millis(500);
/// So long a run is left alone that was interrupted, or that somebody still holds.
const BREATH: Duration = Duration::from_millis(100);

/// Arguments of `lgflow worker`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  lgflow run --queue -g flows/nightly.yaml    put a run into the queue\n  lgflow worker --until-empty                 execute what is there, and end\n  lgflow worker --store postgres://me@localhost/lgflow\n\nSeveral workers may serve one workspace; a run is executed by one at a time, and taken over when its worker dies. Told to stop (SIGTERM, Ctrl-C), a worker ends the run that it is at, and then itself; told again, it cancels it. Exit code 1 where a run was refused, which stays in the queue, or was given up after it was taken up 20 times."
)]
pub struct WorkerArgs {
    /// End when the queue is empty
    #[arg(long)]
    until_empty: bool,
    #[command(flatten)]
    told: WatchArgs,
}

pub(super) fn run(args: &WorkerArgs, output: Output) -> Result<Exit, Problem> {
    let failed = |error: &dyn std::error::Error| Problem::failed("the worker ended", error);
    let place = super::trust::here()?;
    let store = place.runs().map_err(|error| failed(&error))?;
    let stopping = Stopping::listen().map_err(|error| failed(&error))?;
    let (mut done, mut left) = (Vec::new(), BTreeSet::new());
    let mut others = Others::of(&place, &store).map_err(|error| failed(&error))?;
    while !stopping.asked() {
        let passed: BTreeSet<RunId> =
            others.waiting(output).map_err(|error| failed(&error))?.union(&left).cloned().collect();
        match store.claim_beside(&passed).map_err(|error| failed(&error))? {
            Some(claim) => {
                let (run, served) =
                    (claim.run().clone(), serve(&place, claim, (&args.told, &stopping), output)?);
                let status = match served {
                    Served::Later => continue,
                    Served::Done(status) => status,
                    Served::Left(status) => {
                        left.insert(run.clone());
                        status.to_owned()
                    }
                };
                output.note(&format!("{run}  {status}\n"));
                done.push(json!({ "run": run.as_str(), "status": status }));
            }
            None if args.until_empty && waits_for_nobody(&store, &passed)? => break,
            None => stopping.wait(PAUSE),
        }
    }
    let exit = output.either(
        || counted(done.len(), "run") + "\n",
        || json!({ "schema": "lgflow.worked/v1", "runs": done }),
    );
    Ok(if left.is_empty() { exit } else { Exit::Failed })
}

/// Runs of the queue that other installations have put there: they are left to those.
struct Others {
    store: Store,
    ledger: Ledger,
    told: BTreeSet<RunId>,
}

impl Others {
    fn of(place: &Place, store: &Store) -> Result<Self, LedgerError> {
        let ledger = Ledger::open(&place.state, &store.id())?;
        Ok(Self { store: store.clone(), ledger, told: BTreeSet::new() })
    }

    /// Those that wait now; of each it is said once.
    fn waiting(&mut self, output: Output) -> Result<BTreeSet<RunId>, StoreError> {
        let mut found = self.store.queued()?;
        // what is queued here is on record before it waits
        found.retain(|run| !self.ledger.knows(run.as_str()));
        for run in &found {
            if self.told.insert(run.clone()) {
                output.note(&format!(
                    "{run}: was not started by this installation, and is left to the one that did\n"
                ));
            }
        }
        Ok(found.into_iter().collect())
    }
}

/// Is there nothing in the queue but what this worker leaves?
fn waits_for_nobody(store: &Store, left: &BTreeSet<RunId>) -> Result<bool, Problem> {
    let queued = store.queued().map_err(|error| Problem::failed("the worker ended", &error))?;
    Ok(queued.iter().all(|run| left.contains(run)))
}

/// What became of a run of the queue.
enum Served {
    /// It is to be taken up again.
    Later,
    /// It is done with.
    Done(String),
    /// It came to no end, and this worker does not take it up again.
    Left(&'static str),
}

/// One run of the queue.
fn serve(
    place: &Place,
    claim: Claim,
    (told, stopping): (&WatchArgs, &Stopping),
    output: Output,
) -> Result<Served, Problem> {
    let run = claim.run().clone();
    let ended = |error: StoreError| Problem::failed("the worker ended", &error);
    let settle =
        |claim: Claim, status: &str| claim.settle().map_err(ended).map(|()| Served::Done(status.to_owned()));
    if claim.tries() > TRIES {
        return given_up(place, claim, output).map_err(ended);
    }
    match finished(place, &run, told, output) {
        Ok(Some(finished)) if finished.interrupted.is_none() => {
            let status = status_of(&finished);
            settle(claim, status)
        }
        Ok(Some(finished)) => {
            let why = finished.interrupted.map(|why| why.to_string()).unwrap_or_default();
            output.note(&format!("{run}: interrupted: {}\n", escaped(&why)));
            stopping.wait(BREATH);
            Ok(Served::Later)
        }
        // it came to its end, and its worker could not say so any more
        Ok(None) => settle(claim, "over"),
        Err(NotServed::Later) => {
            claim.postpone().map_err(ended)?;
            stopping.wait(BREATH);
            Ok(Served::Later)
        }
        Err(NotServed::Again(why)) => {
            output.note(&format!("{run}: {}\n", escaped(&why)));
            stopping.wait(PAUSE);
            Ok(Served::Later)
        }
        Err(NotServed::Never(problem)) => {
            let why: Vec<String> = problem.detail.lines().map(escaped).collect();
            let out = format!("it stays in the queue; `lgflow runs dequeue {run}` takes it out");
            output.note(&format!("{run}: {}\n{out}\n", why.join("\n")));
            claim.postpone().map_err(ended).map(|()| Served::Left("refused"))
        }
    }
}

/// A run that came to no end however often it was taken up. One that has begun can be gone on with, and leaves the queue.
fn given_up(place: &Place, claim: Claim, output: Output) -> Result<Served, StoreError> {
    let run = claim.run().clone();
    let (status, out) = if place.runs()?.knows(&run)? {
        claim.settle()?;
        ("interrupted", format!("it leaves the queue; `lgflow runs resume {run}` goes on with it"))
    } else {
        claim.postpone()?;
        ("refused", format!("it stays in the queue; `lgflow runs dequeue {run}` takes it out"))
    };
    output.note(&format!("{run}: taken up {TRIES} times without coming to an end, so {out}\n"));
    Ok(Served::Left(status))
}

/// Why a run of the queue was not executed.
enum NotServed {
    /// Somebody still holds it.
    Later,
    /// It did not begin this time.
    Again(String),
    /// It cannot be.
    Never(Problem),
}

/// Has another installation put it into the queue?
fn is_foreign(place: &Place, run: &RunId) -> bool {
    let ledger = place.runs().ok().and_then(|store| Ledger::open(&place.state, &store.id()).ok());
    ledger.is_some_and(|ledger| !ledger.knows(run.as_str()))
}

/// Executes it, or what is left of it; nothing where it is over.
fn finished(
    place: &Place,
    run: &RunId,
    told: &WatchArgs,
    output: Output,
) -> Result<Option<Finished>, NotServed> {
    let never = |error: &AgainError| NotServed::Never(problem(error));
    let again = match stored_run(place, run) {
        Ok(again) if again.resumable().is_err() => return Ok(None),
        Ok(again) => again,
        Err(
            AgainError::Store(StoreError::NoRun(_) | StoreError::Waits(_))
            | AgainError::Stored(_, StoredError::Empty),
        ) => {
            let queued = queued_run(place, run).map_err(|error| never(&error))?;
            match queued {
                Some(queued) => queued,
                // it came in the moment before
                None if is_foreign(place, run) => return Err(NotServed::Later),
                None => return Err(never(&AgainError::Foreign(run.clone()))),
            }
        }
        Err(error) => return Err(never(&error)),
    };
    let (begins, inputs) = (again.stored.verified.events == 0, again.record.inputs.clone());
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let base = again.record.base.as_ref().map(|base| base.commit.clone());
    let held = super::run::revision(base.as_deref(), place).map_err(NotServed::Never)?;
    let decided = place.decided_by(held.as_ref());
    let task = meant(&decided, (run, again), told, &mut sources, &mut found).map_err(NotServed::Never)?;
    if found.has_errors() {
        super::validate::print_instead(&sources, &found, output);
    }
    let task = task.filter(|_| !found.has_errors());
    let task = task.ok_or_else(|| NotServed::Never(Problem::usage("its graph is not valid any more")))?;
    let resume = task.resume.filter(|_| !begins);
    let inputs = inputs.filter(|_| begins).unwrap_or(task.inputs);
    let task = Task { serving: Some(run.clone()), attended: false, resume, inputs, ..task };
    let ran = execute(&task, &mut Narrator::new(Display::Quiet));
    match ran {
        Ok(finished) => Ok(Some(finished)),
        Err(
            BeginError::Store(StoreError::Busy(_) | StoreError::TakenOver(_) | StoreError::Locked(_))
            | BeginError::Ledger(LedgerError::Busy(_))
            | BeginError::Meanwhile(_),
        ) => Err(NotServed::Later),
        // the runner of a worker that died may still be at its end
        Err(BeginError::Process(error)) => Err(NotServed::Again(error.to_string())),
        Err(error) => Err(NotServed::Never(Problem::failed("the run did not begin", &error))),
    }
}
