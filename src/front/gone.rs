//! Runs that should be in a store, and of which it has nothing: what else knows of them, the ledger and anchors, is asked.

use std::collections::BTreeMap;

use crate::ledger::{Ledger, LedgerError};
use crate::receipt::{What, check};
use crate::store::{Durability, RunId, StoreError};
use crate::witness::{AnchorPlace, AnchoredRun, Removal, anchored_runs};

use super::{AnchoringError, Place, read_all_anchors};

/// A run that the store has nothing of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoneRun {
    /// Its id.
    pub run: RunId,
    /// Who knows of it.
    pub trail: Trail,
}

/// What is left of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trail {
    /// The seal that the front put on so many events.
    Sealed(u64),
    /// The runner's receipts of calls.
    Received,
    /// An anchor of so many events.
    Anchored(u64),
    /// Anchors, and the note that it was removed.
    Removed(Removal),
    /// A record that cannot be believed, for this reason: whether the store must have something of it nobody knows.
    Unknown(String),
}

impl Trail {
    /// What that means, for a person.
    pub fn sentence(&self) -> String {
        match self {
            Self::Sealed(events) => {
                format!(
                    "it is gone: this installation has sealed {events} events of it, and the store has none"
                )
            }
            Self::Received => {
                "it is gone: the runner was asked for calls of it, and the store has no event".to_owned()
            }
            Self::Anchored(events) => {
                format!("it is gone: {events} events of it are anchored, and the store has none")
            }
            Self::Removed(removal) => {
                format!(
                    "removed at {}, beyond the bound of {}, as is noted with its anchors",
                    removal.at, removal.bound
                )
            }
            Self::Unknown(why) => {
                format!("the store has no event of it, and nobody knows whether it must have: {why}")
            }
        }
    }

    /// Was it removed by rule?
    pub fn is_removal(&self) -> bool {
        matches!(self, Self::Removed(_))
    }
}

/// It cannot be said which are gone.
#[derive(Debug, thiserror::Error)]
pub enum GoneError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The anchors.
    #[error("cannot read the anchors: {0}")]
    Anchors(#[from] AnchoringError),
}

/// The runs of this workspace that the ledger knows, or the anchors of a place, and the store does not.
pub fn gone_runs(place: &Place, anchors: Option<&AnchorPlace>) -> Result<Vec<GoneRun>, GoneError> {
    let store = place.runs()?;
    let ledger = Ledger::open(&place.state, &store.id())?;
    let mut there: Vec<RunId> = store.runs()?;
    there.extend(store.queued()?);
    let mut gone = BTreeMap::new();
    if let Some(anchors) = anchors {
        let text = read_all_anchors(anchors, &place.root)?;
        for (run, AnchoredRun { events, removed }) in anchored_runs(&text, &store.id()) {
            let Ok(run) = run.parse::<RunId>() else { continue };
            // one that this installation keeps elsewhere is looked for there
            let record = ledger.begun(run.as_str()).ok().flatten();
            if record.is_none_or(|record| record.store.is_none() || place.keeps(&record)) {
                gone.insert(run, removed.map_or(Trail::Anchored(events), Trail::Removed));
            }
        }
    }
    for run in ledger.begun_runs()? {
        let Some(run) = run.parse::<RunId>().ok().filter(|run| !there.contains(run)) else { continue };
        let trail =
            trail(place, &ledger, &run).unwrap_or_else(|error| Some(Trail::Unknown(error.to_string())));
        gone.extend(trail.map(|trail| (run, trail)));
    }
    gone.retain(|run, _| !there.contains(run));
    Ok(gone.into_iter().map(|(run, trail)| GoneRun { run, trail }).collect())
}

/// What the ledger knows of a run that was begun in this store, if it came so far that the store must have something of it.
pub(super) fn trail(place: &Place, ledger: &Ledger, run: &RunId) -> Result<Option<Trail>, LedgerError> {
    if let Some(head) = ledger.reached(run.as_str())?.filter(|head| head.events > 0) {
        let record = ledger.begun(run.as_str())?;
        let here = record.is_some_and(|record| place.keeps(&record));
        return Ok(here.then_some(Trail::Sealed(head.events)));
    }
    let Some(record) = ledger.begun(run.as_str())? else { return Ok(None) };
    let is_kept = Durability::parse(&record.durability) != Some(Durability::None);
    if !is_kept || !place.keeps(&record) {
        return Ok(None);
    }
    // a call is stored before the runner hears of it
    let receipts = ledger.receipts_of(run.as_str())?.unwrap_or_default();
    let checked = check(&receipts, Some(run.as_str()), Some(ledger.key()));
    let asked = checked.receipts.iter().any(|receipt| matches!(receipt.what, What::Received { .. }));
    Ok(asked.then_some(Trail::Received))
}
