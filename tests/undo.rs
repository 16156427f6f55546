//! `lgflow runs undo` through the program: what a run changed is taken back as a run of its own, under its policy, all of it or
//! nothing.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod program;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use lgflow::ledger::Ledger;
use lgflow::schema::{Validator, document};
use lgflow::store::Store;
use program::begun::place_in;
use program::gated::GATED;
use program::processes::{all_gone, children, signal_if_there, wait_until};
use program::{Ran, Workspace};
use serde_json::{Value, json};

/// Every kind of change: new, edited, CRLF, mode, renamed and deleted bytes that are no text; one file twice; one that is rolled
/// back by the run itself.
const GRAPH: &str = r#"schema: lgflow.graph/v1
name: changes
nodes:
  first:
    uses: apply_patch
    with:
      changes:
        - { op: add, path: new/deep/a.txt, content: "new\n" }
        - { op: update, path: crlf.txt, content: "one\r\ntwo\r\n" }
        - { op: rename, path: bin.dat, to: moved.dat }
        - { op: delete, path: gone.dat }
  tried: { uses: apply_patch, with: { changes: [{ op: put, path: tried.txt, content: "x\n" }] } }
  not_so: { uses: rollback, with: { to: tried } }
  second:
    uses: apply_patch
    with:
      changes:
        - { op: put, path: run.sh, content: "echo 2\n", mode: "100755" }
        - { op: update, path: crlf.txt, content: "three\r\n" }
edges: [first -> tried -> not_so -> second]
"#;

fn policy(apply: &str) -> String {
    format!(
        "schema: lgflow.policy/v1\nname: changes\ntools: {{ read_file: allow, apply_patch: {apply}, rollback: allow }}\n\
         paths:\n  read: {{ allow: [\"**\"] }}\n  write: {{ allow: [\"**\"] }}\n"
    )
}

fn workspace() -> Workspace {
    let workspace = Workspace::new();
    workspace
        .write("crlf.txt", "zero\r\n")
        .write("bin.dat", [0, 159, 146, 150, 13, 10])
        .write("gone.dat", "no line end")
        .write("run.sh", "echo 1\n")
        .write("untouched", "u\n");
    // beside the workspace, so that a snapshot is of what runs change
    fs::write(workspace.outside().join("graph.yaml"), GRAPH).unwrap();
    fs::write(workspace.outside().join("policy.yaml"), policy("allow")).unwrap();
    workspace
}

const RUN: [&str; 5] = ["run", "-g", "../graph.yaml", "--policy", "../policy.yaml"];

#[track_caller]
fn run(workspace: &Workspace) -> String {
    let ran = workspace.lgflow(&[&RUN[..], &["--format", "json"]].concat()).ended(0).json();
    ran["run"].as_str().unwrap().to_owned()
}

/// Path, bytes and permission bits of every file.
type Tree = BTreeMap<String, (Vec<u8>, u32)>;

fn tree(workspace: &Workspace) -> Tree {
    fn gather(root: &Path, folder: &Path, found: &mut Tree) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                gather(root, &path, found);
                continue;
            }
            let name = path.strip_prefix(root).unwrap().display().to_string();
            let bits = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            found.insert(name, (fs::read(&path).unwrap(), bits));
        }
    }
    let mut found = Tree::new();
    gather(&workspace.path(), &workspace.path(), &mut found);
    found
}

#[track_caller]
fn undo(workspace: &Workspace, run: &str, more: &[&str], code: i32) -> Value {
    let ran = workspace.lgflow(&[&["runs", "undo", run, "--format", "json"], more].concat());
    ran.ended(code).json()
}

#[track_caller]
fn sound(workspace: &Workspace, run: &str) {
    let verified = workspace.lgflow(&["trace", "verify", run, "--format", "json"]).ended(0).json();
    assert_eq!((&verified["verdicts"][0], &verified["decided_again"]), (&json!("consistent"), &json!(true)));
    workspace.lgflow(&["replay", run]).ended(0);
}

fn paths(files: &Value) -> Vec<&str> {
    files.as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap()).collect()
}

