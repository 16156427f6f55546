//! What the commands of a plan stand on, as this machine has it: the programs and what they are made of, and the
//! toolchains. Reads, and runs nothing.
#![expect(clippy::disallowed_methods, reason = "toolchains lie outside every root, in folders of the user")]

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::digest::Digest;
use crate::effect::{PlannedProgram, PlannedToolchain};
use crate::policy::Footing;
use crate::sandbox::{ProgramDigests, find_program};

/// The most entries of a toolchain that are looked at.
const MAX_ENTRIES: usize = 500_000;

/// The programs of `footing`; `workspace` is where none is taken from.
pub fn planned_programs(footing: &Footing, workspace: &Path) -> Vec<PlannedProgram> {
    let digests = ProgramDigests::default();
    let planned = |name: &String| {
        let found = find_program(name, &footing.search, workspace).ok();
        PlannedProgram {
            name: name.clone(),
            path: found.as_ref().map(|program| program.path.display().to_string()),
            digest: found.and_then(|program| digests.of(&program).ok()),
        }
    };
    footing.programs.iter().map(planned).collect()
}

/// The toolchains of `footing`. Their files are told by name, size and time: there are too many to be read.
pub fn planned_toolchains(footing: &Footing) -> Vec<PlannedToolchain> {
    let planned = |(name, folders): &(String, Vec<PathBuf>)| PlannedToolchain {
        name: name.clone(),
        folders: folders.iter().map(|folder| folder.display().to_string()).collect(),
        digest: Digest::of(lines(folders)),
    };
    footing.toolchains.iter().map(planned).collect()
}

/// A line for everything in `folders`, sorted.
fn lines(folders: &[PathBuf]) -> String {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = folders.to_vec();
    while let Some(path) = open.pop() {
        // what cannot be looked at is told as such, and so is where the end was not reached
        let Ok(facts) = fs::symlink_metadata(&path) else {
            found.push(format!("- {}", path.display()));
            continue;
        };
        if found.len() >= MAX_ENTRIES {
            found.push(format!("… {}", path.display()));
            break;
        }
        let (size, time) =
            if facts.is_dir() { (0, (0, 0)) } else { (facts.len(), (facts.mtime(), facts.mtime_nsec())) };
        found.push(format!("{:o} {size} {}.{:09} {}", facts.mode(), time.0, time.1, path.display()));
        if facts.is_dir() {
            open.extend(fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()));
        }
    }
    found.sort_unstable();
    found.join("\n")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn another_program_and_another_file_of_a_toolchain_show() {
        let place = tempfile::tempdir().unwrap();
        let (bin, lib) = (place.path().join("bin"), place.path().join("lib"));
        fs::create_dir_all(lib.join("deep")).unwrap();
        fs::create_dir(&bin).unwrap();
        let write = |path: &Path, text: &str| {
            fs::write(path, text).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        };
        write(&bin.join("tool"), "#!/bin/sh\n");
        write(&lib.join("deep/a"), "1");
        let footing = Footing {
            programs: ["tool".to_owned(), "none".to_owned()].into(),
            search: vec![bin.clone()],
            toolchains: vec![("mine".to_owned(), vec![lib.clone()]), ("system".to_owned(), Vec::new())],
        };
        let programs = || planned_programs(&footing, Path::new("/nonexistent"));
        let first = programs();
        assert_eq!(first[0], PlannedProgram { name: "none".into(), path: None, digest: None });
        assert_eq!(first[1].digest, Some(Digest::of("#!/bin/sh\n")));
        write(&bin.join("tool"), "#!/bin/sh\n#\n");
        assert_ne!(programs()[1], first[1]);

        let before = planned_toolchains(&footing);
        assert_eq!(planned_toolchains(&footing), before);
        assert_eq!(before[1].digest, Digest::of(""));
        write(&lib.join("deep/a"), "12");
        let after = planned_toolchains(&footing);
        assert_ne!(after[0], before[0]);
        assert_eq!(after[1], before[1]);
    }
}
