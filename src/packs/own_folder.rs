//! What a workspace's `.lg` is in a revision of its repository: read out of git's objects, without running git, and
//! put into a folder of the user's own for as long as a command reads it. Nothing of the work tree has a say.
#![expect(
    clippy::disallowed_methods,
    reason = "what was read is put into the user's own state folder, and taken away"
)]

use std::fs;
use std::path::{Path, PathBuf};

use crate::digest::hex;
use crate::files::private::{PrivateError, make_folder};

use super::git::Commit;
use super::shelf::write;
use super::{PackError, TreeProblem};

/// The folder that decides.
const OWN: &str = ".lg";

/// A revision's `.lg`, in a folder that goes when this does.
#[derive(Debug)]
pub struct RevisionFolder {
    folder: PathBuf,
    revision: String,
    commit: String,
}

/// A revision that cannot decide. Nothing was begun.
#[derive(Debug, thiserror::Error)]
pub enum RevisionError {
    /// There is no git.
    #[error(
        "`{}` is in no git repository, so there is no revision `{revision}` to take `{OWN}` from; run it in a \
         clone", .workspace.display()
    )]
    NoRepository {
        /// The workspace.
        workspace: PathBuf,
        /// What was named.
        revision: String,
    },
    /// The repository cannot be read, or has no such revision.
    #[error(
        "there is no revision `{revision}` here: {problem}; name a branch, a tag or a commit that this clone has (after \
         `git fetch origin main` there is `origin/main`)"
    )]
    NoRevision {
        /// What was named.
        revision: String,
        /// What git's files say.
        problem: String,
    },
    /// It has no such folder.
    #[error(
        "the revision `{revision}` ({commit}) has no folder `{folder}`, so nothing in it decides; commit a graph and a \
         policy there first (`lgflow init`)"
    )]
    NoFolder {
        /// What was named.
        revision: String,
        /// Its commit.
        commit: String,
        /// The folder, from the top of the repository.
        folder: String,
    },
    /// What is there cannot be used.
    #[error("`{folder}` of the revision `{revision}` ({commit}) is refused: {problem}")]
    Refused {
        /// What was named.
        revision: String,
        /// Its commit.
        commit: String,
        /// The folder, from the top of the repository.
        folder: String,
        /// Why.
        problem: TreeProblem,
    },
    /// The objects cannot be read, or the copy not be written.
    #[error("cannot read `{OWN}` of the revision `{revision}`: {problem}")]
    Failed {
        /// What was named.
        revision: String,
        /// What failed.
        problem: String,
    },
    /// The state folder is not the user's own.
    #[error(transparent)]
    Private(#[from] PrivateError),
}

impl RevisionFolder {
    /// The `.lg` of `revision` in the repository that `workspace`, a real path, lies in.
    pub fn read(state: &Path, workspace: &Path, revision: &str) -> Result<Self, RevisionError> {
        let named = revision.to_owned();
        let top = workspace.ancestors().find(|folder| folder.join(".git").exists());
        let top = top.ok_or_else(|| RevisionError::NoRepository {
            workspace: workspace.to_owned(),
            revision: named.clone(),
        })?;
        let commit = Commit::here(top, revision)
            .map_err(|problem| RevisionError::NoRevision { revision: named.clone(), problem })?;
        let failed = |problem: String| RevisionError::Failed { revision: named.clone(), problem };
        let below = workspace.strip_prefix(top).unwrap_or(Path::new("")).join(OWN);
        let folder = below.to_str().ok_or_else(|| failed("its path is not UTF-8".to_owned()))?.to_owned();
        let id = commit.id();
        let tree = commit.tree(&folder, &format!("`{revision}:{folder}`")).map_err(|error| match error {
            PackError::NoPack(_) => RevisionError::NoFolder {
                revision: named.clone(),
                commit: id.clone(),
                folder: folder.clone(),
            },
            PackError::Tree { problem, .. } => RevisionError::Refused {
                revision: named.clone(),
                commit: id.clone(),
                folder: folder.clone(),
                problem,
            },
            PackError::Git { problem, .. } => failed(problem),
            error => failed(error.to_string()),
        })?;
        let held = Self { folder: fresh(state).map_err(failed)?, revision: named.clone(), commit: id };
        for private in [&held.folder, &held.folder.join(OWN)] {
            make_folder(private)?;
        }
        write(&held.folder.join(OWN), &tree).map_err(|error| failed(error.to_string()))?;
        Ok(held)
    }

    /// The folder that has `.lg` in it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The revision as it was named.
    pub fn revision(&self) -> &str {
        &self.revision
    }

    /// All hex digits of its commit.
    pub fn commit(&self) -> &str {
        &self.commit
    }
}

impl Drop for RevisionFolder {
    fn drop(&mut self) {
        // what stays is a copy of what the repository has, in the user's own folder
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// A path that nothing has yet, beside the other private things of the user.
fn fresh(state: &Path) -> Result<PathBuf, String> {
    let mut name = [0; 12];
    getrandom::fill(&mut name).map_err(|error| error.to_string())?;
    for private in [state.to_owned(), state.join("revisions")] {
        make_folder(&private).map_err(|error| error.to_string())?;
    }
    Ok(state.join("revisions").join(hex(&name)))
}
