//! Git directories that are not called `.git`: git takes any folder for one that has what it looks for, and runs the
//! hooks and the settings in it. So none is written into, and none is made.

use std::collections::BTreeSet;

use crate::files::{RelPath, Root};

/// The folder above one of `written` that git takes for a git directory, now or once all of `written` is there.
pub(super) fn git_folder_above(root: &Root, written: &[&RelPath]) -> Option<RelPath> {
    git_folders(root, written).into_iter().next()
}

/// Every such folder, each once.
pub(super) fn git_folders(root: &Root, written: &[&RelPath]) -> Vec<RelPath> {
    let mut there: BTreeSet<RelPath> = BTreeSet::new();
    let mut above = Vec::new();
    for path in written {
        let mut next = Some((*path).clone());
        while let Some(path) = next.filter(|path| there.insert(path.clone())) {
            next = path.split().map(|(folder, _)| folder);
            above.extend(next.clone());
        }
    }
    let mut judged = BTreeSet::new();
    let is_git = |folder: &RelPath| {
        has_what_git_looks_for(&|name| {
            folder.join(name).is_ok_and(|path| there.contains(&path) || root.facts(&path).is_ok())
        })
    };
    above.retain(|folder| judged.insert(folder.clone()) && is_git(folder));
    above
}

/// What git looks for: `HEAD`, and objects and references beside it or in the folder that `commondir` names.
pub(super) fn has_what_git_looks_for(has: &dyn Fn(&str) -> bool) -> bool {
    has("HEAD") && (has("commondir") || (has("objects") && has("refs")))
}
