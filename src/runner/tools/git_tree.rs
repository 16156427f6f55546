//! The files of a revision, out of git's objects, without running git: no hook, filter or setting of the repository
//! has a say, and nothing outside the workspace's own `.git` folder is read.

use std::collections::BTreeMap;

use crate::effect::{ErrorKind, ToolError};
use crate::files::{EntryKind, RelPath, Root};
use crate::runner::patch::Content;
use crate::runner::{ToolWorld, git_options};

use super::access::tool_error;
use super::input::invalid;

/// The most files of a revision.
const MAX_FILES: usize = 200_000;
/// The most bytes of a file that is compared.
const MAX_FILE: u64 = 64 << 20;

/// A file of a revision, whose content is read when it is asked for.
pub(super) struct GitTree {
    repository: gix::Repository,
    files: BTreeMap<RelPath, (gix::ObjectId, u32)>,
}

impl GitTree {
    /// The tree of `revision`.
    pub(super) fn of(world: &ToolWorld, revision: &str) -> Result<Self, ToolError> {
        check_own(world)?;
        if revision.len() > 200 || revision.starts_with('-') || revision.chars().any(char::is_control) {
            return Err(invalid("`since` is no revision"));
        }
        let options = git_options().open_path_as_is(true);
        let repository =
            gix::open_opts(world.root_path.join(".git"), options).map_err(|error| failed(&error))?;
        let tree = repository
            .rev_parse_single(revision)
            .map_err(|error| invalid(format!("`{revision}` is no revision of this repository: {error}")))?
            .object()
            .map_err(|error| failed(&error))?
            .peel_to_tree()
            .map_err(|error| invalid(format!("`{revision}` names no tree: {error}")))?
            .id;
        let files = files_of(&repository, tree, MAX_FILES)?;
        Ok(Self { repository, files })
    }

    /// Its files, bytewise.
    pub(super) fn paths(&self) -> impl Iterator<Item = &RelPath> {
        self.files.keys()
    }

    /// The content of a file; `None` if there is no such file, or it is too large.
    pub(super) fn content(&self, path: &RelPath) -> Result<Option<Content>, ToolError> {
        let Some((id, bits)) = self.files.get(path) else { return Ok(None) };
        let header = self.repository.find_header(*id).map_err(|error| failed(&error))?;
        if header.size() > MAX_FILE {
            let message = format!("`{path}` has more than {MAX_FILE} bytes in that revision");
            return Err(ToolError {
                limit: Some("file_bytes".to_owned()),
                ..ToolError::new(ErrorKind::Limit, message)
            });
        }
        let mut object = self.repository.find_object(*id).map_err(|error| failed(&error))?;
        Ok(Some(Content { bytes: std::mem::take(&mut object.data), bits: *bits }))
    }
}

/// Objects may come from nowhere but the workspace's own folder.
fn check_own(world: &ToolWorld) -> Result<(), ToolError> {
    let facts = |path: &str| RelPath::parse(path).ok().and_then(|path| world.root.facts(&path).ok());
    match facts(".git") {
        None => {
            return Err(invalid(
                "the workspace is no git repository, so there is no revision to compare with",
            ));
        }
        Some(facts) if facts.kind == EntryKind::Folder => {}
        Some(_) => return Err(denied("`.git` is no folder: its objects lie outside the workspace")),
    }
    for elsewhere in [".git/objects/info/alternates", ".git/commondir"] {
        if facts(elsewhere).is_some() {
            return Err(denied(&format!("`{elsewhere}` leads to objects outside the workspace")));
        }
    }
    match facts(".git/objects") {
        Some(facts) if facts.kind == EntryKind::Folder => check_objects(&world.root),
        _ => Err(denied("`.git/objects` is no folder")),
    }
}

/// Git's reader follows links among the objects, and so would give out what another repository holds.
fn check_objects(root: &Root) -> Result<(), ToolError> {
    let objects = RelPath::parse(".git/objects").map_err(|error| tool_error(&error.into()))?;
    let mut ahead = vec![objects];
    while let Some(folder) = ahead.pop() {
        let (entries, unnamed) = root.entries(&folder).map_err(|error| tool_error(&error))?;
        if unnamed > 0 {
            return Err(denied(&format!("`{folder}` has names in it that are none of git's")));
        }
        for entry in entries {
            match entry.kind {
                EntryKind::Folder => ahead.push(entry.path),
                EntryKind::File => {}
                kind => {
                    let message = format!("`{}` is {kind}: objects may lie elsewhere", entry.path);
                    return Err(denied(&message));
                }
            }
        }
    }
    Ok(())
}

/// The regular files of a tree, with their permission bits; more than `most` are an error.
pub(in crate::runner) fn files_of(
    repository: &gix::Repository,
    tree: gix::ObjectId,
    most: usize,
) -> Result<BTreeMap<RelPath, (gix::ObjectId, u32)>, ToolError> {
    let mut files = BTreeMap::new();
    collect(repository, tree, &RelPath::root(), (0, most), &mut files)?;
    Ok(files)
}

fn collect(
    repository: &gix::Repository,
    tree: gix::ObjectId,
    folder: &RelPath,
    (depth, most): (usize, usize),
    files: &mut BTreeMap<RelPath, (gix::ObjectId, u32)>,
) -> Result<(), ToolError> {
    let limit = |message: &str| {
        Err(ToolError { limit: Some("files".to_owned()), ..ToolError::new(ErrorKind::Limit, message) })
    };
    if depth > 200 {
        return limit("the revision's folders are nested more than 200 deep");
    }
    let tree = repository.find_tree(tree).map_err(|error| failed(&error))?;
    for entry in tree.iter() {
        let entry = entry.map_err(|error| failed(&error))?;
        // names that can't be written in a call are not compared, as in listings
        let name = std::str::from_utf8(entry.filename().as_ref()).ok();
        let Some(path) = name.and_then(|name| folder.join(name).ok()) else { continue };
        let mode = entry.mode();
        if mode.is_tree() {
            collect(repository, entry.object_id(), &path, (depth + 1, most), files)?;
        } else if mode.is_blob() {
            let bits = if mode.is_executable() { 0o755 } else { 0o644 };
            files.insert(path, (entry.object_id(), bits));
        }
        if files.len() > most {
            return limit(&format!("the revision has more than {most} files"));
        }
    }
    Ok(())
}

fn denied(message: &str) -> ToolError {
    ToolError::new(ErrorKind::Denied, message)
}

fn failed(error: &dyn std::fmt::Display) -> ToolError {
    ToolError::new(ErrorKind::InvalidInput, format!("the repository can't be read: {error}"))
}