#[test]
fn everything_that_a_run_changed_is_taken_back_and_that_can_be_taken_back_too() {
    let workspace = workspace();
    let before = tree(&workspace);
    let first = run(&workspace);
    let after = tree(&workspace);
    assert_ne!(before, after);

    let foreseen = undo(&workspace, &first, &["--dry-run"], 0);
    let schema: Value = serde_json::from_str(document("undo").unwrap()).unwrap();
    assert!(Validator::new(&schema).unwrap().accepts(&foreseen), "{foreseen:#}");
    assert_eq!((&foreseen["decision"], &foreseen["beyond"]), (&json!("allow"), &json!([])));
    assert_eq!(tree(&workspace), after, "a dry run has changed something");

    let undone = undo(&workspace, &first, &[], 0);
    assert_eq!(tree(&workspace), before);
    assert!(!workspace.path().join("new").exists(), "an empty folder is left");
    assert_eq!(
        undone["outputs"]["files"].as_array().unwrap().len(),
        foreseen["files"].as_array().unwrap().len()
    );
    let second = undone["run"].as_str().unwrap().to_owned();
    assert_eq!((&undone["graph"], &undone["inputs"]["of"]), (&json!("undo"), &json!(first)));
    sound(&workspace, &second);

    let human = workspace.lgflow(&["runs", "undo", &first]).ended(0).stdout;
    assert!(human.contains("nothing to take back"), "{human}");
    let third = undo(&workspace, &second, &[], 0)["run"].as_str().unwrap().to_owned();
    assert_eq!(tree(&workspace), after, "taking it back was not taken back");
    sound(&workspace, &third);
    let human = workspace.lgflow(&["runs", "undo", &first]).ended(0).stdout;
    assert!(human.contains("took back what was changed in 5 files") && human.contains("crlf.txt"), "{human}");
    assert_eq!(tree(&workspace), before);
}

/// Every folder of the workspace.
fn folders(workspace: &Workspace) -> Vec<String> {
    fn gather(root: &Path, folder: &Path, found: &mut Vec<String>) {
        for path in
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir())
        {
            found.push(path.strip_prefix(root).unwrap().display().to_string());
            gather(root, &path, found);
        }
    }
    let mut found = Vec::new();
    gather(&workspace.path(), &workspace.path(), &mut found);
    found.sort();
    found
}

#[test]
fn a_folder_that_was_there_before_stays_and_one_that_the_run_made_goes() {
    let graph = r#"schema: lgflow.graph/v1
name: folders
nodes:
  one: { uses: apply_patch, with: { changes: [{ op: put, path: there/a.txt, content: "A\n" }, { op: put, path: there/made/b.txt, content: "B\n" }] } }
  two: { uses: apply_patch, with: { changes: [{ op: delete, path: there/made/b.txt }, { op: rename, path: full/c.txt, to: made/too/c.txt }] } }
  three: { uses: apply_patch, with: { changes: [{ op: put, path: there/made/d.txt, content: "D\n" }, { op: put, path: other/e.txt, content: "E\n" }] } }
  not_so: { uses: rollback, with: { to: three } }
edges: [one -> two -> three -> not_so]
"#;
    let workspace = workspace();
    workspace.write("full/c.txt", "C\n");
    for empty in ["there", "other", "never/touched"] {
        fs::create_dir_all(workspace.path().join(empty)).unwrap();
    }
    fs::write(workspace.outside().join("graph.yaml"), graph).unwrap();
    let before = (tree(&workspace), folders(&workspace));
    let first = run(&workspace);
    // a run's own rollback leaves what it did not make as well
    assert_eq!(folders(&workspace), ["made", "made/too", "never", "never/touched", "other", "there"]);
    let after = (tree(&workspace), folders(&workspace));
    let second = undo(&workspace, &first, &[], 0)["run"].as_str().unwrap().to_owned();
    assert_eq!((tree(&workspace), folders(&workspace)), before);
    let third = undo(&workspace, &second, &[], 0)["run"].as_str().unwrap().to_owned();
    assert_eq!((tree(&workspace), folders(&workspace)), after);
    undo(&workspace, &third, &[], 0);
    assert_eq!((tree(&workspace), folders(&workspace)), before);
}

