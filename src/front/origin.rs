//! What a run goes back to: the one that it was forked from, or that it takes back. Nothing of it fails: a record that cannot
//! be believed any more is not believed, and takes no other run with it.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::ledger::Ledger;
use crate::store::{RunId, Store};
use crate::trace::Envelope;

use super::undo::UNDO;

/// The earlier runs that one of this installation goes back to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The run whose changes it takes back.
    pub undoes: Option<RunId>,
    /// The run that it was forked from.
    pub forked: Option<RunId>,
}

impl Origin {
    /// As the ledger has it. Where its record there cannot be believed any more, as its first event tells: that it took a run
    /// back, or stands on one, is not forgotten with the record.
    pub fn of(store: &Store, ledger: &Ledger, run: &RunId) -> Self {
        let id = |run: String| run.parse::<RunId>().ok();
        match ledger.begun(run.as_str()) {
            Ok(Some(record)) => Self {
                undoes: record.undoes.and_then(id),
                forked: record.forked.and_then(|forked| id(forked.run)),
            },
            Ok(None) => Self::default(),
            Err(_) => Self::told(store, run),
        }
    }

    fn told(store: &Store, run: &RunId) -> Self {
        let first = store.ends(run).ok().flatten().and_then(|(first, _)| Envelope::parse(&first));
        let Some((mut first, _)) = first else { return Self::default() };
        // a payload that is gone tells nothing
        let _ = first.move_in(|digest| store.blobs().get(digest));
        let id = |value: Option<&Value>| value.and_then(|run| run.as_str()?.parse::<RunId>().ok());
        let facts = first.data.get("facts");
        let is_undo = facts.is_some_and(|facts| facts["graph"] == UNDO);
        Self {
            undoes: id(first.data.get("inputs").and_then(|inputs| inputs.get("of"))).filter(|_| is_undo),
            forked: id(facts.and_then(|facts| facts.get("forked")?.get("run"))),
        }
    }
}

/// The run that one was forked from, and the one that this was forked from, and so on.
pub(super) fn sources(store: &Store, ledger: &Ledger, run: &RunId) -> Vec<RunId> {
    let (mut found, mut known) = (Vec::new(), BTreeSet::new());
    let mut forked = Origin::of(store, ledger, run).forked;
    while let Some(source) = forked.filter(|source| known.insert(source.clone())) {
        forked = Origin::of(store, ledger, &source).forked;
        found.push(source);
    }
    found
}
