//! `lgflow runs`: the runs of this workspace, and where each stands.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::front::{
    AgainError, PastRun, Place, TakenBack, past_runs, queued_run, standing_run, unanswerable,
};
use crate::ledger::{Ledger, LedgerError};
use crate::session::StoredError;
use crate::store::{Durability, RunId, StoreError};
use crate::trace::{QuestionId, Summary};
use crate::view::{RunFacts, escaped, question_line, run_document};

use super::Exit;
use super::output::Output;
use super::problem::Problem;
use super::run::exit_of_status;
use super::runs_at::show_at;
use super::runs_diff::{DiffArgs, diff};
use super::runs_foreign::show_foreign;
use super::runs_fork::{ForkArgs, fork_run};
use super::runs_gc::GcArgs;
use super::runs_resume::resume;
use super::runs_undo::{UndoArgs, undo};
use super::trust::here;
use super::watch_args::WatchArgs;

/// Arguments of `lgflow runs`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  lgflow runs list\n  lgflow runs show 01k…\n  lgflow runs resume 01k…    goes on after `lgflow approve`"
)]
pub struct RunsArgs {
    #[command(subcommand)]
    command: RunsCommand,
}

#[derive(Debug, Subcommand)]
enum RunsCommand {
    /// List the runs of this workspace, newest first
    #[command(after_help = "Example:\n  lgflow runs list --format json | jq '.runs[] | select(.resumable)'")]
    List,
    /// Show where a run stands and what it waits for
    #[command(
        after_help = "Examples:\n  lgflow runs show 01k…\n  lgflow runs show 01k… --at 14         as it was behind event 14\n  lgflow runs show 01k… --at 'fix[2]'   as it was when `fix` ended in its second iteration"
    )]
    Show(ShowArgs),
    /// Compare two runs, or traces of some, event by event in what they mean
    #[command(
        after_help = "Examples:\n  lgflow runs diff 01k… 01m…\n  lgflow runs diff 01k… artifacts/runs/run-01m….jsonl\n\nTimes, numbers, hashes, ids and the order in which calls ended are left out. Exit code 0 if the runs mean the same, 1 if they differ, 2 if one is not there, 7 if one does not hold."
    )]
    Diff(DiffArgs),
    /// Start a run that takes over the results of an earlier one and executes the rest from a node on
    #[command(
        after_help = "Examples:\n  lgflow runs fork 01k… --from report\n  lgflow runs fork 01k… --from 'fix[2]' -g edited.yaml -i tries=5\n\nA result is taken over where its node, what it asks and the policy are unchanged; which were, and why others were not, is said. What looks at the workspace behind a change that the fork has made otherwise is made again. The workspace must be as the patches that are taken over left it: `lgflow runs undo RUN --to NODE` takes back what came later."
    )]
    Fork(ForkArgs),
    /// Take back what a run changed in the workspace, all or nothing, as a run of its own
    #[command(
        after_help = "Examples:\n  lgflow runs undo 01k… --dry-run\n  lgflow runs undo 01k…\n  lgflow runs undo 01k… --to fix     what `fix` and all after it changed\n\nThe policy of then and that of now bind it; where they ask, it is suspended (exit code 5) and `lgflow approve` answers. Refused, naming the files, where the workspace has moved on."
    )]
    Undo(UndoArgs),
    /// Remove old runs, and what only they named
    Gc(GcArgs),
    /// Take a run out of the queue
    #[command(
        after_help = "Example:\n  lgflow runs dequeue 01k…\n\nOne that has not begun is forgotten; one that was interrupted can be gone on with by `lgflow runs resume`. Refused while a worker executes it."
    )]
    Dequeue(OneRun),
    /// Go on with a run that is suspended, or was interrupted
    #[command(
        after_help = "Example:\n  lgflow runs resume 01k…\n\nThe graph and its policies must be the ones that it was started with. Exit code 5 if it still waits for an answer."
    )]
    Resume(ResumeArgs),
}

/// Arguments of `lgflow runs show`.
#[derive(Debug, Args)]
struct ShowArgs {
    #[command(flatten)]
    one: OneRun,
    /// Show it as it was: behind the event with this number, or at the end of a node (`node`, `node[2]`, `outer/inner`)
    #[arg(long, value_name = "SEQ|NODE")]
    at: Option<String>,
}

/// Names a run.
#[derive(Debug, Args)]
struct OneRun {
    /// The run's id
    #[arg(value_name = "RUN")]
    run: String,
}

/// Names a run that is gone on with.
#[derive(Debug, Args)]
struct ResumeArgs {
    #[command(flatten)]
    which: OneRun,
    #[command(flatten)]
    told: WatchArgs,
}

