//! `lgflow runs resume`: going on with a run, if all that it is bound to is as it was.

use std::sync::Arc;

use serde_json::Value;

use crate::compile::check_shipped;
use crate::config::Settings;
use crate::diag::Diagnostics;
use crate::effect::FrozenLayer;
use crate::front::{
    Again, Fork, HearError, LostSource, Place, Resume, TakenBack, Task, UNDO, choose, differences, fork,
    graph_changes, hear, kept_words, layer_changes, layers, layers_of_both, lost_source, past_runs, settings,
    standing_run, stored_run, taken_back_by, taken_back_now, touched,
};
use crate::ledger::RunRecord;
use crate::plan::Plan;
use crate::session::Stored;
use crate::source::Sources;
use crate::store::{Durability, RunId};
use crate::view::escaped;

use super::Exit;
use super::elsewhere::elsewhere_again;
use super::output::Output;
use super::problem::Problem;
use super::run::{carry_out, profile_flag, revision};
use super::runs::{problem, run_id, show};
use super::runs_fork::refused as not_forked;
use super::runs_undo::{layers_of_undo, nothing_running};
use super::task::{demanded_again, graph_again, task};
use super::validate::print_instead;
use super::watch_args::WatchArgs;

/// `lgflow runs resume`.
pub(super) fn resume(place: &Place, run: &RunId, told: &WatchArgs, output: Output) -> Result<Exit, Problem> {
    let again = standing_run(place, run).map_err(|error| problem(&error))?;
    let again = match again.unheard {
        Some(_) if again.is_over() => {
            heard(place, run, &again, output)?;
            return show(place, run, output);
        }
        Some(_) => heard(place, run, &again, output)?,
        None => again,
    };
    let refused =
        |why: String| Problem::failed(format!("the run `{run}` cannot be gone on with"), &Refused(why));
    again.resumable().map_err(|error| refused(error.to_string()))?;
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    // the commit of then, whatever the revision means by now
    let base = again.record.base.as_ref().map(|base| base.commit.as_str());
    let held = revision(base, place)?;
    let decided = place.decided_by(held.as_ref());
    let task = meant(&decided, (run, again), told, &mut sources, &mut found);
    if found.has_errors() {
        print_instead(&sources, &found, output);
        return Ok(Exit::Invalid);
    }
    match task? {
        Some(task) => carry_out(&task, output),
        None => Ok(Exit::Invalid),
    }
}

/// The run, after the runner elsewhere that made its calls was heard. What the trace tells was held against it.
fn heard(place: &Place, run: &RunId, again: &Again, output: Output) -> Result<Again, Problem> {
    let failed = |error: &dyn std::error::Error| {
        Problem::failed(format!("the run `{run}` cannot be gone on with"), error)
    };
    if let Some(there) = elsewhere_again(again.record.elsewhere.as_ref())? {
        let said = hear(place, run, again, &there).map_err(|error| match &error {
            HearError::Again(error) => problem(error),
            error => failed(error),
        })?;
        output.note(&format!("{said}\n"));
    }
    stored_run(place, run).map_err(|error| problem(&error))
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refused(String);

/// The run again, if its graph and its layers are what they were.
pub(super) fn meant<'a>(
    place: &'a Place,
    (run, again): (&RunId, Again),
    told: &WatchArgs,
    sources: &mut Sources,
    found: &mut Diagnostics,
) -> Result<Option<Task<'a>>, Problem> {
    let Again { stored, record, plan, .. } = again;
    if stored.verified.events > 0 && record.undoes.is_none() {
        stands(place, run)?;
    }
    let failed = |error: &dyn std::error::Error| Problem::failed("cannot begin", error);
    let flags = profile_flag(record.profile.as_deref()).into_iter().chain(told.flags()).collect();
    let settings = settings(place, flags, sources, found).map_err(|error| failed(&error))?;
    if record.undoes.is_some() {
        return undo_again(place, run, (stored, record, plan), &settings).map(Some);
    }
    let graph = graph_again(place, &record);
    let chosen = choose(place, graph.as_deref(), sources, found)
        .map_err(|error| Problem::prepare("cannot begin", &error))?;
    let Some(chosen) = chosen else {
        return Ok(None);
    };
    let now = chosen.plan.clone().bounded(&record.limits);
    let differ = differences(&plan.document(), &now.document());
    let graph_changed = (!differ.is_empty() || now.digest != plan.digest).then(|| {
        let changes = graph_changes((&plan, &record.bundle), (&now, &chosen.bundle));
        Changed { what: "its graph has changed", names: if changes.is_empty() { differ } else { changes } }
    });
    let demanded = demanded_again(&record, &settings)?;
    let bound = layers(place, Some(&chosen), demanded, sources, found);
    if let Some(changed) = graph_changed {
        let policies = bound.ok().and_then(|bound| {
            let names = layers_of_both(&record.layers, &bound.layers).err()?;
            Some(policies_changed((&record.layers, &bound.layers), names))
        });
        return Err(bound_to(run, &[Some(changed), policies]));
    }
    let bound = bound.map_err(|error| Problem::prepare("cannot begin", &error))?;
    if let Some(refusal) = bound.refusal() {
        return Err(Problem::with(Exit::Denied, "denied by policy", refusal));
    }
    let layers = layers_of_both(&record.layers, &bound.layers)
        .map_err(|names| bound_to(run, &[Some(policies_changed((&record.layers, &bound.layers), names))]))?;
    let fork = forked_again(place, (run, &record), (&now, &layers))?;
    let began = stored.verified.events > 0;
    let kept = if began { kept_words(place, (run, &record, &plan), &layers) } else { Ok(None) };
    let kept = kept.map_err(|error| problem(&error))?;
    Ok(Some(Task {
        limits: record.limits,
        held: record.held,
        fork,
        inputs: Value::Null,
        durability: Durability::parse(&record.durability).unwrap_or_default(),
        trace: record.trace,
        elsewhere: elsewhere_again(record.elsewhere.as_ref())?,
        resume: Some(Resume { run: run.clone(), state: stored.state, verified: stored.verified, kept }),
        ..task(place, &settings, (now, chosen.bundle), layers)
    }))
}

