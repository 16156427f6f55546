//! The installed packs of a user: `<state>/packs/trees/<digest>`. A tree gets there whole, by one renaming, and is
//! verified each time that it is read.
#![expect(clippy::disallowed_methods, reason = "installed packs lie in the user's own state folder")]

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::digest::Digest;
use crate::files::private::make_folder;
use crate::files::{FileError, RelPath, Root};

use super::{PackError, Tree, read_folder};

/// The shelf of a user, held against other commands that would change it.
#[derive(Debug)]
pub struct Shelf {
    folder: PathBuf,
    workspace: PathBuf,
    _held: File,
}

impl Shelf {
    /// Takes the shelf for a command that works in `workspace`, and clears away what an interrupted one has left.
    pub fn take(state: &Path, workspace: &Path) -> Result<Self, PackError> {
        make_folder(state)?;
        let folder = state.join("packs");
        for private in [folder.clone(), folder.join("trees")] {
            make_folder(&private)?;
        }
        let path = folder.join("busy");
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let held = file.map_err(PackError::io("open", &path))?;
        match flock(&held, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(PackError::Busy(path)),
            Err(error) => return Err(PackError::io("lock", &path)(error.into())),
        }
        let shelf = Self { folder, workspace: workspace.to_owned(), _held: held };
        shelf.renew()?;
        Ok(shelf)
    }

    /// Empties the folder for what is not yet whole.
    pub(super) fn renew(&self) -> Result<(), PackError> {
        self.clear()?;
        Ok(make_folder(&self.scratch())?)
    }

    /// A folder for what is not yet whole; it is cleared when the shelf is taken and left.
    pub fn scratch(&self) -> PathBuf {
        self.folder.join("scratch")
    }

    /// The workspace: no program is taken from it.
    pub(super) fn workspace(&self) -> &Path {
        &self.workspace
    }

    /// Where a tree is, or would be.
    pub fn place(state: &Path, tree: Digest) -> PathBuf {
        state.join("packs").join("trees").join(tree.hex())
    }

    /// Installs a tree. One that is there and is not what its name says is replaced.
    pub fn install(&self, tree: &Tree) -> Result<(), PackError> {
        let digest = tree.digest();
        let place = self.folder.join("trees").join(digest.hex());
        if place.symlink_metadata().is_ok() {
            if read_folder(&place).is_ok_and(|found| found.digest() == digest) {
                return Ok(());
            }
            remove_all(&place)?;
        }
        let new = self.scratch().join(format!("new-{}", digest.hex()));
        make_folder(&new)?;
        write(&new, tree).map_err(PackError::file(new.display().to_string()))?;
        fs::rename(&new, &place).map_err(PackError::io("rename", &new))?;
        let trees = self.folder.join("trees");
        File::open(&trees).and_then(|held| held.sync_all()).map_err(PackError::io("sync", &trees))
    }

    fn clear(&self) -> Result<(), PackError> {
        remove_all(&self.scratch())
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        // what stays is cleared by the next command
        drop(self.clear());
    }
}

/// Writes a tree into a folder that is empty.
pub(super) fn write(folder: &Path, tree: &Tree) -> Result<(), FileError> {
    let root = Root::open(folder)?;
    for (path, file) in tree.files() {
        if let Some((parent, _)) = path.split() {
            root.make_folders(&parent)?;
        }
        root.write_new(path, &file.bytes, if file.executable { 0o555 } else { 0o444 })?;
    }
    root.sync_folder(&RelPath::root())
}

fn remove_all(path: &Path) -> Result<(), PackError> {
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        found => found.map_err(PackError::io("read", path))?,
    };
    let removed = if found.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.map_err(PackError::io("remove", path))
}
