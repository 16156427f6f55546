//! Changing, comparing and taking back through the tools, under rules.

#![expect(clippy::disallowed_methods, reason = "tests build the files and the repository that they need")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::{Value, json};

use crate::digest::Digest;
use crate::effect::{ErrorKind, ToolCall, ToolResult};
use crate::files::Root;
use crate::policy::{GrantLimits, Granted, NetworkRules, Obligations, PathRules};
use crate::runner::{Cancel, CommandMemory, ToolWorld, execute};

pub(super) struct Bench {
    folder: tempfile::TempDir,
    pub(super) world: ToolWorld,
    pub(super) obligations: Obligations,
}

impl Bench {
    pub(super) fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        for name in ["work", "state"] {
            fs::create_dir(path.join(name)).unwrap();
        }
        for (name, text) in files {
            fs::create_dir_all(path.join("work").join(name).parent().unwrap()).unwrap();
            fs::write(path.join("work").join(name), text).unwrap();
        }
        let world = ToolWorld {
            root: Root::open(&path.join("work")).unwrap(),
            root_path: path.join("work"),
            state: Root::open(&path.join("state")).unwrap(),
            protected: Vec::new(),
            memory: CommandMemory::default(),
            redaction: std::sync::Arc::default(),
            outside: crate::runner::Outside::default(),
            room: crate::runner::Room::default(),
        };
        let obligations = Obligations {
            read: PathRules::of_globs(&["**"], &[], &[".env"]),
            write: PathRules::of_globs(&["**"], &["Cargo.toml"], &["locked/**"]),
            binary: PathRules::of_globs(&[], &[], &[]),
            limits: GrantLimits { patch_bytes: Some(2000), patch_files: Some(3), read_bytes: None },
            network: NetworkRules::default(),
            exec: None,
            approved: None,
            rules: Vec::new(),
        };
        Self { folder, world, obligations }
    }

    pub(super) fn git(&self, args: &[&str]) {
        let done = Command::new("git")
            .current_dir(self.work(""))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("HOME", "/nonexistent")
            .args(["-c", "user.name=t", "-c", "user.email=t@example.com"])
            .args(args)
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
    }

    pub(super) fn work(&self, path: &str) -> PathBuf {
        self.folder.path().join("work").join(path)
    }

    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.work(path)).unwrap()
    }

    pub(super) fn call(&self, node: &str, tool: &str, input: Value) -> ToolResult {
        self.call_at(node, "", tool, input)
    }

    /// The same from a certain execution: `key` tells iterations, items and attempts.
    fn call_at(&self, node: &str, key: &str, tool: &str, input: Value) -> ToolResult {
        let call = ToolCall {
            run: "r".into(),
            node: node.into(),
            idempotency_key: key.into(),
            ..ToolCall::new(tool, input)
        };
        execute(&Granted::by_hand(call, self.obligations.clone()), &self.world, &Cancel::default())
    }

    fn put(&self, node: &str, path: &str, content: &str) -> ToolResult {
        self.call(
            node,
            "apply_patch",
            json!({ "changes": [{ "op": "put", "path": path, "content": content }] }),
        )
    }
}

pub(super) fn kind(result: &ToolResult) -> ErrorKind {
    result.error.as_ref().unwrap_or_else(|| panic!("{result:?}")).kind.clone()
}

#[test]
fn rules_are_asked_about_every_path_and_denials_name_their_line() {
    let bench =
        Bench::new(&[("a", "1\n"), (".env", "SECRET=1\n"), ("Cargo.toml", "x\n"), ("locked/x", "x\n")]);
    assert!(bench.put("n", "a", "2\n").ok);
    let denied = bench.put("n", "locked/x", "y\n");
    assert_eq!(kind(&denied), ErrorKind::Denied);
    let rule = denied.error.unwrap().rule.unwrap();
    assert_eq!((rule.rule.as_str(), rule.file.as_str(), rule.line), ("paths.deny", "test.yaml", 1));
    assert_eq!(kind(&bench.put("n", "Cargo.toml", "y\n")), ErrorKind::ApprovalRequired);
    for changes in [
        json!([{ "op": "rename", "path": "a", "to": "locked/a" }]),
        json!([{ "op": "rename", "path": "locked/x", "to": "b" }]),
        json!([{ "op": "put", "path": "Cargo.toml", "content": "" }, { "op": "delete", "path": "locked/x" }]),
        // the inverse would tell what a file holds that may not be read
        json!([{ "op": "delete", "path": ".env" }]),
    ] {
        assert_eq!(
            kind(&bench.call("n", "apply_patch", json!({ "changes": changes }))),
            ErrorKind::Denied,
            "{changes}"
        );
    }
    let copy = "diff --git a/.env b/copy\ncopy from .env\ncopy to copy\n";
    assert_eq!(kind(&bench.call("n", "apply_patch", json!({ "patch": copy }))), ErrorKind::Denied);
    assert!(!bench.work("copy").exists());
    assert_eq!(bench.text(".env"), "SECRET=1\n");
}

