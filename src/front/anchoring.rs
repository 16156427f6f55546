//! Where anchors are read and added: a file that the user names, or a git note. Knows not what they say.
#![expect(
    clippy::disallowed_methods,
    reason = "a file of anchors belongs to somebody else: lines are added to it and nothing else is done"
)]

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::OFlags;

use crate::files::{FileError, read_given};
use crate::notes::{self, NoteError};
use crate::witness::AnchorPlace;

/// The most that is read of a file of anchors.
const LIMIT: u64 = 256 * 1024 * 1024;
/// So often a note is tried again that another process has altered meanwhile.
const TRIES: u32 = 8;

/// Anchors cannot be read or added.
#[derive(Debug, thiserror::Error)]
pub enum AnchoringError {
    /// The file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file, while a line is added.
    #[error("cannot add a line to `{0}`: {1}")]
    Add(String, #[source] io::Error),
    /// It is no file.
    #[error("`{0}` is no regular file: anchors are lines of a file")]
    NoFile(String),
    /// The note.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The run has no commit that a note could stand on.
    #[error(
        "the trace of this run names no commit that a note could stand on: the workspace stood on none, or its repository could \
         not be read; name a file instead: `file:PATH`"
    )]
    NoCommit,
}

/// The anchors that stand in a place. `commit` is the one that the run's workspace stood on.
pub fn read_anchors(
    place: &AnchorPlace,
    root: &Path,
    commit: Option<&str>,
) -> Result<String, AnchoringError> {
    match place {
        AnchorPlace::File(path) => Ok(read_given(path, LIMIT)?),
        AnchorPlace::GitNote => {
            let commit = commit.ok_or(AnchoringError::NoCommit)?;
            Ok(notes::read(root, commit)?.unwrap_or_default())
        }
    }
}

/// Everything that stands in a place.
pub fn read_all_anchors(place: &AnchorPlace, root: &Path) -> Result<String, AnchoringError> {
    match place {
        AnchorPlace::File(path) => Ok(read_given(path, LIMIT)?),
        AnchorPlace::GitNote => Ok(notes::read_all(root)?),
    }
}

/// Adds a line to a place. It is on the disk when this returns.
pub fn add_anchor(
    place: &AnchorPlace,
    root: &Path,
    commit: Option<&str>,
    line: &str,
) -> Result<(), AnchoringError> {
    match place {
        AnchorPlace::File(path) => add_line(path, line),
        AnchorPlace::GitNote => {
            let commit = commit.ok_or(AnchoringError::NoCommit)?;
            add_note(root, commit, line)
        }
    }
}

/// Is a file of anchors one that this user could write anew? Then it proves no more than the user's own state does.
pub fn is_ours(path: &Path) -> bool {
    let ours = rustix::process::geteuid().as_raw();
    std::fs::metadata(path).is_ok_and(|facts| facts.uid() == ours)
}

/// Where another process was faster, nothing is lost, and it is tried again.
fn add_note(root: &Path, commit: &str, line: &str) -> Result<(), AnchoringError> {
    let mut tried = notes::add(root, commit, line, now());
    for _ in 0..TRIES {
        match tried {
            Err(NoteError::Git(_)) => tried = notes::add(root, commit, line, now()),
            done => return Ok(done?),
        }
    }
    Ok(tried?)
}

fn add_line(path: &Path, line: &str) -> Result<(), AnchoringError> {
    let shown = || path.display().to_string();
    let failed = |error| AnchoringError::Add(shown(), error);
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o644).custom_flags(flags.bits().cast_signed());
    let mut file = options.open(path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(AnchoringError::NoFile(shown()));
    }
    // behind a line that somebody did not end, a new one begins
    let start = if ends_a_line(path) { "" } else { "\n" };
    file.write_all(format!("{start}{line}\n").as_bytes()).map_err(failed)?;
    file.sync_data().map_err(failed)
}

/// Who may only add to a file cannot know it.
fn ends_a_line(path: &Path) -> bool {
    let last = || {
        let mut file = File::open(path)?;
        if file.metadata()?.len() == 0 {
            return Ok(b'\n');
        }
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last).map(|()| last[0])
    };
    last().is_ok_and(|last: u8| last == b'\n')
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_secs()).unwrap_or_default()
}
