//! Folders of the user that lie within a repository. What came with the repository is nobody's record and nobody's setting: a
//! state folder is used there where this user's lgflow has made it, and git tracks nothing in it; a configuration is not.
//!
//! A mark in the folder and one outside hold the same random number. A repository can bring any file with any mode and no
//! number that only the user's own folder knows. Where there is no folder outside, because HOME itself lies in the repository,
//! the mark holds when the file system made the folder: nobody can bring that either.
//!
//! Whose a folder is does not depend on variables alone: HOME may be named by whoever has checked the repository out. What
//! encloses the home folder that the system has on record for the user is the user's.
#![expect(
    clippy::disallowed_methods,
    reason = "looks at folders of the user before anything in them is used"
)]

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use crate::config::config_beneath;
use crate::digest::{Digest, hex};
use crate::files::private::{PrivateError, make_folder, put_new, read};
use crate::runner::tracked_beneath;
use crate::view::escaped;

/// The mark in a state folder.
const MARK: &str = "installation";
/// Where the marks of state folders are kept outside, in the folder of the user's own state.
const MARKS: &str = "folders";

/// A folder of the user's in a repository that is not used.
#[derive(Debug, thiserror::Error)]
pub enum EnclosedError {
    /// The configuration may have come with the repository.
    #[error(
        "your configuration `{}` (by XDG_CONFIG_HOME or HOME) lies in the repository `{}`: what comes with a repository sets \
         nothing for you; let XDG_CONFIG_HOME name a folder outside, or, where it is your own, make `.config/lgflow` in a home \
         folder outside a link to it and leave XDG_CONFIG_HOME unset",
        escaped(&config.display().to_string()), escaped(&repository.display().to_string())
    )]
    Configuration {
        /// The folder.
        config: PathBuf,
        /// What it lies in.
        repository: PathBuf,
    },
    /// Somebody else made it: it may have come with the repository.
    #[error(
        "the state folder `{}` lies in the repository `{}`, and lgflow did not make it there for you: it may have come with \
         the repository, so nothing in it is believed; set LGFLOW_STATE_DIR to a folder outside (to keep what is yours, \
         move it there), or remove it",
        escaped(&state.display().to_string()), escaped(&repository.display().to_string())
    )]
    Foreign {
        /// The folder.
        state: PathBuf,
        /// What it lies in.
        repository: PathBuf,
    },
    /// Git would bring it with the repository.
    #[error(
        "git tracks `{}` in the state folder `{}`: what comes with a repository is not believed, and what is kept there is \
         nobody else's; take it out (`git rm -r --cached`), and set LGFLOW_STATE_DIR to a folder outside",
        escaped(file), escaped(&state.display().to_string())
    )]
    Tracked {
        /// The folder.
        state: PathBuf,
        /// The first file, from the root of the repository.
        file: String,
    },
    /// There is no place for the mark.
    #[error(
        "the state folder `{}` lies in the repository `{}`, there is no folder outside to note that it is yours (HOME or \
         XDG_STATE_HOME), and the file system does not say when it was made; set LGFLOW_STATE_DIR to a folder outside",
        escaped(&state.display().to_string()), escaped(&repository.display().to_string())
    )]
    NoOutside {
        /// The folder.
        state: PathBuf,
        /// What it lies in.
        repository: PathBuf,
    },
    /// What git tracks cannot be told.
    #[error("cannot tell what git tracks in the state folder: {0}")]
    Index(String),
    /// A mark cannot be read or written.
    #[error(transparent)]
    Private(#[from] PrivateError),
    /// The system refused.
    #[error("cannot look at the state folder `{}`: {source}", state.display())]
    Io {
        /// The folder.
        state: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

/// Where the user's own folders are.
#[derive(Debug)]
pub(super) struct Home {
    /// The home folder that the system has on record. What encloses it is the user's, not a repository's.
    pub account: Option<PathBuf>,
    /// The one that HOME names.
    pub named: Option<PathBuf>,
    /// Where state lies if nothing names another folder, the first choice first.
    pub outside: Vec<PathBuf>,
}

/// Refuses a state folder that came with a repository; marks one that is begun in one. `root` is the workspace.
pub(super) fn check(root: &Path, state: &Path, home: &Home) -> Result<(), EnclosedError> {
    let state = real(state);
    let around = around(root, &state);
    if let Some(widest) = home.of_others(&around).last() {
        let mark = home.mark(&state, widest);
        if is_empty(&state)? {
            mark.begin(&state, widest)?;
        } else if !mark.is_in(&state)? {
            return Err(EnclosedError::Foreign { state, repository: widest.to_path_buf() });
        }
        // nothing of it is committed by accident
        put_new(&state.join(".gitignore"), "*\n")?;
    }
    // nobody commits records, whosever the repository is
    around.iter().try_for_each(|repository| untracked(repository, &state))
}

/// Refuses a configuration that may have come with a repository.
pub(super) fn check_config(root: &Path, config: &Path, home: &Home) -> Result<(), EnclosedError> {
    match came_with(root, config, home) {
        Some(error) if !is_empty(&real(config))? => Err(error),
        // where there is nothing, nothing is believed
        _ => Ok(()),
    }
}

/// Makes the folder of the configuration, where it would be believed.
pub(super) fn make_config(root: &Path, config: &Path, home: &Home) -> Result<(), EnclosedError> {
    came_with(root, config, home).map_or_else(|| Ok(make_folder(config)?), Err)
}

/// Why a configuration is not believed. What stands in its usual place in the user's home folder is the user's, wherever a
/// link there leads; that HOME names a folder does not make it the user's.
fn came_with(root: &Path, config: &Path, home: &Home) -> Option<EnclosedError> {
    let usual = home.named.as_ref().filter(|named| config_beneath(named) == config);
    let place = usual.map_or_else(|| real(config), |named| config_beneath(&real(named)));
    let repository = home.of_others(&around(root, &place)).last()?.to_path_buf();
    Some(EnclosedError::Configuration { config: config.to_owned(), repository })
}

/// The folders that `folder` lies in and that came from somewhere, the nearest first: the workspace, and repositories.
fn around(root: &Path, folder: &Path) -> Vec<PathBuf> {
    let came =
        |folder: &&Path| *folder == root || folder.join(".git").exists() || folder.join(".lg").exists();
    folder.ancestors().skip(1).filter(came).map(Path::to_owned).collect()
}

impl Home {
    /// Those that do not enclose the home folder on record.
    fn of_others<'a>(&self, around: &'a [PathBuf]) -> Vec<&'a Path> {
        let account = self.account.as_ref().map(|account| real(account));
        let users = |folder: &Path| account.as_ref().is_some_and(|account| account.starts_with(folder));
        around.iter().map(PathBuf::as_path).filter(|folder| !users(folder)).collect()
    }

    fn mark(&self, state: &Path, widest: &Path) -> Mark {
        let mut outside = self.outside.iter().map(|folder| real(folder));
        match outside.find(|folder| !folder.starts_with(widest)) {
            Some(outside) => {
                Mark::Outside(outside.join(MARKS).join(Digest::of(state.as_os_str().as_bytes()).hex()))
            }
            None => Mark::Born,
        }
    }
}

