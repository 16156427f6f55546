//! A run is removed from the store and the ledger. Where it was anchored, that is noted first: else it would look as if it were
//! gone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::files::{FileError, Root};
use crate::ledger::{Cache, Ledger, LedgerError};
use crate::runner::{bytes_of_changes, forget_changes};
use crate::session::system_clock;
use crate::store::{Removable, RunId, Store, StoreError};
use crate::trace::Envelope;
use crate::witness::{AnchorPlace, Removal};

use super::gone::trail;
use super::origin::Origin;
use super::{AnchoringError, Place, add_anchor};

/// So long a run may take to begin.
const LONG: Duration = Duration::from_hours(24);

/// A run cannot be removed.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// What is kept of its changes.
    #[error("cannot remove what is kept of the changes of a run: {0}")]
    Changes(#[from] FileError),
}

/// What became of a run that was to be removed.
#[derive(Debug)]
pub enum Removed {
    /// It is gone.
    Yes,
    /// Somebody has taken it up meanwhile.
    TakenUp,
    /// It is kept: this run, which goes back to it, has begun meanwhile.
    Needed(RunId),
    /// It is kept: it is anchored in this place, where its removal cannot be noted.
    Kept(String, AnchoringError),
    /// It is kept: what is known of it cannot be read.
    Odd(LedgerError),
    /// It is gone, but for what is kept of it beside the store, which could not be removed.
    InPart(RemoveError),
}

/// Where a run was anchored.
pub fn anchored_in(place: &Place, run: &RunId) -> Result<Vec<String>, RemoveError> {
    Ok(Ledger::open(&place.state, &place.runs()?.id())?.anchored_in(run.as_str())?)
}

/// Removes a run with all that is kept of it. It was found to be old beside the runs `known`, and more may have happened since:
/// it is held first, and then looked at once more. Whoever begins a run that goes back to it has made that seen before it looks
/// for this, so at least one of the two steps back.
pub fn remove_run(
    place: &Place,
    store: &Store,
    run: &Removable,
    known: &BTreeSet<RunId>,
) -> Result<Removed, RemoveError> {
    let ledger = Ledger::open(&place.state, &store.id())?;
    let Some(doomed) = store.take_to_remove(run)? else { return Ok(Removed::TakenUp) };
    if let Some(by) = begun_since((store, &ledger), &run.run, known)? {
        return Ok(Removed::Needed(by));
    }
    let anchors = match ledger.anchored_in(run.run.as_str()) {
        Ok(anchors) => anchors,
        Err(error) => return Ok(Removed::Odd(error)),
    };
    for anchors in anchors {
        if let Err(error) = note_removal(place, store, run, &anchors)? {
            return Ok(Removed::Kept(anchors, error));
        }
    }
    if !doomed.remove()? {
        return Ok(Removed::TakenUp);
    }
    Ok(forget(store, &ledger, &run.run).map_or_else(Removed::InPart, |()| Removed::Yes))
}

/// A run that was forked from `run`, or has taken it back, and is none of those that are known.
fn begun_since(
    (store, ledger): (&Store, &Ledger),
    run: &RunId,
    known: &BTreeSet<RunId>,
) -> Result<Option<RunId>, StoreError> {
    let goes_back = |other: &RunId| {
        let Origin { undoes, forked } = Origin::of(store, ledger, other);
        [undoes, forked].iter().flatten().any(|of| of == run)
    };
    // one that has recorded nothing yet is executed
    let there = store.runs()?.into_iter().chain(store.executed()?);
    Ok(there.filter(|other| !known.contains(other)).find(goes_back))
}

/// What is kept of a run beside the store goes with it. Files of the workspace as they were go first: what is left of the
/// rest says that a removal did not come to its end.
fn forget(store: &Store, ledger: &Ledger, run: &RunId) -> Result<(), RemoveError> {
    forget_changes(&Root::open(store.folder())?, run.as_str())?;
    Ok(ledger.forget_run(run.as_str())?)
}

/// The bytes that are kept of a run beside the store: of its changes, and its receipts.
pub fn bytes_beside(place: &Place, store: &Store, run: &RunId) -> Result<u64, RemoveError> {
    let ledger = Ledger::open(&place.state, &store.id())?;
    let changes = bytes_of_changes(&Root::open(store.folder())?, run.as_str())?;
    Ok(changes + ledger.receipts_of(run.as_str())?.map_or(0, |receipts| receipts.len() as u64))
}

/// The bytes of results that are kept for later runs, by the run that they were made in.
pub fn bytes_cached(place: &Place, store: &Store) -> Result<BTreeMap<String, u64>, RemoveError> {
    Ok(Cache::of(&place.state, &store.id())?.bytes_by_run())
}

/// What was left of runs of which the store has nothing.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Of so many it was removed.
    pub removed: u64,
    /// Those of which it could not be, and why.
    pub odd: Vec<(RunId, String)>,
}

/// Removes what removals that did not come to their end have left, and what runs have left that never began. What must be in
/// the store and is not, is left to be found.
pub fn remove_left(place: &Place, store: &Store) -> Result<Left, RemoveError> {
    let ledger = Ledger::open(&place.state, &store.id())?;
    let mut left = Left::default();
    for name in ledger.known_runs()? {
        let Ok(run) = name.parse::<RunId>() else { continue };
        if store.knows(&run)? || store.queued()?.contains(&run) {
            continue;
        }
        if store.removed(&run)?.is_some() || never_began(place, &ledger, &run) {
            match forget(store, &ledger, &run) {
                Ok(()) => left.removed += 1,
                Err(error) => left.odd.push((run, error.to_string())),
            }
        }
    }
    // what a run has read is not kept for longer than what it did with it
    let is_kept =
        |run: &str| run.parse().is_ok_and(|run| store.removed(&run).is_ok_and(|gone| gone.is_none()));
    Cache::of(&place.state, &store.id())?.keep(&is_kept);
    Ok(left)
}

/// Was a run to be put into this store that came to nothing? One that is kept in memory may still be executed.
fn never_began(place: &Place, ledger: &Ledger, run: &RunId) -> bool {
    let record = ledger.begun(run.as_str()).ok().flatten();
    record.is_some_and(|record| place.keeps(&record))
        && matches!(trail(place, ledger, run), Ok(None))
        && Store::began_before(run, LONG)
        && !matches!(ledger.receipts(run.as_str()), Err(LedgerError::Busy(_)))
}

fn note_removal(
    place: &Place,
    store: &Store,
    run: &Removable,
    anchors: &str,
) -> Result<Result<(), AnchoringError>, StoreError> {
    let (Ok(anchors), Some((first, last))) = (anchors.parse::<AnchorPlace>(), store.ends(&run.run)?) else {
        return Ok(Ok(()));
    };
    let (Some((first, _)), Some((last, digest))) = (Envelope::parse(&first), Envelope::parse(&last)) else {
        return Ok(Ok(()));
    };
    let commit = first.data.get("revision").and_then(|revision| revision.as_str().map(str::to_owned));
    let removal = Removal {
        run: run.run.to_string(),
        workspace: store.id(),
        events: last.seq,
        digest,
        bound: run.why.as_str().to_owned(),
        at: system_clock(),
    };
    Ok(add_anchor(&anchors, &place.root, commit.as_deref(), &removal.line()))
}
