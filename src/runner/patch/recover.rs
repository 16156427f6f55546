//! After a failure or a crash: back to before, or on to after, never between.

use std::collections::BTreeSet;
use std::io::ErrorKind;

use crate::files::{FileError, RelPath, Root};

use super::commit::{Workshop, staged};
use super::history::History;
use super::journal::{Journal, Phase, Step};
use super::version::refused;
use super::{PatchError, Version};

/// A change that a crash had interrupted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// The run.
    pub run: String,
    /// The node.
    pub node: String,
    /// The idempotency key of its call.
    pub key: String,
    /// Which way it went.
    pub way: Recovery,
    /// Files in the workspace's staging folder that hold what somebody else wrote meanwhile.
    pub kept: Vec<String>,
}

/// Which way an interrupted change went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recovery {
    /// The workspace is as it was before.
    Undone,
    /// The workspace is as it was to be.
    Finished,
}

/// Brings every interrupted change of this workspace to an end. To be called when the runner starts.
pub(crate) fn recover(shop: Workshop<'_>) -> Result<Vec<Recovered>, PatchError> {
    let _state = shop.lock_state(&mut || Ok(()))?;
    let _workspace =
        if Journal::all(shop.state)?.is_empty() { None } else { shop.lock_workspace(&mut || Ok(()))? };
    settle(shop)
}

/// The same for who holds the lock.
pub(super) fn settle(shop: Workshop<'_>) -> Result<Vec<Recovered>, PatchError> {
    let here = shop.identity()?;
    let mut recovered = Vec::new();
    for journal in Journal::all(shop.state)?.into_iter().filter(|journal| journal.root == here) {
        let (way, kept) = match journal.phase {
            Phase::Done => {
                finish(shop, &journal)?;
                (Recovery::Finished, Vec::new())
            }
            Phase::Pending | Phase::Staged => (Recovery::Undone, undo(shop, &journal)?),
        };
        journal.remove(shop.state)?;
        let past = journal.past;
        recovered.push(Recovered { run: past.run, node: past.node, key: past.key, way, kept });
    }
    Journal::sweep(shop.state)?;
    Ok(recovered)
}

/// Undoes what was done of a change, last step first; gives the files that had to be kept.
pub(super) fn undo(shop: Workshop<'_>, journal: &Journal) -> Result<Vec<String>, PatchError> {
    let mut kept = Vec::new();
    if journal.phase != Phase::Pending {
        for step in journal.steps.iter().rev() {
            undo_step(shop, journal, step, &mut kept)?;
        }
    }
    remove_staging(shop, journal, &kept)?;
    History::of(shop.state, &journal.past.run)?.forget(&journal.past)?;
    Ok(kept)
}

