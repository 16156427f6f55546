//! Who holds what: one at a time, named by its row and run, and watched where nobody can see whether it lives.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::*;

fn file(store: &Store) -> rusqlite::Connection {
    rusqlite::Connection::open(store.folder().join("runs.db")).unwrap()
}

/// As if whoever holds rows of `table` ran in another container.
pub(crate) fn move_out_of_sight(store: &Store, table: &str) {
    let file = file(store);
    let holder: String = file
        .query_row(&format!("SELECT holder FROM {table} WHERE holder IS NOT NULL"), [], |row| row.get(0))
        .unwrap();
    let mut parts: Vec<&str> = holder.split('/').collect();
    parts[1] = "1";
    let holder = parts.join("/");
    file.execute(&format!("UPDATE {table} SET holder = ?1 WHERE holder IS NOT NULL"), [holder]).unwrap();
}

/// As if whoever holds rows of `table` had been killed.
fn kill(store: &Store, table: &str) {
    file(store)
        .execute(&format!("UPDATE {table} SET holder = 'nobody' WHERE holder IS NOT NULL"), [])
        .unwrap();
}

fn id(store: &Store, table: &str, run: &RunId) -> i64 {
    let sql = format!("SELECT id FROM {table} WHERE run = ?1");
    file(store).query_row(&sql, [run.as_str()], |row| row.get(0)).unwrap()
}

/// Tried again until it is there.
fn soon<T>(mut found: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_mins(2), "it does not come");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_worker_that_was_taken_over_settles_no_other_run_in_the_same_place_of_the_queue() {
    let state = tempfile::tempdir().unwrap();
    let store = store(&state);
    for late in ["settles", "postpones", "gives back"] {
        store.enqueue(&run(1)).unwrap();
        let place = id(&store, "queue", &run(1));
        let hung = store.claim().unwrap().unwrap();
        kill(&store, "queue");
        store.claim().unwrap().unwrap().settle().unwrap();
        // the database gives its place to the next one, which is claimed as often
        store.enqueue(&run(2)).unwrap();
        assert_eq!(id(&store, "queue", &run(2)), place);
        let claim = store.claim().unwrap().unwrap();
        match late {
            "settles" => hung.settle().unwrap(),
            "postpones" => hung.postpone().unwrap(),
            _ => drop(hung),
        }
        assert_eq!(store.queued().unwrap(), [run(2)], "{late}");
        assert!(store.claim().unwrap().is_none(), "{late}: it is claimed");
        claim.settle().unwrap();
        assert!(store.queued().unwrap().is_empty());
    }
}

#[test]
fn a_run_that_is_put_into_the_queue_again_is_another_one() {
    let state = tempfile::tempdir().unwrap();
    let store = store(&state);
    store.enqueue(&run(1)).unwrap();
    let hung = store.claim().unwrap().unwrap();
    kill(&store, "queue");
    assert!(store.dequeue(&run(1)).unwrap());
    store.enqueue(&run(1)).unwrap();
    let claim = store.claim().unwrap().unwrap();
    hung.settle().unwrap();
    assert_eq!(store.queued().unwrap(), [run(1)]);
    claim.settle().unwrap();
    assert!(store.queued().unwrap().is_empty());
}

#[test]
fn a_process_that_was_taken_over_writes_into_no_run_that_has_its_place() {
    let state = tempfile::tempdir().unwrap();
    let store = store(&state);
    // also where it is the same run, begun anew
    for next in [run(2), run(1)] {
        let mut hung = store.create(&run(1), Durability::Batch).unwrap();
        let place = id(&store, "runs", &run(1));
        kill(&store, "runs");
        // whoever takes it over leaves it as it was: without anything
        drop(store.reopen(&run(1), Durability::Batch).unwrap());
        let mut log = store.create(&next, Durability::Batch).unwrap();
        assert_eq!(id(&store, "runs", &next), place);
        assert!(matches!(hung.beat(), Err(StoreError::TakenOver(_))), "{next}");
        add(&mut hung, "stale");
        assert!(matches!(hung.commit(), Err(StoreError::TakenOver(_))), "{next}");
        drop(hung);
        assert_eq!(store.executed().unwrap(), std::slice::from_ref(&next));
        add(&mut log, "own");
        log.commit().unwrap();
        assert_eq!(store.log(&next).unwrap(), "own\n");
        drop(log);
        kill(&store, "runs");
        file(&store).execute("DELETE FROM runs", []).unwrap();
    }
}

#[test]
fn a_run_whose_worker_died_out_of_sight_is_taken_up_and_keeps_no_other_waiting() {
    let state = tempfile::tempdir().unwrap();
    let store = store(&state);
    store.enqueue(&run(1)).unwrap();
    store.enqueue(&run(2)).unwrap();
    let lost = store.claim().unwrap().unwrap();
    move_out_of_sight(&store, "queue");
    // nobody knows yet, and what waits is executed meanwhile
    let other = store.claim().unwrap().unwrap();
    assert_eq!((lost.run(), other.run()), (&run(1), &run(2)));
    other.settle().unwrap();
    let again = soon(|| store.claim().unwrap());
    assert_eq!((again.run(), again.tries()), (&run(1), 2));
    lost.settle().unwrap();
    assert_eq!(store.queued().unwrap(), [run(1)]);
}

