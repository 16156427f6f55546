//! A held root: everything beneath it is reached from its descriptor, so renaming or replacing the folder's path
//! changes nothing for who holds it.

use std::collections::BTreeSet;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags, fstat, open, openat, statat};

use super::resolve::follow;
use super::system::{HOLD, open_beneath};
use super::{EntryKind, Facts, FileError, OpenFile, RelPath, Watcher};

/// A folder that is held open.
#[derive(Debug)]
pub struct Root {
    folder: OwnedFd,
    /// Is told of all that is looked at.
    watcher: Option<Watcher>,
}

/// What becomes of symbolic links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// Followed while they stay beneath the root; one that leads out, or is absolute, is refused.
    Inside,
    /// Refused, wherever they lead.
    Refuse,
}

/// A name in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its path from the root.
    pub path: RelPath,
    /// What it is; a link is a link.
    pub kind: EntryKind,
}

impl Root {
    /// Holds the folder at `path`, links in `path` included: it is the user's own word.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let shown = path.display().to_string();
        let folder = open(path, HOLD, Mode::empty()).map_err(|errno| FileError::of(shown, errno))?;
        Ok(Self { folder, watcher: None })
    }

    /// A folder that somebody else opened.
    pub fn from_fd(folder: OwnedFd) -> Result<Self, FileError> {
        let stat = fstat(&folder).map_err(|errno| FileError::of(".", errno))?;
        match Facts::of(&stat).kind {
            EntryKind::Folder => Ok(Self { folder, watcher: None }),
            kind => Err(FileError::Kind { path: ".".to_owned(), kind, wanted: EntryKind::Folder }),
        }
    }

    /// Which folder it is, whatever it is called: its device and its inode.
    pub fn identity(&self) -> Result<(u64, u64), FileError> {
        let stat = fstat(&self.folder).map_err(|errno| FileError::of(".", errno))?;
        Ok((stat.st_dev, stat.st_ino))
    }

    /// Another holder of the same folder.
    pub fn try_clone(&self) -> Result<Self, FileError> {
        self.lose_sight();
        let folder =
            self.folder.try_clone().map_err(|error| FileError::Io { path: ".".to_owned(), error })?;
        Ok(Self { folder, watcher: None })
    }

    /// Another holder of the same folder, who is watched: what is looked at through it can be told afterwards.
    pub fn watched(&self) -> Result<(Self, Watcher), FileError> {
        let watcher = Watcher::default();
        let root = Self { watcher: Some(watcher.clone()), ..self.try_clone()? };
        Ok((root, watcher))
    }

    /// Something is looked at that nobody can tell afterwards.
    fn lose_sight(&self) {
        if let Some(watcher) = &self.watcher {
            watcher.lose();
        }
    }

    /// Opens a regular file for reading. Anything else is refused at once: a named pipe does not block, a device is
    /// not read.
    ///
    /// A further name of a file (a hard link) can't be told from the first: a denied file that also exists under an
    /// allowed name is readable under that name.
    pub fn file(&self, path: &RelPath, links: Links) -> Result<OpenFile, FileError> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        let opened = self.resolve(path, links, flags).and_then(|(file, really)| OpenFile::new(file, really));
        let Some(watcher) = &self.watcher else { return opened };
        watcher.asked(path, links, opened.as_ref());
        opened.map(|file| file.watched_by(watcher.clone(), path.clone()))
    }

    /// Holds a folder beneath this one; also gives the path that it really has.
    pub fn folder(&self, path: &RelPath, links: Links) -> Result<(Root, RelPath), FileError> {
        self.lose_sight();
        let (folder, path) = self.resolve(path, links, HOLD)?;
        Ok((Root { folder, watcher: None }, path))
    }

    /// What stands at `path`, without opening it for reading; the last name is not followed if it is a link.
    pub fn facts(&self, path: &RelPath) -> Result<Facts, FileError> {
        self.lose_sight();
        self.look_up(path)
    }

    fn look_up(&self, path: &RelPath) -> Result<Facts, FileError> {
        let Some((parent, name)) = path.split() else {
            let stat = fstat(&self.folder).map_err(|errno| FileError::of(path.as_str(), errno))?;
            return Ok(Facts::of(&stat));
        };
        let parent = self.hold(&parent)?;
        let stat = statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|errno| FileError::of(path.as_str(), errno))?;
        Ok(Facts::of(&stat))
    }

    /// The names in a folder, sorted so that whole paths come bytewise when folders are walked where they stand;
    /// and how many names were left out because they are not UTF-8 or hold control characters.
    pub fn entries(&self, path: &RelPath) -> Result<(Vec<Entry>, u64), FileError> {
        let listed = self.list(path);
        if let Some(watcher) = &self.watcher {
            watcher.listed(path, &listed);
        }
        listed
    }

    fn list(&self, path: &RelPath) -> Result<(Vec<Entry>, u64), FileError> {
        let wrong = |errno| FileError::of(path.as_str(), errno);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK;
        let folder = open_beneath(self.folder.as_fd(), path, flags, Mode::empty());
        let folder = folder.map_err(|errno| self.explain(path, errno))?;
        let names = folder.try_clone().map_err(|error| FileError::Io { path: path.to_string(), error })?;
        let mut found = Vec::new();
        let mut unnamed = 0;
        for entry in Dir::new(names).map_err(wrong)? {
            let entry = entry.map_err(wrong)?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let Some(path) = name.to_str().ok().and_then(|name| path.join(name).ok()) else {
                unnamed += 1;
                continue;
            };
            let kind = match EntryKind::from(entry.file_type()) {
                EntryKind::Other => match statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(stat) => Facts::of(&stat).kind,
                    Err(_) => continue,
                },
                kind => kind,
            };
            found.push(Entry { path, kind });
        }
        found.sort_by_cached_key(|entry| match entry.kind {
            EntryKind::Folder => format!("{}/", entry.path),
            _ => entry.path.to_string(),
        });
        Ok((found, unnamed))
    }

    /// Device and inode of the files with several names that [`Self::entries`] leaves out, also of those in folders that
    /// it leaves out. `None` where they are more than `most` entries.
    pub fn linked_without_names(
        &self,
        path: &RelPath,
        most: usize,
    ) -> Result<Option<BTreeSet<(u64, u64)>>, FileError> {
        let wrong = |errno| FileError::of(path.as_str(), errno);
        let flags =
            OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        self.lose_sight();
        let folder = open_beneath(self.folder.as_fd(), path, flags, Mode::empty()).map_err(wrong)?;
        let (mut found, mut seen) = (BTreeSet::new(), 0);
        let mut ahead = vec![(folder, true)];
        while let Some((folder, is_top)) = ahead.pop() {
            for entry in Dir::read_from(&folder).map_err(wrong)? {
                let entry = entry.map_err(wrong)?;
                let name = entry.file_name();
                let has_name = || name.to_str().is_ok_and(|name| path.join(name).is_ok());
                if matches!(name.to_bytes(), b"." | b"..") || is_top && has_name() {
                    continue;
                }
                seen += 1;
                let Ok(stat) = statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
                let facts = Facts::of(&stat);
                match facts.kind {
                    EntryKind::Folder => {
                        // one that is closed to us has nothing that we could open by another name
                        ahead.extend(
                            openat(&folder, name, flags, Mode::empty()).ok().map(|inner| (inner, false)),
                        );
                    }
                    EntryKind::File if facts.links > 1 => drop(found.insert((facts.device, facts.inode))),
                    _ => {}
                }
                // each folder ahead is held open
                if seen > most || ahead.len() > 500 {
                    return Ok(None);
                }
            }
        }
        Ok(Some(found))
    }

    /// The folder at `path`, no link on the way.
    pub(super) fn hold(&self, path: &RelPath) -> Result<OwnedFd, FileError> {
        open_beneath(self.folder.as_fd(), path, HOLD, Mode::empty())
            .map_err(|errno| FileError::of(path.as_str(), errno))
    }

    fn resolve(&self, path: &RelPath, links: Links, flags: OFlags) -> Result<(OwnedFd, RelPath), FileError> {
        use rustix::io::Errno;
        match open_beneath(self.folder.as_fd(), path, flags, Mode::empty()) {
            Ok(opened) => Ok((opened, path.clone())),
            Err(Errno::LOOP) if links == Links::Inside => follow(self.folder.as_fd(), path, flags),
            Err(errno) => Err(self.explain(path, errno)),
        }
    }

    /// `ENOTDIR` of a path whose last name is no folder says what it is instead.
    fn explain(&self, path: &RelPath, errno: rustix::io::Errno) -> FileError {
        match (errno, self.look_up(path)) {
            (rustix::io::Errno::NOTDIR, Ok(facts)) => {
                FileError::Kind { path: path.to_string(), kind: facts.kind, wanted: EntryKind::Folder }
            }
            (rustix::io::Errno::NOTDIR, Err(_)) => FileError::NotFound { path: path.to_string() },
            (errno, _) => FileError::of(path.as_str(), errno),
        }
    }
}

impl AsFd for Root {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.lose_sight();
        self.folder.as_fd()
    }
}

/// Holds the folder that `path` is in: for a file that the user named.
pub(super) fn folder_of(path: &Path) -> Result<Root, FileError> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let shown = parent.display().to_string();
    let folder = openat(CWD, parent, HOLD, Mode::empty()).map_err(|errno| FileError::of(shown, errno))?;
    Root::from_fd(folder)
}
