//! Files of ours: what a graph, a policy or a config names. They are opened before any policy holds, so they are held
//! to more than the workspace's files are: beneath one folder, no link at all, a regular file with one name, bounded.

use std::io;
use std::path::Path;

use super::root::folder_of;
use super::{EntryKind, FileError, Links, OpenFile, RelPath, Root};

/// The folder that files of ours may be named in: the workspace's `.lg`, or the folder of a file that the user named.
#[derive(Debug)]
pub struct OwnFolder {
    root: Root,
}

impl OwnFolder {
    /// The folder of a file that the user named, and the file's path in it. Links in `path` are the user's own word.
    pub fn of_file(path: &Path) -> Result<(Self, RelPath), FileError> {
        let shown = path.display().to_string();
        let Some(name) = path.file_name() else {
            // `.`, `..` and `/` name folders
            return Err(FileError::Kind { path: shown, kind: EntryKind::Folder, wanted: EntryKind::File });
        };
        let name = name.to_str().ok_or_else(|| {
            let why = "the name is not UTF-8; give the file another";
            FileError::Io { path: shown, error: io::Error::new(io::ErrorKind::InvalidInput, why) }
        })?;
        Ok((Self { root: folder_of(path)? }, RelPath::root().join(name)?))
    }

    /// A folder of the workspace: `.lg`. Links on the way to it are refused.
    pub fn beneath(root: &Root, path: &RelPath) -> Result<Self, FileError> {
        let (root, _) = root.folder(path, Links::Refuse)?;
        Ok(Self { root })
    }

    /// The held folder.
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// The path that `reference` means in the file `from`: relative to the folder of `from`, and not out of this one.
    pub fn resolve(&self, from: &RelPath, reference: &str) -> Result<RelPath, FileError> {
        Ok(from.reference(reference)?)
    }

    /// The text of a file in this folder.
    ///
    /// # Errors
    /// A link, a hard link twin, anything but a regular file, more than `limit` bytes, text that is not UTF-8.
    pub fn read(&self, path: &RelPath, limit: u64) -> Result<String, FileError> {
        self.open(path)?.read_text(limit)
    }

    /// The bytes of a file in this folder, for who says itself what is wrong with a text.
    ///
    /// # Errors
    /// As [`read`](Self::read), but for the encoding.
    pub fn read_bytes(&self, path: &RelPath, limit: u64) -> Result<Vec<u8>, FileError> {
        self.open(path)?.read(limit)
    }

    fn open(&self, path: &RelPath) -> Result<OpenFile, FileError> {
        let file = self.root.file(path, Links::Refuse)?;
        let links = file.facts().links;
        if links > 1 {
            return Err(FileError::HardLinks { path: path.to_string(), links });
        }
        Ok(file)
    }
}
