//! One run of which something is damaged takes nothing of the others with it: they are listed, removed, verified and gone on
//! with as before, and of that one it is said what is wrong.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod program;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use lgflow::ledger::Ledger;
use lgflow::schema::{Validator, document};
use program::Workspace;
use program::gated::GATED;
use program::kept::{database, log_of, store_of};
use serde_json::{Value, json};

const POLICY: &str = "schema: lgflow.policy/v1\nname: gated\ntools: { apply_patch: allow }\npaths:\n  read: { allow: ['**'] }\n  \
    write: { allow: ['**'] }\n";

/// A run that waits, a fork of it that waits as well, and one that took the first back.
struct Three {
    workspace: Workspace,
    first: String,
    forked: String,
    back: String,
}

impl Three {
    fn new() -> Self {
        let workspace = Workspace::new();
        workspace.forges();
        workspace.write("graph.yaml", GATED).write("policy.yaml", POLICY);
        let id = |arguments: &[&str], code: i32| {
            let ran = workspace.lgflow(&[arguments, &["--format", "json"]].concat()).ended(code).json();
            ran["run"].as_str().unwrap().to_owned()
        };
        let first = id(&["run", "-g", "graph.yaml", "--policy", "policy.yaml"], 5);
        let forked = id(&["runs", "fork", &first, "--from", "gate"], 5);
        let back = id(&["runs", "undo", &first], 0);
        Self { workspace, first, forked, back }
    }

    fn record(&self, part: &str, run: &str) -> PathBuf {
        let ledger = self.workspace.state().join("ledger").join(store_of(&self.workspace).id());
        ledger.join(part).join(run)
    }

    /// Alters a record of the ledger, as somebody would who has not its key.
    fn alter(&self, part: &str, run: &str) {
        let path = self.record(part, run);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replacen("\"seal\":\"", "\"seal\":\"0", 1)).unwrap();
    }

    /// Damages all that the store keeps of a run.
    fn damage(&self, run: &str) {
        let broken = "UPDATE segments SET data = x'00ff' WHERE run = (SELECT id FROM runs WHERE run = ?1)";
        assert_eq!(database(&self.workspace).execute(broken, [run]).unwrap(), 1);
    }

    /// The same of what is neither its first event nor its last.
    fn damage_within(&self, run: &str) {
        let log = log_of(&self.workspace, run);
        let lines: Vec<&str> = log.split_inclusive('\n').collect();
        let database = database(&self.workspace);
        let id: i64 =
            database.query_row("SELECT id FROM runs WHERE run = ?1", [run], |row| row.get(0)).unwrap();
        database.execute("DELETE FROM segments WHERE run = ?1", [id]).unwrap();
        let insert = |seq: usize, events: usize, size: usize, data: &str| {
            let [seq, events, size] = [seq, events, size].map(|number| i64::try_from(number).unwrap());
            let row = "INSERT INTO segments (run, first_seq, events, codec, size, data) VALUES (?1, ?2, ?3, 0, ?4, ?5)";
            database.execute(row, rusqlite::params![id, seq, events, size, data.as_bytes()]).unwrap();
        };
        let (first, last) = (lines[0], lines[lines.len() - 1]);
        insert(1, 1, first.len(), first);
        // it is shorter than it was
        insert(2, lines.len() - 2, 99, "damaged");
        insert(lines.len(), 1, last.len(), last);
    }

    fn row(&self, run: &str) -> Value {
        let list = self.workspace.lgflow(&["runs", "list", "--format", "json"]).ended(0).json();
        let schema: Value = serde_json::from_str(document("runs").unwrap()).unwrap();
        assert!(Validator::new(&schema).unwrap().accepts(&list), "{list:#}");
        let rows = list["runs"].as_array().unwrap();
        assert_eq!(rows.len(), 3);
        rows.iter().find(|row| row["run"] == run).unwrap().clone()
    }

    /// It is damaged so, and that is said wherever it is listed; it is kept, and the others are as they were.
    #[track_caller]
    fn is_damaged(&self, run: &str, how: &str) {
        let row = self.row(run);
        assert!(row["damage"].as_str().unwrap().contains(how) && row["resumable"] == false, "{row}");
        let list = self.workspace.lgflow(&["runs", "list"]).ended(0).stdout;
        let line = list.lines().find(|line| line.starts_with(run)).unwrap();
        assert!(line.contains("  damaged") && line.contains(how), "{line}");
        for arguments in [&["--keep", "0", "--dry-run"][..], &["--keep", "0"]] {
            let gone = self
                .workspace
                .lgflow(&[&["runs", "gc", "--format", "json"], arguments].concat())
                .ended(0)
                .json();
            let schema: Value = serde_json::from_str(document("removed-runs").unwrap()).unwrap();
            assert!(Validator::new(&schema).unwrap().accepts(&gone), "{gone:#}");
            let kept = gone["kept"].as_array().unwrap();
            let kept = kept.iter().find(|kept| kept["run"] == run).unwrap();
            assert!(kept["why"].as_str().unwrap().contains(how), "{gone:#}");
            assert_eq!(gone["runs"], json!([]), "the others wait, or are needed");
        }
        let all =
            self.workspace.lgflow(&["trace", "verify", "--all", "--allow", "incomplete", "--format", "json"]);
        let all = all.ended(7).json();
        let bad = |row: &&Value| row["run"] == run;
        let unsound = all["runs"].as_array().unwrap().iter().filter(|row| row["ok"] == false);
        let told: Vec<&Value> = all["unreadable"].as_array().unwrap().iter().chain(unsound).collect();
        assert_eq!((told.len(), told.iter().filter(|row| bad(row)).count()), (1, 1), "{all:#}");
    }
}

