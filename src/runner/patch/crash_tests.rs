//! A change is stopped at every point, by an error and by the death of the process: the workspace is as before or as
//! after, never in between, and no file of ours stays in it.

#![expect(clippy::disallowed_methods, reason = "the tests run themselves again, to be killed")]

use std::fs;
use std::process::Command;

use crate::files::{RelPath, Root};
use crate::runner::Cancel;

use super::commit::{Author, Point, Workshop, commit};
use super::ending::still_wanted;
use super::recover::{Recovery, Way, recover, take_out};
use super::resolve::resolve_patch;
use super::scratch::{PATCH, ROOM, Scratch, after, before, read_tree, tree};
use super::{PatchError, parse};

/// Every point that this patch passes, in order.
fn points() -> Vec<Point> {
    let scratch = Scratch::new(&before());
    let planned = scratch.plan(PATCH).unwrap();
    let mut points = Vec::new();
    scratch
        .commit(&planned, &mut |point| {
            points.push(point);
            Ok(())
        })
        .unwrap();
    assert_eq!(scratch.tree(), after());
    assert!(points.len() > 15, "{points:?}");
    points
}

fn leftovers(scratch: &Scratch) -> Vec<String> {
    let names = fs::read_dir(scratch.folder.path().join("state/patches")).unwrap();
    names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".journal"))
        .collect()
}

#[test]
fn where_a_journal_cannot_be_read_nothing_is_changed_before_somebody_has_looked() {
    let scratch = Scratch::new(&before());
    let planned = scratch.plan(PATCH).unwrap();
    let patches = scratch.folder.path().join("state/patches");
    fs::create_dir_all(&patches).unwrap();
    fs::write(patches.join("0123456789abcdef.journal"), "{\"id\":").unwrap();
    for error in
        [recover(scratch.shop()).unwrap_err(), scratch.commit(&planned, &mut |_| Ok(())).unwrap_err()]
    {
        let said = error.in_full();
        assert!(
            said.contains("`patches/0123456789abcdef.journal`") && said.contains("then move that file away"),
            "{said}"
        );
    }
    assert_eq!(scratch.tree(), before());
    // as it says
    fs::rename(patches.join("0123456789abcdef.journal"), scratch.folder.path().join("looked-at")).unwrap();
    assert_eq!(recover(scratch.shop()).unwrap(), vec![]);
    scratch.commit(&planned, &mut |_| Ok(())).unwrap();
    assert_eq!(scratch.tree(), after());
}

#[test]
fn an_error_at_any_point_before_the_end_takes_everything_back() {
    for stop in points() {
        let scratch = Scratch::new(&before());
        let planned = scratch.plan(PATCH).unwrap();
        let error = scratch
            .commit(&planned, &mut |point| {
                if point == stop {
                    return Err(PatchError::io("testing", "x", std::io::Error::other("injected")));
                }
                Ok(())
            })
            .unwrap_err();
        let holds = stop >= Point::Clean;
        assert_eq!(matches!(error, PatchError::Unfinished { .. }), holds, "{stop:?}: {error:?}");
        if holds {
            let recovered = recover(scratch.shop()).unwrap();
            assert_eq!(recovered[0].way, Recovery::Finished);
            assert_eq!(scratch.tree(), after(), "{stop:?}");
        } else {
            assert_eq!(scratch.tree(), before(), "{stop:?}");
            assert_eq!(leftovers(&scratch), Vec::<String>::new(), "{stop:?}");
        }
    }
}

#[test]
fn a_process_that_is_killed_at_any_point_leaves_before_or_after() {
    for (index, stop) in points().into_iter().enumerate() {
        let scratch = Scratch::new(&before());
        let status = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "runner::patch::crash_tests::dies_where_it_is_told",
                "--ignored",
                "--nocapture",
            ])
            .env("LGFLOW_TEST_FOLDER", scratch.folder.path())
            .env("LGFLOW_TEST_POINT", index.to_string())
            .stdout(std::process::Stdio::null())
            .status()
            .unwrap();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9), "{stop:?}: {status}");
        let recovered = recover(scratch.shop()).unwrap();
        let (way, expected) =
            if stop < Point::Clean { (Recovery::Undone, before()) } else { (Recovery::Finished, after()) };
        assert_eq!(scratch.tree(), expected, "{stop:?}");
        // before the journal is written there is nothing to recover
        let ways: Vec<Recovery> = recovered.iter().map(|recovered| recovered.way).collect();
        assert_eq!(ways, if stop == Point::Journal { vec![] } else { vec![way] }, "{stop:?}");
        assert_eq!(leftovers(&scratch), Vec::<String>::new());
        assert_eq!(recover(scratch.shop()).unwrap(), vec![], "a second recovery has nothing to do");
        // and the next change works
        if expected == before() {
            scratch.apply(PATCH).unwrap();
            assert_eq!(scratch.tree(), after());
        }
    }
}

