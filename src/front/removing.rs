//! A run is removed from the store and the ledger. Where it was anchored, that is noted first: else it would look as if it were
//! gone.

use crate::ledger::{Ledger, LedgerError};
use crate::session::system_clock;
use crate::store::{Removable, RunId, Store, StoreError};
use crate::trace::Envelope;
use crate::witness::{AnchorPlace, Removal};

use super::{AnchoringError, Place, add_anchor};

/// A run cannot be removed.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// What became of a run that was to be removed.
#[derive(Debug)]
pub enum Removed {
    /// It is gone.
    Yes,
    /// Somebody has taken it up meanwhile.
    TakenUp,
    /// It is kept: it is anchored in this place, where its removal cannot be noted.
    Kept(String, AnchoringError),
}

/// Where a run was anchored.
pub fn anchored_in(place: &Place, run: &RunId) -> Result<Vec<String>, RemoveError> {
    Ok(Ledger::open(&place.state, &place.runs()?.id())?.anchored_in(run.as_str())?)
}

/// Removes a run with all that is kept of it.
pub fn remove_run(place: &Place, store: &Store, run: &Removable) -> Result<Removed, RemoveError> {
    let ledger = Ledger::open(&place.state, &store.id())?;
    for anchors in ledger.anchored_in(run.run.as_str())? {
        if let Err(error) = note_removal(place, store, run, &anchors)? {
            return Ok(Removed::Kept(anchors, error));
        }
    }
    if !store.remove(run)? {
        return Ok(Removed::TakenUp);
    }
    ledger.forget_run(run.run.as_str())?;
    Ok(Removed::Yes)
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
