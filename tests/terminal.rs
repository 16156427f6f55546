//! Runs in a real terminal: what is shown while they go on, interrupts from the keyboard, narrow windows, no colours.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod program;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use program::Workspace;

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

/// A terminal with a shell in it, of its own server.
struct Terminal {
    server: String,
    workspace: Workspace,
}

impl Terminal {
    fn open(columns: u32, more: &str) -> Self {
        let workspace = Workspace::git();
        workspace.write("graph.yaml", GRAPH).write("short.yaml", SHORT).write("policy.yaml", POLICY);
        let server =
            format!("lgflow-{}-{}", std::process::id(), workspace.outside().file_name().unwrap().display());
        let terminal = Self { server, workspace };
        let program = terminal.workspace.command(&[]);
        let variables: Vec<String> = program
            .get_envs()
            .filter_map(|(name, value)| Some(format!("{}={}", name.display(), value?.display())))
            .collect();
        let shell = format!("env -i TERM=screen-256color {} {more} PS1='$ ' sh", variables.join(" "));
        let size = [columns.to_string(), "30".to_owned()];
        let arguments =
            ["-f", "/dev/null", "new-session", "-d", "-s", "a", "-x", &size[0], "-y", &size[1], &shell];
        terminal.tmux(&arguments);
        terminal
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let done = Command::new("tmux")
            .args(["-u", "-L", &self.server])
            .args(arguments)
            .current_dir(self.workspace.path())
            .env_remove("TMUX")
            .stdin(Stdio::null())
            .output()
            .expect("this test needs `tmux` in the PATH");
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }

    fn type_line(&self, line: &str) {
        self.tmux(&["send-keys", "-t", "a", "-l", line]);
        self.tmux(&["send-keys", "-t", "a", "Enter"]);
    }

    fn run(&self, graph: &str) {
        let program = env!("CARGO_BIN_EXE_lgflow");
        self.type_line(&format!("clear; {program} run -g {graph} --policy policy.yaml; echo ended-$?"));
    }

    fn interrupt(&self) {
        self.tmux(&["send-keys", "-t", "a", "C-c"]);
    }

    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-t", "a"])
    }

    /// The screen once `shows` holds; the bound is generous and only ends a broken test.
    #[track_caller]
    fn once(&self, shows: impl Fn(&str) -> bool) -> String {
        let end = Instant::now() + Duration::from_mins(2);
        loop {
            let screen = self.screen();
            if shows(&screen) {
                return screen;
            }
            assert!(Instant::now() < end, "the screen never shows it:\n{screen}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = Command::new("tmux").args(["-L", &self.server, "kill-server"]).output();
    }
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
    let terminal = Terminal::open(160, "");
    terminal.run("graph.yaml");
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
    let terminal = Terminal::open(40, "");
    terminal.run("graph.yaml");
    let screen = terminal.once(|screen| live(screen).iter().any(|line| line.ends_with("… 2s")));
    assert_eq!(live(&screen).len(), 1, "{screen}");
    terminal.interrupt();
    terminal.once(|screen| live(screen).iter().any(|line| line.contains("tidy 1s")));
    terminal.interrupt();
    let screen = terminal.once(|screen| screen.contains("ended-"));
    assert!(screen.contains("ended-130") && live(&screen).is_empty(), "{screen}");

    let terminal = Terminal::open(100, "");
    terminal.run("short.yaml");
    terminal.once(|screen| !live(screen).is_empty());
    terminal.tmux(&["resize-window", "-t", "a", "-x", "50", "-y", "20"]);
    let screen = terminal.once(|screen| screen.contains("ended-"));
    // the line that the window broke in two may stay; nothing else is lost or said twice
    assert!(screen.contains("ended-0") && screen.matches("✓ nap (").count() == 1, "{screen}");
    assert!(live(&screen).len() <= 1, "{screen}");
}

#[test]
fn colours_are_left_away_where_they_are_unwanted() {
    for (more, coloured) in [("", true), ("NO_COLOR=1", false), ("TERM=dumb", false)] {
        let terminal = Terminal::open(100, more);
        terminal.run("short.yaml");
        terminal.once(|screen| screen.contains("ended-0"));
        let screen = terminal.tmux(&["capture-pane", "-p", "-e", "-t", "a"]);
        let mark = screen.lines().find(|line| line.contains("first (")).unwrap();
        assert_eq!(mark.contains("\u{1b}[32m"), coloured, "{more}: {mark:?}");
    }
}

#[test]
fn in_a_pipe_there_are_plain_lines_alone() {
    let terminal = Terminal::open(100, "");
    let program = env!("CARGO_BIN_EXE_lgflow");
    terminal.type_line(&format!("{program} run -g short.yaml --policy policy.yaml >all 2>&1; echo ended-$?"));
    terminal.once(|screen| screen.contains("ended-0"));
    let text = terminal.workspace.read("all");
    assert!(!text.contains('\u{1b}') && !text.contains('\r') && live(&text).is_empty(), "{text:?}");
    assert!(text.starts_with("✓ first (") && text.contains("\n✓ nap (2."), "{text}");
}
