//! Files of a workspace whose owner or group means nothing in a command's user namespace: the system lets nobody in
//! there change them. Root knows every owner there; anybody else knows only themselves.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, openat, statat};
use rustix::process::{getegid, geteuid};

/// The most entries that are looked at.
const MOST_ENTRIES: u64 = 200_000;
/// How many are named.
const NAMED: usize = 3;

/// Entries that belong to others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Foreign {
    /// How many there are, as far as it was looked.
    pub count: u64,
    /// The first of them, relative to the workspace.
    pub named: Vec<String>,
}

impl Foreign {
    /// What a person is told of them; nothing where there are none.
    pub fn sentence(&self) -> Option<String> {
        let named: Vec<String> = self.named.iter().map(|path| format!("`{path}`")).collect();
        (self.count > 0).then(|| {
            format!(
                "{} entries of the workspace belong to another user or group ({}), and can't be changed in the sandbox; \
                 give them to yourself with `chown`",
                self.count,
                named.join(", ")
            )
        })
    }
}

/// Looks for what belongs to others. No link is followed.
pub fn foreign_owners(workspace: BorrowedFd<'_>) -> Foreign {
    let mut found = Foreign::default();
    if geteuid().is_root() {
        return found;
    }
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    let mut seen = 0;
    let Ok(first) = openat(workspace, ".", FOLDER, Mode::empty()) else { return found };
    let mut ahead: Vec<(OwnedFd, PathBuf)> = vec![(first, PathBuf::new())];
    while let Some((folder, path)) = ahead.pop() {
        for entry in Dir::read_from(&folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            seen += 1;
            if seen > MOST_ENTRIES {
                return found;
            }
            let Ok(facts) = statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            let path = path.join(Path::new(name.to_string_lossy().as_ref()));
            if (facts.st_uid, facts.st_gid) != (uid, gid) {
                found.count += 1;
                if found.named.len() < NAMED {
                    found.named.push(path.display().to_string());
                }
            }
            if FileType::from_raw_mode(facts.st_mode) == FileType::Directory
                && let Ok(inner) = openat(folder.as_fd(), name, FOLDER, Mode::empty())
            {
                ahead.push((inner, path));
            }
        }
    }
    found
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
