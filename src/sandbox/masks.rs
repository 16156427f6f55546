//! What a command may not see of the workspace, found before it starts: what a layer denies to read, names that hold
//! secrets, git folders, folders of ours. One walk by names alone, remembered for the run by the times of the folders.
//! Knows no mount: what is done with the answer is written elsewhere.

#![expect(
    clippy::disallowed_methods,
    reason = "how old a folder's last change is decides whether it is remembered"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, ResolveFlags, fstat, openat2, statat};
use rustix::io::Errno;

use crate::files::Root;
use crate::policy::{GitSight, PathRules, is_secret_name_itself};

/// The most entries of a workspace that are looked through.
const MAX_ENTRIES: u64 = 2_000_000;
/// The most entries of folders that are hidden whole in which further names of files are looked for.
const MAX_HIDDEN_ENTRIES: u64 = 100_000;
/// A folder whose last change is not older than this is looked through again: its time may stand still.
const SETTLED_NANOSECONDS: i128 = 2_000_000_000;

/// What decides over sight.
#[derive(Debug, Clone, Copy)]
pub struct MaskRules<'a> {
    /// The rules of all layers.
    pub read: &'a PathRules,
    /// Is the git folder seen?
    pub git: GitSight,
    /// Folders of ours, relative to the workspace.
    pub own: &'a [String],
}

/// What is not to be seen. Paths are relative to the workspace and may hold any byte but NUL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Masks {
    /// Files and folders that do not exist for the command, bytewise.
    pub hidden: Vec<PathBuf>,
    /// Where the rules open only parts: the files and whole folders that exist for the command, bytewise. All else,
    /// also what is made while it runs, does not.
    pub shown: Option<Vec<PathBuf>>,
}

/// Why it can't be told what is not to be seen.
#[derive(Debug, thiserror::Error)]
pub enum MaskError {
    /// Too much to look through.
    #[error(
        "the workspace has more than {limit} entries, {within} of them in `{folder}`, so what a command may see of it \
         can't be told; deny that folder whole with `paths.read.deny`"
    )]
    TooMany {
        /// The most entries.
        limit: u64,
        /// The folder at the top with the most of them.
        folder: String,
        /// How many.
        within: u64,
    },
    /// The machine failed.
    #[error("the workspace can't be looked through: {0}")]
    Io(#[from] io::Error),
}

/// What folders held when they were last looked through.
#[derive(Debug, Default)]
pub struct MaskMemory {
    git: Option<GitSight>,
    folders: BTreeMap<Vec<u8>, Remembered>,
}

#[derive(Debug, Clone)]
struct Remembered {
    stamp: Stamp,
    entries: u64,
    folders: Vec<Vec<u8>>,
    hidden: Vec<(Vec<u8>, bool)>,
}

/// What changes when a name in a folder comes or goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    modified: i128,
    changed: i128,
}

impl MaskMemory {
    /// Looks through the workspace and says what `rules` hide of it. The rules for reading must
    /// be those of the last time.
    pub fn find(&mut self, root: &Root, rules: MaskRules<'_>) -> Result<Masks, MaskError> {
        let seen = std::mem::take(&mut self.folders);
        let seen = if self.git.replace(rules.git) == Some(rules.git) { seen } else { BTreeMap::new() };
        let mut finder =
            Finder { root: root.as_fd(), rules, seen, next: BTreeMap::new(), counts: Counts::default() };
        let done = finder.find();
        self.folders = finder.next;
        done
    }
}

struct Finder<'a> {
    root: BorrowedFd<'a>,
    rules: MaskRules<'a>,
    seen: BTreeMap<Vec<u8>, Remembered>,
    next: BTreeMap<Vec<u8>, Remembered>,
    counts: Counts,
}

/// Entries so far, by folder at the top.
#[derive(Debug, Default)]
struct Counts {
    all: u64,
    by_top: BTreeMap<Vec<u8>, u64>,
}