#[test]
fn what_is_no_text_is_taken_back_as_well() {
    let workspace = workspace();
    let changes = "[{ op: delete, path: bin.dat }, { op: put, path: bin.txt, content: \"text\\n\" }]";
    let graph = format!(
        "schema: lgflow.graph/v1\nname: changes\nnodes:\n  n: {{ uses: apply_patch, with: {{ changes: {changes} }} }}\n"
    );
    fs::write(workspace.outside().join("graph.yaml"), graph).unwrap();
    let refused = workspace.lgflow(&[&RUN[..], &["--format", "json"]].concat()).ended(4).stdout;
    assert!(refused.contains("paths.binary"), "{refused}");
    let open = policy("allow") + "  binary: { allow: [\"*.dat\"] }\n";
    fs::write(workspace.outside().join("policy.yaml"), open).unwrap();
    let before = tree(&workspace);
    let first = run(&workspace);
    assert!(!workspace.path().join("bin.dat").exists());
    let after = tree(&workspace);
    let second = undo(&workspace, &first, &[], 0)["run"].as_str().unwrap().to_owned();
    assert_eq!(tree(&workspace), before);
    undo(&workspace, &second, &[], 0);
    assert_eq!(tree(&workspace), after);
    sound(&workspace, &first);
    sound(&workspace, &second);
}

#[test]
fn a_part_is_taken_back_from_a_node_on() {
    let workspace = workspace();
    let first = run(&workspace);
    let undone = undo(&workspace, &first, &["--to", "second"], 0);
    assert_eq!(paths(&undone["outputs"]["files"]), ["crlf.txt", "run.sh"]);
    assert_eq!(workspace.read("crlf.txt"), "one\r\ntwo\r\n");
    assert!(workspace.path().join("moved.dat").exists());
    workspace.lgflow(&["runs", "undo", &first, "--to", "secnd"]).ended(2).says("write `second`");
    let failed = undo(&workspace, &first, &["--to", "tried"], 1);
    assert!(failed["error"]["message"].as_str().unwrap().contains("these have: first, second"), "{failed}");
}

#[test]
fn a_run_is_taken_back_step_by_step() {
    let graph = r#"schema: lgflow.graph/v1
name: steps
nodes:
  one: { uses: apply_patch, with: { changes: [{ op: put, path: b.txt, content: "A\n" }] } }
  two: { uses: apply_patch, with: { changes: [{ op: rename, path: untouched, to: named }] } }
  three: { uses: apply_patch, with: { changes: [{ op: put, path: b.txt, content: "B\n" }] } }
  four: { uses: apply_patch, with: { changes: [{ op: delete, path: b.txt }] } }
edges: [one -> two -> three -> four]
"#;
    let workspace = workspace();
    fs::write(workspace.outside().join("graph.yaml"), graph).unwrap();
    let before = tree(&workspace);
    let first = run(&workspace);
    for (to, stands) in [("four", Some("B\n")), ("three", Some("A\n")), ("two", Some("A\n"))] {
        undo(&workspace, &first, &["--to", to], 0);
        assert_eq!(fs::read_to_string(workspace.path().join("b.txt")).ok().as_deref(), stands, "{to}");
    }
    workspace.lgflow(&["runs", "undo", &first, "--to", "one[1]"]).ended(2).says("write `--to one`");
    // what somebody else wrote is still kept
    workspace.write("b.txt", "C\n");
    let refused = workspace.lgflow(&["runs", "undo", &first]);
    refused.ended(1).says("the workspace has moved on: `b.txt` changed");
    workspace.write("b.txt", "A\n");
    let last = undo(&workspace, &first, &[], 0);
    assert_eq!(tree(&workspace), before);
    // and each step can be taken back
    undo(&workspace, last["run"].as_str().unwrap(), &[], 0);
    assert_eq!(workspace.read("b.txt"), "A\n");
}

