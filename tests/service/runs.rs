//! Runs whose runner is elsewhere: another installation, with a workspace, a policy and a key of its own.

use std::fs;
use std::process::{Command, Stdio};

use crate::program::processes::{alive, signal, wait_for_descendant, wait_until};
use crate::program::{Ran, Workspace};
use crate::raw::Raw;
use crate::served::{POLICY, Served, TOKEN, made, running};
use crate::tls::Proxy;
use lgflow::effect::{RunFrame, RunWord};
use serde_json::Value;

pub const GRAPH: &str = "\
schema: lgflow.graph/v1
name: there
policy: [policy.yaml]
nodes:
  read: { uses: read_file, with: { path: a.txt } }
  count: { uses: exec, with: { argv: [sh, -c, 'wc -c < a.txt'] } }
  write: { uses: apply_patch, with: { changes: [{ op: put, path: b.txt, content: '{{ nodes.read.output.content }}' }] } }
edges: [read -> count, count -> write]
outputs: { said: '{{ nodes.read.output.content }}', bytes: '{{ nodes.count.output.stdout | trim }}' }
";

/// Where a run is started: it has the graph, and none of the files.
pub fn front(graph: &str) -> Workspace {
    let here = Workspace::git();
    here.write("graph.yaml", graph).write("policy.yaml", POLICY);
    here
}

/// Where the runner is.
pub fn there() -> Workspace {
    let there = Workspace::git();
    there.write("a.txt", "hello").write("policy.yaml", POLICY);
    there
}

pub fn socket(there: &Workspace) -> (Served, String) {
    let address = format!("unix:{}", there.outside().join("run/runner.sock").display());
    (Served::with(there, &["--listen", &address, "--policy", "policy.yaml"], &[]), address)
}

/// A run that answers as JSON.
pub fn run(here: &Workspace, more: &[&str]) -> Command {
    here.command(
        &[&["run", "-g", "graph.yaml", "--policy", "policy.yaml", "--format", "json"], more].concat(),
    )
}

pub fn ran(mut command: Command) -> Ran {
    Ran::from(command.output().unwrap())
}

#[test]
fn a_run_acts_where_its_runner_is_and_its_trace_is_what_that_one_vouches_for() {
    let (here, there) = (front(GRAPH), there());
    let (served, url) = socket(&there);
    let key = served.listening["key"].as_str().unwrap();
    let first = ran(run(&here, &["--runner", &url])).ended(0);
    let document = first.json();
    assert_eq!((&document["outputs"]["said"], &document["outputs"]["bytes"]), (&"hello".into(), &"5".into()));
    assert_eq!(there.read("b.txt"), "hello");
    assert!(!here.path().join("b.txt").exists() && !here.path().join("a.txt").exists());
    assert!(first.stderr.contains("which nobody has named"), "{}", first.stderr);
    let id = document["run"].as_str().unwrap();
    let verified = here.lgflow(&["trace", "verify", id, "--format", "json"]).ended(0).json();
    assert!(verified.to_string().contains("receipts"), "{verified}");
    let pinned = ran(run(&here, &["--runner", &url, "--runner-key", key])).ended(0);
    assert!(pinned.stderr.contains("signed with the key that was named"), "{}", pinned.stderr);
    let other = "ed25519:MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    fs::remove_file(there.path().join("b.txt")).unwrap();
    let refused = ran(run(&here, &["--runner", &url, "--runner-key", other])).ended(1);
    assert!(
        refused.stdout.contains("--runner-key") && refused.stdout.contains("nothing was sent to it"),
        "{}",
        refused.stdout
    );
    assert!(!there.path().join("b.txt").exists());
    // the runner is the user's setting as well
    let mut by_variable = run(&here, &[]);
    by_variable.env("LGFLOW_RUNNER", &url);
    ran(by_variable).ended(0);
}

