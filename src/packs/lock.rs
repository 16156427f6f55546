//! The lock: each pack with its version, its source, its revision and the digest of its tree. It is made so that
//! further kinds of sources, and signatures, are further members.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::files::{FileError, Links, RelPath, Root};
use crate::model::{PackName, PackVersion};
use crate::policy::LockOwner;

use super::source::check_url;
use super::{PackError, Source};

/// The name of a lock.
pub const LOCK_FILE: &str = "lg.lock";
/// The schema id of a lock.
pub const LOCK_SCHEMA: &str = "lgflow.lock/v1";
/// Bytes of a lock.
const LIMIT: u64 = 1 << 20;

/// Where a lock lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockPlace {
    /// Whose it is.
    pub owner: LockOwner,
    /// The folder that relative paths in it begin at: the workspace, or the user's configuration.
    pub base: PathBuf,
    /// The folder that it lies in, beneath `base`.
    pub folder: RelPath,
}

/// The packs that may be used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock {
    /// By name.
    pub packs: BTreeMap<PackName, Locked>,
}

/// A pack in a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locked {
    /// Its version.
    pub version: PackVersion,
    /// Where it came from.
    pub source: Source,
    /// Its folder there.
    pub folder: RelPath,
    /// Of a git repository, the revision.
    pub revision: Option<Revision>,
    /// The digest of its tree.
    pub tree: Digest,
}

/// A revision of a git repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revision {
    /// `refs/tags/v1.2.0`, `refs/heads/main`, or the commit itself.
    pub name: String,
    /// The commit that it meant, all of its hex digits.
    pub commit: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireLock {
    schema: String,
    packs: BTreeMap<String, WireLocked>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireLocked {
    version: String,
    source: WireSource,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revision: Option<Revision>,
    tree: Digest,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
enum WireSource {
    Directory { path: String, folder: String },
    Git { url: String, folder: String },
}

impl Lock {
    /// The packs that both locks have with one content.
    pub fn shared_with(&self, other: &Lock) -> BTreeSet<PackName> {
        let same = |(name, locked): &(&PackName, &Locked)| {
            other.packs.get(*name).is_some_and(|there| there.tree == locked.tree)
        };
        self.packs.iter().filter(same).map(|(name, _)| name.clone()).collect()
    }
}

impl LockPlace {
    /// The lock of a workspace.
    pub fn workspace(root: &Path) -> Result<Self, PackError> {
        let folder = RelPath::parse(".lg").map_err(FileError::from).map_err(PackError::file(".lg"))?;
        Ok(Self { owner: LockOwner::Workspace, base: root.to_owned(), folder })
    }

    /// The lock of the user, in the folder of the user's configuration.
    pub fn user(config: &Path) -> Self {
        Self { owner: LockOwner::User, base: config.to_owned(), folder: RelPath::root() }
    }

    /// As it is shown.
    pub fn shown(&self) -> String {
        match self.owner {
            LockOwner::Workspace => format!("{}/{LOCK_FILE}", self.folder),
            LockOwner::User => self.base.join(LOCK_FILE).display().to_string(),
        }
    }

    /// Reads the lock; an empty one where there is none.
    pub fn read(&self) -> Result<Lock, PackError> {
        let root = match Root::open(&self.base) {
            Err(FileError::NotFound { .. }) => return Ok(Lock::default()),
            root => root.map_err(PackError::file(self.shown()))?,
        };
        let mut file = match root.file(&self.path()?, Links::Refuse) {
            Err(FileError::NotFound { .. }) => return Ok(Lock::default()),
            file => file.map_err(PackError::file(self.shown()))?,
        };
        let text = file.read_text(LIMIT).map_err(PackError::file(self.shown()))?;
        let wire: WireLock = serde_json::from_str(&text).map_err(|error| self.wrong(error))?;
        if wire.schema != LOCK_SCHEMA {
            return Err(self.wrong(format!("its schema is not `{LOCK_SCHEMA}`; another release wrote it")));
        }
        let packs = wire.packs.into_iter().map(|(name, locked)| self.locked(&name, locked));
        Ok(Lock { packs: packs.collect::<Result<_, _>>()? })
    }

    /// Writes the lock, all or nothing.
    pub fn write(&self, lock: &Lock) -> Result<(), PackError> {
        let packs = lock.packs.iter().map(|(name, locked)| (name.to_string(), self.wire(locked)));
        let wire = WireLock { schema: LOCK_SCHEMA.to_owned(), packs: packs.collect() };
        let text = serde_json::to_string_pretty(&wire).map_err(|error| self.wrong(error))? + "\n";
        let write = || -> Result<(), FileError> {
            let root = Root::open(&self.base)?;
            let path = self.folder.join(LOCK_FILE)?;
            let beside = root.name_beside(&path)?;
            root.write_new(&beside, text.as_bytes(), 0o644)?;
            root.rename(&beside, &path).inspect_err(|_| drop(root.remove_file(&beside)))?;
            root.sync_folder(&self.folder)
        };
        write().map_err(PackError::file(self.shown()))
    }

    fn path(&self) -> Result<RelPath, PackError> {
        self.folder.join(LOCK_FILE).map_err(FileError::from).map_err(PackError::file(self.shown()))
    }

    fn wrong(&self, problem: impl std::fmt::Display) -> PackError {
        PackError::Lock { path: self.shown(), problem: problem.to_string() }
    }

    fn locked(&self, name: &str, wire: WireLocked) -> Result<(PackName, Locked), PackError> {
        let wrong = |what: &str, text: &str| self.wrong(format!("`{name}`: `{text}` is no {what}"));
        let pack = PackName::parse(name).ok_or_else(|| wrong("name of a pack", name))?;
        let version = PackVersion::parse(&wire.version).ok_or_else(|| wrong("version", &wire.version))?;
        let (source, folder) = match wire.source {
            WireSource::Directory { path, folder } => (Source::Directory(self.base.join(path)), folder),
            WireSource::Git { url, folder } => {
                check_url(&url).map_err(|error| self.wrong(error))?;
                (Source::Git(url), folder)
            }
        };
        let is_git = matches!(source, Source::Git(_));
        if is_git != wire.revision.is_some() {
            return Err(self.wrong(format!("`{name}`: a git source has a revision, and no other has one")));
        }
        if let Some(revision) = &wire.revision {
            let named = revision.name == revision.commit || revision.name.starts_with("refs/");
            if !super::git::is_commit(&revision.commit)
                || !named
                || !super::git::is_plain_name(&revision.name)
            {
                return Err(wrong("revision", &revision.name));
            }
        }
        let folder = RelPath::parse(&folder).map_err(|error| self.wrong(error))?;
        Ok((pack, Locked { version, source, folder, revision: wire.revision, tree: wire.tree }))
    }

    fn wire(&self, locked: &Locked) -> WireLocked {
        let folder = locked.folder.to_string();
        let source = match &locked.source {
            Source::Directory(path) => {
                let within = path.strip_prefix(&self.base).ok().filter(|rest| !rest.as_os_str().is_empty());
                let path = within.unwrap_or(path).display().to_string();
                WireSource::Directory { path, folder }
            }
            Source::Git(url) => WireSource::Git { url: url.clone(), folder },
        };
        WireLocked {
            version: locked.version.to_string(),
            source,
            revision: locked.revision.clone(),
            tree: locked.tree,
        }
    }
}
