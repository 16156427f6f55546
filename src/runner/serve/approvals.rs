//! The runner's questions: issued under a nonce of its own, recorded before the front hears of them, and answered by
//! approvals that are held against what is so now and spent before anything is done.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::approval::{
    Approver, Expected, Refusal, Spent, Terms, Verified, call_digest, request_digest, verify,
};
use crate::digest::Digest;
use crate::effect::{
    Approval, ApprovalBinding, ApprovalRequest, AskedRef, BoundCall, ControlFrame, RootIdentity, RunnerStart,
    ShownCall, ToolCall, ToolError, encode_frame,
};
use crate::files::Root;
use crate::ledger::{Answered, Ledger, LedgerError, moment};
use crate::policy::{Asked, Decision};
use crate::runner::ToolWorld;
use crate::runner::tools::prepare;

/// The schema id of a request.
const REQUEST: &str = "lgflow.approval_request/v1";

/// Questions of a session that wait at once: who asks without end is not heard without end.
const MOST_OPEN: usize = 64;
/// Bytes of what they show.
const MOST_SHOWN: usize = 16 << 20;

/// A question that was not put.
#[derive(Debug)]
pub(super) enum NotAsked {
    /// Too many wait for an answer.
    TooMany,
    /// It could not be recorded.
    Unrecorded(String),
}

impl From<LedgerError> for NotAsked {
    fn from(error: LedgerError) -> Self {
        Self::Unrecorded(error.to_string())
    }
}

/// What an approval of some calls would be bound to, as things stand.
#[derive(Debug)]
pub(super) struct Bound {
    /// Its nonce is still to be drawn.
    pub(super) now: ApprovalBinding,
    /// For each call, the change that it would make, where its parameters do not say it line by line.
    diffs: Vec<Option<String>>,
}

/// The asking side of a desk.
#[derive(Debug)]
pub(super) struct Approvals {
    ledger: Ledger,
    run: String,
    starter: String,
    root: RootIdentity,
    /// Do answers on record count for calls that carry none?
    on_record: bool,
    front: Arc<Mutex<UnixStream>>,
    /// One question is put at a time, so that the same one is put once.
    asking: Mutex<()>,
}

impl Approvals {
    /// Opens the ledger that the front names; `None` where nothing can be approved.
    pub(super) fn open(
        start: &RunnerStart,
        root: &Root,
        front: Arc<Mutex<UnixStream>>,
    ) -> Result<Option<Self>, String> {
        let Some(place) = &start.ledger else { return Ok(None) };
        let ledger =
            Ledger::open(Path::new(&place.state), &place.workspace).map_err(|error| error.to_string())?;
        // who asks is who the front says: a record may be of one that began elsewhere
        let starter = match &start.starter {
            Some(starter) => starter.clone(),
            None => starter(&ledger, &start.run).map_err(|error| error.to_string())?,
        };
        let (dev, ino) = root.identity().map_err(|error| error.to_string())?;
        let root = RootIdentity { dev, ino };
        let run = start.run.clone();
        let asking = Mutex::new(());
        let on_record = start.answers_on_record;
        Ok(Some(Self { ledger, run, starter, root, on_record, front, asking }))
    }

    /// Do answers on record count for calls that carry none?
    pub(super) fn counts_on_record(&self) -> bool {
        self.on_record
    }

    /// Why nobody can approve anything of this run, where that is so.
    pub(super) fn wanting(&self, terms: &Terms) -> Option<String> {
        terms.wanting(Approver::of_key(&self.starter))
    }

