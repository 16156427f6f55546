//! `lgflow runs undo`: what a run changed is taken back by a run of its own, under the policy of then and of now.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use crate::compile::{check_shipped, shipped_bundle};
use crate::config::Settings;
use crate::diag::Diagnostics;
use crate::effect::{ErrorKind, FrozenLayer, ToolCall, ToolResult, named_iteration};
use crate::front::{
    Again, Demanded, Place, START, Task, Touched, UNDO, bound_by_both, call_tool, choose, gone_from,
    in_use_by_any, layers, settings, stored_run, touched,
};
use crate::ledger::RunRecord;
use crate::source::Sources;
use crate::store::RunId;
use crate::view::escaped;

use super::Exit;
use super::output::Output;
use super::problem::Problem;
use super::run::{carry_out, limits, profile_flag, revision};
use super::runs::{problem, run_id};
use super::task::{demanded_again, graph_again, named_again, task};
use super::tool::typed;
use super::watch_args::WatchArgs;

/// Arguments of `lgflow runs undo`.
#[derive(Debug, Args)]
pub(super) struct UndoArgs {
    /// The run's id
    #[arg(value_name = "RUN")]
    run: String,
    /// Take back this node's first change that still stands (`fix[2]`: of its second iteration) and all that came after it, not the
    /// whole run
    #[arg(long, value_name = "NODE")]
    to: Option<String>,
    /// Say what would be taken back, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Write the trace to `artifacts/runs/` as well
    #[arg(long, conflicts_with = "dry_run")]
    trace: bool,
    #[command(flatten)]
    told: WatchArgs,
}

pub(super) fn undo(place: &Place, args: &UndoArgs, output: Output) -> Result<Exit, Problem> {
    let run = run_id(&args.run)?;
    let again = stored_run(place, &run).map_err(|error| problem(&error))?;
    changed_here(place, &run, &again)?;
    nothing_running(place, &run)?;
    check_node(&again, args.to.as_deref())?;
    still_stands(place, &run, args.to.as_deref())?;
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let profile = profile_flag(again.record.profile.as_deref());
    let flags = profile.into_iter().chain(args.told.flags()).collect();
    let settings = settings(place, flags, &mut sources, &mut found)
        .map_err(|error| Problem::failed("cannot begin", &error))?;
    let base = again.record.base.as_ref().map(|base| base.commit.as_str());
    // a commit that is gone is as good as none: what bound the run then binds it now
    let held = revision(base, place).ok().flatten();
    let place = &place.decided_by(held.as_ref());
    let layers = layers_of_undo(place, &again.record, &settings)?;
    let touched = touched(place, &run, args.to.as_deref()).map_err(|error| problem(&error))?;
    let what = Undo { place, run: &run, to: args.to.as_deref().unwrap_or(START), touched: &touched };
    if args.dry_run {
        what.foresee(layers, &settings, output)
    } else {
        what.take_back(layers, &settings, (&again.record, args.trace), output)
    }
}

/// What it changed must lie in this workspace.
fn changed_here(place: &Place, run: &RunId, again: &Again) -> Result<(), Problem> {
    let there = again.changed_elsewhere(place, run).map_err(|error| problem(&error))?;
    let Some(there) = there else { return Ok(()) };
    let detail = format!(
        "the patches of the run `{run}` were made by the runner at {}, in its workspace, and nothing of them lies here; take back there \
         what is to be taken back, with a patch or by version control",
        escaped(there)
    );
    Err(Problem::with(Exit::Failed, "not taken back", detail))
}

/// A run is not taken back while it, or one that has taken over what it changed, goes on, nor while another takes it back.
pub(super) fn nothing_running(place: &Place, run: &RunId) -> Result<(), Problem> {
    let found = in_use_by_any(place, run).map_err(|error| problem(&error))?;
    found.map_or(Ok(()), |found| Err(Problem::with(Exit::Failed, "not taken back", found.to_string())))
}

