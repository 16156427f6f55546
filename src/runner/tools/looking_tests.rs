//! What looks at the workspace. `workspace_diff` since a revision, on repositories in all the forms that git gives them,
//! beside what git itself says, and on those that would lead it to what is not the workspace's; and the bounds of all of it.

#![expect(clippy::disallowed_methods, reason = "tests build the repositories that they need, with git")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use serde_json::json;

use crate::effect::{ErrorKind, ToolCall, ToolResult};
use crate::files::Root;
use crate::policy::{GrantLimits, Granted, NetworkRules, Obligations, PathRules};
use crate::runner::{Cancel, CommandMemory, ToolWorld, execute};

/// A folder with repositories in it.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::create_dir(place.path("state")).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn git(&self, folder: &str, arguments: &[&str]) -> String {
        let done = Command::new("git")
            .current_dir(self.path(folder))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("HOME", "/nonexistent")
            .args(["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "protocol.file.allow=always"])
            .args(arguments)
            .output()
            .expect("this test needs `git`");
        assert!(done.status.success(), "{arguments:?}: {done:?}");
        String::from_utf8(done.stdout).unwrap()
    }

    /// A repository with two files and a commit.
    fn repository(&self, name: &str) {
        self.repository_of(name, "sha1");
    }

    /// The same, with objects that are named by `hash`.
    fn repository_of(&self, name: &str, hash: &str) {
        fs::create_dir_all(self.path(name)).unwrap();
        self.git(name, &["init", "-q", "-b", "main", &format!("--object-format={hash}")]);
        self.write(&format!("{name}/a"), "1\n");
        self.write(&format!("{name}/dir/b"), "b\n");
        self.git(name, &["add", "-A"]);
        self.git(name, &["commit", "-qm", "one"]);
    }

    fn call(&self, folder: &str, cancel: &Cancel, tool: &str, input: serde_json::Value) -> ToolResult {
        self.call_within(folder, GrantLimits::default(), cancel, tool, input)
    }

    fn call_within(
        &self,
        folder: &str,
        limits: GrantLimits,
        cancel: &Cancel,
        tool: &str,
        input: serde_json::Value,
    ) -> ToolResult {
        let path = self.path(folder);
        let world = ToolWorld {
            root: Root::open(&path).unwrap(),
            root_path: path,
            state: Root::open(&self.path("state")).unwrap(),
            protected: Vec::new(),
            memory: CommandMemory::default(),
            redaction: std::sync::Arc::default(),
            outside: crate::runner::Outside::default(),
            room: crate::runner::Room::default(),
        };
        let obligations = Obligations {
            read: PathRules::of_globs(&["**"], &[], &[]),
            write: PathRules::of_globs(&["**"], &[], &[]),
            binary: PathRules::of_globs(&[], &[], &[]),
            limits,
            exec: None,
            network: NetworkRules::default(),
            approved: None,
            rules: Vec::new(),
        };
        execute(&Granted::by_hand(ToolCall::new(tool, input), obligations), &world, cancel)
    }

    fn diff(&self, folder: &str) -> ToolResult {
        self.call(folder, &Cancel::default(), "workspace_diff", json!({ "since": "HEAD" }))
    }

    /// What git itself says, with the files that it does not follow yet.
    fn as_git(&self, folder: &str) -> String {
        self.git(folder, &["add", "-AN", "."]);
        let said =
            self.git(folder, &["diff", "--no-ext-diff", "--no-renames", "--ignore-submodules", "HEAD"]);
        let lines = said.lines().filter(|line| !line.starts_with("index "));
        lines.fold(String::new(), |all, line| all + line + "\n")
    }

    fn is_told_as_by_git(&self, folder: &str) {
        let told = self.diff(folder);
        assert!(told.ok, "{folder}: {:?}", told.error);
        assert_eq!(told.output["patch"], self.as_git(folder), "{folder}");
    }

    fn is_refused(&self, folder: &str, words: &str) {
        let told = self.diff(folder);
        let error = told.error.unwrap_or_else(|| panic!("{folder}: {}", told.output));
        assert_eq!(error.kind, ErrorKind::Denied, "{folder}: {}", error.message);
        assert!(error.message.contains(words), "{folder}: {}", error.message);
    }
}

