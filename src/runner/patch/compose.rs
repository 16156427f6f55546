//! Two states of some files → the patch between them. A file that moved unchanged is a rename. Knows no disk.

use std::collections::BTreeMap;

use crate::files::RelPath;
use crate::patch::{Action, Binary, FilePatch, Hunk, ObjectHash};

use super::Content;
use super::binary::{between, looks_binary};
use super::render::diff;

/// One path on both sides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Side {
    /// Before.
    pub before: Option<Content>,
    /// After.
    pub after: Option<Content>,
}

/// How what is no text is told.
pub(crate) struct Telling<'a> {
    /// May it be, in a binary part? Else it stays in lines, which can't be written.
    pub binary: &'a dyn Fn(&RelPath, &Side) -> bool,
    /// How git's names of contents are made.
    pub hash: &'a dyn Fn() -> ObjectHash,
}

impl Telling<'_> {
    /// In lines alone.
    pub(crate) const LINES: Telling<'static> = Telling { binary: &|_, _| false, hash: &ObjectHash::default };

    fn body(&self, path: &RelPath, side: &Side) -> (Vec<Hunk>, Option<Binary>) {
        let old = side.before.as_ref().map(|content| content.bytes.as_slice());
        let new = side.after.as_ref().map(|content| content.bytes.as_slice());
        let (before, after) = (old.unwrap_or_default(), new.unwrap_or_default());
        if before == after {
            return (Vec::new(), None);
        }
        let binary = || between((self.hash)(), old, new);
        if (looks_binary(before) || looks_binary(after)) && (self.binary)(path, side) {
            return (Vec::new(), binary());
        }
        let hunks = diff(before, after);
        if hunks.iter().all(Hunk::is_text) || !(self.binary)(path, side) {
            return (hunks, None);
        }
        (Vec::new(), binary())
    }
}

/// The patch that makes `after` of `before`, by path. What is equal, but for bits that git does not keep, is left out.
pub(crate) fn compose(files: &BTreeMap<RelPath, Side>, telling: &Telling<'_>) -> Vec<FilePatch> {
    let renames = renames(files);
    let gone: Vec<&RelPath> = renames.values().copied().collect();
    let mut patch = Vec::new();
    for (path, side) in files {
        let (old_mode, new_mode) =
            (side.before.as_ref().map(Content::mode), side.after.as_ref().map(Content::mode));
        let told = |action| {
            let (hunks, binary) = telling.body(path, side);
            FilePatch { action, old_mode, new_mode, hunks, binary }
        };
        match (&side.before, &side.after) {
            (None, None) => {}
            (Some(_), None) if gone.contains(&path) => {}
            (Some(_), None) => patch.push(told(Action::Delete { path: path.clone() })),
            (None, Some(_)) => match renames.get(path) {
                Some(from) => {
                    let old_mode = files.get(*from).and_then(|side| side.before.as_ref()).map(Content::mode);
                    let action = Action::Rename { from: (*from).clone(), to: path.clone() };
                    patch.push(FilePatch { action, old_mode, new_mode, hunks: Vec::new(), binary: None });
                }
                None => patch.push(told(Action::Add { path: path.clone() })),
            },
            (Some(before), Some(after)) if before.bytes == after.bytes && old_mode == new_mode => {}
            (Some(_), Some(_)) => patch.push(told(Action::Modify { path: path.clone() })),
        }
    }
    patch
}

/// New path → old path of files that moved with their content, not counting empty ones.
fn renames(files: &BTreeMap<RelPath, Side>) -> BTreeMap<&RelPath, &RelPath> {
    let mut gone: BTreeMap<&[u8], Vec<&RelPath>> = BTreeMap::new();
    for (path, side) in files.iter().rev() {
        if let (Some(before), None) = (&side.before, &side.after)
            && !before.bytes.is_empty()
        {
            gone.entry(&before.bytes).or_default().push(path);
        }
    }
    let mut found = BTreeMap::new();
    for (path, side) in files {
        if let (None, Some(after)) = (&side.before, &side.after)
            && let Some(from) = gone.get_mut(after.bytes.as_slice()).and_then(Vec::pop)
        {
            found.insert(path, from);
        }
    }
    found
}