#[test]
fn what_was_taken_back_is_not_taken_back_again_from_a_later_node_on() {
    let graph = r#"schema: lgflow.graph/v1
name: scratch
nodes:
  make:
    uses: apply_patch
    with: { changes: [{ op: add, path: tmp, content: "scratch\n" }, { op: put, path: a, content: "new\n" }] }
  tidy: { uses: apply_patch, with: { changes: [{ op: delete, path: tmp }, { op: put, path: c, content: "new\n" }] } }
  last: { uses: apply_patch, with: { changes: [{ op: put, path: d, content: "new\n" }] } }
edges: [make -> tidy -> last]
"#;
    let workspace = workspace();
    fs::write(workspace.outside().join("graph.yaml"), graph).unwrap();
    let before = tree(&workspace);
    let first = run(&workspace);
    let after = tree(&workspace);
    let all = undo(&workspace, &first, &[], 0)["run"].as_str().unwrap().to_owned();
    let list = || {
        let list = workspace.lgflow(&["runs", "list", "--format", "json"]).ended(0).json();
        list["runs"].as_array().unwrap().iter().find(|row| row["run"] == first.as_str()).unwrap().clone()
    };
    for (to, more) in [("tidy", None), ("last", None), ("make", Some("--dry-run"))] {
        let arguments = [&["runs", "undo", &first, "--to", to][..], more.as_slice()].concat();
        let refused = workspace.lgflow(&arguments).ended(1).stderr;
        let says = format!(
            "nothing stands any more of what the run `{first}` changed from `{to}` on: it was taken back by {all}"
        );
        assert!(refused.contains(&says), "{refused}");
        assert_eq!(tree(&workspace), before);
    }
    assert_eq!(list()["taken_back_by"], all.as_str());
    // once that is taken back, it stands again; and what was taken back in part goes back farther, and no less far
    undo(&workspace, &all, &[], 0);
    assert_eq!(tree(&workspace), after);
    undo(&workspace, &first, &["--to", "tidy"], 0);
    workspace
        .lgflow(&["runs", "undo", &first, "--to", "last"])
        .ended(1)
        .says("it was taken back from `tidy` on by");
    undo(&workspace, &first, &["--to", "make"], 0);
    assert_eq!(tree(&workspace), before);
}

#[test]
fn a_run_that_was_taken_back_does_not_go_on_as_if_its_changes_were_there() {
    let workspace = workspace();
    fs::write(workspace.outside().join("graph.yaml"), GATED).unwrap();
    let ran = workspace.lgflow(&[&RUN[..], &["--format", "json"]].concat()).ended(5).json();
    let first = ran["run"].as_str().unwrap();
    let back = undo(&workspace, first, &[], 0);
    let back = back["run"].as_str().unwrap();
    workspace.lgflow(&["approve", first, "gate"]).ended(0);
    workspace
        .lgflow(&["runs", "resume", first])
        .ended(1)
        .says(&format!("was taken back by the run `{back}`"));
    let shown = workspace.lgflow(&["runs", "show", first]).ended(0).stdout;
    assert!(shown.contains(&format!("taken back by {back}")), "{shown}");
    assert!(!workspace.path().join("done.txt").exists());
    // that it was taken back is known as long as it is there
    for bound in [["--keep", "0"], ["--older-than", "1ms"], ["--max-size", "1B"]] {
        assert_eq!(removed(&workspace, &bound), Vec::<String>::new(), "{bound:?}");
    }
    workspace.lgflow(&["runs", "resume", first]).ended(1).says("was taken back by the run");
    // once that is taken back, it goes on
    undo(&workspace, back, &[], 0);
    workspace.lgflow(&["runs", "resume", first]).ended(0);
    assert_eq!((workspace.read("b.txt"), workspace.read("done.txt")), ("A\n".into(), "B\n".into()));
    // and then they go together
    assert_eq!(removed(&workspace, &["--keep", "0"]).len(), 3);
}

/// The runs that are removed.
fn removed(workspace: &Workspace, bound: &[&str]) -> Vec<String> {
    let gone = workspace.lgflow(&[&["runs", "gc", "--format", "json"], bound].concat()).ended(0).json();
    gone["runs"].as_array().unwrap().iter().map(|row| row["run"].as_str().unwrap().to_owned()).collect()
}

