//! Holds the house together: one list of verification steps in every script, and no file that a stranger would stumble over.

#![allow(
    clippy::disallowed_methods,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

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
