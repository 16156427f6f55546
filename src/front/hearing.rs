//! A run whose runner is elsewhere, and whose front was gone before it had heard what that one vouches for: it is heard
//! before anything else is made of the run.

use crate::ledger::{Head, Ledger, LedgerError};
use crate::receipt::Told;
use crate::store::{Durability, RunId, StoreError};
use crate::trace::Envelope;

use super::elsewhere::{Opening, Word, hear_receipts};
use super::on_record::on_record;
use super::vouching::{believed, sealed, vouched};
use super::{Again, AgainError, Elsewhere, ElsewhereError, Place};

/// A runner elsewhere that was not heard.
#[derive(Debug, thiserror::Error)]
pub enum HearError {
    /// The run cannot be read, or is not what the runner did.
    #[error(transparent)]
    Again(#[from] AgainError),
    /// It does not answer.
    #[error(transparent)]
    Elsewhere(#[from] ElsewhereError),
    /// It answers, and what it says is not its own.
    #[error("{0}")]
    Unfit(String),
    /// It answers, and takes back what it has vouched for.
    #[error(
        "the runner at {0} does not vouch any more for what it had vouched for: it is another one, or has lost what it knew"
    )]
    Otherwise(String),
}

impl From<StoreError> for HearError {
    fn from(error: StoreError) -> Self {
        Self::Again(error.into())
    }
}

impl From<LedgerError> for HearError {
    fn from(error: LedgerError) -> Self {
        Self::Again(error.into())
    }
}

/// Hears what the runner elsewhere vouches for, keeps it, holds the trace against it and seals how far it came. What can be
/// said of the key that signed it is given back.
pub fn hear(place: &Place, run: &RunId, again: &Again, there: &Elsewhere) -> Result<String, HearError> {
    let store = place.runs()?;
    let ledger = Ledger::open(&place.state, &store.id())?;
    let durability = Durability::parse(&again.record.durability).unwrap_or_default();
    // nobody goes on with it meanwhile, and no front that still lives has its session taken away
    let (mut held, recorded) = store.reopen(run, durability)?;
    on_record(run, &recorded, (&ledger, ledger.reached(run.as_str())?.as_ref()))?;
    held.vouched_by(ledger.key());
    let log = recorded.text;
    if log.lines().count() as u64 != again.stored.verified.events {
        return Err(StoreError::Busy(run.to_string()).into());
    }
    let opening = Opening { run, layers: &again.record.layers, limits: again.record.limits };
    let (text, said) = match hear_receipts(there, &opening)? {
        Word::Given { text, said } => (text, said),
        Word::None(why) => return Err(HearError::Unfit(why)),
    };
    ledger.take_receipts(run.as_str(), &text)?;
    if ledger.receipts_of(run.as_str())?.as_deref() != Some(&text) {
        return Err(HearError::Otherwise(there.url.to_string()));
    }
    let blobs = store.blobs();
    let vouched = vouched(&ledger, run, &Told::of_log(&log, &|digest| blobs.get(digest)))?;
    // what is sealed is on the disk
    held.finish()?;
    if let Some((last, hash)) = log.lines().next_back().and_then(Envelope::parse) {
        let head = Head { events: last.seq, hash, receipts: None, discord: None, unheard: None };
        ledger.reach(run.as_str(), &sealed(&head, &vouched))?;
    }
    drop(held);
    believed(&vouched).map_err(|discord| AgainError::Discord(run.clone(), discord))?;
    Ok(said)
}
