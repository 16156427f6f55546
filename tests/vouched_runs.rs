//! Only what this installation has recorded is gone on with, forked or taken back: whoever else can write the store's file can
//! make every number and every hash agree, and no code.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod program;

use lgflow::schema::{Validator, document};
use program::Workspace;
use program::forged::{
    Forging, an_answer_that_nobody_gave_is_refused, another_answer_is_refused, other_inputs_are_refused,
};
use program::kept::{anew, database, rewrite_log};
use serde_json::{Value, json};

fn in_a_file(test: impl FnOnce(&Forging<'_>)) {
    let workspace = Workspace::git();
    test(&Forging {
        workspace: &workspace,
        command: &|arguments| workspace.command(arguments),
        rewrite: &|run, text| rewrite_log(&workspace, run, text),
    });
}

#[test]
fn a_run_that_died_does_not_go_on_with_inputs_that_somebody_else_wrote() {
    in_a_file(other_inputs_are_refused);
}

#[test]
fn a_persons_no_does_not_become_a_yes() {
    in_a_file(another_answer_is_refused);
}

#[test]
fn an_answer_that_nobody_gave_is_none() {
    in_a_file(an_answer_that_nobody_gave_is_refused);
}

#[test]
fn a_copy_of_a_run_that_is_not_over_is_held_against_what_was_recorded() {
    in_a_file(|forging| {
        let (workspace, run) = (forging.workspace, forging.dead());
        let recorded = forging.log(&run);
        let verified = |text: &str, code: i32| -> Value {
            workspace.write("copy.jsonl", text);
            let arguments = ["trace", "verify", "./copy.jsonl", "--allow", "incomplete", "--format", "json"];
            let found = forging.ran(&arguments).ended(code).json();
            let schema: Value = serde_json::from_str(document("verification").unwrap()).unwrap();
            assert!(Validator::new(&schema).unwrap().accepts(&found), "{found:#}");
            found["as_recorded"].clone()
        };
        assert_eq!(verified(&recorded, 0), true);
        // the beginning of it was recorded as well; that a call is left out is told by the receipts
        let earlier: String = recorded.split_inclusive('\n').take(2).collect();
        assert_eq!(verified(&earlier, 7), true);
        let other = anew(&recorded, |events| events[0]["data"]["inputs"] = json!({ "where": "there" }));
        assert_eq!(verified(&other, 7), false);
        forging
            .ran(&["trace", "verify", "./copy.jsonl", "--allow", "incomplete"])
            .ended(7)
            .says("it is not what this installation has recorded of the run");
        // where what stands in the store is not known to be that, it says nothing of a copy
        database(workspace).execute("UPDATE runs SET code = NULL", []).unwrap();
        assert_eq!(verified(&recorded, 0), Value::Null);
        workspace.forges();
    });
}

/// A store whose runs an older version has written, which put no code beside them.
fn without_codes(workspace: &Workspace) {
    database(workspace).execute("UPDATE runs SET code = NULL", []).unwrap();
}

#[test]
fn what_an_older_version_has_recorded_is_believed_as_far_as_it_was_sealed() {
    in_a_file(|forging| {
        let (workspace, run) = (forging.workspace, forging.dead());
        without_codes(workspace);
        let said = "as an older version of lgflow wrote it";
        for refused in [
            &["runs", "resume", &run][..],
            &["runs", "fork", &run, "--from", "deploy"],
            &["runs", "undo", &run],
            &["trace", "verify", &run, "--allow", "incomplete"],
        ] {
            forging.ran(refused).ended(7).says(said);
        }
        for shown in [&["trace", "show", &run][..], &["replay", &run], &["runs", "list"]] {
            forging.ran(shown).ended(0);
        }
        // one whose end was sealed
        let named = ["run", "-g", "graph.yaml", "--policy", "policy.yaml", "--format", "json"];
        let run = |arguments: &[&str], code: i32| -> String {
            let ran = forging.ran(arguments).ended(code).json();
            ran["run"].as_str().unwrap().to_owned()
        };
        let over = run(&[&named[..], &["-i", "where=here"]].concat(), 0);
        without_codes(workspace);
        assert_eq!(
            forging.ran(&["trace", "verify", &over, "--format", "json"]).ended(0).json()["as_recorded"],
            true
        );
        run(&["runs", "fork", &over, "--from", "deploy", "--format", "json"], 0);
        without_codes(workspace);
        run(&["runs", "undo", &over, "--format", "json"], 0);
    });
}

#[test]
fn a_run_that_waits_as_an_older_version_has_sealed_it_goes_on_and_is_vouched_for_from_then_on() {
    let workspace = Workspace::new();
    workspace.write("graph.yaml", program::gated::GATED).write(
        "policy.yaml",
        "schema: lgflow.policy/v1\nname: gated\ntools: { apply_patch: allow }\npaths: { read: { allow: ['**'] }, write: { allow: ['**'] } }\n",
    );
    let named = ["run", "-g", "graph.yaml", "--policy", "policy.yaml", "--format", "json"];
    let waits = workspace.lgflow(&named).ended(5).json();
    let run = waits["run"].as_str().unwrap();
    without_codes(&workspace);
    workspace.lgflow(&["approve", run, "gate"]).ended(0);
    workspace.lgflow(&["runs", "resume", run]).ended(0);
    let code: Option<String> =
        database(&workspace).query_row("SELECT code FROM runs", [], |row| row.get(0)).unwrap();
    assert!(code.is_some());
    workspace.lgflow(&["trace", "verify", run]).ended(0);
}
