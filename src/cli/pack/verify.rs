//! `lgflow pack verify`: every installed pack against the lock.

use clap::Args;
use serde_json::{Value, json};

use crate::cli::Exit;
use crate::cli::output::Output;
use crate::cli::problem::Problem;
use crate::packs::{Verification, verify_packs};
use crate::view::escaped;

use super::both_locks;

/// Arguments of `lgflow pack verify`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  lgflow pack verify\n  lgflow pack verify --format json\n\nExit code 7 where a pack is missing or is not what the lock says. A run verifies the packs that it uses in the same way."
)]
pub(super) struct VerifyArgs {}

pub(super) fn run(_: &VerifyArgs, output: Output) -> Result<Exit, Problem> {
    let (place, locks) = both_locks()?;
    let mut rows = Vec::new();
    let mut sound = true;
    for lock_place in &locks {
        let lock = lock_place.read()?;
        for (name, stands) in verify_packs(&lock, &place.state) {
            let (word, problem) = match &stands {
                Verification::Verified => ("verified", None),
                Verification::NotInstalled => (
                    "not_installed",
                    Some("run `lgflow pack add`, which installs what the lock names".to_owned()),
                ),
                Verification::Refused(error) => ("refused", Some(error.to_string())),
            };
            sound &= problem.is_none();
            let version = lock.packs[&name].version.to_string();
            rows.push(json!({
                "name": name.as_str(),
                "version": version,
                "lock": lock_place.shown(),
                "status": word,
                "problem": problem,
            }));
        }
    }
    output.either(
        || human(&rows),
        || json!({ "schema": "lgflow.packs_verified/v1", "verified": sound, "packs": rows }),
    );
    Ok(if sound { Exit::Done } else { Exit::Unverified })
}

fn human(rows: &[Value]) -> String {
    if rows.is_empty() {
        return "no packs\n".to_owned();
    }
    let text = |row: &Value, key: &str| escaped(row[key].as_str().unwrap_or_default()).replace('_', " ");
    let line = |row: &Value| {
        let problem = row["problem"].as_str().map(|problem| format!(": {}", escaped(problem)));
        let name = escaped(row["name"].as_str().unwrap_or_default());
        format!("{} {name} {}{}\n", text(row, "status"), text(row, "version"), problem.unwrap_or_default())
    };
    rows.iter().map(line).collect()
}