#[test]
fn a_repository_of_sha_256_is_told_of_as_one_of_sha_1() {
    let place = Place::new();
    place.repository_of("work", "sha256");
    change(&place, "work");
    place.is_told_as_by_git("work");
    place.git("work", &["gc", "-q", "--aggressive", "--prune=now"]);
    place.is_told_as_by_git("work");
}

fn change(place: &Place, folder: &str) {
    place.write(&format!("{folder}/a"), "2\n");
    place.write(&format!("{folder}/new/c"), "c\n");
    fs::remove_file(place.path(&format!("{folder}/dir/b"))).unwrap();
}

#[test]
fn objects_are_read_loose_and_packed_and_packed_references_as_well() {
    let place = Place::new();
    place.repository("work");
    for turn in 0..40 {
        let lines: Vec<String> = (0..200).map(|line| format!("line {}", (line * 7 + turn) % 1000)).collect();
        let text = lines.join("\n") + "\n";
        place.write("work/large", &text);
        place.git("work", &["add", "-A"]);
        place.git("work", &["commit", "-qm", &format!("turn {turn}")]);
    }
    change(&place, "work");
    place.is_told_as_by_git("work");
    // objects become differences to others in a pack
    place.git("work", &["gc", "-q", "--aggressive", "--prune=now"]);
    let packs = fs::read_dir(place.path("work/.git/objects/pack")).unwrap().count();
    assert!(packs >= 2 && !place.path("work/.git/refs/heads/main").exists());
    place.is_told_as_by_git("work");
    let earlier = place.call("work", &Cancel::default(), "workspace_diff", json!({ "since": "main~20" }));
    assert!(earlier.ok && earlier.output["patch"].as_str().unwrap().contains("+++ b/large"), "{earlier:?}");
}

#[test]
fn a_linked_work_tree_is_read_where_its_repository_names_it() {
    let place = Place::new();
    place.repository("main");
    place.git("main", &["worktree", "add", "-q", "-b", "side", "../side"]);
    change(&place, "side");
    place.is_told_as_by_git("side");
    place.is_told_as_by_git("main");
    // a workspace that only says of itself to be one
    place.write("stranger/a", "mine\n");
    fs::copy(place.path("side/.git"), place.path("stranger/.git")).unwrap();
    place.is_refused("stranger", "does not name the workspace");
    // and one that says so of another repository
    place.write("thief/a", "mine\n");
    place.write("thief/.git", &format!("gitdir: {}\n", place.path("main/.git").display()));
    place.is_refused("thief", "does not name the workspace");
    place.write("thief/.git", "gitdir: /nonexistent\n");
    place.is_refused("thief", "that folder is not there");
    place.write("thief/.git", "no folder\n");
    place.is_refused("thief", "names no folder of git");
}

#[test]
fn a_git_folder_that_came_with_the_workspace_leads_nowhere() {
    let place = Place::new();
    place.repository("private");
    // all that a linked work tree's folder has, in the workspace itself
    place.write("work/x/HEAD", "ref: refs/heads/main\n");
    place.write("work/x/commondir", &format!("{}\n", place.path("private/.git").display()));
    place.write("work/x/gitdir", &format!("{}\n", place.path("work/.git").display()));
    place.write("work/.git", "gitdir: x\n");
    place.is_refused("work", "names a folder of the workspace");
    // as a folder
    fs::remove_file(place.path("work/.git")).unwrap();
    fs::rename(place.path("work/x"), place.path("work/.git")).unwrap();
    place.is_refused("work", "commondir");
    // or as a link
    fs::remove_dir_all(place.path("work/.git")).unwrap();
    symlink(place.path("private/.git"), place.path("work/.git")).unwrap();
    place.is_refused("work", "neither a folder nor a file");
}

