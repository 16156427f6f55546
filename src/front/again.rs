//! Stored runs: where one stands, and what must be the same before it is gone on with. Starts nothing.

use std::sync::Arc;

use serde_json::Value;

use crate::compile::check_bundle;
use crate::diag::Diagnostics;
use crate::digest::Digest;
use crate::effect::{FrozenLayer, LayerRole};
use crate::ledger::{Ledger, LedgerError, RunRecord};
use crate::plan::Plan;
use crate::receipt::Discord;
use crate::redact::{Redaction, Values};
use crate::session::{Stored, StoredError, fold, resumable, system_clock};
use crate::source::Sources;
use crate::store::{Durability, RunId, StoreError};
use crate::trace::{Phase, QuestionId, RunState, Verified, Waiting};

use super::keep_out::patterns;
use super::on_record::{Since, sealed_log};
use super::vouching::{Unheard, believed, vouched_as_heard};
use super::{Asked, Place};

/// The most differences that are named.
const NAMED: usize = 10;

/// A stored run with all that belongs to it.
#[derive(Debug)]
pub struct Again {
    /// Where it stands.
    pub stored: Stored,
    /// What it was started with.
    pub record: RunRecord,
    /// Its plan.
    pub plan: Arc<Plan>,
    /// The runner elsewhere that made its calls, where that was not heard to its end.
    pub unheard: Option<Unheard>,
}

/// A stored run that cannot be gone on with.
#[derive(Debug, thiserror::Error)]
pub enum AgainError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// It was started by somebody else.
    #[error(
        "the run `{0}` was not started by this installation, so it is not gone on with, and no answer to it counts; `lgflow runs show \
         {0}` shows what it has told"
    )]
    Foreign(RunId),
    /// Its trace is not the one that its front has seen.
    #[error("the trace of the run `{0}` is not the one that was recorded: it was cut or written anew")]
    OtherTrace(RunId),
    /// Not all that the store has of it was recorded by this installation.
    #[error(
        "the run `{0}`: {1} was written, altered or cut in the store by somebody else, or stands there as an older version of lgflow \
         wrote it, so this installation does not vouch for it; it is not gone on with, and nothing is taken from it: `lgflow trace show \
         {0}` shows what it tells"
    )]
    Unvouched(RunId, Since),
    /// Its trace is not what the runner did.
    #[error("the trace of the run `{0}` is not what the runner did: {1}")]
    Discord(RunId, Discord),
    /// Nobody knows yet whether its trace is what the runner did.
    #[error("{1}; `lgflow runs resume {0}` asks it, and goes on with the run")]
    Unheard(RunId, Unheard),
    /// Its trace does not hold.
    #[error("the run `{0}` cannot be gone on with: {1}")]
    Stored(RunId, #[source] StoredError),
    /// Its graph cannot be compiled by this version.
    #[error("the graph of the run `{0}` cannot be compiled by this version of lgflow")]
    Graph(RunId),
}

impl AgainError {
    /// Is something there that cannot be read?
    pub(super) fn is_damage(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_damage())
    }

    /// Is it about one run alone, so that others can be looked at as before?
    pub(super) fn is_of_one_run(&self) -> bool {
        match self {
            Self::Store(error) => error.is_of_one_run(),
            _ => true,
        }
    }
}

/// A stored run, folded back into where it stood. Refused where a runner elsewhere was not heard to its end: what the trace
/// tells may not be what that one did.
pub fn stored_run(place: &Place, run: &RunId) -> Result<Again, AgainError> {
    let again = standing_run(place, run)?;
    match again.unheard {
        Some(unheard) => Err(AgainError::Unheard(run.clone(), unheard)),
        None => Ok(again),
    }
}

/// The same, to be shown: also where a runner elsewhere was not heard to its end.
pub fn standing_run(place: &Place, run: &RunId) -> Result<Again, AgainError> {
    let store = place.runs()?;
    let ledger = Ledger::open(&place.state, &store.id())?;
    let log = match sealed_log(&store, &ledger, run) {
        // it waits for a worker of whoever has put it into the queue
        Err(AgainError::Store(StoreError::Waits(_))) if !ledger.knows(run.as_str()) => {
            return Err(AgainError::Foreign(run.clone()));
        }
        log => log?,
    };
    let record = ledger.begun(run.as_str())?.ok_or_else(|| AgainError::Foreign(run.clone()))?;
    let plan = plan_of(&record, run)?;
    let blobs = store.blobs();
    let stored = fold(run.as_str(), &plan, &log, &|digest| blobs.get(digest), &system_clock())
        .map_err(|error| AgainError::Stored(run.clone(), error))?;
    let (vouched, unheard) = vouched_as_heard(&ledger, run, &log, &|digest| blobs.get(digest))?;
    let holds = match (&unheard, vouched.discord) {
        // nothing was heard of it yet
        (Some(_), None) => Ok(()),
        _ => believed(&vouched),
    };
    holds.map_err(|discord| AgainError::Discord(run.clone(), discord))?;
    Ok(Again { stored, record, plan, unheard })
}

