//! Processes that die in the middle of a run: at every event of it, and while a command runs.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod crash;
mod program;

use std::process::Stdio;

use crash::{Bench, killed_at_every_answer, killed_at_every_event};
use program::processes::{all_gone, children, command_line, signal, wait_for_descendant};
use program::{Ran, Workspace};

#[test]
fn a_run_whose_interpreter_is_killed_at_any_event_ends_as_it_would_have_with_each_effect_once() {
    killed_at_every_event(&|| Bench::new("local"), &|_| "interpreter");
}

#[test]
fn a_run_whose_runner_is_killed_at_any_event_ends_as_it_would_have_with_each_effect_once() {
    killed_at_every_event(&|| Bench::new("local"), &|_| "runner");
}

#[test]
fn a_run_of_which_both_are_killed_at_any_event_ends_as_it_would_have_though_its_trace_does_not_tell_all() {
    killed_at_every_event(&|| Bench::new("local").redacting(), &|_| "both");
}

#[test]
fn what_was_done_and_whose_answer_nobody_heard_is_not_done_again() {
    for who in ["interpreter", "runner", "both"] {
        killed_at_every_answer(&|| Bench::new("local"), who);
    }
}

#[test]
fn a_run_whose_front_is_killed_at_any_event_ends_as_it_would_have_with_each_effect_once() {
    killed_at_every_event(&|| Bench::new("local").apart(), &|_| "front");
}

#[test]
fn a_clock_that_goes_backwards_alters_nothing_but_the_times() {
    let (plain, odd) = (Bench::new("local"), Bench::new("local").backwards());
    let (run, other) = (plain.to_the_end(""), odd.to_the_end(""));
    assert_eq!(
        (odd.events(&other), odd.outcome(&other), odd.effects()),
        (plain.events(&run), plain.outcome(&run), plain.effects())
    );
    odd.lgflow(&["replay", other.as_str()]).ended(0);
    // pieces of time are none the less in order, and none lasts less than nothing
    let exported = odd.lgflow(&["trace", "export", other.as_str(), "--to", "json"]).ended(0).json();
    let first = &exported["events"][0]["ts"];
    let last = &exported["events"].as_array().unwrap().last().unwrap()["ts"];
    assert!(first.as_str() > last.as_str(), "the clock did not go backwards: {first} to {last}");
    odd.lgflow(&["runs", "gc", "--older-than", "1d"]).ended(0);
    odd.lgflow(&["runs", "show", other.as_str()]).ended(0);
}

const SLEEPY: &str = "\
schema: lgflow.policy/v1
name: sleepy
tools: { exec: allow }
paths: { read: { allow: [\"**\"] } }
commands:
  - { name: sleep, program: sleep, args: [[\"*\"]], sandbox: { workspace: direct } }
sandbox: { mode: best_effort }
";

/// A run whose runner was killed while its command slept.
fn killed_in_the_middle(on_crash: &str) -> (Workspace, String) {
    let workspace = Workspace::git();
    let graph = format!(
        "schema: lgflow.graph/v1\nname: sleepy\nnodes:\n  nap: {{ uses: exec, with: {{ argv: [sleep, \"600\"] }}, on_crash: {on_crash} }}\n"
    );
    workspace.write("graph.yaml", graph).write("policy.yaml", SLEEPY);
    let arguments = ["run", "-g", "graph.yaml", "--policy", "policy.yaml", "--format", "json"];
    let front = workspace.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let sleeper = wait_for_descendant(front.id(), |line| line.starts_with("sleep 600"));
    let runner = children(front.id()).into_iter().find(|id| command_line(*id).contains("__runner")).unwrap();
    signal(runner, "KILL");
    let ran = Ran::from(front.wait_with_output().unwrap()).ended(1).json();
    all_gone(&[sleeper]);
    (workspace, ran["run"].as_str().unwrap().to_owned())
}

#[test]
fn a_command_that_was_killed_has_failed_where_its_author_says_so() {
    let (workspace, run) = killed_in_the_middle("fail");
    let ran = workspace.lgflow(&["runs", "resume", &run, "--format", "json"]).ended(1).json();
    assert_eq!(ran["error"]["kind"], "exit", "{ran}");
    assert!(ran["error"]["message"].as_str().unwrap().contains("had begun when its runner died"), "{ran}");
    workspace.lgflow(&["trace", "verify", &run]).ended(0);
}

/// Goes on, waits for the command to sleep again, and ends it.
fn sleeps_again(workspace: &Workspace, run: &str) {
    let again = workspace
        .command(&["runs", "resume", run])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let sleeper = wait_for_descendant(again.id(), |line| line.starts_with("sleep 600"));
    signal(again.id(), "INT");
    Ran::from(again.wait_with_output().unwrap()).ended(130);
    all_gone(&[sleeper]);
    workspace.lgflow(&["trace", "verify", run]).ended(0);
    workspace.lgflow(&["replay", run]).ended(0);
}

#[test]
fn a_command_that_was_killed_is_made_again_where_its_author_says_so() {
    let (workspace, run) = killed_in_the_middle("retry");
    sleeps_again(&workspace, &run);
}

#[test]
fn a_command_that_was_killed_is_made_again_where_a_person_says_so() {
    let (workspace, run) = killed_in_the_middle("ask");
    let ran = workspace.lgflow(&["runs", "resume", &run]).ended(5);
    assert!(ran.stderr.contains("approve it to have it made again"), "{}", ran.stderr);
    let asked = workspace.lgflow(&["approve", &run]);
    let shown = asked.stdout + &asked.stderr;
    assert!(shown.contains("built-in rule `on_crash`") && !shown.contains("`paths`"), "{shown}");
    workspace.approve(&run);
    sleeps_again(&workspace, &run);
}
