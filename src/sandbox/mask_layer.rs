//! The mask layer: the uppermost lower layer of the workspace's overlay. Whiteouts in it make entries of the workspace
//! absent, opaque folders make all that they do not show absent, and folders that lead there look like those of the
//! workspace. Knows no mount.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, Stat, Timespec, Timestamps, Uid, XattrFlags, chmodat, chownat,
    fsetxattr, fstat, makedev, mkdirat, mknodat, openat, utimensat,
};
use rustix::io::Errno;

use super::mounts::{at, beneath, parent_and_name};

/// What hides a folder's own content.
const OPAQUE: &str = "user.overlay.opaque";

/// A mask layer that is being made.
#[derive(Debug)]
pub(super) struct MaskLayer<'a> {
    folder: OwnedFd,
    /// The workspace that it goes over, and who owns what has no counterpart there.
    below: BorrowedFd<'a>,
    owner: (Uid, Gid),
    made: BTreeSet<PathBuf>,
    is_empty: bool,
}

impl<'a> MaskLayer<'a> {
    /// Begins one in `folder`, which is empty.
    pub(super) fn begin(folder: OwnedFd, below: BorrowedFd<'a>, owner: (Uid, Gid)) -> Self {
        Self { folder, below, owner, made: BTreeSet::new(), is_empty: true }
    }

    /// Is there nothing in it?
    pub(super) fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// The layer.
    pub(super) fn folder(&self) -> BorrowedFd<'_> {
        self.folder.as_fd()
    }

    /// Makes an entry absent, with all that is in it.
    pub(super) fn hide(&mut self, path: &Path) -> io::Result<()> {
        let (parent, name) = parent_and_name(path)?;
        let parent = self.folders(parent)?;
        self.is_empty = false;
        match mknodat(&parent, name, FileType::CharacterDevice, Mode::empty(), makedev(0, 0)) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(errno) => Err(at(path.display())(errno)),
        }
    }

    /// Makes a folder empty, whatever is or will be in it below.
    pub(super) fn empty(&mut self, path: &Path) -> io::Result<()> {
        let folder = self.folders(path)?;
        self.is_empty = false;
        let readable =
            openat(&folder, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        fsetxattr(&readable, OPAQUE, b"y", XattrFlags::empty()).map_err(at("opaque folder"))
    }

    /// Makes a folder stand at that path, whatever stands there below.
    pub(super) fn place(&mut self, path: &Path) -> io::Result<()> {
        self.is_empty = false;
        self.folders(path).map(drop)
    }

    /// Shows a file in an emptied folder, as it is now.
    pub(super) fn show_file(&mut self, path: &Path) -> io::Result<()> {
        let source = match beneath(self.below, path) {
            Ok(source) => source,
            // it went since it was looked for
            Err(Errno::NOENT) => return Ok(()),
            Err(errno) => return Err(at(path.display())(errno)),
        };
        let facts = fstat(&source)?;
        if FileType::from_raw_mode(facts.st_mode) != FileType::RegularFile {
            return Ok(());
        }
        let (parent, name) = parent_and_name(path)?;
        let parent = self.folders(parent)?;
        let from =
            openat(self.below, path, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
                .map_err(at(path.display()))?;
        if !super::mounts::is_same(&facts, &fstat(&from)?) {
            return Err(io::Error::other(format!("{}: it was replaced", path.display())));
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let to = openat(&parent, name, flags, Mode::from_raw_mode(0o600)).map_err(at(path.display()))?;
        io::copy(&mut std::fs::File::from(from), &mut std::fs::File::from(to)).map_err(at(path.display()))?;
        self.is_empty = false;
        look_like(parent.as_fd(), name, &facts)
    }

    /// The folder at that path in the layer, and those above it, like those of the workspace.
    fn folders(&mut self, path: &Path) -> io::Result<OwnedFd> {
        let mut inner = openat(&self.folder, ".", FOLDER, Mode::empty())?;
        let mut so_far = PathBuf::new();
        for part in path.components() {
            let name = Path::new(part.as_os_str());
            so_far.push(name);
            if self.made.insert(so_far.clone()) {
                self.is_empty = false;
                self.make(inner.as_fd(), name, &so_far)?;
            }
            inner = openat(&inner, name, FOLDER | OFlags::NOFOLLOW, Mode::empty())
                .map_err(at(so_far.display()))?;
        }
        Ok(inner)
    }

    fn make(&self, parent: BorrowedFd<'_>, name: &Path, path: &Path) -> io::Result<()> {
        mkdirat(parent, name, Mode::from_raw_mode(0o755)).map_err(at(path.display()))?;
        let like = beneath(self.below, path).and_then(|found| fstat(&found)).ok();
        match like.filter(|facts| FileType::from_raw_mode(facts.st_mode) == FileType::Directory) {
            Some(facts) => look_like(parent, name, &facts),
            None => {
                Ok(chownat(parent, name, Some(self.owner.0), Some(self.owner.1), AtFlags::SYMLINK_NOFOLLOW)?)
            }
        }
    }
}

const FOLDER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Gives an entry the owner, permissions and times that another has. An owner that means nothing here stays ours.
pub(super) fn look_like(parent: BorrowedFd<'_>, name: &Path, facts: &Stat) -> io::Result<()> {
    let owner = (Uid::from_raw(facts.st_uid), Gid::from_raw(facts.st_gid));
    match chownat(parent, name, Some(owner.0), Some(owner.1), AtFlags::SYMLINK_NOFOLLOW) {
        Ok(()) | Err(Errno::INVAL | Errno::PERM) => {}
        Err(errno) => return Err(at(name.display())(errno)),
    }
    chmodat(parent, name, Mode::from_raw_mode(facts.st_mode & 0o1777), AtFlags::empty())
        .map_err(at(name.display()))?;
    let time =
        |seconds: i64, nanoseconds: u64| Timespec { tv_sec: seconds, tv_nsec: nanoseconds.cast_signed() };
    let times = Timestamps {
        last_access: time(facts.st_atime, facts.st_atime_nsec),
        last_modification: time(facts.st_mtime, facts.st_mtime_nsec),
    };
    utimensat(parent, name, &times, AtFlags::SYMLINK_NOFOLLOW).map_err(at(name.display()))
}
