//! The chain that receipts stand on: each names the digest of the line before, and each carries a code that only this
//! installation's key makes. The interpreter has no part in it, and cannot read the key.

use std::collections::BTreeMap;

use crate::digest::{Digest, MacKey};
use crate::trace::Tampering;

use super::discord::{Discord, Wrong};
use super::{Receipt, What};

/// The end of a chain that grows.
#[derive(Debug)]
pub struct ReceiptChain {
    run: String,
    session: String,
    key: MacKey,
    n: u64,
    head: Option<Digest>,
}

impl ReceiptChain {
    /// Goes on behind what was checked, which may be nothing; `session` tells this process apart.
    pub fn after(checked: &Checked, run: &str, session: &str, key: MacKey) -> Self {
        let (run, session) = (run.to_owned(), session.to_owned());
        Self { run, session, key, n: checked.receipts.len() as u64, head: checked.head }
    }

    /// The line of the next receipt, without a line end, and its number. `at` is in milliseconds since 1970.
    pub fn append(&mut self, at: u64, what: What) -> (String, u64) {
        let place = (self.n + 1, self.head);
        let line = Receipt::new(&self.run, &self.session, place, at, what).line(&self.key);
        (self.n, self.head) = (self.n + 1, Some(Digest::of(&line)));
        (line, self.n)
    }
}

/// What a key is called.
pub fn key_name(key: &MacKey) -> String {
    format!("local:{}", key.id())
}

/// What a check of a chain found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// Those that hold, up to the first fault.
    pub receipts: Vec<Receipt>,
    /// The digest of the last line that holds.
    pub head: Option<Digest>,
    /// Tells the key apart that made them, by their own word.
    pub key: Option<String>,
    /// Was that key at hand, and does it agree with each of them?
    pub signed: bool,
    /// The first that does not hold.
    pub fault: Option<Discord>,
}

/// The lines of a chain that were written to their end: a process that dies may leave the beginning of one more, because of
/// which nothing was done.
pub fn whole_lines(text: &str) -> &str {
    &text[..text.rfind('\n').map_or(0, |at| at + 1)]
}

/// Checks the lines of a chain. Without `key`, or where another one made them, only what they say of each other is.
pub fn check(text: &str, run: Option<&str>, key: Option<&MacKey>) -> Checked {
    let lines: Vec<Line> = text.lines().map(Line::read).collect();
    let made_by = lines.iter().find_map(|line| match &line.receipt.as_ref()?.0.what {
        What::Opened { key, .. } => Some(key.clone()),
        _ => None,
    });
    let key = key.filter(|key| made_by.as_ref().is_none_or(|made_by| *made_by == key_name(key)));
    let mut checked = Checked { key: made_by, signed: key.is_some(), ..Checked::default() };
    let later: BTreeMap<u64, usize> =
        lines.iter().enumerate().filter_map(|(at, line)| Some((line.receipt.as_ref()?.0.n, at))).collect();
    for (at, line) in lines.iter().enumerate() {
        if let Some((n, what)) = fault(&lines[..at], line, &checked, run, key, &later) {
            checked.fault = Some(Discord { event: None, receipt: Some(n), what: Wrong::Chain(what) });
            return checked;
        }
        let Some((receipt, _)) = &line.receipt else { return checked };
        checked.receipts.push(receipt.clone());
        checked.head = Some(line.digest);
    }
    checked
}

struct Line {
    receipt: Option<(Receipt, String)>,
    digest: Digest,
}

impl Line {
    fn read(line: &str) -> Self {
        Self { receipt: Receipt::parse(line), digest: Digest::of(line) }
    }
}

fn fault(
    before: &[Line],
    line: &Line,
    checked: &Checked,
    run: Option<&str>,
    key: Option<&MacKey>,
    later: &BTreeMap<u64, usize>,
) -> Option<(u64, Tampering)> {
    let expected = before.len() as u64 + 1;
    let Some((receipt, code)) = &line.receipt else { return Some((expected, Tampering::Unreadable)) };
    if key.is_some_and(|key| !receipt.is_of(key, code)) {
        return Some((expected, Tampering::Edited));
    }
    let first = checked.receipts.first().map(|first| first.run.as_str());
    if run.or(first).is_some_and(|run| run != receipt.run) {
        return Some((expected, Tampering::Added));
    }
    if receipt.n < expected {
        let twice = before.iter().any(|other| other.digest == line.digest);
        return Some((receipt.n, if twice { Tampering::Duplicated } else { Tampering::Edited }));
    }
    if receipt.n > expected {
        let moved = later.get(&expected).is_some_and(|place| *place > before.len());
        return Some((expected, if moved { Tampering::Moved } else { Tampering::Cut }));
    }
    // this one is as it was made, and names another one before it
    (receipt.prev != checked.head).then_some((receipt.n.saturating_sub(1).max(1), Tampering::Edited))
}
