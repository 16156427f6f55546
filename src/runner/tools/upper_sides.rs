//! What a command left in its overlay, held against the workspace as it is: both sides of each file that a patch can
//! carry, and a reason for each that it can't. Knows no overlay: the marks have been read.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CString;

use rustix::fs::flistxattr;

use crate::files::{EntryKind, Exclusions, Facts, FileError, IgnoreFiles, Links, RelPath, Root, Walk, walk};
use crate::runner::ToolWorld;
use crate::runner::patch::{Content, Side};
use crate::sandbox::{NotCarried, Uncarried, UpperChanges, UpperFile};

use super::writing::Writing;

/// The most files of a folder that are deleted with it.
const MAX_BENEATH: usize = 1000;
/// The most bytes of a file of the workspace that is compared.
const MAX_FILE: u64 = 64 << 20;

/// Both sides by path, and what can't be carried.
pub(super) type Sides = (BTreeMap<RelPath, Side>, Vec<NotCarried>);

/// Holds `changes` against the workspace. `started` is when the command was started: what others changed since is a
/// conflict.
pub(super) fn sides(
    changes: &UpperChanges,
    started: (i64, i64),
    writing: &Writing<'_>,
    world: &ToolWorld,
) -> Sides {
    let is_there = |path: &RelPath| world.root.facts(path).is_ok();
    let mut judge = Judge {
        root: &world.root,
        writing,
        started,
        exclusions: Exclusions::of(&world.root),
        present: changes.files.iter().map(|file| &file.path).collect(),
        was_renamed: changes.gone.iter().chain(&changes.opaque).any(is_there),
        sides: BTreeMap::new(),
        not_carried: changes.not_carried.clone(),
    };
    for file in &changes.files {
        judge.file(file);
    }
    for path in changes.gone.iter().chain(&changes.opaque) {
        judge.gone(path);
    }
    judge.drop_clashes();
    (judge.sides, judge.not_carried)
}

struct Judge<'a> {
    root: &'a Root,
    writing: &'a Writing<'a>,
    started: (i64, i64),
    exclusions: Exclusions<'a>,
    /// The files that are there afterwards.
    present: BTreeSet<&'a RelPath>,
    /// May a file that was copied from below stand at another path than there?
    was_renamed: bool,
    sides: BTreeMap<RelPath, Side>,
    not_carried: Vec<NotCarried>,
}

