//! A run that this installation started, whoever brings its trace: what the ledger knows of it, held against the lines.

use std::collections::BTreeMap;

use crate::ledger::{Ledger, LedgerError};
use crate::receipt::{Discord, Vouched, Wrong};
use crate::redact::{Redaction, Values};
use crate::session::{Differs, Replay, replay};
use crate::store::{RunId, Store, StoreError};
use crate::trace::{Blobs, Envelope, Tampering};

use super::again::plan_of;
use super::keep_out::patterns;
use super::on_record::{Since, holds, on_record};
use super::undo::{TakenBack, standing_undoes, taken_back};
use super::vouching::vouched_as_heard;
use super::{AgainError, Place, Unheard};

/// A run of this user's state.
#[derive(Debug, Clone)]
pub struct KnownRun {
    /// Its id.
    pub run: RunId,
    ledger: Ledger,
    place: Place,
    workspace: String,
}

/// What the seal that a front put on a run says of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seal {
    /// There is none.
    Missing,
    /// It is on the last event.
    Whole,
    /// It is on an earlier one; what follows has none.
    Part(u64),
    /// The trace ends before the event that it is on: so many were sealed.
    Cut(u64),
    /// Another event stands in the place of the one with this number that it is on.
    Anew(u64),
}

/// What the store, as far as this installation has written it, says of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// It is what was recorded, or a part of that from its beginning on.
    AsRecorded,
    /// It is none.
    Otherwise,
    /// It is what stands in the store, and this was not written by this installation.
    Unvouched(Since),
    /// Nothing: what stands in the store is not known to be what was recorded, and not known to be this trace.
    Unknown,
}

impl Seal {
    /// Is the event that it is on not in the trace?
    pub fn is_broken(self) -> bool {
        matches!(self, Self::Cut(_) | Self::Anew(_))
    }
}

/// What came of following a recorded run by its plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retraced {
    /// Is everything that was decided what is decided now? Where a redaction took something out, or another version
    /// decided, that cannot be told of what follows.
    pub compared: bool,
    /// The number of the first event that does not fit, and why, for people.
    pub misfit: Option<(u64, &'static str)>,
}

impl Retraced {
    fn of(replayed: &Replay, same_version: bool) -> Self {
        let comparable = same_version && replayed.redacted == 0;
        let decision = |what| {
            matches!(what, Differs::OtherDecision | Differs::NothingToDecide | Differs::DecisionLeftOut)
        };
        let misfit = replayed.difference.as_ref().filter(|found| comparable || !decision(found.what));
        Self {
            compared: comparable && replayed.difference.is_none(),
            misfit: misfit.map(|found| (found.seq, found.what.sentence())),
        }
    }
}

/// Did this version decide the run? Another one may decide otherwise.
fn is_of_this_version(log: &str, blob: &Blobs<'_>) -> bool {
    let Some((mut first, _)) = log.lines().next().and_then(Envelope::parse) else { return false };
    let version = first.move_in(blob).ok().and_then(|()| first.data.get("facts")?.get("lgflow")?.as_str());
    version == Some(env!("CARGO_PKG_VERSION"))
}

impl KnownRun {
    /// The run, if this installation started it, in whatever workspace.
    pub fn find(place: &Place, run: &RunId) -> Result<Option<Self>, LedgerError> {
        let found = Ledger::that_knows(&place.state, run.as_str())?;
        Ok(found.map(|(ledger, workspace)| Self::of(place, workspace, run, ledger)))
    }

    /// A run in the store of a workspace, if there is anything on record of it: another installation's can be shown, and its
    /// hashes be checked.
    pub fn in_workspace(place: &Place, workspace: &str, run: &RunId) -> Result<Option<Self>, LedgerError> {
        let ledger = Ledger::open(&place.state, workspace)?;
        let known = ledger.knows(run.as_str());
        Ok(known.then(|| Self::of(place, workspace.to_owned(), run, ledger)))
    }

    fn of(place: &Place, workspace: String, run: &RunId, ledger: Ledger) -> Self {
        Self { run: run.clone(), ledger, place: place.clone(), workspace }
    }

    /// The payloads that its workspace keeps.
    pub fn payloads(&self) -> Result<crate::store::Blobs, StoreError> {
        Ok(self.store()?.blobs())
    }

    /// The runner's receipts of it that the ledger keeps.
    pub fn receipts(&self) -> Result<Option<String>, LedgerError> {
        self.ledger.receipts_of(self.run.as_str())
    }

