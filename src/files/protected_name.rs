//! Names that some file system takes for those of git directories and of `.lg`.

/// The protected name that a path component is, under any spelling: case, ignorable characters (HFS+), trailing
/// dots and spaces, stream suffixes and short names (NTFS); the class of CVE-2014-9390 and CVE-2019-1352.
pub fn protected_name(component: &str) -> Option<&'static str> {
    let plain = as_file_systems_read(component);
    let stem = plain.split(':').next().unwrap_or_default().trim_end_matches(['.', ' ']);
    let short = |name: &str| {
        stem.strip_prefix(name)
            .and_then(|rest| rest.strip_prefix('~'))
            .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
    };
    match stem {
        ".git" => Some(".git"),
        ".lg" => Some(".lg"),
        _ if short("git") => Some(".git"),
        _ if short("lg") => Some(".lg"),
        _ => None,
    }
}

/// Lowercase, without the characters that HFS+ ignores.
pub fn as_file_systems_read(text: &str) -> String {
    let ignored = |c: &char| matches!(*c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    text.chars().filter(|c| !ignored(c)).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_git_directory_is_protected() {
        let spellings = [
            ".git",
            ".GIT",
            ".Git",
            ".git.",
            ".git ",
            ".git. .",
            ".g\u{200c}it",
            "\u{feff}.git",
            "git~1",
            "GIT~2",
            ".git::$INDEX_ALLOCATION",
            ".git:stream",
        ];
        for name in spellings {
            assert_eq!(protected_name(name), Some(".git"), "{name:?}");
        }
        assert_eq!(protected_name(".LG"), Some(".lg"));
        for name in [".gitignore", ".gitattributes", "git", ".github", "git~", "git~x", "lg", "x.git"] {
            assert_eq!(protected_name(name), None, "{name:?}");
        }
    }
}
