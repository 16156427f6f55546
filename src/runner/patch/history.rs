//! What this runner changed, run by run, and what a fork took over of that: who, which files, what they were. Kept outside
//! the workspace; taking back and showing the changes of a run read nothing else.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::Digest;
use crate::effect::session_of;
use crate::files::{FileError, Links, NewFiles, RelPath, Root};

use super::journal::{folder, in_folder, journal_error};
use super::version::MAX_FILE;
use super::{Content, Mode, PatchError};

/// What stands behind the folder of a session in those of its parts.
const PARTS: char = '.';
/// The most bytes of an entry that is read.
const MAX_ENTRY: u64 = 256 << 20;

/// One change of the workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Past {
    /// The run.
    pub run: String,
    /// The node.
    pub node: String,
    /// The idempotency key of the call.
    pub key: String,
    /// From 1, within the run.
    pub number: u64,
    /// The changes that this one took back.
    pub undoes: Vec<u64>,
    /// The patch that takes this change back.
    pub inverse: String,
    /// The files.
    pub files: Vec<PastFile>,
    /// The folders that it made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub made: Vec<String>,
    /// What the call answers: a runner that dies before it does answers it later.
    #[serde(default)]
    pub result: Option<Value>,
    /// The run that made it, where this one has taken it over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_from: Option<String>,
}

/// One file of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PastFile {
    /// Relative to the root.
    pub path: String,
    /// What was there.
    pub before: Option<PastContent>,
    /// What was put there.
    pub after: Option<PastContent>,
}

/// What stood in a file: a digest, whose bytes lie beside the history, and permission bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PastContent {
    /// Of the bytes.
    pub digest: Digest,
    /// Permission bits.
    pub bits: u32,
}

impl PastContent {
    /// What `content` is recorded as.
    pub(crate) fn of(content: &Content) -> Self {
        Self { digest: content.digest(), bits: content.bits }
    }

    /// The mode that git would keep.
    pub(crate) fn mode(self) -> &'static str {
        Mode::of_bits(self.bits).as_str()
    }
}

/// The folder of a run's history. Its name becomes the name of a folder only through its digest: no name can lead elsewhere.
/// That of a part of a session begins as its session's does.
pub(super) fn folder_of(run: &str) -> Result<RelPath, FileError> {
    let digest = |name: &str| Digest::of(name).hex()[..32].to_owned();
    match session_of(run) {
        Some(session) => in_folder(&format!("run-{}{PARTS}{}", digest(session), digest(run))),
        None => in_folder(&format!("run-{}", digest(run))),
    }
}

/// The folders of a run's history and of its parts', those that are there.
pub(super) fn folders_of(state: &Root, run: &str) -> Result<Vec<RelPath>, FileError> {
    let own = folder_of(run)?;
    let entries = match state.entries(&folder()?) {
        Ok((entries, _)) => entries,
        Err(FileError::NotFound { .. }) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let is_its = |path: &RelPath| {
        path.as_str()
            .strip_prefix(own.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(PARTS))
    };
    Ok(entries.into_iter().map(|entry| entry.path).filter(is_its).collect())
}

/// The history of one run.
#[derive(Debug)]
pub(crate) struct History<'a> {
    state: &'a Root,
    folder: RelPath,
}

impl<'a> History<'a> {
    /// The history of `run` in the runner's state folder.
    pub(crate) fn of(state: &'a Root, run: &str) -> Result<Self, PatchError> {
        let folder = folder_of(run).map_err(|error| journal_error("opening the history", error))?;
        Ok(Self { state, folder })
    }