    /// The ledger that the front has named.
    pub(super) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// What an approval of these calls is bound to, as things stand.
    ///
    /// # Errors
    /// The index of a call that could not do its work as things stand, and why.
    pub(super) fn bind(
        &self,
        calls: &[Asked<ToolCall>],
        policy_digest: Digest,
        world: &ToolWorld,
    ) -> Result<Bound, (usize, ToolError)> {
        let mut touched = BTreeSet::new();
        let (mut bound, mut diffs) = (Vec::new(), Vec::new());
        for (at, asked) in calls.iter().enumerate() {
            let (call, obligations) = (asked.request(), asked.obligations());
            let prepared = prepare(call, obligations, world, &touched).map_err(|error| (at, error))?;
            if call.changes() {
                touched.extend(prepared.paths.iter().cloned());
            }
            diffs.push(prepared.diff);
            bound.push(BoundCall {
                call_digest: call_digest(&call.tool, &call.input),
                preimages: prepared.preimages,
                paths: prepared.paths,
                target: prepared.target,
            });
        }
        let first = calls.first().map(Asked::request);
        let now = ApprovalBinding {
            v: 1,
            run: self.run.clone(),
            node: first.map(|call| call.node.clone()).unwrap_or_default(),
            iteration: first.map(|call| self.place_of(call, calls.len())).unwrap_or_default(),
            calls: bound,
            policy_digest,
            root: self.root,
            nonce: String::new(),
        };
        Ok(Bound { now, diffs })
    }

    /// Where calls stand. In a session of calls there are no places but the name under which its caller keeps them.
    fn place_of(&self, call: &ToolCall, calls: usize) -> String {
        if self.on_record { call.run.clone() } else { iteration(&self.run, call, calls) }
    }

    /// Puts the question, unless the same one is open already: recorded first, then told to the front.
    pub(super) fn ask(
        &self,
        calls: &[Asked<ToolCall>],
        bound: &Bound,
        terms: &Terms,
    ) -> Result<AskedRef, NotAsked> {
        let _one_at_a_time = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = self.question(calls, bound, terms);
        let before = self.ledger.requests(&self.run)?;
        let request = match before.iter().find(|known| is_same(known, &fresh)) {
            Some(known) => known.clone(),
            None if self.on_record && self.is_full(&before)? => return Err(NotAsked::TooMany),
            None => {
                let binding = ApprovalBinding { nonce: self.ledger.nonce()?, ..fresh.binding };
                let request = ApprovalRequest { binding, issued: moment().millis, ..fresh };
                self.ledger.issue(&request)?;
                request
            }
        };
        let asked = AskedRef { nonce: request.binding.nonce.clone(), request: request_digest(&request) };
        let frame = encode_frame(&ControlFrame::Ask(Box::new(request)));
        let frame = frame.map_err(|error| NotAsked::Unrecorded(error.to_string()))?;
        let mut front = self.front.lock().unwrap_or_else(PoisonError::into_inner);
        // a front that is gone ends us; what was asked is on record
        let _ = front.write_all(&frame);
        Ok(asked)
    }

    /// What a person has said to the same question, where that counts for calls that carry no answer.
    pub(super) fn on_record(&self, call: &Asked<ToolCall>, bound: &Bound, terms: &Terms) -> Option<Answered> {
        if !self.on_record {
            return None;
        }
        let question = self.question(std::slice::from_ref(call), bound, terms);
        // what cannot be read is no answer, and the question is put again
        let known = self.put_before(&question).ok().flatten()?;
        self.ledger.answered(&known.binding.nonce).ok().flatten()
    }

    /// The question, which has neither a nonce nor a time yet.
    fn question(&self, calls: &[Asked<ToolCall>], bound: &Bound, terms: &Terms) -> ApprovalRequest {
        ApprovalRequest {
            schema: REQUEST.into(),
            binding: bound.now.clone(),
            shown: calls.iter().zip(&bound.diffs).map(shown).collect(),
            terms: terms.wire(&self.starter),
            issued: 0,
        }
    }

    /// The same question, where it was put before and nothing of it is spent.
    fn put_before(&self, question: &ApprovalRequest) -> Result<Option<ApprovalRequest>, LedgerError> {
        Ok(self.ledger.requests(&self.run)?.into_iter().find(|known| is_same(known, question)))
    }

    /// Do as many questions wait as may, of those that were put?
    fn is_full(&self, put: &[ApprovalRequest]) -> Result<bool, LedgerError> {
        let (now, mut open, mut bytes) = (moment().millis, 0, 0);
        for request in put {
            let answer = self.ledger.answered(&request.binding.nonce)?;
            if !answer.is_some_and(|answer| answer.settles(request.terms.quorum, now)) {
                open += 1;
                bytes += serde_json::to_vec(&request.shown).map_or(0, |shown| shown.len());
            }
        }
        Ok(open >= MOST_OPEN || bytes >= MOST_SHOWN)
    }

