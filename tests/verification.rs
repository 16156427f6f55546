//! `lgflow trace verify` against whoever writes a trace anew, with every hash computed again, and against what lies beside one.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and stops where it is wrong"
)]

mod program;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use lgflow::digest::{Digest, canonical_json};
use program::kept::{anew, find, log_of, rewrite_log};
use program::{Ran, Workspace};
use serde_json::{Value, json};

const GRAPH: &str = "\
schema: lgflow.graph/v1
name: reads
nodes:
  first: { uses: read_file, with: { path: a.txt } }
  end: { uses: values, with: { text: '{{ nodes.first.output.content }}' } }
edges: [first -> end]
outputs: { text: '{{ nodes.end.output.text }}' }
";

trait Tells {
    fn says_out(self, text: &str) -> Self;
}

impl Tells for Ran {
    #[track_caller]
    fn says_out(self, text: &str) -> Self {
        assert!(self.stdout.contains(text), "`{text}` is not in stdout:\n{}", self.stdout);
        self
    }
}

/// A run, its log in the store, and its copy in the workspace.
struct Subject {
    workspace: Workspace,
    run: String,
    copy: PathBuf,
    honest: String,
}

impl Subject {
    fn new() -> Self {
        let workspace = Workspace::git();
        workspace.write("graph.yaml", GRAPH).write("a.txt", "a\n");
        let ran =
            workspace.lgflow(&["run", "-g", "graph.yaml", "--trace", "--format", "json"]).ended(0).json();
        let run = ran["run"].as_str().unwrap().to_owned();
        let copy = workspace.path().join(ran["trace"].as_str().unwrap());
        let honest = log_of(&workspace, &run);
        Self { workspace, run, copy, honest }
    }

    fn verify(&self, named: impl AsRef<Path>) -> Ran {
        self.workspace.lgflow(&["trace", "verify", named.as_ref().to_str().unwrap()])
    }

    fn write(&self, text: &str) {
        rewrite_log(&self.workspace, &self.run, text);
        fs::write(&self.copy, text).unwrap();
    }

    fn lose_the_seal(&self) {
        fs::remove_file(find(&self.workspace.state().join("ledger"), &format!("heads/{}", self.run)))
            .unwrap();
    }
}

type Alter = fn(&mut Vec<Value>);

fn of<'a>(events: &'a mut [Value], kind: &str) -> &'a mut Value {
    events.iter_mut().find(|event| event["kind"] == kind).unwrap()
}

/// What no receipt tells of, and the graph and the events before it do.
const DECIDED: [(&str, Alter); 6] = [
    ("outputs", |events| of(events, "run.finished")["data"]["outputs"]["text"] = json!("other")),
    ("the end", |events| of(events, "run.finished")["data"]["status"] = json!("failed")),
    ("a node's output", |events| {
        let end = events.iter_mut().rfind(|event| event["kind"] == "node.finished").unwrap();
        end["data"]["output"]["text"] = json!("other");
    }),
    ("a node's status", |events| of(events, "node.finished")["data"]["status"] = json!("failed")),
    ("an event that is gone", |events| {
        let at = events.iter().rposition(|event| event["kind"] == "node.finished").unwrap();
        events.remove(at);
    }),
    ("an approval", |events| {
        let mut granted = events[1].clone();
        granted["kind"] = json!("approval.granted");
        granted["data"] =
            json!({ "question": 1, "by": "boss", "comment": "", "choice": null, "response": null });
        events.insert(2, granted);
    }),
];

/// What comes from outside, so that only the seal knows it.
const OUTSIDE: [(&str, Alter); 3] = [
    ("a time", |events| events[1]["ts"] = json!("2001-01-01T00:00:00.000Z")),
    ("the revision", |events| events[0]["data"]["revision"] = json!("0".repeat(40))),
    ("inputs", |events| events[0]["data"]["inputs"] = json!({ "other": true })),
];

#[test]
fn what_was_written_anew_is_found_by_id_by_path_and_as_a_copy() {
    let subject = Subject::new();
    let elsewhere = subject.workspace.outside().join("t.jsonl");
    for named in [Path::new(&subject.run), &subject.copy] {
        subject.verify(named).ended(0).says_out("consistent, signed by local:").says_out("as sealed");
    }
    for (what, alter) in DECIDED.iter().chain(&OUTSIDE) {
        let forged = anew(&subject.honest, *alter);
        assert_ne!(forged, subject.honest, "{what}");
        subject.write(&forged);
        fs::write(&elsewhere, &forged).unwrap();
        for named in [Path::new(&subject.run), &subject.copy, &elsewhere] {
            let ran = subject.verify(named);
            assert_eq!(ran.code, Some(7), "{what}, {}: {}{}", named.display(), ran.stdout, ran.stderr);
            ran.says("this installation sealed");
        }
    }
    subject.write(&subject.honest);
    fs::write(&elsewhere, &subject.honest).unwrap();
    subject.verify(&subject.run).ended(0);
    subject.verify(&elsewhere).ended(0).says_out("consistent, signed by local:");
}

