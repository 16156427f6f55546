//! `lgflow runs fork` through the program: results of an earlier run are taken over where node, question and policy are the same,
//! and everything else is done.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod program;

use std::fs;

use lgflow::schema::{Validator, document};
use program::Workspace;
use program::gated::GATED;
use serde_json::{Value, json};

/// Commands leave a file each time they are really run.
const GRAPH: &str = r#"schema: lgflow.graph/v1
name: forked
inputs: { word: { type: string, default: one }, aside: { type: string, default: x } }
nodes:
  look: { uses: exec, with: { argv: [mktemp, made/look-XXXXXX] } }
  turn: { uses: exec, with: { argv: [mktemp, "made/turn{{ loops.turn.iteration }}-XXXXXX"] } }
  patch: { uses: apply_patch, with: { changes: [{ op: put, path: out.txt, content: "patched\n" }] } }
  other: { uses: exec, with: { argv: [mktemp, "made/other-{{ inputs.aside }}-XXXXXX"] } }
  report: { uses: apply_patch, with: { changes: [{ op: put, path: report.txt, content: "{{ inputs.word }}\n" }] } }
edges:
  - look -> other -> turn
  - { from: turn, to: turn, when: "loops.turn.iteration < 3", loop: { max: 3, exhausted: leave } }
  - turn -> patch -> report
outputs: { look: "{{ nodes.look.output.stdout }}" }
"#;

fn policy(patch: &str) -> String {
    format!(
        "schema: lgflow.policy/v1\nname: forked\ntools: {{ apply_patch: {patch}, exec: allow }}\npaths:\n  read: {{ allow: [\"**\"] }}\n  \
         write: {{ allow: [\"**\"] }}\ncommands:\n  - {{ name: mktemp, program: mktemp, args: [[\"made/*\"]], sandbox: {{ workspace: direct }} }}\n\
         sandbox: {{ mode: best_effort }}\n"
    )
}

fn workspace(patch: &str) -> Workspace {
    let workspace = Workspace::new();
    workspace.write("graph.yaml", GRAPH).write("policy.yaml", policy(patch)).write("made/.keep", "");
    workspace
}

const RUN: [&str; 7] = ["run", "-g", "graph.yaml", "--policy", "policy.yaml", "--format", "json"];

fn run(workspace: &Workspace) -> Value {
    workspace.lgflow(&RUN).ended(0).json()
}

/// How often each command was really run, by the names of what it left.
fn made(workspace: &Workspace) -> Vec<String> {
    let names = fs::read_dir(workspace.path().join("made")).unwrap();
    let mut names: Vec<String> = names
        .filter_map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            name.rsplit_once('-').map(|(name, _)| name.to_owned())
        })
        .collect();
    names.sort();
    names
}

#[track_caller]
fn fork(workspace: &Workspace, run: &Value, more: &[&str], code: i32) -> Value {
    let arguments = [&["runs", "fork", run["run"].as_str().unwrap(), "--format", "json"], more].concat();
    let found = workspace.lgflow(&arguments).ended(code).json();
    if found["schema"] == "lgflow.run/v1" {
        let schema: Value = serde_json::from_str(document("run").unwrap()).unwrap();
        let errors: Vec<String> =
            Validator::new(&schema).unwrap().errors(&found).iter().map(ToString::to_string).collect();
        assert!(errors.is_empty(), "{errors:#?}\n{found:#}");
        sound(workspace, found["run"].as_str().unwrap());
    }
    found
}

#[track_caller]
fn sound(workspace: &Workspace, run: &str) {
    let allow = ["trace", "verify", run, "--allow", "incomplete", "--format", "json"];
    let verified = workspace.lgflow(&allow).ended(0).json();
    assert_eq!(verified["decided_again"], true, "{verified}");
    workspace.lgflow(&["replay", run]).ended(0);
}

/// Reused and made, by node.
fn counts(forked: &Value) -> Vec<(String, u64, u64)> {
    let nodes = forked["forked"]["nodes"].as_array().unwrap();
    let count = |node: &Value, name: &str| node[name].as_u64().unwrap();
    let mut found: Vec<(String, u64, u64)> = nodes
        .iter()
        .map(|node| (node["node"].as_str().unwrap().to_owned(), count(node, "reused"), count(node, "made")))
        .collect();
    found.sort();
    found
}

fn of(table: &[(&str, u64, u64)]) -> Vec<(String, u64, u64)> {
    table.iter().map(|(node, reused, made)| ((*node).to_owned(), *reused, *made)).collect()
}

fn why<'a>(forked: &'a Value, node: &str) -> &'a str {
    let nodes = forked["forked"]["nodes"].as_array().unwrap();
    nodes.iter().find(|known| known["node"] == node).unwrap()["why"].as_str().unwrap()
}