    /// Brings what is recorded of it to the disk, before something else says that it is there.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.store()?.flush(&self.run)
    }

    /// Notes that it is anchored in a place, before it is.
    pub fn note_anchor(&self, place: &str) -> Result<(), LedgerError> {
        self.ledger.note_anchor(self.run.as_str(), place)
    }

    /// Does a process execute it right now?
    pub fn is_running(&self) -> Result<bool, StoreError> {
        let store = self.store()?;
        Ok(store.knows(&self.run)? && store.run(&self.run)?.busy)
    }

    /// Which runs of its workspace were taken back, and how.
    pub fn taken_back_beside(&self) -> Result<BTreeMap<RunId, TakenBack>, AgainError> {
        let store = self.store()?;
        Ok(taken_back(&standing_undoes(&store, &self.ledger, store.runs()?)?))
    }

    fn store(&self) -> Result<Store, StoreError> {
        Store::of_workspace(&self.place.store, &self.place.state, &self.workspace)
    }

    /// The workspace that it is of.
    pub fn workspace(&self) -> &str {
        &self.workspace
    }

    /// What its seal says of these lines.
    pub fn seal(&self, log: &str) -> Result<Seal, LedgerError> {
        let Some(head) = self.ledger.reached(self.run.as_str())? else { return Ok(Seal::Missing) };
        Ok(match log.lines().count() as u64 {
            events if events < head.events => Seal::Cut(head.events),
            _ if !holds(log, &head) => Seal::Anew(head.events),
            events if events == head.events => Seal::Whole,
            _ => Seal::Part(head.events),
        })
    }

    /// What the store says of these lines, which were read there, or are a copy.
    pub fn stored(&self, log: &str, is_copy: bool) -> Result<Stored, AgainError> {
        let recorded = match self.store().and_then(|store| store.recorded(&self.run)) {
            Err(_) if is_copy => return Ok(Stored::Unknown),
            recorded => recorded?,
        };
        let head = self.ledger.reached(self.run.as_str())?;
        Ok(match on_record(&self.run, &recorded, (&self.ledger, head.as_ref())) {
            Ok(()) if recorded.text.starts_with(log) => Stored::AsRecorded,
            Ok(()) => Stored::Otherwise,
            Err(_) if is_copy => Stored::Unknown,
            Err(AgainError::Ledger(error)) => return Err(error.into()),
            Err(_) => Stored::Unvouched(Since(head.map_or(0, |head| head.events))),
        })
    }

    /// Holds the receipts that the ledger keeps of it against these lines, and against those that lie beside them; as far as
    /// a runner elsewhere was heard.
    pub fn vouched(
        &self,
        log: &str,
        beside: Option<&str>,
        blob: &Blobs<'_>,
    ) -> Result<(Vouched, Option<Unheard>), LedgerError> {
        let (vouched, unheard) = vouched_as_heard(&self.ledger, &self.run, log, blob)?;
        let kept = self.ledger.receipts_of(self.run.as_str())?.unwrap_or_default();
        let other = beside.and_then(|beside| other_receipt(&kept, beside));
        Ok((Vouched { discord: vouched.discord.or(other), ..vouched }, unheard))
    }

    /// Follows it by the plan that it was started with; nothing where that is not known, or not to this version.
    pub fn retraced(&self, log: &str, blob: &Blobs<'_>) -> Result<Option<Retraced>, LedgerError> {
        let Some(record) = self.ledger.begun(self.run.as_str())? else { return Ok(None) };
        let Ok(plan) = plan_of(&record, &self.run) else { return Ok(None) };
        let redaction = Redaction::new(Values::default(), patterns(&record.layers));
        let replayed = replay(&plan, log.lines(), blob, redaction);
        Ok(Some(Retraced::of(&replayed, is_of_this_version(log, blob))))
    }
}

/// The first receipt beside a trace that is not one of those that were kept. A copy may be older, and have fewer.
fn other_receipt(kept: &str, beside: &str) -> Option<Discord> {
    let wrong = |at: usize, what| {
        Some(Discord { event: None, receipt: Some(at as u64 + 1), what: Wrong::Chain(what) })
    };
    let mut kept = kept.lines();
    for (at, line) in beside.lines().enumerate() {
        match kept.next() {
            None => return wrong(at, Tampering::Added),
            Some(own) if own != line => return wrong(at, Tampering::Edited),
            Some(_) => {}
        }
    }
    None
}