pub(super) fn run(args: &RunsArgs, output: Output) -> Result<Exit, Problem> {
    let place = here()?;
    match &args.command {
        RunsCommand::List => list(&place, output),
        RunsCommand::Show(ShowArgs { one, at: None }) => show(&place, &run_id(&one.run)?, output),
        RunsCommand::Show(ShowArgs { one, at: Some(at) }) => show_at(&place, &run_id(&one.run)?, at, output),
        RunsCommand::Diff(args) => diff(args, output),
        RunsCommand::Fork(args) => fork_run(&place, args, output),
        RunsCommand::Gc(args) => super::runs_gc::run(args, &place, output),
        RunsCommand::Dequeue(one) => dequeue(&place, &run_id(&one.run)?, output),
        RunsCommand::Undo(args) => undo(&place, args, output),
        RunsCommand::Resume(args) => resume(&place, &run_id(&args.which.run)?, &args.told, output),
    }
}

/// A run's id, with or without the `run-` of a trace's file.
pub(super) fn run_id(word: &str) -> Result<RunId, Problem> {
    let id = word.trim_start_matches("run-").parse();
    id.map_err(|error| {
        Problem::usage(format!("`{}` is no run: {error}; `lgflow runs list` lists them", escaped(word)))
    })
}

/// A problem with a stored run, with the exit code that it means.
pub(super) fn problem(error: &AgainError) -> Problem {
    let detail = error.to_string();
    match error {
        AgainError::Stored(run, empty @ StoredError::Empty) => {
            let detail = format!("nothing can be made of the run `{run}`: {empty}");
            Problem::with(Exit::Failed, "the run has not begun", detail)
        }
        AgainError::Stored(_, StoredError::Untold { .. }) => {
            Problem::with(Exit::Failed, "the run cannot be gone on with", detail)
        }
        AgainError::OtherTrace(_)
        | AgainError::Unvouched(..)
        | AgainError::Ledger(LedgerError::Altered(_))
        | AgainError::Discord(..)
        | AgainError::Stored(..)
        | AgainError::Foreign(_) => {
            let detail = match std::error::Error::source(error) {
                Some(source) if !detail.contains(&source.to_string()) => format!("{detail}: {source}"),
                _ => detail,
            };
            Problem::with(Exit::Unverified, "the run cannot be believed", detail)
        }
        AgainError::Unheard(..) => Problem::with(Exit::Failed, "the runner was not heard", escaped(&detail)),
        AgainError::Store(error) if error.is_of_one_run() => Problem::store("cannot read the run", error),
        AgainError::Store(error) => Problem::store("cannot read the runs", error),
        _ => Problem::failed("cannot read the run", error),
    }
}

fn list(place: &Place, output: Output) -> Result<Exit, Problem> {
    let runs = past_runs(place).map_err(|error| problem(&error))?;
    let misnamed = place.runs().and_then(|store| store.misnamed());
    let misnamed = misnamed.map_err(|error| problem(&AgainError::Store(error)))?;
    Ok(output.either(|| list_text(&runs, &misnamed), || list_document(&runs, &misnamed)))
}

fn list_text(runs: &[PastRun], misnamed: &[String]) -> String {
    let line = |run: &PastRun| {
        let started = run.started.get(..19).unwrap_or(&run.started);
        let more = match &run.taken_back {
            Some(taken) => format!("  {}", taken.words()),
            None => match &run.lost {
                Some(lost) => format!("  what it took over {}", lost.words()),
                None if run.resumable => "  resumable".to_owned(),
                None => String::new(),
            },
        };
        let word = if run.status == "damaged" { "" } else { "damaged: " };
        let damage = run.damage.as_ref().map(|how| format!("  {word}{}", escaped(how)));
        let damage = damage.unwrap_or_default();
        let whose = if run.started_here { "" } else { "  of another installation" };
        format!("{}  {started}  {:<13}  {}{more}{whose}{damage}\n", run.run, run.status, escaped(&run.graph))
    };
    let text: String = runs.iter().map(line).collect();
    let odd = |name: &String| format!("`{}`  damaged: no run has such an id\n", escaped(name));
    text + &misnamed.iter().map(odd).collect::<String>()
}

fn list_document(runs: &[PastRun], misnamed: &[String]) -> Value {
    let row = |run: &PastRun| {
        json!({
            "run": run.run.as_str(),
            "status": run.status,
            "graph": run.graph,
            "started": run.started,
            "resumable": run.resumable && run.stands(),
            "taken_back_by": run.taken_back.as_ref().map(|taken| taken.by.as_str()),
            "taken_back_from": run.taken_back.as_ref().and_then(|taken| taken.from.as_deref()),
            "source_taken_back_by": run.lost.as_ref().map(|lost| lost.by.as_str()),
            "damage": run.damage,
            "started_here": run.started_here,
        })
    };
    json!({
        "schema": "lgflow.runs/v1",
        "runs": runs.iter().map(row).collect::<Vec<_>>(),
        "misnamed": misnamed,
    })
}

