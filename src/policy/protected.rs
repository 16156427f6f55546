//! What no layer can lift: git directories, `.lg`, and the folders of ours, under every spelling that some file
//! system takes for theirs.

use crate::effect::RuleRef;

use super::{Decision, Reason};

/// Which names are out of reach, besides the protected folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// The folders alone: reading.
    Folders,
    /// Git directories and `.lg` as well: writing.
    Names,
}

/// What no layer can lift, for one kind of access.
#[derive(Debug, Clone)]
pub struct Protected {
    guard: Guard,
    folders: Vec<String>,
}

impl Protected {
    /// Protects `folders`, relative to the root and `/`-separated, and what `guard` says.
    pub fn new(guard: Guard, folders: &[String]) -> Self {
        let folders = folders.iter().map(|folder| plain(folder.trim_matches('/')));
        Self { guard, folders: folders.filter(|folder| !folder.is_empty()).collect() }
    }

    /// Is this path out of reach?
    pub fn holds(&self, path: &str) -> bool {
        self.find(path).is_some()
    }

    /// The denial, where the path is out of reach.
    pub fn check(&self, path: &str) -> Option<Reason> {
        let name = self.find(path)?;
        let rule = RuleRef::protection();
        let message = format!("`{path}` lies in `{name}`, which is protected; no policy can allow it");
        Some(Reason::new(Decision::Deny, rule, message))
    }

    fn find(&self, path: &str) -> Option<String> {
        if self.guard == Guard::Names
            && let Some(name) = path.split('/').find_map(protected_name)
        {
            return Some(name.to_owned());
        }
        if self.folders.is_empty() {
            return None;
        }
        let path = plain(path);
        let beneath = |folder: &&String| {
            path.strip_prefix(folder.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.folders.iter().find(beneath).cloned()
    }
}

/// The protected name that a path component is, under any spelling: case, ignorable characters (HFS+), trailing
/// dots and spaces, stream suffixes and short names (NTFS); the class of CVE-2014-9390 and CVE-2019-1352.
pub fn protected_name(component: &str) -> Option<&'static str> {
    let plain = plain(component);
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
fn plain(text: &str) -> String {
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

    #[test]
    fn folders_are_protected_with_all_beneath_them() {
        let write = Protected::new(Guard::Names, &["var/state".to_owned()]);
        for path in
            ["var/state", "var/state/x", "VAR/State/x", "a/.git/config", "sub/.lg/policy.yaml", ".git"]
        {
            assert!(write.holds(path), "{path}");
        }
        for path in ["var", "var/states", "src/main.rs", ".github/x"] {
            assert!(!write.holds(path), "{path}");
        }
        let read = Protected::new(Guard::Folders, &["var/state".to_owned()]);
        assert!(read.holds("var/state/db") && !read.holds(".git/config"));
    }
}
