//! `lgflow runs fork`: a run that takes over what an earlier one came to, up to a node, and executes the rest.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::diag::{Diagnostics, suggestion};
use crate::front::{
    Again, Fork, ForkError, Named, Place, TakenOver, Task, choose, fork, given_inputs, in_use, layers,
    named_as_then, settings, stored_run,
};
use crate::plan::Plan;
use crate::source::Sources;
use crate::store::RunId;
use crate::view::escaped;

use super::Exit;
use super::inputs::GivenInputs;
use super::output::Output;
use super::problem::Problem;
use super::run::{carry_out, limits, profile_flag, revision};
use super::runs::{problem, run_id};
use super::task::{demanded_again, graph_again, named_again, task};
use super::validate::print_instead;
use super::watch_args::WatchArgs;

/// Arguments of `lgflow runs fork`.
#[derive(Debug, Args)]
pub(super) struct ForkArgs {
    /// The run's id
    #[arg(value_name = "RUN")]
    run: String,
    /// Execute this node and all that comes from it: `node`, or `node[2]` from its second iteration on
    #[arg(long, value_name = "NODE")]
    from: String,
    /// An input in place of the earlier run's
    #[arg(short, long = "input", value_name = "KEY=VALUE")]
    inputs: Vec<String>,
    /// The graph file; without one, the earlier run's
    #[arg(short, long, value_name = "GRAPH")]
    graph: Option<PathBuf>,
    /// Write the trace to `artifacts/runs/` as well
    #[arg(long)]
    trace: bool,
    #[command(flatten)]
    told: WatchArgs,
}

pub(super) fn fork_run(place: &Place, args: &ForkArgs, output: Output) -> Result<Exit, Problem> {
    let run = run_id(&args.run)?;
    let again = stored_run(place, &run).map_err(|error| problem(&error))?;
    let used = in_use(place, &run).map_err(|error| problem(&error))?;
    used.map_or(Ok(()), |used| Err(Problem::with(Exit::Failed, "not forked", used.to_string())))?;
    takes_nothing_back(&run, &again)?;
    let base = again.record.base.as_ref().map(|base| base.commit.as_str());
    let held = revision(base, place)?;
    let place = place.decided_by(held.as_ref());
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let task = prepared(&place, args, (&run, &again), &mut sources, &mut found);
    if found.has_errors() {
        print_instead(&sources, &found, output);
        return Ok(Exit::Invalid);
    }
    let Some(task) = task? else { return Ok(Exit::Invalid) };
    if let Some(there) = again.changed_elsewhere(&place, &run).map_err(|error| problem(&error))? {
        output.note(&format!(
            "the run `{run}` was made by the runner at {}, in its workspace; what is not taken over is done here\n",
            escaped(there)
        ));
    }
    carry_out(&task, output)
}

/// A run that took another one back has no results that a run could begin with; what it names is the graph of the other.
fn takes_nothing_back(run: &RunId, again: &Again) -> Result<(), Problem> {
    let Some(of) = &again.record.undoes else { return Ok(()) };
    let of = escaped(of);
    Err(Problem::usage(format!(
        "the run `{run}` took back what the run `{of}` had changed, and there is nothing in it to go on from; fork `{of}`, or take \
         `{run}` back (`lgflow runs undo {run}`)"
    )))
}

