//! The code beside what a run has recorded: there with each commit, and of nothing else.

use super::*;
use crate::digest::MacKey;

fn keys() -> [MacKey; 2] {
    [MacKey::new([7; 32]), MacKey::new([8; 32])]
}

#[test]
fn with_each_commit_comes_the_code_of_all_that_is_written() {
    let state = tempfile::tempdir().unwrap();
    let (store, [key, other]) = (store(&state), keys());
    let mut log = store.create(&run(1), Durability::Batch).unwrap();
    log.vouched_by(&key);
    assert!(!store.recorded(&run(1)).unwrap().is_vouched_by(&key), "nothing is written yet");
    for at in 0..1_500 {
        add(&mut log, &format!("{at}: {}", "word ".repeat(at % 40)));
        if at % 7 == 0 {
            log.commit().unwrap();
            let recorded = store.recorded(&run(1)).unwrap();
            assert!(recorded.is_vouched_by(&key) && !recorded.is_vouched_by(&other), "at {at}");
        }
        if at % 501 == 500 {
            drop(log);
            let (again, before) = store.reopen(&run(1), Durability::Batch).unwrap();
            assert!(before.is_vouched_by(&key) && !before.is_vouched_by(&other), "at {at}");
            log = again;
            log.vouched_by(&key);
        }
    }
    end(log);
    assert!(store.recorded(&run(1)).unwrap().is_vouched_by(&key));
    // also where there is only one
    let mut log = store.create(&run(2), Durability::None).unwrap();
    log.vouched_by(&key);
    add(&mut log, "one");
    log.commit().unwrap();
    end(log);
    assert!(store.recorded(&run(2)).unwrap().is_vouched_by(&key));
}

#[test]
fn what_anybody_else_has_written_has_no_code() {
    let state = tempfile::tempdir().unwrap();
    let (store, [key, _]) = (store(&state), keys());
    let file = || rusqlite::Connection::open(store.folder().join("runs.db")).unwrap();
    let is_vouched = |n: u64| store.recorded(&run(n)).unwrap().is_vouched_by(&key);
    let begin = |n: u64| {
        let mut log = store.create(&run(n), Durability::Batch).unwrap();
        log.vouched_by(&key);
        for line in ["one", "two"] {
            add(&mut log, line);
            log.commit().unwrap();
        }
        drop(log);
        assert!(is_vouched(n));
    };
    let wrong = [
        "UPDATE segments SET data = CAST('ome' || x'0a' AS BLOB) WHERE first_seq = 1 AND run = ?1",
        "DELETE FROM segments WHERE first_seq = 2 AND run = ?1",
        "INSERT INTO segments SELECT NULL, run, 3, 1, codec, size, data FROM segments WHERE first_seq = 2 AND run = ?1",
        "UPDATE segments SET first_seq = 3 - first_seq + 2 WHERE run = ?1",
        "UPDATE runs SET events = 1 WHERE id = ?1",
        "UPDATE runs SET code = NULL WHERE id = ?1",
        "UPDATE runs SET code = 'AAAA' WHERE id = ?1",
    ];
    for (n, alter) in (1..).zip(wrong) {
        begin(n);
        let id: i64 = file()
            .query_row("SELECT id FROM runs WHERE run = ?1", [run(n).as_str()], |row| row.get(0))
            .unwrap();
        assert!(file().execute(alter, [id]).unwrap() > 0, "{alter}");
        assert!(!is_vouched(n), "{alter}");
    }
    // nor has another run with the same lines, or the same run in another workspace
    begin(20);
    begin(21);
    file()
        .execute(
            "UPDATE runs SET code = (SELECT code FROM runs WHERE run = ?1) WHERE run = ?2",
            [run(20).as_str(), run(21).as_str()],
        )
        .unwrap();
    assert!(is_vouched(20) && !is_vouched(21));
    let elsewhere = Store::open(&state.path().join("lgflow"), Path::new("/some/where/else")).unwrap();
    file()
        .execute("UPDATE runs SET workspace = ?1 WHERE run = ?2", [elsewhere.id().as_str(), run(20).as_str()])
        .unwrap();
    file().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    fs::copy(store.folder().join("runs.db"), elsewhere.folder().join("runs.db")).unwrap();
    assert!(!elsewhere.recorded(&run(20)).unwrap().is_vouched_by(&key));
    // and who goes on without the key takes it away
    begin(30);
    let (mut log, _) = store.reopen(&run(30), Durability::Batch).unwrap();
    add(&mut log, "three");
    end(log);
    assert!(!is_vouched(30));
}

#[test]
fn what_was_altered_behind_a_process_that_goes_on_is_not_vouched_for_by_it() {
    let state = tempfile::tempdir().unwrap();
    let (store, [key, _]) = (store(&state), keys());
    let mut log = store.create(&run(1), Durability::Batch).unwrap();
    log.vouched_by(&key);
    add(&mut log, "one");
    log.commit().unwrap();
    let file = rusqlite::Connection::open(store.folder().join("runs.db")).unwrap();
    file.execute("UPDATE segments SET data = CAST('ome' || x'0a' AS BLOB)", []).unwrap();
    add(&mut log, "two");
    log.commit().unwrap();
    let recorded = store.recorded(&run(1)).unwrap();
    assert_eq!(recorded.text, "ome\ntwo\n");
    assert!(!recorded.is_vouched_by(&key));
}

#[test]
fn a_file_of_an_earlier_form_becomes_one_of_today_whose_runs_nobody_vouches_for() {
    use crate::store::schema::{APPLICATION, Dialect, STEPS};
    let state = tempfile::tempdir().unwrap();
    let (store, [key, _]) = (store(&state), keys());
    let place = store.folder().join("runs.db");
    let file = rusqlite::Connection::open(&place).unwrap();
    fs::set_permissions(&place, fs::Permissions::from_mode(0o600)).unwrap();
    let earlier = &STEPS[..STEPS.len() - 1];
    for step in earlier {
        file.execute_batch(&Dialect::Sqlite.render(step)).unwrap();
    }
    let marks = format!("PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {}", earlier.len());
    file.execute_batch(&marks).unwrap();
    let row = "INSERT INTO runs (workspace, run, events, durability, touched, fence, beat) VALUES (?1, ?2, 1, 'batch', 1, 1, 0)";
    file.execute(row, [store.id().as_str(), run(1).as_str()]).unwrap();
    let line = "INSERT INTO segments (run, first_seq, events, codec, size, data) VALUES (1, 1, 1, 0, 4, CAST('one' || x'0a' AS BLOB))";
    file.execute(line, []).unwrap();
    drop(file);
    let recorded = store.recorded(&run(1)).unwrap();
    assert_eq!(recorded.text, "one\n");
    assert!(!recorded.is_vouched_by(&key));
    let (mut log, before) = store.reopen(&run(1), Durability::Batch).unwrap();
    assert_eq!(before.text, "one\n");
    log.vouched_by(&key);
    add(&mut log, "two");
    end(log);
    assert!(store.recorded(&run(1)).unwrap().is_vouched_by(&key));
}