impl Finder<'_> {
    fn find(&mut self) -> Result<Masks, MaskError> {
        let mut masks = Masks::default();
        let (mut files, mut folders) = (Vec::new(), Vec::new());
        let mut ahead = vec![Vec::new()];
        let mut partly = BTreeSet::new();
        if !self.rules.read.opens_beneath(".") {
            masks.shown = Some(Vec::new());
            partly.insert(Vec::new());
        }
        while let Some(path) = ahead.pop() {
            let partial = partly.remove(&path);
            let Some(found) = self.look(&path)? else {
                // it can't be looked through, so it is not seen
                masks.hidden.push(to_path(path));
                continue;
            };
            self.count(&path, found.entries)?;
            for (name, is_folder) in &found.hidden {
                let inner = joined(&path, name);
                if !partial {
                    masks.hidden.push(to_path(inner.clone()));
                }
                if *is_folder { folders.push(inner) } else { files.push(inner) }
            }
            if partial {
                self.show(&path, &found, &mut partly, &mut masks)?;
            }
            ahead.extend(found.folders.iter().map(|name| joined(&path, name)));
            self.next.insert(path, found);
        }
        self.hide_twins(&files, &folders, &mut masks)?;
        masks.hidden.sort();
        masks.hidden.dedup();
        masks.shown.iter_mut().for_each(|shown| shown.sort());
        Ok(masks)
    }

    /// What is in a folder; remembered where nothing has changed in it since. `None` where it can't be opened.
    fn look(&mut self, path: &[u8]) -> Result<Option<Remembered>, MaskError> {
        let folder = match open_folder(self.root, path) {
            Ok(folder) => folder,
            Err(_) if !path.is_empty() => return Ok(None),
            Err(errno) => return Err(io::Error::from(errno).into()),
        };
        let stamp = stamp(&folder)?;
        if let Some(known) = self.seen.remove(path).filter(|known| known.stamp == stamp) {
            return Ok(Some(known));
        }
        let mut found = Remembered { stamp, entries: 0, folders: Vec::new(), hidden: Vec::new() };
        let mut lower = shown(path).to_ascii_lowercase();
        let base = if path.is_empty() { 0 } else { lower.len() + 1 };
        if path.is_empty() {
            lower.clear();
        } else {
            lower.push('/');
        }
        each_entry(&folder, &mut |name, kind, _| {
            found.entries += 1;
            lower.truncate(base);
            lower.push_str(&String::from_utf8_lossy(name));
            lower.make_ascii_lowercase();
            let is_folder = kind == FileType::Directory;
            if self.rules.hide(&lower) {
                found.hidden.push((name.to_vec(), is_folder));
            } else if is_folder {
                found.folders.push(name.to_vec());
            }
        })?;
        if !is_settled(stamp) {
            // never equal to a stamp of the system: looked through again next time
            found.stamp.inode = 0;
        }
        Ok(Some(found))
    }

    fn count(&mut self, path: &[u8], entries: u64) -> Result<(), MaskError> {
        let top = path.split(|&byte| byte == b'/').next().unwrap_or_default().to_vec();
        self.counts.all += entries;
        *self.counts.by_top.entry(top).or_default() += entries;
        if self.counts.all <= MAX_ENTRIES {
            return Ok(());
        }
        let most = self.counts.by_top.iter().max_by_key(|(_, count)| **count);
        let (folder, within) = most.map_or((String::from("."), 0), |(top, count)| (shown(top), *count));
        Err(MaskError::TooMany { limit: MAX_ENTRIES, folder, within })
    }

    /// What is seen of a folder that is seen in part: its folders, whole or again in part, and its files. Files are
    /// asked anew each time: only names that are hidden are remembered.
    fn show(
        &self,
        path: &[u8],
        found: &Remembered,
        partly: &mut BTreeSet<Vec<u8>>,
        masks: &mut Masks,
    ) -> Result<(), MaskError> {
        let list = masks.shown.get_or_insert_default();
        for name in &found.folders {
            let inner = joined(path, name);
            if self.rules.read.opens_beneath(&shown(&inner)) {
                list.push(to_path(inner));
            } else {
                partly.insert(inner);
            }
        }
        let folder = open_folder(self.root, path).map_err(io::Error::from)?;
        each_entry(&folder, &mut |name, kind, _| {
            let inner = joined(path, name);
            let is_seen = std::str::from_utf8(&inner).is_ok_and(|text| self.rules.read.allows(text))
                && !self.rules.hide(&shown(&inner).to_ascii_lowercase());
            if kind != FileType::Directory && is_seen {
                list.push(to_path(inner));
            }
        })?;
        Ok(())
    }

    /// Further names of hidden files are hidden as well.
    fn hide_twins(&self, files: &[Vec<u8>], folders: &[Vec<u8>], masks: &mut Masks) -> Result<(), MaskError> {
        let mut inodes = BTreeSet::new();
        for path in files {
            inodes.extend(linked(self.root, path));
        }
        let mut left = MAX_HIDDEN_ENTRIES;
        for folder in folders.iter().filter(|path| !is_git(path)) {
            self.linked_beneath(folder, &mut left, &mut inodes);
        }
        if inodes.is_empty() {
            return Ok(());
        }
        let numbers: BTreeSet<u64> = inodes.iter().map(|(_, inode)| *inode).collect();
        let mut twins = Vec::new();
        for path in self.next.keys() {
            let Ok(folder) = open_folder(self.root, path) else { continue };
            each_entry(&folder, &mut |name, kind, inode| {
                let inner = joined(path, name);
                if kind != FileType::Directory
                    && numbers.contains(&inode)
                    && linked(self.root, &inner).is_some_and(|twin| inodes.contains(&twin))
                {
                    twins.push(to_path(inner));
                }
            })?;
        }
        if let Some(shown) = &mut masks.shown {
            shown.retain(|path| !twins.contains(path));
        }
        masks.hidden.extend(twins);
        Ok(())
    }

    /// Files with further names in a folder that is hidden whole.
    fn linked_beneath(&self, folder: &[u8], left: &mut u64, inodes: &mut BTreeSet<(u64, u64)>) {
        let mut ahead = vec![folder.to_vec()];
        while let Some(path) = ahead.pop() {
            let Ok(opened) = open_folder(self.root, &path) else { continue };
            // what can't be read here can't be read by the command either
            let _ = each_entry(&opened, &mut |name, kind, _| {
                let inner = joined(&path, name);
                *left = left.saturating_sub(1);
                if *left == 0 {
                    return;
                }
                if kind == FileType::Directory {
                    ahead.push(inner);
                } else {
                    inodes.extend(linked(self.root, &inner));
                }
            });
        }
    }
}

