//! What the store keeps of runs, read and altered as somebody would who can write its file.

use lgflow::store::{RunId, Store};

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
