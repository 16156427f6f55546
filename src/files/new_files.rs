//! Many new files that are to be on the disk: written one after the other, and synced side by side. A disk that is waited for
//! by several at once writes what they wait for together, so a thousand files take some waits and not a thousand.

use std::fs::File;
use std::io;
use std::thread::{Builder, scope};

#[cfg(test)]
use super::faults::{Call, step};
use super::{FileError, RelPath, Root};

/// Files that are open at once.
const OPEN: usize = 128;
/// So many wait for the disk at once.
const WAITING: usize = 16;
/// For as few as these nobody else is asked to wait.
const FEW: usize = 4;

/// New files of one root. They are on the disk when [`NewFiles::sync`] has returned, and not before.
#[derive(Debug)]
pub struct NewFiles<'a> {
    root: &'a Root,
    open: Vec<(RelPath, File)>,
}

impl<'a> NewFiles<'a> {
    /// None yet.
    pub fn of(root: &'a Root) -> Self {
        Self { root, open: Vec::new() }
    }

    /// Writes a file that does not exist yet. `mode` is not cut by the umask.
    pub fn write(&mut self, path: &RelPath, content: &[u8], mode: u32) -> Result<(), FileError> {
        if self.open.len() == OPEN {
            self.sync()?;
        }
        let file = self.root.write_open(path, content, mode)?;
        self.open.push((path.clone(), file));
        Ok(())
    }

    /// All that was written is on the disk when this returns. Their names are once their folder is synced.
    pub fn sync(&mut self) -> Result<(), FileError> {
        let files = std::mem::take(&mut self.open);
        #[cfg(test)]
        for (path, _) in &files {
            step(Call::SyncFile, path)?;
        }
        let mut parts = files.chunks(files.len().div_ceil(WAITING).max(FEW));
        let own = parts.next().unwrap_or_default();
        scope(|scope| {
            let mut waiting = Vec::new();
            for part in parts {
                match Builder::new().spawn_scoped(scope, move || sync_each(part)) {
                    Ok(thread) => waiting.push((part, thread)),
                    // the machine gives no more threads
                    Err(_) => sync_each(part)?,
                }
            }
            sync_each(own)?;
            waiting
                .into_iter()
                .try_for_each(|(part, thread)| thread.join().unwrap_or_else(|_| Err(stopped(part))))
        })
    }
}

fn sync_each(files: &[(RelPath, File)]) -> Result<(), FileError> {
    let sync = |(path, file): &(RelPath, File)| {
        file.sync_all().map_err(|error| FileError::Io { path: path.to_string(), error })
    };
    files.iter().try_for_each(sync)
}

/// Whether they are on the disk is not known.
fn stopped(files: &[(RelPath, File)]) -> FileError {
    let path = files.first().map_or_else(String::new, |(path, _)| path.to_string());
    FileError::Io { path, error: io::Error::other("it was not synced to its end") }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test looks at what was written")]
mod tests {
    use rustix::io::Errno;

    use super::*;
    use crate::files::faults::{Fault, with};

    fn path(at: usize) -> RelPath {
        RelPath::parse(&format!("file{at}")).unwrap()
    }

    #[test]
    fn each_is_written_and_synced_however_many_they_are() {
        for count in [0, 1, FEW, FEW + 1, OPEN, OPEN + 1, 3 * OPEN + 7] {
            let folder = tempfile::tempdir().unwrap();
            let root = Root::open(folder.path()).unwrap();
            let ((), calls) = with(&[], || {
                let mut files = NewFiles::of(&root);
                for at in 0..count {
                    files.write(&path(at), format!("{at}").as_bytes(), 0o640).unwrap();
                }
                files.sync().unwrap();
                files.sync().unwrap();
            });
            let of = |kind: Call| calls.iter().filter(|call| **call == kind).count();
            assert_eq!((of(Call::Create), of(Call::SyncFile)), (count, count));
            for at in 0..count {
                assert_eq!(
                    std::fs::read_to_string(folder.path().join(format!("file{at}"))).unwrap(),
                    format!("{at}")
                );
            }
        }
    }

    #[test]
    fn one_that_is_not_synced_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::open(folder.path()).unwrap();
        let write = || {
            let mut files = NewFiles::of(&root);
            (0..20).for_each(|at| files.write(&path(at), b"x", 0o600).unwrap());
            files.sync()
        };
        // each file is made, written and given its mode before the first is synced
        let (synced, _) = with(&[(3 * 20 + 17, Fault::Once(Errno::IO))], write);
        assert!(matches!(synced, Err(FileError::Io { path, .. }) if path == "file17"));
    }
}