    /// Does the approval that a call carries count for what is bound now? One that does not is recorded.
    pub(super) fn check(
        &self,
        given: &Value,
        now: &ApprovalBinding,
        terms: &Terms,
    ) -> Result<Verified, Refusal> {
        let read = serde_json::from_value::<Approval>(given.clone());
        let nonce = given["binding"]["nonce"].as_str().unwrap_or_default();
        let checked = read.map_err(|error| Refusal::Unreadable(error.to_string())).and_then(|approval| {
            let issued = self.ledger.issued(nonce).map_err(|_| Refusal::Unknown)?.ok_or(Refusal::Unknown)?;
            let (moment, local) = (moment(), self.ledger.key());
            let starter = &self.starter;
            verify(&approval, &Expected { issued: &issued, now, terms, starter, moment: &moment, local })
        });
        checked.inspect_err(|refusal| self.record(now, nonce, refusal))
    }

    /// Spends one call of an approval, on the disk, before it is done.
    pub(super) fn spend(
        &self,
        verified: &Verified,
        index: usize,
        now: &ApprovalBinding,
    ) -> Result<Spent, Refusal> {
        let record = |nonce: &str, index: usize| {
            self.ledger.spend(nonce, index).inspect_err(|refusal| self.record(now, nonce, refusal))
        };
        verified.spend(index, record)
    }

    fn record(&self, now: &ApprovalBinding, nonce: &str, refusal: &Refusal) {
        // the call's result says so as well, and nothing is done either way
        let _ = self.ledger.refuse(&self.run, &now.node, nonce, refusal);
    }
}

/// Is it the same question, whenever it was put?
fn is_same(known: &ApprovalRequest, question: &ApprovalRequest) -> bool {
    let unnamed = ApprovalBinding { nonce: String::new(), ..known.binding.clone() };
    unnamed == question.binding && known.shown == question.shown && known.terms == question.terms
}

/// The key that started a run, or opened a session.
fn starter(ledger: &Ledger, run: &str) -> Result<String, LedgerError> {
    if let Some(record) = ledger.begun(run)? {
        return Ok(record.starter);
    }
    Ok(ledger.session(run)?.map(|record| record.starter).unwrap_or_default())
}

/// A call as it is shown; of a call that does not ask itself, no reason.
fn shown((asked, diff): (&Asked<ToolCall>, &Option<String>)) -> ShownCall {
    let call = asked.request();
    let asks = asked.verdict().deciding().filter(|reason| reason.decision == Decision::Ask);
    ShownCall {
        tool: call.tool.clone(),
        input: call.input.clone(),
        reason: asks.map(|reason| reason.message.clone()).unwrap_or_default(),
        rule: asks.map(|reason| reason.rule.clone()),
        diff: diff.clone(),
    }
}

/// The place in the run: the key of the call without the run, and without what counts calls within an attempt.
fn iteration(run: &str, call: &ToolCall, calls: usize) -> String {
    let key = call.idempotency_key.strip_prefix(run).unwrap_or(&call.idempotency_key);
    let key = key.trim_start_matches('/');
    let list = if calls > 1 { key.rsplit_once('/').map_or(key, |(list, _)| list) } else { key };
    list.split_once('+').map_or(list, |(place, _)| place).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_the_same_before_and_after_the_question() {
        let of = |key: &str, calls| {
            let call = ToolCall { idempotency_key: key.into(), ..ToolCall::new("exec", Value::Null) };
            iteration("run", &call, calls)
        };
        assert_eq!(of("run/outer#2!1/apply!1", 1), "outer#2!1/apply!1");
        assert_eq!(of("run/outer#2!1/apply!1+1", 1), "outer#2!1/apply!1");
        assert_eq!(of("run/all!1/0", 3), "all!1");
        assert_ne!(of("run/apply!1", 1), of("run/apply!2", 1));
    }
}