#[test]
fn a_submodule_is_a_repository_of_its_own_from_inside_and_from_outside() {
    let place = Place::new();
    place.repository("lib");
    place.repository("work");
    place.git("work", &["submodule", "add", "-q", "../lib", "deps/lib"]);
    place.git("work", &["commit", "-qm", "with a submodule"]);
    place.write("work/deps/lib/a", "changed\n");
    place.write("work/a", "2\n");
    // not followed by anybody, and a repository
    place.repository("work/nested");
    let told = place.diff("work");
    assert!(told.ok, "{told:?}");
    assert_eq!(told.output["patch"], "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-1\n+2\n");
    let notes = "`deps/lib` is a repository of its own, and was not compared\n\
                 `nested` is a repository of its own, and was not compared\n";
    assert_eq!(told.stderr, notes);
    // as a workspace, its objects lie in the folder of the repository around it
    assert!(place.path("work/deps/lib/.git").is_file());
    place.is_told_as_by_git("work/deps/lib");
    fs::rename(place.path("work/deps/lib"), place.path("moved")).unwrap();
    place.is_refused("moved", "that folder is not there");
}

#[test]
fn alternates_are_read_within_the_workspace_and_nowhere_else() {
    let place = Place::new();
    place.repository("work/inner");
    place.git("work", &["clone", "-q", "--shared", "inner", "outer"]);
    let alternates = "work/outer/.git/objects/info/alternates";
    change(&place, "work/outer");
    // as git writes it, absolute; and outside of this workspace
    place.is_refused("work/outer", "leads to objects outside the workspace");
    place.write(alternates, "../../../inner/.git/objects\n");
    place.is_refused("work/outer", "leads to objects outside the workspace");

    place.repository("whole");
    place.git("whole", &["clone", "-q", "--bare", ".", "store"]);
    let object = place.git("whole", &["rev-parse", "HEAD^{tree}"]);
    let object = object.trim();
    fs::remove_file(place.path(&format!("whole/.git/objects/{}/{}", &object[..2], &object[2..]))).unwrap();
    place.write("whole/.git/objects/info/alternates", "# further ones\n../../store/objects\n");
    change(&place, "whole");
    place.write("whole/.gitignore", "store\n");
    place.is_told_as_by_git("whole");

    place.repository("private");
    symlink(place.path("private"), place.path("whole/link")).unwrap();
    for line in [
        "../../link/.git/objects",
        "../../dir/../link/.git/objects",
        "../../../private/.git/objects",
        "\"../../store/objects\"",
        place.path("private/.git/objects").to_str().unwrap(),
        &"x".repeat(9000),
    ] {
        place.write("whole/.git/objects/info/alternates", &format!("{line}\n"));
        let told = place.diff("whole");
        assert_eq!(told.error.unwrap().kind, ErrorKind::Denied, "{line}");
    }
    // and of those that are within, what they name in turn
    place.write("whole/.git/objects/info/alternates", "../../store/objects\n");
    place.write("whole/store/objects/info/alternates", "../../../private/.git/objects\n");
    place.is_refused("whole", "`store/objects/info/alternates` leads to objects outside the workspace");
}

#[test]
fn what_looks_at_many_files_ends_when_its_time_is_over_or_nobody_wants_it() {
    let place = Place::new();
    place.repository("work");
    let late = Cancel::at(Some(Instant::now()));
    let unwanted = Cancel::default();
    unwanted.cancel();
    for (tool, input) in [
        ("workspace_diff", json!({ "since": "HEAD" })),
        ("search_files", json!({ "pattern": "1" })),
        ("list_files", json!({ "recursive": true })),
        ("repo_context", json!({})),
    ] {
        let in_time = place.call("work", &Cancel::default(), tool, input.clone());
        assert!(in_time.ok, "{tool}: {in_time:?}");
        for (cancel, kind) in [(&late, ErrorKind::Timeout), (&unwanted, ErrorKind::Cancelled)] {
            let told = place.call("work", cancel, tool, input.clone());
            assert_eq!(told.error.map(|error| error.kind), Some(kind), "{tool}");
        }
    }
}