/// Of what was taken back already nothing stands that could be taken back again: a file may be there once more that a later
/// node of the run had made.
fn still_stands(place: &Place, run: &RunId, to: Option<&str>) -> Result<(), Problem> {
    let Some(to) = to.filter(|to| *to != START) else { return Ok(()) };
    let gone = gone_from(place, run, to).map_err(|error| problem(&error))?;
    let Some(gone) = gone else { return Ok(()) };
    let detail = format!(
        "nothing stands any more of what the run `{run}` changed from `{}` on: it was {}; `lgflow runs undo {}` brings it again",
        escaped(to),
        gone.words(),
        gone.by
    );
    Err(Problem::with(Exit::Failed, "not taken back", detail))
}

fn check_node(again: &Again, to: Option<&str>) -> Result<(), Problem> {
    let ids: Vec<&str> = again.plan.nodes.iter().map(|node| node.id.as_str()).collect();
    // a node of a subgraph is known to the runner by the changes that it made
    let Some(to) = to.filter(|to| !to.contains('/') && !ids.contains(to)) else { return Ok(()) };
    if let Some((node, iteration)) = named_iteration(to).filter(|(_, iteration)| !iteration.is_empty()) {
        let known = again.plan.nodes.iter().find(|known| known.id.as_str() == node);
        match known.map(|known| known.loops.len()) {
            Some(loops) if iteration.len() <= loops => return Ok(()),
            Some(_) => {
                return Err(Problem::usage(format!(
                    "`{}` names an iteration of more loops than are around the node: write `--to {node}`",
                    escaped(to)
                )));
            }
            None => {}
        }
    }
    let help = crate::diag::suggestion(to, ids).map(|help| format!("; {help}")).unwrap_or_default();
    Err(Problem::usage(format!("the graph has no node `{}`{help}", escaped(to))))
}

/// What binds taking a run back: its own layers, and as ceilings those that would bind a run of its graph by now. Where its
/// graph or its policies cannot be read any more, those of the machine and the user, and `builtin:contained`.
pub(super) fn layers_of_undo(
    place: &Place,
    record: &RunRecord,
    settings: &Settings,
) -> Result<Vec<FrozenLayer>, Problem> {
    let gone = |path: &&PathBuf| path.is_absolute() && !path.exists();
    let known =
        !record.policies.iter().any(|path| gone(&path)) && record.base.is_some() == place.base.is_some();
    let demanded = demanded_again(record, settings)?;
    let of_graph = known.then(|| {
        let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
        let graph = graph_again(place, record);
        let chosen = choose(place, graph.as_deref(), &mut sources, &mut found).ok().flatten()?;
        let bound = layers(place, Some(&chosen), demanded, &mut sources, &mut found).ok()?;
        (!found.has_errors()).then_some(bound.layers)
    });
    let now = match of_graph.flatten() {
        Some(now) => now,
        None => {
            let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
            let demanded = Demanded { policies: &[], ..demanded };
            let bound = layers(place, None, demanded, &mut sources, &mut found);
            bound.map_err(|error| Problem::prepare("cannot begin", &error))?.layers
        }
    };
    Ok(bound_by_both(&record.layers, &now))
}

/// A run that is to be taken back.
struct Undo<'a> {
    place: &'a Place,
    run: &'a RunId,
    to: &'a str,
    touched: &'a Touched,
}

