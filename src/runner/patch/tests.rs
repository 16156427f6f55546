//! What is accepted, what is refused and with which words.

#![expect(clippy::disallowed_methods, reason = "tests build the files that they need")]

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

use crate::effect::ErrorKind;
use crate::runner::Cancel;

use super::git_tests::git_apply;
use super::resolve::resolve_changes;
use super::scratch::{Scratch, tree};
use super::{PatchError, parse, read_changes};

fn refusal(patch: &str) -> PatchError {
    let scratch = Scratch::new(&tree(&[("f", "1\n2\n3\n4\n5\n6\n7\n8\n9\n"), ("dup", "x\nk\ny\nx\nk\ny\n")]));
    let before = scratch.tree();
    let error = scratch.apply(patch).unwrap_err();
    assert_eq!(scratch.tree(), before);
    error
}

#[test]
fn hostile_and_sloppy_patches_are_refused_with_their_kind() {
    use ErrorKind::{Conflict, Denied, InvalidInput};
    let hunk = "@@ -1,2 +1,2 @@\n 1\n-2\n+b\n";
    let cases: &[(&str, ErrorKind, String)] = &[
        ("nothing", InvalidInput, String::new()),
        ("prose", InvalidInput, format!("Here is the patch:\n--- a/f\n+++ b/f\n{hunk}")),
        ("prose after", InvalidInput, "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n 1\n-2\n+b\nDone.\n".to_owned()),
        ("cut in a line", InvalidInput, "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n 1\n-2\n+b".to_owned()),
        ("count too high", InvalidInput, "--- a/f\n+++ b/f\n@@ -1,4 +1,4 @@\n 1\n-2\n+b\n".to_owned()),
        ("count too low", InvalidInput, "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n 1\n-2\n+b\n 3\n".to_owned()),
        ("no change", InvalidInput, "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n 1\n 2\n".to_owned()),
        ("no prefix", InvalidInput, format!("--- f\n+++ f\n{hunk}")),
        ("two names", InvalidInput, format!("--- a/f\n+++ b/g\n{hunk}")),
        ("lying header", InvalidInput, format!("diff --git a/g b/g\n--- a/f\n+++ b/f\n{hunk}")),
        ("binary", InvalidInput, "diff --git a/f b/f\nGIT binary patch\nliteral 1\n".to_owned()),
        ("binary differs", InvalidInput, "diff --git a/f b/f\nBinary files a/f and b/f differ\n".to_owned()),
        ("NUL", InvalidInput, "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n 1\n-2\n+b\0\n".to_owned()),
        ("no end of nothing", InvalidInput, {
            "--- a/f\n+++ b/f\n@@ -9 +9,2 @@\n 9\n+\n\\ No newline at end of file\n".to_owned()
        }),
        ("a file of nothing", InvalidInput, {
            "--- /dev/null\n+++ b/e\n@@ -0,0 +1 @@\n+\n\\ No newline at end of file\n".to_owned()
        }),
        ("gone by its time", InvalidInput, {
            let lines = "@@ -1,6 +0,0 @@\n-x\n-k\n-y\n-x\n-k\n-y\n";
            format!(
                "--- a/dup\t2020-01-01 10:00:00 +0000\n+++ b/dup\t1970-01-01 01:00:00.000000000 +0100\n{lines}"
            )
        }),
        ("new by its time", InvalidInput, {
            "--- a/e\t1969-12-31 19:00:00 -0500\n+++ b/e\t2020-01-01 10:00:00 +0000\n@@ -0,0 +1 @@\n+x\n"
                .to_owned()
        }),
        ("two times behind a name", InvalidInput, {
            let time = "2020-01-01 10:00:00 +0000";
            format!("--- a/f\t{time}\t{time}\n+++ b/f\t{time}\t{time}\n{hunk}")
        }),
        ("the same mode", InvalidInput, "diff --git a/f b/f\nold mode 100644\nnew mode 100644\n".to_owned()),
        ("parent", Denied, format!("--- a/../f\n+++ b/../f\n{hunk}")),
        ("absolute", Denied, format!("--- a//etc/f\n+++ b//etc/f\n{hunk}")),
        ("really absolute", Denied, format!("--- /etc/f\n+++ /etc/f\n{hunk}")),
        ("quoted escape", Denied, format!("--- \"a/\\056\\056/f\"\n+++ \"b/\\056\\056/f\"\n{hunk}")),
        ("git", Denied, format!("--- a/.git/config\n+++ b/.git/config\n{hunk}")),
        ("Git", Denied, "diff --git a/x/.GiT/y b/x/.GiT/y\nnew file mode 100644\n".to_owned()),
        ("lg", Denied, "diff --git a/.lg/policy.yaml b/.lg/policy.yaml\nnew file mode 100644\n".to_owned()),
        ("renamed onto git", Denied, "diff --git a/f b/.git/f\nrename from f\nrename to .git/f\n".to_owned()),
        (
            "new link",
            Denied,
            "diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+/etc\n"
                .to_owned(),
        ),
        ("new submodule", Denied, "diff --git a/l b/l\nnew file mode 160000\n".to_owned()),
        ("setuid", Denied, "diff --git a/f b/f\nold mode 100644\nnew mode 104755\n".to_owned()),
        ("missing file", Conflict, format!("--- a/none\n+++ b/none\n{hunk}")),
        ("file exists", Conflict, "--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+x\n".to_owned()),
        ("wrong lines", Conflict, "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n 1\n-zwei\n+b\n".to_owned()),
        ("second hunk fails", Conflict, format!("--- a/f\n+++ b/f\n{hunk}@@ -5,2 +5,2 @@\n 5\n-sechs\n+s\n")),
        (
            "second file fails",
            Conflict,
            format!("--- a/f\n+++ b/f\n{hunk} 3\n--- a/none\n+++ b/none\n{hunk}")
                .replace("-1,2 +1,2 @@\n 1\n-2\n+b\n 3", "-1,3 +1,3 @@\n 1\n-2\n+b\n 3"),
        ),
        ("ambiguous", Conflict, "--- a/dup\n+++ b/dup\n@@ -9,3 +9,3 @@\n x\n-k\n+K\n y\n".to_owned()),
        (
            "twice",
            Conflict,
            format!("--- a/f\n+++ b/f\n{hunk} 3\n--- a/f\n+++ b/f\n{hunk} 3\n")
                .replace("-1,2 +1,2", "-1,3 +1,3"),
        ),
        ("file as a folder", Conflict, "diff --git a/f/g b/f/g\nnew file mode 100644\n".to_owned()),
        ("delete with lines left", Conflict, "--- a/f\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-1\n-2\n".to_owned()),
        ("lying mode", Conflict, "diff --git a/f b/f\nold mode 100755\nnew mode 100644\n".to_owned()),
    ];
    for (name, kind, patch) in cases {
        let error = refusal(patch);
        assert_eq!(error.kind(), *kind, "{name}: {}", error.in_full());
    }
}