#[test]
fn no_more_is_read_than_the_policy_grants() {
    let place = Place::new();
    place.write("work/just", &"x".repeat(1000));
    place.write("work/more", &"x".repeat(1001));
    let limits = || GrantLimits { read_bytes: Some(1000), ..GrantLimits::default() };
    let call = |tool: &str, input| place.call_within("work", limits(), &Cancel::default(), tool, input);
    assert_eq!(call("read_file", json!({ "path": "just" })).output["bytes"], 1000);
    // also where little of it is wanted
    let refused = call("read_file", json!({ "path": "more", "range": { "end": 1 } })).error.unwrap();
    assert_eq!((refused.kind, refused.limit.as_deref()), (ErrorKind::Limit, Some("read_bytes")));
    place.write("work/lines", &format!("{}\n", "stone".repeat(20)).repeat(15));
    let found = call("search_files", json!({ "pattern": "stone" }));
    assert_eq!(found.output["matches"].as_array().unwrap().len(), 10);
    assert!(found.ok && found.truncated);
}

#[test]
fn a_path_is_no_place_to_look_for_a_repository_above() {
    // a folder within a repository is not one
    let place = Place::new();
    place.repository("work");
    let told = place.diff("work/dir");
    assert_eq!(told.error.unwrap().kind, ErrorKind::InvalidInput);
}

#[test]
fn lines_between_near_matches_are_told_with_each_of_them_as_often_as_each_wants_them() {
    let place = Place::new();
    place.write("work/f", "1\n2\nfoo\n4\nfoo\n6\n7\n8\nfoo\n10\n");
    let call = |input| place.call("work", &Cancel::default(), "search_files", input);
    for context in [1, 2, 3, 20] {
        let found = call(json!({ "pattern": "foo", "context": context }));
        let lines = ["1", "2", "foo", "4", "foo", "6", "7", "8", "foo", "10"];
        for (found, at) in found.output["matches"].as_array().unwrap().iter().zip([2_usize, 4, 8]) {
            let before = &lines[at.saturating_sub(context)..at];
            let after = &lines[at + 1..(at + 1 + context).min(lines.len())];
            assert_eq!((&found["before"], &found["after"]), (&json!(before), &json!(after)), "{context}");
        }
    }
    // the last one that is told has all of its lines, also where the next match is among them
    let cut = call(json!({ "pattern": "foo", "context": 3, "max": 1 }));
    assert!(cut.truncated);
    assert_eq!(cut.output["matches"][0]["after"], json!(["4", "foo", "6"]));
    // what stands around counts as what is told
    let limits = GrantLimits { read_bytes: Some(9), ..GrantLimits::default() };
    let input = json!({ "pattern": "foo", "context": 20 });
    let bounded = place.call_within("work", limits, &Cancel::default(), "search_files", input);
    assert!(bounded.truncated);
    assert_eq!(bounded.output["matches"].as_array().unwrap().len(), 1);
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_line() {
    let place = Place::new();
    place.write("work/marked", "\u{feff}foo\nfoo \u{feff}\n");
    place.write("work/only", "\u{feff}");
    place.write("work/short", "fo");
    let found = place.call("work", &Cancel::default(), "search_files", json!({ "pattern": "^fo" }));
    let told = [("marked", 1, "foo"), ("marked", 2, "foo \u{feff}"), ("short", 1, "fo")];
    let told =
        told.map(|(path, line, text)| json!({ "path": path, "line": line, "column": 1, "text": text }));
    assert_eq!(found.output["matches"], json!(told));
}

#[test]
fn what_cannot_be_searched_is_refused_with_what_it_is() {
    let place = Place::new();
    place.write("work/f", "x\n");
    for (tool, input, words) in [
        ("search_files", json!({ "pattern": "" }), "`pattern` is empty"),
        ("search_files", json!({ "pattern": "x", "path": "f" }), "`f` is a regular file"),
        ("list_files", json!({ "path": "f" }), "`f` is a regular file"),
    ] {
        let error = place.call("work", &Cancel::default(), tool, input).error.unwrap();
        assert_eq!(error.kind, ErrorKind::InvalidInput);
        assert!(error.message.contains(words), "{}", error.message);
    }
}
