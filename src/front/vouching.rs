//! The runner's receipts of a run, held against its trace: when it ends, before it is gone on with, and when it is verified.

use std::fmt;

use crate::ledger::{Head, Ledger, LedgerError, ReceiptHead};
use crate::receipt::{Discord, Told, Vouched, Wrong, reaches, vouch};
use crate::store::RunId;
use crate::trace::Blobs;

/// A runner elsewhere that was not heard to the end of a run's trace: its front died, or could not reach it any more. What it
/// vouches for is still there, and nobody knows yet whether it is what the trace tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unheard {
    /// Where it is.
    pub runner: String,
    /// The last event that it was heard of; 0 where it was never heard.
    pub since: u64,
}

impl fmt::Display for Unheard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { runner, since } = self;
        match since {
            0 => write!(f, "the runner at {runner} has not said yet what it vouches for"),
            since => {
                write!(f, "the runner at {runner} has not said yet what it vouches for since event {since}")
            }
        }
    }
}

/// Holds the receipts that the ledger keeps of a run against what its trace tells, and against the seal that the front put
/// on them when it last saw them.
pub(super) fn vouched(ledger: &Ledger, run: &RunId, told: &Told) -> Result<Vouched, LedgerError> {
    let text = ledger.receipts_of(run.as_str())?.unwrap_or_default();
    let sealed = ledger.reached(run.as_str())?.and_then(|head| head.receipts);
    Ok(vouched_by(&text, sealed.as_ref(), (ledger, run), told))
}

fn vouched_by(
    text: &str,
    sealed: Option<&ReceiptHead>,
    (ledger, run): (&Ledger, &RunId),
    told: &Told,
) -> Vouched {
    let vouched = vouch(told, text, Some(run.as_str()), Some(ledger.key()));
    let cut = sealed.and_then(|sealed| reaches(text, sealed.count, sealed.hash));
    Vouched { discord: vouched.discord.or(cut), ..vouched }
}

/// The same of the lines of a log. Where a runner elsewhere was not heard to their end, what it had vouched for when it was last
/// heard is held against the part that it was heard of, and the rest is vouched for by nobody: also where nothing in it tells of
/// a call, for whether one was made and left out is what the runner has not said.
pub(super) fn vouched_as_heard(
    ledger: &Ledger,
    run: &RunId,
    log: &str,
    blob: &Blobs<'_>,
) -> Result<(Vouched, Option<Unheard>), LedgerError> {
    let Some(unheard) = unheard(ledger, run, log.lines().count() as u64)? else {
        return Ok((vouched(ledger, run, &Told::of_log(log, blob))?, None));
    };
    let lines = |text: &str, count: u64| -> String {
        text.split_inclusive('\n').take(usize::try_from(count).unwrap_or(usize::MAX)).collect()
    };
    let heard = Told::of_log(&lines(log, unheard.since), blob);
    let Some(sealed) = ledger.reached(run.as_str())?.and_then(|head| head.receipts) else {
        let nothing = vouched_by("", None, (ledger, run), &heard);
        return Ok((Vouched { discord: None, ..nothing }, Some(unheard)));
    };
    // receipts that came later are of the part that it was not heard of
    let text = lines(&ledger.receipts_of(run.as_str())?.unwrap_or_default(), sealed.count);
    Ok((vouched_by(&text, Some(&sealed), (ledger, run), &heard), Some(unheard)))
}

/// Was the runner elsewhere of a run not heard to the last of so many events? What cannot be looked up is not said.
pub(super) fn is_unheard(ledger: &Ledger, run: &RunId, events: u64) -> bool {
    unheard(ledger, run, events).is_ok_and(|unheard| unheard.is_some())
}

/// The runner elsewhere of a run, where its front has not heard it to the last of so many events. One whose receipts are
/// written into this ledger need not be heard; and where no front has sealed anything yet, those that are there were heard when
/// the only session that there was had ended.
pub(super) fn unheard(ledger: &Ledger, run: &RunId, events: u64) -> Result<Option<Unheard>, LedgerError> {
    let head = ledger.reached(run.as_str())?;
    let since = head.as_ref().map_or(0, Head::heard);
    if since >= events || ledger.serves(run.as_str()) {
        return Ok(None);
    }
    let Some(there) = ledger.begun(run.as_str())?.and_then(|record| record.elsewhere) else {
        return Ok(None);
    };
    if head.is_none() && ledger.receipts_of(run.as_str())?.is_some_and(|receipts| !receipts.is_empty()) {
        return Ok(None);
    }
    Ok(Some(Unheard { runner: there.url, since }))
}

/// The seal on a run whose receipts were looked at.
pub(super) fn sealed(head: &Head, vouched: &Vouched) -> Head {
    let receipts = vouched.head.map(|hash| ReceiptHead { count: vouched.count, hash });
    Head { receipts, discord: vouched.discord.map(|discord| discord.to_string()), ..head.clone() }
}

/// The seal on one whose runner elsewhere was not heard: what it had vouched for before stands.
pub(super) fn sealed_unheard(ledger: &Ledger, run: &RunId, head: &Head) -> Result<Head, LedgerError> {
    let before = ledger.reached(run.as_str())?;
    let since = before.as_ref().map_or(0, Head::heard);
    let (receipts, discord) = before.map(|before| (before.receipts, before.discord)).unwrap_or_default();
    Ok(Head { receipts, discord, unheard: Some(since), ..head.clone() })
}

/// May the run be believed as far as it goes? Where it broke off, its receipts may go further than its trace.
pub(super) fn believed(vouched: &Vouched) -> Result<(), Discord> {
    match vouched.discord {
        Some(discord) => Err(discord),
        None if vouched.count == 0 => Err(Discord { event: None, receipt: None, what: Wrong::NoReceipts }),
        None => Ok(()),
    }
}
