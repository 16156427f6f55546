//! What a command left in the upper layers of its stack, as it travels from the first process of its namespaces to
//! the runner; and the largest folders, where the room ran out.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, openat, statat};
use serde::{Deserialize, Serialize};

use crate::digest::{base64, from_base64};
use crate::files::{EntryKind, Exclusions, RelPath, Root};

use super::overlay_stack::Mounted;
use super::{NotCarried, Uncarried, UpperBounds, UpperChanges, UpperFile, Wanted, read_upper};

/// The most entries that are looked at to find the largest folders.
const MOST_ENTRIES: usize = 500_000;
/// How many folders are named.
const NAMED: usize = 5;

/// [`UpperChanges`] as text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Changes {
    files: Vec<File>,
    gone: Vec<String>,
    opaque: Vec<String>,
    not_carried: Vec<(String, String)>,
    is_clean: bool,
    truncated: bool,
}

/// [`UpperFile`] as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct File {
    path: String,
    content: Content,
    bits: u32,
    attributes: Vec<Vec<u8>>,
    is_copy: bool,
}

/// The bytes of a file: as they are, where they are text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Content {
    Text(String),
    Base64(String),
}

impl Content {
    fn of(bytes: Vec<u8>) -> Self {
        String::from_utf8(bytes).map_or_else(|error| Content::Base64(base64(error.as_bytes())), Content::Text)
    }

    fn bytes(self) -> Option<Vec<u8>> {
        match self {
            Content::Text(text) => Some(text.into_bytes()),
            Content::Base64(text) => from_base64(&text),
        }
    }
}

/// Reads every upper layer of the workspace. To be called when every process of the command is gone. What ignore files
/// of `workspace` name, as it is outside, is listed and not read.
pub(super) fn read_changes(
    mounted: &Mounted,
    workspace: &OwnedFd,
    bounds: (usize, u64, u64, bool),
) -> io::Result<Changes> {
    let root = Root::from_fd(workspace.try_clone()?).map_err(|error| io::Error::other(error.to_string()))?;
    let mut exclusions = Exclusions::of(&root);
    let bounds = UpperBounds { files: bounds.0, file_bytes: bounds.1, bytes: bounds.2, binary: bounds.3 };
    let mut all = Changes { is_clean: true, ..Changes::default() };
    let places: Vec<RelPath> = mounted
        .caches
        .iter()
        .chain(&mounted.uppers)
        .filter_map(|upper| RelPath::parse(upper.place.to_str()?).ok())
        .filter(|place| !place.is_root())
        .collect();
    for upper in &mounted.uppers {
        let prefix = upper.place.to_str().unwrap_or_default();
        let below =
            |path: &RelPath| if prefix.is_empty() { path.to_string() } else { format!("{prefix}/{path}") };
        // places of other mounts are theirs; so are the folders that lead there
        let mut wants = |path: &RelPath, kind: EntryKind| {
            let Ok(path) = RelPath::parse(&below(path)) else { return Wanted::Yes };
            let other = |place: &&RelPath| place.as_str() != prefix;
            if places
                .iter()
                .filter(other)
                .any(|place| path.is_within(place) && place.is_within(&within(prefix)))
            {
                Wanted::Cache
            } else if kind == EntryKind::Folder
                && places.iter().filter(other).any(|place| place.is_within(&path))
            {
                Wanted::Above
            } else if exclusions.exclude(&path, kind) {
                Wanted::No(Uncarried::Ignored)
            } else {
                Wanted::Yes
            }
        };
        let found = read_upper(upper.folder.as_fd(), bounds, &mut wants)?;
        all.is_clean &= found.is_clean;
        all.truncated |= found.truncated;
        all.gone.extend(found.gone.iter().map(&below));
        all.opaque.extend(found.opaque.iter().map(&below));
        all.not_carried.extend(found.not_carried.into_iter().map(|one| {
            let path = if prefix.is_empty() { one.path } else { format!("{prefix}/{}", one.path) };
            (path, one.kind.word().to_owned())
        }));
        all.files.extend(found.files.into_iter().map(|file| {
            let attributes = file.attributes.into_iter().map(CString::into_bytes).collect();
            let path = below(&file.path);
            File {
                path,
                content: Content::of(file.bytes),
                bits: file.bits,
                attributes,
                is_copy: file.is_copy,
            }
        }));
    }
    Ok(all)
}

