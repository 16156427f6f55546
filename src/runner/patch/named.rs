//! The paths that a patch's text names, for those who judge it before anything is resolved.

use std::collections::BTreeSet;

use super::parse;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_of_a_rename_are_named() {
        let patch = "diff --git a/a b/b\nsimilarity index 100%\nrename from a\nrename to b\n";
        assert_eq!(paths_of_patch(patch).unwrap(), ["a", "b"]);
        assert!(paths_of_patch("nothing").is_err());
    }
}
