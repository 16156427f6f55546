//! Ignore files, read through the held root and matched without running git: `.ignore` before `.gitignore` before
//! `.git/info/exclude`, a deeper file before a higher one. The user's own global excludes are not asked: what a
//! workspace contains is a function of the workspace.

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::{Entry, EntryKind, Links, RelPath, Root};

/// The most bytes of an ignore file; a longer one is not honoured.
const MAX_BYTES: u64 = 1 << 20;

/// The ignore files of the folders from the root down to one.
#[derive(Debug, Default)]
pub(super) struct Ignored {
    /// Folder, and its two matchers where it has the files.
    levels: Vec<Level>,
    exclude: Option<Gitignore>,
}

#[derive(Debug)]
struct Level {
    folder: RelPath,
    ignore: Option<Gitignore>,
    gitignore: Option<Gitignore>,
}

impl Ignored {
    /// What holds for every folder of `root`.
    pub(super) fn of(root: &Root) -> Self {
        let exclude = RelPath::parse(".git/info/exclude").ok().and_then(|path| matcher(root, &path));
        Self { levels: Vec::new(), exclude }
    }

    /// Goes into `folder`: takes out what was deeper or beside, adds its own files.
    pub(super) fn enter(&mut self, root: &Root, folder: &RelPath) {
        self.levels.retain(|level| folder.is_within(&level.folder) && *folder != level.folder);
        let file = |name| folder.join(name).ok().and_then(|path| matcher(root, &path));
        let (ignore, gitignore) = (file(".ignore"), file(".gitignore"));
        if ignore.is_some() || gitignore.is_some() {
            self.levels.push(Level { folder: folder.clone(), ignore, gitignore });
        }
    }

    /// Is the entry ignored by itself? A folder that is ignored is not gone into.
    pub(super) fn ignores(&self, entry: &Entry) -> bool {
        let folder = entry.kind == EntryKind::Folder;
        let asked = |pick: fn(&Level) -> Option<&Gitignore>| {
            self.levels.iter().rev().find_map(|level| {
                let below = below(&entry.path, &level.folder);
                decided(&pick(level)?.matched(below, folder))
            })
        };
        asked(|level| level.ignore.as_ref())
            .or_else(|| asked(|level| level.gitignore.as_ref()))
            .or_else(|| decided(&self.exclude.as_ref()?.matched(entry.path.as_str(), folder)))
            .unwrap_or(false)
    }
}

/// Asks of single paths what a walk asks on its way: do ignore files name it, or a folder above it?
#[derive(Debug)]
pub struct Exclusions<'a> {
    root: &'a Root,
    ignored: Ignored,
    /// The folder of the last question, and whether it is excluded.
    last: Option<(RelPath, bool)>,
}

impl<'a> Exclusions<'a> {
    /// The ignore files of `root`, as they are when they are asked.
    pub fn of(root: &'a Root) -> Self {
        Self { root, ignored: Ignored::of(root), last: None }
    }

    /// Is it excluded? Questions about paths of one folder, one after the other, are the fastest.
    pub fn exclude(&mut self, path: &RelPath, kind: EntryKind) -> bool {
        let Some((folder, _)) = path.split() else { return false };
        if self.last.as_ref().is_none_or(|(last, _)| *last != folder) {
            let excluded = self.enter(&folder);
            self.last = Some((folder, excluded));
        }
        let entry = Entry { path: path.clone(), kind };
        self.last.as_ref().is_some_and(|(_, excluded)| *excluded) || self.ignored.ignores(&entry)
    }

    /// Goes into a folder from the root down; says whether it is excluded.
    fn enter(&mut self, folder: &RelPath) -> bool {
        let mut here = RelPath::root();
        self.ignored.enter(self.root, &here);
        for part in folder.parts() {
            let Ok(next) = here.join(part) else { return false };
            if self.ignored.ignores(&Entry { path: next.clone(), kind: EntryKind::Folder }) {
                return true;
            }
            self.ignored.enter(self.root, &next);
            here = next;
        }
        false
    }
}

fn decided<T>(found: &Match<T>) -> Option<bool> {
    match found {
        Match::None => None,
        Match::Ignore(_) => Some(true),
        Match::Whitelist(_) => Some(false),
    }
}

fn below<'a>(path: &'a RelPath, folder: &RelPath) -> &'a str {
    if folder.is_root() {
        return path.as_str();
    }
    path.as_str().get(folder.as_str().len() + 1..).unwrap_or_default()
}

/// The patterns of a file; a line that is no pattern is skipped, as git does.
fn matcher(root: &Root, path: &RelPath) -> Option<Gitignore> {
    let bytes = root.file(path, Links::Refuse).ok()?.read(MAX_BYTES).ok()?;
    let mut builder = GitignoreBuilder::new("");
    for line in String::from_utf8_lossy(&bytes).trim_start_matches('\u{feff}').lines() {
        let _ = builder.add_line(None, line);
    }
    builder.build().ok()
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
mod tests {
    use super::*;

    #[test]
    fn single_paths_are_excluded_as_a_walk_excludes_them() {
        let place = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(place.path().join("sub/deep")).unwrap();
        std::fs::write(place.path().join(".gitignore"), "/target\n*.log\n").unwrap();
        std::fs::write(place.path().join("sub/.gitignore"), "!keep.log\nlocal/\n").unwrap();
        let root = Root::open(place.path()).unwrap();
        let mut exclusions = Exclusions::of(&root);
        for (path, kind, excluded) in [
            ("target", EntryKind::Folder, true),
            ("target/debug/x", EntryKind::File, true),
            ("sub/target", EntryKind::Folder, false),
            ("a.log", EntryKind::File, true),
            ("sub/keep.log", EntryKind::File, false),
            ("sub/deep/keep.log", EntryKind::File, false),
            ("sub/other.log", EntryKind::File, true),
            ("sub/local", EntryKind::Folder, true),
            ("sub/local", EntryKind::File, false),
            ("sub/local/x", EntryKind::File, true),
            ("new/folder/x", EntryKind::File, false),
            ("keep.log", EntryKind::File, true),
        ] {
            assert_eq!(exclusions.exclude(&RelPath::parse(path).unwrap(), kind), excluded, "{path}");
        }
    }
}