#[test]
fn what_is_unchanged_is_taken_over_and_the_rest_is_done() {
    let workspace = workspace("allow");
    let first = run(&workspace);
    let once = ["look", "other-x", "turn1", "turn2", "turn3"];
    assert_eq!(made(&workspace), once);

    let second = fork(&workspace, &first, &["--from", "report", "-i", "word=two"], 0);
    assert_eq!(made(&workspace), once, "a command that was taken over was run again");
    assert_eq!((workspace.read("report.txt"), &second["outputs"]), ("two".to_owned(), &first["outputs"]));
    assert_eq!(
        counts(&second),
        of(&[("look", 1, 0), ("other", 1, 0), ("patch", 1, 0), ("report", 0, 1), ("turn", 3, 0)])
    );
    assert_eq!(why(&second, "report"), "it comes from that node on");
    let id = second["run"].as_str().unwrap();
    let shown = workspace.lgflow(&["trace", "show", id]).ended(0).stdout;
    assert!(shown.contains(&format!("run of run {}", first["run"].as_str().unwrap())), "{shown}");
    // what is taken back is what the fork itself did
    workspace.lgflow(&["runs", "undo", id]).ended(0);
    assert_eq!(
        (workspace.read("report.txt"), workspace.read("out.txt")),
        ("one".to_owned(), "patched\n".to_owned())
    );

    // a fork can be forked; other inputs are other questions, and an edited node is another node
    // the patches are taken back first: a command would look at what comes only behind it
    workspace.lgflow(&["runs", "undo", first["run"].as_str().unwrap(), "--to", "patch"]).ended(0);
    let asked = fork(&workspace, &first, &["--from", "patch", "-i", "aside=y"], 0);
    assert_eq!(why(&asked, "other"), "the earlier run has no result for what it asks now");
    let edited = GRAPH.replace("made/look-XXXXXX", "made/seen-XXXXXX");
    workspace.write("edited.yaml", edited);
    let third = fork(&workspace, &asked, &["--from", "report", "-g", "edited.yaml"], 0);
    assert_eq!(why(&third, "look"), "its definition has changed");
    // what a command that was made has really written nobody knows, so the commands behind it are made as well
    let may = "the workspace may not be what it was then: a command of ";
    assert_eq!(why(&asked, "turn"), format!("{may}`other` was let write in it"));
    assert_eq!(why(&third, "other"), format!("{may}`look` was let write in it"));
    let again = ["turn1"; 3].into_iter().chain(["turn2"; 3]).chain(["turn3"; 3]);
    let all: Vec<&str> = ["look", "other-x", "other-y", "other-y", "seen"].into_iter().chain(again).collect();
    assert_eq!(made(&workspace), all);
    // and so is a patch that stood there already when they looked
    assert!(counts(&third).contains(&("patch".to_owned(), 0, 1)), "{third}");
    let why = why(&third, "patch");
    assert_eq!(why, "this run has looked at `out.txt` as `patch` left it later in the earlier run");
}

/// A file is changed, changed again, and looked at.
const LOOKS: &str = r#"schema: lgflow.graph/v1
name: looks
inputs: { v: { type: string, default: good } }
nodes:
  one: { uses: apply_patch, with: { changes: [{ op: put, path: h.txt, content: "{{ inputs.v }}" }] } }
  read: { uses: read_file, with: { path: h.txt } }
  both: { uses: batch, with: { calls: [{ tool: read_file, input: { path: h.txt } }], tools: [read_file], max_calls: 1 } }
  side: { uses: read_file, with: { path: graph.yaml } }
  last: { uses: apply_patch, with: { changes: [{ op: put, path: last.txt, content: "{{ nodes.read.output.content }}" }] } }
edges: [one -> read -> both -> last, side -> one]
"#;

fn looks(graph: &str) -> Workspace {
    let workspace = workspace("allow");
    let tools = "tools: { apply_patch: allow, read_file: allow, exec: allow }";
    workspace.write("graph.yaml", graph);
    workspace
        .write("policy.yaml", policy("allow").replace("tools: { apply_patch: allow, exec: allow }", tools));
    workspace
}

#[test]
fn what_a_look_came_to_is_not_taken_over_once_the_fork_has_changed_what_it_looked_at() {
    let workspace = looks(LOOKS);
    let first = run(&workspace);
    let second = fork(&workspace, &first, &["--from", "last", "-i", "v=bad"], 0);
    assert_eq!(workspace.read("last.txt"), "bad");
    let made = [("both", 0, 1), ("last", 0, 1), ("one", 0, 1), ("read", 0, 1), ("side", 1, 0)];
    assert_eq!(counts(&second), of(&made));
    let moved = "the workspace is not what it was then: `one` changed `h.txt`";
    assert_eq!((why(&second, "read"), why(&second, "both")), (moved, moved));
    // a change that is made and leaves the same bytes changes nothing for who looks
    workspace.write(
        "same.yaml",
        LOOKS.replace(
            "with: { changes: [{ op: put, path: h.txt",
            "with: { dry_run: false, changes: [{ op: put, path: h.txt",
        ),
    );
    let third = fork(&workspace, &second, &["--from", "last", "-g", "same.yaml"], 0);
    let same = [("both", 1, 0), ("last", 0, 1), ("one", 0, 1), ("read", 1, 0), ("side", 1, 0)];
    assert_eq!(counts(&third), of(&same));
    // nor does it where nothing is made
    let fourth = fork(&workspace, &third, &["--from", "last"], 0);
    assert_eq!(counts(&fourth)[3], ("read".to_owned(), 1, 0));
    // another file is another workspace
    let more = "[{ op: put, path: i.txt, content: x }, { op: put, path: h.txt, content";
    workspace.write("other.yaml", LOOKS.replacen("[{ op: put, path: h.txt, content", more, 1));
    let other = fork(&workspace, &fourth, &["--from", "last", "-g", "other.yaml"], 0);
    assert_eq!(why(&other, "read"), "the workspace is not what it was then: `one` changed `i.txt`");
}

