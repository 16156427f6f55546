//! Traces that earlier versions wrote stay readable: shown, verified, decided again, exported, and held against each other. The
//! files beneath `tests/trace_compat/` are never written again (`CONTRIBUTING.md`).

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod program;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lgflow::schema::{Validator, document};
use program::Workspace;
use serde_json::{Value, json};

/// How each run of version 1 ended.
const CASES: [(&str, &str); 14] = [
    ("approval", "succeeded"),
    ("bounded", "out_of_budget"),
    ("cached", "succeeded"),
    ("cancel", "cancelled"),
    ("exhausted", "failed"),
    ("failure", "failed"),
    ("forked", "succeeded"),
    ("loop", "succeeded"),
    ("map", "succeeded"),
    ("patches", "succeeded"),
    ("rejected", "failed"),
    ("success", "succeeded"),
    ("undo", "succeeded"),
    ("withdrawn", "failed"),
];

/// Forms in which a trace is written for other programs without a key.
const FORMS: [&str; 6] = ["json", "otlp", "otlp-protobuf", "perfetto", "mermaid", "html"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/trace_compat/v1")
}

/// A workspace with one of them in it, of an installation that knows nothing of it.
fn laid_out(case: &str) -> Workspace {
    let workspace = Workspace::new();
    let status =
        Command::new("cp").arg("-r").arg(folder().join(case)).arg(workspace.path().join("t")).status();
    assert!(status.unwrap().success());
    workspace
}

#[test]
fn every_folder_is_tried() {
    let names =
        fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    assert_eq!(names, CASES.map(|(name, _)| name));
}

#[test]
fn events_of_version_1_fit_the_schema_of_today() {
    let schema: Value = serde_json::from_str(document("event").unwrap()).unwrap();
    let known = schema.pointer("/properties/kind/enum").unwrap().as_array().unwrap();
    let known = known.iter().map(|kind| kind.as_str().unwrap().to_owned()).collect();
    let schema = Validator::new(&schema).unwrap();
    let mut kinds = std::collections::BTreeSet::new();
    for (case, _) in CASES {
        for line in fs::read_to_string(folder().join(case).join("run.jsonl")).unwrap().lines() {
            let event: Value = serde_json::from_str(line).unwrap();
            let errors: Vec<String> = schema.errors(&event).iter().map(ToString::to_string).collect();
            assert!(errors.is_empty(), "{case}: {errors:?}\n{line}");
            kinds.insert(event["kind"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(kinds, known, "there is a fixture for each kind of event");
}

#[test]
fn traces_of_version_1_are_shown_verified_and_decided_again() {
    for (case, status) in CASES {
        let workspace = laid_out(case);
        let shown = workspace.lgflow(&["trace", "show", "t/run.jsonl", "--format", "json"]).ended(0).json();
        let events = shown["events"].as_array().unwrap();
        let last = &events[events.len() - 1];
        assert_eq!(
            (&last["kind"], &last["data"]["status"]),
            (&json!("run.finished"), &json!(status)),
            "{case}"
        );
        let verified =
            workspace.lgflow(&["trace", "verify", "t/run.jsonl", "--format", "json"]).ended(0).json();
        assert_eq!(
            (&verified["verdicts"][0], &verified["events"]),
            (&json!("hashes and receipts agree"), &json!(events.len())),
            "{case}: {verified}"
        );
        let replay = ["replay", "t/run.jsonl", "-g", "t/graph.yaml", "--format", "json"];
        let replayed = workspace.lgflow(&replay).ended(0).json();
        assert_eq!(
            (&replayed["ok"], &replayed["complete"]),
            (&json!(true), &json!(true)),
            "{case}: {replayed}"
        );
        workspace.lgflow(&["runs", "diff", "t/run.jsonl", "t/run.jsonl"]).ended(0);
    }
}

#[test]
fn traces_of_version_1_are_exported() {
    for (case, status) in CASES {
        let workspace = laid_out(case);
        for form in FORMS {
            workspace.lgflow(&["trace", "export", "t/run.jsonl", "--to", form, "-o", form]).ended(0);
        }
        let exported: Value = serde_json::from_str(&workspace.read("json")).unwrap();
        assert_eq!(exported["status"], status, "{case}");
        assert!(exported["pieces"].as_array().unwrap().len() > 2, "{case}");
    }
}
