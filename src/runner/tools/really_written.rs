//! Folders that a command really writes. No layer stands over them, so they are held to the rules from outside: before
//! the command nothing may be in them that it may not see or write, and afterwards what it may never make in them is
//! set aside and named.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use crate::effect::{ErrorKind, RuleRef, ToolError};
use crate::files::{Entry, EntryKind, FileError, Links, RelPath, Root};
use crate::policy::WorkspaceMode;
use crate::runner::patch::is_protected;

use super::access::tool_error;
use super::git_folders::{git_folder_above, has_what_git_looks_for};
use super::place::Asked;
use super::writing::{Writing, git_folder};

/// The most entries that are looked through.
const MAX_ENTRIES: usize = 2_000_000;
/// The most that is named in an error.
const MAX_NAMED: usize = 10;

/// What stands in such a folder and must not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Offence {
    /// A name that is git's or ours.
    Protected,
    /// Git takes the folder for a git directory.
    GitFolder,
    /// A rule keeps it from being read or written.
    Denied,
    /// It has names outside of the folder.
    OtherNames,
    /// Names in it are no text, so no rule can be asked.
    Unnameable,
    /// It can't be looked through.
    Closed,
}

impl Offence {
    fn says(self) -> &'static str {
        match self {
            Self::Protected => "git folders and `.lg` are out of reach",
            Self::GitFolder => "git takes it for a git directory, and runs its hooks",
            Self::Denied => "a rule keeps it from being read or written",
            Self::OtherNames => "it is a hard link, and a file outside of the folder is the same one",
            Self::Unnameable => "it has names in it that are no text, or hold control characters",
            Self::Closed => "it can't be looked through",
        }
    }
}

/// The folders that the grant opens; none where the command has a copy of everything, or everything itself.
fn folders(asked: Asked<'_>) -> Result<Vec<RelPath>, ToolError> {
    if asked.grant.workspace != WorkspaceMode::Overlay {
        return Ok(Vec::new());
    }
    let parse = |folder: &String| RelPath::parse(folder).map_err(|error| tool_error(&error.into()));
    asked.grant.unsafe_write.iter().map(parse).collect()
}

/// Refuses a folder that holds what the command may not see or write: nothing would stand before it.
pub(super) fn check_before(asked: Asked<'_>) -> Result<(), ToolError> {
    let (root, writing) = (&asked.world.root, Writing::of(asked.obligations, asked.world));
    for folder in folders(asked)? {
        root.folder(&folder, Links::Refuse).map_err(|error| match error {
            FileError::NotFound { .. } => ToolError::new(
                ErrorKind::NotFound,
                format!(
                    "the command is not run: `sandbox.unsafe_write` lets it really write `{folder}`, and there is no such folder; \
                     make it first"
                ),
            ),
            error => tool_error(&error),
        })?;
        let inside = folder.join("x").map_err(|error| tool_error(&error.into()))?;
        if let Some(git) = git_folder_above(root, &[&inside]) {
            return Err(git_folder(&git));
        }
        if let Some((path, offence)) = look(root, &writing, &folder).into_iter().next() {
            return Err(denied(format!(
                "the command is not run: `sandbox.unsafe_write` lets it really write `{folder}`, and nothing would stand \
                 before `{path}` there: {}; open a folder without it",
                offence.says()
            )));
        }
    }
    Ok(())
}

/// Looks for what the command made in such a folder and may not, takes from git directories and `.lg` the names that
/// make them so, and says all of it. To be called when everything of the command is gone.
pub(super) fn check_after(asked: Asked<'_>) -> Option<ToolError> {
    let (root, writing) = (&asked.world.root, Writing::of(asked.obligations, asked.world));
    let folders = folders(asked).ok()?;
    let mut found: Vec<_> = folders.iter().flat_map(|folder| look(root, &writing, folder)).collect();
    if found.is_empty() {
        return None;
    }
    // what lies in another is renamed before it, and `HEAD` before its folder
    found.sort_by_cached_key(|(path, offence)| (Reverse(path.clone()), *offence == Offence::Protected));
    let mut message =
        "in a folder that the command really writes there is now what it may not make:".to_owned();
    let count = found.len();
    let told: Vec<String> = found
        .into_iter()
        .map(|(path, offence)| format!(" `{path}`: {}{}", offence.says(), set_aside(root, &path, offence)))
        .collect();
    let named: Vec<String> = told.into_iter().rev().take(MAX_NAMED).collect();
    message.push_str(&named.join(";"));
    if count > MAX_NAMED {
        let _ = write!(message, "; and {} more", count - MAX_NAMED);
    }
    Some(denied(message))
}