fn dequeue(place: &Place, run: &RunId, output: Output) -> Result<Exit, Problem> {
    let failed =
        |error: &dyn std::error::Error| Problem::failed("cannot take the run out of the queue", error);
    let store = place.runs().map_err(|error| failed(&error))?;
    if !store.dequeue(run).map_err(|error| failed(&error))? {
        return Err(Problem::usage(format!(
            "the run `{run}` is not in the queue; `lgflow runs list` says what is"
        )));
    }
    let ledger = Ledger::open(&place.state, &store.id()).map_err(|error| failed(&error))?;
    let whose = if ledger.knows(run.as_str()) { "" } else { ", where another installation had put it" };
    if !store.knows(run).map_err(|error| failed(&error))? {
        ledger.forget_run(run.as_str()).map_err(|error| failed(&error))?;
    }
    let document = || json!({ "schema": "lgflow.queued/v1", "run": run.as_str(), "queued": false });
    Ok(output.either(|| format!("{run} is not in the queue any more{whose}\n"), document))
}

pub(super) fn show(place: &Place, run: &RunId, output: Output) -> Result<Exit, Problem> {
    let past = past_runs(place).map_err(|error| problem(&error))?.into_iter().find(|past| past.run == *run);
    let again = match standing_run(place, run) {
        Err(AgainError::Foreign(_)) => return show_foreign(run, past.as_ref(), output),
        Err(AgainError::Store(waits @ StoreError::Waits(_))) => {
            let queued = queued_run(place, run).map_err(|error| problem(&error))?;
            queued.ok_or_else(|| problem(&AgainError::Store(waits)))?
        }
        again => again.map_err(|error| problem(&error))?,
    };
    let summary = again.stored.state.summary();
    let status = past.as_ref().map_or("interrupted", |past| past.status.as_str());
    let facts = RunFacts {
        run: run.as_str(),
        status,
        exit_code: exit_of_status(summary.status, &summary).code(),
        graph: &again.plan.name,
        graph_digest: again.plan.digest.to_string(),
        trace: None,
    };
    let undone = past.as_ref().and_then(|past| past.taken_back.clone());
    // what waits and was kept in memory alone waits for ever
    let keeps = summary.waiting.is_empty() || again.record.durability != Durability::None.as_str();
    let lost = unanswerable(place, run, &summary.waiting).map_err(|error| problem(&error))?;
    Ok(output.either(
        || {
            let heard = again.unheard.as_ref().map(|unheard| format!("{}\n", escaped(&unheard.to_string())));
            let text = show_text(&summary, (&facts, past.as_ref()), (&lost, keeps, undone.as_ref()));
            heard.unwrap_or_default() + &text
        },
        || {
            let mut document = run_document(&summary, &facts);
            if let Some(taken) = &undone {
                document["taken_back_by"] = taken.by.as_str().into();
                document["taken_back_from"] = taken.from.as_deref().into();
            }
            document
        },
    ))
}

pub(super) fn show_text(
    summary: &Summary,
    (facts, past): (&RunFacts<'_>, Option<&PastRun>),
    (lost, keeps, undone): (&[QuestionId], bool, Option<&TakenBack>),
) -> String {
    use std::fmt::Write as _;
    let mut text =
        format!("run      {}\nstatus   {}\ngraph    {}\n", facts.run, facts.status, escaped(facts.graph));
    // writing to a String cannot fail
    if let Some(past) = past {
        let _ = writeln!(text, "started  {}", past.started);
    }
    if let Some(taken) = undone {
        let _ = writeln!(text, "what it changed was {}", taken.words());
    }
    for (id, node) in &summary.nodes {
        let status = match node.status {
            Some(status) => status.as_str(),
            None if !node.under_way => "-",
            None if facts.status == "running" => "running",
            None => "open",
        };
        let why = node.error.as_ref().map(|error| format!("  {}: {}", error.kind, escaped(&error.message)));
        let _ = writeln!(text, "  {:<24} {status}{}", escaped(id), why.unwrap_or_default());
    }
    for open in &summary.waiting {
        let _ = writeln!(text, "{}", question_line(open));
        if lost.contains(&open.id) {
            let _ = writeln!(text, "  {}", lost_text(facts.run, open.id));
        }
    }
    if !keeps {
        text.push_str("it was run with durability `none`, so it cannot be answered or gone on with\n");
    } else if summary.waiting.len() > lost.len() {
        let _ = writeln!(text, "answer with `lgflow approve {0}` or `lgflow reject {0}`", facts.run);
    }
    if facts.status == "queued" {
        text.push_str("`lgflow worker` executes it, `lgflow runs dequeue` takes it out of the queue\n");
    }
    if let Some(lost) = past.and_then(|past| past.lost.as_ref()) {
        let _ = writeln!(text, "what it took over {}", lost.words());
    }
    if let Some(damage) = past.and_then(|past| past.damage.as_ref()) {
        let _ = writeln!(text, "damaged  {}", escaped(damage));
    }
    if past.is_some_and(|past| past.resumable && past.stands()) {
        let _ = writeln!(text, "go on with `lgflow runs resume {}`", facts.run);
    }
    text
}

/// What can be done about a question that nobody can approve any more.
pub(super) fn lost_text(run: &str, question: QuestionId) -> String {
    format!(
        "what the runner asked is not on record any more, or was altered, so nobody can approve it: `lgflow reject {run} \
         {}` refuses the call, then `lgflow runs resume {run}` goes on without it; or start a new run",
        question.0
    )
}