/// A run of the queue that was never begun; nothing where this installation did not put it there, or has seen it end.
pub fn queued_run(place: &Place, run: &RunId) -> Result<Option<Again>, AgainError> {
    let ledger = Ledger::open(&place.state, &place.runs()?.id())?;
    let record = ledger.begun(run.as_str())?.filter(|record| record.inputs.is_some());
    let Some(record) = record else { return Ok(None) };
    if ledger.reached(run.as_str())?.is_some() {
        return Ok(None);
    }
    let plan = plan_of(&record, run)?;
    let verified = Verified { events: 0, run: None, head: None, complete: false, payloads: 0, fault: None };
    let stored = Stored { state: RunState::new(run.as_str(), &plan), verified, waits: Vec::new() };
    Ok(Some(Again { stored, record, plan, unheard: None }))
}

impl Again {
    /// May it be gone on with? One that is over may not, but where its runner elsewhere is to be heard still; and none that
    /// was kept in memory alone.
    pub fn resumable(&self) -> Result<(), StoredError> {
        if Durability::parse(&self.record.durability) == Some(Durability::None) {
            return Err(StoredError::NotKept);
        }
        if self.unheard.is_some() && self.is_over() {
            return Ok(());
        }
        resumable(&self.stored.state)
    }

    /// Where the runner is that has changed its workspace, and not this one: an address, and nothing where both are the same.
    pub fn changed_elsewhere(&self, place: &Place, run: &RunId) -> Result<Option<&str>, AgainError> {
        let Some(there) = &self.record.elsewhere else { return Ok(None) };
        let ledger = Ledger::open(&place.state, &place.runs()?.id())?;
        Ok((!ledger.serves(run.as_str())).then_some(there.url.as_str()))
    }

    /// Has it come to its end?
    pub fn is_over(&self) -> bool {
        matches!(self.stored.state.phase(), Phase::Finished { .. })
    }
}

/// The plan that a run was started with, from the texts that were kept of it.
pub(super) fn plan_of(record: &RunRecord, run: &RunId) -> Result<Arc<Plan>, AgainError> {
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let plan = check_bundle(&record.bundle, &mut sources, &mut found);
    let plan = plan.ok_or_else(|| AgainError::Graph(run.clone()))?.bounded(&record.limits);
    if Digest::of_json(&plan.document()) == record.plan {
        Ok(plan)
    } else {
        Err(AgainError::Graph(run.clone()))
    }
}

/// What decided a run that this installation started in this workspace: its plan, and what its layers keep out of the
/// trace. Nothing where it started no such run.
pub fn decided_by(place: &Place, run: &RunId) -> Result<Option<(Arc<Plan>, Redaction)>, AgainError> {
    let store = place.runs()?;
    let Some(record) = Ledger::open(&place.state, &store.id())?.begun(run.as_str())? else { return Ok(None) };
    let redaction = Redaction::new(Values::default(), patterns(&record.layers));
    Ok(Some((plan_of(&record, run)?, redaction)))
}

/// Of the questions that a run waits with, those that nobody can approve any more: the policy asks, and what the runner
/// asked is not on record, or was altered.
pub fn unanswerable(place: &Place, run: &RunId, waiting: &[Waiting]) -> Result<Vec<QuestionId>, AgainError> {
    let store = place.runs()?;
    let ledger = Ledger::open(&place.state, &store.id())?;
    let is_lost = |open: &&Waiting| {
        let issued = Asked::nonce_of(&open.show).and_then(|nonce| ledger.issued(nonce).ok().flatten());
        let refused = matches!(ledger.replied(run.as_str(), open.id.0), Ok(Some(_)));
        open.policy && issued.is_none() && !refused
    };
    Ok(waiting.iter().filter(is_lost).map(|open| open.id).collect())
}

/// Where two plans differ, by the names of what differs. Order counts.
pub fn differences(then: &Value, now: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", then, now, &mut found);
    let more = found.len().saturating_sub(NAMED);
    found.truncate(NAMED);
    if more > 0 {
        found.push(format!("and {more} more"));
    }
    found
}