fn undo_step(
    shop: Workshop<'_>,
    journal: &Journal,
    step: &Step,
    kept: &mut Vec<String>,
) -> Result<(), PatchError> {
    let root = shop.root;
    let at =
        |path: &str| RelPath::parse(path).map_err(|error| PatchError::forbidden(path, error.to_string()));
    let is_ours = |path: &RelPath, inode: u64| root.facts(path).is_ok_and(|facts| facts.inode == inode);
    match step {
        Step::Remove { path, temp, .. } | Step::RemoveFolder { path, temp } => {
            let (path, temp) = (at(path)?, staged(journal, Some(temp))?);
            if matches!(root.facts(&temp), Err(FileError::NotFound { .. })) {
                // it was never taken out, or has come back
                return Ok(());
            }
            match root.rename_new(&temp, &path) {
                Ok(()) => {}
                // it must not get lost while nobody knows why
                Err(error @ (FileError::Io { .. } | FileError::Forbidden { .. })) => {
                    return Err(refused(&path, error));
                }
                // somebody has put something else in its place, or has taken its folder away
                Err(_) => kept.push(temp.to_string()),
            }
        }
        Step::Replace { path, temp, after, inode, .. } => {
            let (path, temp) = (at(path)?, staged(journal, Some(temp))?);
            if is_ours(&path, *inode) && take_out(root, (&path, &temp), *inode, Way::Exchange)? {
                keep_if_changed(shop, &temp, after, kept);
            }
        }
        Step::Create { path, temp, after, inode } => {
            let (path, temp) = (at(path)?, staged(journal, Some(temp))?);
            if is_ours(&path, *inode) && take_out(root, (&path, &temp), *inode, Way::Move)? {
                keep_if_changed(shop, &temp, after, kept);
            }
        }
        Step::MakeFolder { path } => {
            let path = at(path)?;
            match root.remove_folder(&path) {
                // it was missing before; if somebody put something there meanwhile, it stays
                Err(FileError::Io { error, .. }) if error.kind() == ErrorKind::DirectoryNotEmpty => {}
                // what is to come back to its place would find it taken
                Err(error @ (FileError::Io { .. } | FileError::Forbidden { .. })) => {
                    return Err(refused(&path, error));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// How our file leaves its place.
#[derive(Debug, Clone, Copy)]
pub(super) enum Way {
    /// What was there before comes back in its stead.
    Exchange,
    /// Nothing was there.
    Move,
}

/// Takes our file out of its place. False where it is somebody else's that came out, who was quicker: it is put back, and ours is
/// gone with what they put in its place.
pub(super) fn take_out(
    root: &Root,
    (path, temp): (&RelPath, &RelPath),
    inode: u64,
    way: Way,
) -> Result<bool, PatchError> {
    let failed = |error| refused(path, error);
    match way {
        Way::Exchange => root.exchange(temp, path).map_err(failed)?,
        Way::Move => root.rename_new(path, temp).map_err(failed)?,
    }
    if root.facts(temp).map_err(failed)?.inode == inode {
        return Ok(true);
    }
    match way {
        Way::Exchange => root.exchange(temp, path).map_err(failed)?,
        Way::Move => root.rename_new(temp, path).map_err(failed)?,
    }
    Ok(false)
}

/// What somebody wrote into our file between the crash and now is not thrown away.
fn keep_if_changed(
    shop: Workshop<'_>,
    temp: &RelPath,
    after: &crate::digest::Digest,
    kept: &mut Vec<String>,
) {
    let unchanged = Version::read(shop.root, temp)
        .is_ok_and(|version| version.is_none_or(|version| version.content.digest() == *after));
    if !unchanged {
        kept.push(temp.to_string());
    }
}

/// Cleans up after a change that is done, and writes the history. Can be repeated.
pub(super) fn finish(shop: Workshop<'_>, journal: &Journal) -> Result<(), PatchError> {
    History::of(shop.state, &journal.past.run)?.add(&journal.past)?;
    remove_staging(shop, journal, &[])?;
    for step in &journal.steps {
        if let Step::Remove { path, .. } = step
            && let Ok(path) = RelPath::parse(path)
        {
            remove_empty_folders(shop, &path, journal.clears.as_ref());
        }
    }
    Ok(())
}

fn remove_staging(shop: Workshop<'_>, journal: &Journal, kept: &[String]) -> Result<(), PatchError> {
    let gone = |path: &RelPath, done: Result<(), FileError>| match done {
        Ok(()) | Err(FileError::NotFound { .. }) => Ok(()),
        Err(error) => Err(refused(path, error)),
    };
    let folder = staged(journal, None)?;
    if shop.root.facts(&folder).is_err() {
        return Ok(());
    }
    for step in &journal.steps {
        let Some(temp) = step.temp() else { continue };
        let temp = staged(journal, Some(temp))?;
        if !kept.iter().any(|path| path == temp.as_str()) {
            let is_folder = matches!(step, Step::RemoveFolder { .. });
            let root = shop.root;
            gone(&temp, if is_folder { root.remove_folder(&temp) } else { root.remove_file(&temp) })?;
        }
    }
    if kept.is_empty() { gone(&folder, shop.root.remove_folder(&folder)) } else { Ok(()) }
}

/// As git does: a folder whose last file is gone goes as well, if it may.
fn remove_empty_folders(shop: Workshop<'_>, path: &RelPath, clears: Option<&BTreeSet<String>>) {
    let mut above = path.split().map(|(folder, _)| folder);
    while let Some(folder) = above.filter(|folder| !folder.is_root()) {
        let stays = clears.is_some_and(|clears| !clears.contains(folder.as_str()));
        if stays || shop.root.remove_folder(&folder).is_err() {
            return;
        }
        above = folder.split().map(|(folder, _)| folder);
    }
}
