//! The machine fails at each call by which a change touches the disk, once or from then on, without room, by the death of
//! the process, and again while it is taken back or recovered: the workspace is as before or as after, never in between,
//! and the history says which.

#![expect(clippy::disallowed_methods, reason = "the tests run themselves again, to be killed")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::io::Errno;

use crate::files::Root;
use crate::files::faults::{Call, Fault, with};
use crate::runner::Cancel;

use super::commit::{Author, Workshop, commit};
use super::recover::recover;
use super::resolve::resolve_patch;
use super::scratch::{PATCH, ROOM, Scratch, after, before};
use super::{History, PatchError, parse};

/// Applies the patch while faults come; with the calls that there were.
fn apply(scratch: &Scratch, faults: &[(usize, Fault)]) -> (Result<(), PatchError>, Vec<Call>) {
    let planned = scratch.plan(PATCH).unwrap();
    with(faults, || scratch.commit(&planned, &mut |_| Ok(())))
}

fn calls() -> usize {
    let scratch = Scratch::new(&before());
    let (done, calls) = apply(&scratch, &[]);
    done.unwrap();
    assert_eq!(scratch.tree(), after());
    let kinds = [Call::Create, Call::Write, Call::Mode, Call::Time, Call::SyncFile, Call::SyncFolder]
        .into_iter()
        .chain([Call::Rename, Call::Exchange, Call::Remove, Call::MakeFolder, Call::RemoveFolder]);
    kinds.for_each(|kind| assert!(calls.contains(&kind), "{kind:?} is not among {calls:?}"));
    calls.len()
}

/// Everything that stands in a folder, folders as well.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Before or after? Anything else fails the test, and so do files of ours in the workspace and a history that says
/// something else than the workspace.
fn is_after(scratch: &Scratch, what: &str) -> bool {
    let found = scratch.tree();
    let is_after = found == after();
    assert!(is_after || found == before(), "{what}: in between: {found:?}");
    let ours = names(&scratch.work()).into_iter().find(|name| name.starts_with(".lgflow-"));
    assert_eq!(ours, None, "{what}");
    let left = names(&scratch.folder.path().join("state/patches"));
    assert!(left.iter().all(|name| name == "lock" || name.starts_with("run-")), "{what}: {left:?} are left");
    let told = History::of(&scratch.state, "r").unwrap().all().unwrap();
    assert_eq!(told.len(), usize::from(is_after), "{what}: the history says something else");
    is_after
}

/// The next start, after which nothing is left to be done and the next change works.
fn next_start(scratch: &Scratch, what: &str) -> bool {
    recover(scratch.shop()).unwrap();
    let is_after = is_after(scratch, what);
    assert_eq!(recover(scratch.shop()).unwrap(), vec![], "{what}: a second recovery has something to do");
    if !is_after {
        scratch.apply(PATCH).unwrap();
        assert_eq!(scratch.tree(), after(), "{what}");
    }
    is_after
}

#[test]
fn one_failing_call_is_answered_by_before_and_behind_the_end_by_after() {
    let mut holds = 0;
    for at in 0..calls() {
        for errno in [Errno::IO, Errno::NOSPC] {
            let (scratch, what) = (Scratch::new(&before()), format!("{errno} at call {at}"));
            let (done, _) = apply(&scratch, &[(at, Fault::Once(errno))]);
            match done {
                Err(PatchError::Unfinished { .. }) => {
                    let mut found = scratch.tree();
                    // what was displaced may still lie in the staging folder
                    found.retain(|name, _| !name.starts_with(".lgflow-"));
                    assert_eq!(found, after(), "{what}");
                    assert!(next_start(&scratch, &what), "{what}");
                    holds += 1;
                }
                // taken back already, without a start
                Err(_) => assert!(!is_after(&scratch, &what), "{what}"),
                // a folder that stays though it is empty
                Ok(()) => assert!(is_after(&scratch, &what), "{what}"),
            }
        }
    }
    assert!(holds > 5, "{holds}");
}

#[test]
fn a_mount_between_a_file_and_the_workspace_is_named_and_leaves_nothing_behind() {
    let (_, passed) = apply(&Scratch::new(&before()), &[]);
    let renames = (0..passed.len()).filter(|at| matches!(passed[*at], Call::Rename | Call::Exchange));
    let refused = |at: &usize| {
        let (done, _) = apply(&Scratch::new(&before()), &[(*at, Fault::Once(Errno::XDEV))]);
        matches!(done, Err(PatchError::Conflict { .. }))
    };
    let first = renames.clone().find(refused).unwrap();
    let scratch = Scratch::new(&before());
    let (done, _) = apply(&scratch, &[(first, Fault::Mount)]);
    let error = done.unwrap_err();
    assert!(error.to_string().contains("something is mounted there"), "{error}");
    assert!(!is_after(&scratch, "a mount"));
}

