//! `lgflow policy diff`: what one policy says that another did not, field by field.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::diag::Diagnostics;
use crate::effect::{FrozenLayer, LayerRole};
use crate::policy::wider;
use crate::session::given_layers;
use crate::source::Sources;
use crate::view::{DifferenceFacts, difference_document, difference_text};

use super::Exit;
use super::output::Output;
use super::problem::Problem;
use super::validate::{packs_here, print, unreadable};

/// Arguments of `lgflow policy diff`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  lgflow policy diff old.yaml .lg/policy.yaml\n  lgflow policy diff builtin:contained .lg/policy.yaml --deny-widening\n\nWhat a policy includes counts, comments and the order of lines do not. Where it cannot be told whether a change allows more, it counts as if it did. Exit code 0, also where they differ; with `--deny-widening` 4 if the new one allows more; 3 if a file is not valid."
)]
pub(super) struct DiffArgs {
    /// The old policy: a file, or a built-in layer
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The new policy: a file, or a built-in layer
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// Exit with 4 where the new policy allows what the old one did not
    #[arg(long)]
    deny_widening: bool,
}

pub(super) fn run(args: &DiffArgs, output: Output) -> Result<Exit, Problem> {
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let old = layers(&args.old, &mut sources, &mut found)?;
    let new = layers(&args.new, &mut sources, &mut found)?;
    if found.has_errors() {
        print(&sources, &found, output);
        return Ok(Exit::Invalid);
    }
    let shown = |path: &Path| path.display().to_string();
    compare((&shown(&args.old), &old), (&shown(&args.new), &new), args.deny_widening, output)
}

fn layers(path: &Path, sources: &mut Sources, found: &mut Diagnostics) -> Result<Vec<FrozenLayer>, Problem> {
    given_layers(path, LayerRole::Grant, &packs_here()?, sources, found).map_err(|error| unreadable(&error))
}

fn compare(
    (old_name, old): (&str, &[FrozenLayer]),
    (new_name, new): (&str, &[FrozenLayer]),
    deny_widening: bool,
    output: Output,
) -> Result<Exit, Problem> {
    let both = wider(old, new).and_then(|more| Ok((more, wider(new, old)?)));
    // both were read without a finding before
    let (more, less) = both.map_err(|_| Problem::bug("a policy that was valid is not valid any more"))?;
    let facts = DifferenceFacts { old: old_name, new: new_name, wider: &more, narrower: &less };
    output.either(|| difference_text(&facts), || difference_document(&facts));
    Ok(if deny_widening && !more.is_empty() { Exit::Denied } else { Exit::Done })
}
