//! `lgflow pack`: policies of others, fetched when a person asks, locked by the digest of their tree.

mod add;
mod apply;
mod ask;
mod list;
mod new;
mod test;
mod update;
mod verify;

use clap::{Args, Subcommand};

use crate::front::Place;
use crate::packs::{LockPlace, Memory};

use super::Exit;
use super::output::Output;
use super::problem::Problem;
use super::trust::here;

/// Arguments of `lgflow pack`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  lgflow pack add acme/base --from https://example.com/acme/packs.git --rev v1.2.0\n  lgflow pack list\n  lgflow pack new acme/base\n\nA policy then names it: `ceilings: [\"pack:acme/base\"]`. Nothing but `add` and `update` reaches a network."
)]
pub struct PackArgs {
    #[command(subcommand)]
    command: PackCommand,
}

#[derive(Debug, Subcommand)]
enum PackCommand {
    /// Write the folder of a new pack
    New(new::NewArgs),
    /// Add a pack to the lock, or install what the lock names
    Add(add::AddArgs),
    /// Take newer versions, and show what they allow and deny that the locked ones did not
    Update(update::UpdateArgs),
    /// List the packs of the locks
    List(list::ListArgs),
    /// Compare every installed pack with the lock, byte for byte
    Verify(verify::VerifyArgs),
    /// Check a pack's own folder and run its policy tests
    Test(test::TestArgs),
}

pub(super) fn run(args: &PackArgs, output: Output) -> Result<Exit, Problem> {
    match &args.command {
        PackCommand::New(args) => new::run(args, output),
        PackCommand::Add(args) => add::run(args, output),
        PackCommand::Update(args) => update::run(args, output),
        PackCommand::List(args) => list::run(args, output),
        PackCommand::Verify(args) => verify::run(args, output),
        PackCommand::Test(args) => test::run(args, output),
    }
}

/// Says which packs of this workspace are lower than what was seen: a run goes on with them, and not in silence.
pub(super) fn warn_of_old(place: &Place, output: Output) -> Result<(), Problem> {
    let lock = lock_place(place, false)?.read()?;
    if lock.packs.is_empty() {
        return Ok(());
    }
    let memory = Memory::read(&place.state)?;
    for (name, locked, highest) in memory.higher_seen(&lock) {
        output.note(&format!(
            "warning: `{name}` is locked at {}, and {highest} was seen on this machine; run `lgflow pack update {name}`, or see who changed the lock\n",
            locked.version
        ));
    }
    Ok(())
}

/// The lock that a command is about.
fn lock_place(place: &Place, user: bool) -> Result<LockPlace, Problem> {
    if user {
        Ok(LockPlace::user(&place.config))
    } else {
        LockPlace::workspace(place.own()).map_err(Problem::from)
    }
}

/// Both locks: the workspace's, then the user's.
fn both_locks() -> Result<(Place, [LockPlace; 2]), Problem> {
    let place = here()?;
    let locks = [lock_place(&place, false)?, lock_place(&place, true)?];
    Ok((place, locks))
}