/// A look between two patches of the same file.
const BETWEEN: &str = r#"schema: lgflow.graph/v1
name: between
inputs: { v: { type: string, default: a } }
nodes:
  p0: { uses: apply_patch, with: { changes: [{ op: put, path: g.txt, content: "{{ inputs.v }}" }] } }
  p1: { uses: apply_patch, with: { changes: [{ op: put, path: f.txt, content: "1" }] } }
  r1: { uses: read_file, with: { path: f.txt } }
  p2: { uses: apply_patch, with: { changes: [{ op: put, path: f.txt, content: "2" }] } }
  last: { uses: read_file, with: { path: g.txt } }
edges: [p0 -> p1 -> r1 -> p2 -> last]
outputs: { r1: "{{ nodes.r1.output.content }}" }
"#;

/// The run that broke off.
fn interrupted(workspace: &Workspace) -> String {
    let listed = workspace.lgflow(&["runs", "list", "--format", "json"]).ended(0).json();
    let listed = listed["runs"].as_array().unwrap();
    listed.iter().find(|row| row["status"] == "interrupted").unwrap()["run"].as_str().unwrap().to_owned()
}

#[test]
fn a_look_is_not_answered_with_what_a_later_patch_left() {
    let workspace = looks(BETWEEN);
    let first = run(&workspace);
    let id = first["run"].as_str().unwrap();
    let arguments = ["runs", "fork", id, "--from", "last", "-i", "v=b"];
    let refused = workspace.lgflow(&arguments).ended(1).stderr;
    assert!(refused.contains("`r1` would look at `f.txt` as `p2` left it later"), "{refused}");
    assert!(refused.contains(&format!("`lgflow runs undo {id} --to 'p2'`")), "{refused}");
    // what it says to do makes it right
    let broken = interrupted(&workspace);
    assert!(refused.contains(&format!("`lgflow runs undo {broken}`")), "{refused}");
    workspace.lgflow(&["runs", "undo", &broken]).ended(0);
    workspace.lgflow(&["runs", "undo", id, "--to", "p2"]).ended(0);
    let second = fork(&workspace, &first, &["--from", "p2", "-i", "v=b"], 0);
    assert_eq!((&second["outputs"]["r1"], workspace.read("f.txt")), (&json!("1"), "2".to_owned()));
    // a look at what no later patch has touched is made where it stands
    let reads = BETWEEN.replace(
        "r1: { uses: read_file, with: { path: f.txt } }",
        "r1: { uses: read_file, with: { path: g.txt } }",
    );
    workspace.write("graph.yaml", &reads);
    let first = run(&workspace);
    let second = fork(&workspace, &first, &["--from", "last", "-i", "v=c"], 0);
    assert_eq!(second["outputs"]["r1"], "c");
}

#[test]
fn a_look_behind_a_link_is_not_answered_with_what_a_later_patch_left() {
    let workspace =
        looks(&BETWEEN.replace("read_file, with: { path: f.txt }", "read_file, with: { path: link }"));
    std::os::unix::fs::symlink("f.txt", workspace.path().join("link")).unwrap();
    let first = run(&workspace);
    let arguments = ["runs", "fork", first["run"].as_str().unwrap(), "--from", "last", "-i", "v=b"];
    let refused = workspace.lgflow(&arguments).ended(1).stderr;
    assert!(refused.contains("`r1` would look at `f.txt` as `p2` left it later"), "{refused}");
}

#[test]
fn a_file_that_is_put_does_not_keep_a_mode_that_it_has_only_later() {
    let modes = BETWEEN
        .replace("path: f.txt, content: \"1\"", "path: f.txt, content: \"{{ inputs.v }}\"")
        .replace("path: g.txt, content: \"{{ inputs.v }}\"", "path: g.txt, content: \"0\"")
        .replace("content: \"2\"", "content: \"2\", mode: \"100755\"");
    let workspace = looks(&modes);
    let first = run(&workspace);
    let id = first["run"].as_str().unwrap();
    let refused = workspace.lgflow(&["runs", "fork", id, "--from", "last", "-i", "v=b"]).ended(1).stderr;
    assert!(refused.contains("`p1` would look at `f.txt` as `p2` left it later"), "{refused}");
    // with a mode of its own it keeps none
    let workspace =
        looks(&modes.replace("content: \"{{ inputs.v }}\"", "content: \"{{ inputs.v }}\", mode: \"100644\""));
    let first = run(&workspace);
    let second = fork(&workspace, &first, &["--from", "last", "-i", "v=b"], 0);
    assert_eq!(second["outputs"]["r1"], "b");
}

/// A patch, a test of what is wanted, and taking back where it is not there.
const TAKEN_BACK: &str = r#"schema: lgflow.graph/v1
name: back
inputs: { want: { type: string, default: one } }
nodes:
  fix: { uses: apply_patch, with: { changes: [{ op: put, path: f.txt, content: "one" }, { op: add, path: new/n.txt, content: "n" }] } }
  test: { uses: exec, with: { argv: [grep, -q, "{{ inputs.want }}", f.txt], ok_exit: [0, 1] } }
  more: { uses: apply_patch, with: { changes: [{ op: put, path: g.txt, content: "{{ inputs.want }}" }] } }
  shown: { uses: workspace_diff, with: { since: start } }
  back: { uses: rollback, with: { to: start } }
