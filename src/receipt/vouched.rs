//! Is a trace what the runner vouches for?

use crate::digest::{Digest, MacKey};

use super::chain::{check, whole_lines};
use super::discord::{Discord, Wrong};
use super::matching::compare;
use super::told::Told;

/// What came of holding receipts against a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vouched {
    /// The receipts that hold.
    pub count: u64,
    /// The digest of the last line of them.
    pub head: Option<Digest>,
    /// The key that made them, by their own word.
    pub key: Option<String>,
    /// Was that key at hand, and are they its?
    pub signed: bool,
    /// The first thing that is wrong.
    pub discord: Option<Discord>,
}

/// Holds the receipts of a run against what its trace tells. Without `key` it is not known who made them.
pub fn vouch(told: &Told, receipts: &str, run: Option<&str>, key: Option<&MacKey>) -> Vouched {
    let text = if told.is_open() { whole_lines(receipts) } else { receipts };
    let checked = check(text, run, key);
    let discord = checked.fault.or_else(|| compare(told, &checked.receipts));
    Vouched {
        count: checked.receipts.len() as u64,
        head: checked.head,
        signed: checked.signed && checked.key.is_some(),
        key: checked.key,
        discord,
    }
}

/// How far receipts go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiptsReached {
    /// How many there are.
    pub count: u64,
    /// The digest of the last line.
    pub digest: Digest,
}

/// How far receipts go that may still be written; none where there are none.
pub fn reached(receipts: &str) -> Option<ReceiptsReached> {
    let lines = whole_lines(receipts).lines();
    let last = lines.clone().next_back()?;
    Some(ReceiptsReached { count: lines.count() as u64, digest: Digest::of(last) })
}

/// Are the first `count` receipts those whose last line had the digest `hash`? What is wrong, if they are not.
pub fn reaches(receipts: &str, count: u64, hash: Digest) -> Option<Discord> {
    let at = usize::try_from(count).unwrap_or(usize::MAX);
    let wrong =
        |receipt, what| Some(Discord { event: None, receipt: Some(receipt), what: Wrong::Chain(what) });
    match receipts.lines().nth(at.saturating_sub(1)) {
        None => wrong(receipts.lines().count() as u64 + 1, crate::trace::Tampering::Cut),
        Some(line) if Digest::of(line) != hash => wrong(count, crate::trace::Tampering::Edited),
        Some(_) => None,
    }
}
