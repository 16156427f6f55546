//! A program by name, from the folders of the grant and nowhere else: opened once, checked on what was opened,
//! and run by that descriptor.

#![expect(
    clippy::disallowed_methods,
    reason = "programs lie outside every root, in folders that the policy names"
)]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::fstat;

use crate::digest::Digest;

/// A program that may be run.
#[derive(Debug)]
pub struct Program {
    /// Open for reading and executing.
    pub file: OwnedFd,
    /// Where it was found; only a script is opened there again.
    pub path: PathBuf,
    /// Does it begin with `#!`? Then its interpreter opens it again by its path.
    pub is_script: bool,
}

/// Digests of programs, each read once as long as nothing about the file changes.
#[derive(Debug, Default)]
pub struct ProgramDigests {
    known: Mutex<BTreeMap<[i128; 5], Digest>>,
}

impl ProgramDigests {
    /// The digest of what the program's descriptor holds open.
    pub fn of(&self, program: &Program) -> io::Result<Digest> {
        let facts = fstat(&program.file)?;
        let time = |seconds: i64, part: u64| i128::from(seconds) * 1_000_000_000 + i128::from(part);
        let key = [
            i128::from(facts.st_dev),
            i128::from(facts.st_ino),
            i128::from(facts.st_size),
            time(facts.st_mtime, facts.st_mtime_nsec),
            time(facts.st_ctime, facts.st_ctime_nsec),
        ];
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(digest) = known.get(&key) {
            return Ok(*digest);
        }
        let digest = Digest::of_reader(Whole { file: program.file.as_fd(), at: 0 })?;
        known.insert(key, digest);
        Ok(digest)
    }
}

/// A file from its start, wherever the descriptor that others share stands.
struct Whole<'a> {
    file: std::os::fd::BorrowedFd<'a>,
    at: u64,
}

impl io::Read for Whole<'_> {
    fn read(&mut self, part: &mut [u8]) -> io::Result<usize> {
        let count = rustix::io::pread(self.file, part, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

/// Why there is no such program.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// A path where a name is wanted.
    #[error(
        "`{0}` is no program's name: a program is named without a path, and looked up in the policy's folders"
    )]
    NotAName(String),
    /// A folder of the grant that is not safe.
    #[error("`{}` is no folder to take programs from: {why}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Found, and not safe.
    #[error("`{}` is not run: {why}", path.display())]
    Unsafe {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Nowhere.
    #[error("there is no program `{name}` in {}", shown(folders))]
    NotFound {
        /// As asked.
        name: String,
        /// Where it was looked for.
        folders: Vec<PathBuf>,
    },
    /// The machine failed.
    #[error("`{}`: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        error: std::io::Error,
    },
}

fn shown(folders: &[PathBuf]) -> String {
    if folders.is_empty() {
        return "any folder: the policy names none".to_owned();
    }
    folders.iter().map(|folder| format!("`{}`", folder.display())).collect::<Vec<_>>().join(", ")
}

/// Finds `name` in `folders`, in order. `workspace` is where no program is ever taken from.
pub fn find_program(name: &str, folders: &[PathBuf], workspace: &Path) -> Result<Program, ProgramError> {
    if name.is_empty()
        || name.contains(['/', '\\', '\0'])
        || name == "."
        || name == ".."
        || name.starts_with('-')
    {
        return Err(ProgramError::NotAName(name.to_owned()));
    }
    for folder in folders {
        let Ok(real) = std::fs::canonicalize(folder) else { continue };
        check_folder(folder, &real, workspace)?;
        let path = real.join(name);
        match open_program(&path, workspace) {
            Ok(program) => return Ok(program),
            Err(ProgramError::Io { error, .. })
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
                ) => {}
            Err(error) => return Err(error),
        }
    }
    Err(ProgramError::NotFound { name: name.to_owned(), folders: folders.to_vec() })
}

