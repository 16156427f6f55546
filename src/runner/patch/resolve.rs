//! A patch against the workspace as it is: what each file was, what it will be, and the patch that takes it back.
//! Reads the workspace, writes nothing, and asks no policy.

use std::collections::{BTreeMap, BTreeSet};

use crate::digest::Digest;
use crate::files::{EntryKind, FileError, RelPath, Root};
use crate::patch::{Action, Binary, Change, FilePatch, Hunk, Mode, ObjectHash};
use crate::runner::Cancel;

use super::binary::{between, fit_binary, looks_binary};
use super::commit::Wanted;
use super::ending::still_wanted;
use super::fit::fit;
use super::render::{diff, render};
use super::version::{ON_ANOTHER_FILE_SYSTEM, refused};
use super::{Content, PatchError, Version};

/// All that a patch would do.
#[derive(Debug)]
pub(crate) struct Planned {
    /// For each path that changes: before and after.
    pub wanted: Vec<Wanted>,
    /// For people and results, in the order of the patch.
    pub changed: Vec<Changed>,
    /// The patch that takes it back; empty if nothing changes.
    pub inverse: String,
    /// The paths whose content no lines tell: their patch is binary, or what takes it back.
    pub binary: BTreeSet<RelPath>,
    /// Does the inverse hold what must not leave, where nobody would find it?
    pub is_kept_back: bool,
    /// The folders that may go with their last file, where not each does.
    pub clears: Option<BTreeSet<String>>,
}

/// What happens to one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Changed {
    /// With its paths.
    pub action: Action,
    /// The digest of what was there, at the source.
    pub before: Option<Digest>,
    /// The digest of what will be there, at the target.
    pub after: Option<Digest>,
    /// The mode that it will have.
    pub mode: Option<Mode>,
}

/// The files of a diff. Contents that are told by what they were may grow by `room` bytes together.
pub(crate) fn resolve_patch(
    root: &Root,
    files: &[FilePatch],
    room: u64,
    cancel: &Cancel,
) -> Result<Planned, PatchError> {
    // one patch is of one repository, and so is what takes it back
    let hash = files.iter().find_map(|file| Some(file.binary.as_ref()?.names.hash)).unwrap_or_default();
    Resolver { root, seen: BTreeMap::new(), room, hash, cancel }.resolve(files)
}

/// The entries of a list of changes.
pub(crate) fn resolve_changes(
    root: &Root,
    changes: &[Change],
    cancel: &Cancel,
) -> Result<Planned, PatchError> {
    let hash = ObjectHash::default();
    let mut resolver = Resolver { root, seen: BTreeMap::new(), room: 0, hash, cancel };
    let files: Vec<FilePatch> =
        changes.iter().map(|change| resolver.as_file_patch(change)).collect::<Result<_, _>>()?;
    resolver.resolve(&files)
}

struct Resolver<'a> {
    root: &'a Root,
    seen: BTreeMap<RelPath, Option<Version>>,
    room: u64,
    hash: ObjectHash,
    cancel: &'a Cancel,
}