/// What a run is bound to, and is not as it was.
struct Changed {
    what: &'static str,
    names: Vec<String>,
}

fn policies_changed((then, now): (&[FrozenLayer], &[FrozenLayer]), names: Vec<String>) -> Changed {
    let changes = layer_changes(then, now);
    Changed { what: "its policies have changed", names: if changes.is_empty() { names } else { changes } }
}

/// All of it at once: who puts one thing back need not be told of the next.
fn bound_to(run: &RunId, changed: &[Option<Changed>]) -> Problem {
    let told = changed.iter().flatten().map(|Changed { what, names }| {
        let names: Vec<String> = names.iter().map(|name| format!("  {}", escaped(name))).collect();
        format!("{what} since it was started:\n{}\n", names.join("\n"))
    });
    let told: Vec<String> = told.collect();
    let detail = format!(
        "the run `{run}` cannot be gone on with, because {}put it back, or start a new run",
        told.join("and because ")
    );
    Problem::with(Exit::Failed, "the run is bound to what it was started with", detail)
}

/// Is what the run changed still there? It goes on as if it were.
fn stands(place: &Place, run: &RunId) -> Result<(), Problem> {
    if let Some(now) = taken_back_now(place, run).map_err(|error| problem(&error))? {
        let detail = format!("the run `{run}` cannot be gone on with: {now}");
        return Err(Problem::with(Exit::Failed, "the run is being taken back", detail));
    }
    let taken = taken_back_by(place, run).map_err(|error| problem(&error))?;
    let Some(TakenBack { by: undo, .. }) = taken else { return Ok(()) };
    let broke_off = past_runs(place).map_err(|error| problem(&error))?;
    let broke_off = broke_off.iter().any(|past| past.run == undo && past.status == "interrupted");
    let detail = if broke_off {
        format!(
            "the run `{run}` cannot be gone on with: the run `{undo}` was taking back what it had changed and broke off; take that \
             back first (`lgflow runs undo {undo}`), or let it come to its end (`lgflow runs resume {undo}`) and start a new run"
        )
    } else {
        format!(
            "the run `{run}` cannot be gone on with: what it had changed was taken back by the run `{undo}`; take that back first \
             (`lgflow runs undo {undo}`), or start a new run"
        )
    };
    Err(Problem::with(Exit::Failed, "the run was taken back", detail))
}

/// What a forked run may take over, again: what that leads on from must not have been taken back.
fn forked_again(
    place: &Place,
    (run, record): (&RunId, &RunRecord),
    (plan, layers): (&Plan, &[FrozenLayer]),
) -> Result<Option<Fork>, Problem> {
    let Some(forked) = &record.forked else { return Ok(None) };
    let source = run_id(&forked.run)?;
    let again = stored_run(place, &source).map_err(|error| problem(&error))?;
    let fork = fork(place, (&source, &again), (plan, layers), &forked.from)
        .map_err(|error| not_forked(&error, plan))?;
    let mut fork = fork.gone_on_with(place, run).map_err(|error| problem(&error))?;
    let left = &mut fork.reuse.left;
    if let Some(LostSource { of, by }) = lost_source(place, run, left).map_err(|error| problem(&error))? {
        let detail = format!(
            "the run `{run}` cannot be gone on with: it has taken over what the run `{of}` had changed, and that was taken back by the \
             run `{by}`; take that back first (`lgflow runs undo {by}`), or start a new run"
        );
        return Err(Problem::with(Exit::Failed, "what the run took over was taken back", detail));
    }
    // what it has changed since it began is its own, and nobody knows what its commands have
    let own = touched(place, run, None).map_err(|error| problem(&error))?;
    left.retain(|path, _| {
        own.beyond.is_empty() && !own.files.contains(path) && !own.taken_over.contains(path)
    });
    Ok(Some(fork))
}

/// A run that takes another one back, again: its graph is part of the program.
fn undo_again<'a>(
    place: &'a Place,
    run: &RunId,
    (stored, record, plan): (Stored, RunRecord, Arc<Plan>),
    settings: &Settings,
) -> Result<Task<'a>, Problem> {
    let undoes: Option<RunId> = record.undoes.as_ref().and_then(|run| run.parse().ok());
    undoes.as_ref().map_or(Ok(()), |of| nothing_running(place, of))?;
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let now = check_shipped(UNDO, &mut sources, &mut found).map(|now| now.bounded(&record.limits));
    if now.is_none_or(|now| now.digest != plan.digest) {
        let detail =
            format!("the run `{run}` was begun by another version of lgflow: start `lgflow runs undo` again");
        return Err(Problem::with(Exit::Failed, "the run is bound to what it was started with", detail));
    }
    let layers = layers_of_undo(place, &record, settings)?;
    let kept = kept_words(place, (run, &record, &plan), &layers).map_err(|error| problem(&error))?;
    Ok(Task {
        limits: record.limits,
        undoes,
        inputs: Value::Null,
        durability: Durability::parse(&record.durability).unwrap_or_default(),
        trace: record.trace,
        resume: Some(Resume { run: run.clone(), state: stored.state, verified: stored.verified, kept }),
        ..task(place, settings, (plan, record.bundle), layers)
    })
}
