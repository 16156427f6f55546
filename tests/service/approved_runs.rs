//! Runs whose runner is elsewhere and asks: suspended, approved where they were started, and gone on with, over every way
//! that leads to a runner.

use serde_json::Value;

use crate::people::Person;
use crate::program::{Ran, Workspace};
use crate::runs::{self, GRAPH, front, socket, there};
use crate::served::{Served, TOKEN, made, running};
use crate::tls::Proxy;

/// A policy under which a change of the workspace is asked about.
fn asks(approvers: &[&Person<'_>], more: &str) -> String {
    let keys: Vec<String> = approvers.iter().map(|person| format!("'{}'", person.key)).collect();
    format!(
        "schema: lgflow.policy/v1\nname: p\ntools: {{ exec: allow, read_file: allow, apply_patch: ask }}\n\
         paths: {{ read: {{ allow: ['**'] }}, write: {{ allow: ['**'] }} }}\n\
         commands:\n  - {{ name: sh, program: sh, args: [[-c, '*']], sandbox: {{ workspace: direct }} }}\n\
         flows: [{{ from: any, to: code, verdict: allow }}]\nsandbox: {{ mode: best_effort }}\n\
         approvals: {{ approvers: [{}]{more} }}\n",
        keys.join(", ")
    )
}

/// Both sides under a policy by which `ann` approves.
fn under(here: &Workspace, there: &Workspace, policy: &str) {
    here.write("policy.yaml", policy);
    there.write("policy.yaml", policy);
}

fn run(person: &Person<'_>, more: &[&str], variables: &[(&str, String)]) -> Ran {
    let arguments = ["run", "-g", "graph.yaml", "--policy", "policy.yaml", "--format", "json"];
    person.lgflow(&[&arguments, more].concat(), variables)
}

fn resume(person: &Person<'_>, id: &str, variables: &[(&str, String)]) -> Ran {
    person.lgflow(&["runs", "resume", id, "--format", "json"], variables)
}

/// Suspended, approved, gone on with: what was approved is done there, once, and the trace is what the runner vouches for.
fn goes_on(
    ann: &Person<'_>,
    (here, there): (&Workspace, &Workspace),
    more: &[&str],
    variables: &[(&str, String)],
) {
    let waiting: Value = run(ann, more, variables).ended(5).json();
    let id = waiting["run"].as_str().unwrap();
    assert!(!there.path().join("b.txt").exists());
    // nobody has said anything: it waits on
    resume(ann, id, variables).ended(5);
    let shown = ann.approves(&[id], variables);
    assert!(shown.contains("path: b.txt") && shown.contains("hello"), "{shown}");
    assert!(!there.path().join("b.txt").exists());
    let done = resume(ann, id, variables).ended(0);
    assert_eq!(done.json()["status"], "succeeded", "{}", done.stdout);
    assert_eq!(there.read("b.txt"), "hello");
    assert!(!here.path().join("b.txt").exists());
    ann.lgflow(&["trace", "verify", id], variables).ended(0);
    ann.lgflow(&["runs", "resume", id], variables).ended(1).says("it is over");
}

#[test]
fn over_a_socket() {
    let (here, there) = (front(GRAPH), there());
    let ann = Person::at(&here, "ann");
    under(&here, &there, &asks(&[&ann], ""));
    let (_served, url) = socket(&there);
    goes_on(&ann, (&here, &there), &["--runner", &url], &[]);
}

#[test]
fn over_a_port_with_a_file_that_holds_the_token() {
    let (here, there) = (front(GRAPH), there());
    let ann = Person::at(&here, "ann");
    under(&here, &there, &asks(&[&ann], ""));
    here.write("token", made(&there, "ci", &[]));
    let served = running(&there);
    goes_on(&ann, (&here, &there), &["--runner", served.url(), "--runner-token-file", "token"], &[]);
}

#[test]
fn through_a_proxy_that_speaks_tls() {
    let (here, there) = (front(GRAPH), there());
    let ann = Person::at(&here, "ann");
    under(&here, &there, &asks(&[&ann], ""));
    let arguments = ["--listen", "127.0.0.1:0", "--policy", "policy.yaml"];
    let served = Served::with(&there, &arguments, &[("LGFLOW_RUNNER_TOKEN", TOKEN)]);
    let proxy = Proxy::before(&served, &there);
    let variables = [proxy.trusted(), ("LGFLOW_RUNNER_TOKEN", TOKEN.to_owned())];
    goes_on(&ann, (&here, &there), &["--runner", &proxy.url], &variables);
}

#[test]
fn what_is_rejected_is_not_done_and_what_has_changed_is_asked_about_again() {
    let (here, there) = (front(GRAPH), there());
    let ann = Person::at(&here, "ann");
    under(&here, &there, &asks(&[&ann], ""));
    let (_served, url) = socket(&there);
    let started = |name: &str| {
        let waiting = run(&ann, &["--runner", &url], &[]).ended(5).json();
        waiting["run"].as_str().unwrap_or_else(|| panic!("{name}")).to_owned()
    };
    let rejected = started("rejected");
    ann.lgflow(&["reject", &rejected, "--comment", "no"], &[]).ended(0);
    assert_eq!(resume(&ann, &rejected, &[]).ended(1).json()["error"]["kind"], "rejected");
    assert!(!there.path().join("b.txt").exists());

    let other = started("changed");
    ann.approves(&[&other], &[]);
    there.write("b.txt", "somebody else's");
    let again = resume(&ann, &other, &[]).ended(5);
    assert_eq!(there.read("b.txt"), "somebody else's", "{}", again.stderr);
    ann.approves(&[&other], &[]);
    resume(&ann, &other, &[]).ended(0);
    assert_eq!(there.read("b.txt"), "hello");
}

#[test]
fn two_people_are_needed_and_the_one_who_holds_the_token_does_not_count() {
    let (here, there) = (front(GRAPH), there());
    let [ann, bob, cem] = ["ann", "bob", "cem"].map(|name| Person::at(&here, name));
    under(&here, &there, &asks(&[&ann, &bob, &cem], ", quorum: 2, separate: true"));
    here.write("token", made(&there, "ann", &["--key", &ann.key]));
    let served = running(&there);
    let waiting = run(&ann, &["--runner", served.url(), "--runner-token-file", "token"], &[]).ended(5);
    let id = waiting.json()["run"].as_str().unwrap().to_owned();
    let own = ann.lgflow(&["approve", &id], &[]).ended(2);
    let digest = crate::program::digest_in(&own.stderr);
    let refused = ann.lgflow(&["approve", &id, "--digest", &digest], &[]).ended(2);
    assert!(refused.stderr.contains("started the run"), "{}", refused.stderr);
    bob.approves(&[&id], &[]);
    resume(&ann, &id, &[]).ended(5);
    assert!(!there.path().join("b.txt").exists());
    cem.approves(&[&id], &[]);
    resume(&ann, &id, &[]).ended(0);
    assert_eq!(there.read("b.txt"), "hello");
}

#[test]
fn the_key_of_another_installation_is_told_so_before_it_signs() {
    let (here, there) = (front(GRAPH), there());
    let policy = asks(&[], "").replace("approvers: []", "approvers: [local]");
    under(&here, &there, &policy);
    let (_served, url) = socket(&there);
    let ran = runs::ran(runs::run(&here, &["--runner", &url]));
    let id = ran.ended(5).json()["run"].as_str().unwrap().to_owned();
    let shown = here.lgflow(&["approve", &id]).ended(2);
    let digest = crate::program::digest_in(&shown.stderr);
    here.lgflow(&["approve", &id, "--digest", &digest]).ended(2).says("`local` is that of the runner's");
    assert!(!there.path().join("b.txt").exists());
}