#[test]
fn a_disk_that_gets_full_at_any_call_takes_everything_back() {
    let mut taken_back = 0;
    for at in 0..calls() {
        let (scratch, what) = (Scratch::new(&before()), format!("full from call {at} on"));
        let (done, _) = apply(&scratch, &[(at, Fault::Full)]);
        // behind the end no room is needed any more
        assert_eq!(is_after(&scratch, &what), done.is_ok(), "{what}: {done:?}");
        if let Err(error) = done {
            assert_eq!(error.limit(), Some("disk"), "{what}: {error:?}");
            taken_back += 1;
        }
    }
    assert!(taken_back > 30, "{taken_back}");
}

#[test]
fn a_disk_that_fails_for_good_at_any_call_is_recovered_once_it_works() {
    let mut ways = BTreeSet::new();
    for at in 0..calls() {
        let (scratch, what) = (Scratch::new(&before()), format!("all fails from call {at} on"));
        let (done, _) = apply(&scratch, &[(at, Fault::FromThenOn(Errno::IO))]);
        let way = next_start(&scratch, &what);
        assert!(done.is_err() || way, "{what}");
        ways.insert(way);
    }
    assert_eq!(ways.len(), 2);
}

#[test]
fn what_fails_again_while_it_is_taken_back_is_recovered_as_well() {
    for first in 0..calls() {
        // the calls of taking back are behind the one that failed
        let (_, passed) = apply(&Scratch::new(&before()), &[(first, Fault::Once(Errno::IO))]);
        for second in first + 1..passed.len() {
            for again in [Fault::Once(Errno::IO), Fault::FromThenOn(Errno::IO)] {
                let scratch = Scratch::new(&before());
                let what = format!("call {first} fails, then call {second} ({again:?})");
                let (done, _) = apply(&scratch, &[(first, Fault::Once(Errno::IO)), (second, again)]);
                let way = next_start(&scratch, &what);
                assert!(done.is_err() || way, "{what}");
            }
        }
    }
}

#[test]
fn a_recovery_that_fails_is_made_up_for_by_the_next() {
    for first in 0..calls() {
        let dead = |scratch: &Scratch| drop(apply(scratch, &[(first, Fault::FromThenOn(Errno::IO))]));
        let scratch = Scratch::new(&before());
        dead(&scratch);
        let (done, passed) = with(&[], || recover(scratch.shop()));
        done.unwrap();
        for second in 0..passed.len() {
            let scratch = Scratch::new(&before());
            dead(&scratch);
            let _ = with(&[(second, Fault::FromThenOn(Errno::IO))], || recover(scratch.shop()));
            next_start(&scratch, &format!("dead at call {first}, again at call {second} of the recovery"));
        }
    }
}

#[test]
fn the_next_change_of_the_same_process_first_ends_the_one_before() {
    for at in 0..calls() {
        let (scratch, what) = (Scratch::new(&before()), format!("all fails from call {at} on"));
        drop(apply(&scratch, &[(at, Fault::FromThenOn(Errno::IO))]));
        let change = "--- /dev/null\n+++ b/other\n@@ -0,0 +1 @@\n+x\n";
        scratch.apply(change).unwrap_or_else(|error| panic!("{what}: {}", error.in_full()));
        let mut found = scratch.tree();
        assert_eq!(found.remove("other"), Some((b"x\n".to_vec(), false)), "{what}");
        assert!(found == before() || found == after(), "{what}: {found:?}");
        let told = History::of(&scratch.state, "r").unwrap().all().unwrap();
        let numbers: Vec<u64> = told.iter().map(|past| past.number).collect();
        let wanted: &[u64] = if found == after() { &[1, 2] } else { &[1] };
        assert_eq!(numbers, wanted, "{what}");
    }
}

#[test]
fn a_process_that_is_killed_before_any_call_leaves_before_or_after() {
    let mut ways = Vec::new();
    for at in 0..calls() {
        let scratch = Scratch::new(&before());
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "runner::patch::fault_tests::is_killed_where_it_is_told", "--ignored"])
            .env("LGFLOW_TEST_FOLDER", scratch.folder.path())
            .env("LGFLOW_TEST_CALL", at.to_string())
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert_eq!(status.signal(), Some(9), "call {at}: {status}");
        ways.push(next_start(&scratch, &format!("killed before call {at}")));
    }
    assert!(ways.is_sorted() && ways.contains(&true) && ways.contains(&false), "{ways:?}");
}

#[test]
#[ignore = "the victim of the test above, which starts it"]
fn is_killed_where_it_is_told() {
    let folder = std::path::PathBuf::from(std::env::var_os("LGFLOW_TEST_FOLDER").unwrap());
    let at: usize = std::env::var("LGFLOW_TEST_CALL").unwrap().parse().unwrap();
    let open = |name: &str| Root::open(&folder.join(name)).unwrap();
    let (root, state) = (open("work"), open("state"));
    let planned = resolve_patch(&root, &parse(PATCH).unwrap(), ROOM, &Cancel::default()).unwrap();
    let shop = Workshop { root: &root, state: &state };
    let author = Author { run: "r".to_owned(), inverse: planned.inverse.clone(), ..Author::default() };
    with(&[(at, Fault::Kill)], || commit(shop, &planned.wanted, author, &mut |_| Ok(()))).0.unwrap();
}
