//! What a run has used up, from the runner's own receipts: a resumed run goes on counting where it was left.

use std::collections::{BTreeMap, BTreeSet};

use super::{Receipt, What};

/// What a run has used up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Used {
    /// Calls.
    pub calls: u64,
    /// Bytes of patches that were applied.
    pub patch_bytes: u64,
    /// What went out, by the place of each rule that bounded it.
    pub sent: BTreeMap<String, Sent>,
}

/// What went out by a rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sent {
    /// Requests.
    pub requests: u64,
    /// Bytes of them.
    pub bytes: u64,
}

impl Sent {
    /// One more request.
    pub fn add(&mut self, bytes: u64) {
        self.requests += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

/// What was used up by the calls of these receipts: one that was answered with an earlier result as much as one that was
/// done. One that had begun, and of whose end nothing is known, counts.
pub fn used(receipts: &[Receipt]) -> Used {
    let mut calls = 0u64;
    let mut applied = 0u64;
    let mut sent = BTreeMap::<String, Sent>::new();
    let mut open: Vec<(&str, u64)> = Vec::new();
    for receipt in receipts {
        match &receipt.what {
            What::Begun { key, patch_bytes, .. } => {
                calls += 1;
                if *patch_bytes > 0 {
                    open.push((key, *patch_bytes));
                }
            }
            What::Recalled { patch_bytes, .. } => {
                calls += 1;
                applied += patch_bytes;
            }
            What::Withdrawn { key } => {
                calls = calls.saturating_sub(1);
                take(&mut open, key);
            }
            What::Ended { key, ok } => {
                let bytes = take(&mut open, key);
                applied += if *ok { bytes } else { 0 };
            }
            What::Sent { rules, bytes } => {
                for rule in rules {
                    sent.entry(rule.clone()).or_default().add(*bytes);
                }
            }
            What::Opened { .. } | What::Received { .. } | What::Answered { .. } => {}
        }
    }
    let unknown: u64 = open.iter().map(|(_, bytes)| bytes).sum();
    Used { calls, patch_bytes: applied + unknown, sent }
}

/// The keys of calls that had begun and were not withdrawn.
pub fn begun(receipts: &[Receipt]) -> BTreeSet<String> {
    let mut begun = BTreeSet::new();
    for receipt in receipts {
        match &receipt.what {
            What::Begun { key, .. } => drop(begun.insert(key.clone())),
            What::Withdrawn { key } => drop(begun.remove(key)),
            What::Opened { .. }
            | What::Received { .. }
            | What::Recalled { .. }
            | What::Sent { .. }
            | What::Ended { .. }
            | What::Answered { .. } => {}
        }
    }
    begun
}

fn take(open: &mut Vec<(&str, u64)>, key: &str) -> u64 {
    let at = open.iter().position(|(other, _)| *other == key);
    at.map_or(0, |at| open.remove(at).1)
}