edges:
  - fix -> test -> more -> shown
  - { from: shown, to: back, when: "nodes.test.output.exit_code == 1" }
outputs: { shown: "{{ nodes.shown.output.files | map(attribute='path') }}" }
"#;

#[test]
fn what_a_fork_has_taken_over_is_taken_back_and_shown_with_what_it_did() {
    let workspace = looks(TAKEN_BACK);
    let grep = "commands:\n  - { name: grep, program: grep, args: [[-q, '*', '*']] }\n";
    let policy = workspace.read("policy.yaml").replace("commands:\n", grep);
    let policy = policy.replace("exec: allow", "exec: allow, rollback: allow, workspace_diff: allow");
    workspace.write("policy.yaml", policy).write("f.txt", "zero");
    let there =
        || ["f.txt", "g.txt", "new/n.txt"].map(|path| fs::read_to_string(workspace.path().join(path)).ok());
    let text = |text: &str| Some(text.to_owned());
    let first = run(&workspace);
    assert_eq!(there(), [text("one"), text("one"), text("n")]);
    let id = first["run"].as_str().unwrap();
    workspace.lgflow(&["runs", "undo", id, "--to", "more"]).ended(0);
    let second = fork(&workspace, &first, &["--from", "test", "-i", "want=two"], 0);
    assert!(counts(&second).contains(&("fix".to_owned(), 1, 0)), "{second}");
    assert_eq!(second["outputs"]["shown"], json!(["f.txt", "g.txt", "new/n.txt"]));
    assert_eq!(there(), [text("zero"), None, None], "all of it is taken back");
    sound(&workspace, second["run"].as_str().unwrap());
    // what the fork did was to take it back: that is undone, and what it had taken over stands again
    workspace.lgflow(&["runs", "undo", second["run"].as_str().unwrap()]).ended(0);
    assert_eq!(there(), [text("one"), None, text("n")]);
    // so that it can be forked once more, from the same place; only to the patch that it did itself this time
    workspace.write("graph.yaml", TAKEN_BACK.replace("to: start }", "to: fix }"));
    let third = fork(&workspace, &first, &["--from", "test", "-i", "want=three", "-g", "graph.yaml"], 0);
    assert!(counts(&third).contains(&("fix".to_owned(), 1, 0)), "{third}");
    assert_eq!(there(), [text("zero"), None, None]);
    sound(&workspace, third["run"].as_str().unwrap());
}

/// A patch of a file that an input names, and a test that looks at all of them.
const ELSEWHERE: &str = r#"schema: lgflow.graph/v1
name: elsewhere
inputs: { where: { type: string, default: f/old }, text: { type: string, default: "ok 1111111" } }
nodes:
  begin: { uses: apply_patch, with: { changes: [{ op: put, path: f/begin, content: "-" }] } }
  fix: { uses: apply_patch, with: { changes: [{ op: put, path: "{{ inputs.where }}", content: "{{ inputs.text }}" }] } }
  sure: { uses: approval, with: { show: sure? } }
  test: { uses: exec, with: { argv: [grep, -rq, ok, f], ok_exit: [0, 1] } }
  later: { uses: apply_patch, with: { changes: [{ op: put, path: f/later, content: "ok 2222222" }] } }
edges: [begin -> fix -> sure -> test -> later]
outputs: { code: "{{ nodes.test.output.exit_code }}" }
"#;

/// A workspace with it, under a policy with `more`, and a run of it.
fn elsewhere(graph: &str, more: &str) -> (Workspace, Value) {
    let workspace = looks(graph);
    let grep = "commands:\n  - { name: grep, program: grep, args: [[-rq, '*', '*']] }\n";
    workspace.write("policy.yaml", workspace.read("policy.yaml").replace("commands:\n", grep) + more);
    let first = workspace.lgflow(&RUN).ended(5).json();
    let id = first["run"].as_str().unwrap();
    workspace.lgflow(&["approve", id, "sure"]).ended(0);
    workspace.lgflow(&["runs", "resume", id]).ended(0);
    (workspace, first)
}

#[test]
fn what_the_earlier_run_made_of_another_file_is_not_what_the_fork_made() {
    let (workspace, first) = elsewhere(ELSEWHERE, "");
    let id = first["run"].as_str().unwrap();
    workspace.lgflow(&["runs", "undo", id, "--to", "later"]).ended(0);
    let arguments = ["runs", "fork", id, "--from", "fix", "-i", "where=f/new", "-i", "text=bad"];
    workspace.lgflow(&arguments).ended(5);
    let forked = waiting(&workspace);
    workspace.lgflow(&["approve", &forked, "sure"]).ended(0);
    let refused = workspace.lgflow(&["runs", "resume", &forked]).ended(1).stderr;
    assert!(refused.contains("`test` would look at `f/old` as `fix` left it in the run"), "{refused}");
    // what it says to do makes it right
    workspace.lgflow(&["runs", "undo", &forked]).ended(0);
    workspace.lgflow(&["runs", "undo", id, "--to", "fix"]).ended(0);
    workspace.lgflow(&arguments).ended(5);
    let forked = waiting(&workspace);
    workspace.lgflow(&["approve", &forked, "sure"]).ended(0);
    let done = workspace.lgflow(&["runs", "resume", &forked, "--format", "json"]).ended(0).json();
    assert_eq!(done["outputs"]["code"], 1, "{done}");
    assert_eq!(counts(&done)[0], ("begin".to_owned(), 1, 0), "{done}");
}