#[test]
fn limits_preimages_and_dry_runs_hold() {
    let bench = Bench::new(&[("a", "1\n")]);
    let large = bench.put("n", "a", &"x".repeat(2001));
    assert_eq!(
        (kind(&large), large.error.unwrap().limit.as_deref()),
        (ErrorKind::Limit, Some("patch_bytes"))
    );
    let many: Vec<Value> =
        (0..4).map(|i| json!({ "op": "add", "path": format!("f{i}"), "content": "" })).collect();
    let many = bench.call("n", "apply_patch", json!({ "changes": many }));
    assert_eq!((kind(&many), many.error.unwrap().limit.as_deref()), (ErrorKind::Limit, Some("patch_files")));
    let with = |expect: Value, dry_run: bool| {
        let changes = json!([{ "op": "put", "path": "a", "content": "2\n" }]);
        bench.call("n", "apply_patch", json!({ "changes": changes, "expect": expect, "dry_run": dry_run }))
    };
    assert_eq!(kind(&with(json!({ "a": Digest::of("other") }), false)), ErrorKind::Conflict);
    assert_eq!(kind(&with(json!({ "a": null }), false)), ErrorKind::Conflict);
    let dry = with(json!({ "a": Digest::of("1\n") }), true);
    assert!(dry.ok && bench.text("a") == "1\n");
    let real = with(json!({ "a": Digest::of("1\n") }), false);
    assert_eq!((real.output, bench.text("a").as_str()), (dry.output, "2\n"));
}

#[test]
fn a_run_is_compared_and_taken_back_to_a_node_and_to_its_start() {
    let bench = Bench::new(&[("a", "1\n"), ("b", "1\n")]);
    bench.put("first", "a", "2\n");
    bench.put("second", "new/c", "c\n");
    bench.put("second", "a", "3\n");
    let diff = bench.call("n", "workspace_diff", json!({}));
    assert_eq!(
        diff.output["patch"],
        "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-1\n+3\n\
         diff --git a/new/c b/new/c\nnew file mode 100644\n--- /dev/null\n+++ b/new/c\n@@ -0,0 +1 @@\n+c\n"
    );
    assert_eq!(kind(&bench.call("n", "rollback", json!({ "to": "unknown" }))), ErrorKind::InvalidInput);
    let back = bench.call("n", "rollback", json!({ "to": "second" }));
    assert!(back.ok, "{back:?}");
    assert_eq!((bench.text("a").as_str(), bench.work("new").exists()), ("2\n", false));
    assert!(bench.call("n", "rollback", json!({ "to": "start" })).ok);
    assert_eq!(bench.text("a"), "1\n");
    assert_eq!(bench.call("n", "workspace_diff", json!({})).output, json!({ "patch": "", "files": [] }));
    assert!(bench.call("n", "rollback", json!({ "to": "start" })).ok, "nothing is left to take back");
}

#[test]
fn a_rollback_in_a_subgraph_takes_back_nothing_of_a_node_of_the_same_name_elsewhere() {
    let bench = Bench::new(&[("keep", "1\n")]);
    let put = |node: &str, key: &str, path: &str| {
        let changes = json!([{ "op": "put", "path": path, "content": format!("{key}\n") }]);
        assert!(bench.call_at(node, key, "apply_patch", json!({ "changes": changes })).ok);
    };
    let back = |node: &str, key: &str, to: &str| bench.call_at(node, key, "rollback", json!({ "to": to }));
    let stand = || ["keep", "q", "y", "z", "u"].map(|path| bench.work(path).exists());
    // the caller's own `w`, an earlier item's and an earlier attempt's
    put("w", "r/w!1", "q");
    put("s/w", "r/s[0]!1/w!1", "y");
    put("s/w", "r/s[1]!1/w!1", "z");
    put("s/w", "r/s[1]!2/w#1!1", "u");
    let done = back("s/undo", "r/s[1]!2/undo!1", "w");
    assert!(done.ok, "{done:?}");
    assert_eq!(stand(), [true, true, true, true, false]);
    let nothing = back("s/undo", "r/s[1]!2/undo!2", "w").error.unwrap();
    assert_eq!(
        (nothing.kind, nothing.message.as_str()),
        (
            ErrorKind::InvalidInput,
            "`w` has changed nothing in this execution of `s` that still stands; no node has"
        )
    );
    // from around, what is done inside of a graph node is that node's
    assert!(back("undo", "r/undo!1/0", "s").ok);
    assert_eq!(stand(), [true, true, false, false, false]);
    let unknown = back("undo", "r/undo!2", "s").error.unwrap();
    assert_eq!(unknown.message, "`s` has changed nothing in this run that still stands; these have: w");
    // the start is the run's
    put("s/w", "r/s[0]!3/w!1", "z");
    assert!(back("s/undo", "r/s[0]!3/undo!1", "start").ok);
    assert_eq!(stand(), [true, false, false, false, false]);
}

