//! Workspaces with things in them that no command may see.

#![expect(clippy::disallowed_methods, reason = "a test makes its own files")]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::files::Root;
use crate::policy::{GitSight, PathRules};

use super::masks::{MaskMemory, MaskRules, Masks};

fn make(files: &[&str]) -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    for file in files {
        let path = place.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, *file).unwrap();
    }
    place
}

fn find_by(memory: &mut MaskMemory, place: &Path, read: &PathRules, git: GitSight) -> Masks {
    let own = ["state".to_owned()];
    memory.find(&Root::open(place).unwrap(), MaskRules { read, git, own: &own }).unwrap()
}

fn find(place: &Path, read: &PathRules) -> Masks {
    find_by(&mut MaskMemory::default(), place, read, GitSight::Hidden)
}

fn paths(found: &[PathBuf]) -> Vec<&str> {
    found.iter().map(|path| path.to_str().unwrap()).collect()
}

fn open_but(deny: &[&str]) -> PathRules {
    PathRules::of_globs(&["**"], &[], deny)
}

#[test]
fn what_is_denied_is_found_wherever_it_is_and_however_it_is_spelt() {
    let place = make(&[
        ".env",
        "a/b/.ENV",
        "a/b/ok",
        "node_modules/x/.npmrc",
        "sub/.git",
        ".git/config",
        ".lg/policy.yaml",
        ".lg/runs/x",
        "state/db",
        "secret/deep/file",
        "keys/id_RSA.pub",
        "src/main.rs",
    ]);
    symlink(".env", place.path().join("link")).unwrap();
    let masks = find(place.path(), &open_but(&["secret"]));
    assert_eq!(
        paths(&masks.hidden),
        [
            ".env",
            ".git",
            ".lg/runs",
            "a/b/.ENV",
            "keys/id_RSA.pub",
            "node_modules/x/.npmrc",
            "secret",
            "state",
            "sub/.git"
        ]
    );
    assert_eq!(masks.shown, None);
}

#[test]
fn the_git_folder_is_seen_where_it_is_granted_and_no_layer_denies_it() {
    let place = make(&[".git/config", ".env"]);
    let mut memory = MaskMemory::default();
    let hidden = |masks: Masks| masks.hidden.len();
    assert_eq!(hidden(find_by(&mut memory, place.path(), &open_but(&[]), GitSight::Hidden)), 2);
    assert_eq!(hidden(find_by(&mut memory, place.path(), &open_but(&[]), GitSight::Read)), 1);
    assert_eq!(hidden(find_by(&mut memory, place.path(), &open_but(&["**/.git"]), GitSight::Read)), 2);
}

#[test]
fn a_question_before_reading_hides_as_well() {
    let place = make(&["ask/me", "plain"]);
    let masks = find(place.path(), &PathRules::of_globs(&["**"], &["ask"], &[]));
    assert_eq!(paths(&masks.hidden), ["ask"]);
}

#[test]
fn further_names_of_a_hidden_file_are_hidden() {
    let place = make(&[".env", "notes/x", "vault/inner/key.txt", "plain"]);
    let at = |path: &str| place.path().join(path);
    fs::hard_link(at(".env"), at("notes/twin")).unwrap();
    fs::hard_link(at("vault/inner/key.txt"), at("copy.txt")).unwrap();
    fs::hard_link(at("plain"), at("plain twin")).unwrap();
    let masks = find(place.path(), &open_but(&["vault"]));
    assert_eq!(paths(&masks.hidden), [".env", "copy.txt", "notes/twin", "vault"]);
}

#[test]
fn names_that_are_no_text_are_matched_as_far_as_they_are() {
    let place = make(&["plain"]);
    for name in [&b".env\xff"[..], b"line\nbreak.pem", b"q\"u:o,te\\.key"] {
        fs::write(place.path().join(OsStr::from_bytes(name)), "x").unwrap();
    }
    fs::create_dir(place.path().join(OsStr::from_bytes(b"\xfffolder"))).unwrap();
    fs::write(place.path().join(OsStr::from_bytes(b"\xfffolder/.env")), "x").unwrap();
    let found: Vec<Vec<u8>> = find(place.path(), &open_but(&[]))
        .hidden
        .iter()
        .map(|path| path.as_os_str().as_bytes().to_vec())
        .collect();
    assert_eq!(found, [&b".env\xff"[..], b"line\nbreak.pem", b"q\"u:o,te\\.key", b"\xfffolder/.env"]);
}

#[test]
fn where_only_parts_may_be_read_the_parts_are_named() {
    let place =
        make(&["src/a.rs", "src/.env", "Cargo.toml", "docs/a.md", "docs/deep/b.md", "x/src/y", "other"]);
    let masks = find(place.path(), &PathRules::of_globs(&["src/**", "*.toml", "docs/*.md"], &[], &[]));
    assert_eq!(paths(masks.shown.as_ref().unwrap()), ["Cargo.toml", "docs/a.md", "src"]);
    assert_eq!(paths(&masks.hidden), ["src/.env"]);
    let nothing = find(place.path(), &PathRules::default());
    assert_eq!(nothing.shown, Some(Vec::new()));
}

#[test]
fn a_twin_of_a_hidden_file_is_not_shown_as_a_part() {
    let place = make(&["src/.env", "a.toml"]);
    fs::hard_link(place.path().join("src/.env"), place.path().join("twin.toml")).unwrap();
    let masks = find(place.path(), &PathRules::of_globs(&["src/**", "*.toml"], &[], &[]));
    assert_eq!(paths(masks.shown.as_ref().unwrap()), ["a.toml", "src"]);
}

#[test]
fn what_is_remembered_is_looked_at_again_where_something_changed() {
    let place = make(&["a/x", "b/y"]);
    let rules = open_but(&[]);
    let mut memory = MaskMemory::default();
    let mut look = || {
        let masks = find_by(&mut memory, place.path(), &rules, GitSight::Hidden);
        paths(&masks.hidden).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(look().is_empty());
    fs::write(place.path().join("a/.env"), "x").unwrap();
    assert_eq!(look(), ["a/.env"], "folders that have just changed are not trusted");
    fs::rename(place.path().join("a/.env"), place.path().join("b/.env")).unwrap();
    assert_eq!(look(), ["b/.env"]);
    fs::create_dir_all(place.path().join("new/deep")).unwrap();
    fs::write(place.path().join("new/deep/x.pem"), "x").unwrap();
    assert_eq!(look(), ["b/.env", "new/deep/x.pem"]);
    fs::remove_dir_all(place.path().join("new")).unwrap();
    assert_eq!(look(), ["b/.env"]);
}

#[test]
fn thousands_of_matches_are_found_in_one_walk() {
    let place = tempfile::tempdir().unwrap();
    for folder in 0..50 {
        let folder = place.path().join(format!("d{folder}"));
        fs::create_dir(&folder).unwrap();
        for file in 0..100 {
            fs::write(folder.join(format!("{file}.env")), "x").unwrap();
        }
    }
    assert_eq!(find(place.path(), &open_but(&[])).hidden.len(), 5000);
}
