//! What `redact` patterns took out of the trace of a run, and this installation has kept: the run goes on with what it had, or
//! not at all.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::digest::Digest;
use crate::effect::{FrozenLayer, KeptWords, PersonsAnswer};
use crate::ledger::{Answered, Ledger, LedgerError, Reply, RunRecord};
use crate::plan::Plan;
use crate::redact::{Redaction, Values};
use crate::session::{Retold, fold_whole, is_marked, is_untold, system_clock};
use crate::store::RunId;
use crate::trace::Envelope;

use super::answering::Asked;
use super::keep_out::patterns;
use super::on_record::sealed_log;
use super::{Again, AgainError, Place};

/// What a run that is gone on with under `layers` needs beside its trace; nothing where that tells all of it.
///
/// # Errors
/// Also where not all that was taken out is on record any more.
pub fn kept_words(
    place: &Place,
    (run, record, plan): (&RunId, &RunRecord, &Arc<Plan>),
    layers: &[FrozenLayer],
) -> Result<Option<KeptWords>, AgainError> {
    let store = place.runs()?;
    let ledger = Ledger::open(&place.state, &store.id())?;
    let log = sealed_log(&store, &ledger, run)?;
    if !is_untold(&log) {
        return Ok(None);
    }
    let (then, now) = (patterns(&record.layers), patterns(layers));
    let blobs = store.blobs();
    let blob = |digest: &Digest| blobs.get(digest);
    let kept = KeptWords {
        inputs: record.kept_inputs().cloned(),
        answers: answers(&ledger, run, &log, &blob)?,
        patterns: then.iter().map(|(name, regex)| (name.clone(), regex.as_str().to_owned())).collect(),
    };
    // a runner elsewhere has patterns of its own, and the interpreter hears of them
    if record.elsewhere.is_none() {
        let redactions = [then, now].map(|patterns| Redaction::new(Values::default(), patterns));
        let by = Retold { kept: &kept, redactions: &redactions };
        fold_whole((run.as_str(), plan), &log, &blob, &system_clock(), by)
            .map_err(|error| AgainError::Stored(run.clone(), error))?;
    }
    Ok(Some(kept))
}

/// The answers that the trace does not tell in full, as they were given.
fn answers(
    ledger: &Ledger,
    run: &RunId,
    log: &str,
    blob: &dyn Fn(&Digest) -> Option<Vec<u8>>,
) -> Result<Vec<PersonsAnswer>, LedgerError> {
    let (mut nonces, mut found) = (BTreeMap::new(), Vec::new());
    for (mut event, _) in log.lines().filter_map(Envelope::parse) {
        let Some(question) = number(&event) else { continue };
        if event.kind == "approval.requested" {
            // what is shown may lie outside of its line; a payload that is gone names no request
            let _ = event.move_in(blob);
        }
        match event.kind.as_str() {
            "approval.requested" => {
                let nonce = event.data.get("show").and_then(Asked::nonce_of);
                nonces.extend(nonce.map(|nonce| (question, nonce.to_owned())));
            }
            "approval.granted" | "approval.rejected" if event.data.contains_key("redacted") => {
                let answered = || match nonces.get(&question) {
                    Some(nonce) => ledger.answered(nonce),
                    None => Ok(None),
                };
                found.extend(match ledger.replied(run.as_str(), question)? {
                    Some(reply) => Some(of_reply(question, reply)),
                    None => answered()?.map(|answered| of_answered(question, answered)),
                });
            }
            _ => {}
        }
    }
    Ok(found)
}

fn number(event: &Envelope) -> Option<u32> {
    u32::try_from(event.data.get("question")?.as_u64()?).ok()
}

fn of_reply(question: u32, reply: Reply) -> PersonsAnswer {
    let Reply { granted, choice, response, comment, by } = reply;
    PersonsAnswer { question, granted, choice, response, comment, by, approval: None }
}

fn of_answered(question: u32, answered: Answered) -> PersonsAnswer {
    let (granted, comment, by) = match answered {
        Answered::Approved { comment, .. } => (true, comment, String::new()),
        Answered::Rejected { comment, by } => (false, comment, by),
    };
    PersonsAnswer { question, granted, comment, by, ..PersonsAnswer::default() }
}

/// The inputs that a run was given, as a run that is forked from it has them; and the names of those that are not known any
/// more, because a pattern took something out of its trace.
pub fn given_inputs(again: &Again) -> (Map<String, Value>, Vec<String>) {
    let told = again.stored.state.summary().inputs;
    let given = again.record.kept_inputs().unwrap_or(&told);
    let given = given.as_object().cloned().unwrap_or_default();
    let is_kept = again.record.kept_inputs().is_some();
    let (lost, known): (Vec<_>, Vec<_>) =
        given.into_iter().partition(|(_, value)| !is_kept && is_marked(value));
    (known.into_iter().collect(), lost.into_iter().map(|(name, _)| name).collect())
}
