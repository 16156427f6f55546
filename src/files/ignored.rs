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
