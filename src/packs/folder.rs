//! A folder of a disk → a tree. No link is followed, and nothing but regular files with one name is read.

use std::path::Path;

use crate::files::{EntryKind, FileError, Links, RelPath, Root};

use super::tree::{MAX_DEPTH, MAX_FILE};
use super::{PackError, Tree, TreeProblem};

/// Reads a folder whole. A git directory at its top is left out, so that a working tree has the digest of what is
/// committed; anything else that is no regular file is refused.
pub fn read_folder(folder: &Path) -> Result<Tree, PackError> {
    let of = format!("`{}`", folder.display());
    let root = Root::open(folder).map_err(PackError::file(of.clone()))?;
    let mut reading = Reading { root: &root, of, tree: Tree::default() };
    reading.folder(&RelPath::root(), 0)?;
    Ok(reading.tree)
}

struct Reading<'a> {
    root: &'a Root,
    of: String,
    tree: Tree,
}

impl Reading<'_> {
    fn folder(&mut self, folder: &RelPath, depth: usize) -> Result<(), PackError> {
        if depth > MAX_DEPTH {
            return Err(self.refused(TreeProblem::Depth(folder.to_string())));
        }
        let (entries, unnamed) = self.root.entries(folder).map_err(PackError::file(self.of.clone()))?;
        if unnamed > 0 {
            let name = format!("{folder}/(a name that is not UTF-8, or has control characters)");
            return Err(self.refused(TreeProblem::Name(name)));
        }
        for entry in entries {
            let path = entry.path.to_string();
            match entry.kind {
                EntryKind::Folder if path == ".git" => {}
                EntryKind::Folder => self.folder(&entry.path, depth + 1)?,
                EntryKind::File => self.file(&entry.path)?,
                EntryKind::Link => return Err(self.refused(TreeProblem::Link(path))),
                kind => return Err(self.refused(TreeProblem::Special { path, kind: kind.to_string() })),
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &RelPath) -> Result<(), PackError> {
        let opened = self.root.file(path, Links::Refuse);
        let mut file = opened.map_err(PackError::file(self.of.clone()))?;
        if file.facts().links > 1 {
            return Err(self.refused(TreeProblem::HardLink(path.to_string())));
        }
        let executable = file.facts().mode & 0o111 != 0;
        let bytes = match file.read(MAX_FILE) {
            Err(FileError::TooLarge { .. }) => return Err(self.refused(TreeProblem::File(path.to_string()))),
            bytes => bytes.map_err(PackError::file(self.of.clone()))?,
        };
        let added = self.tree.add(path.as_str().as_bytes(), executable, bytes);
        added.map_err(|problem| self.refused(problem))
    }

    fn refused(&self, problem: TreeProblem) -> PackError {
        PackError::Tree { of: self.of.clone(), problem }
    }
}
