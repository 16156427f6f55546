//! Runs that must not go on side by side: one that takes changes back, and those that go on from these changes. Each is put
//! where the other sees it before it looks itself, so of two that begin at once at least one is refused.

use crate::ledger::Ledger;
use crate::store::{Durability, RunId, RunLog, Store, StoreError};

use super::origin::{Origin, sources};
use super::{AgainError, Place, Task};

/// What goes on right now and keeps a run from it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Meanwhile {
    /// It goes on itself.
    #[error("the run `{0}` goes on right now; wait for its end, or interrupt it")]
    GoesOn(RunId),
    /// It is taken back.
    #[error(
        "what the run `{of}` has changed is being taken back by the run `{by}` right now; wait for its end (where its process is gone, \
         `lgflow runs resume {by}` takes it over)"
    )]
    TakenBack {
        /// The run.
        of: RunId,
        /// What takes it back.
        by: RunId,
    },
    /// A run that was forked from it goes on.
    #[error(
        "the run `{fork}`, which was forked from `{of}`, goes on right now, and goes on from what that changed; wait for its end, or \
         interrupt it"
    )]
    Fork {
        /// The run.
        of: RunId,
        /// What was forked from it.
        fork: RunId,
    },
}

/// What keeps `run` from being forked: it goes on, or what it stands on is taken back.
pub fn in_use(place: &Place, run: &RunId) -> Result<Option<Meanwhile>, AgainError> {
    let store = place.runs()?;
    let ledger = Ledger::open(&place.state, &store.id())?;
    use_of((&store, &ledger), run)
}

/// What keeps `run` from being taken back: the same, and a run that stands on what it changed.
pub fn in_use_by_any(place: &Place, run: &RunId) -> Result<Option<Meanwhile>, AgainError> {
    let store = place.runs()?;
    let ledger = Ledger::open(&place.state, &store.id())?;
    match use_of((&store, &ledger), run)? {
        None => fork_of((&store, &ledger), run),
        found => Ok(found),
    }
}

/// What keeps `run` from being gone on with: what it has changed, or a run that it was forked from, is taken back.
pub fn taken_back_now(place: &Place, run: &RunId) -> Result<Option<Meanwhile>, AgainError> {
    let store = place.runs()?;
    let ledger = Ledger::open(&place.state, &store.id())?;
    undone((&store, &ledger), run)
}

/// The run that one takes back, held so that nobody goes on with it meanwhile. Nothing where it takes none back, or the run
/// is not kept any more.
pub(super) fn held_meanwhile(undoes: Option<&RunId>, store: &Store) -> Result<Option<RunLog>, StoreError> {
    let Some(of) = undoes else { return Ok(None) };
    match store.reopen(of, Durability::default()) {
        Ok((log, _)) => Ok(Some(log)),
        Err(StoreError::NoRun(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What has begun since somebody looked, asked by a run that others see by now: it holds what it takes back, and is held itself.
pub(super) fn begun_meanwhile(
    task: &Task<'_>,
    place: (&Store, &Ledger),
) -> Result<Option<Meanwhile>, AgainError> {
    if let Some(of) = &task.undoes {
        return fork_of(place, of);
    }
    task.fork.as_ref().map_or(Ok(None), |fork| undone(place, &fork.run))
}

fn use_of(place: (&Store, &Ledger), run: &RunId) -> Result<Option<Meanwhile>, AgainError> {
    let undone = undone(place, run)?;
    Ok(match undone {
        None if place.0.run(run)?.busy => Some(Meanwhile::GoesOn(run.clone())),
        undone => undone,
    })
}

/// Is `run` taken back right now, or one that it was forked from?
fn undone(place: (&Store, &Ledger), run: &RunId) -> Result<Option<Meanwhile>, AgainError> {
    let mut stands_on = vec![run.clone()];
    stands_on.extend(sources(place.0, place.1, run));
    for of in stands_on {
        if let Some(by) = undone_now(place, &of)? {
            return Ok(Some(Meanwhile::TakenBack { of, by }));
        }
    }
    Ok(None)
}

/// The run that takes `run` back right now.
fn undone_now(place: (&Store, &Ledger), run: &RunId) -> Result<Option<RunId>, AgainError> {
    let (store, ledger) = place;
    let undoes = |other: &RunId| Origin::of(store, ledger, other).undoes.as_ref() == Some(run);
    Ok(store.executed()?.into_iter().find(undoes))
}

/// A run forked from `run`, or from one that was, which is executed right now.
fn fork_of(place: (&Store, &Ledger), run: &RunId) -> Result<Option<Meanwhile>, AgainError> {
    let (store, ledger) = place;
    let stands_on = |other: &RunId| sources(store, ledger, other).contains(run);
    let fork = store.executed()?.into_iter().find(stands_on);
    Ok(fork.map(|fork| Meanwhile::Fork { of: run.clone(), fork }))
}