fn compare(at: &str, then: &Value, now: &Value, found: &mut Vec<String>) {
    match (then, now) {
        (Value::Object(then), Value::Object(now)) => {
            let names: std::collections::BTreeSet<&String> = then.keys().chain(now.keys()).collect();
            for name in names {
                let place = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
                let null = Value::Null;
                compare(&place, then.get(name).unwrap_or(&null), now.get(name).unwrap_or(&null), found);
            }
        }
        (Value::Array(then), Value::Array(now)) if then.len() == now.len() => {
            for (index, (then, now)) in then.iter().zip(now).enumerate() {
                let id = then.get("id").or_else(|| then.get("name")).and_then(Value::as_str);
                let name = id.map_or_else(|| index.to_string(), str::to_owned);
                compare(&format!("{at}[{name}]"), then, now, found);
            }
        }
        _ if then == now => {}
        _ => found.push(at.to_owned()),
    }
}

/// The layers of a run that is gone on with: those of then, and those that have come since, as ceilings. What bound it
/// then and is no longer as it was is named instead.
pub fn layers_of_both(then: &[FrozenLayer], now: &[FrozenLayer]) -> Result<Vec<FrozenLayer>, Vec<String>> {
    let content = |layer: &FrozenLayer| Digest::of_json(&said(layer));
    let known: Vec<Digest> = now.iter().map(content).collect();
    let changed: Vec<String> = then
        .iter()
        .filter(|layer| !known.contains(&content(layer)))
        .map(|layer| layer.name.clone())
        .collect();
    if !changed.is_empty() {
        return Err(changed);
    }
    let old: Vec<Digest> = then.iter().map(content).collect();
    let grants = |layer: &&FrozenLayer| layer.role == LayerRole::Grant;
    if then.iter().find(grants).map(content) != now.iter().find(grants).map(content) {
        return Err(now.iter().filter(grants).map(|layer| layer.name.clone()).collect());
    }
    let more = now.iter().filter(|layer| !old.contains(&content(layer))).cloned();
    Ok(then.iter().cloned().chain(more).collect())
}

/// The layers of now, under the names that they had then where they say the same: by which path a policy is found again is
/// nothing that the run is about.
pub fn named_as_then(then: &[FrozenLayer], now: Vec<FrozenLayer>) -> Vec<FrozenLayer> {
    let named = |layer: FrozenLayer| {
        let known = then.iter().find(|known| said(known) == said(&layer));
        known.map_or_else(|| layer.clone(), |known| FrozenLayer { role: layer.role, ..known.clone() })
    };
    now.into_iter().map(named).collect()
}

/// What a layer says and whose calls it binds, without its names.
pub(super) fn said(layer: &FrozenLayer) -> Value {
    let includes: Vec<Value> = layer.includes.iter().map(said).collect();
    serde_json::json!([layer.text, layer.syntax, includes, layer.within])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    fn layer(name: &str, role: LayerRole, text: &str) -> FrozenLayer {
        FrozenLayer {
            name: name.into(),
            role,
            text: text.into(),
            syntax: "yaml".into(),
            includes: Vec::new(),
            within: BTreeSet::new(),
        }
    }

    #[test]
    fn differences_are_named_and_order_counts() {
        let then =
            json!({ "nodes": [{ "id": "a", "with": { "x": 1 } }, { "id": "b" }], "order": ["a", "b"] });
        assert!(differences(&then, &then).is_empty());
        let mut now = then.clone();
        now["nodes"][0]["with"]["x"] = json!(2);
        assert_eq!(differences(&then, &now), ["nodes[a].with.x"]);
        let mut turned = then.clone();
        turned["order"] = json!(["b", "a"]);
        assert_eq!(differences(&then, &turned), ["order[0]", "order[1]"]);
        let mut longer = then.clone();
        longer["nodes"].as_array_mut().unwrap().push(json!({ "id": "c" }));
        assert_eq!(differences(&then, &longer), ["nodes"]);
    }

    #[test]
    fn what_bound_it_binds_it_and_what_has_come_since_binds_it_too() {
        let grant = layer("policy.yaml", LayerRole::Grant, "a");
        let user = layer("user", LayerRole::Ceiling, "b");
        let then = [grant.clone()];
        let renamed = [layer("elsewhere/policy.yaml", LayerRole::Grant, "a"), user.clone()];
        assert_eq!(layers_of_both(&then, &renamed).unwrap(), [grant.clone(), user.clone()]);
        let edited = [layer("policy.yaml", LayerRole::Grant, "c")];
        assert_eq!(layers_of_both(&then, &edited).unwrap_err(), ["policy.yaml"]);
        assert_eq!(layers_of_both(&[grant.clone(), user.clone()], &then).unwrap_err(), ["user"]);
        let turned = [layer("user", LayerRole::Grant, "b"), layer("policy.yaml", LayerRole::Ceiling, "a")];
        assert!(layers_of_both(&[grant, user], &turned).is_err());
    }
}
