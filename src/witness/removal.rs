//! The removal of a run that was anchored, noted where its anchors stand: a run that is not there was removed by rule, or it
//! is gone.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::digest::{Digest, canonical_json};

use super::Anchor;

/// The schema id.
const SCHEMA: &str = "lgflow.anchor_removal/v1";

/// A run was removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// The run.
    pub run: String,
    /// The workspace that it was of.
    pub workspace: String,
    /// How many events it had.
    pub events: u64,
    /// The hash of the last of them.
    pub digest: Digest,
    /// The bound that it was beyond: `age`, `count` or `size`.
    pub bound: String,
    /// When, by the clock of who removed it.
    pub at: String,
}

impl Removal {
    /// Its line, without a line end.
    pub fn line(&self) -> String {
        canonical_json(&json!({
            "schema": SCHEMA,
            "run": self.run,
            "workspace": self.workspace,
            "events": self.events,
            "digest": self.digest,
            "bound": self.bound,
            "at": self.at,
        }))
    }

    /// Reads a line. None where it is not one of this version.
    pub fn parse(line: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(line).ok()?;
        let text = |name: &str| Some(value.get(name)?.as_str()?.to_owned());
        let read = Self {
            run: text("run")?,
            workspace: text("workspace")?,
            events: value.get("events")?.as_u64()?,
            digest: text("digest")?.parse().ok()?,
            bound: text("bound")?,
            at: text("at")?,
        };
        (text("schema")? == SCHEMA).then_some(read)
    }
}

/// What anchors know of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnchoredRun {
    /// The most events that an anchor names.
    pub events: u64,
    /// Its removal, where that is noted.
    pub removed: Option<Removal>,
}

/// The runs of a workspace that the anchor lines of `text` name.
pub fn anchored_runs(text: &str, workspace: &str) -> BTreeMap<String, AnchoredRun> {
    let mut found: BTreeMap<String, AnchoredRun> = BTreeMap::new();
    for anchor in text.lines().filter_map(Anchor::parse) {
        if anchor.workspace.as_deref() == Some(workspace) {
            let known = found.entry(anchor.run).or_insert(AnchoredRun { events: 0, removed: None });
            known.events = known.events.max(anchor.events);
        }
    }
    for removal in text.lines().filter_map(Removal::parse).filter(|removal| removal.workspace == workspace) {
        if let Some(known) = found.get_mut(&removal.run) {
            known.removed = Some(removal);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anchor(run: &str, workspace: Option<&str>, events: u64) -> String {
        let (digest, at) = (Digest::of("x"), "2026-01-01T00:00:00Z".to_owned());
        let workspace = workspace.map(str::to_owned);
        Anchor { run: run.into(), workspace, events, digest, receipts: None, at }.line() + "\n"
    }

    #[test]
    fn runs_of_the_workspace_are_named_with_what_became_of_them() {
        let removal = Removal {
            run: "b".into(),
            workspace: "w".into(),
            events: 7,
            digest: Digest::of("x"),
            bound: "age".into(),
            at: "2026-01-02T00:00:00Z".into(),
        };
        assert_eq!(Removal::parse(&removal.line()), Some(removal.clone()));
        assert_eq!(Removal::parse(&anchor("b", Some("w"), 1)), None);
        assert_eq!(Anchor::parse(&removal.line()), None);
        let text = [
            anchor("a", Some("w"), 3),
            anchor("a", Some("w"), 1),
            anchor("b", Some("w"), 7),
            anchor("c", Some("elsewhere"), 1),
            anchor("d", None, 1),
            "no anchor\n".to_owned(),
            removal.line(),
        ]
        .concat();
        let found = anchored_runs(&text, "w");
        let told = found.iter().map(|(run, known)| (run.as_str(), known.events, known.removed.is_some()));
        assert_eq!(told.collect::<Vec<_>>(), [("a", 3, false), ("b", 7, true)]);
    }
}