impl Judge<'_> {
    fn file(&mut self, file: &UpperFile) {
        match self.changed(file) {
            Ok(before) => {
                let bits = if file.bits & 0o100 == 0 { 0o644 } else { 0o755 };
                let after = Some(Content { bytes: file.bytes.clone(), bits });
                self.take(&file.path, Side { before, after });
            }
            Err(kind) => self.refuse(&file.path, kind),
        }
    }

    /// What was there before a file was changed; the error is why the change can't be carried.
    fn changed(&mut self, file: &UpperFile) -> Result<Option<Content>, Uncarried> {
        self.demand(&file.path)?;
        if self.exclusions.exclude(&file.path, EntryKind::File) {
            return Err(Uncarried::Ignored);
        }
        match self.root.facts(&file.path) {
            Err(FileError::NotFound { .. } | FileError::Kind { .. }) if file.is_copy && !self.was_renamed => {
                Err(Uncarried::Conflict)
            }
            Err(FileError::NotFound { .. } | FileError::Kind { .. }) if file.attributes.is_empty() => {
                Ok(None)
            }
            Err(FileError::NotFound { .. } | FileError::Kind { .. }) => Err(Uncarried::Xattr),
            Ok(facts) if facts.kind == EntryKind::Folder => {
                self.beneath(&file.path)?;
                Ok(None)
            }
            Ok(facts) if facts.kind == EntryKind::File => {
                let before = self.before(&file.path)?;
                let known = attributes(self.root, &file.path);
                if file.attributes.iter().all(|name| known.contains(name)) {
                    Ok(Some(before))
                } else {
                    Err(Uncarried::Xattr)
                }
            }
            Ok(facts) => Err(Uncarried::of(facts.kind)),
            Err(FileError::Link { .. }) => Err(Uncarried::Symlink),
            Err(_) => Err(Uncarried::Unreadable),
        }
    }

    /// What is no text is carried only where it may be.
    fn take(&mut self, path: &RelPath, side: Side) {
        if self.writing.carries(path, &side) {
            self.sides.insert(path.clone(), side);
        } else {
            self.refuse(path, Uncarried::Binary);
        }
    }

    /// Something is not there any more, unless it is a file that was made anew.
    fn gone(&mut self, path: &RelPath) {
        if self.present.contains(path) || !self.writing.shows(path) {
            return;
        }
        let done = match self.root.facts(path) {
            Ok(facts) if facts.kind == EntryKind::Folder => self.beneath(path),
            Ok(facts) if facts.kind == EntryKind::File => self.delete(path),
            Ok(facts) => Err(Uncarried::of(facts.kind)),
            // made and taken away by the command, or by somebody else meanwhile
            Err(_) => Ok(()),
        };
        if let Err(kind) = done {
            self.refuse(path, kind);
        }
    }

    fn delete(&mut self, path: &RelPath) -> Result<(), Uncarried> {
        self.demand(path)?;
        if self.exclusions.exclude(path, EntryKind::File) {
            return Err(Uncarried::Ignored);
        }
        let before = self.before(path)?;
        self.take(path, Side { before: Some(before), after: None });
        Ok(())
    }

    /// All that the command saw in a folder is not there any more, but for what it made in it.
    fn beneath(&mut self, folder: &RelPath) -> Result<(), Uncarried> {
        if self.exclusions.exclude(folder, EntryKind::Folder) {
            return Err(Uncarried::Ignored);
        }
        let options = Walk {
            start: folder.clone(),
            recursive: true,
            ignore_files: IgnoreFiles::Honour,
            max_entries: 10 * MAX_BENEATH,
        };
        let writing = self.writing;
        let mut keep = |path: &RelPath, kind: EntryKind| kind == EntryKind::Folder || writing.shows(path);
        let walked = walk(self.root, &options, &mut keep).map_err(|_| Uncarried::Unreadable)?;
        if walked.truncated || walked.files.len() > MAX_BENEATH {
            return Err(Uncarried::OpaqueFolder);
        }
        for path in walked.files {
            if !self.present.contains(&path)
                && let Err(kind) = self.delete(&path)
            {
                self.refuse(&path, kind);
            }
        }
        Ok(())
    }

    /// The file as the command found it, if it still is.
    fn before(&self, path: &RelPath) -> Result<Content, Uncarried> {
        let mut file = self.root.file(path, Links::Refuse).map_err(|_| Uncarried::Conflict)?;
        let facts = *file.facts();
        if self.is_newer(&facts) || self.was_moved(path) {
            return Err(Uncarried::Conflict);
        }
        let bytes = file.read(MAX_FILE).map_err(|error| match error {
            FileError::TooLarge { .. } => Uncarried::TooLarge,
            _ => Uncarried::Unreadable,
        })?;
        Ok(Content { bytes, bits: facts.mode & 0o777 })
    }

    fn is_newer(&self, facts: &Facts) -> bool {
        facts.changed > self.started
    }

    /// Was a folder above renamed since? That changes the folder, and not what is in it.
    fn was_moved(&self, path: &RelPath) -> bool {
        let mut above = path.split().map(|(folder, _)| folder);
        while let Some(folder) = above.filter(|folder| !folder.is_root()) {
            let moved = |facts: Facts| self.is_newer(&facts) && facts.modified <= self.started;
            if self.root.facts(&folder).is_ok_and(moved) {
                return true;
            }
            above = folder.split().map(|(folder, _)| folder);
        }
        false
    }

    /// May the command have seen it, and its change be carried?
    fn demand(&self, path: &RelPath) -> Result<(), Uncarried> {
        if !self.writing.shows(path) || self.writing.denies_write(path) {
            Err(Uncarried::Denied)
        } else {
            Ok(())
        }
    }

    /// New names that differ from another only in upper and lower case are one name elsewhere.
    fn drop_clashes(&mut self) {
        let made: Vec<RelPath> = self
            .sides
            .iter()
            .filter(|(_, side)| side.before.is_none() && side.after.is_some())
            .map(|(path, _)| path.clone())
            .collect();
        let mut folded: BTreeMap<String, u32> = BTreeMap::new();
        for path in &made {
            *folded.entry(path.as_str().to_lowercase()).or_default() += 1;
        }
        let mut listed = BTreeMap::new();
        for path in made {
            let twice = folded.get(&path.as_str().to_lowercase()).is_some_and(|count| *count > 1);
            if twice || self.clashes(&path, &mut listed) {
                self.sides.remove(&path);
                self.refuse(&path, Uncarried::Clash);
            }
        }
    }

    /// Does the workspace have the path, or a folder of it, under another case?
    fn clashes(&self, path: &RelPath, listed: &mut BTreeMap<RelPath, Vec<RelPath>>) -> bool {
        let mut here = RelPath::root();
        for part in path.parts() {
            let Ok(next) = here.join(part) else { return false };
            let names = listed.entry(here).or_insert_with_key(|folder| self.names(folder));
            let lower = next.as_str().to_lowercase();
            let stays = |other: &&RelPath| self.sides.get(*other).is_none_or(|side| side.after.is_some());
            if !names.contains(&next)
                && names.iter().filter(stays).any(|other| other.as_str().to_lowercase() == lower)
            {
                return true;
            }
            here = next;
        }
        false
    }

    fn names(&self, folder: &RelPath) -> Vec<RelPath> {
        let entries = self.root.entries(folder).map(|(entries, _)| entries).unwrap_or_default();
        entries.into_iter().map(|entry| entry.path).collect()
    }

    fn refuse(&mut self, path: &RelPath, kind: Uncarried) {
        self.not_carried.push(NotCarried { path: path.to_string(), kind });
    }
}

/// The names of the extended attributes that a file of the workspace has.
fn attributes(root: &Root, path: &RelPath) -> Vec<CString> {
    let Ok(file) = root.file(path, Links::Refuse) else { return Vec::new() };
    let mut list = vec![0; 64 << 10];
    let length = flistxattr(file.into_file(), list.as_mut_slice()).unwrap_or(0);
    list[..length].split(|&byte| byte == 0).filter_map(|name| CString::new(name).ok()).collect()
}
