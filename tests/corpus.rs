//! The inputs that the fuzzer's corpus keeps, through the functions that it calls: none of them panics, and what each
//! function holds beyond that still holds. `fuzz/README.md` tells how they are found.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test reads its own files, and stops where it is wrong"
)]

#[path = "../fuzz/src/lib.rs"]
mod targets;

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

/// Every target has at least so many kept inputs, and at most so many.
const KEPT: std::ops::RangeInclusive<usize> = 10..=80;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn every_kept_input_does_what_its_target_holds() {
    let mut broken = Vec::new();
    for (name, target) in targets::TARGETS {
        let folder = fuzz().join("corpus").join(name);
        let inputs = names_in(&folder);
        if !KEPT.contains(&inputs.len()) {
            broken.push(format!("fuzz/corpus/{name}: {} inputs", inputs.len()));
        }
        for input in inputs {
            let bytes = fs::read(folder.join(&input)).unwrap();
            if catch_unwind(|| target(&bytes)).is_err() {
                broken.push(format!("fuzz/corpus/{name}/{input}"));
            }
        }
    }
    assert!(broken.is_empty(), "these break their targets, or are too few or too many: {broken:#?}");
}

#[test]
fn targets_programs_script_and_corpus_are_one_list() {
    let mut known: Vec<&str> = targets::TARGETS.iter().map(|(name, _)| *name).collect();
    let script = fs::read_to_string(fuzz().join("run")).unwrap();
    let listed = script.lines().find_map(|line| line.strip_prefix("targets=(")?.strip_suffix(')')).unwrap();
    assert_eq!(listed.split(' ').collect::<Vec<_>>(), known, "fuzz/run");
    known.sort_unstable();
    assert_eq!(names_in(&fuzz().join("corpus")), known, "fuzz/corpus");
    let programs: Vec<String> = known.iter().map(|name| format!("{name}.rs")).collect();
    assert_eq!(names_in(&fuzz().join("fuzz_targets")), programs, "fuzz/fuzz_targets");
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for name in known {
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "fuzz/Cargo.toml: {name}");
        let program = fs::read_to_string(fuzz().join("fuzz_targets").join(format!("{name}.rs"))).unwrap();
        assert!(program.contains(&format!("lgflow_fuzz::{name}(bytes)")), "fuzz/fuzz_targets/{name}.rs");
    }
}
