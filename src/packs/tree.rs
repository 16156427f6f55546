//! A pack's tree, held in memory: what its names may be, how much it may hold, and the one digest of it. Whatever it
//! was read from, it is the same tree with the same digest.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::digest::Digest;
use crate::files::RelPath;

/// Files of a pack.
const MAX_FILES: usize = 2_000;
/// Bytes of a file of a pack.
pub(super) const MAX_FILE: u64 = 4 << 20;
/// Bytes of all files of a pack.
const MAX_BYTES: u64 = 32 << 20;
/// Folders within folders.
pub(super) const MAX_DEPTH: usize = 16;

/// A file of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeFile {
    /// Its content.
    pub bytes: Vec<u8>,
    /// The one bit of its mode that counts.
    pub executable: bool,
}

/// The files of a pack by path, every one of them checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    files: BTreeMap<RelPath, TreeFile>,
    /// Every path and folder in small letters, with its own spelling and whether it is a file.
    names: BTreeMap<String, (String, bool)>,
    bytes: u64,
}

/// Why a tree cannot be a pack.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeProblem {
    /// A symbolic link.
    #[error("`{0}` is a symbolic link; put the file itself there")]
    Link(String),
    /// A repository in it.
    #[error("`{0}` is a submodule; put its files there")]
    Submodule(String),
    /// A pipe, a socket, a device.
    #[error("`{path}` is {kind}; a pack holds regular files alone")]
    Special {
        /// Where.
        path: String,
        /// What.
        kind: String,
    },
    /// A hard link.
    #[error("`{0}` has further names (hard links), so it may be another file's content; make a copy of it")]
    HardLink(String),
    /// A name that leads elsewhere, or means another thing on another system.
    #[error(
        "`{0}` cannot be a name in such a folder; use letters, digits and `. _ - + @`, no `..`, no `.git`, and no dot at the end"
    )]
    Name(String),
    /// Two names that one file system holds for the same.
    #[error("`{first}` and `{second}` are one name where letters have no case; rename one")]
    Twins {
        /// The first.
        first: String,
        /// The second.
        second: String,
    },
    /// Too many files.
    #[error(
        "it has more than {MAX_FILES} files; policies, graphs, prompts and schemas are all that belongs there"
    )]
    Files,
    /// A file that is too large.
    #[error("`{0}` has more than {MAX_FILE} bytes")]
    File(String),
    /// Too much in all.
    #[error("its files have more than {MAX_BYTES} bytes in all")]
    Bytes,
    /// Too deep.
    #[error("`{0}` lies more than {MAX_DEPTH} folders deep")]
    Depth(String),
}

impl Tree {
    /// Takes a file in; `path` is as its source spells it, `/` between folders.
    pub fn add(&mut self, path: &[u8], executable: bool, bytes: Vec<u8>) -> Result<(), TreeProblem> {
        let path = checked(path)?;
        self.claim(&path)?;
        self.bytes += bytes.len() as u64;
        if bytes.len() as u64 > MAX_FILE {
            return Err(TreeProblem::File(path.to_string()));
        }
        if self.bytes > MAX_BYTES {
            return Err(TreeProblem::Bytes);
        }
        self.files.insert(path, TreeFile { bytes, executable });
        if self.files.len() > MAX_FILES { Err(TreeProblem::Files) } else { Ok(()) }
    }

    /// Can a file or a folder of a pack have this path?
    pub(super) fn check_name(path: &[u8]) -> Result<(), TreeProblem> {
        checked(path).map(drop)
    }

    /// Its files, by path.
    pub fn files(&self) -> impl Iterator<Item = (&RelPath, &TreeFile)> {
        self.files.iter()
    }

    /// A file's content.
    pub fn file(&self, path: &str) -> Option<&[u8]> {
        let path = RelPath::parse(path).ok()?;
        self.files.get(&path).map(|file| &*file.bytes)
    }

    /// Of the canonical JSON of the sorted list of path, mode bit and SHA-256.
    pub fn digest(&self) -> Digest {
        let files = self.files.iter().map(|(path, file)| {
            json!({
                "path": path.as_str(),
                "executable": file.executable,
                "digest": Digest::of(&file.bytes).to_string(),
            })
        });
        Digest::of_json(&json!({ "schema": "lgflow.tree/v1", "files": files.collect::<Vec<Value>>() }))
    }

    /// Each name of a path, folders included, is taken once, whatever the case of its letters.
    fn claim(&mut self, path: &RelPath) -> Result<(), TreeProblem> {
        let whole = path.as_str();
        let folders = whole.match_indices('/').map(|(at, _)| (&whole[..at], false));
        for (name, is_file) in folders.chain([(whole, true)]) {
            let folded = name.to_ascii_lowercase();
            match self.names.get(&folded) {
                // a folder that is named again
                Some((spelled, false)) if spelled == name && !is_file => {}
                Some((spelled, _)) => {
                    return Err(TreeProblem::Twins { first: spelled.clone(), second: whole.to_owned() });
                }
                None => {
                    self.names.insert(folded, (name.to_owned(), is_file));
                }
            }
        }
        Ok(())
    }
}

