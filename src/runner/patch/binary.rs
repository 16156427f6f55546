//! Binary parts against contents: whether one was made for what is there, and makes what it says; and the one that turns a
//! content into another. Git's names of contents are made here. Knows no disk.

use gix::objs::{Kind, compute_hash};

use crate::files::RelPath;
use crate::patch::{Binary, BlobNames, Flaw, MOST_BYTES, ObjectHash};

use super::PatchError;

/// A file with a NUL byte within so many bytes is none of text, as git sees it.
const HEAD: usize = 8000;

/// Does git take it for binary by its looks? Then nobody wants to see its lines.
pub(super) fn looks_binary(bytes: &[u8]) -> bool {
    bytes[..bytes.len().min(HEAD)].contains(&0)
}

/// What makes `new` of `old`; nothing where no file can have such a name.
pub(super) fn between(hash: ObjectHash, old: Option<&[u8]>, new: Option<&[u8]>) -> Option<Binary> {
    let name = |bytes: Option<&[u8]>| match bytes {
        None => Some(None),
        Some(bytes) => name_of(hash, bytes).map(Some),
    };
    let names = BlobNames { hash, before: name(old)?, after: name(new)? };
    Binary::between(names, old.unwrap_or_default(), new.unwrap_or_default())
}

/// What `binary` makes of `old`, which must be what it was made for. `room` is how much contents that are told by others may
/// grow, and becomes smaller by that.
pub(super) fn fit_binary(
    path: &RelPath,
    binary: &Binary,
    old: &[u8],
    room: &mut u64,
) -> Result<Vec<u8>, PatchError> {
    let hash = binary.names.hash;
    if let Some(wanted) = &binary.names.before {
        let found = name_of(hash, old);
        if found.as_ref() != Some(wanted) {
            let found = found.unwrap_or_else(|| "nothing that git has a name for".to_owned());
            let message = format!("the patch was made for other bytes: for {wanted}, and there is {found}");
            return Err(PatchError::conflict(path.as_str(), message));
        }
    }
    let most = if binary.is_delta() { MOST_BYTES.min(old.len() as u64 + *room) } else { MOST_BYTES };
    let new = binary.apply(old, most as usize).map_err(|flaw| refused(path, binary, &flaw))?;
    if binary.is_delta() {
        *room -= (new.len() as u64).saturating_sub(old.len() as u64).min(*room);
    }
    let made = match &binary.names.after {
        None => new.is_empty(),
        Some(wanted) => name_of(hash, &new).as_ref() == Some(wanted),
    };
    if made {
        return Ok(new);
    }
    Err(refused(path, binary, &Flaw::Damaged("it makes other bytes than `index` says")))
}

fn refused(path: &RelPath, binary: &Binary, flaw: &Flaw) -> PatchError {
    match flaw {
        Flaw::Damaged(why) => {
            let message = format!("the binary part for `{path}` is damaged: {why}");
            PatchError::Malformed { line: binary.written_at, message }
        }
        Flaw::TooLarge(bytes) => {
            let limit = if *bytes > MOST_BYTES { "file_bytes" } else { "patch_bytes" };
            let message = format!(
                "the patch would make `{path}` {bytes} bytes large, which is more than `{limit}` leaves room for"
            );
            PatchError::Limit { limit, message }
        }
    }
}

/// Git's name of a content; nothing where it was made to have the name of another.
fn name_of(hash: ObjectHash, bytes: &[u8]) -> Option<String> {
    let kind = match hash {
        ObjectHash::Sha1 => gix::hash::Kind::Sha1,
        ObjectHash::Sha256 => gix::hash::Kind::Sha256,
    };
    compute_hash(kind, Kind::Blob, bytes).ok().map(|id| id.to_hex().to_string())
}
