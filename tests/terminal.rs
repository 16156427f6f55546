//! Runs in a real terminal: what is shown while they go on, interrupts from the keyboard, narrow windows, no colours.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod program;

use program::Workspace;
use program::tmux::Terminal;

const POLICY: &str = "\
schema: lgflow.policy/v1
name: sleepy
tools: { exec: allow, read_file: allow }
paths:
  read: { allow: [\"**\"] }
commands:
  - name: sleep
    program: sleep
    args: [[\"*\"]]
    sandbox: { workspace: direct }
sandbox: { mode: best_effort }
";

/// `LONG` sleeps until somebody ends it; what follows it always runs, as long.
const GRAPH: &str = "\
schema: lgflow.graph/v1
name: slow
nodes:
  first: { uses: values, with: { x: 1 } }
  a_name_that_is_far_too_long_for_a_narrow_window: { uses: exec, with: { argv: [sleep, \"600\"] } }
  never: { uses: values, with: { x: 1 } }
  tidy: { uses: exec, with: { argv: [sleep, \"600\"] } }
edges:
  - first -> a_name_that_is_far_too_long_for_a_narrow_window
  - { from: first, to: never, when: \"nodes.first.output.x == 2\" }
  - { from: a_name_that_is_far_too_long_for_a_narrow_window, to: tidy, always: true }
";

/// Ends by itself.
const SHORT: &str = "\
schema: lgflow.graph/v1
name: short
nodes:
  first: { uses: values, with: { x: 1 } }
  nap: { uses: exec, with: { argv: [sleep, \"2\"] } }
edges: [first -> nap]
";

fn open(columns: u32, more: &str) -> Terminal {
    let workspace = Workspace::git();
    workspace.write("graph.yaml", GRAPH).write("short.yaml", SHORT).write("policy.yaml", POLICY);
    Terminal::open(workspace, columns, more)
}

fn run(terminal: &Terminal, graph: &str) {
    let program = env!("CARGO_BIN_EXE_lgflow");
    terminal.type_line(&format!("clear; {program} run -g {graph} --policy policy.yaml; echo ended-$?"));
}

/// A line beneath: it has a turning sign before it.
fn is_live(line: &str) -> bool {
    line.starts_with(|c| ('\u{2801}'..='\u{28ff}').contains(&c))
}

fn live(screen: &str) -> Vec<&str> {
    screen.lines().filter(|line| is_live(line)).collect()
}

#[test]
fn a_terminal_shows_what_runs_since_when_and_what_was_skipped_and_why() {
    let terminal = open(160, "");
    run(&terminal, "graph.yaml");
    let screen = terminal.once(|screen| live(screen).iter().any(|line| line.ends_with("window 2s")));
    assert_eq!(live(&screen).len(), 1, "{screen}");
    assert!(screen.contains("✓ first ("), "{screen}");
    let skipped = "- never: not reached: the edge `first -> never` was not taken: its condition `nodes.first.output.x == 2` was false";
    assert!(screen.contains(skipped), "{screen}");

    terminal.interrupt();
    let screen = terminal.once(|screen| live(screen).iter().any(|line| line.contains("tidy 1s")));
    assert!(screen.contains("· interrupted: ending in order; interrupt again to end at once"), "{screen}");
    assert!(screen.contains("- a_name_that_is_far_too_long_for_a_narrow_window: cancelled ("), "{screen}");
    assert_eq!(live(&screen).len(), 1, "{screen}");

    terminal.interrupt();
    let screen = terminal.once(|screen| screen.contains("ended-"));
    assert!(screen.contains("ended-130"), "{screen}");
    assert!(screen.contains("· interrupted again: ending at once"), "{screen}");
    assert!(screen.contains("- tidy: cancelled (") && screen.contains("✗ cancelled: run "), "{screen}");
    assert!(live(&screen).is_empty(), "something is left of what was live:\n{screen}");
}

#[test]
fn a_narrow_window_and_one_that_is_made_narrow_are_not_littered() {
    let terminal = open(40, "");
    run(&terminal, "graph.yaml");
    let screen = terminal.once(|screen| live(screen).iter().any(|line| line.ends_with("… 2s")));
    assert_eq!(live(&screen).len(), 1, "{screen}");
    terminal.interrupt();
    terminal.once(|screen| live(screen).iter().any(|line| line.contains("tidy 1s")));
    terminal.interrupt();
    let screen = terminal.once(|screen| screen.contains("ended-"));
    assert!(screen.contains("ended-130") && live(&screen).is_empty(), "{screen}");

    let terminal = open(100, "");
    run(&terminal, "short.yaml");
    terminal.once(|screen| !live(screen).is_empty());
    terminal.tmux(&["resize-window", "-t", "a", "-x", "50", "-y", "20"]);
    terminal.once(|screen| live(screen).len() == 1);
    for columns in ["33", "90", "41"] {
        terminal.tmux(&["resize-window", "-t", "a", "-x", columns, "-y", "20"]);
    }
    let screen = terminal.once(|screen| screen.contains("ended-"));
    assert!(screen.contains("ended-0") && live(&screen).is_empty(), "{screen}");
    // each line still begins where lines begin
    for words in ["✓ first (", "✓ nap ("] {
        assert_eq!(screen.lines().filter(|line| line.starts_with(words)).count(), 1, "{screen}");
    }
}

#[test]
fn colours_are_left_away_where_they_are_unwanted() {
    for (more, coloured) in [("", true), ("NO_COLOR=1", false), ("TERM=dumb", false)] {
        let terminal = open(100, more);
        run(&terminal, "short.yaml");
        terminal.once(|screen| screen.contains("ended-0"));
        let screen = terminal.tmux(&["capture-pane", "-p", "-e", "-t", "a"]);
        let mark = screen.lines().find(|line| line.contains("first (")).unwrap();
        assert_eq!(mark.contains("\u{1b}[32m"), coloured, "{more}: {mark:?}");
    }
}

#[test]
fn in_a_pipe_there_are_plain_lines_alone() {
    let terminal = open(100, "");
    let program = env!("CARGO_BIN_EXE_lgflow");
    terminal.type_line(&format!("{program} run -g short.yaml --policy policy.yaml >all 2>&1; echo ended-$?"));
    terminal.once(|screen| screen.contains("ended-0"));
    let text = terminal.workspace.read("all");
    assert!(!text.contains('\u{1b}') && !text.contains('\r') && live(&text).is_empty(), "{text:?}");
    assert!(text.starts_with("✓ first (") && text.contains("\n✓ nap (2."), "{text}");
}