#[test]
fn an_error_names_its_line() {
    let error = parse("--- a/f\n+++ b/f\n@@ -1,3 +1,3 @@\n 1\n-2\n+b\n").unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 7 of the patch: the hunk's header counts 3 old and 3 new lines, and its lines are not that many"
    );
}

#[test]
fn an_offset_is_taken_where_there_is_one_place() {
    let scratch = Scratch::new(&tree(&[("f", "new\nnew\n1\n2\n3\n4\n5\n6\n7\n")]));
    scratch.apply("--- a/f\n+++ b/f\n@@ -2,3 +2,3 @@\n 2\n-3\n+drei\n 4\n").unwrap();
    assert_eq!(scratch.tree()["f"].0, b"new\nnew\n1\n2\ndrei\n4\n5\n6\n7\n");
}

#[test]
fn crlf_bom_and_missing_newlines_stay_as_they_are() {
    for (before, patch, after) in [
        ("a\r\nb\r\n", "@@ -1,2 +1,2 @@\n a\r\n-b\r\n+c\r\n", "a\r\nc\r\n"),
        ("\u{feff}a\nb\n", "@@ -1,2 +1,2 @@\n \u{feff}a\n-b\n+c\n", "\u{feff}a\nc\n"),
        (
            "a\nb",
            "@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+c\n\\ No newline at end of file\n",
            "a\nc",
        ),
        ("a\nb", "@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+b\n", "a\nb\n"),
        ("a\n\nb\n", "@@ -1,3 +1,3 @@\n a\n\n-b\n+c\n", "a\n\nc\n"),
    ] {
        let scratch = Scratch::new(&tree(&[("f", before)]));
        let inverse = scratch.apply(&format!("--- a/f\n+++ b/f\n{patch}")).unwrap();
        assert_eq!(scratch.tree(), tree(&[("f", after)]));
        scratch.apply(&inverse).unwrap();
        assert_eq!(scratch.tree(), tree(&[("f", before)]));
    }
    // a patch in CRLF does not fit a file in LF, and says so
    let scratch = Scratch::new(&tree(&[("f", "a\nb\n")]));
    let error = scratch.apply("--- a/f\r\n+++ b/f\r\n@@ -1,2 +1,2 @@\r\n a\r\n-b\r\n+c\r\n").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error:?}");
}

