//! The one call that opens a path beneath a folder without following a link. Linux has `openat2` for it; elsewhere,
//! and on kernels or under filters without it, each name is opened on its own with `O_NOFOLLOW` from a held
//! descriptor. The second way is tested on Linux as well; other systems it is not tested on.

use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags, openat};
use rustix::io::Errno;

use super::RelPath;

/// Flags that hold a folder without reading it.
#[cfg(target_os = "linux")]
pub(super) const HOLD: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// Flags that hold a folder.
#[cfg(not(target_os = "linux"))]
pub(super) const HOLD: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Opens `path` beneath `folder`. A link anywhere on the way is `ELOOP`.
#[cfg(target_os = "linux")]
pub(super) fn open_beneath(
    folder: BorrowedFd<'_>,
    path: &RelPath,
    flags: OFlags,
    mode: Mode,
) -> Result<OwnedFd, Errno> {
    use rustix::fs::{ResolveFlags, openat2};
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_SYMLINKS;
    for _ in 0..8 {
        match openat2(folder, path.as_str(), flags | OFlags::CLOEXEC, mode, resolve) {
            // a rename somewhere in the system raced with the walk: the kernel asks to try again
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(Errno::NOSYS) => return open_by_names(folder, path, flags, mode),
            other => return other,
        }
    }
    open_by_names(folder, path, flags, mode)
}

/// Opens `path` beneath `folder`. A link anywhere on the way is `ELOOP`.
#[cfg(not(target_os = "linux"))]
pub(super) fn open_beneath(
    folder: BorrowedFd<'_>,
    path: &RelPath,
    flags: OFlags,
    mode: Mode,
) -> Result<OwnedFd, Errno> {
    open_by_names(folder, path, flags, mode)
}

/// The same, one name at a time.
fn open_by_names(
    folder: BorrowedFd<'_>,
    path: &RelPath,
    flags: OFlags,
    mode: Mode,
) -> Result<OwnedFd, Errno> {
    let Some((parent, name)) = path.split() else {
        return openat(folder, ".", flags | OFlags::CLOEXEC, mode);
    };
    let mut held: Option<OwnedFd> = None;
    for part in parent.parts() {
        let from = held.as_ref().map_or(folder, std::os::fd::AsFd::as_fd);
        held = Some(open_name(from, part, HOLD, Mode::empty())?);
    }
    open_name(held.as_ref().map_or(folder, std::os::fd::AsFd::as_fd), name, flags, mode)
}

/// Opens one name in `folder`; a link is `ELOOP`, also where the system would say `ENOTDIR` of it.
pub(super) fn open_name(
    folder: BorrowedFd<'_>,
    name: &str,
    flags: OFlags,
    mode: Mode,
) -> Result<OwnedFd, Errno> {
    use rustix::fs::{AtFlags, FileType, statat};
    match openat(folder, name, flags | OFlags::NOFOLLOW | OFlags::CLOEXEC, mode) {
        Err(Errno::NOTDIR | Errno::MLINK) => match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode).is_symlink() => Err(Errno::LOOP),
            _ => Err(Errno::NOTDIR),
        },
        other => other,
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
mod tests {
    use std::os::fd::AsFd as _;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn both_ways_agree() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        std::fs::create_dir_all(at.join("a/b")).unwrap();
        std::fs::write(at.join("a/b/file"), "x").unwrap();
        symlink("b", at.join("a/link")).unwrap();
        symlink("file", at.join("a/b/alias")).unwrap();
        let root = openat(rustix::fs::CWD, at, HOLD, Mode::empty()).unwrap();
        for (path, flags) in [
            ("a/b/file", OFlags::RDONLY),
            ("a/link/file", OFlags::RDONLY),
            ("a/link", HOLD),
            ("a/b/alias", OFlags::RDONLY),
            ("a/none/file", OFlags::RDONLY),
            ("a/b/file/more", OFlags::RDONLY),
            ("a", HOLD),
            (".", HOLD),
        ] {
            let path = RelPath::parse(path).unwrap();
            let one = open_beneath(root.as_fd(), &path, flags, Mode::empty()).map(drop);
            let other = open_by_names(root.as_fd(), &path, flags, Mode::empty()).map(drop);
            assert_eq!(one, other, "{path}");
        }
    }
}
