//! Which folders are watched. A folder that is replaced as a whole, as a checkout does, is seen by the one around it.
#![expect(clippy::disallowed_methods, reason = "the folders that hold the user's own files are looked for")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The folder of a workspace's own files.
const OWN: &str = ".lg";
/// Folders below the first one, at most.
const DEPTH: usize = 6;
/// Folders in all, at most.
const MOST: usize = 2000;
/// What holds no file that a graph names.
const LEFT_OUT: [&str; 5] = [".git", "target", "node_modules", ".venv", "__pycache__"];

/// The folders to watch, each by itself, and what counts in them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// Watched, each without those below it.
    pub folders: BTreeSet<PathBuf>,
    /// What a change lies beneath if it counts.
    pub beneath: Vec<PathBuf>,
}

impl Places {
    /// Does a change of this path count?
    pub fn concern(&self, path: &Path) -> bool {
        self.beneath.iter().any(|place| path.starts_with(place))
    }

    /// All of both.
    pub fn join(&mut self, other: Places) {
        self.folders.extend(other.folders);
        self.beneath.extend(other.beneath);
    }
}

/// What is watched of the workspace `root`: its `.lg` folder, and whether there is one.
pub fn own_folder(root: &Path) -> Places {
    let own = root.join(OWN);
    let mut folders = BTreeSet::from([root.to_owned()]);
    below(&own, DEPTH, &mut folders);
    Places { folders, beneath: vec![own] }
}

/// What is watched for a file that the user named: its folder, beneath which everything lies that it names.
pub fn around_file(file: &Path) -> Places {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let mut folders = BTreeSet::new();
    below(&folder, DEPTH, &mut folders);
    Places { folders, beneath: vec![folder] }
}

fn below(folder: &Path, depth: usize, found: &mut BTreeSet<PathBuf>) {
    let is_folder = folder.symlink_metadata().is_ok_and(|facts| facts.is_dir());
    if !is_folder || found.len() >= MOST || !found.insert(folder.to_owned()) || depth == 0 {
        return;
    }
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) && !LEFT_OUT.iter().any(|out| name == *out) {
            below(&entry.path(), depth - 1, found);
        }
    }
}
