//! The steps that a change of files is made of. Each works on a name in a folder that is held, so that none goes
//! through a link; who puts them together (all or nothing, journal, recovery) lives elsewhere.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;

use rustix::fs::{
    AtFlags, Mode, OFlags, RawMode, RenameFlags, fchmod, fsync, mkdirat, openat, renameat, renameat_with,
    unlinkat,
};
use rustix::io::Errno;

#[cfg(test)]
use super::faults::{self, Call, step};
use super::{EntryKind, FileError, Links, RelPath, Root};

impl Root {
    /// Writes a file that does not exist yet, and syncs it. `mode` is not cut by the umask.
    pub fn write_new(&self, path: &RelPath, content: &[u8], mode: u32) -> Result<(), FileError> {
        let file = self.write_open(path, content, mode)?;
        #[cfg(test)]
        step(Call::SyncFile, path)?;
        file.sync_all().map_err(io(path))
    }

    /// The same, and leaves it open: it is not on the disk yet.
    pub(super) fn write_open(&self, path: &RelPath, content: &[u8], mode: u32) -> Result<File, FileError> {
        let mut file = self.create_new(path)?;
        #[cfg(test)]
        faults::write(&mut file, content, path)?;
        file.write_all(content).map_err(io(path))?;
        #[cfg(test)]
        step(Call::Mode, path)?;
        fchmod(&file, Mode::from_raw_mode(mode as RawMode)).map_err(at(path))?;
        Ok(file)
    }

    /// The same, with the mode that the user's umask leaves of the usual one.
    pub fn write_new_as_usual(&self, path: &RelPath, content: &[u8]) -> Result<(), FileError> {
        let mut file = self.create_with(path, 0o666)?;
        file.write_all(content).map_err(io(path))?;
        file.sync_all().map_err(io(path))
    }

    /// Opens a file that does not exist yet, for writing; nobody else may read it.
    pub fn create_new(&self, path: &RelPath) -> Result<File, FileError> {
        self.create_with(path, 0o600)
    }

    fn create_with(&self, path: &RelPath, mode: RawMode) -> Result<File, FileError> {
        let (folder, name) = self.place(path)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        #[cfg(test)]
        step(Call::Create, path)?;
        let opened = openat(&folder, name, flags, Mode::from_raw_mode(mode));
        Ok(File::from(opened.map_err(at(path))?))
    }

    /// Sets the permission bits of a regular file.
    pub fn set_mode(&self, path: &RelPath, mode: u32) -> Result<(), FileError> {
        let file = self.file(path, Links::Refuse)?.into_file();
        fchmod(&file, Mode::from_raw_mode(mode as RawMode)).map_err(at(path))
    }

    /// Gives a file another name; what stood there is replaced in one step, the link itself if it is one.
    pub fn rename(&self, from: &RelPath, to: &RelPath) -> Result<(), FileError> {
        let ((from_folder, from_name), (to_folder, to_name)) = (self.place(from)?, self.place(to)?);
        #[cfg(test)]
        step(Call::Rename, from)?;
        renameat(&from_folder, from_name, &to_folder, to_name)
            .map_err(|errno| FileError::of_rename(from.as_str(), errno))
    }

    /// Gives a file another name, which must be free.
    pub fn rename_new(&self, from: &RelPath, to: &RelPath) -> Result<(), FileError> {
        let ((from_folder, from_name), (to_folder, to_name)) = (self.place(from)?, self.place(to)?);
        #[cfg(test)]
        step(Call::Rename, from)?;
        let renamed = renameat_with(&from_folder, from_name, &to_folder, to_name, RenameFlags::NOREPLACE);
        renamed.map_err(|errno| {
            FileError::of_rename(if errno == Errno::EXIST { to } else { from }.as_str(), errno)
        })
    }

    /// Takes a file or a link away; never a folder.
    pub fn remove_file(&self, path: &RelPath) -> Result<(), FileError> {
        let (folder, name) = self.place(path)?;
        #[cfg(test)]
        step(Call::Remove, path)?;
        unlinkat(&folder, name, AtFlags::empty()).map_err(at(path))
    }

    /// Takes an empty folder away.
    pub fn remove_folder(&self, path: &RelPath) -> Result<(), FileError> {
        let (folder, name) = self.place(path)?;
        #[cfg(test)]
        step(Call::RemoveFolder, path)?;
        unlinkat(&folder, name, AtFlags::REMOVEDIR).map_err(at(path))
    }

    /// Makes a folder, and those above it that are missing; gives those that it made, the highest first.
    pub fn make_folders(&self, path: &RelPath) -> Result<Vec<RelPath>, FileError> {
        let mut made = Vec::new();
        let mut folder = RelPath::root();
        for part in path.parts() {
            folder = folder.join(part)?;
            let (parent, name) = self.place(&folder)?;
            #[cfg(test)]
            step(Call::MakeFolder, &folder)?;
            match mkdirat(&parent, name, Mode::from_raw_mode(0o777)) {
                Ok(()) => made.push(folder.clone()),
                Err(Errno::EXIST) => self.demand_folder(&folder)?,
                Err(errno) => return Err(FileError::of(folder.as_str(), errno)),
            }
        }
        Ok(made)
    }

    /// Syncs a folder, so that the names in it survive a power failure.
    pub fn sync_folder(&self, path: &RelPath) -> Result<(), FileError> {
        let held = self.hold(path)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let open = openat(&held, ".", flags, Mode::empty()).map_err(at(path))?;
        #[cfg(test)]
        step(Call::SyncFolder, path)?;
        fsync(&open).map_err(at(path))
    }

    /// A free name beside `path`, for what is to be renamed onto it: `.lgflow-<16 hex digits>.tmp`.
    pub fn name_beside(&self, path: &RelPath) -> Result<RelPath, FileError> {
        let (folder, _) = path.split().ok_or_else(|| root_is_no_file(path))?;
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| FileError::Io {
            path: path.to_string(),
            error: std::io::Error::other(error.to_string()),
        })?;
        Ok(folder.join(&format!(".lgflow-{:016x}.tmp", u64::from_be_bytes(random)))?)
    }

    fn demand_folder(&self, path: &RelPath) -> Result<(), FileError> {
        match self.facts(path)?.kind {
            EntryKind::Folder => Ok(()),
            EntryKind::Link => Err(FileError::Link { path: path.to_string() }),
            kind => Err(FileError::Kind { path: path.to_string(), kind, wanted: EntryKind::Folder }),
        }
    }

    fn place<'a>(&self, path: &'a RelPath) -> Result<(OwnedFd, &'a str), FileError> {
        let (folder, name) = path.split().ok_or_else(|| root_is_no_file(path))?;
        Ok((self.hold(&folder)?, name))
    }
}

fn root_is_no_file(path: &RelPath) -> FileError {
    FileError::Kind { path: path.to_string(), kind: EntryKind::Folder, wanted: EntryKind::File }
}

fn at(path: &RelPath) -> impl Fn(Errno) -> FileError {
    let path = path.to_string();
    move |errno| FileError::of(path.clone(), errno)
}

fn io(path: &RelPath) -> impl Fn(std::io::Error) -> FileError {
    let path = path.to_string();
    move |error| FileError::Io { path: path.clone(), error }
}