#[test]
fn what_binds_a_run_where_it_is_started_binds_it_there_and_the_runners_policy_does_too() {
    let (here, there) = (front(GRAPH), there());
    let (_served, url) = socket(&there);
    here.write("policy.yaml", POLICY.replace("deny: [secret.txt]", "deny: [secret.txt, a.txt]"));
    let denied = ran(run(&here, &["--runner", &url])).ended(4).json();
    assert_eq!(denied["error"]["node"], "read", "{denied}");
    here.write("policy.yaml", POLICY.replace("deny: [secret.txt]", "deny: []"));
    there.write("secret.txt", "x");
    here.write("graph.yaml", GRAPH.replace("path: a.txt", "path: secret.txt"));
    let denied = ran(run(&here, &["--runner", &url])).ended(4).json();
    assert_eq!(denied["error"]["kind"], "denied", "{denied}");
    assert!(!there.path().join("b.txt").exists());
}

#[test]
fn what_is_kept_of_a_run_of_elsewhere_goes_by_the_bounds_of_runs() {
    let (here, there) = (front(GRAPH), there());
    let (served, url) = socket(&there);
    let document = ran(run(&here, &["--runner", &url])).ended(0).json();
    let id = document["run"].as_str().unwrap();
    let gone = |more: &[&str]| {
        let all = [&["runs", "gc", "--format", "json"], more].concat();
        let gone = there.lgflow(&all).ended(0).json();
        let row = |row: &Value| [row["kind"].clone(), row["id"].clone()];
        gone["sessions"].as_array().unwrap().iter().map(row).collect::<Vec<_>>()
    };
    assert_eq!(gone(&["--older-than", "1h"]), Vec::<[Value; 2]>::new());
    // its session has ended, and the service's own has not
    assert_eq!(gone(&["--keep", "0"]), [[Value::from("served run"), Value::from(id)]]);
    let left = Command::new("find").arg(there.state()).args(["-name", &format!("{id}*")]).output().unwrap();
    assert_eq!(String::from_utf8(left.stdout).unwrap(), "");
    // what it was is known where it was begun
    here.lgflow(&["trace", "verify", id]).ended(0);
    drop(served);
    let last = gone(&["--keep", "0"]);
    assert!(!last.is_empty() && last.iter().all(|row| row[0] == "session"), "{last:?}");
}

#[test]
fn a_port_wants_the_token_and_a_file_may_hold_it() {
    let (here, there) = (front(GRAPH), there());
    let served = Served::start(&there);
    here.write("token", format!("{TOKEN}\n"));
    ran(run(&here, &["--runner", served.url(), "--runner-token-file", "token"])).ended(0);
    here.write("token", "wrong");
    let refused = ran(run(&here, &["--runner", served.url(), "--runner-token-file", "token"])).ended(1);
    assert!(refused.stdout.contains("(401)"), "{}", refused.stdout);
    let nobody = ran(run(&here, &["--runner", "http://127.0.0.1:9"])).ended(1);
    assert!(nobody.stdout.contains("cannot reach the runner"), "{}", nobody.stdout);
    let open = ran(run(&here, &["--runner", "http://runner.example"])).ended(2);
    assert!(open.stdout.contains("unencrypted"), "{}", open.stdout);
}

#[test]
fn a_proxy_that_speaks_tls_stands_between_them() {
    let (here, there) = (front(GRAPH), there());
    let served = Served::start(&there);
    let proxy = Proxy::before(&served, &there);
    let with = |trusted: bool| {
        let mut command = run(&here, &["--runner", &proxy.url]);
        command.env("LGFLOW_RUNNER_TOKEN", TOKEN);
        if trusted {
            command.envs([proxy.trusted()]);
        }
        ran(command)
    };
    let (good, bad) = (with(true), with(false));
    assert_eq!(good.ended(0).json()["outputs"]["said"], "hello");
    assert!(bad.ended(1).stdout.contains("cannot reach the runner"));
}

