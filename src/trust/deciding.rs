//! Everything under `.lg` that decides what a run does: graphs, policies, config, lock, prompts, schemas. A new kind of
//! file there counts as well, because it is there.

use std::collections::BTreeMap;
use std::path::Path;

use crate::digest::Digest;
use crate::files::{EntryKind, FileError, Links, RelPath, Root};

use super::TrustError;

/// Files under `.lg`, at most.
const MAX_FILES: u64 = 10_000;
/// Bytes of all of them, at most.
const MAX_BYTES: u64 = 64 << 20;

/// What decides, with the digest of each file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deciding {
    /// By path relative to the workspace.
    pub files: BTreeMap<String, Digest>,
}

impl Deciding {
    /// One digest of all of it: what `LGFLOW_TRUST` names.
    pub fn digest(&self) -> Digest {
        let files: BTreeMap<&str, String> =
            self.files.iter().map(|(path, digest)| (path.as_str(), digest.to_string())).collect();
        Digest::of_json(&serde_json::json!({"schema": "lgflow.deciding/v1", "files": files}))
    }

    /// Is there nothing at all?
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

/// Reads all of a workspace's `.lg`; nothing, where there is none.
///
/// # Errors
/// A link, a pipe or a device in it, or more than any project has.
pub fn what_decides(workspace: &Path) -> Result<Deciding, TrustError> {
    let root = Root::open(workspace).map_err(TrustError::file(workspace))?;
    let mut found = Found { root: &root, workspace, files: BTreeMap::new(), bytes: 0 };
    let Ok(folder) = RelPath::parse(".lg") else { return Ok(Deciding { files: BTreeMap::new() }) };
    match root.facts(&folder) {
        Err(FileError::NotFound { .. }) => {}
        Err(error) => return Err(TrustError::file(workspace)(error)),
        Ok(facts) if facts.kind == EntryKind::Folder => found.folder(&folder)?,
        Ok(_) => return Err(TrustError::NotRegular { path: ".lg".to_owned() }),
    }
    Ok(Deciding { files: found.files })
}

struct Found<'a> {
    root: &'a Root,
    workspace: &'a Path,
    files: BTreeMap<String, Digest>,
    bytes: u64,
}

impl Found<'_> {
    fn folder(&mut self, folder: &RelPath) -> Result<(), TrustError> {
        let (entries, unreadable) = self.root.entries(folder).map_err(TrustError::file(self.workspace))?;
        if unreadable > 0 {
            return Err(TrustError::NotRegular { path: format!("{folder}/(a name that is not UTF-8)") });
        }
        for entry in entries {
            match entry.kind {
                EntryKind::File => self.file(&entry.path)?,
                EntryKind::Folder => self.folder(&entry.path)?,
                _ => return Err(TrustError::NotRegular { path: entry.path.to_string() }),
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &RelPath) -> Result<(), TrustError> {
        let mut file = self.root.file(path, Links::Refuse).map_err(TrustError::file(self.workspace))?;
        let bytes = file.read(MAX_BYTES).map_err(TrustError::file(self.workspace))?;
        self.bytes += bytes.len() as u64;
        if self.bytes > MAX_BYTES {
            return Err(TrustError::TooMuch { what: "bytes", limit: MAX_BYTES });
        }
        self.files.insert(path.to_string(), Digest::of(bytes));
        if self.files.len() as u64 > MAX_FILES {
            return Err(TrustError::TooMuch { what: "files", limit: MAX_FILES });
        }
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the test makes the files that are read")]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn every_file_counts_and_a_link_is_refused() {
        let workspace = tempfile::tempdir().unwrap();
        assert!(what_decides(workspace.path()).unwrap().is_empty());
        fs::create_dir_all(workspace.path().join(".lg/prompts")).unwrap();
        fs::write(workspace.path().join(".lg/policy.yaml"), "a").unwrap();
        fs::write(workspace.path().join(".lg/prompts/plan.md"), "b").unwrap();
        let before = what_decides(workspace.path()).unwrap();
        assert_eq!(before.files.keys().collect::<Vec<_>>(), [".lg/policy.yaml", ".lg/prompts/plan.md"]);
        fs::write(workspace.path().join(".lg/prompts/plan.md"), "c").unwrap();
        assert_ne!(what_decides(workspace.path()).unwrap().digest(), before.digest());
        std::os::unix::fs::symlink("/etc/passwd", workspace.path().join(".lg/x.md")).unwrap();
        let error = what_decides(workspace.path()).unwrap_err();
        assert!(matches!(error, TrustError::NotRegular { .. }), "{error}");
    }
}