impl Resolver<'_> {
    fn before(&mut self, path: &RelPath) -> Result<Option<&Version>, PatchError> {
        if !self.seen.contains_key(path) {
            let version = Version::read(self.root, path)?;
            self.seen.insert(path.clone(), version);
        }
        Ok(self.seen.get(path).and_then(Option::as_ref))
    }

    fn present(&mut self, path: &RelPath) -> Result<Content, PatchError> {
        let found = self.before(path)?.map(|version| version.content.clone());
        found.ok_or_else(|| PatchError::conflict(path.as_str(), "it does not exist"))
    }

    fn as_file_patch(&mut self, change: &Change) -> Result<FilePatch, PatchError> {
        still_wanted(self.cancel)?;
        let file = |action, old_mode, new_mode: Option<Mode>, hunks| FilePatch {
            action,
            old_mode,
            new_mode,
            hunks,
            binary: None,
        };
        Ok(match change {
            Change::Add { path, content, mode } => {
                file(Action::Add { path: path.clone() }, None, *mode, diff(b"", content.as_bytes()))
            }
            Change::Put { path, content, mode } if self.before(path)?.is_none() => {
                file(Action::Add { path: path.clone() }, None, *mode, diff(b"", content.as_bytes()))
            }
            Change::Update { path, content, mode } | Change::Put { path, content, mode } => {
                let old = self.present(path)?;
                let hunks = diff(&old.bytes, content.as_bytes());
                file(Action::Modify { path: path.clone() }, Some(old.mode()), *mode, hunks)
            }
            Change::Delete { path } => {
                let old = self.present(path)?;
                file(Action::Delete { path: path.clone() }, Some(old.mode()), None, diff(&old.bytes, b""))
            }
            Change::Rename { path, to, content, mode } => {
                let old = self.present(path)?;
                let hunks = content.as_ref().map_or_else(Vec::new, |new| diff(&old.bytes, new.as_bytes()));
                file(Action::Rename { from: path.clone(), to: to.clone() }, Some(old.mode()), *mode, hunks)
            }
        })
    }

    fn resolve(mut self, files: &[FilePatch]) -> Result<Planned, PatchError> {
        let vacated = check_paths(files)?;
        let mut after: BTreeMap<RelPath, Option<Content>> =
            vacated.iter().map(|path| (path.clone(), None)).collect();
        let (mut changed, mut inverse, mut binary) = (Vec::new(), Vec::new(), BTreeSet::new());
        for file in files {
            let resolved = self.one(file, &vacated)?;
            if let (Some(path), Some(content)) = (file.action.target(), &resolved.after) {
                after.insert(path.clone(), Some(content.clone()));
            }
            let back = resolved.inverse(file, self.hash);
            if [Some(file), back.as_ref()].into_iter().flatten().any(|patch| patch.binary.is_some()) {
                binary.extend(file.changed().cloned());
            }
            inverse.extend(back);
            changed.push(resolved.changed(file));
        }
        let inverse = render(&inverse).ok_or_else(nameless)?;
        let mut wanted = Vec::new();
        for (path, after) in after {
            self.demand_same_file_system(&path)?;
            // a folder at this place was checked to be empty by then
            let folder = self.root.facts(&path).is_ok_and(|facts| facts.kind == EntryKind::Folder);
            let before = if folder { None } else { self.before(&path)?.cloned() };
            if before.as_ref().map(|version| &version.content) != after.as_ref() {
                wanted.push(Wanted { path, before, after });
            }
        }
        Ok(Planned { wanted, changed, inverse, binary, is_kept_back: false, clears: None })
    }

    fn one(&mut self, file: &FilePatch, vacated: &BTreeSet<RelPath>) -> Result<Resolved, PatchError> {
        still_wanted(self.cancel)?;
        let before = file.action.source().map(|path| self.present(path)).transpose()?;
        if let (Some(old), Some(said), Some(_)) = (&before, file.old_mode, file.new_mode)
            && old.mode() != said
        {
            let path = file.action.source().map_or("", RelPath::as_str);
            return Err(PatchError::conflict(
                path,
                format!("its mode is {}, not {}", old.mode().as_str(), said.as_str()),
            ));
        }
        if let Some(target) = file.action.target()
            && file.action.source() != Some(target)
        {
            self.check_free(target, vacated)?;
        }
        let old_bytes = before.as_ref().map_or(&[][..], |content| &content.bytes);
        let place = file.action.source().or(file.action.target()).map_or("", RelPath::as_str);
        let (bytes, hunks) = match (&file.binary, file.action.source().or(file.action.target())) {
            (Some(binary), Some(path)) => (fit_binary(path, binary, old_bytes, &mut self.room)?, Vec::new()),
            _ => {
                let fitted = fit((place, old_bytes), &file.hunks, self.cancel)?;
                (fitted.bytes, fitted.hunks)
            }
        };
        let after = match (&file.action, &before) {
            (Action::Delete { .. }, _) if bytes.is_empty() => None,
            (Action::Delete { .. }, _) => {
                return Err(PatchError::conflict(
                    place,
                    "it is to be deleted, and has lines that the patch does not name",
                ));
            }
            (_, Some(old)) => {
                let bits = file.new_mode.map_or(old.bits, |mode| with_mode(old.bits, mode));
                Some(Content { bytes, bits })
            }
            (_, None) => {
                let bits = if file.new_mode == Some(Mode::Executable) { 0o755 } else { 0o644 };
                Some(Content { bytes, bits })
            }
        };
        Ok(Resolved { before, after, hunks })
    }

    /// A mounted folder is told before anything is done.
    fn demand_same_file_system(&self, path: &RelPath) -> Result<(), PatchError> {
        let mut above = path.split().map(|(folder, _)| folder);
        while let Some(folder) = above.filter(|folder| !folder.is_root()) {
            if let Ok(facts) = self.root.facts(&folder)
                && facts.kind == EntryKind::Folder
            {
                let workspace = self.root.facts(&RelPath::root()).map_err(|error| refused(path, error))?;
                let apart = facts.device != workspace.device;
                return if apart {
                    Err(PatchError::conflict(path.as_str(), ON_ANOTHER_FILE_SYSTEM))
                } else {
                    Ok(())
                };
            }
            above = folder.split().map(|(folder, _)| folder);
        }
        Ok(())
    }

    /// Nothing may stand at `path`, and nothing above it but folders, once `vacated` is gone.
    fn check_free(&mut self, path: &RelPath, vacated: &BTreeSet<RelPath>) -> Result<(), PatchError> {
        let mut above = path.split().map(|(folder, _)| folder);
        while let Some(folder) = above.filter(|folder| !folder.is_root()) {
            match self.root.facts(&folder) {
                Ok(facts) if facts.kind == EntryKind::Folder => break,
                Ok(facts) if facts.kind == EntryKind::Link => {
                    return Err(PatchError::forbidden(
                        path.as_str(),
                        format!("`{folder}` is a symbolic link"),
                    ));
                }
                Ok(_) if vacated.contains(&folder) => {}
                Ok(facts) => {
                    return Err(PatchError::conflict(
                        path.as_str(),
                        format!("`{folder}` is {}, no folder", facts.kind),
                    ));
                }
                // it is missing, or what is above it is no folder: that is looked at next
                Err(FileError::NotFound { .. } | FileError::Kind { .. }) => {}
                Err(error) => return Err(refused(path, error)),
            }
            above = folder.split().map(|(folder, _)| folder);
        }
        match self.root.facts(path) {
            Err(FileError::NotFound { .. } | FileError::Kind { .. }) => Ok(()),
            Err(error) => Err(refused(path, error)),
            Ok(facts) if facts.kind == EntryKind::Link => {
                Err(PatchError::forbidden(path.as_str(), "a symbolic link stands there"))
            }
            Ok(facts) if facts.kind == EntryKind::Folder && self.becomes_empty(path, vacated)? => Ok(()),
            Ok(facts) if facts.kind == EntryKind::File && vacated.contains(path) => Ok(()),
            Ok(facts) => {
                Err(PatchError::conflict(path.as_str(), format!("{} stands there already", facts.kind)))
            }
        }
    }

    fn becomes_empty(&self, folder: &RelPath, vacated: &BTreeSet<RelPath>) -> Result<bool, PatchError> {
        let (entries, unnamed) = self.root.entries(folder).map_err(|error| refused(folder, error))?;
        if unnamed > 0 || entries.is_empty() {
            return Ok(false);
        }
        for entry in entries {
            let goes = match entry.kind {
                EntryKind::File => vacated.contains(&entry.path),
                EntryKind::Folder => self.becomes_empty(&entry.path, vacated)?,
                _ => false,
            };
            if !goes {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// One file, resolved.
struct Resolved {
    before: Option<Content>,
    after: Option<Content>,
    hunks: Vec<Hunk>,
}

impl Resolved {
    fn changed(&self, file: &FilePatch) -> Changed {
        Changed {
            action: file.action.clone(),
            before: self.before.as_ref().map(Content::digest),
            after: self.after.as_ref().map(Content::digest),
            mode: self.after.as_ref().map(Content::mode),
        }
    }

    /// The patch of this file that takes it back; none if nothing changes.
    fn inverse(&self, file: &FilePatch, hash: ObjectHash) -> Option<FilePatch> {
        let (before, after) =
            (self.before.as_ref().map(Content::mode), self.after.as_ref().map(Content::mode));
        let action = match &file.action {
            Action::Modify { .. } if self.before == self.after => return None,
            Action::Modify { path } => Action::Modify { path: path.clone() },
            Action::Add { path } | Action::Copy { to: path, .. } => Action::Delete { path: path.clone() },
            Action::Delete { path } => Action::Add { path: path.clone() },
            Action::Rename { from, to } => Action::Rename { from: to.clone(), to: from.clone() },
        };
        let new_mode = if matches!(action, Action::Delete { .. }) { None } else { before };
        let (hunks, binary) = self.body_back(file, hash);
        Some(FilePatch { action, old_mode: after, new_mode, hunks, binary })
    }

    /// In the lines that it was told in, else in lines that tell it, else as what is no text.
    fn body_back(&self, file: &FilePatch, hash: ObjectHash) -> (Vec<Hunk>, Option<Binary>) {
        let old = if matches!(file.action, Action::Copy { .. }) { None } else { self.before.as_ref() };
        let old = old.map(|content| content.bytes.as_slice());
        let new = self.after.as_ref().map(|content| content.bytes.as_slice());
        let (before, after) = (old.unwrap_or_default(), new.unwrap_or_default());
        let hunks = if before == after {
            Some(Vec::new())
        } else if file.binary.is_none() && !matches!(file.action, Action::Copy { .. }) {
            Some(self.hunks.iter().map(Hunk::reversed).collect())
        } else if looks_binary(before) || looks_binary(after) {
            None
        } else {
            Some(diff(after, before))
        };
        match hunks.filter(|hunks| hunks.iter().all(Hunk::is_text)) {
            Some(hunks) => (hunks, None),
            None => {
                let binary = between(hash, new, old);
                // without a part of either kind nothing can be written, which is found then
                let hunks = if binary.is_none() { diff(after, before) } else { Vec::new() };
                (hunks, binary)
            }
        }
    }
}

/// No path twice; gives the paths that are empty afterwards unless something else is put there.
fn check_paths(files: &[FilePatch]) -> Result<BTreeSet<RelPath>, PatchError> {
    let (mut changed, mut written, mut vacated) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let twice = |path: &RelPath| PatchError::conflict(path.as_str(), "the patch changes it twice");
    for file in files {
        if let Some(source) = file.action.source()
            && !matches!(file.action, Action::Copy { .. })
        {
            if !changed.insert(source.clone()) {
                return Err(twice(source));
            }
            if !matches!(file.action, Action::Modify { .. }) {
                vacated.insert(source.clone());
            }
        }
        if let Some(target) = file.action.target()
            && !written.insert(target.clone())
        {
            return Err(twice(target));
        }
    }
    for path in &written {
        let mut above = path.split().map(|(folder, _)| folder);
        while let Some(folder) = above {
            if written.contains(&folder) {
                return Err(PatchError::conflict(
                    path.as_str(),
                    format!("the patch makes `{folder}` a file as well"),
                ));
            }
            above = folder.split().map(|(folder, _)| folder);
        }
    }
    Ok(vacated)
}

/// The bits with git's mode: who may read may execute, or nobody may.
pub(super) fn with_mode(bits: u32, mode: Mode) -> u32 {
    match mode {
        _ if Mode::of_bits(bits) == mode => bits,
        Mode::Executable => bits | (bits & 0o444) >> 2,
        Mode::Regular => bits & !0o111,
    }
}

/// Bytes that were made to have the name of others: git has none for them, and so has no patch.
fn nameless() -> PatchError {
    PatchError::BadChange {
        index: 0,
        message: "what takes it back would be a binary patch, and git has no name for these bytes, which were made to have \
                  that of others"
            .to_owned(),
    }
}
