//! An anchor: how far a trace had come, noted in a place that outlives the trace's holder changing his mind.

use serde_json::{Value, json};

use crate::digest::{Digest, canonical_json};
use crate::receipt::{Discord, reaches};

/// The schema id.
const SCHEMA: &str = "lgflow.anchor/v1";

/// How far a run had come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    /// The run.
    pub run: String,
    /// The workspace that it is of; none where that is not known.
    pub workspace: Option<String>,
    /// How many events.
    pub events: u64,
    /// The hash of the last of them.
    pub digest: Digest,
    /// How far the runner's receipts went; none where they were not at hand.
    pub receipts: Option<ReceiptsThen>,
    /// When it was made, by the clock of who made it.
    pub at: String,
}

/// How far receipts went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptsThen {
    /// How many.
    pub count: u64,
    /// The digest of the last line.
    pub digest: Digest,
}

impl Anchor {
    /// Its line, without a line end.
    pub fn line(&self) -> String {
        let receipts =
            self.receipts.as_ref().map(|then| json!({ "count": then.count, "digest": then.digest }));
        canonical_json(&json!({
            "schema": SCHEMA,
            "run": self.run,
            "workspace": self.workspace,
            "events": self.events,
            "digest": self.digest,
            "receipts": receipts,
            "at": self.at,
        }))
    }

    /// Reads a line. None where it is not one of this version.
    pub fn parse(line: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(line).ok()?;
        let text = |value: &Value, name: &str| Some(value.get(name)?.as_str()?.to_owned());
        let receipts = match value.get("receipts")? {
            Value::Null => None,
            then => Some(ReceiptsThen {
                count: then.get("count")?.as_u64()?,
                digest: text(then, "digest")?.parse().ok()?,
            }),
        };
        let read = Self {
            run: text(&value, "run")?,
            workspace: text(&value, "workspace"),
            events: value.get("events")?.as_u64()?,
            digest: text(&value, "digest")?.parse().ok()?,
            receipts,
            at: text(&value, "at")?,
        };
        (text(&value, "schema")? == SCHEMA).then_some(read)
    }
}

/// What anchors say of a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Anchored {
    /// Nothing up to this event was cut or written anew since it was anchored.
    UpTo(u64),
    /// The trace is not the one that was anchored: an event up to this one is another, or is gone.
    Broken(u64),
    /// The receipts are not those that were anchored with this event.
    OtherReceipts(u64, Discord),
    /// None is of the run.
    Missing,
}

/// What the anchor lines of `text` say of the run `run`, whose events have `hashes`. Lines that are no anchors, and anchors of
/// other runs, say nothing. The first that does not hold counts before all others.
pub fn anchored(text: &str, run: &str, hashes: &[Digest], receipts: Option<&str>) -> Anchored {
    let mut found = Anchored::Missing;
    for anchor in text.lines().filter_map(Anchor::parse).filter(|anchor| anchor.run == run) {
        let place = usize::try_from(anchor.events).unwrap_or(usize::MAX);
        if place.checked_sub(1).and_then(|at| hashes.get(at)) != Some(&anchor.digest) {
            return Anchored::Broken(anchor.events);
        }
        if let (Some(then), Some(receipts)) = (&anchor.receipts, receipts)
            && let Some(discord) = reaches(receipts, then.count, then.digest)
        {
            return Anchored::OtherReceipts(anchor.events, discord);
        }
        found = match found {
            Anchored::UpTo(events) => Anchored::UpTo(events.max(anchor.events)),
            _ => Anchored::UpTo(anchor.events),
        };
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anchor(events: u64, last: &str) -> String {
        let at = "2026-01-01T00:00:00Z".to_owned();
        let digest = Digest::of(last);
        Anchor { run: "r".into(), workspace: None, events, digest, receipts: None, at }.line()
    }

    #[test]
    fn the_furthest_counts_and_one_that_does_not_hold_before_all() {
        let hashes: Vec<Digest> = ["a", "b", "c"].iter().map(Digest::of).collect();
        let says = |text: &str, hashes: &[Digest]| anchored(text, "r", hashes, None);
        assert_eq!(says("", &hashes), Anchored::Missing);
        assert_eq!(says("not an anchor\n{}\n", &hashes), Anchored::Missing);
        let both = format!("{}\n{}\n", anchor(3, "c"), anchor(1, "a"));
        assert_eq!(says(&both, &hashes), Anchored::UpTo(3));
        assert_eq!(says(&both, &hashes[..2]), Anchored::Broken(3), "a tail was cut");
        assert_eq!(says(&anchor(2, "x"), &hashes), Anchored::Broken(2));
        assert_eq!(says(&anchor(0, "a"), &hashes), Anchored::Broken(0));
        assert_eq!(anchored(&both, "q", &hashes, None), Anchored::Missing);
    }

    #[test]
    fn receipts_are_anchored_with_it() {
        let hashes = [Digest::of("a")];
        let then = ReceiptsThen { count: 2, digest: Digest::of("two") };
        let (digest, at) = (Digest::of("a"), String::new());
        let workspace = Some("w".to_owned());
        let line = Anchor { run: "r".into(), workspace, events: 1, digest, receipts: Some(then), at }.line();
        assert_eq!(Anchor::parse(&line).unwrap().line(), line);
        assert_eq!(anchored(&line, "r", &hashes, Some("one\ntwo\nthree\n")), Anchored::UpTo(1));
        for wrong in ["one\n", "one\ntow\n"] {
            let said = anchored(&line, "r", &hashes, Some(wrong));
            assert!(matches!(said, Anchored::OtherReceipts(1, _)), "{said:?}");
        }
    }
}
