//! What can go wrong with the store: always a place, a reason, and what can be done.

use std::io;
use std::path::{Path, PathBuf};

use super::RunId;
use crate::files::private::PrivateError;

/// The store could not do what it was asked. Nothing that was committed before is lost.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system refused.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// What was tried: `write`, `create`, …
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The folder or the file could be changed by somebody else.
    #[error(
        "the state folder `{}` {problem}; make it yours alone (`chmod 700`), or set LGFLOW_STATE_DIR to a folder that is",
        path.display()
    )]
    Untrusted {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Another program's database.
    #[error(
        "`{0}` is a database of another program, and nothing in it was touched; move it away, or name another store"
    )]
    Foreign(String),
    /// A later lgflow has written it.
    #[error(
        "the store `{place}` has the form {found}, and this lgflow knows {known} at most: a newer lgflow has written it; use \
         that one, or name another store"
    )]
    Newer {
        /// The store.
        place: String,
        /// Its form.
        found: i64,
        /// The last form that is known.
        known: i64,
    },
    /// What is in it cannot be read any more.
    #[error(
        "the store `{place}` is damaged ({problem}); move it away and keep it (`mv`): a new one is made in its place, and \
         what was sealed of its runs is still in the ledger"
    )]
    Damaged {
        /// The store.
        place: String,
        /// How that shows.
        problem: String,
    },
    /// What is in it of one run cannot be read any more.
    #[error(
        "what the store `{place}` keeps of the run `{run}` is damaged ({problem}), so nothing can be said of that run; \
         `lgflow trace verify --all` says which others hold, and they can be used as before"
    )]
    DamagedRun {
        /// The store.
        place: String,
        /// The run.
        run: String,
        /// How that shows.
        problem: String,
    },
    /// It cannot be written in.
    #[error(
        "the store cannot be written: `{0}` can only be read; make it and what lies beside it writable, or set LGFLOW_STATE_DIR to \
         a folder that is (what is there can be listed, shown and verified as it is)"
    )]
    ReadOnly(String),
    /// The file that is open has no name any more, or another one has it.
    #[error(
        "the store `{0}` was moved away or replaced while it was used, and nothing more is recorded in what was moved; put it \
         back (`mv`) with what lay beside it, then go on"
    )]
    Moved(String),
    /// There is no room.
    #[error(
        "the disk of the store `{0}` is full (No space left on device); what was recorded stands: make room, then go on"
    )]
    Full(String),
    /// Another program holds it.
    #[error(
        "the store `{0}` is locked by another process and did not become free; end what holds it, and try again"
    )]
    Locked(String),
    /// The database server.
    #[error("the store `{place}`: {problem}")]
    Server {
        /// Which one.
        place: String,
        /// What it said.
        problem: String,
    },
    /// No run has this id.
    #[error("there is no run `{0}` of this workspace in the store")]
    NoRun(String),
    /// It was removed.
    #[error("the run `{run}` was removed on {day} by `lgflow runs gc`, beyond the bound of {bound}")]
    Removed {
        /// The run.
        run: String,
        /// In UTC.
        day: String,
        /// Which bound it was beyond.
        bound: String,
    },
    /// It waits in the queue, and has recorded nothing.
    #[error(
        "the run `{0}` waits in the queue and has not begun: `lgflow worker` executes it, `lgflow runs dequeue {0}` takes it \
         out"
    )]
    Waits(String),
    /// Another process executes it.
    #[error("the run `{0}` is being executed by another process")]
    Busy(String),
    /// What was added to it before could not be written.
    #[error("what the run `{0}` recorded before could not be written, so nothing more of it is")]
    Behind(String),
    /// Another process has taken it over meanwhile.
    #[error("the run `{0}` was taken over by another process, so nothing more was recorded here")]
    TakenOver(String),
}

impl From<PrivateError> for StoreError {
    fn from(error: PrivateError) -> Self {
        match error {
            PrivateError::Io { action, path, source } => Self::Io { action, path, source },
            PrivateError::Unsafe { path, problem } => Self::Untrusted { path, problem },
        }
    }
}

impl StoreError {
    /// Is something there that cannot be read?
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::DamagedRun { .. })
    }

    /// Is it about one run alone, so that the others can be read as before?
    pub fn is_of_one_run(&self) -> bool {
        use StoreError::{Behind, Busy, DamagedRun, NoRun, Removed, TakenOver, Waits};
        matches!(
            self,
            DamagedRun { .. } | NoRun(_) | Removed { .. } | Waits(_) | Busy(_) | TakenOver(_) | Behind(_)
        )
    }

    /// Said of one run, where reading that met damage.
    pub(super) fn of_run(self, run: &RunId) -> Self {
        match self {
            Self::Damaged { place, problem } => Self::DamagedRun { place, run: run.to_string(), problem },
            other => other,
        }
    }

    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}