/// The run that takes `run` back, killed after it has begun and before it has changed anything.
fn killed_before_it_took_back(workspace: &Workspace, run: &str, stands: &dyn Fn() -> bool) -> String {
    let store = place_in(workspace.outside(), "local").runs().unwrap();
    for _ in 0..40 {
        let known = store.runs().unwrap();
        let mut front = workspace
            .command(&["runs", "undo", run])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let begun = |store: &Store| {
            let new = store.runs().unwrap().into_iter().find(|id| !known.contains(id))?;
            store.log(&new).is_ok_and(|log| !log.is_empty()).then_some(new)
        };
        let undo = loop {
            let over = front.try_wait().unwrap().is_some();
            if let Some(undo) = begun(&store) {
                break undo.to_string();
            }
            assert!(!over, "it ended before it began");
            std::thread::sleep(Duration::from_millis(1));
        };
        let processes: Vec<u32> = children(front.id()).into_iter().chain([front.id()]).collect();
        for id in &processes {
            signal_if_there(*id, "KILL");
        }
        front.wait().unwrap();
        all_gone(&processes);
        let shown = workspace.lgflow(&["runs", "show", &undo, "--format", "json"]).ended(0).json();
        if shown["status"] == "interrupted" && stands() {
            return undo;
        }
        // it was faster: its changes are made undone, and it is tried again
        workspace.lgflow(&["runs", "undo", &undo]).ended(0);
    }
    panic!("it was always faster");
}

#[test]
fn a_run_whose_undo_broke_off_goes_on_once_that_is_taken_back_though_it_had_changed_nothing() {
    let graph = r#"schema: lgflow.graph/v1
name: gate
nodes:
  one: { uses: apply_patch, with: { changes: [{ op: put, path: b.txt, content: "A\n" }] } }
  gate: { uses: approval, with: { show: "on?" } }
edges: [one -> gate]
"#;
    let workspace = workspace();
    fs::write(workspace.outside().join("graph.yaml"), graph).unwrap();
    let ran = workspace.lgflow(&[&RUN[..], &["--format", "json"]].concat()).ended(5).json();
    let first = ran["run"].as_str().unwrap();
    let back = killed_before_it_took_back(&workspace, first, &|| workspace.path().join("b.txt").exists());
    workspace.lgflow(&["approve", first, "gate"]).ended(0);
    workspace
        .lgflow(&["runs", "resume", first])
        .ended(1)
        .says("broke off")
        .says(&format!("`lgflow runs undo {back}`"))
        .says(&format!("`lgflow runs resume {back}`"));
    workspace.lgflow(&["runs", "undo", &back]).ended(0);
    workspace.lgflow(&["runs", "resume", first]).ended(0);
    assert_eq!(workspace.read("b.txt"), "A\n");
    // when it goes on after all, it takes back what is there
    workspace.lgflow(&["runs", "resume", &back]).ended(0);
    assert!(!workspace.path().join("b.txt").exists());
    let shown = workspace.lgflow(&["runs", "show", first]).ended(0).stdout;
    assert!(shown.contains(&format!("taken back by {back}")), "{shown}");
}

#[test]
fn what_took_a_run_back_is_no_run_to_fork() {
    let workspace = workspace();
    let first = run(&workspace);
    let back = undo(&workspace, &first, &[], 0);
    let back = back["run"].as_str().unwrap();
    for node in ["undo", "first"] {
        workspace
            .lgflow(&["runs", "fork", back, "--from", node])
            .ended(2)
            .says(&format!("took back what the run `{first}` had changed"));
    }
}

