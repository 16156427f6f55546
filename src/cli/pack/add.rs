//! `lgflow pack add`: a pack into the lock; or, without a name and a source, everything that the lock names onto this
//! machine.

use std::path::Path;

use clap::Args;

use crate::cli::Exit;
use crate::cli::output::Output;
use crate::cli::problem::Problem;
use crate::cli::trust::here;
use crate::files::RelPath;
use crate::front::Place;
use crate::model::PackName;
use crate::packs::{LockPlace, Memory, Shelf, Source, Verification, Wanted, open, reinstall, verify_packs};
use crate::policy::LockOwner;
use crate::view::escaped;

use super::apply::{Applied, Said, Work, print};
use super::lock_place;

/// Arguments of `lgflow pack add`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  lgflow pack add acme/base --from ../packs/base\n  lgflow pack add acme/base --from https://example.com/acme/packs.git --rev v1.2.0\n  lgflow pack add     install what the lock names, after a clone\n\nA publisher's source is asked for once and remembered on this machine, outside of every workspace. Without a terminal, `--trust-source` says yes. Exit code 4 where a person has to say yes, 7 where a pack is not what it is said to be; nothing is changed then."
)]
pub(super) struct AddArgs {
    /// The pack, `publisher/name`; without one and without a source, everything that the lock names is installed
    #[arg(value_name = "PACK")]
    pack: Option<String>,
    /// Where it is: a folder, a git repository's URL, or with `--rev` a git repository's path
    #[arg(long, value_name = "SOURCE")]
    from: Option<String>,
    /// The tag, branch or commit of a git repository; without one, the tag of the highest version
    #[arg(long, value_name = "REVISION")]
    rev: Option<String>,
    /// The folder of the pack in its source
    #[arg(long, value_name = "FOLDER")]
    folder: Option<String>,
    /// For the user's own policy, not for this workspace
    #[arg(long)]
    user: bool,
    #[command(flatten)]
    said: Said,
}

pub(super) fn run(args: &AddArgs, output: Output) -> Result<Exit, Problem> {
    let place = here()?;
    let lock = lock_place(&place, args.user)?;
    demand_folder(&place, &lock)?;
    let name = args.pack.as_deref().map(pack_name).transpose()?;
    let shelf = Shelf::take(&place.state, &place.root)?;
    let work = Work { place: &place, lock: &lock, shelf: &shelf, said: &args.said, output };
    if name.is_none() && args.from.is_none() {
        if args.rev.is_some() || args.folder.is_some() {
            return Err(Problem::usage(
                "`--rev` and `--folder` say where in a source; name it with `--from`",
            ));
        }
        return install_locked(&work);
    }
    let wanted = wanted(args, name, &place, &lock)?;
    if let Some(name) = &wanted.name {
        // before anything is asked of a network that a person has not named
        if args.from.is_none() {
            work.know(name.publisher(), &wanted.source, &Memory::read(&place.state)?)?;
        }
    }
    let opened = open(&wanted, &shelf)?;
    let candidate = opened.candidate(wanted.name.as_ref(), wanted.folder.as_ref())?;
    let applied = work.apply(candidate, &opened)?;
    Ok(print(&applied, &lock, output))
}

/// A lock lies beside what it is for.
fn demand_folder(place: &Place, lock: &LockPlace) -> Result<(), Problem> {
    match lock.owner {
        LockOwner::User => place
            .make_config()
            .map_err(|error| Problem::failed("cannot make the folder of your configuration", &error)),
        LockOwner::Workspace if place.root.join(".lg").is_dir() => Ok(()),
        LockOwner::Workspace => Err(Problem::usage(
            "there is no folder `.lg` here to keep a lock in; run `lgflow init`, or `--user` for your own policy",
        )),
    }
}

/// A pack's name on the command line.
pub(super) fn pack_name(text: &str) -> Result<PackName, Problem> {
    let plain = text.strip_prefix("pack:").unwrap_or(text);
    PackName::parse(plain).ok_or_else(|| {
        Problem::usage(format!(
            "`{}` is no name of a pack; write `publisher/name`, in small letters, digits and `-`",
            escaped(text)
        ))
    })
}

fn wanted(
    args: &AddArgs,
    name: Option<PackName>,
    place: &Place,
    lock: &LockPlace,
) -> Result<Wanted, Problem> {
    let folder = args.folder.as_deref().map(RelPath::parse).transpose();
    let folder = folder.map_err(|error| Problem::usage(error.to_string()))?;
    let source = match (&args.from, &name) {
        (Some(from), _) => Source::parse(from, args.rev.is_some(), Path::new(""))?,
        (None, Some(name)) => known_source(name, place, lock)?,
        (None, None) => return Err(Problem::bug("a pack without name and source")),
    };
    Ok(Wanted { source, name, folder, revision: args.rev.clone() })
}

/// The source that the lock has for a pack.
fn known_source(name: &PackName, place: &Place, lock: &LockPlace) -> Result<Source, Problem> {
    let locked = lock.read()?;
    if let Some(locked) = locked.packs.get(name) {
        return Ok(locked.source.clone());
    }
    let memory = Memory::read(&place.state)?;
    let known = memory.sources(name.publisher());
    let hint = if known.is_empty() {
        String::new()
    } else {
        format!("; `{}` publishes at {}", name.publisher(), escaped(&known.join(" and ")))
    };
    Err(Problem::usage(format!("say where `{name}` is with `--from SOURCE`{hint}")))
}

/// What the lock names and is not here, or is not what the lock says.
fn install_locked(work: &Work<'_>) -> Result<Exit, Problem> {
    let lock = work.lock.read()?;
    let mut memory = Memory::read(&work.place.state)?;
    let mut applied = Vec::new();
    for (name, stands) in verify_packs(&lock, &work.place.state) {
        let locked = &lock.packs[&name];
        if matches!(stands, Verification::Verified) {
            continue;
        }
        memory.judge(&name, &locked.version, locked.tree, work.said.allow_lower)?;
        work.know(name.publisher(), &locked.source, &memory)?;
        reinstall(&name, locked, work.shelf, (&mut memory, &work.place.state))?;
        applied.push(Applied::again(&name, locked));
    }
    Ok(print(&applied, work.lock, work.output))
}
