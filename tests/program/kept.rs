//! What the store keeps of runs, read and altered as somebody would who can write its file.
#![allow(dead_code, reason = "each test program uses its part")]

use std::fs;
use std::path::{Path, PathBuf};

use lgflow::digest::{Digest, canonical_json};
use lgflow::store::{RunId, Store};
use serde_json::{Value, json};

use super::Workspace;

pub fn store_of(workspace: &Workspace) -> Store {
    Store::open(&workspace.state(), &workspace.path()).unwrap()
}

/// The only run of a workspace.
pub fn only_run(workspace: &Workspace) -> String {
    let runs = store_of(workspace).runs().unwrap();
    assert_eq!(runs.len(), 1, "{runs:?}");
    runs[0].to_string()
}

/// The lines of a run.
pub fn log_of(workspace: &Workspace, run: &str) -> String {
    store_of(workspace).log(&run.parse::<RunId>().unwrap()).unwrap()
}

pub fn database(workspace: &Workspace) -> rusqlite::Connection {
    rusqlite::Connection::open(store_of(workspace).folder().join("runs.db")).unwrap()
}

/// The events after `alter`, with every number and every hash computed again: nothing in them contradicts anything else.
pub fn anew(log: &str, alter: impl FnOnce(&mut Vec<Value>)) -> String {
    let mut events: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    alter(&mut events);
    let (mut last, mut lines) = (Value::Null, String::new());
    for (at, event) in events.iter_mut().enumerate() {
        event["seq"] = json!(at + 1);
        if event["kind"] == "run.finished" {
            event["data"]["digest"] = last.clone();
            event["data"]["events"] = json!(at + 1);
        }
        event["prev"] = last;
        event.as_object_mut().unwrap().remove("hash");
        last = json!(Digest::of_json(event).to_string());
        event["hash"] = last.clone();
        lines += &(canonical_json(event) + "\n");
    }
    lines
}

/// The file beneath a folder whose path ends so.
pub fn find(folder: &Path, end: &str) -> PathBuf {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_str().unwrap().ends_with(end) {
                return path;
            }
        }
    }
    panic!("there is no {end}");
}

/// Puts other lines in the place of those of a run.
pub fn rewrite_log(workspace: &Workspace, run: &str, text: &str) {
    let mut database = database(workspace);
    let change = database.transaction().unwrap();
    let id: i64 = change.query_row("SELECT id FROM runs WHERE run = ?1", [run], |row| row.get(0)).unwrap();
    change.execute("DELETE FROM segments WHERE run = ?1", [id]).unwrap();
    let events = text.lines().count().cast_signed() as i64;
    change
        .execute(
            "INSERT INTO segments (run, first_seq, events, codec, size, data) VALUES (?1, 1, ?2, 0, ?3, ?4)",
            rusqlite::params![id, events, text.len().cast_signed() as i64, text.as_bytes()],
        )
        .unwrap();
    change.execute("UPDATE runs SET events = ?1 WHERE id = ?2", [events, id]).unwrap();
    change.commit().unwrap();
}