impl Undo<'_> {
    /// One run of the shipped graph, on record like any other.
    fn take_back(
        &self,
        layers: Vec<FrozenLayer>,
        settings: &Settings,
        (record, trace): (&RunRecord, bool),
        output: Output,
    ) -> Result<Exit, Problem> {
        let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
        let plan = check_shipped(UNDO, &mut sources, &mut found);
        let (Some(plan), Some(bundle)) = (plan, shipped_bundle(UNDO)) else {
            return Err(Problem::bug("the shipped graph `undo` cannot be compiled"));
        };
        let plan = plan.bounded(&limits(settings));
        let task = Task {
            undoes: Some(self.run.clone()),
            inputs: json!({ "of": self.run.as_str(), "to": self.to, "beyond": self.touched.beyond }),
            trace,
            // what is to bind taking this back, in its turn
            named: named_again(record),
            ..task(self.place, settings, (plan, bundle), layers)
        };
        carry_out(&task, output)
    }

    /// The same call as a dry run, on no record.
    fn foresee(
        &self,
        layers: Vec<FrozenLayer>,
        settings: &Settings,
        output: Output,
    ) -> Result<Exit, Problem> {
        let input = json!({ "undo": { "run": self.run.as_str(), "to": self.to }, "dry_run": true });
        let call = typed(ToolCall::new("apply_patch", input));
        let declared = settings.declared().clone();
        let program = Path::new("/proc/self/exe");
        let result = call_tool(self.place, layers, declared, call, Some(self.run), program)
            .map_err(|error| Problem::failed("cannot begin", &error))?;
        let kind = result.error.as_ref().map(|error| &error.kind);
        let exit = match kind {
            None | Some(ErrorKind::ApprovalRequired) => Exit::Done,
            Some(ErrorKind::Denied) => Exit::Denied,
            Some(_) => Exit::Failed,
        };
        output.either(|| self.foreseen_text(&result), || self.foreseen_document(&result));
        Ok(exit)
    }

    fn foreseen_text(&self, result: &ToolResult) -> String {
        let mut text = match &result.error {
            None => files_text("would take back", &result.output["files"]),
            Some(error) if error.kind == ErrorKind::ApprovalRequired => {
                let files: Vec<String> = self.touched.files.iter().map(|path| escaped(path)).collect();
                format!(
                    "the policy asks first ({}); what stands there is looked at when it does\nits patches touched:\n  {}\n",
                    escaped(&error.message),
                    files.join("\n  ")
                )
            }
            Some(error) => format!("would fail: {}: {}\n", error.kind, escaped(&error.message)),
        };
        beyond_text(&self.touched.beyond, &mut text);
        text
    }

    fn foreseen_document(&self, result: &ToolResult) -> Value {
        let decision = match result.error.as_ref().map(|error| &error.kind) {
            None => "allow",
            Some(ErrorKind::ApprovalRequired) => "ask",
            Some(ErrorKind::Denied) => "deny",
            Some(_) => "fail",
        };
        json!({
            "schema": "lgflow.undo/v1",
            "run": self.run.as_str(),
            "to": self.to,
            "decision": decision,
            "files": result.output.get("files").cloned().unwrap_or_default(),
            "touched": self.touched.files,
            "beyond": self.touched.beyond,
            "error": result.error.as_ref().map(|error| json!({ "kind": error.kind, "message": error.message })),
        })
    }
}

/// What a run that takes another one back has come to.
pub(super) fn undone_text(outputs: &Value) -> String {
    let mut text = files_text("took back", &outputs["files"]);
    let beyond = outputs["beyond"].as_array().into_iter().flatten();
    beyond_text(&beyond.filter_map(|one| Some(one.as_str()?.to_owned())).collect::<Vec<_>>(), &mut text);
    text
}

fn files_text(did: &str, files: &Value) -> String {
    let files = files.as_array().map(Vec::as_slice).unwrap_or_default();
    if files.is_empty() {
        return "nothing to take back: every file that its patches touched is as it was before\n".to_owned();
    }
    let mut text = format!("{did} what was changed in {}:\n", counted(files.len()));
    for file in files {
        let word = |name: &str| file[name].as_str().map(escaped);
        let from = word("from").map(|from| format!("{from} -> ")).unwrap_or_default();
        // writing to a String cannot fail
        let _ = writeln!(
            text,
            "  {:<7} {from}{}",
            word("op").unwrap_or_default(),
            word("path").unwrap_or_default()
        );
    }
    text
}

fn counted(files: usize) -> String {
    if files == 1 { "1 file".to_owned() } else { format!("{files} files") }
}

fn beyond_text(beyond: &[String], text: &mut String) {
    if !beyond.is_empty() {
        *text += "not taken back, for nobody recorded what was there before:\n";
        for one in beyond {
            let _ = writeln!(text, "  {}", escaped(one));
        }
    }
}
