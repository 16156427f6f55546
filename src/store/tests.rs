//! The store by itself: what is appended is read back, held by one, and small.
#![allow(clippy::disallowed_methods, reason = "a test makes its own files")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::*;
use crate::digest::Digest;

mod holding;
mod vouching;

pub(crate) use holding::move_out_of_sight;

fn store(state: &tempfile::TempDir) -> Store {
    Store::open(&state.path().join("lgflow"), Path::new("/some/where")).unwrap()
}

fn run(n: u64) -> RunId {
    RunId::new(n, [2; 10])
}

fn add(log: &mut RunLog, line: &str) {
    log.append(line, []);
}

#[test]
fn a_log_is_read_back_and_held_while_it_is_open() {
    let state = tempfile::tempdir().unwrap();
    let store = store(&state);
    assert!(store.runs().unwrap().is_empty());
    let mut log = store.create(&run(1), Durability::Sync).unwrap();
    add(&mut log, "one");
    add(&mut log, "two");
    assert!(store.runs().unwrap().is_empty(), "nothing is committed yet");
    assert_eq!(store.executed().unwrap(), [run(1)], "and it is executed all the same");
    log.commit().unwrap();
    assert!(store.run(&run(1)).unwrap().busy);
    assert!(matches!(store.create(&run(1), Durability::Batch), Err(StoreError::Busy(_))));
    assert!(matches!(store.reopen(&run(1), Durability::Batch), Err(StoreError::Busy(_))));
    drop(log);
    assert!(!store.run(&run(1)).unwrap().busy && store.executed().unwrap().is_empty());
    assert_eq!(store.log(&run(1)).unwrap(), "one\ntwo\n");
    assert_eq!(store.runs().unwrap(), [run(1)]);
    assert!(matches!(store.log(&run(2)), Err(StoreError::NoRun(_))));
    assert_eq!(store.ends(&run(1)).unwrap(), Some(("one".into(), "two".into())));
    // by another process
    assert_eq!(super::Store::log(&self::store(&state), &run(1)).unwrap(), "one\ntwo\n");
}

#[test]
fn without_durability_lines_are_written_at_the_end() {
    let state = tempfile::tempdir().unwrap();
    let store = store(&state);
    let mut log = store.create(&run(1), Durability::None).unwrap();
    add(&mut log, "one");
    log.commit().unwrap();
    assert!(matches!(store.log(&run(1)), Err(StoreError::NoRun(_))));
    end(log);
    assert_eq!(store.log(&run(1)).unwrap(), "one\n");
    assert_eq!(store.run(&run(1)).unwrap().durability, Durability::None);
}

#[test]
fn what_is_gone_on_with_follows_what_there_is_however_it_is_kept() {
    let state = tempfile::tempdir().unwrap();
    let store = store(&state);
    let mut whole = String::new();
    let mut log = store.create(&run(1), Durability::Batch).unwrap();
    for at in 0..2_000 {
        let line = format!("{at}: {}", "word ".repeat(at % 40));
        whole.push_str(&line);
        whole.push('\n');
        add(&mut log, &line);
        if at % 3 == 0 {
            log.commit().unwrap();
            assert_eq!(log_of(&store), whole, "at {at}");
        }
        if at % 701 == 700 {
            drop(log);
            whole = log_of(&store);
            let (again, before) = store.reopen(&run(1), Durability::Batch).unwrap();
            assert_eq!(before.text, whole);
            log = again;
        }
    }
    end(log);
    assert_eq!(log_of(&store), whole);
    assert!(fs::metadata(store.folder().join("runs.db")).unwrap().len() < whole.len() as u64);
}

/// Nothing follows, and it is given back.
fn end(mut log: RunLog) {
    log.finish().unwrap();
}

fn log_of(store: &Store) -> String {
    store.log(&run(1)).unwrap()
}

