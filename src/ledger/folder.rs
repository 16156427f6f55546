//! The ledger of one workspace: `<state>/ledger/<workspace id>/`. Not beneath the folder of its runs, which the
//! interpreter writes.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::approval::Refusal;
use crate::digest::{MacKey, hex};
use crate::effect::ApprovalRequest;

use super::receipts::{ReceiptFile, path_of};
use super::records::{Answered, ClockThere, Head, Reply, RunRecord, SessionRecord, seal, unseal};
use super::spending::{Step, spend};
use super::{LedgerError, installation_key, moment};
use crate::files::private::{
    PrivateError, append, make_folder, names_in, put_new, read, read_lossy, remove, replace,
};

/// The longest name that is looked up.
const NAME: usize = 64;

/// What was asked, answered and spent in one workspace.
#[derive(Debug, Clone)]
pub struct Ledger {
    folder: PathBuf,
    key: MacKey,
}

impl Ledger {
    /// Opens the ledger of the workspace with the id `workspace`, and makes it where it is not there. It must belong
    /// to this user and be writable by nobody else.
    pub fn open(state: &Path, workspace: &str) -> Result<Self, LedgerError> {
        let key = installation_key(state)?;
        let folder = state.join("ledger").join(workspace);
        for part in [
            "requests", "answers", "replies", "spent", "runs", "sessions", "heads", "receipts", "results",
            "anchors", "served", "clocks", "asked",
        ] {
            make_folder(&folder.join(part))?;
        }
        Ok(Self { folder, key })
    }

    /// The ledger of the workspace where a run was started, and the workspace's id, if this installation started it.
    pub fn that_knows(state: &Path, run: &str) -> Result<Option<(Self, String)>, LedgerError> {
        let knows = |workspace: &String| has_record(&state.join("ledger").join(workspace), run);
        match names_in(&state.join("ledger"))?.into_iter().find(knows) {
            Some(workspace) => Ok(Some((Self::open(state, &workspace)?, workspace))),
            None => Ok(None),
        }
    }

    /// Is there anything on record of a run: what it was started with, how far it had come, or receipts? Nothing is read.
    pub fn knows(&self, run: &str) -> bool {
        has_record(&self.folder, run)
    }

    /// This installation's key.
    pub fn key(&self) -> &MacKey {
        &self.key
    }

