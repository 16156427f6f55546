//! A commit's tree out of git's objects, without running git: no attribute, filter or setting has a say.

use std::path::Path;

use crate::packs::tree::{MAX_DEPTH, MAX_FILE};
use crate::packs::{PackError, Tree, TreeProblem};
use crate::runner::git_options;

/// Where git looks for a short name, in its order.
const PLACES: [(&str, &str); 5] = [
    ("refs/", ""),
    ("refs/tags/", ""),
    ("refs/heads/", ""),
    ("refs/remotes/", ""),
    ("refs/remotes/", "/HEAD"),
];

/// A commit.
pub(in crate::packs) struct Commit {
    repository: gix::Repository,
    id: gix::ObjectId,
    tree: gix::ObjectId,
}

impl std::fmt::Debug for Commit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Commit({})", self.id)
    }
}

/// Refuses a name that means several refs: which of them is taken would be up to whoever made the other one.
fn one_meaning(repository: &gix::Repository, name: &str) -> Result<(), String> {
    let base = name.find(['^', '~', ':', '@']).map_or(name, |end| &name[..end]);
    if base.is_empty() || base == "HEAD" || base.starts_with("refs/") {
        return Ok(());
    }
    let full = PLACES.iter().map(|(before, after)| format!("{before}{base}{after}"));
    let found: Vec<String> = full
        .filter(|full| repository.try_find_reference(full.as_str()).is_ok_and(|found| found.is_some()))
        .collect();
    if found.len() < 2 {
        return Ok(());
    }
    Err(format!("it means `{}`; write the one that is meant in full", found.join("` and `")))
}

/// An entry of a folder of a commit.
struct Entry {
    path: Vec<u8>,
    mode: gix::object::tree::EntryMode,
    id: gix::ObjectId,
}

impl Commit {
    /// The commit that a ref of a repository means. The error is a phrase.
    pub(super) fn of(folder: &Path, name: &str) -> Result<Self, String> {
        Self::opened(folder, git_options().open_path_as_is(true), name)
    }

    /// The commit that a revision means in the repository of a work tree. The error is a phrase.
    pub(in crate::packs) fn here(top: &Path, revision: &str) -> Result<Self, String> {
        Self::opened(top, git_options(), revision)
    }

    fn opened(folder: &Path, options: gix::open::Options, name: &str) -> Result<Self, String> {
        let repository = gix::open_opts(folder, options).map_err(|error| error.to_string())?;
        one_meaning(&repository, name)?;
        let (id, tree) = {
            let named = repository.rev_parse_single(name).map_err(|error| error.to_string())?;
            let object = named.object().map_err(|error| error.to_string())?;
            let commit = object.peel_to_commit().map_err(|error| format!("it is no commit: {error}"))?;
            (commit.id, commit.tree_id().map_err(|error| error.to_string())?.detach())
        };
        Ok(Self { repository, id, tree })
    }

    /// All of its hex digits.
    pub(in crate::packs) fn id(&self) -> String {
        self.id.to_string()
    }

    /// Is there a regular file at this path?
    pub(in crate::packs) fn has_file(&self, path: &str) -> bool {
        let parts: Vec<&str> = path.split('/').filter(|part| *part != ".").collect();
        self.descend(&parts).is_some_and(|(mode, _)| mode.is_blob())
    }

    /// The tree of a folder; `of` says what it is of.
    pub(in crate::packs) fn tree(&self, folder: &str, of: &str) -> Result<Tree, PackError> {
        let parts: Vec<&str> = folder.split('/').filter(|part| *part != ".").collect();
        let found = self.descend(&parts).filter(|(mode, _)| mode.is_tree());
        let (_, id) = found.ok_or_else(|| PackError::NoPack(of.to_owned()))?;
        let mut tree = Tree::default();
        self.collect(id, b"", 0, &mut tree, of)?;
        Ok(tree)
    }

    fn descend(&self, parts: &[&str]) -> Option<(gix::object::tree::EntryMode, gix::ObjectId)> {
        let mut at = (gix::object::tree::EntryKind::Tree.into(), self.tree);
        for part in parts {
            let entries = self.entries(at.1, b"").ok()?;
            let entry = entries.into_iter().find(|entry| entry.path == part.as_bytes())?;
            at = (entry.mode, entry.id);
        }
        Some(at)
    }

    fn entries(&self, tree: gix::ObjectId, above: &[u8]) -> Result<Vec<Entry>, String> {
        let tree = self.repository.find_tree(tree).map_err(|error| error.to_string())?;
        let mut entries = Vec::new();
        for entry in tree.iter() {
            let entry = entry.map_err(|error| error.to_string())?;
            let name: &[u8] = entry.filename().as_ref();
            let path = if above.is_empty() { name.to_vec() } else { [above, b"/", name].concat() };
            entries.push(Entry { path, mode: entry.mode(), id: entry.object_id() });
        }
        Ok(entries)
    }

    fn collect(
        &self,
        folder: gix::ObjectId,
        above: &[u8],
        depth: usize,
        tree: &mut Tree,
        of: &str,
    ) -> Result<(), PackError> {
        let unreadable = |problem: String| PackError::Git { of: of.to_owned(), problem };
        for Entry { path, mode, id } in self.entries(folder, above).map_err(unreadable)? {
            let shown = String::from_utf8_lossy(&path).into_owned();
            let refused = |problem| Err(PackError::Tree { of: of.to_owned(), problem });
            if mode.is_tree() {
                if depth >= MAX_DEPTH {
                    return refused(TreeProblem::Depth(shown));
                }
                // a name that cannot be is refused where it is seen, also of a folder that holds nothing
                Tree::check_name(&path).map_err(PackError::tree(of))?;
                self.collect(id, &path, depth + 1, tree, of)?;
            } else if mode.is_commit() {
                return refused(TreeProblem::Submodule(shown));
            } else if mode.is_blob() {
                let bytes = self.blob(id, &shown, of)?;
                tree.add(&path, mode.is_executable(), bytes).map_err(PackError::tree(of))?;
            } else {
                return refused(TreeProblem::Link(shown));
            }
        }
        Ok(())
    }

    /// The size stands in an object's header: a file that is too large is never unpacked.
    fn blob(&self, id: gix::ObjectId, shown: &str, of: &str) -> Result<Vec<u8>, PackError> {
        let unreadable = |error: String| PackError::Git { of: of.to_owned(), problem: error };
        let header = self.repository.find_header(id).map_err(|error| unreadable(error.to_string()))?;
        if header.size() > MAX_FILE {
            return Err(PackError::tree(of)(TreeProblem::File(shown.to_owned())));
        }
        let mut object = self.repository.find_object(id).map_err(|error| unreadable(error.to_string()))?;
        Ok(std::mem::take(&mut object.data))
    }
}
