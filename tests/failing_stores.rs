//! A store that fails in the middle of a run, and a machine that does: what was recorded is sealed, and nothing else, and the
//! run goes on from there.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod crash;
mod program;

use std::fs;
use std::path::{Path, PathBuf};

use crash::{Bench, powered_off_at_every_event};
use lgflow::ledger::{KeptResult, Ledger};
use program::holding::{begun, ended, goes_on, has_ended, let_go, status_of};
use program::kept::{database, find, only_run, store_of};
use program::processes::{all_gone, children, command_line, signal};
use program::{Workspace, holding};
use serde_json::Value;

fn run(workspace: &Workspace) -> std::process::Command {
    workspace.command(&[&["run", "--format", "json"][..], &holding::NAMED].concat())
}

/// From now on the user anchors every run in a file, which is given back.
fn anchored(workspace: &Workspace) -> PathBuf {
    let (file, folder) =
        (workspace.outside().join("anchors"), workspace.outside().join("home/.config/lgflow"));
    fs::create_dir_all(&folder).unwrap();
    let setting = format!("[anchor]\nto = \"file:{}\"\n", file.display());
    fs::write(folder.join("config.toml"), setting).unwrap();
    file
}

/// How many events each anchor names.
fn anchors(file: &Path) -> Vec<u64> {
    let text = fs::read_to_string(file).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.map(|line| line["events"].as_u64().unwrap()).collect()
}

#[test]
fn a_run_whose_store_is_locked_in_its_middle_is_sealed_and_anchored_as_far_as_it_was_recorded() {
    let workspace = holding::workspace("fail");
    let file = anchored(&workspace);
    let front = begun(&workspace, run(&workspace));
    let other = database(&workspace);
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let_go(&workspace);
    let (ran, run) = ended(front, 1);
    let ran = ran.says("is locked by another process").says(&format!("`lgflow runs resume {run}` goes on"));
    assert_eq!(ran.json()["status"], "interrupted");
    drop(other);
    let recorded = store_of(&workspace).log(&run.parse().unwrap()).unwrap().lines().count() as u64;
    assert_eq!(anchors(&file).last(), Some(&recorded), "anchored is what was recorded");
    goes_on(&workspace, &run, 1, &|arguments| workspace.lgflow(arguments));
}

#[test]
fn a_run_whose_store_is_moved_away_in_its_middle_says_so_and_goes_on_once_it_is_back() {
    let workspace = holding::workspace("fail");
    let front = begun(&workspace, run(&workspace));
    let file = store_of(&workspace).folder().join("runs.db");
    let away = file.with_extension("away");
    fs::rename(&file, &away).unwrap();
    let_go(&workspace);
    let (ran, run) = ended(front, 1);
    ran.says("was moved away or replaced while it was used");
    fs::rename(&away, &file).unwrap();
    goes_on(&workspace, &run, 1, &|arguments| workspace.lgflow(arguments));
}

#[test]
fn who_hung_and_was_taken_over_seals_and_anchors_nothing_when_it_wakes() {
    let workspace = holding::workspace("retry");
    let file = anchored(&workspace);
    let front = begun(&workspace, run(&workspace));
    let run = only_run(&workspace);
    signal(front.id(), "STOP");
    let others = children(front.id());
    for other in &others {
        assert!(["__runner", "__interpreter"].iter().any(|name| command_line(*other).contains(name)));
        signal(*other, "KILL");
    }
    all_gone(&others);
    // as if its process were where nobody here can see it, and had been watched
    database(&workspace).execute("UPDATE runs SET holder = 'nobody'", []).unwrap();
    let_go(&workspace);
    let lgflow = |arguments: &[&str]| workspace.lgflow(arguments);
    lgflow(&["runs", "resume", &run]).ended(0);
    let holds = || (lgflow(&["trace", "verify", &run]).ended(0).stdout, anchors(&file));
    let before = holds();
    signal(front.id(), "CONT");
    let (ran, _) = ended(front, 1);
    let ran = ran.says("was taken over by another process").says("says how far the other one has come");
    assert!(!ran.stderr.contains("goes on"), "{}", ran.stderr);
    assert_eq!(holds(), before);
    has_ended(&workspace, &run, 2, &lgflow);
}

#[test]
fn a_call_whose_end_cannot_be_put_on_record_has_none_and_the_run_goes_on_once_it_can() {
    let workspace = holding::workspace("retry");
    let front = begun(&workspace, run(&workspace));
    let ledger = workspace.state().join("ledger");
    let away = workspace.state().join("away");
    fs::rename(&ledger, &away).unwrap();
    let_go(&workspace);
    let (ran, run) = ended(front, 1);
    let ran = ran.says("the runner could not answer").says("has no receipt");
    assert_eq!(ran.json()["status"], "interrupted");
    // what was opened meanwhile is another ledger
    let _ = fs::remove_dir_all(&ledger);
    fs::rename(&away, &ledger).unwrap();
    assert_eq!(status_of(&run, &|arguments| workspace.lgflow(arguments)), "interrupted");
    goes_on(&workspace, &run, 2, &|arguments| workspace.lgflow(arguments));
}

#[test]
fn a_result_that_was_written_in_part_takes_no_later_one_with_it() {
    let state = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(state.path(), "w").unwrap();
    let kept = |key: &str| KeptResult { key: key.to_owned(), result: serde_json::json!({ "ok": true }) };
    ledger.keep_result("run", &kept("one")).unwrap();
    let file = find(state.path(), "results/run.jsonl");
    // the disk was full in the middle of the second
    let whole = fs::read(&file).unwrap();
    fs::write(&file, [&whole[..], &whole[..whole.len() / 2]].concat()).unwrap();
    ledger.keep_result("run", &kept("three")).unwrap();
    assert_eq!(ledger.kept_results("run").unwrap(), [kept("one"), kept("three")]);
}

const ASKS_TWICE: &str = "\
schema: lgflow.graph/v1
name: asks-twice
nodes:
  one: { uses: approval, with: { show: 'one?' } }
  two: { uses: approval, with: { show: 'two?' } }
edges: [one -> two]
";

#[test]
fn a_run_that_was_rolled_back_is_not_answered() {
    let workspace = Workspace::git();
    workspace.forges();
    workspace.write("graph.yaml", ASKS_TWICE);
    workspace.lgflow(&["run", "-g", "graph.yaml"]).ended(5);
    let run = only_run(&workspace);
    let file = store_of(&workspace).folder().join("runs.db");
    let backup = file.with_extension("backup");
    fs::copy(&file, &backup).unwrap();
    workspace.lgflow(&["approve", &run, "one"]).ended(0);
    workspace.lgflow(&["runs", "resume", &run]).ended(5);
    fs::copy(&backup, &file).unwrap();
    for answer in ["approve", "reject"] {
        workspace.lgflow(&[answer, &run, "one"]).ended(7).says("it was cut or written anew");
    }
    workspace.lgflow(&["runs", "resume", &run]).ended(7);
}

#[test]
fn a_run_whose_machine_loses_power_at_any_event_ends_as_it_would_have_with_each_effect_once() {
    let lost = powered_off_at_every_event(&|| Bench::new("local"));
    // those that end the run, at the least: they are told together, and waited for by nobody
    assert!(lost >= 3, "no more than {lost} events were lost");
}
