//! A source that was opened: a folder, or a commit that was fetched; and the packs that are found in it.

use std::path::Path;

use crate::digest::Digest;
use crate::files::RelPath;
use crate::model::{Pack, PackName};

use super::git::{Asked, Fetched, fetch};
use super::{Locked, MANIFEST, PackError, Revision, Shelf, Source, Tree, read_folder, read_manifest};

/// What is looked for in a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Where.
    pub source: Source,
    /// The pack; any one where none is named.
    pub name: Option<PackName>,
    /// Its folder there; without one the top, or else the folder of its short name.
    pub folder: Option<RelPath>,
    /// Of a git repository: the tag, branch or commit; without one the tag of the highest version.
    pub revision: Option<String>,
}

/// A pack that was found and read, and is not yet installed.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Its manifest.
    pub pack: Pack,
    /// Its files.
    pub tree: Tree,
    /// Where it came from, and what it is: what a lock has of it.
    pub locked: Locked,
}

/// An opened source.
#[derive(Debug)]
pub struct Opened {
    source: Source,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Folder,
    Commit(Box<Fetched>),
}

/// Opens a source; of a git repository, fetches what is wanted of it.
pub fn open(wanted: &Wanted, shelf: &Shelf) -> Result<Opened, PackError> {
    let asked = wanted.revision.clone().map_or(Asked::Highest, Asked::Named);
    Opened::of(&wanted.source, &asked, shelf)
}

impl Opened {
    fn of(source: &Source, asked: &Asked, shelf: &Shelf) -> Result<Self, PackError> {
        let content = match source {
            Source::Directory(_) => Content::Folder,
            Source::Git(url) => Content::Commit(Box::new(fetch(url, asked, shelf)?)),
        };
        Ok(Self { source: source.clone(), content })
    }

    /// Opens the source of a locked pack as it was locked: a tag must still mean the commit that it meant.
    pub(super) fn as_locked(name: &PackName, locked: &Locked, shelf: &Shelf) -> Result<Self, PackError> {
        let asked = match &locked.revision {
            Some(revision) => Asked::Locked(name.clone(), revision.clone()),
            None => Asked::Highest,
        };
        Self::of(&locked.source, &asked, shelf)
    }

    /// The pack in it that is wanted.
    ///
    /// # Errors
    /// There is none, it is another one, its tree is refused, or its manifest has findings.
    pub fn candidate(
        &self,
        name: Option<&PackName>,
        folder: Option<&RelPath>,
    ) -> Result<Candidate, PackError> {
        let top = RelPath::root();
        let named = name.and_then(|name| RelPath::parse(name.short()).ok());
        let folder = match (folder, named) {
            (Some(folder), _) => folder.clone(),
            (None, Some(named)) if self.has_manifest(&named) && self.is_other(name) => named,
            _ => top,
        };
        if !self.has_manifest(&folder) {
            return Err(PackError::NoPack(self.source.to_string()));
        }
        let candidate = self.read(folder)?;
        match name {
            Some(asked) if *asked != candidate.pack.name.value => Err(PackError::OtherPack {
                of: self.source.to_string(),
                asked: asked.clone(),
                found: candidate.pack.name.value,
            }),
            _ => Ok(candidate),
        }
    }

    /// The pack beside others that another pack of this source requires, if there is one.
    pub(super) fn sibling(&self, name: &PackName) -> Option<Result<Candidate, PackError>> {
        let folder = RelPath::parse(name.short()).ok()?;
        self.has_manifest(&folder).then(|| self.candidate(Some(name), Some(&folder)))
    }

    /// Is what lies at the top another pack, or none at all?
    fn is_other(&self, name: Option<&PackName>) -> bool {
        !self.read(RelPath::root()).is_ok_and(|top| Some(&top.pack.name.value) == name)
    }

    fn read(&self, folder: RelPath) -> Result<Candidate, PackError> {
        let of = if folder.is_root() {
            self.source.to_string()
        } else {
            format!("{} (folder `{folder}`)", self.source)
        };
        let tree = self.tree(&folder, &of)?;
        let pack = read_manifest(&tree, &of)?;
        let locked = Locked {
            version: pack.version.value.clone(),
            source: self.source.clone(),
            folder,
            revision: self.revision().cloned(),
            tree: tree.digest(),
        };
        Ok(Candidate { pack, tree, locked })
    }

    fn revision(&self) -> Option<&Revision> {
        match &self.content {
            Content::Folder => None,
            Content::Commit(fetched) => Some(&fetched.revision),
        }
    }

    fn has_manifest(&self, folder: &RelPath) -> bool {
        match (&self.content, &self.source) {
            (Content::Commit(fetched), _) => fetched.commit.has_file(&format!("{folder}/{MANIFEST}")),
            (Content::Folder, Source::Directory(path)) => is_there(&path.join(folder.as_str())),
            (Content::Folder, Source::Git(_)) => false,
        }
    }

    fn tree(&self, folder: &RelPath, of: &str) -> Result<Tree, PackError> {
        match (&self.content, &self.source) {
            (Content::Commit(fetched), _) => fetched.commit.tree(folder.as_str(), of),
            (Content::Folder, Source::Directory(path)) => read_folder(&path.join(folder.as_str())),
            (Content::Folder, Source::Git(_)) => Err(PackError::NoPack(of.to_owned())),
        }
    }
}

impl Candidate {
    /// Its name.
    pub fn name(&self) -> &PackName {
        &self.pack.name.value
    }

    /// The digest of its tree.
    pub fn digest(&self) -> Digest {
        self.locked.tree
    }
}

fn is_there(folder: &Path) -> bool {
    folder.join(MANIFEST).symlink_metadata().is_ok()
}
