//! The files of a revision, out of git's objects, without running git: no hook, filter or setting of the repository
//! has a say, and no objects are read but the workspace's own.

use std::collections::{BTreeMap, BTreeSet};

use gix::objs::{Kind, compute_hash};

use crate::effect::{ErrorKind, ToolError};
use crate::files::RelPath;
use crate::runner::patch::{Content, Mode, ObjectHash};
use crate::runner::{ToolWorld, git_options};

use super::git_place::git_place;
use super::input::invalid;

/// The most files of a revision.
const MAX_FILES: usize = 200_000;
/// The most bytes of a file that is compared.
const MAX_FILE: u64 = 64 << 20;

/// How the workspace's own repository names contents; as git does by itself, where there is none.
pub(super) fn object_hash(world: &ToolWorld) -> ObjectHash {
    let options = git_options().open_path_as_is(true);
    let repository = git_place(world).ok().and_then(|place| gix::open_opts(place, options).ok());
    match repository.map(|repository| repository.object_hash()) {
        Some(gix::hash::Kind::Sha256) => ObjectHash::Sha256,
        _ => ObjectHash::Sha1,
    }
}

/// A file of a revision, whose content is read when it is asked for.
pub(super) struct GitTree {
    repository: gix::Repository,
    files: BTreeMap<RelPath, (gix::ObjectId, u32)>,
    submodules: BTreeSet<RelPath>,
}

/// Why there is no such revision, or none that can be read.
fn no_revision(repository: &gix::Repository, revision: &str, error: &dyn std::fmt::Display) -> ToolError {
    let form = repository.config_snapshot().string("extensions.refStorage").map(|form| form.to_string());
    match form.filter(|form| form != "files") {
        Some(form) => invalid(format!(
            "`{revision}` can't be looked up: the references of this repository are kept as `{}`, which is not read \
             (`git refs migrate --ref-format=files` makes files of them)",
            form.escape_debug()
        )),
        None => invalid(format!("`{revision}` is no revision of this repository: {error}")),
    }
}

impl GitTree {
    /// The tree of `revision`.
    pub(super) fn of(world: &ToolWorld, revision: &str) -> Result<Self, ToolError> {
        let place = git_place(world)?;
        if revision.len() > 200 || revision.starts_with('-') || revision.chars().any(char::is_control) {
            return Err(invalid("`since` is no revision"));
        }
        let options = git_options().open_path_as_is(true);
        let repository = gix::open_opts(place, options).map_err(|error| failed(&error))?;
        let tree = repository
            .rev_parse_single(revision)
            .map_err(|error| no_revision(&repository, revision, &error))?
            .object()
            .map_err(|error| failed(&error))?
            .peel_to_tree()
            .map_err(|error| invalid(format!("`{revision}` names no tree: {error}")))?
            .id;
        let mut all = Collected::default();
        collect(&repository, tree, &RelPath::root(), (0, MAX_FILES), &mut all)?;
        let Collected { files, submodules } = all;
        Ok(Self { repository, files, submodules })
    }

    /// The folders that are repositories of their own: what is in them is theirs.
    pub(super) fn submodules(&self) -> &BTreeSet<RelPath> {
        &self.submodules
    }

    /// Has the revision just that at `path`? Told by the name that git gives to contents, so nothing is unpacked.
    pub(super) fn has(&self, path: &RelPath, content: &Content) -> bool {
        let Some((id, bits)) = self.files.get(path) else { return false };
        let same_mode = Mode::of_bits(*bits) == content.mode();
        let name = compute_hash(self.repository.object_hash(), Kind::Blob, &content.bytes);
        same_mode && name.is_ok_and(|name| name == *id)
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

/// The regular files of a tree, with their permission bits; more than `most` are an error.
pub(in crate::runner) fn files_of(
    repository: &gix::Repository,
    tree: gix::ObjectId,
    most: usize,
) -> Result<BTreeMap<RelPath, (gix::ObjectId, u32)>, ToolError> {
    let mut all = Collected::default();
    collect(repository, tree, &RelPath::root(), (0, most), &mut all)?;
    Ok(all.files)
}

/// What a tree holds.
#[derive(Default)]
struct Collected {
    files: BTreeMap<RelPath, (gix::ObjectId, u32)>,
    submodules: BTreeSet<RelPath>,
}

fn collect(
    repository: &gix::Repository,
    tree: gix::ObjectId,
    folder: &RelPath,
    (depth, most): (usize, usize),
    all: &mut Collected,
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
            collect(repository, entry.object_id(), &path, (depth + 1, most), all)?;
        } else if mode.is_blob() {
            let bits = if mode.is_executable() { 0o755 } else { 0o644 };
            all.files.insert(path, (entry.object_id(), bits));
        } else if mode.is_commit() {
            all.submodules.insert(path);
        }
        if all.files.len() + all.submodules.len() > most {
            return limit(&format!("the revision has more than {most} files"));
        }
    }
    Ok(())
}

fn failed(error: &dyn std::fmt::Display) -> ToolError {
    ToolError::new(ErrorKind::InvalidInput, format!("the repository can't be read: {error}"))
}
