//! A regular file that is open for reading, with the facts of what was opened.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::fd::OwnedFd;

use rustix::fs::fstat;

use super::{EntryKind, Facts, FileError, RelPath};

/// A regular file.
#[derive(Debug)]
pub struct OpenFile {
    file: File,
    path: RelPath,
    facts: Facts,
}

impl OpenFile {
    pub(super) fn new(file: OwnedFd, path: RelPath) -> Result<Self, FileError> {
        let stat = fstat(&file).map_err(|errno| FileError::of(path.as_str(), errno))?;
        let facts = Facts::of(&stat);
        if facts.kind != EntryKind::File {
            let (path, kind) = (path.to_string(), facts.kind);
            return Err(FileError::Kind { path, kind, wanted: EntryKind::File });
        }
        Ok(Self { file: File::from(file), path, facts })
    }

    /// The path that it really has beneath the root, links taken out: what rules are asked about.
    pub fn path(&self) -> &RelPath {
        &self.path
    }

    /// What was opened.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The open file, for readers of other crates.
    pub fn into_file(self) -> File {
        self.file
    }

    /// All of it; more than `limit` bytes are an error, also where the file grows while it is read.
    pub fn read(&mut self, limit: u64) -> Result<Vec<u8>, FileError> {
        let too_large = || FileError::TooLarge { path: self.path.to_string(), limit };
        if self.facts.size > limit {
            return Err(too_large());
        }
        let mut bytes = Vec::with_capacity(usize::try_from(self.facts.size).unwrap_or(0));
        let read = (&self.file).take(limit.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(|error| FileError::Io { path: self.path.to_string(), error })?;
        if bytes.len() as u64 > limit { Err(too_large()) } else { Ok(bytes) }
    }

    /// At most `limit` bytes from the start.
    pub fn head(&mut self, limit: u64) -> Result<Vec<u8>, FileError> {
        let wrong = |error| FileError::Io { path: self.path.to_string(), error };
        (&self.file).seek(SeekFrom::Start(0)).map_err(wrong)?;
        let mut bytes = Vec::new();
        (&self.file).take(limit).read_to_end(&mut bytes).map_err(wrong)?;
        Ok(bytes)
    }

    /// All of it as text; bytes that are not UTF-8 are an error.
    pub fn read_text(&mut self, limit: u64) -> Result<String, FileError> {
        String::from_utf8(self.read(limit)?).map_err(|error| FileError::NotText {
            path: self.path.to_string(),
            at: error.utf8_error().valid_up_to(),
        })
    }
}