    /// A nonce that no other request has.
    pub fn nonce(&self) -> Result<String, LedgerError> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| {
            PrivateError::io("draw a nonce for", &self.folder)(std::io::Error::other(error.to_string()))
        })?;
        Ok(hex(&bytes))
    }

    /// Records what a run is started with; the first word stands.
    pub fn begin(&self, run: &str, record: &RunRecord) -> Result<(), LedgerError> {
        let Some(path) = self.place("runs", run) else { return Ok(()) };
        put_new(&path, &seal(&self.key, &format!("runs/{run}"), record))?;
        Ok(())
    }

    /// What a run was started with, if it was started here.
    pub fn begun(&self, run: &str) -> Result<Option<RunRecord>, LedgerError> {
        self.record("runs", run)
    }

    /// Records what a session is opened with; the first word stands.
    pub fn open_session(&self, session: &str, record: &SessionRecord) -> Result<(), LedgerError> {
        let Some(path) = self.place("sessions", session) else { return Ok(()) };
        put_new(&path, &seal(&self.key, &format!("sessions/{session}"), record))?;
        Ok(())
    }

    /// What a session was opened with, if it was opened here.
    pub fn session(&self, session: &str) -> Result<Option<SessionRecord>, LedgerError> {
        self.record("sessions", session)
    }

    /// Records that a run of elsewhere is served here, for `holder`: the first word stands. False where it is another one's,
    /// or anything else that there is a record of.
    pub fn serve(&self, run: &str, holder: &str) -> Result<bool, LedgerError> {
        let Some(path) = self.place("served", run) else { return Ok(false) };
        if let Some(known) = self.record::<String>("served", run)? {
            return Ok(known == holder);
        }
        if self.is_known(run)? {
            return Ok(false);
        }
        Ok(put_new(&path, &seal(&self.key, &format!("served/{run}"), &holder.to_owned()))?)
    }

    /// Is there any record of this id? The front of a run elsewhere may be of this installation, and has then put on record
    /// that the run begins, and nothing else before it was opened.
    fn is_known(&self, run: &str) -> Result<bool, LedgerError> {
        let begins_elsewhere = self.begun(run)?.is_none_or(|record| record.elsewhere.is_some());
        let has_receipts = self.receipts_of(run)?.is_some_and(|receipts| !receipts.is_empty());
        Ok(!begins_elsewhere
            || has_receipts
            || self.session(run)?.is_some()
            || self.reached(run)?.is_some()
            || self.clock(run)?.is_some()
            || !self.asked_by(run)?.is_empty())
    }

    /// Is a run served here? Then its receipts are written here, whoever else keeps a copy of them.
    pub fn serves(&self, run: &str) -> bool {
        self.place("served", run).is_some_and(|path| path.symlink_metadata().is_ok())
    }

    /// Records the clock of the runner elsewhere that makes a run's calls.
    pub fn hear_clock(&self, run: &str, clock: &ClockThere) -> Result<(), LedgerError> {
        let Some(path) = self.place("clocks", run) else { return Ok(()) };
        Ok(replace(&path, &seal(&self.key, &format!("clocks/{run}"), clock))?)
    }

    /// The clock of the runner elsewhere that makes a run's calls, if one does.
    pub fn clock(&self, run: &str) -> Result<Option<ClockThere>, LedgerError> {
        self.record("clocks", run)
    }

    /// Records how far a run has come.
    pub fn reach(&self, run: &str, head: &Head) -> Result<(), LedgerError> {
        let Some(path) = self.place("heads", run) else { return Ok(()) };
        Ok(replace(&path, &seal(&self.key, &format!("heads/{run}"), head))?)
    }

    /// How far a run had come, if it was ever recorded.
    pub fn reached(&self, run: &str) -> Result<Option<Head>, LedgerError> {
        self.record("heads", run)
    }

    /// Records a request before anybody hears of it.
    pub fn issue(&self, request: &ApprovalRequest) -> Result<(), LedgerError> {
        let (nonce, run) = (&request.binding.nonce, &request.binding.run);
        let (Some(path), Some(asked)) = (self.place("requests", nonce), self.place("asked", run)) else {
            return Err(LedgerError::Altered(self.folder.join("requests")));
        };
        // a name that leads to nothing is passed over; a request that no name leads to would never be found
        make_folder(&asked)?;
        put_new(&asked.join(nonce), "")?;
        Ok(replace(&path, &seal(&self.key, &format!("requests/{nonce}"), request))?)
    }

    /// The request with this nonce, if a runner of this installation issued one.
    pub fn issued(&self, nonce: &str) -> Result<Option<ApprovalRequest>, LedgerError> {
        self.record("requests", nonce)
    }

    /// The requests of a run, oldest first. One that was altered is none.
    pub fn all_requests(&self, run: &str) -> Result<Vec<ApprovalRequest>, LedgerError> {
        let names = self.asked_by(run)?;
        let mut found: Vec<ApprovalRequest> =
            names.iter().filter_map(|name| self.issued(name).ok().flatten()).collect();
        found.retain(|request| request.binding.run == run);
        found.sort_by_key(|request| request.issued);
        Ok(found)
    }

    /// The nonces under which a run has asked, or was about to.
    pub(super) fn asked_by(&self, run: &str) -> Result<Vec<String>, LedgerError> {
        self.place("asked", run).map_or_else(|| Ok(Vec::new()), |folder| Ok(names_in(&folder)?))
    }

    /// Those of which nothing is spent.
    pub fn requests(&self, run: &str) -> Result<Vec<ApprovalRequest>, LedgerError> {
        let mut found = self.all_requests(run)?;
        found.retain(|request| !self.is_spent(&request.binding.nonce));
        Ok(found)
    }

    /// Records an answer to a request.
    pub fn answer(&self, nonce: &str, answer: &Answered) -> Result<(), LedgerError> {
        let Some(path) = self.place("answers", nonce) else { return Ok(()) };
        Ok(replace(&path, &seal(&self.key, &format!("answers/{nonce}"), answer))?)
    }

    /// The answer to a request, if there is one.
    pub fn answered(&self, nonce: &str) -> Result<Option<Answered>, LedgerError> {
        self.record("answers", nonce)
    }

    /// Takes an answer to a request back: a person says something else now.
    pub fn take_back(&self, nonce: &str) -> Result<(), LedgerError> {
        let Some(path) = self.place("answers", nonce) else { return Ok(()) };
        Ok(remove(&path).map(drop)?)
    }

    /// Records an answer to a node's question, by its number.
    pub fn reply(&self, run: &str, question: u32, reply: &Reply) -> Result<(), LedgerError> {
        let name = format!("{run}.{question}");
        let Some(path) = self.place("replies", &name) else { return Ok(()) };
        Ok(replace(&path, &seal(&self.key, &format!("replies/{name}"), reply))?)
    }

    /// The answer to a node's question, if there is one.
    pub fn replied(&self, run: &str, question: u32) -> Result<Option<Reply>, LedgerError> {
        self.record("replies", &format!("{run}.{question}"))
    }

    /// Spends one call of a request, durably. Of two that try, one succeeds, whatever process they are of.
    pub fn spend(&self, nonce: &str, index: usize) -> Result<(), Refusal> {
        self.spend_with(nonce, index, &mut |_| Ok(()))
    }

    /// The same; `before` is asked before each step.
    pub(super) fn spend_with(
        &self,
        nonce: &str,
        index: usize,
        before: &mut dyn FnMut(Step) -> std::io::Result<()>,
    ) -> Result<(), Refusal> {
        let path = self.place("spent", &format!("{nonce}.{index}")).ok_or(Refusal::Unknown)?;
        spend(&path, &format!("{}\n", moment().millis), before)
    }

    /// Is anything of a request spent?
    pub fn is_spent(&self, nonce: &str) -> bool {
        self.place("spent", &format!("{nonce}.0")).is_none_or(|path| path.symlink_metadata().is_ok())
    }

    /// Records that an approval was refused.
    pub fn refuse(&self, run: &str, node: &str, nonce: &str, refusal: &Refusal) -> Result<(), LedgerError> {
        let line = json!({
            "schema": "lgflow.approval_refused/v1",
            "at": moment().millis,
            "run": run,
            "node": node,
            "nonce": nonce,
            "kind": refusal.word(),
            "message": refusal.to_string(),
        });
        Ok(append(&self.folder.join("refused.jsonl"), &line.to_string())?)
    }

    /// The receipts of a run, to be added to: held by one runner at a time. With what there is already. None where the
    /// run has no name that a file could have.
    pub fn receipts(&self, run: &str) -> Result<Option<(ReceiptFile, String)>, LedgerError> {
        let known = self.place("receipts", run).is_some();
        known.then(|| ReceiptFile::open(&path_of(&self.folder, run))).transpose()
    }

    /// What there is of the receipts of a run, to the last byte.
    pub fn receipts_of(&self, run: &str) -> Result<Option<String>, LedgerError> {
        if self.place("receipts", run).is_none() {
            return Ok(None);
        }
        Ok(read_lossy(&path_of(&self.folder, run))?)
    }

    /// Keeps what a runner elsewhere says are the receipts of a run. Those that this installation has made stand; and of
    /// two texts of another one, the one that goes on.
    pub fn take_receipts(&self, run: &str, text: &str) -> Result<(), LedgerError> {
        let known = self.receipts_of(run)?.unwrap_or_default();
        let goes_on = text.len() > known.len() && text.starts_with(&known);
        if self.place("receipts", run).is_some() && goes_on {
            replace(&path_of(&self.folder, run), text)?;
        }
        Ok(())
    }

    /// Where the receipts of a run stand, or would.
    pub(super) fn receipts_path(&self, run: &str) -> PathBuf {
        path_of(&self.folder, run)
    }

    /// What is kept under a name of a part.
    pub(super) fn record<T: serde::de::DeserializeOwned>(
        &self,
        part: &str,
        name: &str,
    ) -> Result<Option<T>, LedgerError> {
        let Some(path) = self.place(part, name) else { return Ok(None) };
        let Some(text) = read(&path)? else { return Ok(None) };
        unseal(&self.key, &format!("{part}/{name}"), &text).map(Some).ok_or(LedgerError::Altered(path))
    }

    /// The names in a part.
    pub(super) fn names(&self, part: &str) -> Result<Vec<String>, LedgerError> {
        Ok(names_in(&self.folder.join(part))?)
    }

    /// The file of a name; `None` for what no file of ours is called.
    pub(super) fn place(&self, part: &str, name: &str) -> Option<PathBuf> {
        is_a_name(name).then(|| self.folder.join(part).join(name))
    }
}

fn has_record(folder: &Path, run: &str) -> bool {
    let records = [folder.join("runs").join(run), folder.join("heads").join(run), path_of(folder, run)];
    is_a_name(run) && records.iter().any(|path| path.symlink_metadata().is_ok())
}

fn is_a_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.';
    !name.is_empty() && name.len() <= NAME && !name.starts_with('.') && name.chars().all(plain)
}