fn prepared<'a>(
    place: &'a Place,
    args: &ForkArgs,
    (run, again): (&RunId, &Again),
    sources: &mut Sources,
    found: &mut Diagnostics,
) -> Result<Option<Task<'a>>, Problem> {
    let failed = |error: &dyn std::error::Error| Problem::failed("cannot begin", error);
    let record = &again.record;
    let flags = profile_flag(record.profile.as_deref()).into_iter().chain(args.told.flags()).collect();
    let settings = settings(place, flags, sources, found).map_err(|error| failed(&error))?;
    let graph = args.graph.clone().or_else(|| graph_again(place, record));
    let chosen = choose(place, graph.as_deref(), sources, found)
        .map_err(|error| Problem::prepare("cannot begin", &error))?;
    let Some(chosen) = chosen else { return Ok(None) };
    let demanded = demanded_again(record, &settings)?;
    let bound = layers(place, Some(&chosen), demanded, sources, found)
        .map_err(|error| Problem::prepare("cannot begin", &error))?;
    if let Some(refusal) = bound.refusal() {
        return Err(Problem::with(Exit::Denied, "denied by policy", refusal));
    }
    let bound = named_as_then(&record.layers, bound.layers);
    let plan = chosen.plan.bounded(&limits(&settings));
    let inputs = inputs(args, (run, again), &plan, &chosen.name)?;
    let fork =
        fork(place, (run, again), (&plan, &bound), &args.from).map_err(|error| refused(&error, &plan))?;
    let named = args.graph.as_ref().map(std::path::absolute).transpose();
    let named = named.map_err(|error| failed(&error))?;
    Ok(Some(Task {
        fork: Some(fork),
        inputs,
        trace: args.trace,
        named: Named { graph: named.or_else(|| record.graph.clone()), ..named_again(record) },
        ..task(place, &settings, (plan, chosen.bundle), bound)
    }))
}

/// The earlier run's inputs, as far as the graph has them still, with those that were given in their place.
fn inputs(
    args: &ForkArgs,
    (run, again): (&RunId, &Again),
    plan: &Plan,
    name: &str,
) -> Result<Value, Problem> {
    let known = |input: &str| plan.inputs.iter().any(|own| own.name.as_str() == input);
    let (mut kept, mut lost) = given_inputs(again);
    kept.retain(|input, _| known(input));
    let typed: Vec<&str> =
        args.inputs.iter().filter_map(|input| Some(input.split_once('=')?.0.trim())).collect();
    lost.retain(|input| known(input) && !typed.contains(&input.as_str()));
    if !lost.is_empty() {
        let lost: Vec<String> = lost.iter().map(|input| format!("`{}`", escaped(input))).collect();
        let detail = format!(
            "a redaction pattern took something out of the inputs of the run `{run}`, and what it was is not on record; give them with \
             `-i`: {}",
            lost.join(", ")
        );
        return Err(Problem::with(Exit::Failed, "not forked", detail));
    }
    GivenInputs { inputs: &args.inputs, kept }.bind(plan, name)
}

/// A run that cannot be forked so, with what to write instead.
pub(super) fn refused(error: &ForkError, plan: &Plan) -> Problem {
    match error {
        ForkError::Again(error) => problem(error),
        ForkError::NoNode(node) => {
            let help = suggestion(node, plan.nodes.iter().map(|node| node.id.as_str()));
            let help = help.map(|help| format!("; {help}")).unwrap_or_default();
            Problem::usage(format!("{}{help}", escaped(&error.to_string())))
        }
        ForkError::NoPoint(_)
        | ForkError::Inner(_)
        | ForkError::NoLoop { .. }
        | ForkError::NoIteration { .. } => Problem::usage(escaped(&error.to_string())),
    }
}

/// What a forked run took over, for its document.
pub(super) fn forked_document(fork: &Fork, nodes: &[TakenOver]) -> Value {
    let nodes: Vec<Value> = nodes
        .iter()
        .map(|node| json!({ "node": node.node, "reused": node.reused, "made": node.made, "why": node.why }))
        .collect();
    json!({ "run": fork.run.as_str(), "from": fork.from, "nodes": nodes })
}

/// The same, a line for each node.
pub(super) fn forked_lines(fork: &Fork, nodes: &[TakenOver]) -> Vec<String> {
    let mut lines = vec![format!("forked from {} at `{}`", fork.run, escaped(&fork.from))];
    for node in nodes {
        let mut line = format!("{}: {} reused", escaped(&node.node), node.reused);
        if let Some(why) = &node.why {
            // writing to a String cannot fail
            let _ = write!(line, ", {} made: {}", node.made, escaped(why));
        }
        lines.push(line);
    }
    lines
}
