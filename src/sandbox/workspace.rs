//! The copy of the workspace that a command works on, and what the command made of it. What may not be read is not in
//! it; what comes back is read as hostile input: regular files and deletions, nothing else, no link followed.

use std::collections::{BTreeMap, BTreeSet};

use crate::digest::Digest;
use crate::files::{EntryKind, Facts, FileError, IgnoreFiles, Links, RelPath, Root, Walk, walk};

use super::{NotCarried, Uncarried};

/// The most files of a copy.
const MAX_FILES: usize = 200_000;
/// The most bytes of a copy.
const MAX_BYTES: u64 = 2 << 30;
/// The most bytes of one file that is carried back.
const MAX_CARRIED: u64 = 16 << 20;

/// A copy of the workspace.
#[derive(Debug)]
pub struct WorkspaceCopy {
    root: Root,
    copied: BTreeMap<RelPath, (Digest, u32)>,
}

/// A file that is not as it was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Relative to the root.
    pub path: RelPath,
    /// The digest and permission bits of the file that was copied.
    pub before: Option<(Digest, u32)>,
    /// The bytes and permission bits that it has now.
    pub after: Option<(Vec<u8>, u32)>,
}

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// Too much.
    #[error(
        "the workspace has more than {limit} {what} that would be copied; exclude some with an ignore file"
    )]
    TooLarge {
        /// Files or bytes.
        what: &'static str,
        /// The most of them.
        limit: u64,
    },
    /// A file failed.
    #[error(transparent)]
    File(#[from] FileError),
}

impl WorkspaceCopy {
    /// Copies the unignored files of `source` that `allows` says may be read into `target`, an empty folder; but for
    /// those that are not `itself`: another name of a file that may not be read.
    pub fn make(
        source: &Root,
        target: Root,
        allows: &dyn Fn(&RelPath) -> bool,
        itself: &dyn Fn(&RelPath, &Facts) -> bool,
    ) -> Result<Self, CopyError> {
        let options = Walk {
            start: RelPath::root(),
            recursive: true,
            ignore_files: IgnoreFiles::Honour,
            max_entries: MAX_FILES,
        };
        let walked = walk(source, &options, &mut |path, kind| kind == EntryKind::Folder || allows(path))?;
        if walked.truncated {
            return Err(CopyError::TooLarge { what: "entries", limit: MAX_FILES as u64 });
        }
        let (mut copied, mut bytes) = (BTreeMap::new(), 0);
        for path in walked.files {
            // what is gone, or is a link, since it was listed is not copied
            let Ok(mut file) = source.file(&path, Links::Refuse) else { continue };
            let facts = *file.facts();
            if !itself(&path, &facts) {
                continue;
            }
            bytes += facts.size;
            if bytes > MAX_BYTES {
                return Err(CopyError::TooLarge { what: "bytes", limit: MAX_BYTES });
            }
            let content = file.read(MAX_BYTES)?;
            let bits = facts.mode & 0o777;
            if let Some((folder, _)) = path.split() {
                target.make_folders(&folder)?;
            }
            target.write_unsynced(&path, &content, bits)?;
            target.set_modified(&path, facts.modified)?;
            copied.insert(path, (Digest::of(&content), bits));
        }
        Ok(Self { root: target, copied })
    }

