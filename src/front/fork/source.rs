//! Does what a run took over from an earlier one still stand? What that one changed may have been taken back since, and a
//! run that goes on goes on as if it were there.

use std::collections::BTreeMap;

use crate::effect::{Footprint, LeftFile, ToolResult};
use crate::ledger::Ledger;
use crate::store::{RunId, Store};
use crate::trace::Envelope;

use super::results::{footprints, note_files};
use crate::front::origin::{Origin, sources};
use crate::front::undo::{StandingUndo, events, results_in, standing_undoes};
use crate::front::{AgainError, Place};

/// Files by path, as patches left them.
type Left = BTreeMap<String, Option<LeftFile>>;

/// An earlier run whose changes one has taken over, and that was taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostSource {
    /// The earlier run.
    pub of: RunId,
    /// The run that took it back.
    pub by: RunId,
}

impl LostSource {
    /// In words, behind `what it took over`.
    pub fn words(&self) -> String {
        format!("from {} was taken back by {}", self.of, self.by)
    }
}

/// The earlier run that was taken back so that not all of `left` stands, which `run` has taken over, or may.
pub fn lost_source(
    place: &Place,
    run: &RunId,
    left: &BTreeMap<String, Option<LeftFile>>,
) -> Result<Option<LostSource>, AgainError> {
    let store = place.runs()?;
    let ledger = Ledger::open(&place.state, &store.id())?;
    if left.is_empty() {
        return Ok(None);
    }
    let undoes = standing_undoes(&store, &ledger, store.runs()?)?;
    lost((&store, &ledger), run, left, &undoes)
}

/// The same of what a run has taken over by now, as its trace tells.
pub(in crate::front) fn lost_by_now(
    (store, ledger): (&Store, &Ledger),
    run: &RunId,
    undoes: &[StandingUndo],
) -> Result<Option<LostSource>, AgainError> {
    if undoes.is_empty() || Origin::of(store, ledger, run).forked.is_none() {
        return Ok(None);
    }
    let left = left_by((store, ledger), run, |result| result.recalled.is_some())?;
    lost((store, ledger), run, &left, undoes)
}

fn lost(
    (store, ledger): (&Store, &Ledger),
    run: &RunId,
    left: &Left,
    undoes: &[StandingUndo],
) -> Result<Option<LostSource>, AgainError> {
    let differs = |undone: &StandingUndo| -> Result<bool, AgainError> {
        let told =
            if undone.ended { left_by((store, ledger), &undone.by, |_| true) } else { Ok(Left::new()) };
        match told {
            Ok(now) if undone.ended => {
                Ok(now.iter().any(|(path, now)| left.get(path).is_some_and(|then| then != now)))
            }
            Err(error) if !error.is_of_one_run() => Err(error),
            // nobody knows what it has taken back
            _ => Ok(!left.is_empty()),
        }
    };
    for source in sources(store, ledger, run) {
        for undone in undoes.iter().filter(|undone| undone.of == source) {
            if differs(undone)? {
                return Ok(Some(LostSource { of: source, by: undone.by.clone() }));
            }
        }
    }
    Ok(None)
}

/// What the runs changed that `run`, which has `told`, was forked from, the last first. One that took nothing over began with the
/// workspace as it stood, and what was before is none of it.
pub(super) fn earlier(
    place: &Place,
    run: &RunId,
    told: &[Envelope],
) -> Result<Vec<(String, Vec<Footprint>)>, AgainError> {
    let store = place.runs()?;
    let ledger = Ledger::open(&place.state, &store.id())?;
    let (mut did, mut found) = (footprints(run, told), Vec::new());
    for source in sources(&store, &ledger, run) {
        if !did.iter().any(|did| did.recalled) {
            break;
        }
        did = footprints(&source, &events((&store, &ledger), &source)?);
        let changes = did.iter().filter(|did| !did.files.is_empty()).cloned().collect();
        found.push((source.to_string(), changes));
    }
    Ok(found)
}

/// What the patches of a run that are meant have left; one that was only tried left nothing.
fn left_by(
    place: (&Store, &Ledger),
    run: &RunId,
    is_meant: impl Fn(&ToolResult) -> bool,
) -> Result<Left, AgainError> {
    let mut left = Left::new();
    for (_, input, result) in results_in(events(place, run)?.iter()) {
        let dry = input.is_some_and(|input| input["dry_run"] == true);
        let result: Option<ToolResult> = serde_json::from_value(result.clone()).ok();
        if let Some(result) = result.filter(|result| !dry && is_meant(result)) {
            note_files(&result, &mut left);
        }
    }
    Ok(left)
}