    /// Every change, oldest first.
    pub(crate) fn all(&self) -> Result<Vec<Past>, PatchError> {
        let failed = |error: FileError| journal_error("reading the history", error);
        let entries = match self.state.entries(&self.folder) {
            Ok((entries, _)) => entries,
            Err(FileError::NotFound { .. } | FileError::Kind { .. }) => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut found: Vec<Past> = Vec::new();
        for entry in entries.iter().filter(|entry| entry.path.extension() == Some("json")) {
            let mut file = self.state.file(&entry.path, Links::Refuse).map_err(failed)?;
            let bytes = file.read(MAX_ENTRY).map_err(failed)?;
            let past = serde_json::from_slice(&bytes)
                .map_err(|error| PatchError::io("reading the history", entry.path.as_str(), error))?;
            found.push(past);
        }
        found.sort_by_key(|past| past.number);
        Ok(found)
    }

    /// When the first change was recorded, in seconds and nanoseconds since 1970; also where it was taken back since.
    pub(crate) fn began(&self) -> Result<Option<(i64, i64)>, PatchError> {
        let failed = |error: FileError| journal_error("reading the history", error);
        let first = self.folder.join("00000001.json").map_err(|error| failed(error.into()))?;
        match self.state.facts(&first) {
            Ok(facts) => Ok(Some(facts.modified)),
            Err(FileError::NotFound { .. } | FileError::Kind { .. }) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// The changes that still hold: neither taken back nor taking back, oldest first.
    pub(crate) fn standing(&self) -> Result<Vec<Past>, PatchError> {
        let all = self.all()?;
        let undone: BTreeSet<u64> = all.iter().flat_map(|past| past.undoes.iter().copied()).collect();
        Ok(all.into_iter().filter(|past| past.undoes.is_empty() && !undone.contains(&past.number)).collect())
    }

    /// The changes that the run made itself and that still hold, oldest first. What took back one that was taken over is a
    /// change of its own, and so is what was taken back beside it.
    pub(crate) fn own(&self) -> Result<Vec<Past>, PatchError> {
        let all = self.all()?;
        let taken: BTreeSet<u64> =
            all.iter().filter(|past| past.taken_from.is_some()).map(|past| past.number).collect();
        let cancels =
            |past: &Past| !past.undoes.is_empty() && !past.undoes.iter().any(|at| taken.contains(at));
        let cancelled: BTreeSet<u64> =
            all.iter().filter(|past| cancels(past)).flat_map(|past| past.undoes.iter().copied()).collect();
        let holds =
            |past: &Past| past.taken_from.is_none() && !cancels(past) && !cancelled.contains(&past.number);
        Ok(all.iter().filter(|past| holds(past)).cloned().collect())
    }

    /// For each file that `changes` touched, how it stood before and after each of them: never empty, what it was before the
    /// first one first, and what the last one left last.
    pub(crate) fn states(changes: &[Past]) -> BTreeMap<String, Vec<Option<PastContent>>> {
        let mut states: BTreeMap<String, Vec<Option<PastContent>>> = BTreeMap::new();
        for file in changes.iter().flat_map(|past| &past.files) {
            states.entry(file.path.clone()).or_default().extend([file.before, file.after]);
        }
        states
    }

    /// The number of the next change.
    pub(super) fn next_number(&self) -> Result<u64, PatchError> {
        let failed = |error: FileError| journal_error("reading the history", error);
        let entries = match self.state.entries(&self.folder) {
            Ok((entries, _)) => entries,
            Err(FileError::NotFound { .. } | FileError::Kind { .. }) => return Ok(1),
            Err(error) => return Err(failed(error)),
        };
        let numbers = entries.iter().filter_map(|entry| {
            let (_, name) = entry.path.split()?;
            name.strip_suffix(".json")?.parse::<u64>().ok()
        });
        Ok(numbers.max().unwrap_or(0) + 1)
    }

    /// Writes an entry that does not count yet: once its change holds, no more room is needed for it.
    pub(super) fn prepare(&self, past: &Past) -> Result<(), PatchError> {
        let failed = |error: FileError| journal_error("writing the history", error);
        let text = serde_json::to_vec(past)
            .map_err(|error| PatchError::io("writing the history", &past.run, error))?;
        self.state.make_folders(&self.folder).map_err(failed)?;
        self.forget(past)?;
        self.state.write_new(&self.entry(past, "new")?, &text, 0o600).map_err(failed)
    }

    /// Takes back that an entry was prepared.
    pub(super) fn forget(&self, past: &Past) -> Result<(), PatchError> {
        match self.state.remove_file(&self.entry(past, "new")?) {
            Ok(()) | Err(FileError::NotFound { .. } | FileError::Kind { .. }) => Ok(()),
            Err(error) => Err(journal_error("writing the history", error)),
        }
    }

    /// From here on the prepared entry counts. Can be repeated; one that was not prepared is written now.
    pub(super) fn add(&self, past: &Past) -> Result<(), PatchError> {
        let failed = |error: FileError| journal_error("writing the history", error);
        let (new, entry) = (self.entry(past, "new")?, self.entry(past, "json")?);
        match self.state.rename(&new, &entry) {
            Err(FileError::NotFound { .. }) if self.state.facts(&entry).is_ok() => {}
            Err(FileError::NotFound { .. }) => {
                self.prepare(past)?;
                self.state.rename(&new, &entry).map_err(failed)?;
            }
            renamed => renamed.map_err(failed)?,
        }
        self.state.sync_folder(&self.folder).map_err(failed)
    }

    /// Gives an entry the time of another history's.
    pub(super) fn dated_as(&self, past: &Past, other: &Self, theirs: &Past) -> Result<(), PatchError> {
        let (entry, model) = (self.entry(past, "json")?, other.entry(theirs, "json")?);
        let dated =
            other.state.facts(&model).and_then(|facts| self.state.set_modified(&entry, facts.modified));
        dated.map_err(|error| journal_error("writing the history", error))
    }

    fn entry(&self, past: &Past, end: &str) -> Result<RelPath, PatchError> {
        let name = format!("{:08}.{end}", past.number);
        self.folder.join(&name).map_err(|error| journal_error("writing the history", error.into()))
    }

    /// Keeps the bytes of files as they were, on the disk when this returns.
    pub(super) fn keep<'c>(&self, contents: impl Iterator<Item = &'c Content>) -> Result<(), PatchError> {
        let failed = |error: FileError| journal_error("keeping what was there", error);
        let blobs = self.folder.join("blobs").map_err(|error| failed(error.into()))?;
        let mut put = BTreeMap::new();
        let kept = self.put_beside(&blobs, contents, &mut put).and_then(|()| {
            put.iter().try_for_each(|(blob, new)| self.state.rename(new, blob))?;
            if put.is_empty() { Ok(()) } else { self.state.sync_folder(&blobs) }
        });
        kept.map_err(|error| {
            // where there is no room, what is of no use to anybody takes none
            for new in put.values() {
                let _ = self.state.remove_file(new);
            }
            failed(error)
        })
    }

    /// Writes what is not kept yet, each beside the name that it will have.
    fn put_beside<'c>(
        &self,
        blobs: &RelPath,
        contents: impl Iterator<Item = &'c Content>,
        put: &mut BTreeMap<RelPath, RelPath>,
    ) -> Result<(), FileError> {
        let mut files = NewFiles::of(self.state);
        for content in contents {
            let hex = content.digest().hex();
            let (blob, new) = (blobs.join(&hex)?, blobs.join(&format!("{hex}.new"))?);
            if put.contains_key(&blob) || self.state.facts(&blob).is_ok() {
                continue;
            }
            if put.is_empty() {
                self.state.make_folders(blobs)?;
            }
            match self.state.remove_file(&new) {
                Ok(()) | Err(FileError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
            put.insert(blob, new.clone());
            files.write(&new, &content.bytes, 0o600)?;
        }
        files.sync()
    }

    /// The bytes that were kept, checked against their digest.
    pub(crate) fn content(&self, past: PastContent) -> Result<Content, PatchError> {
        let failed = |error: FileError| journal_error("reading what was there", error);
        let blob = self
            .folder
            .join("blobs")
            .and_then(|blobs| blobs.join(&past.digest.hex()))
            .map_err(|error| failed(error.into()))?;
        let bytes =
            self.state.file(&blob, Links::Refuse).and_then(|mut file| file.read(MAX_FILE)).map_err(failed)?;
        if Digest::of(&bytes) != past.digest {
            let error = std::io::Error::other("the bytes are not those of their digest");
            return Err(PatchError::io("reading what was there", blob.as_str(), error));
        }
        Ok(Content { bytes, bits: past.bits })
    }
}
