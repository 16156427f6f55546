//! Holds the house together: one list of verification steps in every script, and no file that a stranger would stumble over.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use lgflow::compile::{shipped_files, shipped_graphs};

fn read(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The cargo commands of a text, whatever the shell around them.
fn steps(text: &str) -> Vec<String> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with(['#', ';']) && !line.starts_with("rem "))
        .filter_map(|line| line.find("cargo ").map(|at| line[at..].to_owned()))
        .map(|step| step.trim_end_matches("|| exit /b 1").replace("'--'", "--").trim().to_owned())
        .collect()
}

#[test]
fn the_three_scripts_and_the_workflow_have_one_list_of_steps() {
    let bash = steps(&read("scripts/dev.sh"));
    assert!(bash.len() >= 3 && bash.iter().any(|step| step.starts_with("cargo test")), "{bash:?}");
    assert_eq!(steps(&read("scripts/dev.ps1")), bash, "scripts/dev.ps1 differs from scripts/dev.sh");
    assert_eq!(steps(&read("scripts/dev.cmd")), bash, "scripts/dev.cmd differs from scripts/dev.sh");
    let workflow = steps(&read(".github/workflows/ci.yml"));
    for step in &bash {
        assert!(workflow.contains(step), ".github/workflows/ci.yml lacks `{step}`");
    }
}

#[test]
fn the_readme_names_the_test_command_that_ci_runs() {
    let readme = read("README.md");
    let ci = read(".ci/run");
    assert!(readme.contains("\ncargo test --locked\n"), "README.md has no line `cargo test --locked`");
    assert!(ci.lines().any(|line| line == "stage test cargo test --locked"), ".ci/run does not run it");
}

#[test]
fn a_batch_file_ends_its_lines_as_windows_wants() {
    let text = read("scripts/dev.cmd");
    assert!(text.lines().count() > 5 && text.matches("\r\n").count() == text.matches('\n').count());
}

#[test]
fn every_file_of_the_graphs_is_embedded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("graphs");
    let mut found = Vec::new();
    for sub in ["", "prompts"] {
        for entry in fs::read_dir(folder.join(sub)).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                let name = entry.file_name().into_string().unwrap();
                found.push(if sub.is_empty() { name } else { format!("{sub}/{name}") });
            }
        }
    }
    found.sort();
    assert_eq!(found, shipped_files().collect::<Vec<_>>());
    assert_eq!(shipped_graphs().collect::<Vec<_>>(), ["coding", "undo"]);
}

/// The packages of a lock file, by name: each version of it, and what lgflow itself needs.
fn locked(path: &str) -> (BTreeMap<String, BTreeSet<String>>, BTreeSet<String>) {
    let lock: toml::Table = read(path).parse().unwrap_or_else(|error| panic!("{path}: {error}"));
    let (mut versions, mut needs) = (BTreeMap::<_, BTreeSet<_>>::new(), BTreeSet::new());
    for package in lock["package"].as_array().unwrap() {
        let text = |key: &str| package[key].as_str().unwrap().to_owned();
        if text("name") == "lgflow" {
            // where a name has two versions, the one that is meant stands behind it
            let names = package["dependencies"].as_array().unwrap();
            needs = names
                .iter()
                .map(|need| need.as_str().unwrap().split(' ').next().unwrap().to_owned())
                .collect();
        }
        versions.entry(text("name")).or_default().insert(text("version"));
    }
    assert!(!needs.is_empty(), "{path} has no package lgflow");
    (versions, needs)
}

/// The packages that a feature turns on, by itself or by others.
fn turned_on(manifest: &toml::Table, feature: &str) -> BTreeSet<String> {
    let mut on = BTreeSet::new();
    for each in manifest["features"][feature].as_array().unwrap() {
        let each = each.as_str().unwrap();
        match each.strip_prefix("dep:") {
            Some(package) => _ = on.insert(package.to_owned()),
            None if each.contains('/') => {}
            None => on.extend(turned_on(manifest, each)),
        }
    }
    on
}

#[test]
fn what_is_fuzzed_is_built_of_the_packages_that_the_program_is_built_of() {
    let (program, needs) = locked("Cargo.lock");
    let (fuzzed, needs_there) = locked("fuzz/Cargo.lock");
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    // the lock of a dependency names no packages of its tests, and none of features that are off
    let off = |name: &String| {
        let optional = manifest["dependencies"].get(name).is_some_and(|need| need.get("optional").is_some());
        optional && !turned_on(&manifest, "default").contains(name)
    };
    let of_tests = manifest["dev-dependencies"].as_table().unwrap();
    let wanted: BTreeSet<String> =
        needs.into_iter().filter(|name| !of_tests.contains_key(name) && !off(name)).collect();
    let help = "run `cargo update --workspace` in fuzz/";
    assert_eq!(needs_there, wanted, "fuzz/Cargo.lock is not of this Cargo.toml; {help}");
    for (name, versions) in &fuzzed {
        let ours = program.get(name).unwrap_or(versions);
        assert!(
            versions.is_subset(ours),
            "fuzz/Cargo.lock has {name} {versions:?}, Cargo.lock {ours:?}; {help} with --precise"
        );
    }
}