/// What tells a folder that was made here from one that was brought.
enum Mark {
    /// The number in this file, outside.
    Outside(PathBuf),
    /// When the folder was made.
    Born,
}

impl Mark {
    /// Makes the folder, with the mark in it.
    fn begin(&self, state: &Path, repository: &Path) -> Result<(), EnclosedError> {
        let number = match self {
            // the mark outside first: one without its folder is of no use to anybody, and a folder without its mark is refused
            Self::Outside(kept) => {
                note_outside(kept, state)?;
                make_folder(state)?;
                read(kept)?
            }
            Self::Born => {
                make_folder(state)?;
                Some(born(state).ok_or_else(|| EnclosedError::NoOutside {
                    state: state.to_owned(),
                    repository: repository.to_owned(),
                })?)
            }
        };
        put_new(&state.join(MARK), &number.unwrap_or_default())?;
        Ok(())
    }

    fn is_in(&self, state: &Path) -> Result<bool, EnclosedError> {
        let own = match self {
            Self::Outside(kept) => read(kept)?,
            Self::Born => born(state),
        };
        Ok(own.is_some() && own == read(&state.join(MARK))?)
    }
}

/// Where another process was faster, its number is the one.
fn note_outside(kept: &Path, state: &Path) -> Result<(), EnclosedError> {
    if let Some(folder) = kept.parent() {
        make_folder(folder)?;
    }
    let mut random = [0; 16];
    getrandom::fill(&mut random)
        .map_err(|error| PrivateError::io("draw a number for", state)(io::Error::other(error.to_string())))?;
    put_new(kept, &hex(&random))?;
    Ok(())
}

/// The moment at which the file system made a folder. It stays what it is, and nobody can set it; one that is told in
/// milliseconds or less finely could be guessed.
fn born(folder: &Path) -> Option<String> {
    let made = fs::symlink_metadata(folder).ok()?.created().ok()?;
    let made = made.duration_since(UNIX_EPOCH).ok()?.as_nanos();
    (made % 1_000_000 != 0).then(|| format!("made {made}"))
}

/// A path without links, as far as there is something at it.
pub(super) fn real(path: &Path) -> PathBuf {
    let there = path.ancestors().find_map(|folder| Some((folder, folder.canonicalize().ok()?)));
    let Some((folder, real)) = there else { return path.to_owned() };
    match path.strip_prefix(folder) {
        Ok(rest) if rest.as_os_str().is_empty() => real,
        Ok(rest) => real.join(rest),
        Err(_) => path.to_owned(),
    }
}

fn is_empty(state: &Path) -> Result<bool, EnclosedError> {
    match fs::read_dir(state) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(source) => Err(EnclosedError::Io { state: state.to_owned(), source }),
    }
}

fn untracked(repository: &Path, state: &Path) -> Result<(), EnclosedError> {
    let Ok(below) = state.strip_prefix(repository) else { return Ok(()) };
    match tracked_beneath(repository, below).map_err(EnclosedError::Index)? {
        Some(file) => Err(EnclosedError::Tracked { state: state.to_owned(), file }),
        None => Ok(()),
    }
}