#[test]
fn an_interrupt_ends_the_command_there() {
    let (here, there) = (front(&GRAPH.replace("wc -c < a.txt", "sleep 617")), there());
    let (served, url) = socket(&there);
    let child =
        run(&here, &["--runner", &url]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let asleep =
        wait_for_descendant(served.id(), |line| line.contains("sleep 617") && !line.contains("sh -c"));
    signal(child.id(), "INT");
    signal(child.id(), "INT");
    let ended = Ran::from(child.wait_with_output().unwrap()).ended(130);
    assert_eq!(ended.json()["status"], "cancelled");
    wait_until(|| !alive(asleep), "the command goes on");
}

#[test]
fn a_front_that_is_killed_takes_its_session_with_it() {
    let (here, there) = (front(&GRAPH.replace("wc -c < a.txt", "sleep 617")), there());
    let (served, url) = socket(&there);
    let mut child =
        run(&here, &["--runner", &url]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let asleep =
        wait_for_descendant(served.id(), |line| line.contains("sleep 617") && !line.contains("sh -c"));
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until(|| !alive(asleep), "the command goes on");
}

#[test]
fn a_service_that_ends_interrupts_the_run_and_another_one_goes_on_with_it() {
    let wait = "while [ ! -e go ]; do sleep 0.05; done; wc -c < a.txt";
    let graph = GRAPH.replace("uses: exec,", "uses: exec, on_crash: retry,").replace("wc -c < a.txt", wait);
    let (here, there) = (front(&graph), there());
    let (served, url) = socket(&there);
    let child =
        run(&here, &["--runner", &url]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for_descendant(served.id(), |line| line.contains("while [ ! -e go ]"));
    signal(served.id(), "KILL");
    // its place is taken by the next one while the run still asks for its receipts
    wait_until(|| !alive(served.id()), "the service lives");
    let (_served, _) = socket(&there);
    let interrupted = Ran::from(child.wait_with_output().unwrap()).ended(1);
    let document = interrupted.json();
    assert_eq!(document["status"], "interrupted", "{document}\n{}", interrupted.stderr);
    there.write("go", "");
    let id = document["run"].as_str().unwrap();
    let resumed = here.lgflow(&["runs", "resume", id, "--format", "json"]).ended(0);
    assert_eq!(resumed.json()["outputs"]["bytes"], "5");
    here.lgflow(&["trace", "verify", id]).ended(0);
}

#[test]
fn a_run_is_one_tokens_and_no_name_of_a_file() {
    let there = there();
    let (a, b) = (made(&there, "a", &[]), made(&there, "b", &[]));
    let served = running(&there);
    let run = lgflow::store::RunId::new(1, [7; 10]).to_string();
    let refused = |token: &str, run: &str| Raw::open(&served, token, run).refused();
    let mut first = Raw::open(&served, &a, &run);
    assert!(matches!(first.next(), RunFrame::Opened(_)));
    assert!(refused(&b, &run).contains("not one of this token"));
    first.say(&RunWord::Close);
    let RunFrame::Receipts(receipts) = first.next() else { panic!("no receipts") };
    assert!(receipts.text.contains("session.opened"), "{}", receipts.text);
    assert!(refused(&b, &run).contains("not one of this token"));
    assert!(matches!(Raw::open(&served, &a, &run).next(), RunFrame::Opened(_)));
    for name in ["", "x", "../../keys/runner", "served", &run.to_uppercase()] {
        assert!(refused(&a, name).contains("is no id of a run"), "{name}");
    }
    // a run that this installation has made itself is nobody's over the service
    let own = front(GRAPH);
    there.write("graph.yaml", own.read("graph.yaml"));
    let ran = there
        .lgflow(&["run", "-g", "graph.yaml", "--policy", "policy.yaml", "--format", "json"])
        .ended(0)
        .json();
    assert!(refused(&a, ran["run"].as_str().unwrap()).contains("not one of this token"));
}