/// Only names that mean one thing on every file system, so that no digest depends on tables of letters.
fn checked(path: &[u8]) -> Result<RelPath, TreeProblem> {
    let shown = || String::from_utf8_lossy(path).into_owned();
    let text = std::str::from_utf8(path).map_err(|_| TreeProblem::Name(shown()))?;
    if !text.split('/').all(is_plain) {
        return Err(TreeProblem::Name(shown()));
    }
    if text.split('/').count() > MAX_DEPTH {
        return Err(TreeProblem::Depth(shown()));
    }
    RelPath::parse(text).map_err(|_| TreeProblem::Name(shown()))
}

fn is_plain(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+@".contains(&byte);
    !name.is_empty()
        && name.bytes().all(letter)
        && !name.ends_with('.')
        && !name.eq_ignore_ascii_case(".git")
        && name.len() <= 200
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, bool, &str)]) -> Result<Tree, TreeProblem> {
        let mut tree = Tree::default();
        for (path, executable, text) in files {
            tree.add(path.as_bytes(), *executable, text.as_bytes().to_vec())?;
        }
        Ok(tree)
    }

    #[test]
    fn the_digest_is_of_paths_mode_bits_and_contents() {
        let plain = tree(&[("a.yaml", false, "x"), ("b/c.md", false, "y")]).unwrap();
        let turned = tree(&[("b/c.md", false, "y"), ("a.yaml", false, "x")]).unwrap();
        assert_eq!(plain.digest(), turned.digest());
        let expected = Digest::of(format!(
            r#"{{"files":[{{"digest":"{}","executable":false,"path":"a.yaml"}},{{"digest":"{}","executable":false,"path":"b/c.md"}}],"schema":"lgflow.tree/v1"}}"#,
            Digest::of("x"),
            Digest::of("y")
        ));
        assert_eq!(plain.digest(), expected);
        for other in [
            [("a.yaml", false, "z"), ("b/c.md", false, "y")],
            [("a.yaml", true, "x"), ("b/c.md", false, "y")],
            [("a.yml", false, "x"), ("b/c.md", false, "y")],
        ] {
            assert_ne!(tree(&other).unwrap().digest(), plain.digest(), "{other:?}");
        }
    }

    #[test]
    fn names_that_lead_elsewhere_or_mean_two_things_are_refused() {
        for name in [
            "../x",
            "a/../b",
            "/etc/passwd",
            "a//b",
            "./a",
            ".git/config",
            "a/.GIT",
            "a\\b",
            "c:x",
            "a.",
            "a ",
            "a\nb",
            "ü.md",
            "",
            "a/",
        ] {
            let problem = tree(&[(name, false, "")]).unwrap_err();
            assert!(matches!(problem, TreeProblem::Name(_)), "{name:?}: {problem}");
        }
        let mut broken = Tree::default();
        assert!(matches!(broken.add(b"a\xff", false, Vec::new()), Err(TreeProblem::Name(_))));
        for twins in [["A.md", "a.md"], ["a/x", "A/y"], ["a", "a/b"], ["a/b", "a"], ["a", "a"], ["a/b", "A"]]
        {
            let problem = tree(&[(twins[0], false, ""), (twins[1], false, "")]).unwrap_err();
            assert!(matches!(problem, TreeProblem::Twins { .. }), "{twins:?}: {problem}");
        }
        assert!(tree(&[("a/b", false, ""), ("a/c", false, ""), ("a-b", false, "")]).is_ok());
    }

    #[test]
    fn a_tree_is_bounded() {
        let mut many = Tree::default();
        let added = (0..=MAX_FILES).try_for_each(|n| many.add(format!("f{n}").as_bytes(), false, Vec::new()));
        assert_eq!(added, Err(TreeProblem::Files));
        let mut large = Tree::default();
        let big = vec![0; MAX_FILE as usize + 1];
        assert_eq!(large.add(b"a", false, big), Err(TreeProblem::File("a".to_owned())));
        let mut heavy = Tree::default();
        let full = || vec![0; MAX_FILE as usize];
        let added = (0..9).try_for_each(|n| heavy.add(format!("f{n}").as_bytes(), false, full()));
        assert_eq!(added, Err(TreeProblem::Bytes));
        let deep = "a/".repeat(MAX_DEPTH) + "b";
        assert!(matches!(tree(&[(&deep, false, "")]), Err(TreeProblem::Depth(_))));
    }
}
