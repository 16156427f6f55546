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
    let vouched = vouch(told, &text, Some(run.as_str()), Some(ledger.key()));
    let cut = sealed.and_then(|sealed| reaches(&text, sealed.count, sealed.hash));
    Ok(Vouched { discord: vouched.discord.or(cut), ..vouched })
}

/// The same of the lines of a log. Where a runner elsewhere was not heard to their end, its receipts are held against the part
/// that it was heard of, and the rest is vouched for by nobody.
pub(super) fn vouched_as_heard(
    ledger: &Ledger,
    run: &RunId,
    log: &str,
    blob: &Blobs<'_>,
) -> Result<(Vouched, Option<Unheard>), LedgerError> {
    let whole = vouched(ledger, run, &Told::of_log(log, blob))?;
    if whole.discord.is_none() {
        return Ok((whole, None));
    }
    let Some(unheard) = unheard(ledger, run, log.lines().count() as u64)? else { return Ok((whole, None)) };
    let part = match unheard.since {
        // what there is of them was taken when their runner had ended, and is all
        0 if whole.count > 0 => return Ok((whole, None)),
        0 => Vouched { discord: None, ..whole },
        since => {
            let events = usize::try_from(since).unwrap_or(usize::MAX);
            let heard: String = log.split_inclusive('\n').take(events).collect();
            vouched(ledger, run, &Told::of_log(&heard, blob))?
        }
    };
    Ok((part, Some(unheard)))
}

/// The runner elsewhere of a run, where its front has not heard it to the last of so many events. One whose receipts are
/// written into this ledger need not be heard.
pub(super) fn unheard(ledger: &Ledger, run: &RunId, events: u64) -> Result<Option<Unheard>, LedgerError> {
    let since = ledger.reached(run.as_str())?.map_or(0, |head| head.heard());
    if since >= events || ledger.serves(run.as_str()) {
        return Ok(None);
    }
    let there = ledger.begun(run.as_str())?.and_then(|record| record.elsewhere);
    Ok(there.map(|there| Unheard { runner: there.url, since }))
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
