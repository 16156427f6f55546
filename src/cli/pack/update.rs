//! `lgflow pack update`: newer versions of locked packs, each shown by what changes in its verdicts before it is taken.

use clap::Args;

use crate::cli::Exit;
use crate::cli::output::Output;
use crate::cli::problem::Problem;
use crate::cli::trust::here;
use crate::model::PackName;
use crate::packs::{Locked, Memory, Shelf, Source, Wanted, open};

use super::add::pack_name;
use super::apply::{Said, Work, print};
use super::lock_place;

/// Arguments of `lgflow pack update`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  lgflow pack update                          all packs of this workspace's lock\n  lgflow pack update acme/base --rev v1.3.0   one pack, to one revision\n\nA pack that was locked by a tag goes to the tag of the highest version, one of a branch to where the branch is now. A version that allows more is asked about; without a terminal the command ends with exit code 4 and says which `--accept sha256:…` takes it."
)]
pub(super) struct UpdateArgs {
    /// The packs; without one, all of the lock
    #[arg(value_name = "PACK")]
    packs: Vec<String>,
    /// The tag, branch or commit to go to
    #[arg(long, value_name = "REVISION", requires = "packs")]
    rev: Option<String>,
    /// Those of the user's own lock
    #[arg(long)]
    user: bool,
    #[command(flatten)]
    said: Said,
}

pub(super) fn run(args: &UpdateArgs, output: Output) -> Result<Exit, Problem> {
    let place = here()?;
    let lock = lock_place(&place, args.user)?;
    let locked = lock.read()?;
    let named: Vec<PackName> = if args.packs.is_empty() {
        locked.packs.keys().cloned().collect()
    } else {
        args.packs.iter().map(|text| pack_name(text)).collect::<Result<_, _>>()?
    };
    if args.rev.is_some() && named.len() > 1 {
        return Err(Problem::usage("`--rev` is of one pack; name that one alone"));
    }
    let shelf = Shelf::take(&place.state, &place.root)?;
    let work = Work { place: &place, lock: &lock, shelf: &shelf, said: &args.said, output };
    let mut applied = Vec::new();
    for name in named {
        let old = locked.packs.get(&name).ok_or_else(|| {
            Problem::usage(format!(
                "`{name}` is not in `{}`; run `lgflow pack add {name} --from SOURCE`",
                lock.shown()
            ))
        })?;
        applied.extend(one(&work, name, old, args.rev.as_ref())?);
    }
    Ok(print(&applied, &lock, output))
}

fn one(
    work: &Work<'_>,
    name: PackName,
    old: &Locked,
    revision: Option<&String>,
) -> Result<Vec<super::apply::Applied>, Problem> {
    let memory = Memory::read(&work.place.state)?;
    work.know(name.publisher(), &old.source, &memory)?;
    let wanted = Wanted {
        revision: revision.cloned().or_else(|| follows(old)),
        source: old.source.clone(),
        folder: Some(old.folder.clone()),
        name: Some(name),
    };
    if wanted.revision.is_none() && matches!(wanted.source, Source::Directory(_)) && revision.is_some() {
        return Err(Problem::usage("a folder has no revisions; `--rev` is of a git repository"));
    }
    let opened = open(&wanted, work.shelf)?;
    let candidate = opened.candidate(wanted.name.as_ref(), wanted.folder.as_ref())?;
    if candidate.locked == *old {
        return Ok(Vec::new());
    }
    work.apply(candidate, &opened)
}

/// A branch and a commit are what was asked for; of a tag, the highest one is wanted.
fn follows(old: &Locked) -> Option<String> {
    let name = old.revision.as_ref().map(|revision| revision.name.clone())?;
    (!name.starts_with("refs/tags/")).then_some(name)
}
