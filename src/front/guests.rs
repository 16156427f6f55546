//! What is kept of calls that others have made here, sessions and runs of elsewhere that were served, is removed under the
//! same bounds as runs.

use crate::files::Root;
use crate::ledger::{Cache, Guest, GuestKind, Ledger, LedgerError, ReceiptFile, moment};
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

/// What others have called here.
#[derive(Debug, Default)]
pub struct OldGuests {
    /// What is beyond a bound, oldest first.
    pub old: Vec<OldGuest>,
    /// Ids of which nobody can say how old or how large they are, or which cannot be removed, and why: they stay.
    pub odd: Vec<(String, String)>,
}

/// The sessions and served runs beyond the bounds, oldest first; they are counted by themselves. One that is open, or that
/// waits for an answer with which it would go on elsewhere, is none, and counts all the same.
pub fn old_guests(place: &Place, store: &Store, retention: &Retention) -> Result<OldGuests, RemoveError> {
    let ledger = Ledger::open(&place.state, &store.id())?;
    let changes = Root::open(store.folder())?;
    let (mut found, mut guests) = (OldGuests::default(), Vec::new());
    for (id, kind) in ledger.guests()? {
        let Ok(run) = id.parse::<RunId>() else { continue };
        if store.knows(&run)? {
            continue;
        }
        match measured(&ledger, &changes, &id, kind) {
            Ok(guest) => guests.extend(guest),
            Err(error) => found.odd.push((id, error.to_string())),
        }
    }
    guests.sort_by(|(one, _), (other, _)| (other.touched, &other.id).cmp(&(one.touched, &one.id)));
    let (now, mut total) = (moment().millis, 0);
    for (at, (guest, bytes)) in guests.into_iter().enumerate() {
        total += bytes;
        let age = u128::from(now.saturating_sub(guest.touched));
        let Some(why) = retention.beyond(age, at as u64 + 1, total) else { continue };
        match is_open(&ledger, &guest) {
            Ok(open) if guest.waits || open => {}
            Ok(_) => found.old.push(OldGuest { guest, bytes, why }),
            Err(error) => found.odd.push((guest.id, error.to_string())),
        }
    }
    found.old.reverse();
    Ok(found)
}

/// A guest, with the bytes that are kept of it.
fn measured(
    ledger: &Ledger,
    changes: &Root,
    id: &str,
    kind: GuestKind,
) -> Result<Option<(Guest, u64)>, RemoveError> {
    let Some(guest) = ledger.guest(id, kind)? else { return Ok(None) };
    let receipts = ledger.receipts_of(id)?.map_or(0, |receipts| receipts.len() as u64);
    Ok(Some((guest, receipts + bytes_of_changes(changes, id)?)))
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

/// Removes what is kept of these; those that were opened again meanwhile stay. Leaves those that were removed, and says of which
/// that could not be done.
pub fn remove_guests(place: &Place, store: &Store, guests: &mut OldGuests) -> Result<(), RemoveError> {
    let ledger = Ledger::open(&place.state, &store.id())?;
    let changes = Root::open(store.folder())?;
    let mut removed = Vec::new();
    for guest in std::mem::take(&mut guests.old) {
        match remove_guest(&ledger, &changes, &guest.guest.id) {
            Ok(true) => removed.push(guest),
            Ok(false) => {}
            Err(error) => guests.odd.push((guest.guest.id, error.to_string())),
        }
    }
    let gone = |run: &str| removed.iter().any(|guest| guest.guest.id == run);
    Cache::of(&place.state, &store.id())?.keep(&|run| !gone(run));
    guests.old = removed;
    Ok(())
}

/// Was it removed? One that somebody has opened is not.
fn remove_guest(ledger: &Ledger, changes: &Root, id: &str) -> Result<bool, RemoveError> {
    let held = match held(ledger, id) {
        Err(LedgerError::Busy(_)) => return Ok(false),
        held => held?,
    };
    forget_changes(changes, id)?;
    ledger.forget_run(id)?;
    drop(held);
    Ok(true)
}