#[test]
fn without_the_seal_what_was_decided_is_decided_again_and_the_rest_is_not_claimed() {
    let subject = Subject::new();
    subject.lose_the_seal();
    for named in [Path::new(&subject.run), &subject.copy] {
        let ran = subject.verify(named).ended(0);
        ran.says_out("consistent, unanchored: ").says_out("no seal of its end");
    }
    for (what, alter) in DECIDED {
        subject.write(&anew(&subject.honest, alter));
        for named in [Path::new(&subject.run), &subject.copy] {
            let ran = subject.verify(named);
            assert_eq!(ran.code, Some(7), "{what}, {}: {}{}", named.display(), ran.stdout, ran.stderr);
            assert!(ran.stderr.contains(": event "), "{what}: {}", ran.stderr);
        }
    }
    for (what, alter) in OUTSIDE {
        subject.write(&anew(&subject.honest, alter));
        subject.verify(&subject.run).ended(7).says("this installation does not vouch for it");
        // what stands in the store is no word for a copy, nor against it
        let ran = subject.verify(&subject.copy).ended(0);
        assert!(ran.stdout.contains("no seal of its end") && !ran.stdout.contains("signed by"), "{what}");
    }
    // what was recorded is
    for (_, alter) in OUTSIDE {
        subject.write(&subject.honest);
        fs::write(&subject.copy, anew(&subject.honest, alter)).unwrap();
        subject.verify(&subject.run).ended(0).says_out("has recorded all of its events");
        subject
            .verify(&subject.copy)
            .ended(7)
            .says("it is not what this installation has recorded of the run");
    }
}

#[test]
fn elsewhere_the_words_claim_what_was_looked_at() {
    let (subject, elsewhere) = (Subject::new(), Workspace::new());
    let receipts = fs::read(subject.copy.with_extension("receipts")).unwrap();
    elsewhere.write("t.jsonl", &subject.honest);
    let verify = || elsewhere.lgflow(&["trace", "verify", "t.jsonl"]);
    let ran = verify().ended(0);
    ran.says_out("hashes agree, unanchored: ")
        .says_out("knows nothing of the run")
        .says_out("plan is not at hand");
    elsewhere.write("t.receipts", receipts);
    verify().ended(0).says_out("hashes and receipts agree, unanchored: ");
    let banana: Alter = |events| {
        let mut other = events[1].clone();
        other["kind"] = json!("banana");
        events.insert(2, other);
    };
    elsewhere.write("t.jsonl", anew(&subject.honest, banana));
    verify().ended(7).says("event 3 is of a kind that no event has");
    elsewhere.write("t.jsonl", "");
    elsewhere.lgflow(&["trace", "verify", "t.jsonl", "--allow", "incomplete"]).ended(7).says("empty");
}

#[test]
fn receipts_beside_a_copy_are_those_of_this_installation() {
    let subject = Subject::new();
    let path = subject.copy.with_extension("receipts");
    let (mut last, mut lines) = (Value::Null, String::new());
    for line in fs::read_to_string(&path).unwrap().lines() {
        let mut receipt: Value = serde_json::from_str(line).unwrap();
        if receipt["kind"] == "session.opened" {
            receipt["key"] = json!("local:0000000000000000");
        }
        receipt["prev"] = last;
        let line = canonical_json(&receipt);
        last = json!(Digest::of(&line).to_string());
        lines += &(line + "\n");
    }
    fs::write(&path, lines).unwrap();
    subject.verify(&subject.copy).ended(7).says("receipt 1 of the runner was edited");
    fs::remove_file(&path).unwrap();
    subject.verify(&subject.copy).ended(0).says_out("signed by local:");
}

#[test]
fn only_plain_files_are_read() {
    let subject = Subject::new();
    let receipts = subject.copy.with_extension("receipts");
    let honest = fs::read(&receipts).unwrap();
    fs::remove_file(&receipts).unwrap();
    symlink("/dev/zero", &receipts).unwrap();
    subject.verify(&subject.copy).ended(7).says("cannot read the receipts");
    fs::remove_file(&receipts).unwrap();
    assert!(Command::new("mkfifo").arg(&receipts).status().unwrap().success());
    subject.verify(&subject.copy).ended(7).says("cannot read the receipts");
    fs::remove_file(&receipts).unwrap();
    // nor a link to what would be right
    let beside = subject.workspace.outside().join("own.receipts");
    fs::write(&beside, honest).unwrap();
    symlink(&beside, &receipts).unwrap();
    subject.verify(&subject.copy).ended(7).says("cannot read the receipts");
    let link = subject.workspace.outside().join("zero.jsonl");
    symlink("/dev/zero", &link).unwrap();
    subject.verify(&link).ended(7).says("not a regular file");
    let database = find(&subject.workspace.state(), "runs.db");
    subject.workspace.forges();
    fs::remove_file(&database).unwrap();
    symlink("/dev/zero", &database).unwrap();
    subject.verify(&subject.run).ended(1).says("is a symbolic link");
}

#[test]
fn the_id_of_a_run_is_a_run_and_no_file() {
    let subject = Subject::new();
    subject.workspace.write(&subject.run, "no trace\n").write("01jd0000000000000000000000", "no trace\n");
    subject.verify(&subject.run).ended(0).says_out("consistent, signed by local:");
    subject.verify(format!("./{}", subject.run)).ended(7).says("cannot be read");
    subject.verify("01jd0000000000000000000000").ended(2).says("./01jd0000000000000000000000");
}
