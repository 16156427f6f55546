//! What lgflow prints in a job of GitHub Actions: whatever a file, a name or a model says, no line of it is a command to
//! the machine that runs the job, and lgflow's own annotations are.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod program;

use std::fs::{self, File};
use std::process::Stdio;

use program::{Ran, Workspace};
use serde_json::Value;

/// What a hostile file says, and a mark that somebody has guessed or read in another log.
const HOSTILE: &str = "harmless\n::add-mask::a\n  ::set-output name=b::c\n\t::error file=d::e\n::stop-commands::f\n::f::\n\
                       ::00000000000000000000000000000000::\nx ##[add-path]/evil\n##[set-env name=PATH]/evil\r::warning::g\n\
                       ::std::vec\n";
const GRAPH: &str = "\
schema: lgflow.graph/v1
name: says
nodes:
  look: { uses: read_file, with: { path: hostile.txt } }
outputs: { text: \"{{ nodes.look.output.content }}\" }
";

fn workspace() -> Workspace {
    let workspace = Workspace::git();
    workspace.write("graph.yaml", GRAPH).write("hostile.txt", HOSTILE);
    workspace
}

fn in_actions(workspace: &Workspace, arguments: &[&str]) -> Ran {
    Ran::from(workspace.command(arguments).env("GITHUB_ACTIONS", "true").output().unwrap())
}

/// The commands of the machine that reads a log.
const KNOWN: [&str; 12] = [
    "add-mask",
    "set-output",
    "set-env",
    "add-path",
    "save-state",
    "error",
    "warning",
    "notice",
    "debug",
    "group",
    "add-matcher",
    "echo",
];

/// The machine that reads a log: what it takes for commands, and where it stops to.
#[derive(Default)]
struct Reader {
    stopped_by: Option<String>,
    commands: Vec<String>,
}

impl Reader {
    fn read(&mut self, line: &str) {
        let Some(command) = command(line) else { return };
        match &self.stopped_by {
            Some(token) if command == *token => self.stopped_by = None,
            Some(_) => {}
            None => match line.trim_start().strip_prefix("::stop-commands::") {
                Some(token) => self.stopped_by = Some(token.to_owned()),
                None if KNOWN.contains(&command.as_str()) => self.commands.push(line.to_owned()),
                // any other word is text
                None => {}
            },
        }
    }

    fn of<'l>(lines: impl IntoIterator<Item = &'l str>) -> Self {
        let mut reader = Self::default();
        lines.into_iter().for_each(|line| reader.read(line));
        reader
    }
}

/// The name of the command that a line would be, in both forms.
fn command(line: &str) -> Option<String> {
    let name = |text: &str, end: &str| {
        let whole = &text[..text.find(end)?];
        Some(whole.split_whitespace().next().unwrap_or_default().to_owned())
    };
    match line.trim_start().strip_prefix("::") {
        Some(rest) => name(rest, "::"),
        None => name(&line[line.find("##[")? + 3..], "]"),
    }
}

fn lines(text: &str) -> Vec<&str> {
    text.split(['\n', '\r']).collect()
}

/// However the two streams come together, nothing is a command, and commands work again at the end of each.
#[track_caller]
fn is_inert(ran: &Ran) {
    let (out, err) = (lines(&ran.stdout), lines(&ran.stderr));
    let mut mixed = Vec::new();
    for at in 0..out.len().max(err.len()) {
        mixed.extend(err.get(at).copied().into_iter().chain(out.get(at).copied()));
    }
    let orders = [[&out[..], &err[..]].concat(), [&err[..], &out[..]].concat(), mixed];
    for order in orders {
        assert_eq!(Reader::of(order).commands, [""; 0].map(str::to_owned), "{}\n{}", ran.stdout, ran.stderr);
    }
    for stream in [&out, &err] {
        assert_eq!(Reader::of(stream.iter().copied()).stopped_by, None, "{stream:?}");
    }
}

/// Stands all of a stream between marks? Gives the token.
#[track_caller]
fn token(text: &str) -> String {
    let (first, rest) = text.split_once('\n').unwrap();
    let token = first.strip_prefix("::stop-commands::").unwrap_or_else(|| panic!("{text}"));
    assert!(token.len() == 32 && token.chars().all(|c| c.is_ascii_hexdigit()), "{token}");
    assert!(rest.ends_with(&format!("\n::{token}::\n")), "{text}");
    assert_eq!(text.matches(token).count(), 2, "{text}");
    token.to_owned()
}

