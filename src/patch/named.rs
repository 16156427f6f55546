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

/// The paths that a patch names, by what it does to them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Named {
    /// Those that it only reads.
    pub read: Vec<String>,
    /// Those that it changes.
    pub changed: Vec<String>,
    /// Those that it changes by what is no text.
    pub binary: Vec<String>,
}

/// The paths of a patch. Of a text that is no patch nothing, or the path that no patch may name.
pub(crate) fn named_in_patch(text: &str) -> Named {
    let files = match parse(text) {
        Ok(files) => files,
        Err(PatchError::Forbidden { path, .. }) => return Named { changed: vec![path], ..Named::default() },
        Err(_) => return Named::default(),
    };
    let (mut read, mut changed, mut binary) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for file in &files {
        if let Action::Copy { from, .. } = &file.action {
            read.insert(from.to_string());
        }
        changed.extend(file.changed().map(ToString::to_string));
        if file.binary.is_some() {
            binary.extend(file.changed().map(ToString::to_string));
        }
    }
    let list = |paths: BTreeSet<String>| paths.into_iter().collect();
    Named { read: list(read), changed: list(changed), binary: list(binary) }
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
        let named = named_in_patch("--- a/.lg/x\n+++ b/.lg/x\n@@ -1 +1 @@\n-a\n+b\n");
        assert_eq!(named.changed, [".lg/x"]);
        assert_eq!(named_in_patch("nothing"), Named::default());
    }

    #[test]
    fn what_is_copied_is_read_and_not_changed() {
        let copy = "diff --git a/a b/b\nsimilarity index 100%\ncopy from a\ncopy to b\n";
        let named = named_in_patch(copy);
        assert_eq!((named.read, named.changed), (vec!["a".to_owned()], vec!["b".to_owned()]));
    }
}
