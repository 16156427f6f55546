//! Trees of git: what stands at a path, and the same tree with another blob there.

use gix::ObjectId;
use gix::objs::Tree;
use gix::objs::tree::{Entry, EntryKind};

use super::{NoteError, git};

/// Folders within each other.
const DEEPEST: usize = 20;

/// What stands at `path`, a folder or a file.
pub(super) fn find(
    repository: &gix::Repository,
    top: ObjectId,
    path: &[String],
) -> Result<Option<ObjectId>, NoteError> {
    let mut at = top;
    for (depth, name) in path.iter().enumerate() {
        let tree = owned(repository, at)?;
        let Some(entry) = tree.entries.iter().find(|entry| entry.filename == name.as_str()) else {
            return Ok(None);
        };
        let is_last = depth + 1 == path.len();
        if !is_last && !entry.mode.is_tree() {
            return Ok(None);
        }
        at = entry.oid;
    }
    Ok(Some(at))
}

/// All files beneath a tree. Git puts notes into at most one folder for each two digits of a commit's name.
pub(super) fn blobs(repository: &gix::Repository, top: ObjectId) -> Result<Vec<ObjectId>, NoteError> {
    let (mut found, mut open) = (Vec::new(), vec![(top, 0)]);
    while let Some((at, depth)) = open.pop() {
        for entry in owned(repository, at)?.entries {
            if entry.mode.is_blob() {
                found.push(entry.oid);
            } else if entry.mode.is_tree() && depth < DEEPEST {
                open.push((entry.oid, depth + 1));
            }
        }
    }
    Ok(found)
}

/// The tree with `blob` at `path`. Its folders are there, but for the last name.
pub(super) fn with_blob(
    repository: &gix::Repository,
    top: ObjectId,
    path: &[String],
    blob: ObjectId,
) -> Result<ObjectId, NoteError> {
    // from the top down the trees, then from the bottom up the new ones
    let mut trees = vec![owned(repository, top)?];
    for depth in 1..path.len() {
        let inner = find(repository, top, &path[..depth])?;
        let inner = inner.ok_or_else(|| NoteError::Git("a folder of notes is gone".to_owned()))?;
        trees.push(owned(repository, inner)?);
    }
    let (mut oid, mut kind) = (blob, EntryKind::Blob);
    for (mut tree, name) in trees.into_iter().zip(path).rev() {
        tree.entries.retain(|entry| entry.filename != name.as_str());
        tree.entries.push(Entry { mode: kind.into(), filename: name.as_str().into(), oid });
        tree.entries.sort();
        oid = repository.write_object(&tree).map_err(git)?.detach();
        kind = EntryKind::Tree;
    }
    Ok(oid)
}

fn owned(repository: &gix::Repository, id: ObjectId) -> Result<Tree, NoteError> {
    let tree = repository.find_tree(id).map_err(git)?;
    let decoded = tree.decode().map_err(git)?;
    Ok(Tree::from(decoded))
}
