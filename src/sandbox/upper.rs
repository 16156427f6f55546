//! What a command left in the upper layer of its overlay. The layer is hostile input: it is read when every process of
//! the command is gone, name by name from held descriptors, no link followed, nothing but regular files opened, and
//! within bounds. Knows what overlayfs means by a whiteout and an opaque folder, and no policy: whose paths are wanted
//! is asked of the caller.

use std::ffi::{CStr, CString};
use std::io::{self, Read as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, SeekFrom, Stat, fgetxattr, flistxattr, fstat, openat, seek, statat,
};
use rustix::io::Errno;

use crate::files::{EntryKind, RelPath};

use super::{NotCarried, Uncarried};

/// Folders inside of folders that are gone into.
const MAX_DEPTH: usize = 128;
/// The most entries that are looked at.
const MAX_ENTRIES: usize = 400_000;
/// The most that is listed as not carried.
const MAX_LISTED: usize = 1000;
/// The most bytes of names of attributes.
const MAX_ATTRIBUTES: usize = 64 << 10;

/// How much is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpperBounds {
    /// Files.
    pub files: usize,
    /// Bytes of one file.
    pub file_bytes: u64,
    /// Bytes of all files: of those of text, and once more of all others.
    pub bytes: u64,
    /// Are files wanted that are no text?
    pub binary: bool,
}

/// Is a path wanted?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Read it; of a folder: go into it.
    Yes,
    /// It is listed as not carried for this reason, a folder as one.
    No(Uncarried),
    /// It belongs to a cache, and is no change of the workspace.
    Cache,
    /// It leads to a cache: a folder of the workspace that stands there for its sake.
    Above,
}

/// What was found in an upper layer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpperChanges {
    /// Regular files, bytewise by path; of text, where nothing else is wanted.
    pub files: Vec<UpperFile>,
    /// What is not there any more: a file, or a folder with all that it held.
    pub gone: Vec<RelPath>,
    /// Folders that hide all that stood at their path before.
    pub opaque: Vec<RelPath>,
    /// What no patch can hold.
    pub not_carried: Vec<NotCarried>,
    /// Did the command leave nothing at all outside of its caches? An equal copy of a file is something.
    pub is_clean: bool,
    /// Was more there than the bounds allow to read?
    pub truncated: bool,
}

/// A file as the command left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpperFile {
    /// Relative to the workspace.
    pub path: RelPath,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Permission bits.
    pub bits: u32,
    /// The names of its extended attributes, overlayfs' own left out.
    pub attributes: Vec<CString>,
    /// Did overlayfs copy it from below, when the command began to change it? Then it stood there.
    pub is_copy: bool,
}

/// Reads the upper layer that `upper` holds.
pub fn read_upper(
    upper: BorrowedFd<'_>,
    bounds: UpperBounds,
    wants: &mut dyn FnMut(&RelPath, EntryKind) -> Wanted,
) -> io::Result<UpperChanges> {
    let found = UpperChanges { is_clean: true, ..UpperChanges::default() };
    let folder = openat(upper, ".", FOLDER, Mode::empty())?;
    let mut reader = Reader { bounds, wants, found, entries: 0, taken: [Taken::default(); 2] };
    reader.folder(&folder, &RelPath::root(), 0)?;
    let mut found = reader.found;
    found.files.sort_by(|a, b| a.path.cmp(&b.path));
    found.gone.sort();
    found.opaque.sort();
    found.not_carried.sort();
    Ok(found)
}

/// How a folder is opened.
const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::CLOEXEC);
/// How a file is opened.
const FILE: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

struct Reader<'a> {
    bounds: UpperBounds,
    wants: &'a mut dyn FnMut(&RelPath, EntryKind) -> Wanted,
    found: UpperChanges,
    entries: usize,
    /// Of text, and of what is none: neither takes the other's room.
    taken: [Taken; 2],
}

/// What was read of one sort of files.
#[derive(Debug, Clone, Copy, Default)]
struct Taken {
    files: usize,
    bytes: u64,
}