#[test]
fn an_end_that_the_last_line_has_by_now_is_not_taken_away() {
    let patch = "--- a/f\n+++ b/f\n@@ -1,4 +1,3 @@\n a\n-b\n c\n end\n\\ No newline at end of file\n";
    // git takes both, and the end that somebody gave the line is gone
    for before in ["a\nb\nc\nend\n", "a\nb\nc\nend \r\n"] {
        assert_eq!(git_apply(&tree(&[("f", before)]), patch), Some(tree(&[("f", "a\nc\nend")])));
        let scratch = Scratch::new(&tree(&[("f", before)]));
        let error = scratch.apply(patch).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.in_full().contains("the file ends there without a newline"), "{}", error.in_full());
        assert_eq!(scratch.tree(), tree(&[("f", before)]));
    }
    // and such a place is a place: git would change the first, so we don't change the second
    let patch = patch.replace("-1,4 +1,3", "-2,4 +2,3");
    let scratch = Scratch::new(&tree(&[("f", "x\na\nb\nc\nend\na\nb\nc\nend")]));
    let why = scratch.apply(&patch).unwrap_err().in_full();
    assert!(why.contains("more than one place"), "{why}");
}

#[test]
fn links_and_special_files_are_never_targets() {
    let scratch = Scratch::new(&tree(&[("real", "1\n"), ("dir/x", "x\n")]));
    let canary = scratch.folder.path().join("canary");
    fs::write(&canary, "1\n").unwrap();
    symlink(&canary, scratch.work().join("link")).unwrap();
    symlink("real", scratch.work().join("inside")).unwrap();
    symlink(scratch.folder.path(), scratch.work().join("out")).unwrap();
    let fifo = scratch.work().join("fifo");
    let (kind, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR);
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, kind, mode, 0).unwrap();
    for name in ["link", "inside", "fifo", "out/canary"] {
        let error = scratch.apply(&format!("--- a/{name}\n+++ b/{name}\n@@ -1 +1 @@\n-1\n+2\n")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "{name}: {error:?}");
    }
    for name in ["link", "out/new", "fifo", "out"] {
        let error = scratch.apply(&format!("--- /dev/null\n+++ b/{name}\n@@ -0,0 +1 @@\n+2\n")).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Denied | ErrorKind::Conflict), "{name}: {error:?}");
    }
    assert_eq!(fs::read_to_string(&canary).unwrap(), "1\n");
    assert!(!scratch.folder.path().join("new").exists());
}

