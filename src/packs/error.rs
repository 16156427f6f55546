//! Why a pack is refused, each with what to do about it. Nothing was changed where one of these is returned.

use std::io;
use std::path::{Path, PathBuf};

use crate::digest::Digest;
use crate::files::FileError;
use crate::files::private::PrivateError;
use crate::model::{PackName, PackVersion};

use super::TreeProblem;

/// What kind of an end it is: exit codes follow from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The command line says something that cannot be meant.
    Usage,
    /// The machine, the network or git failed.
    Failed,
    /// A manifest, a lock, a policy or a set of requirements is not valid.
    Invalid,
    /// A person has to say yes first.
    Denied,
    /// A pack is not what it is said to be.
    Unverified,
}

/// Why a pack is refused.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The command line.
    #[error("{0}")]
    Usage(String),
    /// The system refused.
    #[error("cannot {action} `{path}`: {error}", path = path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// A file could not be opened the way it must be.
    #[error("{of}: {error}")]
    File {
        /// The folder or the pack that it belongs to.
        of: String,
        /// Why.
        #[source]
        error: FileError,
    },
    /// A folder of the user's that somebody else could have written.
    #[error(transparent)]
    Private(#[from] PrivateError),
    /// Another command holds the packs of this user.
    #[error("another `lgflow pack` command is at work (`{path}` is held); run it again when that one has ended", path = .0.display())]
    Busy(PathBuf),
    /// The tree cannot be a pack.
    #[error("the tree of {of} is refused: {problem}")]
    Tree {
        /// Which.
        of: String,
        /// Why.
        #[source]
        problem: TreeProblem,
    },
    /// There is no pack where one was looked for.
    #[error(
        "{0} has no `pack.yaml`; name the folder of the pack with `--folder`, or make one with `lgflow pack new`"
    )]
    NoPack(String),
    /// The pack is another one.
    #[error("{of} is the pack `{found}`, not `{asked}`; ask for `{found}`, or name another source")]
    OtherPack {
        /// Where.
        of: String,
        /// Which was asked for.
        asked: PackName,
        /// Which it is.
        found: PackName,
    },
    /// Findings in its files, each with its place.
    #[error("{of} is not valid:\n  {}", findings.join("\n  "))]
    Findings {
        /// Which.
        of: String,
        /// Each with its place.
        findings: Vec<String>,
    },
    /// Nobody has said that this publisher publishes there.
    #[error(
        "`{publisher}` is not known to publish at {source_text}{}; if it does, run the same command with `--trust-source`, or at a terminal",
        others(known)
    )]
    UnknownSource {
        /// The publisher.
        publisher: String,
        /// Where the pack would come from.
        source_text: String,
        /// Where it is known to publish.
        known: Vec<String>,
    },
    /// A version below one that was seen.
    #[error(
        "`{pack}` {version} is lower than {highest}, which was seen on this machine; take {highest} or a higher one, or go back knowingly with `--allow-lower`"
    )]
    Lower {
        /// Which.
        pack: PackName,
        /// Its version.
        version: PackVersion,
        /// The highest that was seen.
        highest: PackVersion,
    },
    /// A version whose content was another one.
    #[error(
        "`{pack}` {version} has the content {found}, and had {seen} when it was first seen: its tag was moved, or it was changed without a new version; ask its publisher for a new version and add that one"
    )]
    Rewritten {
        /// Which.
        pack: PackName,
        /// Its version.
        version: PackVersion,
        /// What it was.
        seen: Digest,
        /// What it is.
        found: Digest,
    },
    /// A revision that names another commit than the lock has.
    #[error(
        "`{pack}`: `{revision}` now means the commit {found}, and the lock has {locked}: the tag or the branch was moved; if that is meant, run `lgflow pack update {pack}`, which shows what changes"
    )]
    Moved {
        /// Which.
        pack: PackName,
        /// The tag or branch.
        revision: String,
        /// What the lock has.
        locked: String,
        /// What it means now.
        found: String,
    },
    /// What was fetched is not what the lock has.
    #[error(
        "`{pack}` has the content {found}, and the lock has {locked}: {place} is not what was locked; {mend}"
    )]
    Tampered {
        /// Which.
        pack: PackName,
        /// What the lock has.
        locked: Digest,
        /// What it is.
        found: String,
        /// Where it was read.
        place: String,
        /// What to do.
        mend: String,
    },
    /// A requirement without a pack.
    #[error(
        "`{by}` requires `{needed}` {version} or a compatible higher version, which is neither locked nor beside it in its source; run `lgflow pack add {needed} --from SOURCE` first"
    )]
    Missing {
        /// Who requires it.
        by: PackName,
        /// Which.
        needed: PackName,
        /// The lowest version that does.
        version: PackVersion,
    },
    /// Two that need what cannot be had together.
    #[error(
        "`{by}` requires `{needed}` {version} or a compatible higher version, and it would be {have}{}; {mend}",
        also(others)
    )]
    Conflict {
        /// Who requires it.
        by: PackName,
        /// Which.
        needed: PackName,
        /// The lowest version that does.
        version: PackVersion,
        /// The version that there is.
        have: PackVersion,
        /// Who else requires it, and what.
        others: Vec<String>,
        /// What to do.
        mend: String,
    },
    /// Packs that require each other.
    #[error("packs require each other: {}; their publisher takes one of these requirements out", .0.join(" -> "))]
    Cycle(Vec<String>),
    /// The lock cannot be read.
    #[error(
        "`{path}` is no lock that can be used: {problem}; take back the last change of it, or remove it and add its packs again"
    )]
    Lock {
        /// The lock.
        path: String,
        /// Why.
        problem: String,
    },
    /// What is remembered cannot be read.
    #[error("`{path}` cannot be read: {problem}; it says which publishers you know: mend it, or move it away and be asked again", path = path.display())]
    Memory {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// Git could not fetch.
    #[error(
        "git could not fetch from {of}: {problem}; nothing was installed: run the command again when the source can be reached"
    )]
    Git {
        /// The source.
        of: String,
        /// What it said, or why it was stopped.
        problem: String,
    },
    /// The source has no such revision.
    #[error("{of} has no tag or branch `{revision}`; name one that it has with `--rev`")]
    NoRevision {
        /// The source.
        of: String,
        /// What was asked for.
        revision: String,
    },
}