#[test]
fn who_was_taken_over_appends_nothing_more() {
    let state = tempfile::tempdir().unwrap();
    let store = store(&state);
    let mut stale = store.create(&run(1), Durability::Batch).unwrap();
    add(&mut stale, "one");
    stale.commit().unwrap();
    // as if its process were dead
    let file = rusqlite::Connection::open(store.folder().join("runs.db")).unwrap();
    file.execute("UPDATE runs SET holder = 'nobody'", []).unwrap();
    let (mut log, before) = store.reopen(&run(1), Durability::Batch).unwrap();
    assert_eq!(before.text, "one\n");
    add(&mut stale, "stale");
    assert!(matches!(stale.commit(), Err(StoreError::TakenOver(_))));
    assert!(matches!(stale.beat(), Err(StoreError::TakenOver(_))));
    add(&mut log, "two");
    log.commit().unwrap();
    drop(stale);
    assert!(store.run(&run(1)).unwrap().busy, "who was taken over gives nothing back");
    end(log);
    assert_eq!(log_of(&store), "one\ntwo\n");
}

#[test]
fn payloads_are_kept_once_and_given_to_those_that_name_them() {
    let state = tempfile::tempdir().unwrap();
    let store = store(&state);
    let digest = Digest::of(b"large");
    let mut logs: Vec<RunLog> = Vec::new();
    for n in 1..=2 {
        let mut log = store.create(&run(n), Durability::Batch).unwrap();
        log.append("line", [(digest, b"large".to_vec())]);
        assert_eq!(log.payload(&digest).unwrap().as_deref(), Some(&b"large"[..]), "before it is written");
        log.commit().unwrap();
        logs.push(log);
    }
    let file = rusqlite::Connection::open(store.folder().join("runs.db")).unwrap();
    let count = |table: &str| -> i64 {
        file.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    };
    assert_eq!((count("blobs"), count("links")), (1, 2));
    assert_eq!(logs[0].payload(&digest).unwrap().as_deref(), Some(&b"large"[..]));
    assert_eq!(logs[0].payload(&Digest::of(b"other")).unwrap(), None);
    let third = store.create(&run(3), Durability::Batch).unwrap();
    assert_eq!(third.payload(&digest).unwrap(), None, "it has not named it");
    assert_eq!(store.blobs().get(&digest).as_deref(), Some(&b"large"[..]));
    file.execute("UPDATE blobs SET data = CAST('other' AS BLOB)", []).unwrap();
    assert_eq!(store.blobs().get(&digest), None);
}

#[test]
fn a_folder_that_others_may_write_is_refused() {
    let state = tempfile::tempdir().unwrap();
    let folder = state.path().join("lgflow");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    let refused = Store::open(&folder, Path::new("/w")).unwrap_err().to_string();
    assert!(refused.contains("may be written by others"), "{refused}");
}

#[test]
fn a_file_that_is_not_ours_is_refused_and_left_as_it_is() {
    type Damage = fn(&Path);
    let cases: [(&str, Damage, &str); 8] = [
        ("a later one", |file| sql(file, "PRAGMA user_version = 9999"), "a newer lgflow has written it"),
        ("another program's", |file| sql(file, "PRAGMA application_id = 7"), "of another program"),
        ("one more table", |file| sql(file, "CREATE TABLE more (x)"), "of another program"),
        (
            "a trigger",
            |file| sql(file, "CREATE TRIGGER t AFTER INSERT ON runs BEGIN DELETE FROM runs; END"),
            "of another program",
        ),
        (
            "a view",
            |file| sql(file, "DROP TABLE links; CREATE VIEW links AS SELECT 1 AS run"),
            "of another program",
        ),
        ("no database", |file| fs::write(file, "x".repeat(5000)).unwrap(), "move it away"),
        ("cut", |file| fs::write(file, &fs::read(file).unwrap()[..6000]).unwrap(), "move it away"),
        (
            "open to all",
            |file| fs::set_permissions(file, fs::Permissions::from_mode(0o666)).unwrap(),
            "may be written by others",
        ),
    ];
    for (what, damage, says) in cases {
        let state = tempfile::tempdir().unwrap();
        let first = store(&state);
        let mut log = first.create(&run(1), Durability::Batch).unwrap();
        add(&mut log, "one");
        end(log);
        let file = first.folder().join("runs.db");
        drop(first);
        damage(&file);
        let before = fs::read(&file).unwrap();
        let store = store(&state);
        let read = store.log(&run(1)).unwrap_err().to_string();
        assert!(read.contains(says), "{what}: {read}");
        let written = store.create(&run(2), Durability::Batch).unwrap_err().to_string();
        assert!(written.contains(says), "{what}: {written}");
        assert_eq!(fs::read(&file).unwrap(), before, "{what}: the file was touched");
    }
}