impl Taken {
    fn has_room(&self, size: u64, bounds: &UpperBounds) -> bool {
        self.files < bounds.files && self.bytes + size <= bounds.bytes
    }
}

impl Reader<'_> {
    /// Reads what is in one folder; false when nothing more is to be read.
    fn folder(&mut self, folder: &OwnedFd, path: &RelPath, depth: usize) -> io::Result<bool> {
        for name in names(folder)? {
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                self.found.truncated = true;
                self.found.is_clean = false;
                return Ok(false);
            }
            let named = name.to_str().ok().and_then(|name| path.join(name).ok());
            let Some(path) = named else {
                self.refuse(format!("{path}/{}", name.to_string_lossy()), Uncarried::Unnameable);
                continue;
            };
            if !self.entry(folder.as_fd(), &name, &path, depth)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn entry(
        &mut self,
        folder: BorrowedFd<'_>,
        name: &CStr,
        path: &RelPath,
        depth: usize,
    ) -> io::Result<bool> {
        let stat = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        let wanted = (self.wants)(path, EntryKind::from(kind));
        match wanted {
            Wanted::Cache => return Ok(true),
            Wanted::Above if kind == FileType::Directory => {}
            _ => self.found.is_clean = false,
        }
        if is_whiteout(kind, &stat) {
            match wanted {
                Wanted::No(why) => self.refuse(path.to_string(), why),
                _ => self.found.gone.push(path.clone()),
            }
            return Ok(true);
        }
        match (wanted, kind) {
            (Wanted::No(why), _) => self.refuse(path.to_string(), why),
            (_, FileType::Directory) => return self.enter(folder, name, path, depth),
            (_, FileType::RegularFile) => {
                if let Err(why) = self.file(folder, name, path) {
                    self.refuse(path.to_string(), why);
                }
            }
            (_, kind) => self.refuse(path.to_string(), Uncarried::of(EntryKind::from(kind))),
        }
        Ok(true)
    }

    fn enter(
        &mut self,
        folder: BorrowedFd<'_>,
        name: &CStr,
        path: &RelPath,
        depth: usize,
    ) -> io::Result<bool> {
        if depth == MAX_DEPTH {
            self.refuse(path.to_string(), Uncarried::TooDeep);
            return Ok(true);
        }
        let inner = match openat(folder, name, FOLDER, Mode::empty()) {
            Ok(inner) => inner,
            Err(Errno::ACCESS | Errno::PERM | Errno::LOOP | Errno::NOTDIR) => {
                self.refuse(path.to_string(), Uncarried::Unreadable);
                return Ok(true);
            }
            Err(errno) => return Err(errno.into()),
        };
        match attributes(&inner) {
            Ok(found) if found.opaque => self.found.opaque.push(path.clone()),
            Ok(_) => {}
            Err(_) => self.refuse(path.to_string(), Uncarried::Xattr),
        }
        self.folder(&inner, path, depth + 1)
    }

    /// Takes a regular file; the error is why it can't be carried.
    fn file(&mut self, folder: BorrowedFd<'_>, name: &CStr, path: &RelPath) -> Result<(), Uncarried> {
        let opened = openat(folder, name, FILE, Mode::empty()).map_err(|_| Uncarried::Unreadable)?;
        let stat = fstat(&opened).map_err(|_| Uncarried::Unreadable)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Uncarried::Unreadable);
        }
        let found = attributes(&opened).map_err(|_| Uncarried::Xattr)?;
        if found.whiteout && stat.st_size == 0 {
            self.found.gone.push(path.clone());
            return Ok(());
        }
        if stat.st_mode & 0o6000 != 0 {
            return Err(Uncarried::Setuid);
        }
        if stat.st_nlink > 1 {
            return Err(Uncarried::HardLink);
        }
        let size = u64::try_from(stat.st_size).map_err(|_| Uncarried::Unreadable)?;
        if size > self.bounds.file_bytes {
            return Err(Uncarried::TooLarge);
        }
        let sorts = if self.bounds.binary { &self.taken[..] } else { &self.taken[..1] };
        if !sorts.iter().any(|taken| taken.has_room(size, &self.bounds)) {
            self.found.truncated = true;
            return Err(Uncarried::OverLimit);
        }
        let (bytes, is_text) = read(opened, size, self.bounds.binary)?;
        let taken = &mut self.taken[usize::from(!is_text)];
        if !taken.has_room(bytes.len() as u64, &self.bounds) {
            self.found.truncated = true;
            return Err(Uncarried::OverLimit);
        }
        taken.files += 1;
        taken.bytes += bytes.len() as u64;
        let bits = stat.st_mode & 0o777;
        self.found.files.push(UpperFile {
            path: path.clone(),
            bytes,
            bits,
            attributes: found.others,
            is_copy: found.origin,
        });
        Ok(())
    }

    fn refuse(&mut self, path: String, kind: Uncarried) {
        self.found.is_clean = false;
        if self.found.not_carried.len() < MAX_LISTED {
            self.found.not_carried.push(NotCarried { path, kind });
        } else {
            self.found.truncated = true;
        }
    }
}

