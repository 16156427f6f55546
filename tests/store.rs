//! The store of runs as a user meets it: what is removed, what waits for a worker, and what is said when it is not as it
//! should be.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod program;

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use lgflow::front::{Place, Removed, remove_run};
use lgflow::ledger::Ledger;
use lgflow::store::{Removable, Retention, RunId, StoreAddress};
use program::kept::{database, only_run, store_of};
use program::processes::{signal, wait_for_descendant, wait_until};
use program::{Ran, Workspace};
use serde_json::{Value, json};

const HELLO: &str = "\
schema: lgflow.graph/v1
name: hello
inputs: { who: { type: string, default: world } }
nodes:
  read: { uses: read_file, with: { path: a.txt } }
  hello: { uses: values, with: { text: 'Hello, {{ inputs.who }}' } }
edges: [read -> hello]
outputs: { text: '{{ nodes.hello.output.text }}' }
";

const ASKS: &str = "\
schema: lgflow.graph/v1
name: asks
nodes:
  sure: { uses: approval, with: { show: \"really?\" } }
";

fn workspace() -> Workspace {
    let workspace = Workspace::git();
    workspace.write("graph.yaml", HELLO).write("asks.yaml", ASKS).write("a.txt", "word ".repeat(2_000));
    workspace
}

fn run_of(workspace: &Workspace, arguments: &[&str], code: i32) -> String {
    let all: Vec<&str> = ["run", "--format", "json", "-g"].iter().chain(arguments).copied().collect();
    workspace.lgflow(&all).ended(code).json()["run"].as_str().unwrap().to_owned()
}

fn count(workspace: &Workspace, table: &str) -> i64 {
    database(workspace).query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

fn listed(workspace: &Workspace) -> Vec<String> {
    let list = workspace.lgflow(&["runs", "list", "--format", "json"]).ended(0).json();
    list["runs"].as_array().unwrap().iter().map(|run| run["run"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn old_runs_are_removed_with_all_that_only_they_named_and_none_that_can_be_gone_on_with() {
    let workspace = workspace();
    let waits = run_of(&workspace, &["asks.yaml"], 5);
    let old = run_of(&workspace, &["graph.yaml"], 0);
    workspace.write("a.txt", "other ".repeat(2_000));
    let new = run_of(&workspace, &["graph.yaml"], 0);
    let shown = workspace.lgflow(&["runs", "gc", "--keep", "1", "--dry-run", "--format", "json"]).ended(0);
    assert_eq!(
        shown.json()["runs"].as_array().unwrap().iter().map(|run| &run["run"]).collect::<Vec<_>>(),
        [&json!(old)]
    );
    assert_eq!(listed(&workspace).len(), 3, "a dry run removes nothing");
    let payloads = count(&workspace, "blobs");
    let gone = workspace.lgflow(&["runs", "gc", "--keep", "1"]).ended(0).stdout;
    assert!(gone.starts_with(&format!("{old}  ")) && gone.contains("1 run removed"), "{gone}");
    assert_eq!(listed(&workspace), [new.clone(), waits.clone()]);
    assert!(count(&workspace, "blobs") < payloads, "what only it named is gone");
    let known = |run: &str| {
        let folders = std::fs::read_dir(workspace.state().join("ledger")).unwrap();
        let mut folders = folders.map(|entry| entry.unwrap().path());
        folders.any(|folder| folder.join("receipts").join(format!("{run}.jsonl")).exists())
    };
    assert!(known(&new) && !known(&old), "the receipts of a removed run go with it");
    let removed = store_of(&workspace).removed(&old.parse().unwrap()).unwrap().unwrap();
    assert_eq!(removed.1, "count");
    // what is left is whole
    workspace.lgflow(&["trace", "verify", &new]).ended(0);
    workspace.lgflow(&["approve", &waits, "sure"]).ended(0);
    workspace.lgflow(&["runs", "resume", &waits]).ended(0);
    // by age and size
    workspace.lgflow(&["runs", "gc", "--older-than", "30d"]).ended(0);
    assert_eq!(listed(&workspace).len(), 2);
    workspace.lgflow(&["runs", "gc", "--max-size", "1B"]).ended(0);
    assert!(listed(&workspace).is_empty());
    assert_eq!(
        (count(&workspace, "segments"), count(&workspace, "links"), count(&workspace, "blobs")),
        (0, 0, 0)
    );
    workspace.lgflow(&["runs", "gc", "--older-than", "soon"]).ended(2).says("a duration");
}

/// Each run of it changes a file, asks, and changes another one.
const GATED: &str = "\
schema: lgflow.graph/v1
name: gated
inputs: { n: { type: string, default: a } }
nodes:
  one: { uses: apply_patch, with: { changes: [{ op: put, path: '{{ inputs.n }}1.txt', content: one }] } }
  sure: { uses: approval, with: { show: \"really?\" } }
  two: { uses: apply_patch, with: { changes: [{ op: put, path: '{{ inputs.n }}2.txt', content: two }] } }
edges: [one -> sure -> two]
";

const PATCHES: &str = "schema: lgflow.policy/v1\nname: patches\ntools: { apply_patch: allow, rollback: allow }\n\
    paths: { read: { allow: [\"**\"] }, write: { allow: [\"*.txt\"] } }\n";

fn patched(workspace: &Workspace, n: &str) -> String {
    let run = run_of(workspace, &["gated.yaml", "--policy", "patches.yaml", "-i", &format!("n={n}")], 5);
    workspace.lgflow(&["approve", &run, "sure"]).ended(0);
    workspace.lgflow(&["runs", "resume", &run]).ended(0);
    run
}

/// The runs that are old, with all that there are.
fn old(workspace: &Workspace) -> (Vec<Removable>, BTreeSet<RunId>) {
    let store = store_of(workspace);
    let all: BTreeSet<RunId> = store.runs().unwrap().into_iter().collect();
    let none = Retention { keep: Some(0), ..Retention::default() };
    (store.removable(&none, (&all, &BTreeSet::new()), &|_| 0).unwrap(), all)
}

#[test]
fn what_was_forked_or_taken_back_since_it_was_found_to_be_old_is_kept() {
    let workspace = workspace();
    workspace.write("gated.yaml", GATED).write("patches.yaml", PATCHES);
    let runs = ["b", "c", "d"].map(|n| patched(&workspace, n));
    let (found, known) = old(&workspace);
    assert_eq!(found.len(), 3);
    workspace.lgflow(&["runs", "fork", &runs[0], "--from", "two"]).ended(5);
    workspace.lgflow(&["runs", "undo", &runs[2]]).ended(0);
    let store = store_of(&workspace);
    let place = Place {
        root: workspace.path(),
        state: workspace.state(),
        config: workspace.outside().join("config"),
        base: None,
        store: StoreAddress::Local,
    };
    let since: Vec<RunId> = store.runs().unwrap().into_iter().filter(|run| !known.contains(run)).collect();
    let [fork, undo] = &since[..] else { panic!("{since:?}") };
    let mut left = found.iter().map(|run| remove_run(&place, &store, run, &known).unwrap());
    assert!(matches!(left.next(), Some(Removed::Needed(by)) if by == *fork));
    assert!(matches!(left.next(), Some(Removed::Yes)));
    assert!(matches!(left.next(), Some(Removed::Needed(by)) if by == *undo));
    // none is held any more
    workspace.lgflow(&["approve", fork.as_str(), "sure"]).ended(0);
    workspace.lgflow(&["runs", "resume", fork.as_str()]).ended(0);
    workspace.lgflow(&["runs", "show", &runs[1]]).ended(1).says("was removed on");
}

#[test]
fn a_fork_does_not_begin_whose_source_is_removed_in_that_moment() {
    let workspace = workspace();
    workspace.write("gated.yaml", GATED).write("patches.yaml", PATCHES);
    let run = patched(&workspace, "b");
    let store = store_of(&workspace);
    let ledger = Ledger::open(&workspace.state(), &store.id()).unwrap();
    let database = database(&workspace);
    // it has looked at the earlier run, and waits to be put into the store
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut fork = workspace.command(&["runs", "fork", &run, "--from", "two"]);
    let fork = fork.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until(|| ledger.begun_runs().unwrap().len() == 2, "it does not begin");
    database.execute("DELETE FROM runs WHERE run = ?1", [&run]).unwrap();
    database.execute_batch("COMMIT").unwrap();
    Ran::from(fork.wait_with_output().unwrap()).ended(1).says(&format!("there is no run `{run}`"));
    assert!(store.runs().unwrap().is_empty() && store.executed().unwrap().is_empty());
}

#[test]
fn the_queue_is_executed_in_order_by_a_worker_and_bound_to_what_it_was_given() {
    let workspace = workspace();
    let queue = |who: &str| {
        let input = format!("who={who}");
        workspace
            .lgflow(&["run", "--queue", "-g", "graph.yaml", "-i", &input])
            .ended(0)
            .stdout
            .trim()
            .to_owned()
    };
    let runs = [queue("one"), queue("two"), queue("three")];
    let list = workspace.lgflow(&["runs", "list", "--format", "json"]).ended(0).json();
    assert!(
        list["runs"]
            .as_array()
            .unwrap()
            .iter()
            .all(|run| run["status"] == "queued" && run["graph"] == "hello"),
        "{list}"
    );
    assert_eq!(listed(&workspace).len(), 3);
    // none has begun, and each is known
    let shown = workspace.lgflow(&["runs", "show", &runs[0], "--format", "json"]).ended(0).json();
    assert_eq!((&shown["status"], &shown["graph"]), (&json!("queued"), &json!("hello")), "{shown}");
    workspace.lgflow(&["runs", "resume", &runs[0]]).ended(1).says("`lgflow worker` executes it");
    workspace.lgflow(&["trace", "verify", &runs[0]]).ended(1).says("waits in the queue");
    let worked = workspace.lgflow(&["worker", "--until-empty", "--format", "json"]).ended(0).json();
    let done: Vec<&Value> = worked["runs"].as_array().unwrap().iter().map(|run| &run["run"]).collect();
    assert_eq!(done, runs.iter().map(|run| json!(run)).collect::<Vec<_>>().iter().collect::<Vec<_>>());
    let shown = workspace.lgflow(&["runs", "show", &runs[1], "--format", "json"]).ended(0).json();
    assert_eq!((&shown["status"], &shown["outputs"]["text"]), (&json!("succeeded"), &json!("Hello, two")));
    for run in &runs {
        workspace.lgflow(&["trace", "verify", run]).ended(0);
    }
    // one whose graph has changed since is refused, and is lost by nobody
    let late = queue("late");
    workspace.write("graph.yaml", HELLO.replace("Hello", "Bye"));
    let ran = workspace.lgflow(&["worker", "--until-empty"]).ended(1);
    assert!(ran.stderr.contains("its graph has changed since it was started:\n"), "{}", ran.stderr);
    let ran = workspace.lgflow(&["worker", "--until-empty", "--format", "json"]).ended(1);
    assert_eq!(ran.json()["runs"], json!([{ "run": late, "status": "refused" }]));
    ran.says(&format!("`lgflow runs dequeue {late}`"));
    workspace.write("graph.yaml", HELLO);
    workspace.lgflow(&["worker", "--until-empty"]).ended(0).says(&format!("{late}  succeeded"));
    assert_eq!(listed(&workspace).len(), 4);
    // one that nobody of this installation queued is left to whoever did
    let foreign = "01jd0000000000000000000000";
    database(&workspace)
        .execute(
            "INSERT INTO queue (workspace, run, fence, tries) SELECT workspace, ?1, 0, 0 FROM runs LIMIT 1",
            [foreign],
        )
        .unwrap();
    let ran = workspace.lgflow(&["worker", "--until-empty", "--format", "json"]).ended(0);
    assert_eq!(ran.json()["runs"], json!([]));
    ran.says(&format!("{foreign}: was not started by this installation, and is left to the one that did"));
    assert_eq!(store_of(&workspace).queued().unwrap(), [foreign.parse().unwrap()]);
    let taken = workspace.lgflow(&["runs", "dequeue", foreign]).ended(0).stdout;
    assert!(taken.contains("where another installation had put it"), "{taken}");
    assert!(store_of(&workspace).queued().unwrap().is_empty());
    // and one is taken out before it begins, with all that was kept of it
    let unwanted = queue("unwanted");
    let taken = workspace.lgflow(&["runs", "dequeue", &unwanted, "--format", "json"]).ended(0).json();
    assert_eq!(taken["queued"], false);
    workspace.lgflow(&["runs", "dequeue", &unwanted]).ended(2).says("is not in the queue");
    workspace.lgflow(&["worker", "--until-empty"]).ended(0);
    assert_eq!(listed(&workspace).len(), 4);
}

#[test]
fn what_another_installation_started_is_shown_and_left_to_it() {
    let workspace = workspace();
    let waits = run_of(&workspace, &["asks.yaml"], 5);
    let over = run_of(&workspace, &["graph.yaml"], 0);
    let queued = workspace.lgflow(&["run", "--queue", "-g", "graph.yaml"]).ended(0).stdout.trim().to_owned();
    // the same store, and nothing on record: what another user, machine or container is on one database
    let (ledger, away) = (workspace.state().join("ledger"), workspace.outside().join("away"));
    std::fs::rename(&ledger, &away).unwrap();
    let own = run_of(&workspace, &["graph.yaml"], 0);
    let list = workspace.lgflow(&["runs", "list", "--format", "json"]).ended(0).json();
    let here: Vec<(&Value, &Value)> =
        list["runs"].as_array().unwrap().iter().map(|row| (&row["run"], &row["started_here"])).collect();
    let row = |run: &str, here: bool| (json!(run), json!(here));
    let rows = [row(&own, true), row(&queued, false), row(&over, false), row(&waits, false)];
    assert_eq!(here, rows.iter().map(|(run, here)| (run, here)).collect::<Vec<_>>());
    let text = workspace.lgflow(&["runs", "list"]).ended(0).stdout;
    assert_eq!(text.matches("of another installation").count(), 3, "{text}");
    // nothing of it is removed, and none of it counts
    let kept = workspace.lgflow(&["runs", "gc", "--keep", "1", "--format", "json"]).ended(0).json();
    assert_eq!((&kept["runs"], &kept["left_to_others"]), (&json!([]), &json!(3)), "{kept}");
    let gone = workspace.lgflow(&["runs", "gc", "--keep", "0"]).ended(0).stdout;
    assert!(gone.starts_with(&own) && gone.contains("3 runs that this installation did not start"), "{gone}");
    // it is shown as far as its events go, and said to be no more than whole
    let shown = workspace.lgflow(&["runs", "show", &waits, "--format", "json"]).ended(0).json();
    assert!(lgflow::schema::Validator::new(&schema("run")).unwrap().accepts(&shown), "{shown:#}");
    assert_eq!(
        (&shown["status"], &shown["graph"], &shown["waiting"][0]["node"], &shown["waiting"][0]["show"]),
        (&json!("suspended"), &json!("asks"), &json!("sure"), &json!("really?"))
    );
    let shown = workspace.lgflow(&["runs", "show", &over, "--format", "json"]).ended(0).json();
    assert_eq!(
        (&shown["outputs"]["text"], &shown["path"], &shown["calls"]),
        (&json!("Hello, world"), &json!(["read", "hello"]), &json!(1))
    );
    let text = workspace.lgflow(&["runs", "show", &waits]).ended(0).stdout;
    assert!(text.contains("another installation started it") && !text.contains("lgflow approve"), "{text}");
    workspace.lgflow(&["runs", "show", &over, "--at", "2"]).ended(2).says("lgflow trace show");
    let shown = workspace.lgflow(&["runs", "show", &queued, "--format", "json"]).ended(0).json();
    assert_eq!((&shown["status"], &shown["started_here"]), (&json!("queued"), &json!(false)), "{shown}");
    workspace.lgflow(&["runs", "resume", &queued]).ended(7).says("was not started by this installation");
    reads_and_vouches_for_nothing(&workspace, &over);
    let verified = workspace.lgflow(&["trace", "verify", &over, "--format", "json"]).ended(0).json();
    assert_eq!(
        (&verified["verdicts"], &verified["receipts"]),
        (&json!(["hashes agree", "unanchored"]), &Value::Null)
    );
    workspace.lgflow(&["trace", "verify", "--all", "--allow", "incomplete"]).ended(0);
    workspace.lgflow(&["runs", "diff", &over, &over]).ended(0);
    // and it is gone on with by nobody else
    workspace.lgflow(&["runs", "resume", &waits]).ended(7).says("was not started by this installation");
    workspace.lgflow(&["worker", "--until-empty"]).ended(0).says("is left to the one that did");
    // for whoever has started it all is as it was
    std::fs::rename(&ledger, workspace.outside().join("other")).unwrap();
    std::fs::rename(&away, &ledger).unwrap();
    workspace.lgflow(&["worker", "--until-empty"]).ended(0).says(&format!("{queued}  succeeded"));
    workspace.lgflow(&["approve", &waits, "sure"]).ended(0);
    workspace.lgflow(&["runs", "resume", &waits]).ended(0);
    workspace.lgflow(&["trace", "verify", "--all"]).ended(0);
}

/// What tells of a run of another installation says that nobody here has seen it; what others would believe is not made.
fn reads_and_vouches_for_nothing(workspace: &Workspace, run: &str) {
    const SAID: &str =
        "was started by another installation: this is what its events tell, and nobody here vouches for it";
    let lgflow = |arguments: &[&str], code: i32| workspace.lgflow(arguments).ended(code);
    for (command, name) in [
        (&["trace", "show", run][..], "trace"),
        (&["trace", "export", run, "--to", "json"], "trace-export"),
        (&["runs", "diff", run, run], "comparison"),
        (&["replay", run, "-g", "graph.yaml"], "replay"),
    ] {
        lgflow(command, 0).says(SAID);
        let told = lgflow(&[command, &["--format", "json"]].concat(), 0).says(SAID).json();
        assert!(lgflow::schema::Validator::new(&schema(name)).unwrap().accepts(&told), "{told:#}");
        let marked = if name == "comparison" { &told["b"]["started_here"] } else { &told["started_here"] };
        assert_eq!(marked, &json!(false), "{told:#}");
    }
    lgflow(&["trace", "export", run, "--to", "mermaid"], 0).says(SAID);
    let page = lgflow(&["trace", "export", run, "--to", "html"], 0).says(SAID).stdout;
    assert!(page.contains("this installation knows nothing of the run"), "{page}");
    let generated = Command::new("openssl")
        .args(["genpkey", "-algorithm", "ed25519", "-out"])
        .arg(workspace.outside().join("signing.pem"))
        .output()
        .unwrap();
    assert!(generated.status.success());
    for command in [
        &["trace", "sign", run, "--key", "../signing.pem"][..],
        &["trace", "anchor", run, "--to", "file:../anchors"],
        &["trace", "export", run, "--to", "in-toto", "--key", "../signing.pem"],
    ] {
        lgflow(command, 7).says("was started by another installation, which has its receipts");
    }
    assert!(!workspace.outside().join("anchors").exists());
}

fn schema(name: &str) -> Value {
    serde_json::from_str(lgflow::schema::document(name).unwrap()).unwrap()
}

#[test]
fn what_does_not_verify_is_kept_and_said_to_be() {
    let workspace = workspace();
    workspace.forges();
    let [cut, whole, rest] = [(); 3].map(|()| run_of(&workspace, &["graph.yaml"], 0));
    // a call is taken out of what the runner has signed
    let receipts = workspace.state().join("ledger").join(store_of(&workspace).id()).join("receipts");
    let receipts = receipts.join(format!("{cut}.jsonl"));
    let lines = std::fs::read_to_string(&receipts).unwrap();
    let shorter: Vec<&str> = lines.lines().take(lines.lines().count() - 1).collect();
    std::fs::write(&receipts, shorter.join("\n") + "\n").unwrap();
    let why = workspace.lgflow(&["trace", "verify", &cut]).ended(7).stderr;
    for more in [&["--dry-run"][..], &[]] {
        let arguments = [&["runs", "gc", "--keep", "1", "--format", "json"], more].concat();
        let gone = workspace.lgflow(&arguments).ended(0).json();
        assert!(lgflow::schema::Validator::new(&schema("removed-runs")).unwrap().accepts(&gone), "{gone:#}");
        assert_eq!(
            (&gone["runs"][0]["run"], &gone["kept"][0]["run"]),
            (&json!(whole), &json!(cut)),
            "{gone}"
        );
        let said = gone["kept"][0]["why"].as_str().unwrap();
        let said = said.strip_prefix("it does not verify (").unwrap().strip_suffix(')').unwrap();
        assert!(why.contains(said), "{said}: {why}");
    }
    assert_eq!(listed(&workspace), [rest, cut.clone()]);
    let text = workspace.lgflow(&["runs", "gc", "--keep", "1"]).ended(0).stdout;
    assert!(text.starts_with(&format!("{cut}  kept: it does not verify (")), "{text}");
    assert!(receipts.exists());
}

const NAP: &str = "\
schema: lgflow.graph/v1
name: naps
nodes:
  nap: { uses: exec, with: { argv: [sleep, \"2\"] }, on_crash: retry }
";

const NAPS: &str = "\
schema: lgflow.policy/v1
name: p
tools: { exec: allow }
commands:
  - { name: s, program: sleep, args: [[\"*\"]], sandbox: { workspace: direct } }
sandbox: { mode: best_effort }
";

#[test]
fn a_worker_that_is_told_to_stop_ends_its_run_first_and_one_that_dies_is_taken_over() {
    let workspace = workspace();
    workspace.write("nap.yaml", NAP).write("policy.yaml", NAPS);
    let queue = ["run", "--queue", "-g", "nap.yaml", "--policy", "policy.yaml"];
    for _ in 0..2 {
        workspace.lgflow(&queue).ended(0);
    }
    let worker = || {
        let mut command = workspace.command(&["worker"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let mut dies = worker();
    wait_for_descendant(dies.id(), |line| line.starts_with("sleep 2"));
    dies.kill().unwrap();
    dies.wait().unwrap();
    let stops = worker();
    wait_for_descendant(stops.id(), |line| line.starts_with("sleep 2"));
    signal(stops.id(), "TERM");
    let ran = program::Ran::from(stops.wait_with_output().unwrap()).ended(0);
    assert_eq!(ran.stdout, "1 run\n", "{}", ran.stderr);
    let run = only_run(&workspace);
    workspace.lgflow(&["trace", "verify", &run]).ended(0);
    assert_eq!(store_of(&workspace).queued().unwrap().len(), 1, "the other one waits");
}

#[test]
fn what_is_kept_in_memory_is_shown_and_never_gone_on_with() {
    let workspace = workspace();
    let run = run_of(&workspace, &["asks.yaml", "--durability", "none"], 5);
    workspace.lgflow(&["runs", "show", &run]).ended(0);
    workspace.lgflow(&["trace", "verify", &run, "--allow", "incomplete"]).ended(0);
    // nothing says that it can be answered
    let ran = workspace.lgflow(&["run", "-g", "asks.yaml", "--durability", "none"]).ended(5);
    assert!(!ran.stderr.contains("lgflow approve"), "{}", ran.stderr);
    ran.says("cannot be answered or gone on with");
    let shown = workspace.lgflow(&["runs", "show", &run]).ended(0).stdout;
    assert!(!shown.contains("lgflow approve") && shown.contains("durability `none`"), "{shown}");
    workspace.lgflow(&["approve", &run, "sure"]).ended(1).says("durability `none`");
    workspace.lgflow(&["reject", &run, "sure"]).ended(1).says("durability `none`");
    workspace.lgflow(&["runs", "resume", &run]).ended(1).says("durability `none`");
    // and none is queued that no other worker could take up
    let queued = workspace.lgflow(&["run", "--queue", "--durability", "none", "-g", "graph.yaml"]);
    queued.ended(2).says("--durability batch");
    assert!(store_of(&workspace).queued().unwrap().is_empty());
}

const WRITES: &str = "\
schema: lgflow.graph/v1
name: writes
nodes:
  one: { uses: apply_patch, with: { changes: [{ op: put, path: b.txt, content: \"secret of then\\n\" }] } }
  two: { uses: apply_patch, with: { changes: [{ op: put, path: b.txt, content: \"B\\n\" }] } }
edges: [one -> two]
";
const MAY_WRITE: &str = "schema: lgflow.policy/v1\nname: writes\ntools: { apply_patch: allow }\n\
    paths: { read: { allow: ['**'] }, write: { allow: ['**'] } }\n";

/// Bytes of the files in a folder and in those beneath it.
fn bytes_in(folder: &std::path::Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { bytes_in(&path) } else { path.metadata().unwrap().len() }).sum()
}

#[test]
fn with_a_run_goes_what_is_kept_of_it_beside_the_store_also_where_a_removal_was_cut_short() {
    let workspace = workspace();
    workspace.forges().write("writes.yaml", WRITES).write("policy.yaml", MAY_WRITE);
    let old = run_of(&workspace, &["writes.yaml", "--policy", "policy.yaml"], 0);
    let store = store_of(&workspace);
    let ledger = lgflow::ledger::Ledger::open(&workspace.state(), &store.id()).unwrap();
    let patches = store.folder().join("patches");
    let kept = || {
        let folders = std::fs::read_dir(&patches).unwrap().map(|entry| entry.unwrap().path());
        folders.filter(|path| path.is_dir()).collect::<Vec<_>>()
    };
    let [changes] = &kept()[..] else { panic!("{:?}", kept()) };
    // what is kept of its files counts
    let shown = workspace.lgflow(&["runs", "gc", "--max-size", "1B", "--dry-run", "--format", "json"]);
    let (size, history) = (shown.ended(0).json()["runs"][0]["bytes"].as_u64().unwrap(), bytes_in(changes));
    assert!(history > 500 && size > history, "{size} and {history}");
    // everything goes, and is put back as a process that dies in the middle leaves it
    let receipts =
        workspace.state().join("ledger").join(store.id()).join("receipts").join(format!("{old}.jsonl"));
    let (lines, saved) = (std::fs::read(&receipts).unwrap(), workspace.outside().join("saved"));
    let copied = std::process::Command::new("cp").arg("-a").arg(changes).arg(&saved).status().unwrap();
    assert!(copied.success());
    let record = ledger.begun(&old).unwrap().unwrap();
    workspace.lgflow(&["runs", "gc", "--keep", "0"]).ended(0);
    assert!(kept().is_empty() && !receipts.exists());
    std::fs::rename(&saved, changes).unwrap();
    std::fs::write(&receipts, lines).unwrap();
    std::fs::set_permissions(&receipts, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    // beside a run that never began, long ago, and one that may be about to
    ledger.begin("01a00000000000000000000000", &record).unwrap();
    ledger.begin(&old.replacen(&old[20..], "zzzzzz", 1), &record).unwrap();
    workspace.lgflow(&["runs", "gc", "--keep", "9"]).ended(0).says("what was left of 2 runs");
    assert!(kept().is_empty() && !receipts.exists());
    assert_eq!(ledger.begun_runs().unwrap().len(), 1, "it may be about to begin");
    // who asks for it is told
    for command in [&["runs", "show", &old][..], &["trace", "verify", &old], &["replay", &old]] {
        workspace.lgflow(command).ended(1).says("was removed on").says("beyond the bound of count");
    }
}

#[test]
fn a_run_that_is_damaged_is_named_kept_and_takes_no_other_with_it() {
    let workspace = workspace();
    workspace.forges();
    let bad = run_of(&workspace, &["graph.yaml"], 0);
    let good = run_of(&workspace, &["graph.yaml"], 0);
    let rows = "(SELECT id FROM runs WHERE run = ?1)";
    let broken = format!("UPDATE segments SET data = x'00ff' WHERE run = {rows}");
    assert_eq!(database(&workspace).execute(&broken, [&bad]).unwrap(), 1);
    let list = workspace.lgflow(&["runs", "list", "--format", "json"]).ended(0).json();
    assert_eq!((&list["runs"][1]["run"], &list["runs"][1]["status"]), (&json!(bad), &json!("damaged")));
    for command in [
        &["trace", "verify", &bad][..],
        &["runs", "show", &bad],
        &["replay", &bad],
        &["trace", "export", &bad, "--to", "json"],
        &["runs", "diff", &bad, &good],
    ] {
        let ran = workspace.lgflow(command).ended(7).says(&format!("keeps of the run `{bad}` is damaged"));
        assert!(!ran.stderr.contains("move it away"), "{}", ran.stderr);
    }
    workspace.lgflow(&["trace", "verify", &good]).ended(0);
    workspace.lgflow(&["runs", "gc", "--keep", "0"]).ended(0);
    assert_eq!(listed(&workspace), [bad.as_str()], "what is left of it may be needed");
    // an impossible number hides none
    database(&workspace).execute("UPDATE runs SET events = -5", []).unwrap();
    assert_eq!(listed(&workspace), [bad.as_str()]);
    // nor does an impossible name
    let name = "../\u{1b}[2Jrun";
    database(&workspace).execute("UPDATE runs SET run = ?1", [name]).unwrap();
    let list = workspace.lgflow(&["runs", "list", "--format", "json"]).ended(0).json();
    assert_eq!((&list["runs"], &list["misnamed"]), (&json!([]), &json!([name])));
    let text = workspace.lgflow(&["runs", "list"]).ended(0).stdout;
    assert!(text.contains("`../\\u{1b}[2Jrun`  damaged") && !text.contains('\u{1b}'), "{text}");
    let all = workspace.lgflow(&["trace", "verify", "--all", "--format", "json"]).ended(7).json();
    assert_eq!(all["unreadable"][0]["run"], name);
    workspace.lgflow(&["runs", "gc", "--keep", "0"]).ended(0);
    assert_eq!(count(&workspace, "runs"), 1, "what is left of it may be needed");
}

#[test]
fn a_store_that_cannot_be_read_does_not_verify() {
    let workspace = workspace();
    workspace.forges();
    let run = run_of(&workspace, &["graph.yaml"], 0);
    std::fs::write(store_of(&workspace).folder().join("runs.db"), "hello").unwrap();
    for command in [&["trace", "verify", &run][..], &["trace", "verify", "--all"], &["runs", "list"]] {
        workspace.lgflow(command).ended(7).says("is damaged");
    }
}

#[test]
fn a_store_that_is_locked_or_named_wrongly_is_said_to_be_and_nothing_is_lost() {
    let workspace = workspace();
    let run = run_of(&workspace, &["graph.yaml"], 0);
    let database = database(&workspace);
    database.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let ran = workspace.lgflow(&["run", "-g", "graph.yaml"]).ended(1);
    assert!(ran.stderr.contains("is locked by another process"), "{}", ran.stderr);
    database.execute_batch("ROLLBACK").unwrap();
    assert_eq!(listed(&workspace), [run]);
    workspace
        .lgflow(&["runs", "list", "--store", "mysql://x"])
        .ended(2)
        .says("a store is `local`, or `postgres://");
    // a workspace names none
    workspace.write(".lg/config.toml", "store = \"postgres://evil@localhost/x\"\n");
    let ran = workspace.lgflow(&["run", "-g", "graph.yaml"]);
    assert!(ran.code != Some(0) && ran.stderr.contains("store"), "{}", ran.stderr);
}

#[test]
fn a_store_of_a_newer_version_is_refused_and_left_as_it_is() {
    let workspace = workspace();
    let run = run_of(&workspace, &["graph.yaml"], 0);
    let database = database(&workspace);
    let form: i64 = database.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    database.execute_batch("PRAGMA user_version = 9999").unwrap();
    for arguments in [
        &["run", "-g", "graph.yaml"][..],
        &["runs", "list"],
        &["runs", "gc", "--keep", "0"],
        &["trace", "verify", &run],
        &["worker", "--until-empty"],
    ] {
        workspace.lgflow(arguments).ended(1).says("a newer lgflow has written it");
    }
    database.execute_batch(&format!("PRAGMA user_version = {form}")).unwrap();
    assert_eq!(listed(&workspace), [run.as_str()]);
    workspace.lgflow(&["trace", "verify", &run]).ended(0);
}

#[test]
fn while_one_process_executes_a_run_and_shows_it_others_use_the_store() {
    let workspace = workspace();
    workspace.write("nap.yaml", NAP.replace("\"2\"", "\"600\"")).write("policy.yaml", NAPS);
    let mut front = workspace.command(&["run", "-g", "nap.yaml", "--policy", "policy.yaml"]);
    let front = front.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for_descendant(front.id(), |line| line.starts_with("sleep 600"));
    let run = only_run(&workspace);
    workspace.lgflow(&["runs", "resume", &run]).ended(1).says("is being executed by another process");
    let other = run_of(&workspace, &["graph.yaml"], 0);
    let list = workspace.lgflow(&["runs", "list", "--format", "json"]).ended(0).json();
    assert_eq!((&list["runs"][0]["run"], &list["runs"][1]["status"]), (&json!(other), &json!("running")));
    let drawn = workspace.lgflow(&["trace", "export", &run, "--to", "mermaid"]).ended(0).stdout;
    assert!(drawn.contains("title: \"naps: running\""), "{drawn}");
    let shown = workspace.lgflow(&["runs", "show", &run]).ended(0).stdout;
    let nodes: Vec<Vec<&str>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
    assert!(nodes.contains(&vec!["nap", "running"]), "{shown}");
    workspace.lgflow(&["runs", "gc", "--keep", "0"]).ended(0);
    assert_eq!(listed(&workspace), [run.as_str()], "a run that is executed is not removed");
    // it waits, and shows that it lives
    let beats =
        || -> i64 { database(&workspace).query_row("SELECT beat FROM runs", [], |row| row.get(0)).unwrap() };
    wait_until(|| beats() > 0, "it shows no sign of life");
    signal(front.id(), "INT");
    program::Ran::from(front.wait_with_output().unwrap()).ended(130);
    workspace.lgflow(&["trace", "verify", &run]).ended(0);
}

/// Bytes that a run of `graph` leaves: in the database, and beside it, receipts and all.
fn left_by(graph: &str) -> (u64, u64) {
    let workspace = Workspace::git();
    workspace.write("graph.yaml", graph);
    workspace.lgflow(&["run", "-g", "graph.yaml"]).ended(0);
    let database = std::fs::metadata(store_of(&workspace).folder().join("runs.db")).unwrap().len();
    (database, bytes_in(&workspace.state()) - database)
}

#[test]
fn a_run_takes_little_room_and_in_proportion_to_its_length() {
    let names: Vec<String> = (0..1_000).map(|n| format!("n{n}")).collect();
    let nodes: Vec<String> =
        names.iter().map(|name| format!("  {name}: {{ uses: values, with: {{ v: 1 }} }}\n")).collect();
    let chain = format!(
        "schema: lgflow.graph/v1\nname: chain\nnodes:\n{}edges:\n  - {}\n",
        nodes.concat(),
        names.join(" -> ")
    );
    let (database, beside) = left_by(&chain);
    assert!(database + beside < 1 << 20, "{database} and {beside}");
    let turns = |n: u32, node: &str| {
        left_by(&format!(
            "schema: lgflow.graph/v1\nname: turns\nnodes:\n  turn: {{ {node} }}\nedges:\n  - {{ from: \
             turn, to: turn, when: \"loops.turn.iteration < {n}\", loop: {{ max: {n}, exhausted: leave }} }}\n"
        ))
    };
    let decides = "uses: values, with: { v: 1 }";
    let ((short, beside), (long, _)) = (turns(1_000, decides), turns(3_000, decides));
    assert!(short + beside < 1 << 20 && long < 3 * short, "{short}, {beside} and {long}");
    // each call has receipts, which nothing makes smaller: they are lines that anybody can read
    let calls = "uses: list_files, with: {}";
    let ((few, receipts), (many, more)) = (turns(300, calls), turns(900, calls));
    assert!(few < 300 << 10 && receipts < 600 << 10, "{few} and {receipts}");
    assert!(many < 3 * few && more < 3 * receipts, "{few}, {receipts}, {many} and {more}");
}

#[test]
fn a_run_of_another_installation_is_shown_and_nothing_is_made_of_it() {
    let workspace = workspace();
    let run = run_of(&workspace, &["asks.yaml"], 5);
    // the same workspace, with the state of somebody else: first the store alone, then all of it but for the key
    let other = workspace.outside().join("other");
    let there = |arguments: &[&str]| {
        let mut command = workspace.command(arguments);
        Ran::from(command.env("LGFLOW_STATE_DIR", &other).output().unwrap())
    };
    let id = store_of(&workspace).id();
    for part in ["", "ledger"] {
        there(&["runs", "list"]).ended(0);
        let (from, to) = (workspace.state().join(part).join(&id), other.join(part).join(&id));
        assert!(Command::new("cp").arg("-aT").args([from, to]).status().unwrap().success());
        let list = there(&["runs", "list", "--format", "json"]).ended(0).json();
        assert_eq!(
            (&list["runs"][0]["status"], &list["runs"][0]["resumable"]),
            (&json!("suspended"), &json!(false))
        );
        for command in [
            &["approve", &run, "sure"][..],
            &["reject", &run, "sure"],
            &["runs", "resume", &run],
            &["runs", "fork", &run, "--from", "sure"],
            &["runs", "undo", &run],
        ] {
            let why = there(command).ended(7).stderr;
            let known = ["was not started by this installation", "was altered; it is not believed"];
            assert!(known.iter().any(|known| why.contains(known)), "{command:?}: {why}");
        }
        // of its store alone, hashes can be checked; a ledger that another key has sealed is not believed
        let whole = if part.is_empty() { 0 } else { 7 };
        there(&["trace", "verify", &run, "--allow", "incomplete"]).ended(whole);
        assert!(there(&["trace", "show", &run]).ended(0).stdout.contains("really?"));
    }
    // where it was begun, it is as it was
    workspace.lgflow(&["approve", &run, "sure"]).ended(0);
    workspace.lgflow(&["runs", "resume", &run]).ended(0);
}
