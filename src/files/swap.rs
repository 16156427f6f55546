//! Steps of a change of files that systems differ in: exchanging two names, and setting times.

use rustix::fs::{OFlags, RenameFlags, Timespec, Timestamps, UTIME_OMIT, futimens, renameat_with};

#[cfg(test)]
use super::faults::{Call, step};
use super::{FileError, Links, RelPath, Root};

impl Root {
    /// Exchanges two files in one step: each has the other's name afterwards.
    pub fn exchange(&self, one: &RelPath, other: &RelPath) -> Result<(), FileError> {
        let wrong = |errno| FileError::of_rename(one.as_str(), errno);
        let ((one_folder, one_name), (other_folder, other_name)) = (self.parent(one)?, self.parent(other)?);
        #[cfg(test)]
        step(Call::Exchange, one)?;
        renameat_with(&one_folder, one_name, &other_folder, other_name, RenameFlags::EXCHANGE).map_err(wrong)
    }

    /// Sets the time of the last change of a regular file: seconds and nanoseconds since 1970.
    pub fn set_modified(&self, path: &RelPath, (seconds, nanoseconds): (i64, i64)) -> Result<(), FileError> {
        let file = self.file(path, Links::Refuse)?.into_file();
        let times = Timestamps {
            last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
            last_modification: Timespec { tv_sec: seconds, tv_nsec: nanoseconds },
        };
        #[cfg(test)]
        step(Call::Time, path)?;
        futimens(&file, &times).map_err(|errno| FileError::of(path.as_str(), errno))
    }

    /// Writes a file that does not exist yet and need not survive a crash.
    pub fn write_unsynced(&self, path: &RelPath, content: &[u8], mode: u32) -> Result<(), FileError> {
        use std::io::Write as _;
        let wrong = |errno| FileError::of(path.as_str(), errno);
        let (folder, name) = self.parent(path)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(&folder, name, flags, rustix::fs::Mode::RWXU).map_err(wrong)?;
        let mut file = std::fs::File::from(opened);
        file.write_all(content).map_err(|error| FileError::Io { path: path.to_string(), error })?;
        let mode = rustix::fs::Mode::from_raw_mode(mode as rustix::fs::RawMode);
        rustix::fs::fchmod(&file, mode).map_err(wrong)
    }

    /// Opens a file for locking, and makes it if it is not there.
    pub fn lock_file(&self, path: &RelPath) -> Result<std::fs::File, FileError> {
        let (folder, name) = self.parent(path)?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        #[cfg(test)]
        step(Call::Create, path)?;
        rustix::fs::openat(&folder, name, flags, mode)
            .map(std::fs::File::from)
            .map_err(|errno| FileError::of(path.as_str(), errno))
    }

    /// Opens this folder itself for locking: what is locked is the folder, whoever opens it.
    pub fn lock_folder(&self) -> Result<std::fs::File, FileError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = self.hold(&RelPath::root())?;
        rustix::fs::openat(&folder, ".", flags, rustix::fs::Mode::empty())
            .map(std::fs::File::from)
            .map_err(|errno| FileError::of(".", errno))
    }

    fn parent<'a>(&self, path: &'a RelPath) -> Result<(std::os::fd::OwnedFd, &'a str), FileError> {
        let (folder, name) = path.split().ok_or_else(|| FileError::Exists { path: path.to_string() })?;
        Ok((self.hold(&folder)?, name))
    }
}
