//! A regular file that is open for reading, with the facts of what was opened.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::OwnedFd;

use rustix::fs::fstat;

use super::{EntryKind, Facts, FileError, RelPath, Watcher};
use crate::digest::{Digest, Digesting};

/// A regular file.
#[derive(Debug)]
pub struct OpenFile {
    file: File,
    path: RelPath,
    facts: Facts,
    /// Who is told what is read, and the path that was asked for.
    watcher: Option<(Watcher, RelPath)>,
}

impl OpenFile {
    pub(super) fn new(file: OwnedFd, path: RelPath) -> Result<Self, FileError> {
        let stat = fstat(&file).map_err(|errno| FileError::of(path.as_str(), errno))?;
        let facts = Facts::of(&stat);
        if facts.kind != EntryKind::File {
            let (path, kind) = (path.to_string(), facts.kind);
            return Err(FileError::Kind { path, kind, wanted: EntryKind::File });
        }
        Ok(Self { file: File::from(file), path, facts, watcher: None })
    }

    /// The same file, whose reader is watched; `asked` is the path that was asked for.
    pub(super) fn watched_by(self, watcher: Watcher, asked: RelPath) -> Self {
        Self { watcher: Some((watcher, asked)), ..self }
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
        self.lose_sight();
        self.file
    }

    /// Its content, for readers of other crates that need no file.
    pub fn into_reader(self) -> FileReader {
        let Self { file, watcher, .. } = self;
        FileReader { file, told: watcher.map(|(watcher, asked)| (watcher, asked, Digesting::default())) }
    }

    /// All of it; more than `limit` bytes are an error, also where the file grows while it is read.
    pub fn read(&mut self, limit: u64) -> Result<Vec<u8>, FileError> {
        let too_large = || FileError::TooLarge { path: self.path.to_string(), limit };
        if self.facts.size > limit {
            return Err(too_large());
        }
        let mut bytes = Vec::with_capacity(usize::try_from(self.facts.size).unwrap_or(0));
        let read = (&self.file).take(limit.saturating_add(1)).read_to_end(&mut bytes);
        let read = read.map_err(|error| FileError::Io { path: self.path.to_string(), error });
        let read = read.and_then(|_| if bytes.len() as u64 > limit { Err(too_large()) } else { Ok(bytes) });
        match (&self.watcher, &read) {
            (Some((watcher, asked)), Ok(bytes)) => watcher.read(asked, Digest::of(bytes)),
            (_, Err(_)) => self.lose_sight(),
            (None, Ok(_)) => {}
        }
        read
    }

    fn lose_sight(&self) {
        if let Some((watcher, _)) = &self.watcher {
            watcher.lose();
        }
    }

    /// At most `limit` bytes from the start.
    pub fn head(&mut self, limit: u64) -> Result<Vec<u8>, FileError> {
        self.lose_sight();
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

/// The content of a file, from its start. [`FileReader::finish`] is to be called when no more of it is wanted.
#[derive(Debug)]
pub struct FileReader {
    file: File,
    /// Who is told what is read, what was asked for, and what was read until now.
    told: Option<(Watcher, RelPath, Digesting)>,
}

impl FileReader {
    /// No more of it is wanted. Who watches is told of the whole file: what was not read is what was not looked for.
    pub fn finish(mut self) {
        let rest = if self.told.is_some() { io::copy(&mut self, &mut io::sink()) } else { Ok(0) };
        if rest.is_ok()
            && let Some((watcher, asked, digesting)) = self.told.take()
        {
            watcher.read(&asked, digesting.finish());
        }
    }
}

impl Read for FileReader {
    fn read(&mut self, part: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(part)?;
        if let Some((_, _, digesting)) = &mut self.told {
            digesting.add(&part[..count]);
        }
        Ok(count)
    }
}

impl Drop for FileReader {
    /// One that was not read to its end leaves nothing that could be told.
    fn drop(&mut self) {
        if let Some((watcher, ..)) = &self.told {
            watcher.lose();
        }
    }
}
