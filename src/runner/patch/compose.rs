//! Two states of some files → the patch between them. A file that moved unchanged is a rename. Knows no disk.

use std::collections::BTreeMap;

use crate::files::RelPath;
use crate::patch::{Action, FilePatch};

use super::Content;
use super::render::diff;

/// One path on both sides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Side {
    /// Before.
    pub before: Option<Content>,
    /// After.
    pub after: Option<Content>,
}

/// The patch that makes `after` of `before`, by path. What is equal, but for bits that git does not keep, is left out.
pub(crate) fn compose(files: &BTreeMap<RelPath, Side>) -> Vec<FilePatch> {
    let renames = renames(files);
    let gone: Vec<&RelPath> = renames.values().copied().collect();
    let mut patch = Vec::new();
    for (path, side) in files {
        let (old_mode, new_mode) =
            (side.before.as_ref().map(Content::mode), side.after.as_ref().map(Content::mode));
        let old = side.before.as_ref().map_or(&[][..], |content| &content.bytes);
        let new = side.after.as_ref().map_or(&[][..], |content| &content.bytes);
        let file = |action, hunks| FilePatch { action, old_mode, new_mode, hunks };
        match (&side.before, &side.after) {
            (None, None) => {}
            (Some(_), None) if gone.contains(&path) => {}
            (Some(_), None) => patch.push(file(Action::Delete { path: path.clone() }, diff(old, new))),
            (None, Some(_)) => match renames.get(path) {
                Some(from) => {
                    let old_mode = files.get(*from).and_then(|side| side.before.as_ref()).map(Content::mode);
                    let action = Action::Rename { from: (*from).clone(), to: path.clone() };
                    patch.push(FilePatch { action, old_mode, new_mode, hunks: Vec::new() });
                }
                None => patch.push(file(Action::Add { path: path.clone() }, diff(old, new))),
            },
            (Some(_), Some(_)) if old == new && old_mode == new_mode => {}
            (Some(_), Some(_)) => patch.push(file(Action::Modify { path: path.clone() }, diff(old, new))),
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
