//! Runs that must not go on side by side: one that takes changes back, and those that go on from these changes. Each is put
//! where the other sees it before it looks itself, so of two that begin at once at least one is refused.

use std::collections::BTreeSet;

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

/// The run that one takes back, held so that nobody goes on with it meanwhile. Nothing where it takes none back, or goes on with
/// that and the run is not kept any more.
pub(super) fn held_meanwhile(task: &Task<'_>, store: &Store) -> Result<Option<RunLog>, StoreError> {
    let Some(of) = &task.undoes else { return Ok(None) };
    match store.reopen(of, Durability::default()) {
        Ok((log, _)) => Ok(Some(log)),
        Err(StoreError::NoRun(_)) if task.resume.is_some() => Ok(None),
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
    let Some(fork) = &task.fork else { return Ok(None) };
    // what it is about to stand on must be there still, and nobody may be about to remove it
    use_of(place, &fork.run)
}

fn use_of(place: (&Store, &Ledger), run: &RunId) -> Result<Option<Meanwhile>, AgainError> {
    let undone = undone(place, run)?;
    Ok(match undone {
        None if place.0.run(run)?.busy && is_executed(place.0, run)? => Some(Meanwhile::GoesOn(run.clone())),
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
    first_executed(store, |other| Origin::of(store, ledger, other).undoes.as_ref() == Some(run))
}

/// A run forked from `run`, or from one that was, which is executed right now.
fn fork_of(place: (&Store, &Ledger), run: &RunId) -> Result<Option<Meanwhile>, AgainError> {
    let (store, ledger) = place;
    let fork = first_executed(store, |other| sources(store, ledger, other).contains(run))?;
    Ok(fork.map(|fork| Meanwhile::Fork { of: run.clone(), fork }))
}

/// The first run of these that is executed right now. Whether a process out of sight still lives is waited for.
fn first_executed(store: &Store, which: impl Fn(&RunId) -> bool) -> Result<Option<RunId>, AgainError> {
    let mut executed = store.executed()?;
    executed.retain(which);
    Ok(store.still_executed(executed.into_iter().collect())?.into_iter().next())
}

fn is_executed(store: &Store, run: &RunId) -> Result<bool, StoreError> {
    Ok(!store.still_executed(BTreeSet::from([run.clone()]))?.is_empty())
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test waits")]
mod tests {
    use super::*;
    use crate::store::move_out_of_sight;

    #[test]
    fn what_a_dead_process_out_of_sight_had_is_in_nobodys_use() {
        let state = tempfile::tempdir().unwrap();
        let store = Store::open(&state.path().join("lgflow"), std::path::Path::new("/some/where")).unwrap();
        let ledger = Ledger::open(&state.path().join("lgflow"), &store.id()).unwrap();
        let run = RunId::new(1, [2; 10]);
        let mut log = store.create(&run, Durability::Batch).unwrap();
        log.append("one", []);
        log.commit().unwrap();
        move_out_of_sight(&store, "runs");
        let used = std::thread::spawn({
            let (store, ledger, run) = (store.clone(), ledger.clone(), run.clone());
            move || use_of((&store, &ledger), &run).unwrap()
        });
        while !used.is_finished() {
            log.beat().unwrap();
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        assert_eq!(used.join().unwrap(), Some(Meanwhile::GoesOn(run.clone())));
        assert_eq!(use_of((&store, &ledger), &run).unwrap(), None);
        assert!(!store.run(&run).unwrap().busy, "for all to see");
    }
}
