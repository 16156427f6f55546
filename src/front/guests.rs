//! What is kept of calls that others have made here, sessions and runs of elsewhere that were served, is removed under the
//! same bounds as runs.

use crate::files::Root;
use crate::ledger::{Cache, Guest, Ledger, LedgerError, ReceiptFile, moment};
use crate::runner::{bytes_of_changes, forget_changes};
use crate::store::{Bound, Retention, RunId, Store, may_live};

use super::{Place, RemoveError};

/// What is beyond a bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldGuest {
    /// Whose calls.
    pub guest: Guest,
    /// What is kept of them, in bytes.
    pub bytes: u64,
    /// Which bound it is beyond.
    pub why: Bound,
}

/// The sessions and served runs beyond the bounds, oldest first; they are counted by themselves. One that is open, or that
/// waits for an answer with which it would go on elsewhere, is none, and counts all the same.
pub fn old_guests(place: &Place, store: &Store, retention: &Retention) -> Result<Vec<OldGuest>, RemoveError> {
    let ledger = Ledger::open(&place.state, &store.id())?;
    let changes = Root::open(store.folder())?;
    let mut guests = ledger.guests()?;
    guests.sort_by(|one, other| (other.touched, &other.id).cmp(&(one.touched, &one.id)));
    let (now, mut total, mut old) = (moment().millis, 0, Vec::new());
    for (at, guest) in guests.into_iter().enumerate() {
        let Ok(run) = guest.id.parse::<RunId>() else { continue };
        if store.knows(&run)? {
            continue;
        }
        let receipts = ledger.receipts_of(&guest.id)?.map_or(0, |receipts| receipts.len() as u64);
        let bytes = receipts + bytes_of_changes(&changes, &guest.id)?;
        total += bytes;
        let age = u128::from(now.saturating_sub(guest.touched));
        let Some(why) = retention.beyond(age, at as u64 + 1, total) else { continue };
        if !guest.waits && !is_open(&ledger, &guest)? {
            old.push(OldGuest { guest, bytes, why });
        }
    }
    old.reverse();
    Ok(old)
}

/// Is its process there, or a runner that adds to its receipts?
fn is_open(ledger: &Ledger, guest: &Guest) -> Result<bool, LedgerError> {
    if guest.holder.as_deref().is_some_and(may_live) {
        return Ok(true);
    }
    match held(ledger, &guest.id) {
        Err(LedgerError::Busy(_)) => Ok(true),
        held => held.map(|_| false),
    }
}

/// Its receipts, held so that nobody opens it meanwhile. Looking makes none where there are none.
fn held(ledger: &Ledger, id: &str) -> Result<Option<(ReceiptFile, String)>, LedgerError> {
    if ledger.receipts_of(id)?.is_some() { ledger.receipts(id) } else { Ok(None) }
}

/// Removes what is kept of these; those that were opened again meanwhile stay. Gives what was removed.
pub fn remove_guests(place: &Place, store: &Store, old: Vec<OldGuest>) -> Result<Vec<OldGuest>, RemoveError> {
    let ledger = Ledger::open(&place.state, &store.id())?;
    let changes = Root::open(store.folder())?;
    let mut removed = Vec::new();
    for guest in old {
        let id = &guest.guest.id;
        let held = match held(&ledger, id) {
            Err(LedgerError::Busy(_)) => continue,
            held => held?,
        };
        forget_changes(&changes, id)?;
        ledger.forget_run(id)?;
        drop(held);
        removed.push(guest);
    }
    let gone = |run: &str| removed.iter().any(|guest| guest.guest.id == run);
    Cache::of(&place.state, &store.id())?.keep(&|run| !gone(run));
    Ok(removed)
}
