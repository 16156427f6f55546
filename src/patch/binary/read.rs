//! `GIT binary patch` and the lines below it. What is announced is held against the bound before anything is unpacked.

use super::base85::decode;
use super::{Binary, BlobNames, Form, MOST_BYTES, ObjectHash, Part};
use crate::patch::parse::{Lines, malformed};
use crate::patch::{Action, PatchError};

/// The first line.
pub(super) const FIRST: &str = "GIT binary patch\n";

/// What stands behind `index`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::patch) struct Index {
    pub(in crate::patch) old: String,
    pub(in crate::patch) new: String,
}

/// Reads the binary part of a file, if one begins here.
pub(in crate::patch) fn read_binary(
    lines: &mut Lines<'_>,
    index: Option<&Index>,
) -> Result<Option<Binary>, PatchError> {
    let written_at = lines.number();
    match lines.peek() {
        Some(FIRST) => lines.take(),
        Some(line) if line.starts_with("GIT binary patch") => {
            return Err(lines.wrong("this line must read `GIT binary patch` and end in a plain line break"));
        }
        _ => return Ok(None),
    };
    let names = names_of(index, written_at)?;
    let forward = read_part(lines)?.ok_or_else(|| {
        lines.wrong("`GIT binary patch` must be followed by `literal SIZE` or `delta SIZE`")
    })?;
    let back = read_part(lines)?;
    Ok(Some(Binary { names, forward, back, written_at }))
}

/// Both names in full, as git demands them.
fn names_of(index: Option<&Index>, line: usize) -> Result<BlobNames, PatchError> {
    let message = "a binary file needs a line `index OLD..NEW` with both names in full (40 digits, or 64 of SHA-256) and in small \
                   letters above it; `git diff --binary` writes it";
    let wrong = || malformed(line, message);
    let Index { old, new } = index.ok_or_else(wrong)?;
    let hash = [ObjectHash::Sha1, ObjectHash::Sha256]
        .into_iter()
        .find(|hash| hash.digits() == old.len() && hash.digits() == new.len())
        .ok_or_else(wrong)?;
    if [old, new].into_iter().any(|name| name.bytes().any(|digit| digit.is_ascii_uppercase())) {
        return Err(wrong());
    }
    let name = |name: &String| name.bytes().any(|digit| digit != b'0').then(|| name.clone());
    Ok(BlobNames { hash, before: name(old), after: name(new) })
}

impl BlobNames {
    /// Must say what the headers say: that there is a file, before and after.
    pub(in crate::patch) fn agree(&self, action: &Action, line: usize) -> Result<(), PatchError> {
        if self.before.is_some() == action.source().is_some()
            && self.after.is_some() == action.target().is_some()
        {
            return Ok(());
        }
        let message = "the names behind `index` must be zeros where there is no file, and only there";
        Err(malformed(line, message))
    }
}

fn read_part(lines: &mut Lines<'_>) -> Result<Option<Part>, PatchError> {
    let Some((form, size)) = lines.peek().and_then(form_of) else { return Ok(None) };
    let size = size.ok_or_else(|| {
        lines.wrong("behind `literal` and `delta` stands the number of bytes, and nothing else")
    })?;
    if size > MOST_BYTES {
        let line = lines.number();
        let message = format!(
            "line {line} of the patch: a part of {size} bytes; no file with more than {MOST_BYTES} is patched"
        );
        return Err(PatchError::Limit { limit: "file_bytes", message });
    }
    lines.take();
    let mut deflated = Vec::new();
    loop {
        match lines.peek().map(|line| line.strip_suffix('\n')) {
            Some(Some("")) => {
                lines.take();
                break;
            }
            Some(Some(line)) => decode(line, &mut deflated).map_err(|why| lines.wrong(why))?,
            _ => return Err(lines.wrong("a binary part must end in an empty line")),
        }
        lines.take();
    }
    Ok(Some(Part { form, size: size as usize, deflated }))
}

/// `literal 12`, `delta 12`; no size where what stands there is no number.
fn form_of(line: &str) -> Option<(Form, Option<u64>)> {
    let (form, size) = [("literal ", Form::Literal), ("delta ", Form::Delta)]
        .into_iter()
        .find_map(|(word, form)| Some((form, line.strip_prefix(word)?)))?;
    let size = size.strip_suffix('\n').unwrap_or(size);
    let digits = (1..=18).contains(&size.len()) && size.bytes().all(|digit| digit.is_ascii_digit());
    Some((form, if digits { size.parse().ok() } else { None }))
}
