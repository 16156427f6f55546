//! Which runs there are, and how each ended or stands. Looks at the ends of each alone, as far as that is enough; starts
//! nothing.

use std::collections::BTreeSet;

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::ledger::Ledger;
use crate::store::{Durability, RunId, Store, StoreError};
use crate::trace::Envelope;

use super::again::plan_of;
use super::fork::lost_by_now;
use super::undo::{TakenBack, UNDO, standing_undoes, taken_back};
use super::vouching::is_unheard;
use super::{AgainError, LostSource, Place, standing_run};

/// A run of this workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastRun {
    /// Its id.
    pub run: RunId,
    /// How it ended, or stands.
    pub status: String,
    /// The graph's name.
    pub graph: String,
    /// RFC 3339.
    pub started: String,
    /// Can it be gone on with?
    pub resumable: bool,
    /// How it was taken back, if that stands.
    pub taken_back: Option<TakenBack>,
    /// The earlier run whose changes it has taken over, where that was taken back.
    pub lost: Option<LostSource>,
    /// What of all that is kept of it cannot be read, or not be believed, if that showed.
    pub damage: Option<String>,
    /// Did this installation start it? Else it can be shown, and no more.
    pub started_here: bool,
}

impl PastRun {
    fn standing(run: RunId, status: &str, graph: String) -> Self {
        let (status, started) = (status.to_owned(), began(&run));
        let (resumable, taken_back, lost, damage, started_here) = (false, None, None, None, true);
        Self { run, status, graph, started, resumable, taken_back, lost, damage, started_here }
    }

    /// Does all stand that it would go on from?
    pub fn stands(&self) -> bool {
        self.taken_back.is_none() && self.lost.is_none()
    }
}

/// The runs of a workspace, newest first. One that is damaged says so, and takes no other with it.
pub fn past_runs(place: &Place) -> Result<Vec<PastRun>, AgainError> {
    let store = place.runs()?;
    let ledger = Ledger::open(&place.state, &store.id())?;
    let mut runs: Vec<PastRun> =
        store.runs()?.into_iter().filter_map(|run| past_run(place, &store, &ledger, run)).collect();
    // one whose name is not known may be one as well
    let undoes = runs.iter().filter(|past| past.graph == UNDO || past.graph.is_empty());
    let undoes = standing_undoes(&store, &ledger, undoes.map(|past| past.run.clone()).collect())?;
    let mut taken_back = taken_back(&undoes);
    for past in &mut runs {
        past.taken_back = taken_back.remove(&past.run);
        if past.resumable && past.taken_back.is_none() {
            match lost_by_now((&store, &ledger), &past.run, &undoes) {
                Ok(lost) => past.lost = lost,
                Err(error) if error.is_of_one_run() => {
                    past.resumable = false;
                    past.damage.get_or_insert(said_of(&error));
                }
                Err(error) => return Err(error),
            }
        }
    }
    let begun: BTreeSet<RunId> = runs.iter().map(|past| past.run.clone()).collect();
    let queued = store.queued()?.into_iter().filter(|run| !begun.contains(run));
    runs.extend(queued.map(|run| waiting_run(&ledger, run)));
    runs.sort_by(|one, other| other.run.cmp(&one.run));
    Ok(runs)
}

/// What is wrong with a run, beside its id.
fn said_of(error: &AgainError) -> String {
    match error {
        AgainError::Store(StoreError::DamagedRun { problem, .. }) => problem.clone(),
        error => error.to_string(),
    }
}

/// One of the queue that has not begun. What nobody here has put there has no name.
fn waiting_run(ledger: &Ledger, run: RunId) -> PastRun {
    let record = ledger.begun(run.as_str());
    let damage = record.as_ref().err().map(ToString::to_string);
    let started_here = !matches!(record, Ok(None));
    let plan = record.ok().flatten().and_then(|record| plan_of(&record, &run).ok());
    let graph = plan.map(|plan| plan.name.clone()).unwrap_or_default();
    PastRun { damage, started_here, ..PastRun::standing(run, "queued", graph) }
}

/// When a run was begun, or put into the queue, by its id. RFC 3339.
pub(super) fn began(run: &RunId) -> String {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(run.millis()) * 1_000_000).ok();
    time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_default()
}

/// One of them; none where it was removed meanwhile.
fn past_run(place: &Place, store: &Store, ledger: &Ledger, run: RunId) -> Option<PastRun> {
    let facts = store.run(&run).ok()?;
    let ends = match store.ends(&run) {
        Err(error) if !error.is_damage() => return None,
        Err(error) => Err(said_of(&error.into())),
        Ok(ends) => ends
            .and_then(|(first, last)| Some((Envelope::parse(&first)?.0, Envelope::parse(&last)?.0)))
            .ok_or_else(|| "its first or its last line is no event".to_owned()),
    };
    let (mut first, last) = match ends {
        Ok(ends) => ends,
        Err(damage) => {
            let damaged = PastRun::standing(run, "damaged", String::new());
            return Some(PastRun { damage: Some(damage), ..damaged });
        }
    };
    let started = first.ts.clone();
    // a payload that is gone takes the name with it, and no more
    let _ = first.move_in(|digest| store.blobs().get(digest));
    let graph = first.data.get("facts").and_then(|facts| facts.get("graph")?.as_str()).unwrap_or_default();
    let (begun, reached) = (ledger.begun(run.as_str()), ledger.reached(run.as_str()));
    let mut damage = begun.as_ref().err().or(reached.as_ref().err()).map(ToString::to_string);
    let started_here = !matches!(begun, Ok(None));
    let discord = reached.is_ok_and(|head| head.is_some_and(|head| head.discord.is_some()));
    let unheard = !facts.busy && is_unheard(ledger, &run, last.seq);
    let status = match last.kind.as_str() {
        // what it says of its end is not what the runner did, or nobody knows yet whether it is
        _ if discord || unheard => "interrupted",
        "run.finished" => last.data.get("status").and_then(Value::as_str).unwrap_or("failed"),
        _ if facts.busy => "running",
        "run.suspended" => "suspended",
        _ => "interrupted",
    };
    let resumable = match status {
        _ if facts.durability == Durability::None || damage.is_some() => false,
        "suspended" => matches!(begun, Ok(Some(_))),
        // a call that may have changed something is not made again
        "interrupted" => match standing_run(place, &run) {
            Ok(again) => again.resumable().is_ok(),
            Err(error) => {
                damage = error.is_damage().then(|| said_of(&error));
                false
            }
        },
        _ => false,
    };
    let past = PastRun::standing(run, status, graph.to_owned());
    Some(PastRun { started, resumable, damage, started_here, ..past })
}