impl MaskRules<'_> {
    /// Is this path hidden by itself? It is in lower case, and no folder above it is hidden.
    fn hide(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        let own = self.own.iter().any(|own| own.eq_ignore_ascii_case(path)) || path == ".lg/runs";
        own || match name {
            ".git" if self.git == GitSight::Read => self.read.hides(path),
            _ => is_secret_name_itself(path) || self.read.hides(path),
        }
    }
}

/// Device and inode of a file that has further names.
fn linked(root: BorrowedFd<'_>, path: &[u8]) -> Option<(u64, u64)> {
    let at = path.iter().rposition(|&byte| byte == b'/');
    let (folder, name) = at.map_or((&b""[..], path), |at| (&path[..at], &path[at + 1..]));
    let folder = open_folder(root, folder).ok()?;
    let stat = statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    (is_file && stat.st_nlink > 1).then_some((stat.st_dev, stat.st_ino))
}

fn is_git(path: &[u8]) -> bool {
    path.rsplit(|&byte| byte == b'/').next().is_some_and(|name| name.eq_ignore_ascii_case(b".git"))
}

fn open_folder(root: BorrowedFd<'_>, path: &[u8]) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_SYMLINKS;
    let path = if path.is_empty() { &b"."[..] } else { path };
    loop {
        match openat2(root, path, flags, Mode::empty(), resolve) {
            // a rename somewhere raced with the walk: the kernel asks to try again
            Err(Errno::AGAIN | Errno::INTR) => {}
            opened => return opened,
        }
    }
}

/// Calls `each` with name, kind and inode of every entry.
fn each_entry(folder: &OwnedFd, each: &mut dyn FnMut(&[u8], FileType, u64)) -> io::Result<()> {
    let mut space = vec![MaybeUninit::uninit(); 64 << 10];
    let mut entries = RawDir::new(folder, &mut space);
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let kind = match entry.file_type() {
            FileType::Unknown => match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => FileType::from_raw_mode(stat.st_mode),
                Err(_) => continue,
            },
            kind => kind,
        };
        each(name.to_bytes(), kind, entry.ino());
    }
    Ok(())
}

fn stamp(folder: &OwnedFd) -> io::Result<Stamp> {
    let stat = fstat(folder)?;
    let nanoseconds = |seconds: i64, part: u64| i128::from(seconds) * 1_000_000_000 + i128::from(part);
    Ok(Stamp {
        device: stat.st_dev,
        inode: stat.st_ino,
        modified: nanoseconds(stat.st_mtime, stat.st_mtime_nsec),
        changed: nanoseconds(stat.st_ctime, stat.st_ctime_nsec),
    })
}

/// Did the folder last change long enough ago that another change would show in its times?
fn is_settled(stamp: Stamp) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i128::try_from(now.as_nanos()).is_ok_and(|now| now - stamp.changed > SETTLED_NANOSECONDS)
}

fn to_path(path: Vec<u8>) -> PathBuf {
    PathBuf::from(OsString::from_vec(path))
}

fn joined(folder: &[u8], name: &[u8]) -> Vec<u8> {
    if folder.is_empty() { name.to_vec() } else { [folder, b"/", name].concat() }
}

/// A path as rules see it: the root is `.`, and bytes that are no text are replaced.
fn shown(path: &[u8]) -> String {
    if path.is_empty() { ".".to_owned() } else { String::from_utf8_lossy(path).into_owned() }
}