#[test]
fn a_setuid_file_is_left_alone() {
    let scratch = Scratch::new(&tree(&[("f", "1\n")]));
    fs::set_permissions(scratch.work().join("f"), fs::Permissions::from_mode(0o4755)).unwrap();
    let error = scratch.apply("--- a/f\n+++ b/f\n@@ -1 +1 @@\n-1\n+2\n").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
}

#[test]
fn times_only_grow_also_from_the_future_and_when_taken_back() {
    let scratch = Scratch::new(&tree(&[("f", "1\n")]));
    let path = scratch.work().join("f");
    let future = std::time::SystemTime::now() + std::time::Duration::from_hours(1);
    fs::File::options().write(true).open(&path).unwrap().set_modified(future).unwrap();
    let time = || {
        let facts = fs::metadata(&path).unwrap();
        (facts.mtime(), facts.mtime_nsec())
    };
    let first = time();
    let inverse = scratch.apply("--- a/f\n+++ b/f\n@@ -1 +1 @@\n-1\n+2\n").unwrap();
    let second = time();
    scratch.apply(&inverse).unwrap();
    assert!(first < second && second < time());
}

#[test]
fn another_name_of_a_file_keeps_its_content() {
    let scratch = Scratch::new(&tree(&[("f", "1\n")]));
    let twin = scratch.folder.path().join("twin");
    fs::hard_link(scratch.work().join("f"), &twin).unwrap();
    scratch.apply("--- a/f\n+++ b/f\n@@ -1 +1 @@\n-1\n+2\n").unwrap();
    assert_eq!(fs::read_to_string(twin).unwrap(), "1\n");
    assert_eq!(scratch.tree()["f"].0, b"2\n");
}

#[test]
fn two_files_can_swap_and_a_copy_is_made_of_what_was_there() {
    let scratch = Scratch::new(&tree(&[("a", "A\n"), ("b", "B\n")]));
    let swap =
        "diff --git a/a b/b\nrename from a\nrename to b\ndiff --git a/b b/a\nrename from b\nrename to a\n";
    let inverse = scratch.apply(swap).unwrap();
    assert_eq!(scratch.tree(), tree(&[("a", "B\n"), ("b", "A\n")]));
    scratch.apply(&inverse).unwrap();
    let copy = "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-A\n+new\n\
                diff --git a/a b/c\ncopy from a\ncopy to c\n";
    scratch.apply(copy).unwrap();
    assert_eq!(scratch.tree(), tree(&[("a", "new\n"), ("b", "B\n"), ("c", "A\n")]));
}

#[test]
fn latin_1_around_a_change_is_no_obstacle_and_loss_of_it_is_told_as_no_text() {
    let mut files = tree(&[("plain", "x\n")]);
    files.insert("latin".to_owned(), (b"\xe9\n2\n3\n4\n5\n6\n7\n8\n9\n".to_vec(), false));
    let scratch = Scratch::new(&files);
    let inverse = scratch.apply("--- a/latin\n+++ b/latin\n@@ -5,3 +5,3 @@\n 5\n-6\n+six\n 7\n").unwrap();
    scratch.apply(&inverse).unwrap();
    assert_eq!(scratch.tree(), files);
    let list = serde_json::json!([{ "op": "delete", "path": "latin" }]);
    let planned = resolve_changes(&scratch.root, &read_changes(&list).unwrap(), &Cancel::default()).unwrap();
    assert!(planned.inverse.contains("GIT binary patch") && planned.binary.len() == 1);
}

