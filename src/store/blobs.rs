//! Large payloads by their SHA-256: in the store, or in a folder beside a trace that was carried elsewhere.

use std::path::{Path, PathBuf};

use crate::digest::Digest;
use crate::files::read_found_bytes;

use super::Store;

/// The most that is read of a payload in a folder.
const LIMIT: u64 = 256 * 1024 * 1024;

/// Where payloads are looked for.
#[derive(Debug, Clone, Default)]
pub struct Blobs {
    places: Vec<Place>,
}

#[derive(Debug, Clone)]
enum Place {
    Folder(PathBuf),
    Store(Store),
}

impl Blobs {
    /// The payloads in a folder, each in the file of its digest.
    pub fn in_folder(folder: PathBuf) -> Self {
        Self { places: vec![Place::Folder(folder)] }
    }

    pub(super) fn of(store: Store) -> Self {
        Self { places: vec![Place::Store(store)] }
    }

    /// The same, where what is not there is looked for in `further`.
    #[must_use]
    pub fn or(mut self, further: Blobs) -> Self {
        self.places.extend(further.places);
        self
    }

    /// The bytes behind a digest, checked against it; `None` where there are none, other ones, or no plain file.
    pub fn get(&self, digest: &Digest) -> Option<Vec<u8>> {
        let read = |place: &Place| match place {
            Place::Folder(folder) => read_found_bytes(&path_in(folder, digest), LIMIT).ok(),
            Place::Store(store) => store.payload(digest).ok().flatten(),
        };
        self.places.iter().filter_map(read).find(|bytes| Digest::of(bytes) == *digest)
    }
}

fn path_in(folder: &Path, digest: &Digest) -> PathBuf {
    let hex = digest.hex();
    folder.join(&hex[..2]).join(hex)
}
