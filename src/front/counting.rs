//! What is counted while a run goes on, and the file that it is added to when the process has done its work. The file is
//! the one that a collector of text files reads: it is there whole or not at all, and counts of all runs add up in it.
#![expect(
    clippy::disallowed_methods,
    reason = "what is counted is measured, and written where the user says"
)]

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::files::{FileError, read_given};
use crate::metrics::{Counts, NotOurs, parse, text};

/// Bytes of a file of counts.
const LIMIT: u64 = 1 << 20;
/// How long another process may hold the file.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is counted of a run.
#[derive(Debug)]
pub(super) struct Counting {
    pub(super) counts: Counts,
    since: Instant,
}

/// The counts could not be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum CountsError {
    #[error("`{}`: {}", .0.display(), .1)]
    Io(PathBuf, #[source] io::Error),
    #[error("`{}`: {}; name another file with `--metrics`, or remove this one", .0.display(), .1)]
    NotOurs(PathBuf, NotOurs),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("`{}` is held by another process", .0.display())]
    Busy(PathBuf),
}

impl Counting {
    /// Begins to count, with the processes that a run is started with.
    pub(super) fn begin() -> Self {
        let mut counts = Counts::new();
        for process in ["interpreter", "runner"] {
            counts.add("lgflow_processes_started_total", &[("process", process)], 1);
        }
        Self { counts, since: Instant::now() }
    }

    /// Measures how long the store takes.
    pub(super) fn committing<T>(&mut self, commit: impl FnOnce() -> T) -> T {
        let since = Instant::now();
        let done = commit();
        self.counts.observe("lgflow_store_commit_seconds", &[], since.elapsed());
        done
    }

    /// The process has done its work on the run.
    pub(super) fn end(mut self) -> Counts {
        self.counts.observe("lgflow_run_seconds", &[], self.since.elapsed());
        self.counts
    }
}

/// Adds counts to the file at `path`.
pub(super) fn add_to(path: &Path, counts: Counts) -> Result<(), CountsError> {
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |error: io::Error| CountsError::Io(path, error)
    };
    let beside = |suffix: &str| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // hidden, and with another ending than the files that are collected
        path.with_file_name(format!(".{name}.{suffix}"))
    };
    let held = beside("lock");
    let lock = OpenOptions::new().create(true).append(true).open(&held).map_err(failed(&held))?;
    hold(&lock, &held)?;
    let before = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Counts::new(),
        Err(error) => return Err(failed(path)(error)),
        Ok(_) => {
            let written = read_given(path, LIMIT)?;
            parse(&written).map_err(|why| CountsError::NotOurs(path.to_path_buf(), why))?
        }
    };
    let new = beside("new");
    let written = fs::write(&new, text(&counts.after(before))).and_then(|()| fs::rename(&new, path));
    written.map_err(failed(path))
}

/// Waits for other processes that write the same file, and not for long.
fn hold(lock: &File, path: &Path) -> Result<(), CountsError> {
    let since = Instant::now();
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(()),
            Err(fs::TryLockError::WouldBlock) if since.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(fs::TryLockError::WouldBlock) => return Err(CountsError::Busy(path.to_path_buf())),
            Err(fs::TryLockError::Error(error)) => return Err(CountsError::Io(path.to_path_buf(), error)),
        }
    }
}
