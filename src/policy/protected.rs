//! What no layer can lift: git directories, `.lg`, and the folders of ours, under every spelling that some file
//! system takes for theirs.

use crate::effect::RuleRef;
use crate::files::{as_file_systems_read, protected_name};

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
        let folders = folders.iter().map(|folder| as_file_systems_read(folder.trim_matches('/')));
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
        let path = as_file_systems_read(path);
        let beneath = |folder: &&String| {
            path.strip_prefix(folder.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.folders.iter().find(beneath).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
