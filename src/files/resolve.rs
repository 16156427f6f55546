//! Following links that stay beneath a root. Each name is opened from the descriptor of the folder that it is in, and
//! `..` goes back to a descriptor that was held before: the path at the end is the one that was walked, and no
//! replacement on the way can lead out.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Mode, OFlags, openat, readlinkat, statat};
use rustix::io::Errno;

use super::system::{HOLD, open_name};
use super::{EntryKind, Facts, FileError, RelPath};

/// As many as Linux follows.
const MAX_LINKS: u32 = 40;
/// How often a walk starts again because something was replaced under it.
const MAX_STARTS: u32 = 32;

/// Opens `path` beneath `root`, links inside followed; also gives the path without them.
pub(super) fn follow(
    root: BorrowedFd<'_>,
    path: &RelPath,
    flags: OFlags,
) -> Result<(OwnedFd, RelPath), FileError> {
    for _ in 0..MAX_STARTS {
        match Walker::new(root, path).run(flags) {
            Err(FileError::Link { .. }) => {}
            other => return other,
        }
    }
    Err(FileError::Unstable { path: path.to_string() })
}

struct Walker<'a> {
    root: BorrowedFd<'a>,
    asked: &'a RelPath,
    /// Folders below the root, with their names.
    held: Vec<(String, OwnedFd)>,
    /// Names still to go, the next one last.
    ahead: Vec<String>,
    links: u32,
}

impl<'a> Walker<'a> {
    fn new(root: BorrowedFd<'a>, asked: &'a RelPath) -> Self {
        let ahead = asked.parts().rev().map(str::to_owned).collect();
        Self { root, asked, held: Vec::new(), ahead, links: 0 }
    }

    fn run(mut self, flags: OFlags) -> Result<(OwnedFd, RelPath), FileError> {
        while let Some(name) = self.ahead.pop() {
            match name.as_str() {
                "" | "." => {}
                ".." => {
                    self.held.pop().ok_or_else(|| FileError::Escapes { path: self.asked.to_string() })?;
                }
                _ if self.is_link(&name)? => self.take_link(&name)?,
                _ if self.ahead.is_empty() => {
                    let opened = self.wrap(open_name(self.here(), &name, flags, Mode::empty()))?;
                    return Ok((opened, self.path(Some(&name))?));
                }
                _ => {
                    let folder = self.wrap(open_name(self.here(), &name, HOLD, Mode::empty()))?;
                    self.held.push((name, folder));
                }
            }
        }
        let opened = self.wrap(openat(self.here(), ".", flags | OFlags::CLOEXEC, Mode::empty()))?;
        Ok((opened, self.path(None)?))
    }

    fn here(&self) -> BorrowedFd<'_> {
        self.held.last().map_or(self.root, |(_, folder)| folder.as_fd())
    }

    fn is_link(&self, name: &str) -> Result<bool, FileError> {
        let stat = self.wrap(statat(self.here(), name, AtFlags::SYMLINK_NOFOLLOW))?;
        Ok(Facts::of(&stat).kind == EntryKind::Link)
    }

    fn take_link(&mut self, name: &str) -> Result<(), FileError> {
        let path = || self.asked.to_string();
        self.links += 1;
        if self.links > MAX_LINKS {
            return Err(FileError::TooManyLinks { path: path(), limit: MAX_LINKS });
        }
        let target = match readlinkat(self.here(), name, Vec::new()) {
            // no link any more
            Err(Errno::INVAL) => return Err(FileError::Link { path: path() }),
            target => self.wrap(target)?,
        };
        let target = target.to_str().map_err(|_| FileError::NotFound { path: path() })?;
        if target.starts_with('/') {
            return Err(FileError::Escapes { path: path() });
        }
        self.ahead.extend(target.split('/').rev().map(str::to_owned));
        Ok(())
    }

    fn path(&self, last: Option<&str>) -> Result<RelPath, FileError> {
        let mut path = RelPath::root();
        for name in self.held.iter().map(|(name, _)| name.as_str()).chain(last) {
            path = path.join(name)?;
        }
        Ok(path)
    }

    fn wrap<T>(&self, result: Result<T, Errno>) -> Result<T, FileError> {
        result.map_err(|errno| FileError::of(self.asked.as_str(), errno))
    }
}