#[test]
fn what_a_patch_that_is_left_out_or_comes_in_another_order_has_left_is_not_seen() {
    // the first patch is left out: the look behind it is not taken over, and would see what it left
    let skipped = BETWEEN
        .replace(
            "path: f.txt, content: \"1\" }] } }",
            "path: f.txt, content: \"1\" }] }, skip_when: \"inputs.v == 'b'\" }",
        )
        .replace("path: g.txt, content: \"{{ inputs.v }}\"", "path: g.txt, content: \"0\"")
        .replace("edges: [p0 -> p1 -> r1 -> p2 -> last]", "edges: [p0 -> p1 -> r1 -> last]")
        .lines()
        .filter(|line| !line.contains("  p2:"))
        .collect::<Vec<_>>()
        .join("\n");
    let skipped = skipped.replace("nodes.r1.output.content", "nodes.last.output.content");
    let workspace = looks(&skipped);
    let first = run(&workspace);
    let arguments = ["runs", "fork", first["run"].as_str().unwrap(), "--from", "last", "-i", "v=b"];
    let refused = workspace.lgflow(&arguments).ended(1).stderr;
    assert!(refused.contains("`r1` would look at `f.txt` as `p1` left it later in the run"), "{refused}");
    // two patches change places: what comes first now is made, and so is what comes behind it
    let workspace = looks(BETWEEN);
    let first = run(&workspace);
    workspace
        .write("graph.yaml", BETWEEN.replace("p0 -> p1 -> r1 -> p2 -> last", "p0 -> p2 -> r1 -> p1 -> last"));
    let second = fork(&workspace, &first, &["--from", "last", "-g", "graph.yaml"], 0);
    assert_eq!(
        (&second["outputs"]["r1"], workspace.read("f.txt")),
        (&json!("2"), "1".to_owned()),
        "{second}"
    );
}

#[test]
fn a_fork_of_a_fork_that_broke_off_does_not_look_ahead_either() {
    let (workspace, first) = elsewhere(ELSEWHERE, "");
    let id = first["run"].as_str().unwrap();
    let said = format!("`test` would look at `f/later` as `later` left it later in the run `{id}`");
    let mut from = id.to_owned();
    for (node, text) in [("later", "text=bad"), ("test", "text=bad")] {
        workspace.lgflow(&["runs", "fork", &from, "--from", node, "-i", text]).ended(5);
        let forked = waiting(&workspace);
        workspace.lgflow(&["approve", &forked, "sure"]).ended(0);
        let refused = workspace.lgflow(&["runs", "resume", &forked]).ended(1).stderr;
        assert!(refused.contains(&said), "{refused}");
        from = forked;
    }
}

/// The run that waits.
fn waiting(workspace: &Workspace) -> String {
    let listed = workspace.lgflow(&["runs", "list", "--format", "json"]).ended(0).json();
    let listed = listed["runs"].as_array().unwrap();
    listed.iter().find(|row| row["status"] == "suspended").unwrap()["run"].as_str().unwrap().to_owned()
}

#[test]
fn what_was_taken_out_of_a_trace_is_held_against_the_workspace_all_the_same() {
    let (workspace, first) = elsewhere(ELSEWHERE, "redact: [{ name: digits, pattern: '[0-9]{6,}' }]\n");
    let id = first["run"].as_str().unwrap();
    let arguments = ["runs", "fork", id, "--from", "later", "-i", "text=bad 3333333"];
    // `later` is ahead, although its trace tells no digest
    workspace.lgflow(&arguments).ended(5);
    let forked = waiting(&workspace);
    workspace.lgflow(&["approve", &forked, "sure"]).ended(0);
    let refused = workspace.lgflow(&["runs", "resume", &forked]).ended(1).stderr;
    assert!(
        refused.contains("`test` would look at `f/later` as `later` left it later in the run"),
        "{refused}"
    );
    workspace.lgflow(&["runs", "undo", &forked]).ended(0);
    workspace.lgflow(&["runs", "undo", id, "--to", "later"]).ended(0);
    // and a fork that is gone on with knows that it wrote something else into the file
    workspace.lgflow(&arguments).ended(5);
    let forked = waiting(&workspace);
    workspace.lgflow(&["approve", &forked, "sure"]).ended(0);
    let done = workspace.lgflow(&["runs", "resume", &forked, "--format", "json"]).ended(0).json();
    assert_eq!(
        (&done["outputs"]["code"], counts(&done)[3].clone()),
        (&json!(1), ("test".to_owned(), 0, 1)),
        "{done}"
    );
}