fn within(prefix: &str) -> RelPath {
    RelPath::parse(prefix).unwrap_or_else(|_| RelPath::root())
}

impl Changes {
    /// As the rest of the program has them; a path that is none is not carried.
    pub(super) fn read(self) -> UpperChanges {
        let mut not_carried: Vec<NotCarried> = self
            .not_carried
            .into_iter()
            .map(|(path, word)| NotCarried {
                path,
                kind: Uncarried::named(&word).unwrap_or(Uncarried::Other),
            })
            .collect();
        let mut path = |text: String| {
            let path = RelPath::parse(&text);
            if path.is_err() {
                not_carried.push(NotCarried { path: text, kind: Uncarried::Unnameable });
            }
            path.ok()
        };
        let mut files: Vec<UpperFile> = self
            .files
            .into_iter()
            .filter_map(|File { path: name, content, bits, attributes, is_copy }| {
                let (path, bytes) = (path(name)?, content.bytes()?);
                let attributes = attributes.into_iter().filter_map(|name| CString::new(name).ok()).collect();
                Some(UpperFile { path, bytes, bits, attributes, is_copy })
            })
            .collect();
        let mut gone: Vec<RelPath> = self.gone.into_iter().filter_map(&mut path).collect();
        let mut opaque: Vec<RelPath> = self.opaque.into_iter().filter_map(&mut path).collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        gone.sort();
        opaque.sort();
        not_carried.sort();
        UpperChanges { files, gone, opaque, not_carried, is_clean: self.is_clean, truncated: self.truncated }
    }
}

/// The folders that hold the most bytes of what was written, by their own files.
pub(super) fn largest_folders(mounted: &Mounted, store: BorrowedFd<'_>) -> Vec<(String, u64)> {
    let mut sizes: BTreeMap<PathBuf, u64> = BTreeMap::new();
    let mut entries = 0;
    for upper in mounted.uppers.iter().chain(&mounted.caches) {
        measure(upper.folder.as_fd(), &upper.place, &mut sizes, &mut entries);
    }
    for (name, place) in [("tmp", "/tmp"), ("home", "/home/lgflow"), ("shm", "/dev/shm")] {
        if let Ok(folder) = openat(store, name, FOLDER, Mode::empty()) {
            measure(folder.as_fd(), Path::new(place), &mut sizes, &mut entries);
        }
    }
    let mut sizes: Vec<(PathBuf, u64)> = sizes.into_iter().filter(|(_, bytes)| *bytes > 0).collect();
    sizes.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let shown =
        |path: PathBuf| if path.as_os_str().is_empty() { ".".to_owned() } else { path.display().to_string() };
    sizes.into_iter().take(NAMED).map(|(path, bytes)| (shown(path), bytes)).collect()
}

/// The bytes of all that is in a folder.
pub(super) fn bytes_in(folder: BorrowedFd<'_>) -> u64 {
    let (mut sizes, mut entries) = (BTreeMap::new(), 0);
    measure(folder, Path::new(""), &mut sizes, &mut entries);
    sizes.values().sum()
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

fn measure(folder: BorrowedFd<'_>, place: &Path, sizes: &mut BTreeMap<PathBuf, u64>, entries: &mut usize) {
    let Ok(first) = openat(folder, ".", FOLDER, Mode::empty()) else { return };
    let mut ahead: Vec<(OwnedFd, PathBuf)> = vec![(first, place.to_owned())];
    while let Some((folder, place)) = ahead.pop() {
        for entry in Dir::read_from(&folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            *entries += 1;
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            if *entries > MOST_ENTRIES {
                return;
            }
            let Ok(facts) = statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            match FileType::from_raw_mode(facts.st_mode) {
                FileType::Directory => {
                    // many open folders at once are only as many as are side by side
                    if let Ok(inner) = openat(&folder, name, FOLDER, Mode::empty()) {
                        ahead.push((inner, place.join(name.to_string_lossy().as_ref())));
                    }
                }
                FileType::RegularFile => {
                    *sizes.entry(place.clone()).or_default() += facts.st_blocks.unsigned_abs() * 512;
                }
                _ => {}
            }
        }
    }
}
