//! `--policy-from`: a change under test decides nothing about its own run.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod program;

use std::fs;
use std::process::Command;

use program::{Ran, Workspace};
use serde_json::{Value, json};

/// Says its prompt, and what a file has.
const GRAPH: &str = "\
schema: lgflow.graph/v1
name: base
policy: [policy.yaml]
prompts:
  say: { file: prompts/say.md }
nodes:
  look: { uses: read_file, with: { path: open.txt } }
  say: { uses: render, with: { prompt: say, vars: { seen: \"{{ nodes.look.output.content }}\" } } }
edges: [look -> say]
outputs: { text: \"{{ nodes.say.output.text }}\" }
";
const POLICY: &str = "\
schema: lgflow.policy/v1
name: base
tools: { read_file: allow }
paths: { read: { allow: [open.txt] } }
";
/// The change under test: reads more, and lets itself do so.
const EDITED: &str = "\
schema: lgflow.graph/v1
name: edited
policy: [policy.yaml]
nodes:
  look: { uses: read_file, with: { path: closed.txt } }
outputs: { text: \"{{ nodes.look.output.content }}\" }
";
const WIDER: &str = "\
schema: lgflow.policy/v1
name: edited
tools: { read_file: allow, exec: allow }
paths: { read: { allow: ['**'] } }
";

fn git(workspace: &Workspace, arguments: &[&str]) -> String {
    let done = Command::new("git")
        .current_dir(workspace.path())
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("HOME", workspace.outside().join("home"))
        .args(["-c", "user.name=t", "-c", "user.email=t@example.com"])
        .args(arguments)
        .output()
        .expect("this test needs `git`");
    assert!(done.status.success(), "{done:?}");
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

fn commit(workspace: &Workspace) -> String {
    git(workspace, &["add", "-A", "-f"]);
    git(workspace, &["commit", "-qm", "one"]);
    git(workspace, &["rev-parse", "HEAD"])
}

/// A repository whose branch `main` has a graph and a policy; its commit.
fn base(graph: &str, policy: &str) -> (Workspace, String) {
    let workspace = Workspace::new();
    git(&workspace, &["init", "-q", "-b", "main"]);
    workspace
        .write("open.txt", "open")
        .write("closed.txt", "closed")
        .write(".lg/graph.yaml", graph)
        .write(".lg/policy.yaml", policy)
        .write(".lg/prompts/say.md", "base: {{ seen }}");
    let id = commit(&workspace);
    (workspace, id)
}

/// Commits a change on a branch of its own, which edits all that decides.
fn change(workspace: &Workspace) {
    git(workspace, &["checkout", "-q", "-b", "change"]);
    workspace
        .write(".lg/graph.yaml", EDITED)
        .write(".lg/policy.yaml", WIDER)
        .write(".lg/prompts/say.md", "edited: {{ seen }}");
    commit(workspace);
}

fn first_event(workspace: &Workspace, run: &Value) -> Value {
    let shown = workspace.lgflow(&["trace", "show", run.as_str().unwrap(), "--format", "json"]);
    shown.ended(0).json()["events"][0]["data"].clone()
}

#[test]
fn a_change_that_widens_its_policy_and_edits_its_graph_has_no_effect() {
    let (workspace, id) = base(GRAPH, POLICY);
    change(&workspace);
    let text = |ran: &Ran| ran.stdout.trim_end().to_owned();
    // what the change would come to without the flag
    assert_eq!(text(&workspace.lgflow(&["run", "--trust"]).ended(0)), "closed");
    let ran = workspace.lgflow(&["run", "--trust", "--policy-from", "main"]).ended(0);
    assert_eq!(text(&ran), "base: open");
    assert!(ran.stderr.contains(&format!("those of `main` ({id})")), "{}", ran.stderr);

    let ran =
        workspace.lgflow(&["run", "--trust", "--policy-from", "main", "--format", "json"]).ended(0).json();
    let first = first_event(&workspace, &ran["run"]);
    assert_eq!(first["facts"]["policy_from"], json!({ "revision": "main", "commit": id }));
    assert_ne!(first["revision"], json!(id), "the change is what the workspace stands on");
    let ran = workspace.lgflow(&["run", "--trust", "--format", "json"]).ended(0).json();
    assert_eq!(first_event(&workspace, &ran["run"])["facts"]["policy_from"], Value::Null);

    // a commit, and what is not committed
    workspace
        .write(".lg/prompts/say.md", "more: {{ seen }}")
        .write(".lg/config.toml", "nonsense")
        .write(".lg/lg.lock", "nonsense");
    for revision in [id.as_str(), "change~1", "refs/heads/main"] {
        let ran = workspace.lgflow(&["run", "--trust", "--policy-from", revision]).ended(0);
        assert_eq!(text(&ran), "base: open", "{revision}");
    }
    fs::remove_dir_all(workspace.path().join(".lg")).unwrap();
    assert_eq!(text(&workspace.lgflow(&["run", "--policy-from", "main"]).ended(0)), "base: open");
    let left = fs::read_dir(workspace.state().join("revisions")).unwrap().count();
    assert_eq!(left, 0, "copies are taken away");
}

#[test]
fn the_policy_of_the_revision_denies_what_the_change_allows_itself() {
    let (workspace, _) = base(&EDITED.replace("edited", "base"), POLICY);
    change(&workspace);
    workspace.lgflow(&["run", "--trust"]).ended(0);
    let ran = workspace.lgflow(&["run", "--trust", "--policy-from", "main"]);
    assert!(matches!(ran.code, Some(3 | 4)), "{:?}: {}", ran.code, ran.stderr);
    assert!(!ran.stdout.contains("closed") && ran.stderr.contains("paths.read"), "{}", ran.stderr);
}

#[test]
fn the_plan_is_that_of_the_revision_and_no_git_is_run() {
    let (workspace, _) = base(GRAPH, POLICY);
    change(&workspace);
    let mut command = workspace.command(&["plan", "--policy-from", "main", "--format", "json"]);
    let plan = Ran::from(command.env("PATH", "/nonexistent").output().unwrap()).ended(0);
    assert!(plan.stdout.contains("main:.lg/graph.yaml"), "{}", plan.stdout);
    assert!(!plan.stdout.contains("closed.txt"), "{}", plan.stdout);
}

#[test]
fn trust_is_about_what_the_revision_holds() {
    let greedy = POLICY.replace("read_file: allow", "read_file: allow, http: allow");
    let (workspace, _) = base(GRAPH, &greedy);
    change(&workspace);
    let run = ["run", "--policy-from", "main"];
    workspace.lgflow(&run).ended(4).says(".lg/policy.yaml:3:").says("`lgflow trust`");
    // trust in the change is no trust in the revision
    workspace.lgflow(&["trust"]).ended(0);
    workspace.lgflow(&run).ended(4);
    git(&workspace, &["checkout", "-q", "main"]);
    workspace.lgflow(&["trust"]).ended(0);
    let shown = workspace.lgflow(&["trust", "--show", "--format", "json"]).ended(0).json();
    git(&workspace, &["checkout", "-q", "change"]);
    workspace.lgflow(&run).ended(0);
    workspace.lgflow(&["trust", "--forget"]).ended(0);
    let mut command = workspace.command(&run);
    command.env("LGFLOW_TRUST", shown["digest"].as_str().unwrap());
    Ran::from(command.output().unwrap()).ended(0);
}

#[test]
fn a_revision_that_cannot_decide_is_refused_with_what_to_do() {
    let from = |workspace: &Workspace, revision: &str| workspace.lgflow(&["run", "--policy-from", revision]);
    let bare = Workspace::new();
    from(&bare, "main").ended(2).says("in no git repository").says("leave `--policy-from` out");
    let (workspace, _) = base(GRAPH, POLICY);
    from(&workspace, "maim").ended(2).says("there is no revision `maim` here").says("git fetch origin main");
    from(&workspace, "a\u{1b}[2Jb").ended(2).says("\\u{1b}");
    for other in [["-g", ".lg/graph.yaml"], ["--policy", ".lg/policy.yaml"]] {
        let arguments = ["run", "--policy-from", "main", other[0], other[1]];
        workspace.lgflow(&arguments).ended(2).says("cannot be used with");
    }

    git(&workspace, &["checkout", "-q", "-b", "linked"]);
    fs::remove_file(workspace.path().join(".lg/policy.yaml")).unwrap();
    std::os::unix::fs::symlink("../open.txt", workspace.path().join(".lg/policy.yaml")).unwrap();
    commit(&workspace);
    from(&workspace, "linked").ended(4).says("`.lg` of the revision `linked`").says("is a symbolic link");
    git(&workspace, &["rm", "-q", "-r", ".lg"]);
    workspace.write(".lg/prompts/say.md", "alone");
    commit(&workspace);
    // the shipped graph is not taken in its place
    from(&workspace, "linked").ended(2).says("has no graph (graph.yaml, ").says("commit one there");
    git(&workspace, &["rm", "-q", "-r", ".lg"]);
    commit(&workspace);
    // what the work tree has is not taken either
    workspace.write(".lg/graph.yaml", GRAPH).write(".lg/policy.yaml", POLICY);
    from(&workspace, "linked").ended(2).says("has no folder `.lg`").says("commit a graph and a policy");
    assert_eq!(fs::read_dir(workspace.state().join("revisions")).unwrap().count(), 0);
}

#[test]
fn a_run_is_gone_on_with_under_the_commit_that_it_was_started_with() {
    let asks = POLICY.replace("read_file: allow", "read_file: ask");
    let (workspace, _) = base(GRAPH, &asks);
    change(&workspace);
    let run = ["run", "--policy-from", "main", "--format", "json"];
    let suspended = workspace.lgflow(&run).ended(5).json();
    let run = suspended["run"].as_str().unwrap();
    // the branch moves on meanwhile
    git(&workspace, &["branch", "-q", "-f", "main", "change"]);
    let shown = workspace.lgflow(&["approve", run]).ended(2).stderr;
    let at = shown.rfind("--digest ").unwrap_or_else(|| panic!("{shown}"));
    let digest: String =
        shown[at + 9..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == ':').collect();
    workspace.lgflow(&["approve", run, "--digest", &digest]).ended(0);
    let ran = workspace.lgflow(&["runs", "resume", run]).ended(0);
    assert_eq!(ran.stdout.trim_end(), "base: open");
}

#[test]
fn the_settings_of_the_revision_name_its_graph() {
    let (workspace, _) = base(EDITED, POLICY);
    let settings = "graph = \"flows/say.yaml\"\n";
    let graph = GRAPH.replace("policy.yaml", "../policy.yaml").replace("prompts/", "../prompts/");
    workspace.write(".lg/config.toml", settings).write(".lg/flows/say.yaml", &graph);
    commit(&workspace);
    change(&workspace);
    workspace.write(".lg/config.toml", "graph = \"graph.yaml\"\n");
    workspace.lgflow(&["run", "--trust"]).ended(0);
    let ran = workspace.lgflow(&["run", "--trust", "--policy-from", "main"]).ended(0);
    assert_eq!(ran.stdout.trim_end(), "base: open");
}

#[test]
fn a_workspace_in_a_folder_of_its_repository_has_its_own_folder_there() {
    let (workspace, _) = base(GRAPH, POLICY);
    workspace
        .write("part/open.txt", "part")
        .write("part/.lg/graph.yaml", GRAPH)
        .write("part/.lg/policy.yaml", POLICY)
        .write("part/.lg/prompts/say.md", "part: {{ seen }}");
    commit(&workspace);
    workspace.write("part/.lg/prompts/say.md", "edited: {{ seen }}");
    let mut command = workspace.command(&["run", "--policy-from", "main"]);
    let ran = Ran::from(command.current_dir(workspace.path().join("part")).output().unwrap()).ended(0);
    assert_eq!(ran.stdout.trim_end(), "part: part");
}

#[test]
fn the_policies_of_a_change_are_compared_with_those_of_its_base() {
    let (workspace, _) = base(GRAPH, POLICY);
    let diff = |workspace: &Workspace, more: &[&str]| {
        workspace.lgflow(&[&["policy", "diff", "--against", "main"], more].concat())
    };
    assert!(diff(&workspace, &["--deny-widening"]).ended(0).stdout.ends_with("they say the same\n"));
    change(&workspace);
    let ran = diff(&workspace, &["--deny-widening"]).ended(4);
    for text in
        ["--- main:.lg\n+++ the work tree\n", "  + tools.exec: allow\n", "  + paths.read[**]: allow\n"]
    {
        assert!(ran.stdout.contains(text), "`{text}`: {}", ran.stdout);
    }
    let found = diff(&workspace, &["--format", "json"]).ended(0).json();
    assert_eq!((&found["old"], &found["widens"]), (&json!("main:.lg"), &json!(true)));
    // what is not committed counts, wherever the command is started, and a ceiling that is gone is a widening
    workspace.write(".lg/graph.yaml", GRAPH.replace("[policy.yaml]", "[policy.yaml, ceiling.yaml]"));
    workspace.write(".lg/policy.yaml", POLICY).write(".lg/ceiling.yaml", POLICY.replace("base", "ceiling"));
    commit(&workspace);
    git(&workspace, &["branch", "-f", "main"]);
    workspace.write(".lg/graph.yaml", GRAPH);
    let mut below = workspace.command(&["policy", "diff", "--against", "main", "--deny-widening"]);
    let ran = Ran::from(below.current_dir(workspace.path().join(".lg")).output().unwrap()).ended(4);
    assert!(ran.stdout.contains(".lg/ceiling.yaml"), "{}", ran.stdout);
    // a change that takes all of it away is left with what holds without a policy
    fs::remove_dir_all(workspace.path().join(".lg")).unwrap();
    let ran = diff(&workspace, &[]).ended(0);
    assert!(ran.stdout.contains("+ tools.list_files: allow"), "{}", ran.stdout);
}

#[test]
fn a_revision_that_cannot_be_compared_says_why() {
    let (workspace, _) = base(GRAPH, POLICY);
    let against = |revision: &str| workspace.lgflow(&["policy", "diff", "--against", revision]);
    against("nowhere").ended(2).says("there is no revision `nowhere`").says("lgflow policy diff OLD NEW");
    workspace.lgflow(&["policy", "diff", "--against", "main", "a.yaml", "b.yaml"]).ended(2);
    workspace.lgflow(&["policy", "diff"]).ended(2);
    workspace.lgflow(&["policy", "diff", "a.yaml"]).ended(2);
    git(&workspace, &["rm", "-rq", "--cached", ".lg/graph.yaml"]);
    git(&workspace, &["commit", "-qm", "two"]);
    against("HEAD").ended(2).says("has no graph").says("name another revision");
    workspace.write(".lg/policy.yaml", "schema: lgflow.policy/v1\nname: x\ntool: {}\n");
    let ran = against("HEAD~1").ended(3);
    assert!(ran.stderr.contains("unknown-key") && ran.stdout.is_empty(), "{}", ran.stderr);
}

#[test]
fn a_full_id_means_what_was_hashed_to_it_whatever_the_repository_replaces() {
    let (workspace, id) = base(GRAPH, POLICY);
    change(&workspace);
    git(&workspace, &["replace", &id, "change"]);
    let ran = workspace.lgflow(&["run", "--trust", "--policy-from", &id]).ended(0);
    assert_eq!(ran.stdout.trim_end(), "base: open");
    // the same of what the commit holds
    git(&workspace, &["replace", "-d", &id]);
    let tree = git(&workspace, &["rev-parse", &format!("{id}^{{tree}}")]);
    git(&workspace, &["replace", &tree, "change^{tree}"]);
    let ran = workspace.lgflow(&["run", "--trust", "--policy-from", &id]).ended(0);
    assert_eq!(ran.stdout.trim_end(), "base: open");
    let differs = ["policy", "diff", "--against", &id, "--deny-widening"];
    workspace.lgflow(&differs).ended(4);
}

#[test]
fn a_name_that_means_two_revisions_is_refused() {
    let (workspace, id) = base(GRAPH, POLICY);
    change(&workspace);
    git(&workspace, &["tag", "main", "change"]);
    git(&workspace, &["update-ref", "refs/remotes/origin/main", &id]);
    git(&workspace, &["tag", "origin/main", "change"]);
    for (name, one, other) in [
        ("main", "refs/tags/main", "refs/heads/main"),
        ("origin/main", "refs/tags/origin/main", "refs/remotes/origin/main"),
        ("main~0", "refs/tags/main", "refs/heads/main"),
    ] {
        let ran = workspace.lgflow(&["run", "--trust", "--policy-from", name]);
        assert_ne!(ran.code, Some(0), "{name}: {}", ran.stdout);
        assert!(ran.stderr.contains(one) && ran.stderr.contains(other), "{name}: {}", ran.stderr);
        let ran = workspace.lgflow(&["run", "--trust", "--policy-from", other]).ended(0);
        assert_eq!(ran.stdout.trim_end(), "base: open", "{other}");
    }
    workspace.lgflow(&["run", "--trust", "--policy-from", &id]).ended(0);
}