#[test]
#[ignore = "the victim of the test above, which starts it"]
fn dies_where_it_is_told() {
    let folder = std::path::PathBuf::from(std::env::var_os("LGFLOW_TEST_FOLDER").unwrap());
    let stop: usize = std::env::var("LGFLOW_TEST_POINT").unwrap().parse().unwrap();
    let (root, state) =
        (Root::open(&folder.join("work")).unwrap(), Root::open(&folder.join("state")).unwrap());
    let planned = resolve_patch(&root, &parse(PATCH).unwrap(), ROOM, &Cancel::default()).unwrap();
    let mut passed = 0;
    let shop = Workshop { root: &root, state: &state };
    let author = Author { run: "r".to_owned(), inverse: planned.inverse.clone(), ..Author::default() };
    commit(shop, &planned.wanted, author, &mut |_| {
        if passed == stop {
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).unwrap();
        }
        passed += 1;
        Ok(())
    })
    .unwrap();
}

#[test]
fn what_somebody_wrote_after_the_crash_is_kept() {
    let scratch = Scratch::new(&before());
    let planned = scratch.plan(PATCH).unwrap();
    // the last step is done, and then the undo finds that our new file was written to
    let error = scratch.commit(&planned, &mut |point| {
        if point == Point::Commit {
            fs::write(scratch.work().join("changed"), "precious\n").unwrap();
            return Err(PatchError::io("testing", "x", std::io::Error::other("injected")));
        }
        Ok(())
    });
    assert!(error.is_err());
    let found = read_tree(&scratch.work());
    assert_eq!(found["changed"].0, b"one\ntwo\nthree\n");
    assert!(found.values().any(|(bytes, _)| bytes == b"precious\n"), "{found:?}");
}

#[test]
fn a_file_that_changes_between_the_check_and_the_write_is_a_conflict() {
    for (path, text) in [("changed", "other\n"), ("flat", "other\n")] {
        let scratch = Scratch::new(&before());
        let planned = scratch.plan(PATCH).unwrap();
        fs::write(scratch.work().join(path), text).unwrap();
        let error = scratch.commit(&planned, &mut |_| Ok(())).unwrap_err();
        assert!(matches!(error, PatchError::Conflict { .. }), "{error:?}");
        let mut expected = before();
        expected.insert(path.to_owned(), (text.as_bytes().to_vec(), false));
        assert_eq!(scratch.tree(), expected);
    }
}

#[test]
fn a_file_that_becomes_a_link_between_the_check_and_the_write_is_not_followed() {
    let scratch = Scratch::new(&before());
    let outside = scratch.folder.path().join("canary");
    fs::write(&outside, "canary\n").unwrap();
    let planned = scratch.plan(PATCH).unwrap();
    fs::remove_file(scratch.work().join("changed")).unwrap();
    std::os::unix::fs::symlink(&outside, scratch.work().join("changed")).unwrap();
    scratch.commit(&planned, &mut |_| Ok(())).unwrap_err();
    assert_eq!(fs::read_to_string(&outside).unwrap(), "canary\n");
    assert!(fs::symlink_metadata(scratch.work().join("changed")).unwrap().is_symlink());
}

#[test]
fn a_folder_that_becomes_a_link_is_not_followed() {
    let scratch = Scratch::new(&tree(&[("dir/file", "one\n")]));
    let outside = scratch.folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("file"), "one\n").unwrap();
    let planned = scratch.plan("--- a/dir/file\n+++ b/dir/file\n@@ -1 +1 @@\n-one\n+two\n").unwrap();
    fs::rename(scratch.work().join("dir"), scratch.work().join("old")).unwrap();
    std::os::unix::fs::symlink(&outside, scratch.work().join("dir")).unwrap();
    let error = scratch.commit(&planned, &mut |_| Ok(())).unwrap_err();
    assert!(matches!(error, PatchError::Forbidden { .. }), "{error:?}");
    assert_eq!(fs::read_to_string(outside.join("file")).unwrap(), "one\n");
}