fn check_folder(folder: &Path, real: &Path, workspace: &Path) -> Result<(), ProgramError> {
    let wrong = |why| Err(ProgramError::Folder { folder: folder.to_owned(), why });
    if !folder.is_absolute() {
        return wrong("it is not absolute");
    }
    if is_within(real, workspace) {
        return wrong("it lies in the workspace");
    }
    let facts = std::fs::metadata(real).map_err(|error| ProgramError::Io { path: real.to_owned(), error })?;
    if facts.mode() & 0o002 != 0 {
        return wrong("everybody can write to it");
    }
    if facts.uid() != 0 && facts.uid() != rustix::process::geteuid().as_raw() {
        return wrong("it belongs to another user");
    }
    Ok(())
}

fn open_program(path: &Path, workspace: &Path) -> Result<Program, ProgramError> {
    let io = |error| ProgramError::Io { path: path.to_owned(), error };
    let wrong = |why| Err(ProgramError::Unsafe { path: path.to_owned(), why });
    // links are the machine's own here: `/bin/python3` is one; what they lead to is checked below
    let real = std::fs::canonicalize(path).map_err(io)?;
    if is_within(&real, workspace) {
        return wrong("it leads into the workspace");
    }
    let mut file = File::open(&real).map_err(io)?;
    let facts = file.metadata().map_err(io)?;
    if !facts.is_file() {
        return wrong("it is no regular file");
    }
    if facts.mode() & 0o111 == 0 {
        return wrong("it is not executable");
    }
    if facts.mode() & 0o6000 != 0 {
        return wrong("it has a setuid or setgid bit");
    }
    if facts.mode() & 0o002 != 0 {
        return wrong("everybody can write to it");
    }
    if facts.uid() != 0 && facts.uid() != rustix::process::geteuid().as_raw() {
        return wrong("it belongs to another user");
    }
    let mut start = Vec::new();
    (&mut file).take(2).read_to_end(&mut start).map_err(io)?;
    Ok(Program { file: file.into(), path: path.to_owned(), is_script: start == b"#!" })
}

fn is_within(path: &Path, workspace: &Path) -> bool {
    std::fs::canonicalize(workspace).is_ok_and(|workspace| path.starts_with(workspace))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn program(folder: &Path, name: &str, mode: u32) {
        std::fs::write(folder.join(name), "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(folder.join(name), std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn only_names_only_from_the_folders_never_from_the_workspace() {
        let place = tempfile::tempdir().unwrap();
        let (bin, work, open) =
            (place.path().join("bin"), place.path().join("work"), place.path().join("open"));
        for folder in [&bin, &work, &open] {
            std::fs::create_dir(folder).unwrap();
            program(folder, "tool", 0o755);
        }
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).unwrap();
        program(&bin, "plain", 0o644);
        program(&bin, "setuid", 0o4755);
        program(&bin, "open", 0o757);
        symlink(work.join("tool"), bin.join("trap")).unwrap();
        symlink(bin.join("tool"), bin.join("alias")).unwrap();
        let find = |name: &str, folder: &PathBuf| find_program(name, std::slice::from_ref(folder), &work);

        let found = find("tool", &bin).unwrap();
        assert!(found.is_script);
        assert!(found.path.ends_with("bin/tool"));
        assert!(find("alias", &bin).is_ok());
        let digests = ProgramDigests::default();
        let digest = Digest::of("#!/bin/sh\n");
        assert_eq!(digests.of(&found).unwrap(), digest);
        std::fs::remove_file(bin.join("tool")).unwrap();
        program(&bin, "tool", 0o755);
        std::fs::write(bin.join("tool"), "#!/bin/sh\n# another\n").unwrap();
        assert_eq!(digests.of(&found).unwrap(), digest, "what was opened is what is told of");
        assert_ne!(digests.of(&find("tool", &bin).unwrap()).unwrap(), digest);
        for name in ["./tool", "/bin/sh", "", "..", "a/b", "-x"] {
            assert!(matches!(find(name, &bin), Err(ProgramError::NotAName(_))), "{name}");
        }
        for name in ["plain", "setuid", "open", "trap"] {
            assert!(matches!(find(name, &bin), Err(ProgramError::Unsafe { .. })), "{name}");
        }
        assert!(matches!(find("tool", &work), Err(ProgramError::Folder { .. })));
        assert!(matches!(find("tool", &open), Err(ProgramError::Folder { .. })));
        assert!(matches!(find("none", &bin), Err(ProgramError::NotFound { .. })));
    }
}