#[test]
fn a_workspace_that_has_moved_on_is_not_taken_back() {
    let bench = Bench::new(&[("a", "1\n"), ("b", "1\n")]);
    bench.put("n", "a", "2\n");
    bench.put("n", "b", "2\n");
    fs::write(bench.work("b"), "mine\n").unwrap();
    let result = bench.call("n", "rollback", json!({ "to": "start" }));
    assert_eq!(kind(&result), ErrorKind::Conflict);
    assert!(result.error.unwrap().message.contains("`b`"));
    assert_eq!((bench.text("a").as_str(), bench.text("b").as_str()), ("2\n", "mine\n"));
    // a file that somebody has put back already stands in nobody's way
    fs::write(bench.work("b"), "1\n").unwrap();
    let back = bench.call("n", "rollback", json!({ "to": "start" }));
    assert_eq!(back.output["files"].as_array().unwrap().len(), 1, "{back:?}");
    assert_eq!((bench.text("a").as_str(), bench.text("b").as_str()), ("1\n", "1\n"));
}

#[test]
fn a_revision_is_read_from_objects_without_running_git() {
    let bench = Bench::new(&[("a", "1\n"), ("gone", "x\n"), (".env", "SECRET\n"), ("bin", "a\0b")]);
    let git = |args: &[&str]| bench.git(args);
    git(&["init", "-q"]);
    git(&["add", "-A", "-f"]);
    git(&["commit", "-qm", "one"]);
    // what would run code, if git ran
    git(&["config", "core.fsmonitor", "touch ../ran; false"]);
    git(&["config", "diff.external", "touch ../ran; false"]);
    fs::write(bench.work("a"), "2\n").unwrap();
    fs::write(bench.work(".env"), "OTHER\n").unwrap();
    fs::write(bench.work("bin"), "a\0c").unwrap();
    fs::remove_file(bench.work("gone")).unwrap();
    let result = bench.call("n", "workspace_diff", json!({ "since": "HEAD" }));
    assert!(result.ok, "{result:?}");
    assert_eq!(
        result.output["patch"],
        "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-1\n+2\n\
         diff --git a/gone b/gone\ndeleted file mode 100644\n--- a/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n"
    );
    let files = result.output["files"].as_array().unwrap();
    assert_eq!(
        files.iter().map(|file| file["path"].as_str().unwrap()).collect::<Vec<_>>(),
        ["a", "bin", "gone"]
    );
    assert!(!bench.folder.path().join("ran").exists());
    for revision in ["no-such", "-x", "HEAD:a"] {
        let result = bench.call("n", "workspace_diff", json!({ "since": revision }));
        assert_eq!(kind(&result), ErrorKind::InvalidInput, "{revision}");
    }
    fs::write(bench.work(".git/objects/info/alternates"), "/elsewhere\n").unwrap();
    assert_eq!(kind(&bench.call("n", "workspace_diff", json!({ "since": "HEAD" }))), ErrorKind::Denied);
}

#[test]
fn a_diff_is_made_while_git_takes_folders_of_objects_away() {
    let bench = Bench::new(&[("a", "1\n")]);
    for arguments in [&["init", "-q"][..], &["add", "a"], &["commit", "-qm", "one"]] {
        bench.git(arguments);
    }
    fs::write(bench.work("a"), "2\n").unwrap();
    let (objects, over) = (bench.work(".git/objects"), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let folders: Vec<PathBuf> = (0..64).map(|at| objects.join(format!("x{at}"))).collect();
                for folder in &folders {
                    fs::create_dir(folder).unwrap();
                }
                for folder in &folders {
                    fs::remove_dir(folder).unwrap();
                }
            }
        });
        let diffs = (0..100).map(|_| bench.call("n", "workspace_diff", json!({ "since": "HEAD" })));
        let failed = diffs.filter(|result| !result.ok).map(|result| result.error).collect::<Vec<_>>();
        over.store(true, Ordering::Relaxed);
        assert_eq!(failed, []);
    });
}