#[test]
fn where_the_trace_of_an_undo_is_damaged_it_may_have_taken_back_what_a_fork_stands_on() {
    for within in [false, true] {
        let three = Three::new();
        if within {
            three.damage_within(&three.back);
        } else {
            three.damage(&three.back);
            three.is_damaged(&three.back, "not what was put there");
        }
        let row = three.row(&three.first);
        assert_eq!((&row["taken_back_by"], &row["damage"]), (&json!(three.back), &Value::Null), "{row}");
        let row = three.row(&three.forked);
        assert_eq!(
            (&row["source_taken_back_by"], &row["damage"]),
            (&json!(three.back), &Value::Null),
            "{row}"
        );
        three.workspace.lgflow(&["runs", "show", &three.forked]).ended(0);
        three.workspace.lgflow(&["trace", "export", &three.first, "--to", "html"]).ended(0);
        three.workspace.lgflow(&["approve", &three.forked, "gate"]).ended(0);
        three.workspace.lgflow(&["runs", "resume", &three.forked]).ended(1).says(&three.back);
        three.workspace.lgflow(&["run", "-g", "graph.yaml", "--policy", "policy.yaml"]).ended(5);
    }
}

#[test]
fn a_fork_that_is_damaged_between_its_ends_says_so_and_hides_none() {
    let three = Three::new();
    three.damage_within(&three.forked);
    three.is_damaged(&three.forked, "not what was put there");
    three.workspace.lgflow(&["runs", "undo", &three.back]).ended(0);
    three.workspace.lgflow(&["approve", &three.first, "gate"]).ended(0);
    three.workspace.lgflow(&["runs", "resume", &three.first]).ended(0);
}