#[test]
fn a_worker_out_of_sight_shows_that_it_lives_by_its_run() {
    let state = tempfile::tempdir().unwrap();
    let store = store(&state);
    store.enqueue(&run(1)).unwrap();
    let far = store.claim().unwrap().unwrap();
    move_out_of_sight(&store, "queue");
    let mut log = store.create(&run(1), Durability::Batch).unwrap();
    add(&mut log, "one");
    log.commit().unwrap();
    move_out_of_sight(&store, "runs");
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(4) {
        log.beat().unwrap();
        assert!(store.claim().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(20));
    }
    // both fall silent; the run is taken over with its place
    let again = soon(|| store.claim().unwrap());
    assert_eq!(store.reopen(again.run(), Durability::Batch).unwrap().1.text, "one\n");
    drop(far);
    assert!(matches!(log.beat(), Err(StoreError::TakenOver(_))));
}

#[test]
fn what_a_dead_worker_out_of_sight_had_is_taken_out_of_the_queue_and_what_a_living_one_has_is_not() {
    let state = tempfile::tempdir().unwrap();
    let store = store(&state);
    store.enqueue(&run(1)).unwrap();
    let _far = store.claim().unwrap().unwrap();
    move_out_of_sight(&store, "queue");
    let mut log = store.create(&run(1), Durability::Batch).unwrap();
    add(&mut log, "one");
    log.commit().unwrap();
    move_out_of_sight(&store, "runs");
    let other = self::store(&state);
    let waits = std::thread::spawn(move || other.dequeue(&run(1)));
    while !waits.is_finished() {
        log.beat().unwrap();
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(matches!(waits.join().unwrap(), Err(StoreError::Busy(_))));
    assert!(store.dequeue(&run(1)).unwrap());
    assert!(store.queued().unwrap().is_empty());
}

#[test]
fn those_out_of_sight_are_watched_side_by_side_and_the_dead_are_free_for_all_to_see() {
    let state = tempfile::tempdir().unwrap();
    let store = store(&state);
    let mut logs: Vec<RunLog> = (1..=3).map(|n| store.create(&run(n), Durability::Batch).unwrap()).collect();
    for log in &mut logs {
        add(log, "one");
        log.commit().unwrap();
    }
    move_out_of_sight(&store, "runs");
    let all: Vec<RunId> = (1..=3).map(run).collect();
    assert_eq!(store.executed().unwrap(), all);
    let other = self::store(&state);
    let asked: BTreeSet<RunId> = all.iter().cloned().chain([run(9)]).collect();
    let knows = std::thread::spawn(move || other.still_executed(asked));
    while !knows.is_finished() {
        logs[1].beat().unwrap();
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(knows.join().unwrap().unwrap(), BTreeSet::from([run(2)]));
    assert_eq!(all.iter().map(|run| store.run(run).unwrap().busy).collect::<Vec<_>>(), [false, true, false]);
    assert!(matches!(logs[0].beat(), Err(StoreError::TakenOver(_))));
}

#[test]
fn a_run_that_was_taken_up_or_went_on_since_it_was_found_to_be_old_is_not_removed() {
    let state = tempfile::tempdir().unwrap();
    let (store, other) = (store(&state), self::store(&state));
    for n in 1..=4 {
        let mut log = store.create(&run(n), Durability::Batch).unwrap();
        add(&mut log, "one");
        end(log);
    }
    let own: BTreeSet<RunId> = (1..=4).map(run).collect();
    let none = Retention { keep: Some(0), ..Retention::default() };
    let old = store.removable(&none, (&own, &BTreeSet::new()), &|_| 0).unwrap();
    assert_eq!(old.len(), 4);
    // held, and nothing added
    let (held, _) = other.reopen(&run(1), Durability::Batch).unwrap();
    let (mut log, _) = other.reopen(&run(2), Durability::Batch).unwrap();
    std::thread::sleep(Duration::from_millis(2));
    add(&mut log, "two");
    end(log);
    other.enqueue(&run(3)).unwrap();
    for old in &old[..3] {
        assert!(store.take_to_remove(old).unwrap().is_none(), "{}", old.run);
    }
    drop(held);
    // nobody makes anything of one that is about to be removed
    let doomed = store.take_to_remove(&old[3]).unwrap().unwrap();
    assert!(other.run(&run(4)).unwrap().busy);
    assert!(matches!(other.reopen(&run(4), Durability::Batch), Err(StoreError::Busy(_))));
    drop(doomed);
    assert!(!other.run(&run(4)).unwrap().busy);
    assert!(store.take_to_remove(&old[3]).unwrap().unwrap().remove().unwrap());
    assert_eq!(store.runs().unwrap(), [run(1), run(2), run(3)]);
    assert!(matches!(store.log(&run(4)), Err(StoreError::Removed { .. })));
    // whoever was taken over removes nothing
    let doomed = store.take_to_remove(&old[0]).unwrap().unwrap();
    kill(&store, "runs");
    let (held, _) = other.reopen(&run(1), Durability::Batch).unwrap();
    assert!(!doomed.remove().unwrap());
    drop(held);
    assert_eq!(store.log(&run(1)).unwrap(), "one\n");
}

#[test]
fn a_holder_out_of_sight_is_left_alone_while_it_shows_that_it_lives() {
    let state = tempfile::tempdir().unwrap();
    let store = store(&state);
    let mut log = store.create(&run(1), Durability::Batch).unwrap();
    add(&mut log, "one");
    log.commit().unwrap();
    // as if it ran in another container
    move_out_of_sight(&store, "runs");
    let other = self::store(&state);
    let waits = std::thread::spawn(move || other.reopen(&run(1), Durability::Batch).map(drop));
    while !waits.is_finished() {
        log.beat().unwrap();
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(matches!(waits.join().unwrap(), Err(StoreError::Busy(_))));
    // and taken over once it does not
    let (_again, before) = self::store(&state).reopen(&run(1), Durability::Batch).unwrap();
    assert_eq!(before.text, "one\n");
    assert!(matches!(log.beat(), Err(StoreError::TakenOver(_))));
}
