//! What is no text, through the tools: refused where no rule allows it, and where one does as whole as text is.

#![expect(clippy::disallowed_methods, reason = "tests build the files and the repository that they need")]

use std::fs;
use std::process::{Command, Stdio};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::digest::Digest;
use crate::effect::{ErrorKind, ToolResult};
use crate::policy::PathRules;
use crate::redact::{Redaction, Values};
use crate::runner::tools::prepare::prepare;

use super::change_tests::{Bench, kind};

const OLD: &[u8] = b"\x89PNG\r\n\0 what was there\xff";
const NEW: &[u8] = b"\x89PNG\r\n\0 what is new\xfe";

/// With rules that allow beneath `art`, ask beneath `art/asked`, and deny all else.
fn bench(rules: PathRules) -> Bench {
    let mut bench = Bench::new(&[("text", "one\n")]);
    fs::create_dir_all(bench.work("art/asked")).unwrap();
    for path in ["art/a.png", "art/asked/b.png", "c.png"] {
        fs::write(bench.work(path), OLD).unwrap();
    }
    bench.obligations.limits.patch_files = Some(10);
    bench.obligations.limits.patch_bytes = Some(20_000);
    bench.obligations.binary = rules;
    bench
}

fn open() -> Bench {
    bench(PathRules::of_globs(&["art/**"], &["art/asked"], &[]))
}

/// What `git diff --binary` says of `path` once it holds `bytes`, or is gone.
fn diff(path: &str, bytes: Option<&[u8]>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let git = |args: &[&str]| {
        let mut command = Command::new("git");
        let done = command
            .current_dir(folder.path())
            .envs([("GIT_CONFIG_NOSYSTEM", "1"), ("HOME", "/nonexistent")])
            .args(args)
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
        String::from_utf8(done.stdout).unwrap()
    };
    git(&["init", "-q"]);
    let file = folder.path().join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, OLD).unwrap();
    git(&["add", "-A"]);
    match bytes {
        Some(bytes) => fs::write(&file, bytes).unwrap(),
        None => fs::remove_file(&file).unwrap(),
    }
    git(&["diff", "--binary"])
}

fn apply(bench: &Bench, input: Value) -> ToolResult {
    bench.call("n", "apply_patch", input)
}

fn refused(result: &ToolResult) -> (ErrorKind, String, String) {
    let error = result.error.as_ref().unwrap_or_else(|| panic!("{result:?}"));
    let rule = error.rule.as_ref().map_or(String::new(), |rule| rule.rule.clone());
    (error.kind.clone(), rule, error.message.clone())
}

#[test]
fn what_is_no_text_stays_where_no_rule_allows_it() {
    let closed = bench(PathRules::of_globs(&[], &[], &[]));
    let open = open();
    let changes = |path: &str| {
        let (delete, put) =
            (json!({ "op": "delete", "path": path }), json!({ "op": "put", "path": path, "content": "x\n" }));
        [
            json!({ "changes": [delete] }),
            json!({ "changes": [put] }),
            json!({ "patch": diff(path, Some(NEW)) }),
        ]
    };
    for (bench, path) in [(&closed, "art/a.png"), (&open, "c.png")] {
        for input in changes(path) {
            let (kind, rule, message) = refused(&apply(bench, input.clone()));
            assert_eq!((kind, rule.as_str()), (ErrorKind::Denied, "paths"), "{input}");
            assert!(
                message.contains("binary patch") && message.contains("to allow it, add it to"),
                "{message}"
            );
            assert_eq!(fs::read(bench.work(path)).unwrap(), OLD);
        }
    }
    for input in changes("art/asked/b.png") {
        assert_eq!(kind(&apply(&open, input)), ErrorKind::ApprovalRequired);
    }
    // both in one patch: the denial is told, and nothing is done
    let both = diff("art/a.png", Some(NEW)) + &diff("c.png", Some(NEW));
    assert_eq!(kind(&apply(&open, json!({ "patch": both }))), ErrorKind::Denied);
    assert_eq!(fs::read(open.work("art/a.png")).unwrap(), OLD);
    // a copy would be taken back by deleting bytes; a new name and another mode take nothing away
    let copy = "diff --git a/c.png b/d.png\ncopy from c.png\ncopy to d.png\n";
    assert_eq!(kind(&apply(&open, json!({ "patch": copy }))), ErrorKind::Denied);
    let rename = "diff --git a/c.png b/d.png\nrename from c.png\nrename to d.png\n";
    assert!(apply(&open, json!({ "patch": rename })).ok);
    let result = bench_undo(&open);
    assert!(result.ok, "what needed no rule is taken back without one: {result:?}");
}

