//! Git directories that are not called `.git`: git takes any folder for one that has what it looks for, and runs the
//! hooks and the settings in it. So none is written into, and none is made.

use std::collections::BTreeMap;

use crate::files::{RelPath, Root};

/// The folder above one of `written` that git takes for a git directory, now or once all of `written` is there.
pub(super) fn git_folder_above(root: &Root, written: &[&RelPath]) -> Option<RelPath> {
    let mut judged: BTreeMap<RelPath, bool> = BTreeMap::new();
    for path in written {
        let mut folder = path.split().map(|(folder, _)| folder);
        while let Some(above) = folder {
            let next = above.split().map(|(folder, _)| folder);
            let is_git = *judged.entry(above.clone()).or_insert_with(|| is_git_folder(root, &above, written));
            if is_git {
                return Some(above);
            }
            folder = next;
        }
    }
    None
}

/// What git looks for: `HEAD`, and objects and references beside it or in the folder that `commondir` names.
fn is_git_folder(root: &Root, folder: &RelPath, written: &[&RelPath]) -> bool {
    let has = |name: &str| {
        folder.join(name).is_ok_and(|path| {
            root.facts(&path).is_ok() || written.iter().any(|written| written.is_within(&path))
        })
    };
    has("HEAD") && (has("commondir") || (has("objects") && has("refs")))
}