#[test]
fn what_no_lines_bring_back_is_brought_back_by_a_binary_part() {
    let mut files = tree(&[("nul", "a\0b\n"), ("plain", "x\n")]);
    files.insert("latin".to_owned(), (b"\xff\n".to_vec(), false));
    let scratch = Scratch::new(&files);
    for name in ["nul", "latin"] {
        for (list, binary) in [
            (serde_json::json!([{ "op": "delete", "path": name }]), vec![name]),
            (serde_json::json!([{ "op": "update", "path": name, "content": "x\n" }]), vec![name]),
            (serde_json::json!([{ "op": "put", "path": name, "content": "x\n" }]), vec![name]),
            (
                serde_json::json!([{ "op": "rename", "path": name, "to": "a", "content": "x\n" }]),
                vec!["a", name],
            ),
        ] {
            let planned =
                resolve_changes(&scratch.root, &read_changes(&list).unwrap(), &Cancel::default()).unwrap();
            let told: Vec<&str> = planned.binary.iter().map(crate::files::RelPath::as_str).collect();
            assert_eq!(told, binary, "{list}");
            scratch.commit(&planned, &mut |_| Ok(())).unwrap();
            assert_ne!(scratch.tree(), files);
            scratch.apply(&planned.inverse).unwrap();
            assert_eq!(scratch.tree(), files);
        }
        let copy = format!("diff --git a/{name} b/c\ncopy from {name}\ncopy to c\n");
        let planned = scratch.plan(&copy).unwrap();
        assert_eq!(planned.binary.iter().map(ToString::to_string).collect::<Vec<_>>(), ["c"]);
        for patch in [
            format!("diff --git a/{name} b/r\nrename from {name}\nrename to r\n"),
            format!("diff --git a/{name} b/{name}\nold mode 100644\nnew mode 100755\n"),
        ] {
            let planned = scratch.plan(&patch).unwrap();
            assert!(planned.binary.is_empty(), "its content stays: {patch}");
            let inverse = scratch.apply(&patch).unwrap();
            assert_ne!(scratch.tree(), files);
            scratch.apply(&inverse).unwrap();
            assert_eq!(scratch.tree(), files);
        }
    }
}

#[test]
fn lists_of_changes_do_what_they_say_and_are_taken_back() {
    let before = tree(&[("a", "1\n"), ("b", "2\n"), ("c", "3\n"), ("d", "4\n")]);
    let scratch = Scratch::new(&before);
    let list = serde_json::json!([
        { "op": "add", "path": "new/x", "content": "x", "mode": "100755" },
        { "op": "update", "path": "a", "content": "one\n" },
        { "op": "put", "path": "b", "content": "two\n" },
        { "op": "put", "path": "p", "content": "" },
        { "op": "delete", "path": "c" },
        { "op": "rename", "path": "d", "to": "e/d", "content": "four\n" },
    ]);
    let planned = resolve_changes(&scratch.root, &read_changes(&list).unwrap(), &Cancel::default()).unwrap();
    scratch.commit(&planned, &mut |_| Ok(())).unwrap();
    let mut after = tree(&[("a", "one\n"), ("b", "two\n"), ("p", ""), ("e/d", "four\n")]);
    after.insert("new/x".to_owned(), (b"x".to_vec(), true));
    assert_eq!(scratch.tree(), after);
    scratch.apply(&planned.inverse).unwrap();
    assert_eq!(scratch.tree(), before);
    assert!(!scratch.work().join("new").exists(), "empty folders go with their last file");
}

#[test]
fn wrong_lists_are_refused() {
    for list in [
        serde_json::json!([]),
        serde_json::json!({}),
        serde_json::json!([{ "op": "chmod", "path": "a" }]),
        serde_json::json!([{ "op": "add", "path": "a" }]),
        serde_json::json!([{ "op": "delete", "path": "a", "content": "x" }]),
        serde_json::json!([{ "op": "add", "path": "a", "content": 1 }]),
        serde_json::json!([{ "op": "add", "path": "a", "content": "x", "mode": "104755" }]),
        serde_json::json!([{ "op": "add", "path": "../a", "content": "x" }]),
        serde_json::json!([{ "op": "rename", "path": "a", "to": ".git/a" }]),
        serde_json::json!([{ "op": "add", "path": "a", "content": "x\0" }]),
    ] {
        assert!(read_changes(&list).is_err(), "{list}");
    }
}