impl PackError {
    /// What kind of an end it is.
    pub fn class(&self) -> Class {
        match self {
            Self::Usage(_) | Self::NoPack(_) | Self::OtherPack { .. } | Self::NoRevision { .. } => {
                Class::Usage
            }
            Self::Io { .. } | Self::File { .. } | Self::Private(_) | Self::Busy(_) | Self::Git { .. } => {
                Class::Failed
            }
            Self::Memory { .. } => Class::Failed,
            Self::Findings { .. }
            | Self::Missing { .. }
            | Self::Conflict { .. }
            | Self::Cycle(_)
            | Self::Lock { .. } => Class::Invalid,
            Self::UnknownSource { .. } | Self::Lower { .. } => Class::Denied,
            Self::Tree { .. } | Self::Rewritten { .. } | Self::Moved { .. } | Self::Tampered { .. } => {
                Class::Unverified
            }
        }
    }

    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| PackError::Io { action, path, error }
    }

    pub(super) fn file(of: impl Into<String>) -> impl FnOnce(FileError) -> Self {
        let of = of.into();
        move |error| PackError::File { of, error }
    }

    pub(super) fn tree(of: impl Into<String>) -> impl FnOnce(TreeProblem) -> Self {
        let of = of.into();
        move |problem| PackError::Tree { of, problem }
    }
}

fn others(known: &[String]) -> String {
    if known.is_empty() { String::new() } else { format!(" (it publishes at {})", known.join(" and ")) }
}

fn also(others: &[String]) -> String {
    if others.is_empty() { String::new() } else { format!(" ({})", others.join(", ")) }
}
