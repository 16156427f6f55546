//! A run is anchored while it goes on, where its user has said so: how far it has come is noted where a process begins with
//! it, at each answer of a person, and where the process ends. Nothing follows from an event before that is noted.

use std::path::PathBuf;

use crate::digest::Digest;
use crate::ledger::{Ledger, LedgerError};
use crate::receipt::{ReceiptsReached, reached};
use crate::session::system_clock;
use crate::store::{RunId, Store};
use crate::trace::Envelope;
use crate::view::escaped;
use crate::witness::{Anchor, AnchorPlace, ReceiptsThen};

use super::{AnchoringError, Mark, Narrator, Task, add_anchor, is_ours};

/// Where a person has answered.
const ANCHORED: [&str; 2] = ["approval.granted", "approval.rejected"];

/// Anchors one run.
#[derive(Debug)]
pub(super) struct Witnessing {
    place: AnchorPlace,
    root: PathBuf,
    commit: Option<String>,
    run: String,
    workspace: String,
    ledger: Ledger,
    /// The last event that is anchored.
    last: u64,
}

impl Witnessing {
    /// Nothing, where the user has named no place.
    pub(super) fn begin(
        task: &Task<'_>,
        (run, commit): (&RunId, Option<&str>),
        (store, ledger): (&Store, &Ledger),
        narrator: &mut Narrator,
    ) -> Result<Option<Self>, LedgerError> {
        let Some(place) = task.watching.anchor.clone() else { return Ok(None) };
        ledger.note_anchor(run.as_str(), &place.to_string())?;
        if let AnchorPlace::File(path) = &place
            && is_ours(path)
        {
            let path = escaped(&path.display().to_string());
            narrator.line(
                Mark::Note,
                &format!("anchors: `{path}` is your own file, and proves as little as your state"),
            );
        }
        Ok(Some(Self {
            place,
            root: task.place.root.clone(),
            commit: commit.map(str::to_owned),
            run: run.to_string(),
            workspace: store.id(),
            ledger: ledger.clone(),
            last: 0,
        }))
    }

    /// Is one of these to be anchored, as soon as all of them are on the disk?
    pub(super) fn is_due(&self, events: &[Envelope]) -> bool {
        // what an earlier process of the run could not note comes first
        self.last == 0 || events.iter().any(|event| ANCHORED.contains(&event.kind.as_str()))
    }

    /// Its process ends here. What could not be noted can be later, so it is said, and changes nothing of the run.
    pub(super) fn end(mut self, last: Option<(u64, Digest)>, narrator: &mut Narrator) {
        if let Err(error) = self.reach(last) {
            let (run, place) = (&self.run, escaped(&self.place.to_string()));
            let text = format!(
                "the end is not anchored: {}; `lgflow trace anchor {run} --to {place}` does it",
                escaped(&error.to_string())
            );
            narrator.line(Mark::Failed, &text);
        }
    }

    /// The last event that is on the disk has this number and hash: that is anchored.
    pub(super) fn reach(&mut self, last: Option<(u64, Digest)>) -> Result<(), AnchoringError> {
        let Some((events, digest)) = last.filter(|(events, _)| *events > self.last) else { return Ok(()) };
        // receipts that cannot be read have been told of, or will be
        let receipts = self.ledger.receipts_of(&self.run).ok().flatten();
        let receipts = receipts.as_deref().and_then(reached);
        let anchor = Anchor {
            run: self.run.clone(),
            workspace: Some(self.workspace.clone()),
            events,
            digest,
            receipts: receipts.map(|ReceiptsReached { count, digest }| ReceiptsThen { count, digest }),
            at: system_clock(),
        };
        add_anchor(&self.place, &self.root, self.commit.as_deref(), &anchor.line())?;
        self.last = events;
        Ok(())
    }
}
