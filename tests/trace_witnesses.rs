//! `lgflow trace sign`, `anchor` and `verify --key|--anchor|--all`: what others know of a trace, held against those who hold
//! the state, the trace and this installation's key, and write all of it anew.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and stops where it is wrong"
)]

mod program;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use lgflow::digest::canonical_json;
use program::kept::anew;
use program::keys::keys;
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

const ASKS: &str = "\
schema: lgflow.graph/v1
name: asks
nodes:
  first: { uses: read_file, with: { path: a.txt } }
  ask: { uses: approval, with: { show: on? } }
edges: [first -> ask]
outputs: { x: 1 }
";

fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.current_dir(folder).args(["-c", "user.name=t", "-c", "user.email=t@localhost"]).args(arguments);
    let output = command.output().expect("git is needed for this test");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A run in a repository with a commit, its copy, and a pair of keys.
struct Subject {
    workspace: Workspace,
    run: String,
    copy: PathBuf,
    secret: PathBuf,
    public: PathBuf,
}

impl Subject {
    fn new(graph: &str, code: i32) -> Self {
        Self::within(Workspace::git(), graph, code)
    }

    fn within(workspace: Workspace, graph: &str, code: i32) -> Self {
        workspace.write("graph.yaml", graph).write("a.txt", "a\n");
        git(&workspace.path(), &["add", "."]);
        git(&workspace.path(), &["commit", "-q", "-m", "first"]);
        let ran =
            workspace.lgflow(&["run", "-g", "graph.yaml", "--trace", "--format", "json"]).ended(code).json();
        let run = ran["run"].as_str().unwrap().to_owned();
        let copy = workspace.path().join(ran["trace"].as_str().unwrap());
        let (secret, public) = keys(workspace.outside(), "mine");
        Self { workspace, run, copy, secret, public }
    }

    fn trace(&self, arguments: &[&str]) -> Ran {
        self.workspace.lgflow(&[&["trace"], arguments].concat())
    }

    /// Verifies the copy with nothing but itself at hand, as somebody elsewhere does.
    fn elsewhere(&self, more: &[&str]) -> Ran {
        let copy = self.copy.to_str().unwrap();
        let arguments = [&["trace", "verify", copy, "--format", "json"], more].concat();
        let mut command = self.workspace.command(&arguments);
        Ran::from(command.env("LGFLOW_STATE_DIR", self.workspace.outside().join("other")).output().unwrap())
    }

