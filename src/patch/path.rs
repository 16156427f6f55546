//! Which paths a patch may name at all, before any policy is asked. Knows no disk.

use crate::files::{RelPath, protected_name};

use super::PatchError;

/// A path relative to the root, or why no patch may name it. It must be written as it is: nothing is normalised.
pub(crate) fn checked(name: &str) -> Result<RelPath, PatchError> {
    let refused = |message: &str| PatchError::forbidden(&shown(name), message);
    let path = RelPath::parse(name).map_err(|error| refused(&error.to_string()))?;
    if path.as_str() != name || path.is_root() {
        return Err(refused("the path must be written without `.`, empty parts and a `/` at its end"));
    }
    if has_drive(name) {
        return Err(refused(
            "the path begins like a drive or a share of Windows; write it relative to the root, and name the file \
             otherwise",
        ));
    }
    if path.parts().any(is_protected) {
        return Err(refused("git folders and `.lg` are never written by a workflow"));
    }
    Ok(path)
}

fn has_drive(name: &str) -> bool {
    let bytes = name.as_bytes();
    name.starts_with('\\') || (bytes.len() > 1 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':')
}

/// Is this a name that some file system takes for `.git` or `.lg`? A backslash parts names as well: elsewhere it does.
pub(crate) fn is_protected(part: &str) -> bool {
    part.split('\\').any(|piece| protected_name(piece).is_some())
}

/// The name with its control characters visible and its length bounded.
pub(crate) fn shown(name: &str) -> String {
    let mut out: String = name.chars().take(200).flat_map(char::escape_debug).collect();
    if name.chars().nth(200).is_some() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_ways_out_and_protected_names() {
        for name in [
            "",
            "/etc/passwd",
            "../x",
            "a/../../x",
            "a/./b",
            "a//b",
            "a/",
            "~/x",
            "file:///etc/passwd",
            "C:/x",
            "c:x",
            "\\\\host\\x",
            "a\0b",
            "tab\tin it",
            "~x/y",
            ".git/config",
            "sub/.git/hooks/pre-commit",
            ".GIT/config",
            ".git./config",
            ".git /config",
            ".git::$INDEX_ALLOCATION/config",
            "git~1/config",
            "GIT~2/config",
            ".g\u{200c}it/config",
            "\u{feff}.git",
            ".git",
            "a\\.git\\config",
            ".lg/policy.yaml",
            ".LG/policy.yaml",
            "x/.lg",
        ] {
            assert!(checked(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn takes_the_harmless_twins() {
        for name in [
            "x",
            "a/b",
            ".github/workflows/ci.yml",
            ".gitignore",
            ".gitattributes",
            "git/x",
            ".lgx",
            "a b/ü",
            "..x",
            "x..",
            "git~x",
            ".gi",
        ] {
            assert_eq!(checked(name).unwrap().as_str(), name);
        }
    }
}