#[test]
fn what_a_run_says_stands_between_marks_on_both_streams() {
    let workspace = workspace();
    let first = in_actions(&workspace, &["run", "-g", "graph.yaml"]).ended(0);
    is_inert(&first);
    let second = in_actions(&workspace, &["run", "-g", "graph.yaml"]).ended(0);
    let tokens = [&first.stdout, &first.stderr, &second.stdout, &second.stderr].map(|text| token(text));
    for (at, one) in tokens.iter().enumerate() {
        assert!(!tokens[..at].contains(one), "the word of a mark came twice: {tokens:?}");
    }
    // the reader itself takes the same text for commands, where nobody stands between
    let plain = workspace.lgflow(&["run", "-g", "graph.yaml"]).ended(0);
    assert_eq!(plain.stdout, HOSTILE, "without a job, word for word");
    assert!(Reader::of(lines(&plain.stdout)).commands.len() >= 3);
}

#[test]
fn errors_traces_and_plans_are_held_as_well() {
    let workspace = workspace();
    let name = "x\n::add-mask::y\r::error::z ##[add-path]p.yaml";
    is_inert(&in_actions(&workspace, &["run", "-g", name]).ended(2));
    is_inert(&in_actions(&workspace, &["validate", name]).ended(2));
    is_inert(&in_actions(&workspace, &["::add-mask::x"]).ended(2));
    is_inert(&in_actions(&workspace, &["schema", "x\n::add-mask::y"]).ended(2));
    let failing = GRAPH.replace("hostile.txt", "'::add-mask::x ##[y]'");
    workspace.write("failing.yaml", failing);
    let ran = in_actions(&workspace, &["run", "-g", "failing.yaml"]).ended(1);
    assert!(ran.stderr.contains("add-mask"), "{}", ran.stderr);
    is_inert(&ran);
    let run = in_actions(&workspace, &["run", "-g", "graph.yaml", "--format", "json"]).ended(0).json();
    let shown = in_actions(&workspace, &["trace", "show", run["trace"].as_str().unwrap()]).ended(0);
    assert!(shown.stdout.contains("add-mask"), "{}", shown.stdout);
    token(&shown.stdout);
    is_inert(&shown);
    is_inert(&in_actions(&workspace, &["plan", "-g", "failing.yaml"]).ended(0));
    is_inert(&in_actions(&workspace, &["export", "failing.yaml", "--to", "mermaid"]).ended(0));
}

#[test]
fn a_document_is_the_same_document_and_a_file_is_as_it_would_be() {
    let workspace = workspace();
    let ran = in_actions(&workspace, &["run", "-g", "graph.yaml", "--format", "json"]).ended(0);
    assert_eq!(ran.json()["outputs"]["text"], HOSTILE);
    is_inert(&ran);
    let read = in_actions(&workspace, &["tool", "call", "read_file", r#"{"path": "hostile.txt"}"#]).ended(0);
    assert_eq!(read.json()["output"]["content"], HOSTILE);
    is_inert(&read);
    let path = workspace.outside().join("said");
    let mut command = workspace.command(&["run", "-g", "graph.yaml"]);
    command.env("GITHUB_ACTIONS", "true").stdout(Stdio::from(File::create(&path).unwrap()));
    assert!(command.stderr(Stdio::null()).status().unwrap().success());
    assert_eq!(fs::read_to_string(&path).unwrap(), HOSTILE);
}

#[test]
fn what_is_ours_alone_has_no_marks() {
    let workspace = workspace();
    for arguments in [&["--help"][..], &["--version"], &["completions", "bash"], &["schema", "graph"], &[]] {
        let plain = workspace.lgflow(arguments).ended(0);
        let ran = in_actions(&workspace, arguments).ended(0);
        assert_eq!(ran.stdout, plain.stdout, "{arguments:?}");
    }
}

#[test]
fn our_own_annotations_are_commands_and_the_only_ones() {
    let workspace = workspace();
    let name = "::add-mask::x,y%.yaml";
    workspace.write(name, GRAPH.replace("read_file", "'read_fil ::add-mask::x ##[y]'"));
    let ran = in_actions(&workspace, &["validate", "--format", "github", name]).ended(3);
    let commands = Reader::of(lines(&ran.stdout).into_iter().chain(lines(&ran.stderr))).commands;
    assert!(!commands.is_empty(), "{}", ran.stdout);
    for command in &commands {
        assert!(command.starts_with("::error file="), "{command}");
    }
    assert!(!ran.stdout.contains("stop-commands") && !ran.stderr.contains("stop-commands"), "{}", ran.stderr);
    let diagnostics: Value = in_actions(&workspace, &["validate", "--format", "json", name]).ended(3).json();
    assert!(diagnostics["diagnostics"].as_array().is_some_and(|found| found.len() == commands.len()));
}