#[test]
fn where_the_workspace_has_moved_on_nothing_is_taken_back_and_the_files_are_named() {
    let workspace = workspace();
    let first = run(&workspace);
    workspace.write("run.sh", "mine\n");
    workspace.write("moved.dat", "mine as well\n");
    let now = tree(&workspace);
    for more in [&["--dry-run"][..], &[]] {
        let refused = undo(&workspace, &first, more, 1);
        let message = refused["error"]["message"].as_str().unwrap();
        assert!(message.contains("`moved.dat`, `run.sh` changed since the run wrote it"), "{message}");
        assert_eq!(tree(&workspace), now);
    }
    // a mode is part of what a run left
    let workspace = self::workspace();
    let first = run(&workspace);
    fs::set_permissions(workspace.path().join("run.sh"), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(undo(&workspace, &first, &[], 1)["error"]["message"].as_str().unwrap().contains("`run.sh`"));
}

fn approve(workspace: &Workspace, run: &str) -> String {
    let shown = workspace.lgflow(&["approve", run]).ended(2).stderr;
    let at = shown.rfind("--digest ").unwrap() + "--digest ".len();
    let digest: String = shown[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == ':').collect();
    workspace.lgflow(&["approve", run, "--digest", &digest]).ended(0);
    shown
}

#[test]
fn a_policy_that_asks_asks_with_the_whole_change_shown() {
    let workspace = workspace();
    let before = tree(&workspace);
    let first = run(&workspace);
    let after = tree(&workspace);
    // the policy of now binds beside that of then
    fs::write(workspace.outside().join("policy.yaml"), policy("ask")).unwrap();
    let foreseen = workspace.lgflow(&["runs", "undo", &first, "--dry-run"]).ended(0).stdout;
    assert!(foreseen.contains("the policy asks first") && foreseen.contains("  moved.dat\n"), "{foreseen}");
    let asked = undo(&workspace, &first, &[], 5)["run"].as_str().unwrap().to_owned();
    assert_eq!(tree(&workspace), after);
    let shown = approve(&workspace, &asked);
    assert!(shown.contains(&first) && shown.contains("crlf.txt"), "{shown}");
    let done: Ran = workspace.lgflow(&["runs", "resume", &asked]).ended(0);
    assert!(done.stdout.contains("took back what was changed in 5 files"), "{}", done.stdout);
    assert_eq!(tree(&workspace), before);
    sound(&workspace, &asked);
}

#[test]
fn a_policy_that_has_become_narrower_holds_and_one_that_is_gone_is_replaced_by_questions() {
    let workspace = workspace();
    let first = run(&workspace);
    let narrower = policy("allow")
        .replace("write: { allow: [\"**\"] }", "write: { allow: [\"**\"], deny: [\"run.sh\"] }");
    fs::write(workspace.outside().join("policy.yaml"), narrower).unwrap();
    let now = tree(&workspace);
    let denied = undo(&workspace, &first, &[], 4);
    assert!(denied["error"]["message"].as_str().unwrap().contains("run.sh"), "{denied}");
    assert_eq!(tree(&workspace), now);
    fs::remove_file(workspace.outside().join("policy.yaml")).unwrap();
    undo(&workspace, &first, &[], 5);
}

#[test]
fn what_no_patch_takes_back_is_said() {
    let workspace = Workspace::new();
    workspace.write("a.txt", "a\n").write("made/.keep", "");
    let graph = "schema: lgflow.graph/v1\nname: beyond\nnodes:\n  make: { uses: exec, with: { argv: [mktemp, made/x-XXXXXX] } }\n  \
                 write: { uses: apply_patch, with: { changes: [{ op: put, path: a.txt, content: \"b\\n\" }] } }\nedges: [make -> write]\n";
    let policy = "schema: lgflow.policy/v1\nname: beyond\ntools: { apply_patch: allow, exec: allow }\npaths:\n  read: { allow: [\"**\"] }\n  \
                  write: { allow: [\"**\"] }\ncommands:\n  - { name: mktemp, program: mktemp, args: [[\"made/*\"]], sandbox: { workspace: direct } }\n\
                  sandbox: { mode: best_effort }\n";
    fs::write(workspace.outside().join("graph.yaml"), graph).unwrap();
    fs::write(workspace.outside().join("policy.yaml"), policy).unwrap();
    let first = run(&workspace);
    let ran = workspace.lgflow(&["runs", "undo", &first]).ended(0);
    assert_eq!(workspace.read("a.txt"), "a\n");
    for word in [
        "took back what was changed in 1 file:",
        "not taken back",
        "`mktemp` (node `make`, event",
        "workspace: direct",
    ] {
        assert!(ran.stdout.contains(word), "`{word}` is not in:\n{}", ran.stdout);
    }
    assert_eq!(fs::read_dir(workspace.path().join("made")).unwrap().count(), 2, "what was made stays");
}

#[test]
fn no_graph_and_no_call_takes_back_another_run() {
    let workspace = workspace();
    let first = run(&workspace);
    let now = tree(&workspace);
    let graph = format!(
        "schema: lgflow.graph/v1\nname: thief\nnodes:\n  take: {{ uses: apply_patch, with: {{ undo: {{ run: {first} }} }} }}\n"
    );
    fs::write(workspace.outside().join("graph.yaml"), graph).unwrap();
    workspace.lgflow(&RUN).ended(3);
    // what is not written out is refused by the runner
    let graph = format!(
        "schema: lgflow.graph/v1\nname: thief\nnodes:\n  take: {{ uses: batch, with: {{ calls: \"{{{{ [{{'tool': 'apply_patch', 'input': {{'undo': {{'run': '{first}'}}}}}}] }}}}\", tools: [apply_patch], max_calls: 1 }} }}\n"
    );
    fs::write(workspace.outside().join("graph.yaml"), graph).unwrap();
    let refused = workspace.lgflow(&[&RUN[..], &["--format", "json"]].concat()).ended(4).json();
    assert!(
        refused["error"]["message"].as_str().unwrap().contains("`lgflow runs undo`, and by no graph"),
        "{refused}"
    );
    let call = json!({ "undo": { "run": first } }).to_string();
    workspace.lgflow(&["tool", "call", "apply_patch", &call, "--policy", "../policy.yaml"]).ended(4);
    assert_eq!(tree(&workspace), now);
    // and what is no run of this installation is not taken back at all
    workspace.lgflow(&["runs", "undo", "01k0000000000000000000000a"]).ended(1);
}

/// A question, a command that waits for a file, and a patch.
const NAPS: &str = r#"schema: lgflow.graph/v1
name: naps
nodes:
  one: { uses: apply_patch, with: { changes: [{ op: put, path: b.txt, content: "A\n" }] } }
  gate: { uses: approval, with: { show: "on?" } }
  nap: { uses: exec, with: { argv: [sh, -c, "touch napping; while [ ! -e go ]; do sleep 0.05; done"] } }
  two: { uses: apply_patch, with: { changes: [{ op: put, path: done.txt, content: "B\n" }] } }
edges: [one -> gate -> nap -> two]
"#;

const NAPS_POLICY: &str = "schema: lgflow.policy/v1\nname: naps\ntools: { apply_patch: allow, exec: allow }\npaths:\n  \
    read: { allow: [\"**\"] }\n  write: { allow: [\"**\"] }\ncommands:\n  \
    - { name: sh, program: sh, args: [[-c, '*']], sandbox: { workspace: direct } }\nsandbox: { mode: best_effort }\n";

/// Goes on with a run, until its command waits.
fn napping(workspace: &Workspace, run: &str) -> std::process::Child {
    workspace.lgflow(&["approve", run, "gate"]).ended(0);
    let mut command = workspace.command(&["runs", "resume", run]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until(|| workspace.path().join("napping").exists(), "the command does not begin");
    child
}

#[test]
fn nothing_is_taken_back_of_a_run_while_it_or_one_forked_from_it_goes_on() {
    let workspace = Workspace::new();
    fs::write(workspace.outside().join("graph.yaml"), NAPS).unwrap();
    fs::write(workspace.outside().join("policy.yaml"), NAPS_POLICY).unwrap();
    let first = workspace.lgflow(&[&RUN[..], &["--format", "json"]].concat()).ended(5).json();
    let first = first["run"].as_str().unwrap();
    let forked =
        workspace.lgflow(&["runs", "fork", first, "--from", "gate", "--format", "json"]).ended(5).json();
    let forked = forked["run"].as_str().unwrap();
    // asked about, approved, and not begun yet
    let mut asks = workspace.command(&["runs", "undo", first, "--format", "json"]);
    let asked = Ran::from(asks.env("LGFLOW_PROFILE", "prod").output().unwrap()).ended(5).json();
    let asked = asked["run"].as_str().unwrap();
    approve(&workspace, asked);
    for goes_on in [first, forked] {
        let child = napping(&workspace, goes_on);
        let refused = workspace.lgflow(&["runs", "resume", asked]).ended(1);
        assert!(refused.stderr.contains("goes on right now"), "{}", refused.stderr);
        workspace.lgflow(&["runs", "undo", first]).ended(1).says("goes on right now");
        workspace.write("go", "");
        Ran::from(child.wait_with_output().unwrap()).ended(0);
        assert_eq!((workspace.read("b.txt"), workspace.read("done.txt")), ("A\n".into(), "B\n".into()));
        // a command of the fork would look at what the first run did later
        let more = if goes_on == first { &["done.txt"][..] } else { &[] };
        for file in ["go", "napping"].iter().chain(more) {
            fs::remove_file(workspace.path().join(file)).unwrap();
        }
    }
    // what was approved is not what there is to take back by now
    workspace.lgflow(&["runs", "resume", asked]).ended(5);
    assert_eq!((workspace.read("b.txt"), workspace.read("done.txt")), ("A\n".into(), "B\n".into()));
}

/// What a command says that is refused; the bound only ends a broken test, in which it goes on.
#[track_caller]
fn refused(workspace: &Workspace, arguments: &[&str]) -> Ran {
    let mut command = workspace.command(arguments);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let end = Instant::now() + Duration::from_mins(1);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > end {
            child.kill().unwrap();
            panic!("`{}` goes on", arguments.join(" "));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ran::from(child.wait_with_output().unwrap()).ended(1)
}

#[test]
fn while_a_run_is_taken_back_nothing_goes_on_from_it() {
    let workspace = workspace();
    fs::write(workspace.outside().join("graph.yaml"), GATED).unwrap();
    let first = workspace.lgflow(&[&RUN[..], &["--format", "json"]].concat()).ended(5).json();
    let first = first["run"].as_str().unwrap();
    let fork = |of: &str| {
        let forked = workspace.lgflow(&["runs", "fork", of, "--from", "gate", "--format", "json"]);
        forked.ended(5).json()["run"].as_str().unwrap().to_owned()
    };
    let forked = fork(first);
    let again = fork(&forked);
    for run in [first, &forked, &again] {
        workspace.lgflow(&["approve", run, "gate"]).ended(0);
    }
    // a run that changes something waits for this
    let store = Store::open(&workspace.state(), &workspace.path()).unwrap();
    let changes = fs::File::open(store.folder().join("patches/lock")).unwrap();
    changes.lock().unwrap();
    let mut undoing = workspace.command(&["runs", "undo", first]);
    let mut undoing = undoing.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let ledger = Ledger::open(&workspace.state(), &store.id()).unwrap();
    let busy = |run: &str| store.run(&run.parse().unwrap()).is_ok_and(|facts| facts.busy);
    let undo = || {
        let begun = ledger.begun_runs().unwrap();
        begun.into_iter().find(|run| ![first, &forked, &again].contains(&run.as_str()) && busy(run))
    };
    wait_until(|| busy(first) && undo().is_some(), "it does not begin");
    let back = undo().unwrap();
    for command in [
        &["runs", "undo", first][..],
        &["runs", "undo", first, "--dry-run"],
        &["runs", "resume", first],
        &["runs", "fork", first, "--from", "gate"],
        // they stand on what it changed
        &["runs", "resume", &forked],
        &["runs", "resume", &again],
        &["runs", "fork", &again, "--from", "gate"],
    ] {
        refused(&workspace, command)
            .says(&format!("`{first}` has changed is being taken back by the run `{back}`"));
    }
    // it has not told anything yet
    for command in [["runs", "resume", &back], ["runs", "undo", &back]] {
        refused(&workspace, &command)
            .says(&format!("run `{back}`: it has recorded nothing: it begins right now"));
    }
    assert_eq!(removed(&workspace, &["--keep", "0"]), Vec::<String>::new());
    assert!(undoing.try_wait().unwrap().is_none());
    assert_eq!(workspace.read("b.txt"), "A\n");
    drop(changes);
    Ran::from(undoing.wait_with_output().unwrap()).ended(0);
    assert!(!workspace.path().join("b.txt").exists());
    // all are given back
    assert!(!busy(first) && !busy(&back));
    refused(&workspace, &["runs", "resume", first]).says("was taken back by the run");
    workspace.lgflow(&["runs", "undo", &back]).ended(0);
    for run in [first, &forked] {
        workspace.lgflow(&["runs", "resume", run]).ended(0);
    }
}