fn sql(file: &Path, text: &str) {
    rusqlite::Connection::open(file).unwrap().execute_batch(text).unwrap();
}

#[test]
fn the_file_is_the_users_alone() {
    let state = tempfile::tempdir().unwrap();
    let store = store(&state);
    let mut log = store.create(&run(1), Durability::Batch).unwrap();
    add(&mut log, "one");
    log.commit().unwrap();
    for end in ["", "-wal", "-shm"] {
        let path = store.folder().join(format!("runs.db{end}"));
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", path.display());
    }
}

#[test]
fn a_store_of_an_earlier_form_becomes_one_of_today() {
    let state = tempfile::tempdir().unwrap();
    let first = store(&state);
    let mut log = first.create(&run(1), Durability::Batch).unwrap();
    add(&mut log, "one");
    end(log);
    let file = first.folder().join("runs.db");
    drop(first);
    sql(
        &file,
        "DROP TABLE queue; DROP TABLE removals; ALTER TABLE runs DROP COLUMN code; PRAGMA user_version = 1",
    );
    let store = store(&state);
    store.enqueue(&run(2)).unwrap();
    assert_eq!((store.log(&run(1)).unwrap().as_str(), store.queued().unwrap()), ("one\n", vec![run(2)]));
}

#[test]
fn a_run_of_the_queue_is_claimed_by_one_until_it_is_given_back() {
    let state = tempfile::tempdir().unwrap();
    let (store, other) = (store(&state), self::store(&state));
    assert!(store.claim().unwrap().is_none());
    for n in [1, 2, 1] {
        store.enqueue(&run(n)).unwrap();
    }
    let claim = store.claim().unwrap().unwrap();
    assert_eq!((claim.run(), claim.tries()), (&run(1), 1));
    let second = other.claim().unwrap().unwrap();
    assert_eq!(second.run(), &run(2));
    assert!(other.claim().unwrap().is_none(), "both are held");
    drop(claim);
    let again = other.claim().unwrap().unwrap();
    assert_eq!((again.run(), again.tries()), (&run(1), 2));
    again.postpone().unwrap();
    assert_eq!(store.claim().unwrap().unwrap().tries(), 2);
    second.settle().unwrap();
    assert_eq!(store.queued().unwrap(), [run(1)]);
}

#[test]
fn a_clock_that_was_set_back_makes_no_run_older() {
    let state = tempfile::tempdir().unwrap();
    let store = store(&state);
    let mut log = store.create(&run(1), Durability::Batch).unwrap();
    add(&mut log, "one");
    end(log);
    // by a clock that was a year ahead
    sql(&store.folder().join("runs.db"), "UPDATE runs SET touched = touched + 31536000000");
    let ahead = store.run(&run(1)).unwrap().touched;
    let (mut log, before) = store.reopen(&run(1), Durability::Batch).unwrap();
    assert_eq!(before.text, "one\n");
    add(&mut log, "two");
    end(log);
    assert_eq!((store.run(&run(1)).unwrap().touched, log_of(&store).as_str()), (ahead, "one\ntwo\n"));
    let day = Some(std::time::Duration::from_hours(24));
    let retention = Retention { older_than: day, ..Retention::default() };
    let own = std::collections::BTreeSet::from([run(1)]);
    assert!(
        store.removable(&retention, (&own, &std::collections::BTreeSet::new()), &|_| 0).unwrap().is_empty()
    );
}
