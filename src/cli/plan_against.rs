//! `lgflow plan --against`: this plan and another one, and what differs. Starts no process and changes nothing.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::front::{Place, plan_document_of};
use crate::packs::RevisionFolder;
use crate::view::escaped;
use crate::view::plan_difference::{compare, plan_difference_document, plan_difference_text};

use super::Exit;
use super::held::unfit;
use super::output::Output;
use super::plan::{PlanArgs, Side, as_trusted};
use super::problem::Problem;
use super::trust::here;

/// A plan and the name to show it by.
type Named = (String, Value);

pub(super) fn compared(args: &PlanArgs, against: &Path, output: Output) -> Result<Exit, Problem> {
    if !args.given.is_empty() {
        return Err(Problem::usage(
            "`--against` compares plans whatever their inputs are; leave the inputs out",
        ));
    }
    let here = here()?;
    let Some((name, after)) = as_trusted(args, &here, args.graph.as_deref(), Side::Own, output)? else {
        return Ok(Exit::Invalid);
    };
    let Some((other, before)) = other(args, against, &here, output)? else { return Ok(Exit::Invalid) };
    let difference = compare(&before, &after);
    output.either(
        || plan_difference_text(&difference, &other, &name),
        || plan_difference_document(&difference, (&other, &before), (&name, &after)),
    );
    Ok(if args.deny_widening && difference.widens() { Exit::Denied } else { Exit::Done })
}

/// The plan to compare with: a plan's file, a graph's file, or what a revision has in place of the graph.
fn other(args: &PlanArgs, against: &Path, here: &Place, output: Output) -> Result<Option<Named>, Problem> {
    let shown = against.display().to_string();
    // whatever has this name, a file is what a person sees
    if against.is_file() {
        return match plan_document_of(against).map_err(|error| unfit(&error))? {
            Some(plan) => Ok(Some((shown, plan))),
            None => as_trusted(args, here, Some(against), Side::Other, output),
        };
    }
    let instead = "name a graph file, or a plan that `lgflow plan -o` has written";
    let held = RevisionFolder::read(&here.state, &here.root, &shown)
        .map_err(|error| Problem::revision(&error, instead))?;
    let place = here.decided_by(Some(&held));
    let graph = args.graph.as_deref().map(|graph| beneath_own(here, graph)).transpose()?;
    as_trusted(args, &place, graph.as_deref(), Side::Other, output)
}

/// The graph's path beneath `.lg`, which is all that is read of a revision.
fn beneath_own(here: &Place, graph: &Path) -> Result<PathBuf, Problem> {
    let whole = graph.canonicalize().ok();
    let beneath = whole.as_deref().and_then(|whole| whole.strip_prefix(here.root.join(".lg")).ok());
    beneath.map(Path::to_path_buf).ok_or_else(|| {
        Problem::usage(format!(
            "`{}` is not beneath `.lg`, and nothing else is read of a revision; write the plan there with `lgflow plan \
             -g … -o FILE`, and compare with that file",
            escaped(&graph.display().to_string())
        ))
    })
}