#[test]
fn what_a_fork_of_a_fork_wants_taken_back_is_said_of_the_run_that_made_it() {
    let workspace = looks(BETWEEN);
    let first = run(&workspace);
    let id = first["run"].as_str().unwrap();
    let second = fork(&workspace, &first, &["--from", "last"], 0);
    let arguments = ["runs", "fork", second["run"].as_str().unwrap(), "--from", "last", "-i", "v=b"];
    let refused = workspace.lgflow(&arguments).ended(1).stderr;
    assert!(refused.contains(&format!("`lgflow runs undo {id} --to 'p2'`")), "{refused}");
}

#[test]
fn a_loop_does_not_end_early_by_what_its_next_iteration_left() {
    let graph = r#"schema: lgflow.graph/v1
name: turns
inputs: { note: { type: string, default: one } }
nodes:
  note: { uses: apply_patch, with: { changes: [{ op: put, path: note.txt, content: "{{ inputs.note }}" }] } }
  fix: { uses: apply_patch, with: { changes: [{ op: put, path: n.txt, content: "{{ loops.fix.iteration | string }}" }] } }
  test: { uses: exec, with: { argv: [grep, -q, "2", n.txt], ok_exit: [0, 1] } }
  done: { uses: values, with: { n: 1 } }
edges:
  - note -> fix -> test
  - { from: test, to: fix, when: "output.exit_code == 1", loop: { max: 4 } }
  - { from: test, to: done, otherwise: true }
"#;
    let workspace = looks(graph);
    let grep = "commands:\n  - { name: grep, program: grep, args: [[-q, '*', '*']] }\n";
    workspace.write("policy.yaml", workspace.read("policy.yaml").replace("commands:\n", grep));
    let first = run(&workspace);
    let id = first["run"].as_str().unwrap();
    let refused = workspace.lgflow(&["runs", "fork", id, "--from", "done", "-i", "note=two"]).ended(1).stderr;
    assert!(refused.contains("`test` would look at `n.txt` as `fix[2]` left it later"), "{refused}");
    assert!(refused.contains("--to 'fix[2]'`"), "{refused}");
    workspace.lgflow(&["runs", "undo", &interrupted(&workspace)]).ended(0);
    workspace.lgflow(&["runs", "undo", id, "--to", "fix[2]"]).ended(0);
    assert_eq!((workspace.read("n.txt"), workspace.read("note.txt")), ("1".to_owned(), "one".to_owned()));
    // its first iteration is taken over
    let second = fork(&workspace, &first, &["--from", "fix[2]", "-i", "note=two"], 0);
    assert_eq!(second["path"], first["path"], "{second}");
    assert!(counts(&second).contains(&("fix".to_owned(), 1, 1)), "{second}");
}

#[test]
fn a_patch_that_the_fork_has_written_over_is_made_again() {
    let two = "  two: { uses: apply_patch, with: { changes: [{ op: put, path: h.txt, content: better }] } }\n  read:";
    let workspace = looks(&LOOKS.replacen("  read:", two, 1).replace("[one -> read", "[one -> two -> read"));
    let first = run(&workspace);
    let second = fork(&workspace, &first, &["--from", "last", "-i", "v=bad"], 0);
    assert_eq!((workspace.read("h.txt"), workspace.read("last.txt")), ("better".into(), "better".into()));
    assert_eq!(why(&second, "two"), "the workspace is not what it was then: `one` changed `h.txt`");
    // behind it all is as it was
    assert_eq!(counts(&second)[3], ("read".to_owned(), 1, 0));
}

#[test]
fn what_a_fork_has_changed_is_known_when_it_is_gone_on_with() {
    let gate = "  gate: { uses: approval, with: { show: \"on?\" } }\n  read:";
    let workspace =
        looks(&LOOKS.replacen("  read:", gate, 1).replace("[one -> read", "[one -> gate -> read"));
    let first = workspace.lgflow(&RUN).ended(5).json();
    let on = |run: &Value| {
        let id = run["run"].as_str().unwrap();
        workspace.lgflow(&["approve", id, "gate"]).ended(0);
        workspace.lgflow(&["runs", "resume", id, "--format", "json"]).ended(0).json()
    };
    on(&first);
    let second = fork(&workspace, &first, &["--from", "last", "-i", "v=bad"], 5);
    let second = on(&second);
    assert_eq!(workspace.read("last.txt"), "bad");
    assert_eq!(why(&second, "read"), "the workspace is not what it was then: `one` changed `h.txt`");
    sound(&workspace, second["run"].as_str().unwrap());
}

#[test]
fn a_loop_is_executed_from_an_iteration_on() {
    let workspace = workspace("allow");
    let first = run(&workspace);
    fs::remove_file(workspace.path().join("report.txt")).unwrap();
    fs::remove_file(workspace.path().join("out.txt")).unwrap();
    let second = fork(&workspace, &first, &["--from", "turn[2]"], 0);
    assert_eq!(made(&workspace), ["look", "other-x", "turn1", "turn2", "turn2", "turn3", "turn3"]);
    assert_eq!(
        counts(&second),
        of(&[("look", 1, 0), ("other", 1, 0), ("patch", 0, 1), ("report", 0, 1), ("turn", 1, 2)])
    );
}

