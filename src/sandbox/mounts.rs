//! Mounting by descriptor: every source is opened in this mount namespace beneath its root without following a link,
//! is the very file that is meant, and is mounted as the descriptor that was looked at. Knows no layer.

use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, Stat, fstat, mkdirat, openat, openat2};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags,
    fsconfig_create, fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, mount_change, move_mount,
    open_tree,
};

use super::syscalls::add_mount_attributes;

/// What no mount of ours lets through.
pub(super) const PLAIN: MountAttrFlags =
    MountAttrFlags::MOUNT_ATTR_NOSUID.union(MountAttrFlags::MOUNT_ATTR_NODEV);

/// An error with what was being done.
pub(super) fn at<E: Into<io::Error>>(what: impl std::fmt::Display) -> impl FnOnce(E) -> io::Error {
    move |error| {
        let error = error.into();
        io::Error::new(error.kind(), format!("{what}: {error}"))
    }
}

/// The tree of this mount namespace, and what is opened beneath it.
#[derive(Debug)]
pub(super) struct Outside {
    root: OwnedFd,
}

impl Outside {
    /// Takes the mount namespace as it is: from now on what happens here is seen nowhere else.
    pub(super) fn take() -> io::Result<Self> {
        let alone = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
        mount_change("/", alone).map_err(at("mount namespace"))?;
        let root = openat(CWD, "/", FOLDER, Mode::empty())?;
        Ok(Self { root })
    }

    /// What lies at an absolute path, which must lead through no link.
    pub(super) fn open(&self, path: &Path) -> io::Result<OwnedFd> {
        let inner = path.strip_prefix("/").map_err(|_| io::Error::other("the path is not absolute"))?;
        if inner.as_os_str().is_empty() {
            return Ok(openat(&self.root, ".", FOLDER, Mode::empty())?);
        }
        Ok(beneath(self.root.as_fd(), inner)?)
    }

    /// The folder that `held` is, as this mount namespace has it. A descriptor of another one can't be mounted.
    pub(super) fn again(&self, held: BorrowedFd<'_>) -> io::Result<OwnedFd> {
        let path = path_of(held)?;
        let found = self.open(&path).map_err(at(path.display()))?;
        if is_same(&fstat(held)?, &fstat(&found)?) {
            Ok(found)
        } else {
            Err(io::Error::other(format!("{}: it is another folder now", path.display())))
        }
    }
}

const FOLDER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// What lies beneath a folder, reached without following a link.
pub(super) fn beneath(folder: BorrowedFd<'_>, path: &Path) -> Result<OwnedFd, Errno> {
    let only = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    openat2(folder, path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty(), only)
}

/// Where a held file lies now.
pub(super) fn path_of(held: BorrowedFd<'_>) -> io::Result<PathBuf> {
    std::fs::read_link(format!("/proc/self/fd/{}", held.as_raw_fd()))
}

/// Are these the same file?
pub(super) fn is_same(one: &Stat, other: &Stat) -> bool {
    (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
}

/// A mount of what `source` holds, not yet to be seen anywhere.
pub(super) fn detached(source: BorrowedFd<'_>, attributes: MountAttrFlags) -> io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH
        | OpenTreeFlags::AT_RECURSIVE;
    let mount = open_tree(source, "", flags)?;
    add_mount_attributes(mount.as_fd(), u64::from(attributes.bits()), true)?;
    Ok(mount)
}

/// Shows a mount at the entry that `place` holds.
pub(super) fn attach(mount: BorrowedFd<'_>, place: BorrowedFd<'_>) -> io::Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    Ok(move_mount(mount, "", place, "", flags)?)
}

/// A new file system of that kind, not yet to be seen anywhere.
pub(super) fn new_mount(
    kind: &str,
    settings: &[(&str, &str)],
    attributes: MountAttrFlags,
) -> io::Result<OwnedFd> {
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC).map_err(at(kind))?;
    for (key, value) in settings {
        if value.is_empty() {
            fsconfig_set_flag(context.as_fd(), *key).map_err(at(key))?;
        } else {
            fsconfig_set_string(context.as_fd(), *key, *value).map_err(at(key))?;
        }
    }
    fsconfig_create(context.as_fd()).map_err(at(kind))?;
    fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes).map_err(at(kind))
}

/// An overlay: `lower` from the uppermost down, changes in `upper` with `work` beside it.
pub(super) fn overlay(
    lower: &[BorrowedFd<'_>],
    upper: BorrowedFd<'_>,
    work: BorrowedFd<'_>,
) -> io::Result<OwnedFd> {
    // descriptors have names without colons, commas and backslashes, whatever their folders are called
    let name = |folder: &BorrowedFd<'_>| format!("/proc/self/fd/{}", folder.as_raw_fd());
    let lower: Vec<String> = lower.iter().map(name).collect();
    let settings = [
        ("userxattr", String::new()),
        ("lowerdir", lower.join(":")),
        ("upperdir", name(&upper)),
        ("workdir", name(&work)),
    ];
    let settings: Vec<(&str, &str)> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    new_mount("overlay", &settings, PLAIN)
}

/// The folder at a relative path beneath `folder`, made where it is not there.
pub(super) fn make_folders(folder: BorrowedFd<'_>, path: &Path) -> io::Result<OwnedFd> {
    let only = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    if let Ok(found) = openat2(folder, path, FOLDER | OFlags::NOFOLLOW, Mode::empty(), only) {
        return Ok(found);
    }
    let mut inner = openat(folder, ".", FOLDER, Mode::empty())?;
    for part in path.components() {
        let name = part.as_os_str();
        let flags = FOLDER | OFlags::NOFOLLOW;
        inner = match openat(&inner, name, flags, Mode::empty()) {
            Ok(found) => found,
            Err(Errno::NOENT) => {
                mkdirat(&inner, name, Mode::from_raw_mode(0o755)).map_err(at(path.display()))?;
                openat(&inner, name, flags, Mode::empty()).map_err(at(path.display()))?
            }
            Err(errno) => return Err(at(path.display())(errno)),
        };
    }
    Ok(inner)
}

/// Splits a relative path into its folder and its last name.
pub(super) fn parent_and_name(path: &Path) -> io::Result<(&Path, &Path)> {
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) if !name.as_bytes().is_empty() => Ok((parent, Path::new(name))),
        _ => Err(io::Error::other(format!("`{}` names no entry", path.display()))),
    }
}