#[test]
fn an_empty_patch_changes_nothing_and_blank_ones_are_refused() {
    let bench = Bench::new(&[("a", "1\n")]);
    let nothing = bench.call("n", "apply_patch", json!({ "patch": "" }));
    assert!(nothing.ok, "{nothing:?}");
    assert_eq!(nothing.output, json!({ "files": [], "inverse": "" }));
    assert_eq!(bench.text("a"), "1\n");
    for blank in ["\n", " ", "no diff"] {
        assert_eq!(kind(&bench.call("n", "apply_patch", json!({ "patch": blank }))), ErrorKind::InvalidInput);
    }
}

#[test]
fn a_change_whose_result_could_not_be_told_is_not_made_and_one_that_takes_back_is() {
    // JSON makes six bytes of each
    let text = "\u{1}".repeat(11 << 20);
    let mut bench = Bench::new(&[("a", &text)]);
    bench.obligations.limits.patch_bytes = None;
    let delete = |path: &str| json!({ "changes": [{ "op": "delete", "path": path }] });
    let refused = bench.call("n", "apply_patch", delete("a"));
    let error = refused.error.unwrap();
    assert_eq!((&error.kind, error.limit.as_deref()), (&ErrorKind::Limit, Some("answer_bytes")), "{error:?}");
    assert!(error.message.contains("nothing was changed"), "{error:?}");
    assert_eq!(bench.text("a").len(), text.len());
    fs::remove_file(bench.work("a")).unwrap();
    for path in ["b", "c"] {
        assert!(bench.put("n", path, &text[..6 << 20]).ok);
    }
    let back = bench.call("back", "rollback", json!({ "to": "start" }));
    assert!(back.ok && back.truncated && back.output["inverse"] == "", "{:?}", back.error);
    assert_eq!(back.output["files"][0]["op"], "delete");
    assert!(!bench.work("b").exists() && !bench.work("c").exists());
}

#[test]
fn a_change_that_nobody_wants_any_more_is_not_made_and_hunks_far_from_their_lines_are_found() {
    let lines: Vec<String> = (0..60_000).map(|line| format!("line {line}\n")).collect();
    let mut bench = Bench::new(&[("a", &lines.concat())]);
    bench.obligations.limits.patch_bytes = None;
    let hunk = |at: usize| {
        let said = at + 300;
        format!("@@ -{said},3 +{said},3 @@\n {}-{}+new\n {}", lines[at], lines[at + 1], lines[at + 2])
    };
    let hunks: String = (0..1200).map(|number| hunk(500 + 40 * number)).collect();
    let input = json!({ "patch": format!("diff --git a/a b/a\n--- a/a\n+++ b/a\n{hunks}") });
    let call = |cancel: &Cancel| {
        let call =
            ToolCall { run: "r".into(), node: "n".into(), ..ToolCall::new("apply_patch", input.clone()) };
        execute(&Granted::by_hand(call, bench.obligations.clone()), &bench.world, cancel)
    };
    let cancelled = Cancel::default();
    cancelled.cancel();
    assert_eq!(kind(&call(&cancelled)), ErrorKind::Cancelled);
    let late = Cancel::at(Some(std::time::Instant::now()));
    assert_eq!(kind(&call(&late)), ErrorKind::Timeout);
    assert_eq!(bench.text("a"), lines.concat());
    let done = call(&Cancel::default());
    assert!(done.ok, "{:?}", done.error);
    assert_eq!(bench.text("a").matches("new\n").count(), 1200);
}

#[test]
fn references_in_a_form_that_is_not_read_are_named_as_that() {
    let bench = Bench::new(&[("a", "1\n")]);
    bench.git(&["init", "-q", "--ref-format=reftable"]);
    bench.git(&["add", "."]);
    bench.git(&["commit", "-q", "-m", "one"]);
    let refused = bench.call("n", "workspace_diff", json!({ "since": "HEAD" })).error.unwrap();
    assert_eq!(refused.kind, ErrorKind::InvalidInput, "{refused:?}");
    assert!(refused.message.contains("kept as `reftable`, which is not read"), "{refused:?}");
}