/// The names in a folder, bytewise.
fn names(folder: &OwnedFd) -> io::Result<Vec<CString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            names.push(entry.file_name().to_owned());
        }
        if names.len() > MAX_ENTRIES {
            break;
        }
    }
    names.sort();
    Ok(names)
}

/// A character device with the number 0:0 says that nothing is there.
fn is_whiteout(kind: FileType, stat: &Stat) -> bool {
    kind == FileType::CharacterDevice && stat.st_rdev == 0
}

/// The extended attributes of an entry, as far as they say something.
#[derive(Debug, Default)]
struct Attributes {
    opaque: bool,
    whiteout: bool,
    origin: bool,
    others: Vec<CString>,
}

fn attributes(file: &OwnedFd) -> Result<Attributes, Errno> {
    let mut list = vec![0; MAX_ATTRIBUTES];
    let length = match flistxattr(file, list.as_mut_slice()) {
        Ok(length) => length,
        Err(Errno::OPNOTSUPP) => 0,
        Err(errno) => return Err(errno),
    };
    let mut found = Attributes::default();
    for name in list[..length].split(|&byte| byte == 0).filter(|name| !name.is_empty()) {
        let own = name.strip_prefix(b"user.overlay.").or_else(|| name.strip_prefix(b"trusted.overlay."));
        match own {
            // `x` says that names in the folder may be whiteouts, `y` that nothing shows through
            Some(b"opaque") => found.opaque = value_is(file, name, b"y"),
            Some(b"whiteout") => found.whiteout = true,
            Some(b"origin") => found.origin = true,
            // a command's own attribute of that name is stored one level deeper
            Some(own) if !own.starts_with(b"overlay.") => {}
            // labels that the machine puts on every file
            _ if matches!(name, b"security.selinux" | b"security.ima" | b"security.evm") => {}
            _ => found.others.extend(CString::new(name).ok()),
        }
    }
    Ok(found)
}

fn value_is(file: &OwnedFd, name: &[u8], wanted: &[u8]) -> bool {
    let mut value = [0; 8];
    fgetxattr(file, name, &mut value[..]).is_ok_and(|length| &value[..length] == wanted)
}

/// The bytes of a file, and whether they are text. Where nothing else is wanted, one with a hole is not read: a hole is made of
/// NULs, and so no text.
fn read(file: OwnedFd, size: u64, binary: bool) -> Result<(Vec<u8>, bool), Uncarried> {
    match seek(&file, SeekFrom::Hole(0)) {
        Ok(hole) if hole < size && !binary => return Err(Uncarried::Binary),
        // where holes are not told, the bytes tell
        _ => {}
    }
    seek(&file, SeekFrom::Start(0)).map_err(|_| Uncarried::Unreadable)?;
    let mut bytes = Vec::with_capacity(size as usize);
    let read = std::fs::File::from(file).take(size).read_to_end(&mut bytes);
    read.map_err(|_| Uncarried::Unreadable)?;
    let is_text = !bytes.contains(&0) && std::str::from_utf8(&bytes).is_ok();
    if is_text || binary { Ok((bytes, is_text)) } else { Err(Uncarried::Binary) }
}