fn bench_undo(bench: &Bench) -> ToolResult {
    bench.call("back", "rollback", json!({ "to": "start" }))
}

#[test]
fn what_may_be_changed_is_changed_told_and_taken_back() {
    let bench = open();
    let patch = diff("art/a.png", Some(NEW));
    let tried = apply(&bench, json!({ "patch": patch, "dry_run": true }));
    assert!(tried.ok, "{tried:?}");
    assert_eq!(fs::read(bench.work("art/a.png")).unwrap(), OLD);
    let expected = json!({ "patch": patch, "expect": { "art/a.png": Digest::of(OLD) } });
    let done = apply(&bench, expected.clone());
    assert!(done.ok, "{done:?}");
    assert_eq!(done.output, tried.output);
    assert_eq!(done.output["files"][0]["after"], json!(Digest::of(NEW)));
    assert_eq!(fs::read(bench.work("art/a.png")).unwrap(), NEW);
    assert_eq!(kind(&apply(&bench, expected)), ErrorKind::Conflict, "it was made for other bytes");

    let changed = bench.call("n", "workspace_diff", json!({}));
    assert_eq!(
        changed.output["files"],
        json!([{ "path": "art/a.png", "from": null, "op": "update", "binary": true }])
    );
    let told = changed.output["patch"].as_str().unwrap().to_owned();
    assert!(told.contains("GIT binary patch"), "{told}");
    assert!(apply(&bench, json!({ "patch": done.output["inverse"] })).ok);
    assert_eq!(fs::read(bench.work("art/a.png")).unwrap(), OLD);
    assert!(apply(&bench, json!({ "patch": told })).ok, "what is told can be applied");
    assert!(apply(&bench, json!({ "changes": [{ "op": "delete", "path": "art/a.png" }] })).ok);

    let mut bench = bench;
    bench.obligations.binary = PathRules::of_globs(&[], &[], &[]);
    assert_eq!(
        kind(&bench_undo(&bench)),
        ErrorKind::Denied,
        "what was needed to do it is needed to take it back"
    );
    let listed = bench.call("n", "workspace_diff", json!({})).output;
    assert_eq!((listed["patch"].as_str(), &listed["files"][0]["binary"]), (Some(""), &json!(true)));
    bench.obligations.binary = PathRules::of_globs(&["**"], &[], &[]);
    let back = bench_undo(&bench);
    assert!(back.ok, "{back:?}");
    assert_eq!(fs::read(bench.work("art/a.png")).unwrap(), OLD);
    assert!(apply(&bench, json!({ "patch": back.output["inverse"] })).ok);
    assert!(!bench.work("art/a.png").exists());
}

#[test]
fn a_patch_is_as_large_as_what_it_unpacks_to() {
    let mut bench = open();
    let large = vec![0; 9000];
    let patch = diff("art/a.png", Some(&large));
    assert!(patch.len() < 1000);
    bench.obligations.limits.patch_bytes = Some(8000);
    let result = apply(&bench, json!({ "patch": patch }));
    let error = result.error.unwrap();
    assert_eq!((error.kind, error.limit.as_deref()), (ErrorKind::Limit, Some("patch_bytes")));
    assert!(error.message.contains("unpacks to"), "{}", error.message);
    assert_eq!(fs::read(bench.work("art/a.png")).unwrap(), OLD);
    bench.obligations.limits.patch_bytes = Some(10_000);
    assert!(apply(&bench, json!({ "patch": patch })).ok);
    bench.obligations.limits.patch_bytes = Some(8000);
    let told = bench.call("n", "workspace_diff", json!({}));
    assert!(
        told.truncated && told.output["patch"] == json!(""),
        "what can't be applied is not told: {told:?}"
    );
}

