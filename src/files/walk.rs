//! Walking a folder beneath a held root: bytewise order, no link followed, no git directory entered, bounded.

use super::ignored::Ignored;
use super::{EntryKind, FileError, RelPath, Root};

/// What to walk.
#[derive(Debug, Clone)]
pub struct Walk {
    /// Where to begin.
    pub start: RelPath,
    /// Into folders as well?
    pub recursive: bool,
    /// Leave out what ignore files name?
    pub ignore_files: IgnoreFiles,
    /// The most entries that are looked at, ignored ones included.
    pub max_entries: usize,
}

/// What becomes of `.gitignore`, `.ignore` and `.git/info/exclude`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IgnoreFiles {
    /// What they name is left out.
    Honour,
    /// They are files like others.
    Disregard,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Walked {
    /// Regular files, bytewise.
    pub files: Vec<RelPath>,
    /// Names that are not UTF-8 or hold control characters: they can't be written in a call.
    pub unnamed: u64,
    /// Folders that the system did not let us read.
    pub closed: Vec<RelPath>,
    /// Did the walk end before everything was seen? What is there then is the bytewise beginning.
    pub truncated: bool,
}

/// Walks. `keep` is asked of each folder and file; a folder that is not kept is not entered.
pub fn walk(
    root: &Root,
    walk: &Walk,
    keep: &mut dyn FnMut(&RelPath, EntryKind) -> bool,
) -> Result<Walked, FileError> {
    walk_until(root, walk, keep, &|| false)
}

/// The same; `is_over` is asked before each folder, and ends the walk.
pub fn walk_until(
    root: &Root,
    walk: &Walk,
    keep: &mut dyn FnMut(&RelPath, EntryKind) -> bool,
    is_over: &dyn Fn() -> bool,
) -> Result<Walked, FileError> {
    let mut ignored = match walk.ignore_files {
        IgnoreFiles::Honour => Ignored::of(root),
        IgnoreFiles::Disregard => Ignored::default(),
    };
    let honour = walk.ignore_files == IgnoreFiles::Honour;
    if honour {
        enter_parents(&mut ignored, root, &walk.start);
    }
    let mut found = Walked::default();
    let mut seen = 0;
    let mut ahead = vec![(walk.start.clone(), EntryKind::Folder)];
    while let Some((path, kind)) = ahead.pop() {
        if kind == EntryKind::File {
            found.files.push(path);
            continue;
        }
        if is_over() {
            found.truncated = true;
            break;
        }
        let entries = match root.entries(&path) {
            Ok((entries, unnamed)) => {
                found.unnamed += unnamed;
                entries
            }
            Err(error) if path == walk.start => return Err(error),
            Err(_) => {
                found.closed.push(path);
                continue;
            }
        };
        if honour {
            ignored.enter(root, &path);
        }
        seen += entries.len();
        if seen > walk.max_entries {
            found.truncated = true;
            break;
        }
        let wanted = entries.into_iter().filter(|entry| match entry.kind {
            EntryKind::Folder => {
                (walk.recursive && !is_git(&entry.path))
                    && !(honour && ignored.ignores(entry))
                    && keep(&entry.path, entry.kind)
            }
            EntryKind::File => !(honour && ignored.ignores(entry)) && keep(&entry.path, entry.kind),
            _ => false,
        });
        let wanted: Vec<_> = wanted.map(|entry| (entry.path, entry.kind)).collect();
        ahead.extend(wanted.into_iter().rev());
    }
    Ok(found)
}

fn enter_parents(ignored: &mut Ignored, root: &Root, start: &RelPath) {
    let mut folder = RelPath::root();
    for part in start.parts() {
        ignored.enter(root, &folder);
        let Ok(next) = folder.join(part) else { return };
        folder = next;
    }
}

/// `.git` under any spelling.
fn is_git(path: &RelPath) -> bool {
    path.parts().next_back().is_some_and(|name| name.eq_ignore_ascii_case(".git"))
}
