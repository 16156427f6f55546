//! `lgflow pack list`: what the locks name, and where it lies on this machine.

use std::fmt::Write as _;

use clap::Args;
use serde_json::{Value, json};

use crate::cli::Exit;
use crate::cli::output::Output;
use crate::cli::problem::Problem;
use crate::packs::{Lock, LockPlace, Memory, Shelf};
use crate::view::escaped;

use super::both_locks;

/// Arguments of `lgflow pack list`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  lgflow pack list\n  lgflow pack list --format json | jq -r '.packs[] | .path'"
)]
pub(super) struct ListArgs {}

pub(super) fn run(_: &ListArgs, output: Output) -> Result<Exit, Problem> {
    let (place, locks) = both_locks()?;
    let memory = Memory::read(&place.state)?;
    let mut rows = Vec::new();
    for lock_place in &locks {
        rows.extend(of(lock_place, &lock_place.read()?, &memory, &place.state));
    }
    Ok(output.either(|| human(&rows), || json!({ "schema": "lgflow.packs/v1", "packs": rows })))
}

fn of(place: &LockPlace, lock: &Lock, memory: &Memory, state: &std::path::Path) -> Vec<Value> {
    let row = |(name, locked): (&crate::model::PackName, &crate::packs::Locked)| {
        let path = Shelf::place(state, locked.tree);
        json!({
            "name": name.as_str(),
            "version": locked.version.to_string(),
            "lock": place.shown(),
            "source": locked.source.identity(),
            "folder": locked.folder.as_str(),
            "revision": locked.revision,
            "tree": locked.tree.to_string(),
            "installed": path.is_dir(),
            "path": path.display().to_string(),
            "highest_seen": memory.highest(name).map(ToString::to_string),
        })
    };
    lock.packs.iter().map(row).collect()
}

fn human(rows: &[Value]) -> String {
    if rows.is_empty() {
        return "no packs; `lgflow pack add PACK --from SOURCE` adds one\n".to_owned();
    }
    let text = |row: &Value, key: &str| escaped(row[key].as_str().unwrap_or_default());
    let mut shown = String::new();
    for row in rows {
        let behind = row["highest_seen"].as_str().filter(|seen| Some(*seen) != row["version"].as_str());
        let behind = behind.map(|seen| format!(" ({} was seen)", escaped(seen))).unwrap_or_default();
        let place = if row["installed"] == json!(true) {
            text(row, "path")
        } else {
            "not installed: run `lgflow pack add`".to_owned()
        };
        // writing to a string can't fail
        let _ = writeln!(
            shown,
            "{} {}{behind}  {}\n  from {}\n  {place}",
            text(row, "name"),
            text(row, "version"),
            text(row, "lock"),
            text(row, "source")
        );
    }
    shown
}