#[test]
fn what_must_not_leave_is_deflated_for_nobody() {
    let mut bench = open();
    let values = Values::new(&[("KEY".to_owned(), b"a-value-that-stays".to_vec())]).unwrap();
    bench.world.redaction = Arc::new(Redaction::new(values, Vec::new()));
    let secret = [OLD, b"a-value-that-stays"].concat();
    fs::write(bench.work("art/a.png"), &secret).unwrap();
    let gone = apply(&bench, json!({ "changes": [{ "op": "delete", "path": "art/a.png" }] }));
    assert!(gone.ok, "{gone:?}");
    assert_eq!(gone.output["inverse"], json!(""));
    let told = bench.call("n", "workspace_diff", json!({}));
    assert_eq!((&told.output["patch"], &told.output["files"][0]["binary"]), (&json!(""), &json!(true)));
    assert!(bench_undo(&bench).ok, "the history has it");
    assert_eq!(fs::read(bench.work("art/a.png")).unwrap(), secret);
}

#[test]
fn who_is_asked_sees_how_much_it_is_and_its_digest() {
    let bench = open();
    let shown = |input: Value| {
        let call = crate::effect::ToolCall {
            run: "r".into(),
            node: "n".into(),
            ..crate::effect::ToolCall::new("apply_patch", input)
        };
        prepare(&call, &bench.obligations, &bench.world, &std::collections::BTreeSet::new()).unwrap().diff
    };
    let expected = format!(
        "diff --git a/art/a.png b/art/a.png\n- no text, {} bytes, {}\n+ no text, {} bytes, {}\n",
        OLD.len(),
        Digest::of(OLD),
        NEW.len(),
        Digest::of(NEW)
    );
    assert_eq!(shown(json!({ "patch": diff("art/a.png", Some(NEW)) })).as_deref(), Some(expected.as_str()));
    let gone = shown(json!({ "changes": [{ "op": "delete", "path": "art/a.png" }] })).unwrap();
    assert!(
        gone.starts_with("diff --git a/art/a.png b/art/a.png\ndeleted file mode 100644\n- no text, "),
        "{gone}"
    );
    assert_eq!(shown(json!({ "patch": "--- a/text\n+++ b/text\n@@ -1 +1 @@\n-one\n+two\n" })), None);
}

#[test]
fn a_diff_against_a_revision_is_named_as_its_repository_names() {
    for format in ["sha1", "sha256"] {
        let bench = open();
        bench.git(&["init", "-q", "--object-format", format]);
        bench.git(&["add", "-A"]);
        bench.git(&["commit", "-q", "-m", "x"]);
        fs::write(bench.work("art/a.png"), NEW).unwrap();
        fs::write(bench.work("c.png"), NEW).unwrap();
        let told = bench.call("n", "workspace_diff", json!({ "since": "HEAD" })).output;
        let patch = told["patch"].as_str().unwrap().to_owned();
        assert!(patch.contains("art/a.png") && !patch.contains("c.png"), "{patch}");
        assert_eq!(told["files"].as_array().unwrap().len(), 2);
        bench.git(&["stash", "-q"]);
        let mut git = Command::new("git")
            .current_dir(bench.work(""))
            .args(["apply", "-"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut git.stdin.take().unwrap(), patch.as_bytes()).unwrap();
        assert!(git.wait().unwrap().success(), "{patch}");
        assert_eq!(fs::read(bench.work("art/a.png")).unwrap(), NEW);
    }
}