#[test]
fn a_record_of_the_ledger_that_was_altered_is_the_damage_of_its_run_alone() {
    // how far the undo had come
    let three = Three::new();
    three.alter("heads", &three.back);
    three.is_damaged(&three.back, "was altered; it is not believed");
    // what the fork was started with
    let three = Three::new();
    three.alter("runs", &three.forked);
    three.is_damaged(&three.forked, "was altered; it is not believed");
    three.workspace.lgflow(&["runs", "resume", &three.forked]).ended(7).says("was altered");
    three.workspace.lgflow(&["approve", &three.forked, "gate"]).ended(7).says("was altered");
    three.workspace.lgflow(&["runs", "undo", &three.back]).ended(0);
    three.workspace.lgflow(&["approve", &three.first, "gate"]).ended(0);
    three.workspace.lgflow(&["runs", "resume", &three.first]).ended(0);
    // where the undo was anchored: nobody could note there that it is removed
    let three = Three::new();
    let anchors = three.record("anchors", &three.back);
    fs::write(&anchors, "{}").unwrap();
    fs::set_permissions(&anchors, fs::Permissions::from_mode(0o600)).unwrap();
    three.workspace.lgflow(&["runs", "undo", &three.back]).ended(0);
    for run in [&three.forked, &three.first] {
        three.workspace.lgflow(&["approve", run, "gate"]).ended(0);
        three.workspace.lgflow(&["runs", "resume", run]).ended(0);
    }
    // first what was forked, and then the rest
    let removes =
        || three.workspace.lgflow(&["runs", "gc", "--keep", "0", "--format", "json"]).ended(0).json();
    assert_eq!(removes()["runs"][0]["run"], three.forked.as_str());
    let gone = removes();
    assert_eq!(gone["runs"][0]["run"], three.first.as_str(), "{gone:#}");
    assert_eq!(gone["kept"][0]["run"], three.back.as_str(), "{gone:#}");
    assert!(gone["kept"][0]["why"].as_str().unwrap().contains("was altered"), "{gone:#}");
}

#[test]
fn that_a_run_was_taken_back_is_not_forgotten_with_the_record_of_what_did_it() {
    let three = Three::new();
    three.alter("runs", &three.back);
    three.is_damaged(&three.back, "was altered; it is not believed");
    for run in [&three.first, &three.forked] {
        three.workspace.lgflow(&["approve", run, "gate"]).ended(0);
        three
            .workspace
            .lgflow(&["runs", "resume", run])
            .ended(1)
            .says(&format!("taken back by the run `{}`", three.back));
    }
    assert!(!three.workspace.path().join("b.txt").exists());
}

#[test]
fn what_others_have_left_is_removed_beside_what_cannot_be_looked_at() {
    let workspace = Workspace::new();
    workspace.forges();
    let ledger = Ledger::open(&workspace.state(), &store_of(&workspace).id()).unwrap();
    let (good, bad) = ("01k00000000000000000000aaa", "01k00000000000000000000bbb");
    for id in [good, bad] {
        assert!(ledger.serve(id, "ci").unwrap());
    }
    let folder = workspace.state().join("ledger").join(store_of(&workspace).id());
    let receipts = folder.join(format!("receipts/{bad}.jsonl"));
    fs::write(&receipts, "").unwrap();
    fs::set_permissions(&receipts, fs::Permissions::from_mode(0o666)).unwrap();
    let gone = workspace.lgflow(&["runs", "gc", "--keep", "0", "--format", "json"]).ended(0).json();
    assert_eq!(
        (&gone["sessions"][0]["id"], &gone["kept"][0]["run"]),
        (&json!(good), &json!(bad)),
        "{gone:#}"
    );
    assert!(folder.join("served").join(bad).exists() && !folder.join("served").join(good).exists());
    // nor can it be said of a record that was altered whether the store must have its run
    fs::write(folder.join("runs").join(bad), "{}").unwrap();
    fs::set_permissions(folder.join("runs").join(bad), fs::Permissions::from_mode(0o600)).unwrap();
    let all = workspace.lgflow(&["trace", "verify", "--all", "--format", "json"]).ended(7).json();
    assert_eq!(all["gone"][0]["run"], bad, "{all:#}");
    assert!(
        all["gone"][0]["detail"].as_str().unwrap().contains("nobody knows whether it must have"),
        "{all:#}"
    );
}