#[test]
fn a_full_disk_takes_everything_back() {
    let scratch = Scratch::new(&tree(&[("a", "x\n")]));
    // the signal of the limit would end the process, as a full disk does not: it is ignored, and that is inherited
    let status = Command::new("sh")
        .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "runner::patch::crash_tests::writes_more_than_it_may", "--ignored", "--nocapture"])
        .env("LGFLOW_TEST_FOLDER", scratch.folder.path())
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    assert_eq!(scratch.tree(), tree(&[("a", "x\n")]));
    assert_eq!(leftovers(&scratch), Vec::<String>::new());
}

#[test]
#[ignore = "run by the test above in a process of its own, because limits can't be lifted again"]
fn writes_more_than_it_may() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let folder = std::path::PathBuf::from(std::env::var_os("LGFLOW_TEST_FOLDER").unwrap());
    let (root, state) =
        (Root::open(&folder.join("work")).unwrap(), Root::open(&folder.join("state")).unwrap());
    let big: String = "+line\n".repeat(60_000);
    let patch = format!(
        "--- a/a\n+++ b/a\n@@ -1 +1,2 @@\n x\n+y\n--- /dev/null\n+++ b/big\n@@ -0,0 +1,60000 @@\n{big}"
    );
    let planned = resolve_patch(&root, &parse(&patch).unwrap(), ROOM, &Cancel::default()).unwrap();
    setrlimit(Resource::Fsize, Rlimit { current: Some(100_000), maximum: Some(100_000) }).unwrap();
    let shop = Workshop { root: &root, state: &state };
    let author = Author { run: "r".to_owned(), ..Author::default() };
    let error = commit(shop, &planned.wanted, author, &mut |_| Ok(())).unwrap_err();
    assert_eq!(error.limit(), Some("disk"), "{error:?}");
}

#[test]
fn two_that_change_one_workspace_from_two_states_change_it_one_after_the_other() {
    let scratch = Scratch::new(&before());
    fs::create_dir(scratch.folder.path().join("other")).unwrap();
    let other = Root::open(&scratch.folder.path().join("other")).unwrap();
    let shop = Workshop { root: &scratch.root, state: &other };
    let unwanted = || Err(PatchError::conflict(".", "it would have to wait"));
    let planned = scratch.plan(PATCH).unwrap();
    let mut looked = 0;
    scratch
        .commit(&planned, &mut |point| {
            let waits = shop.lock(&mut { unwanted }).unwrap_err();
            assert!(waits.to_string().contains("have to wait"), "{point:?}: {waits}");
            looked += 1;
            Ok(())
        })
        .unwrap();
    assert!(looked > 15);
    let _held = shop.lock(&mut { unwanted }).unwrap();
    // what nobody wants any more does not wait, and nothing of it is done
    let planned = scratch.plan("diff --git a/changed b/changed\ndeleted file mode 100644\n--- a/changed\n+++ /dev/null\n@@ -1,3 +0,0 @@\n-one\n-zwei\n-three\n").unwrap();
    let cancel = Cancel::default();
    cancel.cancel();
    let error = scratch.commit(&planned, &mut |_| still_wanted(&cancel)).unwrap_err();
    assert_eq!(error.kind(), crate::effect::ErrorKind::Cancelled, "{error}");
    assert_eq!(scratch.tree(), after());
}

#[test]
fn what_somebody_else_put_in_our_place_is_put_back() {
    let scratch = Scratch::new(&tree(&[("theirs", "theirs\n"), ("before", "before\n")]));
    let path = |text: &str| RelPath::parse(text).unwrap();
    let (theirs, before, gone) = (path("theirs"), path("before"), path("gone"));
    let kept = scratch.tree();
    let inode = scratch.root.facts(&before).unwrap().inode;
    assert!(!take_out(&scratch.root, (&theirs, &before), inode, Way::Exchange).unwrap());
    assert!(!take_out(&scratch.root, (&theirs, &gone), inode, Way::Move).unwrap());
    assert_eq!(scratch.tree(), kept);
    assert!(take_out(&scratch.root, (&before, &gone), inode, Way::Move).unwrap());
    assert!(scratch.tree().contains_key("gone"));
}
