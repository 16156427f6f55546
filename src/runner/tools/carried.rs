//! What a command changed in its overlay or copy of the workspace → a patch that `apply_patch` takes, and a list of what no patch
//! can hold. Both are hostile input.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::digest::Digest;
use crate::effect::ToolError;
use crate::files::{Links, RelPath};
use crate::policy::{ExecGrant, Obligations};
use crate::runner::ToolWorld;
use crate::runner::patch::{Content, FilePatch, Side, Telling, checked, compose, render};
use crate::sandbox::{Difference, NotCarried, Uncarried, UpperBounds, UpperChanges, WorkspaceCopy};

use super::git_folders::git_folders;
use super::git_tree::object_hash;
use super::place::copy_error;
use super::upper_sides::sides;
use super::writing::Writing;

/// The most bytes of a patch where no policy says less.
const PATCH_BYTES: u64 = 16 << 20;
/// The most files of a patch where no policy says less.
const PATCH_FILES: u64 = 10_000;
/// The most that is listed as not carried.
const MAX_LISTED: usize = 1000;
/// The most bytes of a file of the workspace that is compared.
const MAX_FILE: u64 = 64 << 20;

/// What comes back.
#[derive(Debug, Default)]
pub(super) struct Carried {
    pub(super) patch: String,
    pub(super) not_carried: Vec<Value>,
    pub(super) truncated: bool,
}

/// Takes back what may be carried.
pub(super) fn carry(
    copy: &WorkspaceCopy,
    grant: &ExecGrant,
    obligations: &Obligations,
    world: &ToolWorld,
) -> Result<Carried, ToolError> {
    let writing = Writing::of(obligations, world);
    let caches: Vec<RelPath> =
        grant.cache_folders.iter().filter_map(|path| RelPath::parse(path).ok()).collect();
    let hidden = |path: &RelPath| !writing.shows(path);
    let binary = obligations.binary.open_anything();
    let (differences, mut not_carried) =
        copy.differences(&caches, &hidden, binary).map_err(|error| copy_error(&error))?;
    let mut sides = BTreeMap::new();
    for difference in differences {
        let path = difference.path.clone();
        let side = if writing.denies_write(&path) { Err(Uncarried::Denied) } else { side(difference, world) };
        match side {
            Ok(side) if !writing.carries(&path, &side) => {
                not_carried.push(NotCarried { path: path.to_string(), kind: Uncarried::Binary });
            }
            Ok(side) => drop(sides.insert(path, side)),
            Err(kind) => not_carried.push(NotCarried { path: path.to_string(), kind }),
        }
    }
    drop_unpatchable(&mut sides, &mut not_carried, world);
    let (patch, truncated) = bounded(&told(&sides, &writing, world), obligations, &mut not_carried);
    not_carried.sort();
    let not_carried =
        not_carried.iter().map(|one| json!({ "path": one.path, "kind": one.kind.word() })).collect();
    Ok(Carried { patch, not_carried, truncated })
}

/// Takes back what may be carried of what a command left in its overlay.
pub(super) fn carry_changes(
    changes: &UpperChanges,
    started: (i64, i64),
    obligations: &Obligations,
    world: &ToolWorld,
) -> Carried {
    let writing = Writing::of(obligations, world);
    let (mut sides, mut not_carried) = sides(changes, started, &writing, world);
    drop_unpatchable(&mut sides, &mut not_carried, world);
    let (patch, truncated) = bounded(&told(&sides, &writing, world), obligations, &mut not_carried);
    let truncated = truncated || changes.truncated || not_carried.len() > MAX_LISTED;
    Carried { patch, not_carried: listed(not_carried), truncated }
}

/// The patch between both sides: those that are no text may be told.
fn told(sides: &BTreeMap<RelPath, Side>, writing: &Writing<'_>, world: &ToolWorld) -> Vec<FilePatch> {
    let telling =
        Telling { binary: &|path, side| writing.tells_binary(path, side), hash: &|| object_hash(world) };
    compose(sides, &telling)
}

/// Takes out what no patch may name or make, so that what comes back is a patch that can be applied.
fn drop_unpatchable(
    sides: &mut BTreeMap<RelPath, Side>,
    not_carried: &mut Vec<NotCarried>,
    world: &ToolWorld,
) {
    let written: Vec<&RelPath> = sides.keys().collect();
    let git: BTreeSet<RelPath> = git_folders(&world.root, &written).into_iter().collect();
    let in_git = |path: &RelPath| git.iter().any(|folder| path != folder && path.is_within(folder));
    sides.retain(|path, _| {
        let stays = checked(path.as_str()).is_ok() && !in_git(path);
        if !stays {
            not_carried.push(NotCarried { path: path.to_string(), kind: Uncarried::Denied });
        }
        stays
    });
}

/// How much is read of what a command left: no more than a patch can hold.
pub(super) fn bounds(obligations: &Obligations) -> UpperBounds {
    let files = obligations.limits.patch_files.unwrap_or(PATCH_FILES).min(PATCH_FILES) as usize;
    // files that rules refuse are read before they are refused
    let binary = obligations.binary.open_anything();
    UpperBounds { files: 2 * files + 1000, file_bytes: PATCH_BYTES, bytes: 4 * PATCH_BYTES, binary }
}

fn listed(mut not_carried: Vec<NotCarried>) -> Vec<Value> {
    not_carried.sort();
    not_carried.dedup();
    not_carried.truncate(MAX_LISTED);
    not_carried.iter().map(|one| json!({ "path": one.path, "kind": one.kind.word() })).collect()
}

/// Both sides of a difference; the error is why it can't be carried.
fn side(difference: Difference, world: &ToolWorld) -> Result<Side, Uncarried> {
    let before = match difference.before {
        None if world.root.facts(&difference.path).is_ok() => return Err(Uncarried::Exists),
        None => None,
        Some((digest, bits)) => {
            let file = world.root.file(&difference.path, Links::Refuse);
            let bytes = file.and_then(|mut file| file.read(MAX_FILE)).map_err(|_| Uncarried::Conflict)?;
            // somebody else changed it while the command ran
            if Digest::of(&bytes) != digest {
                return Err(Uncarried::Conflict);
            }
            Some(Content { bytes, bits })
        }
    };
    let after = difference.after.map(|(bytes, bits)| Content { bytes, bits });
    Ok(Side { before, after })
}

/// As much of the patch as may be; never half a file.
fn bounded(
    files: &[FilePatch],
    obligations: &Obligations,
    not_carried: &mut Vec<NotCarried>,
) -> (String, bool) {
    let most_bytes = obligations.limits.patch_bytes.unwrap_or(PATCH_BYTES);
    let most_files = obligations.limits.patch_files.unwrap_or(PATCH_FILES);
    let (mut text, mut count, mut unpacked, mut truncated) = (String::new(), 0, 0, false);
    for file in files {
        let path = file.action.target().or(file.action.source()).map_or(String::new(), RelPath::to_string);
        let kind = match render(std::slice::from_ref(file)) {
            None => Uncarried::Binary,
            Some(one)
                if count < most_files
                    && (text.len() + one.len()) as u64 <= most_bytes
                    && unpacked + file.unpacked() <= most_bytes =>
            {
                text.push_str(&one);
                unpacked += file.unpacked();
                count += 1;
                continue;
            }
            Some(_) => {
                truncated = true;
                Uncarried::OverLimit
            }
        };
        not_carried.push(NotCarried { path, kind });
    }
    (text, truncated)
}
