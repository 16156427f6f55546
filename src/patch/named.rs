//! The paths that a patch's text names, for those who judge it before anything is resolved.

use std::collections::BTreeSet;

use super::{PatchError, parse};

/// Every path that a patch would read or write, each once.
///
/// # Errors
/// The text is no patch: why, in words.
pub fn paths_of_patch(text: &str) -> Result<Vec<String>, String> {
    named(text).map_err(|error| error.to_string())
}

/// The same of a patch that may be none: then nothing, or the path that no patch may name.
pub(crate) fn named_in_patch(text: &str) -> Vec<String> {
    match named(text) {
        Ok(paths) => paths,
        Err(PatchError::Forbidden { path, .. }) => vec![path],
        Err(_) => Vec::new(),
    }
}

fn named(text: &str) -> Result<Vec<String>, PatchError> {
    let files = parse(text)?;
    let named = files.iter().flat_map(|file| file.action.source().into_iter().chain(file.action.target()));
    let paths: BTreeSet<String> = named.map(ToString::to_string).collect();
    Ok(paths.into_iter().collect())
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
        assert_eq!(named_in_patch("--- a/.lg/x\n+++ b/.lg/x\n@@ -1 +1 @@\n-a\n+b\n"), [".lg/x"]);
        assert_eq!(named_in_patch("nothing"), [""; 0]);
    }
}
