//! The crate as it is published: what is in its archive is enough for the program's main job, in a folder that is no
//! repository, and everything that the program embeds is in it.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod program;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lgflow::compile::shipped_files;
use program::{Ran, Workspace};

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Packs the crate, and unpacks it elsewhere.
fn unpacked(workspace: &Workspace) -> PathBuf {
    let packed = Command::new(env!("CARGO"))
        .args(["package", "--offline", "--no-verify", "--allow-dirty", "--quiet", "--target-dir"])
        .arg(workspace.outside().join("target"))
        .current_dir(here())
        .output()
        .unwrap();
    assert!(packed.status.success(), "{}", String::from_utf8_lossy(&packed.stderr));
    let name = concat!("lgflow-", env!("CARGO_PKG_VERSION"));
    let archive = workspace.outside().join("target/package").join(format!("{name}.crate"));
    let status = Command::new("tar").arg("xzf").arg(archive).current_dir(workspace.outside()).status();
    assert!(status.expect("this test needs `tar` in the PATH").success());
    workspace.outside().join(name)
}

#[test]
fn the_published_crate_is_whole_and_does_its_main_job() {
    let workspace = Workspace::new();
    let folder = unpacked(&workspace);
    for file in ["README.md", "LICENSE-MIT", "LICENSE-APACHE", "CHANGELOG.md", "src/main.rs", "Cargo.lock"] {
        assert!(folder.join(file).is_file(), "{file} is not in the archive");
    }
    for file in shipped_files() {
        assert!(folder.join("graphs").join(file).is_file(), "graphs/{file} is not in the archive");
    }
    let embedded = embedded(&here().join("src"));
    assert!(embedded.len() > 25, "only {} embedded files were found", embedded.len());
    for file in embedded {
        let within = file.strip_prefix(here()).unwrap();
        assert!(folder.join(within).is_file(), "{} is embedded and not in the archive", within.display());
    }

    let run =
        |arguments: &[&str]| Ran::from(workspace.command(arguments).current_dir(&folder).output().unwrap());
    let first = run(&["run", "summarize repo", "--trace"]).ended(0);
    assert!(
        first.stdout.starts_with("# lgflow\n") && first.stdout.contains("cargo package `lgflow`"),
        "{}",
        first.stdout
    );
    let second = run(&["run", "summarize repo", "--trace"]).ended(0);
    assert_eq!(first.stdout, second.stdout);
    let traces: Vec<PathBuf> = fs::read_dir(folder.join("artifacts/runs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "jsonl"))
        .collect();
    assert_eq!(traces.len(), 2);
    for trace in traces {
        let ran = run(&["trace", "verify", trace.to_str().unwrap()]).ended(0);
        assert!(ran.stdout.starts_with("consistent"), "{}", ran.stdout);
    }
}

/// The files that the sources embed: each string of an `include_str!` or `include_bytes!`, from its file.
fn embedded(folder: &Path) -> Vec<PathBuf> {
    let form = regex::Regex::new(r#"include_(?:str|bytes)!\(\s*(?:concat!\(\s*)?"([^"]+)"(\s*\))"#).unwrap();
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(embedded(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.extend(form.captures_iter(&text).map(|at| clean(&path.with_file_name(&at[1]))));
        }
    }
    found
}

/// The path without its `..`; one that leads nowhere is a pattern of a macro.
fn clean(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}