    /// The folder that the command works in.
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// What is not as it was copied. Only to be asked when every process of the command is gone. `hidden` are paths
    /// that were not copied because they may not be read, `caches` folders whose content never comes back. What is no text
    /// is one of them only with `binary`.
    pub fn differences(
        &self,
        caches: &[RelPath],
        hidden: &dyn Fn(&RelPath) -> bool,
        binary: bool,
    ) -> Result<(Vec<Difference>, Vec<NotCarried>), CopyError> {
        let (files, mut not_carried) = self.present(caches)?;
        let mut different = Vec::new();
        for path in &files {
            match self.changed(path, hidden, binary) {
                Ok(difference) => different.extend(difference),
                Err(kind) => not_carried.push(NotCarried { path: path.to_string(), kind }),
            }
        }
        for (path, before) in &self.copied {
            // it may also be unlisted because the command wrote an ignore file that names it
            if !files.contains(path)
                && matches!(self.root.facts(path), Err(FileError::NotFound { .. } | FileError::Kind { .. }))
            {
                different.push(Difference { path: path.clone(), before: Some(*before), after: None });
            }
        }
        different.sort_by(|a, b| a.path.cmp(&b.path));
        not_carried.sort();
        Ok((different, not_carried))
    }

    /// The files that are there and not ignored, with every copied file that still is there; and all else that is.
    fn present(&self, caches: &[RelPath]) -> Result<(BTreeSet<RelPath>, Vec<NotCarried>), CopyError> {
        let options = Walk {
            start: RelPath::root(),
            recursive: true,
            ignore_files: IgnoreFiles::Honour,
            max_entries: 4 * MAX_FILES,
        };
        let in_cache = |path: &RelPath| caches.iter().any(|cache| path.is_within(cache));
        let mut folders = vec![RelPath::root()];
        let walked = walk(&self.root, &options, &mut |path, kind| {
            let wanted = !in_cache(path);
            if wanted && kind == EntryKind::Folder {
                folders.push(path.clone());
            }
            wanted
        })?;
        if walked.truncated {
            return Err(CopyError::TooLarge { what: "entries", limit: 4 * MAX_FILES as u64 });
        }
        let mut files: BTreeSet<RelPath> = walked.files.into_iter().collect();
        files.extend(
            self.copied
                .keys()
                .filter(|path| self.root.facts(path).is_ok_and(|facts| facts.kind == EntryKind::File))
                .cloned(),
        );
        let mut others = Vec::new();
        for folder in folders {
            let (entries, unnamed) = self.root.entries(&folder)?;
            if unnamed > 0 {
                others.push(NotCarried { path: folder.to_string(), kind: Uncarried::Unnameable });
            }
            others.extend(entries.iter().filter_map(|entry| {
                if matches!(entry.kind, EntryKind::File | EntryKind::Folder) {
                    return None;
                }
                Some(NotCarried { path: entry.path.to_string(), kind: Uncarried::of(entry.kind) })
            }));
        }
        Ok((files, others))
    }

    /// How a file differs; the error is why it can't be carried.
    fn changed(
        &self,
        path: &RelPath,
        hidden: &dyn Fn(&RelPath) -> bool,
        binary: bool,
    ) -> Result<Option<Difference>, Uncarried> {
        let mut file = self.root.file(path, Links::Refuse).map_err(|_| Uncarried::Unreadable)?;
        let facts = *file.facts();
        let before = self.copied.get(path).copied();
        if facts.mode & 0o6000 != 0 {
            return Err(Uncarried::Setuid);
        }
        if before.is_none() && hidden(path) {
            return Err(Uncarried::Denied);
        }
        if facts.links > 1 {
            return Err(Uncarried::HardLink);
        }
        if facts.size > MAX_CARRIED && before.is_none() {
            return Err(Uncarried::TooLarge);
        }
        let bytes = file.read(MAX_BYTES).map_err(|_| Uncarried::Unreadable)?;
        let bits = facts.mode & 0o777;
        if before.is_some_and(|(digest, old)| digest == Digest::of(&bytes) && (old & 0o100) == (bits & 0o100))
        {
            return Ok(None);
        }
        if bytes.len() as u64 > MAX_CARRIED {
            return Err(Uncarried::TooLarge);
        }
        if !binary && (bytes.contains(&0) || std::str::from_utf8(&bytes).is_err()) {
            return Err(Uncarried::Binary);
        }
        Ok(Some(Difference { path: path.clone(), before, after: Some((bytes, bits)) }))
    }
}