#[test]
fn a_workspace_that_is_not_as_the_patches_left_it_is_refused_and_undo_makes_it_so() {
    let workspace = workspace("allow");
    workspace.write("graph.yaml", GRAPH.replace("path: report.txt", "path: out.txt"));
    let first = run(&workspace);
    // the last node has written over what the patch before it left
    let refused = fork(&workspace, &first, &["--from", "report"], 1);
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.contains("`out.txt`") && detail.contains("is not as the patches"), "{detail}");
    workspace.lgflow(&["runs", "undo", first["run"].as_str().unwrap(), "--to", "report"]).ended(0);
    assert_eq!(workspace.read("out.txt"), "patched\n");
    let second = fork(&workspace, &first, &["--from", "report", "-i", "word=three"], 0);
    assert_eq!(
        (workspace.read("out.txt"), why(&second, "report")),
        ("three".to_owned(), "it comes from that node on")
    );
}

#[test]
fn what_was_approved_is_taken_over_without_a_question_and_what_is_new_asks() {
    let workspace = workspace("ask");
    let first = workspace.lgflow(&RUN).ended(5).json();
    let id = first["run"].as_str().unwrap();
    workspace.approve(id);
    workspace.lgflow(&["runs", "resume", id]).ended(5);
    workspace.approve(id);
    workspace.lgflow(&["runs", "resume", id]).ended(0);
    let second = fork(&workspace, &first, &["--from", "report", "-i", "word=two"], 5);
    assert_eq!(second["waiting"][0]["node"], "report");
    let forked = second["run"].as_str().unwrap();
    workspace.approve(forked);
    let done = workspace.lgflow(&["runs", "resume", forked, "--format", "json"]).ended(0).json();
    assert_eq!((workspace.read("report.txt").as_str(), &done["forked"]["run"]), ("two", &json!(id)));
    assert_eq!(made(&workspace).len(), 5);
    sound(&workspace, forked);
}

#[test]
fn under_another_policy_nothing_is_taken_over_and_what_is_not_this_installations_is_refused() {
    let workspace = workspace("allow");
    let first = run(&workspace);
    workspace.write("policy.yaml", policy("allow") + "limits: { tool_calls: 50 }\n");
    let second = fork(&workspace, &first, &["--from", "report"], 0);
    assert_eq!(why(&second, "look"), "the policy has changed");
    assert_eq!(made(&workspace).len(), 10);
    let id = first["run"].as_str().unwrap();
    for (from, says) in
        [("reprot", "write `report`"), ("14", "is no node to fork from"), ("a/b", "node of a subgraph")]
    {
        workspace.lgflow(&["runs", "fork", id, "--from", from]).ended(2).says(says);
    }
    let elsewhere = Workspace::new();
    elsewhere.write("graph.yaml", GRAPH);
    elsewhere.lgflow(&["runs", "fork", id, "--from", "report"]).ended(1);
}

