//! `cache: true`: a result is one of an earlier call where that would come to the same, and in no other case; it says so,
//! it is decided and counted like one that was made, and nobody but this installation can put one there.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod program;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use program::{Ran, Workspace};
use serde_json::{Value, json};

/// Everything that can be recalled, one after the other.
const GRAPH: &str = "\
schema: lgflow.graph/v1
name: looks
inputs: { name: { type: string, default: a.txt } }
nodes:
  read: { uses: read_file, with: { path: \"{{ inputs.name }}\" }, cache: true }
  list: { uses: list_files, with: { path: src, recursive: true }, cache: true }
  search: { uses: search_files, with: { pattern: TODO, path: src }, cache: true }
  facts: { uses: repo_context, with: { request: one, what: [languages, symbols] }, cache: true }
edges: [read -> list -> search -> facts]
outputs:
  text: \"{{ nodes.read.output.content }}\"
  files: \"{{ nodes.list.output.files }}\"
  found: \"{{ nodes.search.output.matches | length }}\"
";
const ALL: [&str; 4] = ["read", "list", "search", "facts"];

fn looks() -> Workspace {
    let workspace = Workspace::new();
    workspace
        .write("graph.yaml", GRAPH)
        .write("a.txt", "a\n")
        .write("b.txt", "b\n")
        .write("src/one.rs", "// TODO\nfn one() {}\n")
        .write("src/deep/two.rs", "fn two() {}\n");
    workspace
}

/// What came of a run.
struct Seen {
    id: String,
    outputs: Value,
    /// The data of each `call.finished`, by node, in order.
    finished: Vec<(String, Value)>,
}

impl Seen {
    fn of(workspace: &Workspace, ran: &Ran) -> Self {
        let document = ran.json();
        let id = document["run"].as_str().unwrap().to_owned();
        let shown = workspace.lgflow(&["trace", "show", &id, "--format", "json"]).ended(0).json();
        let events = shown["events"].as_array().unwrap().iter();
        let finished = events.filter(|event| event["kind"] == "call.finished");
        let finished =
            finished.map(|event| (event["node"].as_str().unwrap().to_owned(), event["data"].clone()));
        Self { finished: finished.collect(), outputs: document["outputs"].clone(), id }
    }

    /// The nodes whose results were recalled.
    fn cached(&self) -> Vec<&str> {
        let cached = self.finished.iter().filter(|(_, data)| data["cached"] == true);
        cached.map(|(node, _)| node.as_str()).collect()
    }

    fn data(&self, node: &str) -> &Value {
        &self.finished.iter().find(|(name, _)| name == node).unwrap().1
    }

    /// The nodes where something was there that was not believed.
    fn passed_over(&self) -> Vec<&str> {
        let passed = self.finished.iter().filter(|(_, data)| data["passed_over"].is_string());
        passed.map(|(node, _)| node.as_str()).collect()
    }
}

fn run_with(workspace: &Workspace, more: &[&str]) -> Seen {
    let all = [&["run", "-g", "graph.yaml", "--format", "json"], more].concat();
    Seen::of(workspace, &workspace.lgflow(&all).ended(0))
}

fn run(workspace: &Workspace) -> Seen {
    run_with(workspace, &[])
}

/// Every file of the cache.
fn kept(workspace: &Workspace) -> Vec<PathBuf> {
    files_in(&workspace.state().join("cache"))
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found.into_iter().flat_map(|path| if path.is_dir() { files_in(&path) } else { vec![path] }).collect()
}

#[test]
fn an_unchanged_workspace_is_not_read_again_and_every_record_says_so() {
    let workspace = looks();
    let first = run(&workspace);
    assert_eq!((first.cached(), kept(&workspace).len()), (vec![], 4));
    let second = run(&workspace);
    assert_eq!(second.cached(), ALL);
    assert_eq!(second.outputs, first.outputs);
    for node in ALL {
        let (now, then) = (second.data(node), first.data(node));
        assert_eq!(now["recalled"]["run"], json!(first.id), "{node}");
        assert_eq!((&now["recalled"]["from"], now["recalled"]["at"].is_u64()), (&json!("cache"), true));
        assert_eq!(now["result"]["recalled"], now["recalled"]);
        assert_eq!(now["result"]["output"], then["result"]["output"], "{node}");
        assert_eq!(now["result"]["rules"], then["result"]["rules"], "{node}");
    }
    let verified = workspace.lgflow(&["trace", "verify", &second.id]).ended(0);
    assert!(verified.stdout.contains("receipts of the runner agree"), "{}", verified.stdout);
    workspace.lgflow(&["replay", &second.id]).ended(0);
    let shown = workspace.lgflow(&["trace", "show", &second.id]).ended(0).stdout;
    assert!(
        shown.contains(&format!("cached=true  call=0  recalled=(cache of run {}, made at 20", first.id)),
        "{shown}"
    );
    let receipts = files_in(&workspace.state().join("ledger"));
    let receipts = receipts.iter().find(|path| path.ends_with(format!("{}.jsonl", second.id))).unwrap();
    let text = fs::read_to_string(receipts).unwrap();
    assert_eq!((text.matches("call.recalled").count(), text.matches("call.begun").count()), (4, 0), "{text}");
    assert_eq!(text.matches("\"recalled\":true").count(), 4, "answers say it as well: {text}");
    let told = workspace.lgflow(&["run", "-g", "graph.yaml"]).ended(0);
    told.says("read from the cache");
}

/// A change, what is changed, and the nodes that are answered from the cache afterwards.
type Case = (&'static str, fn(&Workspace), &'static [&'static str]);

#[test]
fn what_was_read_decides_and_not_what_was_named() {
    let cases: [Case; 9] = [
        ("nothing", |_| {}, &ALL),
        (
            "a file outside of every read but that of the whole",
            |at| {
                at.write("b.txt", "B\n");
            },
            &["read", "list", "search"],
        ),
        (
            "the file",
            |at| {
                at.write("a.txt", "A\n");
            },
            &["list", "search"],
        ),
        (
            "a file of the same length in the folder",
            |at| {
                at.write("src/deep/two.rs", "fn TWO() {}\n");
            },
            &["read", "list"],
        ),
        (
            "a new file",
            |at| {
                at.write("src/new.rs", "// TODO\n");
            },
            &["read"],
        ),
        (
            "a new file without a match",
            |at| {
                at.write("src/new.txt", "");
            },
            &["read"],
        ),
        ("a file that is gone", |at| fs::remove_file(at.path().join("src/deep/two.rs")).unwrap(), &["read"]),
        (
            "an ignore file above the folder",
            |at| {
                at.write(".gitignore", "deep\n");
            },
            &["read"],
        ),
        (
            "a file that is now a link",
            |at| {
                fs::rename(at.path().join("a.txt"), at.path().join("c.txt")).unwrap();
                symlink("c.txt", at.path().join("a.txt")).unwrap();
            },
            &["list", "search"],
        ),
    ];
    for (what, change, cached) in cases {
        let workspace = looks();
        run(&workspace);
        change(&workspace);
        let after = run(&workspace);
        assert_eq!(after.cached(), cached, "{what}");
        fs::remove_dir_all(workspace.state().join("cache")).unwrap();
        let fresh = run(&workspace);
        assert_eq!((fresh.cached(), &fresh.outputs), (vec![], &after.outputs), "{what}");
    }
}

#[test]
fn a_link_leads_to_what_counts() {
    let workspace = looks();
    symlink("b.txt", workspace.path().join("link")).unwrap();
    let look = || run_with(&workspace, &["-i", "name=link"]);
    look();
    assert!(look().cached().contains(&"read"));
    workspace.write("b.txt", "B\n");
    let after = look();
    assert!(!after.cached().contains(&"read"));
    assert_eq!(after.outputs["text"], "B\n");
}

#[test]
fn another_input_and_another_policy_are_other_calls() {
    let workspace = looks();
    run(&workspace);
    assert_eq!(run_with(&workspace, &["-i", "name=b.txt"]).cached(), ["list", "search", "facts"]);
    let allows = "schema: lgflow.policy/v1\nname: p\ntools: { read_file: allow, list_files: allow, search_files: allow, repo_context: allow }\npaths: { read: { allow: ['**'] } }\n";
    workspace.write("p.yaml", allows);
    let other = ["--policy", "p.yaml"];
    assert_eq!(run_with(&workspace, &other).cached(), [""; 0]);
    assert_eq!(run_with(&workspace, &other).cached(), ALL);
    // what is denied since is denied, whatever is kept
    workspace.write("p.yaml", allows.replace("['**']", "['**'], deny: [a.txt]"));
    workspace.lgflow(&["run", "-g", "graph.yaml", "--policy", "p.yaml"]).ended(4).says("a.txt");
}

/// The policy is the same, and so is the call: only where its path comes from is not.
#[test]
fn the_policy_is_asked_again_on_a_hit() {
    let workspace = looks();
    workspace
        .write("p.yaml", "schema: lgflow.policy/v1\nname: p\ntools: { read_file: allow }\npaths: { read: { allow: ['**'] } }\nflows: [{ from: 'workspace:name.txt', to: read_file.path, verdict: deny }]\n")
        .write("name.txt", "a.txt")
        .write("told.yaml", "schema: lgflow.graph/v1\nname: told\nnodes:\n  name: { uses: read_file, with: { path: name.txt } }\n  read: { uses: read_file, with: { path: '{{ nodes.name.output.content }}' }, cache: true }\nedges: [name -> read]\n")
        .write("graph.yaml", "schema: lgflow.graph/v1\nname: here\nnodes:\n  read: { uses: read_file, with: { path: a.txt }, cache: true }\n");
    let policy = ["--policy", "p.yaml"];
    run_with(&workspace, &policy);
    assert_eq!(run_with(&workspace, &policy).cached(), ["read"]);
    let refused = workspace.lgflow(&["run", "-g", "told.yaml", "--policy", "p.yaml"]).ended(4);
    refused.says("reaches `read_file.path`, which is denied");
}

#[test]
fn a_hit_is_counted_like_a_call() {
    let workspace = looks();
    workspace.write("p.yaml", "schema: lgflow.policy/v1\nname: p\ntools: { read_file: allow, list_files: allow, search_files: allow, repo_context: allow }\npaths: { read: { allow: ['**'] } }\nlimits: { tool_calls: 2 }\n");
    for _ in 0..3 {
        let ran =
            workspace.lgflow(&["run", "-g", "graph.yaml", "--policy", "p.yaml", "--format", "json"]).ended(6);
        assert_eq!(ran.json()["error"]["node"], "search", "{}", ran.stdout);
    }
    let ran = workspace.lgflow(&["run", "-g", "graph.yaml", "--policy", "p.yaml", "--format", "json"]);
    assert_eq!(Seen::of(&workspace, &ran).cached(), ["read", "list"]);
    workspace.write("graph.yaml", GRAPH.replace("nodes:\n", "budgets: { tool_calls: 3 }\nnodes:\n"));
    for _ in 0..2 {
        let ran = workspace.lgflow(&["run", "-g", "graph.yaml", "--format", "json"]).ended(6);
        assert_eq!(ran.json()["error"]["node"], "facts", "{}", ran.stdout);
    }
}

#[test]
fn what_others_put_there_is_passed_over_and_named() {
    let (mine, theirs) = (looks(), looks());
    run(&theirs);
    theirs.write("a.txt", "forged\n");
    run(&theirs);
    // the same workspace, as far as its name can tell: its entries are another installation's
    run(&mine);
    for file in kept(&mine) {
        let forged = kept(&theirs).into_iter().find(|path| path.file_name() == file.file_name());
        fs::copy(forged.unwrap(), file).unwrap();
    }
    let seen = run(&mine);
    assert_eq!((seen.cached(), seen.passed_over()), (vec![], ALL.to_vec()));
    assert_eq!(seen.outputs["text"], "a\n");
    let why = seen.data("read")["passed_over"].as_str().unwrap();
    assert!(why.contains("was not written by this installation, or was altered"), "{why}");
    let shown = mine.lgflow(&["trace", "show", &seen.id]).ended(0).stdout;
    assert!(shown.contains("passed_over="), "{shown}");
    mine.lgflow(&["trace", "verify", &seen.id]).ended(0);
    mine.lgflow(&["replay", &seen.id]).ended(0);
    // what was passed over is replaced by what was made
    assert_eq!(run(&mine).cached(), ALL);

    for file in kept(&mine) {
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text.replacen("\"ok\":true", "\"ok\":false", 1)).unwrap();
    }
    let told = mine.lgflow(&["run", "-g", "graph.yaml"]).ended(0);
    told.says("read: a kept result is passed over: ");
}

#[test]
fn a_repository_ships_no_result() {
    let workspace = looks();
    run(&workspace);
    // every place where a repository could put what this very installation has sealed
    for folder in [".lg/cache", ".lg/state/cache", "cache", ".lgflow/cache", "artifacts/cache"] {
        for file in kept(&workspace) {
            let below = file.strip_prefix(workspace.state().join("cache")).unwrap().to_owned();
            let at = workspace.path().join(folder).join(below);
            fs::create_dir_all(at.parent().unwrap()).unwrap();
            fs::copy(&file, at).unwrap();
        }
    }
    fs::remove_dir_all(workspace.state().join("cache")).unwrap();
    let seen = run(&workspace);
    assert_eq!((seen.cached(), seen.passed_over()), (vec![], vec![]));
}

#[test]
fn what_cannot_be_kept_is_lost_and_nothing_else() {
    let workspace = looks();
    fs::create_dir_all(workspace.state()).unwrap();
    fs::write(workspace.state().join("cache"), "no folder").unwrap();
    let first = run(&workspace);
    assert_eq!((run(&workspace).cached(), first.cached()), (vec![], vec![]));
    workspace.lgflow(&["trace", "verify", &first.id]).ended(0);
}

#[test]
fn what_must_not_leave_is_not_kept() {
    let workspace = looks();
    workspace.write("p.yaml", "schema: lgflow.policy/v1\nname: p\ntools: { read_file: allow, list_files: allow, search_files: allow, repo_context: allow }\npaths: { read: { allow: ['**'] } }\nredact: [{ name: word, pattern: 'hush[0-9]+' }]\n");
    workspace.write("a.txt", "hush123\n");
    let policy = ["--policy", "p.yaml"];
    run_with(&workspace, &policy);
    assert_eq!(run_with(&workspace, &policy).cached(), ["list", "search", "facts"]);
    let texts: Vec<String> = kept(&workspace).iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    // nor the digest of a file that was read for the facts, by which a short secret can be guessed
    let digest = lgflow::digest::Digest::of("hush123\n").hex();
    assert!(texts.iter().all(|text| !text.contains("hush") && !text.contains(&digest)), "{texts:?}");
}

#[test]
fn nothing_is_recalled_that_did_not_ask_for_it_or_did_not_succeed() {
    let workspace = looks();
    run(&workspace);
    workspace.write("graph.yaml", GRAPH.replace("cache: true", "cache: false"));
    assert_eq!(run(&workspace).cached(), [""; 0]);
    workspace.write("graph.yaml", "schema: lgflow.graph/v1\nname: none\nnodes:\n  read: { uses: read_file, with: { path: none.txt }, cache: true }\n");
    let before = kept(&workspace).len();
    workspace.lgflow(&["run", "-g", "graph.yaml"]).ended(1);
    assert_eq!(kept(&workspace).len(), before);
    workspace.write("none.txt", "here now\n");
    assert_eq!(run(&workspace).cached(), [""; 0]);
}

#[test]
fn each_item_and_each_attempt_is_a_call_of_its_own() {
    let workspace = looks();
    workspace.write("graph.yaml", "schema: lgflow.graph/v1\nname: items\nnodes:\n  read:\n    uses: read_file\n    for_each: { in: \"['a.txt', 'b.txt', 'a.txt']\", as: name }\n    with: { path: \"{{ name }}\" }\n    cache: true\n");
    let first = run(&workspace);
    let cached: Vec<&Value> = first.finished.iter().map(|(_, data)| &data["cached"]).collect();
    assert_eq!(cached, [&Value::Null, &Value::Null, &json!(true)], "the third reads what the first has read");
    workspace.write("b.txt", "B\n");
    let second = run(&workspace);
    let cached: Vec<&Value> = second.finished.iter().map(|(_, data)| &data["cached"]).collect();
    assert_eq!(cached, [&json!(true), &Value::Null, &json!(true)]);
}

#[test]
fn a_run_that_has_recalled_is_gone_on_with() {
    let workspace = looks();
    workspace.write("graph.yaml", GRAPH.replace("edges: [read -> list", "  ask: { uses: approval, with: { show: \"{{ nodes.read.output.content }}\" } }\nedges: [read -> ask -> list"));
    let begin = || {
        let ran = workspace.lgflow(&["run", "-g", "graph.yaml", "--format", "json"]).ended(5);
        ran.json()["run"].as_str().unwrap().to_owned()
    };
    let go_on = |run: &str| {
        workspace.lgflow(&["approve", run, "ask"]).ended(0);
        let ran = workspace.lgflow(&["runs", "resume", run, "--format", "json"]).ended(0);
        Seen::of(&workspace, &ran)
    };
    let first = go_on(&begin());
    assert_eq!(first.cached(), [""; 0]);
    let suspended = begin();
    workspace.write("a.txt", "changed while it waited\n");
    let second = go_on(&suspended);
    assert_eq!(second.cached(), ["read", "list", "search"], "what was recalled stays");
    assert_eq!(second.outputs["text"], "a\n");
    workspace.lgflow(&["trace", "verify", &suspended]).ended(0);
    workspace.lgflow(&["replay", &suspended]).ended(0);
}

#[test]
fn runs_at_once_share_one_cache() {
    let workspace = looks();
    let start = || {
        let mut command = workspace.command(&["run", "-g", "graph.yaml", "--format", "json"]);
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
    };
    for round in 0..3 {
        workspace.write("a.txt", format!("{round}\n"));
        let running = [start(), start(), start()];
        for child in running {
            let seen = Seen::of(&workspace, &Ran::from(child.wait_with_output().unwrap()).ended(0));
            assert_eq!(seen.outputs["text"], format!("{round}\n"));
            assert_eq!(seen.passed_over(), [""; 0]);
            workspace.lgflow(&["trace", "verify", &seen.id]).ended(0);
        }
        assert_eq!(run(&workspace).cached(), ALL);
    }
}

#[test]
fn what_a_run_has_read_goes_with_it() {
    let workspace = looks();
    workspace.write("a.txt", "a text that is met nowhere else\n");
    run(&workspace);
    let kept = || {
        let mut grep = std::process::Command::new("grep");
        let found = grep.args(["-rl", "met nowhere else"]).arg(workspace.state()).output().unwrap();
        String::from_utf8(found.stdout).unwrap()
    };
    assert!(kept().contains("/cache/"), "{}", kept());
    workspace.lgflow(&["runs", "gc", "--keep", "0"]).ended(0);
    assert_eq!(kept(), "");
}
