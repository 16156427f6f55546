//! Where git keeps the objects of the workspace, and whether they may be read: its own folder, or, of a linked work tree or
//! a submodule, the one that `.git` names, if that one names the workspace as well. What a workspace brings along can't
//! make it lead to another repository's objects, for nothing outside of it says so.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::effect::{ErrorKind, ToolError};
use crate::files::{EntryKind, FileError, Links, RelPath, Root};
use crate::runner::{ToolWorld, git_options};

use super::access::tool_error;
use super::input::invalid;

/// The most bytes of a file that names a folder.
const MAX_NAME: u64 = 8192;

/// The git folder of the workspace, to be opened as it is.
pub(super) fn git_place(world: &ToolWorld) -> Result<PathBuf, ToolError> {
    let own = RelPath::parse(".git").map_err(|error| tool_error(&error.into()))?;
    match world.root.facts(&own).ok().map(|facts| facts.kind) {
        None => Err(invalid("the workspace is no git repository, so there is no revision to compare with")),
        Some(EntryKind::Folder) => {
            if named(&world.root, ".git/commondir")?.is_some() {
                return Err(denied("`.git/commondir` leads to objects outside the workspace"));
            }
            check_objects(&world.root, ".git/objects", &world.root)?;
            Ok(world.root_path.join(".git"))
        }
        Some(EntryKind::File) => linked(world),
        Some(_) => Err(denied("`.git` is neither a folder nor a file: its objects lie elsewhere")),
    }
}

/// The folder that the file `.git` names.
fn linked(world: &ToolWorld) -> Result<PathBuf, ToolError> {
    let unproven = |why: &str| {
        denied(&format!(
            "`.git` leads to a folder outside the workspace, and {why}; run lgflow in the repository itself, or add the \
             work tree with `git worktree add`"
        ))
    };
    let text = named(&world.root, ".git")?.unwrap_or_default();
    let Some(name) = text.strip_prefix("gitdir: ").map(str::trim_end) else {
        return Err(denied("`.git` is a file and names no folder of git"));
    };
    let home = real(&world.root_path).ok_or_else(|| unproven("the workspace's own path is not known"))?;
    let folder = real(&home.join(name)).ok_or_else(|| unproven("that folder is not there"))?;
    if folder.starts_with(&home) {
        return Err(denied(
            "`.git` is a file that names a folder of the workspace, which anybody may have put there",
        ));
    }
    let mine = rustix::process::geteuid().as_raw();
    if fs::symlink_metadata(&folder).is_ok_and(|facts| facts.uid() != mine) {
        return Err(unproven("it belongs to another user"));
    }
    if !names_back(&folder, &home)? {
        return Err(unproven("that folder does not name the workspace"));
    }
    let held = |path: &Path| Root::open(path).map_err(|error| tool_error(&error));
    let common = named(&held(&folder)?, "commondir")?.map(|name| folder.join(name.trim_end()));
    let common = held(&common.and_then(|path| real(&path)).unwrap_or_else(|| folder.clone()))?;
    check_objects(&common, "objects", &world.root)?;
    Ok(folder)
}

/// Does git's folder say that this is its work tree? Of a linked one its `gitdir` does, of a submodule its settings do.
fn names_back(folder: &Path, home: &Path) -> Result<bool, ToolError> {
    let held = Root::open(folder).map_err(|error| tool_error(&error))?;
    if let Some(name) = named(&held, "gitdir")? {
        let file = folder.join(name.trim_end());
        return Ok(file.file_name().is_some_and(|name| name == ".git")
            && file.parent().and_then(real).is_some_and(|tree| tree == home));
    }
    let repository = gix::open_opts(folder, git_options().open_path_as_is(true)).ok();
    let tree = repository
        .and_then(|held| held.config_snapshot().string("core.worktree").map(|tree| tree.to_string()));
    Ok(tree.and_then(|tree| real(&folder.join(tree))).is_some_and(|tree| tree == home))
}

/// Objects come from this folder of `root` alone, and from further ones that lie within the workspace.
fn check_objects(root: &Root, folder: &str, workspace: &Root) -> Result<(), ToolError> {
    let mut ahead = vec![(path_of(folder)?, root)];
    let mut seen = 0;
    while let Some((objects, root)) = ahead.pop() {
        match root.facts(&objects) {
            Ok(facts) if facts.kind == EntryKind::Folder => {}
            _ => return Err(denied(&format!("`{objects}` is no folder"))),
        }
        check_plain(root, &objects)?;
        let Some(further) = named(root, &format!("{objects}/info/alternates"))? else { continue };
        for line in further.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            seen += 1;
            let within = within(&objects, line).filter(|_| std::ptr::eq(root, workspace) && seen <= 16);
            let Some(path) = within else {
                let message = format!("`{objects}/info/alternates` leads to objects outside the workspace");
                return Err(denied(&message));
            };
            ahead.push((path, workspace));
        }
    }
    Ok(())
}

/// Where a relative line of `alternates` leads, as long as that is within the workspace. What is quoted or absolute, and
/// what goes up again behind a name, which may be a link, leads nowhere.
fn within(objects: &RelPath, line: &str) -> Option<RelPath> {
    let mut parts: Vec<&str> = objects.parts().collect();
    let mut is_down = false;
    for part in line.split('/') {
        match part {
            "" | "." => return None,
            ".." if is_down => return None,
            ".." => drop(parts.pop()?),
            part if part.starts_with('"') => return None,
            part => {
                is_down = true;
                parts.push(part);
            }
        }
    }
    RelPath::parse(&parts.join("/")).ok()
}

/// Git's reader follows links among the objects, and so would give out what another repository holds.
fn check_plain(root: &Root, objects: &RelPath) -> Result<(), ToolError> {
    let mut ahead = vec![objects.clone()];
    while let Some(folder) = ahead.pop() {
        let (entries, unnamed) = match root.entries(&folder) {
            // git packs objects in the background, and takes their folders away
            Err(FileError::NotFound { .. }) if folder != *objects => continue,
            entries => entries.map_err(|error| tool_error(&error))?,
        };
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

/// The text of a small file, if it is there. What is there and can't be read as one is not passed over.
fn named(root: &Root, path: &str) -> Result<Option<String>, ToolError> {
    let path = path_of(path)?;
    match root.facts(&path) {
        Err(FileError::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(tool_error(&error)),
        Ok(_) => {}
    }
    let bytes = root.file(&path, Links::Refuse).and_then(|mut file| file.read(MAX_NAME));
    match bytes.ok().and_then(|bytes| String::from_utf8(bytes).ok()) {
        Some(text) => Ok(Some(text)),
        None => {
            Err(denied(&format!("`{path}` is no file that could be read, so nobody knows where it leads")))
        }
    }
}

fn real(path: &Path) -> Option<PathBuf> {
    fs::canonicalize(path).ok()
}

fn path_of(text: &str) -> Result<RelPath, ToolError> {
    RelPath::parse(text).map_err(|error| tool_error(&error.into()))
}

fn denied(message: &str) -> ToolError {
    ToolError::new(ErrorKind::Denied, message)
}
