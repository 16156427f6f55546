//! The runner's receipts of a run, held against its trace: when it ends, before it is gone on with, and when it is verified.

use crate::ledger::{Head, Ledger, LedgerError, ReceiptHead};
use crate::receipt::{Discord, Told, Vouched, Wrong, reaches, vouch};
use crate::store::RunId;

/// Holds the receipts that the ledger keeps of a run against what its trace tells, and against the seal that the front put
/// on them when it last saw them.
pub(super) fn vouched(ledger: &Ledger, run: &RunId, told: &Told) -> Result<Vouched, LedgerError> {
    let text = ledger.receipts_of(run.as_str())?.unwrap_or_default();
    let sealed = ledger.reached(run.as_str())?.and_then(|head| head.receipts);
    let vouched = vouch(told, &text, Some(run.as_str()), Some(ledger.key()));
    let cut = sealed.and_then(|sealed| reaches(&text, sealed.count, sealed.hash));
    Ok(Vouched { discord: vouched.discord.or(cut), ..vouched })
}

/// The seal on a run whose receipts were looked at.
pub(super) fn sealed(head: &Head, vouched: &Vouched) -> Head {
    let receipts = vouched.head.map(|hash| ReceiptHead { count: vouched.count, hash });
    Head { receipts, discord: vouched.discord.map(|discord| discord.to_string()), ..head.clone() }
}

/// May the run be believed as far as it goes? Where it broke off, its receipts may go further than its trace.
pub(super) fn believed(vouched: &Vouched) -> Result<(), Discord> {
    match vouched.discord {
        Some(discord) => Err(discord),
        None if vouched.count == 0 => Err(Discord { event: None, receipt: None, what: Wrong::NoReceipts }),
        None => Ok(()),
    }
}
