//! Large payloads, stored once under their SHA-256.
#![expect(clippy::disallowed_methods, reason = "the store keeps its own files in the user's state folder")]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::digest::Digest;

use super::StoreError;
use crate::files::read_found_bytes;

/// The most that is read of a payload.
const LIMIT: u64 = 256 * 1024 * 1024;

/// A folder of blobs.
#[derive(Debug, Clone)]
pub struct Blobs {
    folder: PathBuf,
    /// Where what is not in it is looked for.
    further: Option<PathBuf>,
}

impl Blobs {
    /// The blobs in `folder`, which need not be there yet.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, further: None }
    }

    /// The same, where what is not there is looked for in `folder`.
    #[must_use]
    pub fn or_in(self, folder: PathBuf) -> Self {
        Self { further: Some(folder), ..self }
    }

    /// Keeps `bytes`, once. With `sync`, they are on disk when this returns.
    pub fn put(&self, bytes: &[u8], sync: bool) -> Result<Digest, StoreError> {
        let digest = Digest::of(bytes);
        let path = path_in(&self.folder, &digest);
        if path.exists() {
            return Ok(digest);
        }
        let folder = path.parent().unwrap_or(&self.folder);
        fs::create_dir_all(folder).map_err(StoreError::io("create", folder))?;
        let staged = folder.join(format!(".{}.{}", digest.hex(), std::process::id()));
        let written = write_whole(&staged, bytes, sync).and_then(|()| fs::rename(&staged, &path));
        written.inspect_err(|_| drop(fs::remove_file(&staged))).map_err(StoreError::io("write", &path))?;
        Ok(digest)
    }

    /// The bytes behind a digest, checked against it; `None` where there are none, other ones, or no plain file.
    pub fn get(&self, digest: &Digest) -> Option<Vec<u8>> {
        let folders = [Some(&self.folder), self.further.as_ref()];
        let read = |folder: &PathBuf| read_found_bytes(&path_in(folder, digest), LIMIT).ok();
        folders.into_iter().flatten().filter_map(read).find(|bytes| Digest::of(bytes) == *digest)
    }
}

fn path_in(folder: &Path, digest: &Digest) -> PathBuf {
    let hex = digest.hex();
    folder.join(&hex[..2]).join(hex)
}

fn write_whole(path: &Path, bytes: &[u8], sync: bool) -> std::io::Result<()> {
    let mut file = fs::File::create(path)?;
    file.write_all(bytes)?;
    if sync { file.sync_data() } else { Ok(()) }
}
