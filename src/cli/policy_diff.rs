//! `lgflow policy diff`: what one policy says that another did not, field by field.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::diag::Diagnostics;
use crate::effect::{FrozenLayer, LayerRole};
use crate::front::{Base, Place, PrepareError, choose, settings};
use crate::ledger::BaseRevision;
use crate::packs::RevisionFolder;
use crate::policy::{CONTAINED, builtin, wider};
use crate::session::given_layers;
use crate::source::Sources;
use crate::view::{DifferenceFacts, difference_document, difference_text};

use super::Exit;
use super::output::Output;
use super::problem::Problem;
use super::trust::here;
use super::validate::{packs_here, print_instead, unreadable};

/// Arguments of `lgflow policy diff`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  lgflow policy diff old.yaml .lg/policy.yaml\n  lgflow policy diff builtin:contained .lg/policy.yaml --deny-widening\n  lgflow policy diff --against origin/main       what this change does to the policies of `.lg/`\n\nWhat a policy includes counts, comments and the order of lines do not. Where it cannot be told whether a change allows more, it counts as if it did. Exit code 0, also where they differ; with `--deny-widening` 4 if the new one allows more; 3 if a file is not valid."
)]
pub(super) struct DiffArgs {
    /// The old policy: a file, or a built-in layer
    #[arg(value_name = "OLD", required_unless_present = "against", requires = "new")]
    old: Option<PathBuf>,
    /// The new policy: a file, or a built-in layer
    #[arg(value_name = "NEW")]
    new: Option<PathBuf>,
    /// Compare the policies that the workspace's graph names with those of a git revision, which are the old ones
    #[arg(long, value_name = "REV", conflicts_with_all = ["old", "new"])]
    against: Option<String>,
    /// Exit with 4 where the new policy allows what the old one did not
    #[arg(long)]
    deny_widening: bool,
}

pub(super) fn run(args: &DiffArgs, output: Output) -> Result<Exit, Problem> {
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let (old, new) = match (&args.against, &args.old, &args.new) {
        (Some(revision), ..) => against(revision, &mut sources, &mut found)?,
        (None, Some(old), Some(new)) => {
            (named(old, &mut sources, &mut found)?, named(new, &mut sources, &mut found)?)
        }
        _ => return Err(Problem::usage("name two policies, or `--against REV`")),
    };
    if found.has_errors() {
        print_instead(&sources, &found, output);
        return Ok(Exit::Invalid);
    }
    compare(&old, &new, args.deny_widening, output)
}

/// A policy with the name to show it by.
struct Side {
    name: String,
    layers: Vec<FrozenLayer>,
}

fn named(path: &Path, sources: &mut Sources, found: &mut Diagnostics) -> Result<Side, Problem> {
    Ok(Side { name: path.display().to_string(), layers: layers(path, sources, found)? })
}

/// What the graph of a revision names, and what the work tree's names.
fn against(revision: &str, sources: &mut Sources, found: &mut Diagnostics) -> Result<(Side, Side), Problem> {
    let here = here()?;
    let held = RevisionFolder::read(&here.state, &here.root, revision)
        .map_err(|error| Problem::revision(&error, "compare two files: `lgflow policy diff OLD NEW`"))?;
    let then = here.decided_by(Some(&held));
    let then = Side { name: format!("{revision}:.lg"), layers: of_graph(&then, sources, found)? };
    // read as the revision is, so that both name their layers alike
    let name = "the work tree".to_owned();
    let work = BaseRevision { revision: name.clone(), commit: String::new() };
    let now = Place { base: Some(Base { folder: here.root.clone(), revision: work }), ..here };
    Ok((then, Side { layers: of_graph(&now, sources, found)?, name }))
}

/// The layers that a graph of `.lg` names; what holds where it names none.
fn of_graph(
    place: &Place,
    sources: &mut Sources,
    found: &mut Diagnostics,
) -> Result<Vec<FrozenLayer>, Problem> {
    let failed = |error: &dyn std::error::Error| Problem::failed("cannot compare", error);
    let settings = settings(place, Vec::new(), sources, found).map_err(|error| failed(&error))?;
    let graph = settings.graph().map(|graph| place.configured(graph));
    let committed = place.base.as_ref().is_some_and(|base| !base.revision.commit.is_empty());
    let chosen = match choose(place, graph.as_deref(), sources, found) {
        // a change that takes the graph away leaves what holds without one
        Err(PrepareError::NoGraphThere { .. }) if !committed => None,
        chosen => chosen.map_err(|error| Problem::prepare("cannot compare", &error))?,
    };
    let layers = chosen.map(|chosen| chosen.layers).unwrap_or_default();
    if !layers.is_empty() {
        return Ok(layers);
    }
    Ok(builtin(CONTAINED, LayerRole::Grant).into_iter().collect())
}

fn layers(path: &Path, sources: &mut Sources, found: &mut Diagnostics) -> Result<Vec<FrozenLayer>, Problem> {
    given_layers(path, LayerRole::Grant, &packs_here()?, sources, found).map_err(|error| unreadable(&error))
}

fn compare(old: &Side, new: &Side, deny_widening: bool, output: Output) -> Result<Exit, Problem> {
    let both = wider(&old.layers, &new.layers).and_then(|more| Ok((more, wider(&new.layers, &old.layers)?)));
    // both were read without a finding before
    let (more, less) = both.map_err(|_| Problem::bug("a policy that was valid is not valid any more"))?;
    let facts = DifferenceFacts { old: &old.name, new: &new.name, wider: &more, narrower: &less };
    output.either(|| difference_text(&facts), || difference_document(&facts));
    Ok(if deny_widening && !more.is_empty() { Exit::Denied } else { Exit::Done })
}