    fn lines(&self) -> usize {
        fs::read_to_string(&self.copy).unwrap().lines().count()
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_key_signs_a_trace_and_is_asked_for_again() {
    let subject = Subject::new(GRAPH, 0);
    let (key, public) = (text(&subject.secret), text(&subject.public));
    let verify = ["verify", &subject.run, "--key", public];
    subject.trace(&verify).ended(7).says("has not signed it");
    let signed = subject.trace(&["sign", &subject.run, "--key", key, "--format", "json"]).ended(0).json();
    assert_eq!(signed["events"], subject.lines());
    // the same word twice is one word
    subject.trace(&["sign", &subject.run, "--key", key]).ended(0);
    let kept = subject.copy.with_extension("sig");
    assert_eq!(fs::read_to_string(&kept).unwrap().lines().count(), 1);
    let said = subject.trace(&verify).ended(0).stdout;
    let name = signed["key"].as_str().unwrap();
    assert!(
        said.contains("consistent, signed by local:") && said.contains(&format!("signed by {name}")),
        "{said}"
    );
    // elsewhere, where neither state nor key of this installation are, and by the key itself
    let said = subject.elsewhere(&["--key", name]).ended(0).json();
    assert_eq!(said["verdicts"][1], format!("signed by {name}"));
    assert_eq!(said["signature"]["signed"], "whole");
    // another key has not
    let (_, other) = keys(subject.workspace.outside(), "other");
    subject.trace(&["verify", &subject.run, "--key", text(&other)]).ended(7).says("has not signed it");
    // what is no key is said
    subject.trace(&["verify", &subject.run, "--key", "graph.yaml"]).ended(2).says("a public key is");
}

#[test]
fn a_signature_is_read_and_written_through_no_link_that_nobody_named() {
    let subject = Subject::new(GRAPH, 0);
    let (key, public) = (text(&subject.secret), text(&subject.public));
    let (beside, outside) = (subject.copy.with_extension("sig"), subject.workspace.outside().join("kept"));
    fs::write(&outside, "mine\n").unwrap();
    std::os::unix::fs::symlink(&outside, &beside).unwrap();
    for named in [&subject.run, text(&subject.copy)] {
        subject.trace(&["sign", named, "--key", key]).ended(7).says("cannot read the signatures");
        subject.trace(&["verify", named, "--key", public]).ended(7).says("cannot read the signatures");
    }
    assert_eq!(fs::read_to_string(&outside).unwrap(), "mine\n");
    // what the user names is his own word
    subject.trace(&["sign", &subject.run, "--key", key, "-o", text(&beside)]).ended(0);
    assert_eq!(fs::read_to_string(&outside).unwrap().lines().count(), 2);
    subject.trace(&["verify", &subject.run, "--key", public, "--signature", text(&beside)]).ended(0);
    // nor is one that leads to nothing
    fs::remove_file(&outside).unwrap();
    subject.trace(&["sign", &subject.run, "--key", key]).ended(7);
    assert!(!outside.exists());
}

#[test]
fn a_trace_written_anew_is_not_the_signed_one_and_a_signature_is_not_made_up() {
    let subject = Subject::new(GRAPH, 0);
    let public = text(&subject.public);
    subject.trace(&["sign", text(&subject.copy), "--key", text(&subject.secret)]).ended(0);
    let honest = fs::read_to_string(&subject.copy).unwrap();
    fs::write(&subject.copy, anew(&honest, |events| events[0]["data"]["revision"] = json!(null))).unwrap();
    let said = subject.elsewhere(&["--key", public]).ended(7).json();
    assert_eq!(said["signature"]["signed"], "broken");
    assert_eq!(said["verdicts"], json!([]));
    fs::write(&subject.copy, &honest).unwrap();
    let kept = subject.copy.with_extension("sig");
    let mut signature: Value = serde_json::from_str(&fs::read_to_string(&kept).unwrap()).unwrap();
    signature["signature"] = json!(format!("AAAA{}", &signature["signature"].as_str().unwrap()[4..]));
    fs::write(&kept, canonical_json(&signature)).unwrap();
    let said = subject.elsewhere(&["--key", public]).ended(7).json();
    assert_eq!(said["signature"]["signed"], "forged");
}

#[test]
fn what_does_not_hold_or_has_not_ended_is_not_signed() {
    let subject = Subject::new(ASKS, 5);
    let key = text(&subject.secret);
    subject.trace(&["sign", &subject.run, "--key", key]).ended(7).says("incomplete");
    subject.trace(&["sign", &subject.run, "--key", key, "--allow", "incomplete"]).ended(0);
    let part = subject.lines();
    subject.workspace.lgflow(&["approve", &subject.run, "ask"]).ended(0);
    subject.workspace.lgflow(&["runs", "resume", &subject.run]).ended(0);
    let said = subject.trace(&["verify", &subject.run, "--key", text(&subject.public)]).ended(0).stdout;
    assert!(said.contains(&format!("up to event {part}")), "{said}");
    // a key that others may read is none
    fs::set_permissions(&subject.secret, fs::Permissions::from_mode(0o644)).unwrap();
    subject.trace(&["sign", &subject.run, "--key", key]).ended(2).says("chmod 600");
}

#[test]
fn an_anchored_tail_cannot_be_cut() {
    let subject = Subject::new(GRAPH, 0);
    let file = subject.workspace.outside().join("anchors.jsonl");
    let place = format!("file:{}", text(&file));
    subject.trace(&["verify", &subject.run]).ended(0);
    subject.elsewhere(&["--anchor", &place]).ended(7);
    // a line that somebody else did not end stays theirs
    fs::write(&file, "something else").unwrap();
    subject.trace(&["verify", &subject.run, "--anchor", &place]).ended(7).says("there is no anchor of it");
    subject.trace(&["anchor", &subject.run, "--to", &place]).ended(0).says("your own file");
    assert!(fs::read_to_string(&file).unwrap().starts_with("something else\n{"));
    let events = subject.lines();
    let said = subject.elsewhere(&["--anchor", &place]).ended(0).json();
    assert!(
        said["verdicts"].as_array().unwrap().contains(&json!(format!("complete up to anchor {events}"))),
        "{said}"
    );
    assert_eq!(said["anchor"], json!({ "place": place, "anchored": "up_to", "events": events }));

    // who holds everything else cuts the tail, or writes all of it anew
    let honest = fs::read_to_string(&subject.copy).unwrap();
    fs::remove_file(subject.copy.with_extension("receipts")).unwrap();
    let cut = honest.lines().take(3).collect::<Vec<_>>().join("\n") + "\n";
    let altered = anew(&honest, |events| events[0]["ts"] = json!("2020-01-01T00:00:00Z"));
    for text in [cut, altered] {
        fs::write(&subject.copy, text).unwrap();
        subject.elsewhere(&["--allow", "incomplete"]).ended(0);
        let said = subject.elsewhere(&["--allow", "incomplete", "--anchor", &place]).ended(7).json();
        assert_eq!(said["anchor"]["anchored"], "broken", "{said}");
    }
    // fewer receipts than were anchored
    fs::write(&subject.copy, &honest).unwrap();
    fs::write(subject.copy.with_extension("receipts"), "").unwrap();
    let said = subject.elsewhere(&["--anchor", &place]).ended(7).json();
    assert_eq!(said["anchor"]["anchored"], "other_receipts", "{said}");
}

#[test]
fn an_anchor_stands_in_a_git_note_that_git_reads() {
    let subject = Subject::new(GRAPH, 0);
    let root = subject.workspace.path();
    let git = |arguments: &[&str]| git(&root, arguments);
    let status = git(&["status", "--porcelain", "--untracked-files=no"]);
    subject
        .trace(&["verify", &subject.run, "--anchor", "git-note"])
        .ended(7)
        .says("there is no anchor of it");
    subject.trace(&["anchor", &subject.run, "--to", "git-note"]).ended(0);
    let note = git(&["notes", "--ref=lgflow", "show", "HEAD"]);
    assert!(note.contains(&subject.run) && note.contains("lgflow.anchor/v1"), "{note}");
    // a second one is added to what stands there
    git(&["notes", "--ref=lgflow", "append", "-m", "a person's own words", "HEAD"]);
    subject.trace(&["anchor", &subject.run, "--to", "git-note"]).ended(0);
    let note = git(&["notes", "--ref=lgflow", "show", "HEAD"]);
    assert!(note.contains("a person's own words") && note.matches("lgflow.anchor/v1").count() == 2, "{note}");
    let said = subject.trace(&["verify", &subject.run, "--anchor", "git-note"]).ended(0).stdout;
    assert!(said.contains(&format!("complete up to anchor {}", subject.lines())), "{said}");
    assert_eq!(git(&["rev-list", "--count", "refs/notes/lgflow"]).trim(), "3");
    git(&["fsck", "--strict"]);
    assert_eq!(git(&["status", "--porcelain", "--untracked-files=no"]), status, "the work tree is as it was");
}

#[test]
fn a_commit_of_sha_256_is_one_as_well() {
    let subject = Subject::within(Workspace::git_of("sha256"), GRAPH, 0);
    let git = |arguments: &[&str]| git(&subject.workspace.path(), arguments);
    let head = git(&["rev-parse", "HEAD"]).trim().to_owned();
    let first = fs::read_to_string(&subject.copy).unwrap();
    let first: Value = serde_json::from_str(first.lines().next().unwrap()).unwrap();
    assert_eq!((head.len(), &first["data"]["revision"]), (64, &json!(head)), "{first}");
    // as git does it when there are many, so that the folders of a longer name are walked
    for _ in 0..2 {
        subject.trace(&["anchor", &subject.run, "--to", "git-note"]).ended(0);
    }
    let note = git(&["notes", "--ref=lgflow", "show", "HEAD"]);
    assert_eq!(note.matches("lgflow.anchor/v1").count(), 2, "{note}");
    subject.trace(&["verify", &subject.run, "--anchor", "git-note"]).ended(0);
    git(&["fsck", "--strict"]);
}

#[test]
fn a_repository_that_cannot_be_read_is_not_said_to_be_none() {
    let workspace = Workspace::git();
    git(&workspace.path(), &["config", "core.repositoryFormatVersion", "1"]);
    git(&workspace.path(), &["config", "extensions.objectFormat", "sha1024"]);
    workspace.write("graph.yaml", GRAPH).write("a.txt", "a\n");
    let ran = workspace.lgflow(&["run", "-g", "graph.yaml", "--trace", "--format", "json"]).ended(0).json();
    let run = ran["run"].as_str().unwrap();
    let first = fs::read_to_string(workspace.path().join(ran["trace"].as_str().unwrap())).unwrap();
    let first: Value = serde_json::from_str(first.lines().next().unwrap()).unwrap();
    assert_eq!(first["data"]["revision"], Value::Null);
    let tree = &first["data"]["facts"]["work_tree"];
    assert_eq!(tree["state"], "unknown", "{first}");
    assert!(tree["why"].as_str().unwrap().contains("repository can't be read"), "{tree}");
    workspace
        .lgflow(&["trace", "anchor", run, "--to", "git-note"])
        .ended(1)
        .says("or its repository could not be read");
}

#[test]
fn a_note_among_many_is_found_where_git_has_put_it() {
    let subject = Subject::new(GRAPH, 0);
    let root = subject.workspace.path();
    let head = git(&root, &["rev-parse", "HEAD"]).trim().to_owned();
    subject.trace(&["anchor", &subject.run, "--to", "git-note"]).ended(0);
    // as git does it when there are many: by the first digits
    let blob = git(&root, &["rev-parse", &format!("refs/notes/lgflow:{head}")]).trim().to_owned();
    let index = subject.workspace.outside().join("index");
    let with_index = |arguments: &[&str]| {
        let output = Command::new("git")
            .current_dir(&root)
            .env("GIT_INDEX_FILE", &index)
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    with_index(&[
        "update-index",
        "--add",
        "--cacheinfo",
        &format!("100644,{blob},{}/{}", &head[..2], &head[2..]),
    ]);
    let tree = with_index(&["write-tree"]);
    let commit = git(&root, &["commit-tree", "-m", "fan out", &tree]).trim().to_owned();
    git(&root, &["update-ref", "refs/notes/lgflow", &commit]);
    subject.trace(&["verify", &subject.run, "--anchor", "git-note"]).ended(0);
    subject.trace(&["anchor", &subject.run, "--to", "git-note"]).ended(0);
    assert_eq!(git(&root, &["ls-tree", "-r", "--name-only", "refs/notes/lgflow"]).lines().count(), 1);
    assert_eq!(git(&root, &["notes", "--ref=lgflow", "show", "HEAD"]).matches("lgflow.anchor/v1").count(), 2);
    git(&root, &["fsck", "--strict"]);
}

#[test]
fn nothing_is_written_through_what_leads_out_of_the_git_folder() {
    let subject = Subject::new(GRAPH, 0);
    let root = subject.workspace.path();
    let elsewhere = subject.workspace.outside().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let anchor = ["anchor", &subject.run, "--to", "git-note"];
    symlink(&elsewhere, root.join(".git/refs/notes")).unwrap();
    subject.trace(&anchor).ended(1).says("is a link");
    fs::remove_file(root.join(".git/refs/notes")).unwrap();
    // a ref that stands for a branch
    git(&root, &["symbolic-ref", "refs/notes/lgflow", "refs/heads/other"]);
    git(&root, &["branch", "other"]);
    let before = git(&root, &["rev-parse", "other"]);
    subject.trace(&anchor).ended(1).says("symbolic ref");
    assert_eq!(git(&root, &["rev-parse", "other"]), before);
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
    // a pipe is no file of anchors
    let pipe = subject.workspace.outside().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    subject.trace(&["anchor", &subject.run, "--to", &format!("file:{}", text(&pipe))]).ended(1);
    subject.trace(&["anchor", &subject.run, "--to", "syslog"]).ended(2).says("file:PATH");
}

#[test]
fn every_run_of_a_store_is_verified() {
    let subject = Subject::new(GRAPH, 0);
    let verify = |more: &[&str]| subject.trace(&[&["verify", "--all", "--format", "json"], more].concat());
    subject.workspace.lgflow(&["run", "-g", "graph.yaml"]).ended(0);
    let said = verify(&[]).ended(0).json();
    assert_eq!((&said["ok"], said["runs"].as_array().unwrap().len()), (&json!(true), 2));
    subject.workspace.write("asks.yaml", ASKS);
    subject.workspace.lgflow(&["run", "-g", "asks.yaml"]).ended(5);
    let said = verify(&[]).ended(7).json();
    assert_eq!(said["runs"].as_array().unwrap().iter().filter(|run| run["ok"] == true).count(), 2);
    verify(&["--allow", "incomplete"]).ended(0);
    let said = subject.trace(&["verify", "--all", "--allow", "incomplete"]).ended(0).stdout;
    assert_eq!(said.lines().filter(|line| line.starts_with('✓')).count(), 3, "{said}");
    subject.trace(&["verify"]).ended(2);
}

/// From now on the user anchors every run in this place.
fn anchoring(workspace: &Workspace, place: &str) {
    let folder = workspace.outside().join("home/.config/lgflow");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("config.toml"), format!("[anchor]\nto = \"{place}\"\n")).unwrap();
}

/// How many events each line of a file of anchors names.
fn anchored(file: &Path) -> Vec<u64> {
    let text = fs::read_to_string(file).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.map(|line| line["events"].as_u64().unwrap()).collect()
}

fn started(workspace: &Workspace, arguments: &[&str], code: i32) -> String {
    let ran = workspace.lgflow(&[&["run", "--format", "json"], arguments].concat()).ended(code).json();
    ran["run"].as_str().unwrap().to_owned()
}

const WRITES: &str = "\
schema: lgflow.graph/v1
name: writes
policy: [policy.yaml]
nodes:
  write: { uses: apply_patch, with: { changes: [{ op: put, path: b.txt, content: b }] } }
";

const MAY_WRITE: &str = "\
schema: lgflow.policy/v1
name: may-write
tools: { apply_patch: allow }
paths: { read: { allow: ['**'] }, write: { allow: ['**'] } }
";

#[test]
fn a_run_is_anchored_by_itself_where_it_begins_at_each_answer_and_where_it_ends() {
    let workspace = Workspace::git();
    workspace
        .write("writes.yaml", WRITES)
        .write("policy.yaml", MAY_WRITE.replace("apply_patch: allow", "apply_patch: ask"));
    let file = workspace.outside().join("anchors.jsonl");
    let place = format!("file:{}", text(&file));
    anchoring(&workspace, &place);
    let run = started(&workspace, &["-g", "writes.yaml", "--policy", "policy.yaml"], 5);
    let events = || {
        let shown = workspace.lgflow(&["trace", "show", &run, "--format", "json"]).ended(0).json();
        shown["events"].as_array().unwrap().clone()
    };
    let half = events();
    assert_eq!(half[0]["data"]["facts"]["anchor"], place);
    let lines = anchored(&file);
    assert!(lines.len() == 2 && lines[0] < lines[1] && lines[1] == half.len() as u64, "{lines:?}");
    workspace.approve(&run);
    let resumed = workspace.lgflow(&["runs", "resume", &run]).ended(0);
    assert!(resumed.stderr.contains("is your own file"), "{}", resumed.stderr);
    assert_eq!(workspace.read("b.txt"), "b");
    let whole = events();
    let last = |kind: &str| whole.iter().rposition(|event| event["kind"] == kind).unwrap() as u64 + 1;
    let (granted, written) = (last("approval.granted"), last("call.finished"));
    let lines = anchored(&file);
    assert!(lines.iter().any(|at| (granted..written).contains(at)), "{granted} to {written}: {lines:?}");
    assert_eq!(lines.last(), Some(&(whole.len() as u64)));
    let said = workspace.lgflow(&["trace", "verify", &run, "--anchor", &place]).ended(0).stdout;
    assert!(said.contains(&format!("complete up to anchor {}", whole.len())), "{said}");
    workspace.lgflow(&["replay", &run]).ended(0);
    // a place is one that means the same from everywhere
    let mut command = workspace.command(&["run", "-g", "writes.yaml"]);
    let refused = Ran::from(command.env("LGFLOW_ANCHOR_TO", "file:anchors").output().unwrap()).ended(3);
    assert!(refused.stderr.contains("`file:` and an absolute path"), "{}", refused.stderr);
    // and none that a repository has chosen
    workspace.write(".lg/config.toml", "[anchor]\nto = \"git-note\"\n");
    workspace
        .lgflow(&["run", "-g", "writes.yaml"])
        .ended(3)
        .says("may not stand in a workspace's configuration");
}

#[test]
fn nothing_is_done_before_it_is_anchored_and_the_run_goes_on_once_it_can_be() {
    let workspace = Workspace::git();
    workspace.write("writes.yaml", WRITES).write("policy.yaml", MAY_WRITE);
    let folder = workspace.outside().join("elsewhere");
    let file = folder.join("anchors.jsonl");
    anchoring(&workspace, &format!("file:{}", text(&file)));
    let run = ["run", "-g", "writes.yaml", "--policy", "policy.yaml"];
    let ran = workspace.lgflow(&run).ended(1).says("the run could not be anchored, so it stopped");
    assert!(ran.stderr.contains("runs resume"), "{}", ran.stderr);
    assert!(!workspace.path().join("b.txt").exists());
    let id = program::kept::only_run(&workspace);
    let shown = workspace.lgflow(&["trace", "show", &id]).ended(0).stdout;
    assert!(shown.contains("run.started") && !shown.contains("call.finished"), "{shown}");
    fs::create_dir(&folder).unwrap();
    workspace.lgflow(&["runs", "resume", &id]).ended(0);
    assert_eq!(workspace.read("b.txt"), "b");
    let lines = anchored(&file);
    assert!(lines.len() == 2 && lines[0] < lines[1], "{lines:?}");
    // a workspace without a commit has none for a note
    anchoring(&workspace, "git-note");
    workspace.lgflow(&run).ended(1).says("names no commit that a note could stand on");
}

/// As somebody does who can write the database, and whom nothing else stops.
fn take_away(workspace: &Workspace, run: &str) {
    let taken = program::kept::database(workspace).execute("DELETE FROM runs WHERE run = ?1", [run]).unwrap();
    assert_eq!(taken, 1);
}

/// And who can write all of the user's state.
fn forget(workspace: &Workspace, run: &str) {
    let ledgers = fs::read_dir(workspace.state().join("ledger")).unwrap();
    for ledger in ledgers.map(|entry| entry.unwrap().path()) {
        for path in ["runs", "heads", "anchors"].map(|part| ledger.join(part).join(run)) {
            fs::remove_file(path).unwrap();
        }
    }
}

#[test]
fn a_run_that_is_gone_altogether_is_named_by_the_ledger_and_by_its_anchors() {
    let subject = Subject::new(GRAPH, 0);
    let workspace = &subject.workspace;
    let file = workspace.outside().join("anchors.jsonl");
    for place in [format!("file:{}", text(&file)), "git-note".to_owned()] {
        anchoring(workspace, &place);
        let (gone, kept) =
            (started(workspace, &["-g", "graph.yaml"], 0), started(workspace, &["-g", "graph.yaml"], 0));
        workspace.lgflow(&["run", "--queue", "-g", "graph.yaml"]).ended(0);
        let all = |more: &[&str]| subject.trace(&[&["verify", "--all", "--format", "json"], more].concat());
        let named = |document: &Value, list: &str| -> Vec<String> {
            document[list]
                .as_array()
                .unwrap()
                .iter()
                .map(|run| run["run"].as_str().unwrap().to_owned())
                .collect()
        };
        all(&[]).ended(0);
        take_away(workspace, &gone);
        let said = all(&[]).ended(7).json();
        assert_eq!(named(&said, "gone"), [gone.as_str()]);
        assert!(said["gone"][0]["detail"].as_str().unwrap().contains("has sealed"), "{said}");
        let human = subject.trace(&["verify", "--all"]).ended(7).stdout;
        assert!(human.contains(&format!("✗ {gone}: it is gone")), "{human}");
        forget(workspace, &gone);
        all(&[]).ended(0);
        // the first run of all has no anchor, so it is no part of the question
        let said = all(&["--anchor", &place]).ended(7).json();
        assert_eq!(named(&said, "gone"), [gone.as_str()]);
        assert!(said["gone"][0]["detail"].as_str().unwrap().contains("are anchored"), "{said}");
        let found = said["runs"].as_array().unwrap().iter().find(|run| run["run"] == json!(kept)).unwrap();
        assert_eq!(found["ok"], true, "{found}");
    }
}

#[test]
fn an_anchored_run_is_removed_where_that_can_be_noted_and_is_kept_where_it_cannot() {
    let workspace = Workspace::git();
    workspace.write("graph.yaml", GRAPH).write("a.txt", "a\n");
    let file = workspace.outside().join("anchors.jsonl");
    let place = format!("file:{}", text(&file));
    anchoring(&workspace, &place);
    let (old, new) =
        (started(&workspace, &["-g", "graph.yaml"], 0), started(&workspace, &["-g", "graph.yaml"], 0));
    // its anchors are somewhere else for a while
    let away = workspace.outside().join("away");
    fs::rename(&file, &away).unwrap();
    fs::create_dir(&file).unwrap();
    let ran = workspace.lgflow(&["runs", "gc", "--keep", "1", "--format", "json"]).ended(0).json();
    assert_eq!((&ran["runs"], &ran["kept"][0]["run"]), (&json!([]), &json!(old)), "{ran}");
    let said = workspace.lgflow(&["runs", "gc", "--keep", "1"]).ended(0).stdout;
    assert!(said.contains(&format!("{old}  kept: it is anchored in {place}")), "{said}");
    workspace.lgflow(&["trace", "verify", &old]).ended(0);
    fs::remove_dir(&file).unwrap();
    fs::rename(&away, &file).unwrap();
    let foreseen = workspace.lgflow(&["runs", "gc", "--keep", "1", "--dry-run"]).ended(0).stdout;
    assert!(foreseen.contains(&format!("noted in {place}")), "{foreseen}");
    let ran = workspace.lgflow(&["runs", "gc", "--keep", "1", "--format", "json"]).ended(0).json();
    assert_eq!(
        (&ran["runs"][0]["run"], &ran["runs"][0]["anchored_in"]),
        (&json!(old), &json!([place])),
        "{ran}"
    );
    let last = fs::read_to_string(&file).unwrap().lines().last().unwrap().to_owned();
    let last: Value = serde_json::from_str(&last).unwrap();
    assert_eq!(
        (&last["schema"], &last["run"], &last["bound"]),
        (&json!("lgflow.anchor_removal/v1"), &json!(old), &json!("count"))
    );
    let said = workspace
        .lgflow(&["trace", "verify", "--all", "--anchor", &place, "--format", "json"])
        .ended(0)
        .json();
    assert_eq!((&said["gone"], &said["removed"][0]["run"]), (&json!([]), &json!(old)), "{said}");
    workspace.lgflow(&["trace", "verify", &new, "--anchor", &place]).ended(0);
}
