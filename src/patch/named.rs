//! The paths that a patch's text names, for those who judge it before anything is resolved.

use std::collections::BTreeSet;

use super::{Action, PatchError, parse};

/// Every path that a patch would read or write, each once.
///
/// # Errors
/// The text is no patch: why, in words.
pub fn paths_of_patch(text: &str) -> Result<Vec<String>, String> {
    let files = parse(text).map_err(|error| error.to_string())?;
    let named = files.iter().flat_map(|file| file.action.source().into_iter().chain(file.action.target()));
    let paths: BTreeSet<String> = named.map(ToString::to_string).collect();
    Ok(paths.into_iter().collect())
}

/// The paths of a patch that it only reads, and those that it changes. Of a text that is no patch nothing, or the path
/// that no patch may name.
pub(crate) fn named_in_patch(text: &str) -> (Vec<String>, Vec<String>) {
    let files = match parse(text) {
        Ok(files) => files,
        Err(PatchError::Forbidden { path, .. }) => return (Vec::new(), vec![path]),
        Err(_) => return (Vec::new(), Vec::new()),
    };
    let (mut read, mut changed) = (BTreeSet::new(), BTreeSet::new());
    for action in files.iter().map(|file| &file.action) {
        let kept = matches!(action, Action::Copy { .. });
        let source = action.source().map(ToString::to_string);
        (if kept { &mut read } else { &mut changed }).extend(source);
        changed.extend(action.target().map(ToString::to_string));
    }
    (read.into_iter().collect(), changed.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_of_a_rename_are_named() {
        let patch = "diff --git a/a b/b\nsimilarity index 100%\nrename from a\nrename to b\n";
        assert_eq!(paths_of_patch(patch).unwrap(), ["a", "b"]);
        assert!(paths_of_patch("nothing").is_err());
    }

    #[test]
    fn what_no_patch_may_name_is_told_to_the_one_who_judges() {
        let (_, changed) = named_in_patch("--- a/.lg/x\n+++ b/.lg/x\n@@ -1 +1 @@\n-a\n+b\n");
        assert_eq!(changed, [".lg/x"]);
        assert_eq!(named_in_patch("nothing"), (Vec::new(), Vec::new()));
    }

    #[test]
    fn what_is_copied_is_read_and_not_changed() {
        let copy = "diff --git a/a b/b\nsimilarity index 100%\ncopy from a\ncopy to b\n";
        assert_eq!(named_in_patch(copy), (vec!["a".to_owned()], vec!["b".to_owned()]));
    }
}