#[test]
fn a_run_is_kept_as_long_as_one_that_was_forked_from_it() {
    let workspace = workspace("allow");
    let first = run(&workspace);
    let second = fork(&workspace, &first, &["--from", "report"], 0);
    let removed = || {
        let gone = workspace.lgflow(&["runs", "gc", "--keep", "0", "--format", "json"]).ended(0).json();
        gone["runs"].as_array().unwrap().iter().map(|row| row["run"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(removed(), [second["run"].clone()]);
    assert_eq!(removed(), [first["run"].clone()]);
}

fn row(workspace: &Workspace, run: &str) -> Value {
    let list = workspace.lgflow(&["runs", "list", "--format", "json"]).ended(0).json();
    let schema: Value = serde_json::from_str(document("runs").unwrap()).unwrap();
    assert!(Validator::new(&schema).unwrap().errors(&list).is_empty(), "{list:#}");
    list["runs"].as_array().unwrap().iter().find(|row| row["run"] == run).unwrap().clone()
}

#[test]
fn a_fork_does_not_go_on_once_what_it_has_taken_over_was_taken_back() {
    let workspace = workspace("allow");
    workspace.write("graph.yaml", GATED);
    let first = workspace.lgflow(&RUN).ended(5).json();
    let second = fork(&workspace, &first, &["--from", "gate"], 5);
    // one that was forked from a fork has taken over the same
    let third = fork(&workspace, &second, &["--from", "gate"], 5);
    let back =
        workspace.lgflow(&["runs", "undo", first["run"].as_str().unwrap(), "--format", "json"]).ended(0);
    let back = back.json()["run"].as_str().unwrap().to_owned();
    assert!(!workspace.path().join("b.txt").exists());
    for forked in [&second, &third] {
        let id = forked["run"].as_str().unwrap();
        workspace.lgflow(&["approve", id, "gate"]).ended(0);
        let refused = workspace.lgflow(&["runs", "resume", id]).ended(1);
        assert!(
            refused.stderr.contains(&format!("was taken back by the run `{back}`")),
            "{}",
            refused.stderr
        );
        let row = row(&workspace, id);
        assert_eq!((&row["resumable"], &row["source_taken_back_by"]), (&json!(false), &json!(back)), "{row}");
        let shown = workspace.lgflow(&["runs", "show", id]).ended(0).stdout;
        assert!(shown.contains(&format!("was taken back by {back}")), "{shown}");
    }
    assert!(!workspace.path().join("done.txt").exists());
    // once that is taken back, it goes on
    workspace.lgflow(&["runs", "undo", &back]).ended(0);
    assert_eq!(row(&workspace, second["run"].as_str().unwrap())["source_taken_back_by"], Value::Null);
    workspace.lgflow(&["runs", "resume", second["run"].as_str().unwrap()]).ended(0);
    assert_eq!((workspace.read("b.txt"), workspace.read("done.txt")), ("A\n".into(), "B\n".into()));
}

#[test]
fn a_fork_goes_on_where_only_what_came_later_was_taken_back() {
    let workspace = workspace("allow");
    workspace.write("graph.yaml", GATED.replace("done.txt", "b.txt"));
    let first = workspace.lgflow(&RUN).ended(5).json();
    let id = first["run"].as_str().unwrap();
    workspace.lgflow(&["approve", id, "gate"]).ended(0);
    workspace.lgflow(&["runs", "resume", id]).ended(0);
    workspace.lgflow(&["runs", "undo", id, "--to", "two"]).ended(0);
    assert_eq!(workspace.read("b.txt"), "A\n");
    let second = fork(&workspace, &first, &["--from", "gate"], 5);
    let forked = second["run"].as_str().unwrap();
    workspace.lgflow(&["approve", forked, "gate"]).ended(0);
    workspace.lgflow(&["runs", "resume", forked]).ended(0);
    assert_eq!(workspace.read("b.txt"), "B\n");
    sound(&workspace, forked);
}

#[test]
fn what_was_taken_over_is_nothing_that_the_fork_did() {
    let workspace = workspace("allow");
    let first = run(&workspace);
    let second = fork(&workspace, &first, &["--from", "report", "-i", "word=two"], 0);
    let id = second["run"].as_str().unwrap();
    let undone = workspace.lgflow(&["runs", "undo", id, "--dry-run", "--format", "json"]).ended(0).json();
    assert_eq!((&undone["touched"], &undone["beyond"]), (&json!(["report.txt"]), &json!([])), "{undone}");
}

#[test]
fn what_a_fork_took_over_stands_apart_from_what_it_changed() {
    let workspace = workspace("allow");
    let first = run(&workspace);
    let second = fork(&workspace, &first, &["--from", "report", "-i", "word=two"], 0);
    let id = second["run"].as_str().unwrap();
    let exported = workspace.lgflow(&["trace", "export", id, "--to", "json"]).ended(0).json();
    let names = |name: &str| exported[name].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!((names("changed"), names("taken_over")), (vec!["report.txt".into()], vec!["out.txt".into()]));
    let page = workspace.lgflow(&["trace", "export", id, "--to", "html"]).ended(0).stdout;
    assert!(page.contains("Files of earlier runs that it went on from"));
    let whole =
        workspace.lgflow(&["trace", "export", first["run"].as_str().unwrap(), "--to", "html"]).ended(0);
    assert!(!whole.stdout.contains("Files of earlier runs that it went on from"));
}

#[test]
fn an_iteration_that_the_run_never_came_to_is_no_place_to_fork_from() {
    let workspace = workspace("allow");
    let first = run(&workspace);
    let before = made(&workspace);
    for (from, says) in [
        ("look[2]", "`look` is in no loop of the graph"),
        ("turn[1.1]", "`turn` is in one loop of the graph"),
        ("turn[4]", "`turn` began in `turn[1]`, `turn[2]`, `turn[3]`"),
    ] {
        let refused = fork(&workspace, &first, &["--from", from], 2);
        assert!(refused["detail"].as_str().unwrap().contains(says), "{from}: {refused}");
    }
    assert_eq!(made(&workspace), before);
}

#[test]
fn a_patch_that_was_only_tried_is_nothing_that_a_fork_stands_on() {
    let workspace = workspace("allow");
    let tried = "nodes:\n  tried: { uses: apply_patch, with: { dry_run: true, changes: [{ op: put, path: b.txt, content: t }] } }\n";
    workspace.write("graph.yaml", GATED.replace("nodes:\n", tried).replace("[one ->", "[tried -> one ->"));
    let first = workspace.lgflow(&RUN).ended(5).json();
    let second = fork(&workspace, &first, &["--from", "one"], 5);
    workspace.lgflow(&["runs", "undo", first["run"].as_str().unwrap()]).ended(0);
    let row = row(&workspace, second["run"].as_str().unwrap());
    assert_eq!((&row["resumable"], &row["source_taken_back_by"]), (&json!(true), &Value::Null), "{row}");
}

#[test]
fn all_that_has_changed_is_named_at_once() {
    let workspace = workspace("allow");
    workspace.write("graph.yaml", GATED);
    let first = workspace.lgflow(&RUN).ended(5).json();
    let id = first["run"].as_str().unwrap();
    workspace.lgflow(&["approve", id, "gate"]).ended(0);
    workspace.write("graph.yaml", GATED.replace("\"B\\n\"", "\"C\\n\""));
    workspace.write("policy.yaml", policy("ask"));
    let refused = workspace.lgflow(&["runs", "resume", id]).ended(1).stderr;
    assert!(
        refused.contains("its graph has changed since it was started:")
            && refused.contains("its policies have changed since it was started:"),
        "{refused}"
    );
    workspace.write("graph.yaml", GATED);
    let refused = workspace.lgflow(&["runs", "resume", id]).ended(1).stderr;
    assert!(!refused.contains("its graph has changed"), "{refused}");
}