/// Renames what git, or lgflow, would go by; nothing is deleted, because somebody else may have made it meanwhile.
fn set_aside(root: &Root, path: &RelPath, offence: Offence) -> String {
    let from = match offence {
        Offence::Protected => Ok(path.clone()),
        Offence::GitFolder => path.join("HEAD"),
        _ => return "; it is left there".to_owned(),
    };
    let renamed = from.map_err(Into::into).and_then(|from| {
        let beside = root.name_beside(&from)?;
        let (folder, name) = beside.split().unwrap_or((RelPath::root(), ""));
        let to = folder
            .join(&format!("set-aside{}", name.trim_start_matches(".lgflow").trim_end_matches(".tmp")))?;
        root.rename_new(&from, &to).map(|()| (from, to))
    });
    match renamed {
        Ok((from, to)) => format!("; `{from}` was renamed to `{to}`"),
        Err(error) => format!("; it is STILL THERE, it could not be renamed: {error}"),
    }
}

fn look(root: &Root, writing: &Writing<'_>, folder: &RelPath) -> Vec<(RelPath, Offence)> {
    let mut found = Vec::new();
    // how many names a file has, how many of them are here, and one of them
    let mut linked: BTreeMap<(u64, u64), (u64, u64, RelPath)> = BTreeMap::new();
    let (mut ahead, mut seen) = (vec![folder.clone()], 0);
    while let Some(here) = ahead.pop() {
        let (entries, unnamed) = match root.entries(&here) {
            Ok(found) => found,
            // where nothing is, nothing is wrong
            Err(FileError::NotFound { .. }) => continue,
            Err(_) => {
                found.push((here, Offence::Closed));
                continue;
            }
        };
        seen += entries.len();
        if seen > MAX_ENTRIES {
            found.push((folder.clone(), Offence::Closed));
            break;
        }
        if unnamed > 0 {
            found.push((here.clone(), Offence::Unnameable));
        }
        if looks_like_git(&entries) {
            found.push((here.clone(), Offence::GitFolder));
        }
        let is_out_of_reach = here.parts().any(is_protected);
        for Entry { path, kind } in entries {
            if is_named_as_protected(&path) {
                found.push((path.clone(), Offence::Protected));
            }
            if kind == EntryKind::Folder {
                ahead.push(path);
                continue;
            }
            let linked_file =
                root.facts(&path).ok().filter(|facts| kind == EntryKind::File && facts.links > 1);
            if let Some(facts) = linked_file {
                let file = (facts.device, facts.inode);
                linked.entry(file).or_insert_with(|| (facts.links, 0, path.clone())).1 += 1;
            }
            if !is_out_of_reach && !is_named_as_protected(&path) && !writing.may_be_written_unseen(&path) {
                found.push((path, Offence::Denied));
            }
        }
    }
    let outside = linked.into_values().filter(|(names, here, _)| here < names);
    found.extend(outside.map(|(_, _, path)| (path, Offence::OtherNames)));
    found
}

fn is_named_as_protected(path: &RelPath) -> bool {
    path.split().is_some_and(|(_, name)| is_protected(name))
}

fn looks_like_git(entries: &[Entry]) -> bool {
    let is_there =
        |name: &str| entries.iter().any(|entry| entry.path.split().is_some_and(|(_, its)| its == name));
    has_what_git_looks_for(&is_there)
}

/// What is held read-only where a command has the workspace itself: git directories, `.lg`, and folders of ours.
pub(super) fn held_in(root: &Root, own: &[RelPath]) -> Vec<PathBuf> {
    let mut held: Vec<PathBuf> = Vec::new();
    let (mut ahead, mut seen) = (vec![RelPath::root()], 0);
    while let Some(here) = ahead.pop().filter(|_| seen <= MAX_ENTRIES) {
        // what is closed to us is closed to the command
        let Ok((entries, _)) = root.entries(&here) else { continue };
        seen += entries.len();
        if !here.is_root() && looks_like_git(&entries) {
            held.push(PathBuf::from(here.as_str()));
            continue;
        }
        for Entry { path, kind } in entries {
            if is_named_as_protected(&path) || own.contains(&path) {
                // a link is a name, and no name can be held
                if kind != EntryKind::Link {
                    held.push(PathBuf::from(path.as_str()));
                }
            } else if kind == EntryKind::Folder {
                ahead.push(path);
            }
        }
    }
    held
}

fn denied(message: String) -> ToolError {
    ToolError { rule: Some(RuleRef::protection()), ..ToolError::new(ErrorKind::Denied, message) }
}
