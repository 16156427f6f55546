//! The quickstart of the README, command by command: a token, a runner, a run that is pointed at it.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::program::processes::signal;
use crate::program::{Ran, Workspace};

/// The commands under a heading of the README.
fn commands(heading: &str) -> Vec<String> {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let text = std::fs::read_to_string(readme).unwrap();
    let (_, after) = text.split_once(&format!("\n## {heading}\n")).expect("the README has the heading");
    let section = after.split("\n## ").next().unwrap();
    let blocks = section.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.flat_map(str::lines).map(str::to_owned).collect()
}

/// A command as a shell takes it, where `lgflow` is the built program.
fn shell(work: &Workspace, line: &str) -> std::process::Command {
    let program = Path::new(env!("CARGO_BIN_EXE_lgflow")).parent().unwrap();
    let mut paths = vec![program.to_owned()];
    paths.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
    let mut command = work.program("sh", &["-c", line]);
    command.env("PATH", std::env::join_paths(paths).unwrap());
    command
}

/// A port that nobody listens at.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn the_readmes_runner_is_started_and_the_readmes_run_uses_it() {
    let lines = commands("A runner for others");
    let [token, runner, run] = lines.as_slice() else { panic!("three commands: {lines:#?}") };
    let port = free_port().to_string();
    let at = |line: &str| {
        assert!(line.contains(":8811"), "{line}");
        line.replace(":8811", &format!(":{port}"))
    };
    let (there, here) = (Workspace::git(), Workspace::git());
    there.write("src/lib.rs", "pub fn there() {}\n").write("Cargo.toml", "[package]\nname = \"there\"\n");
    let made = Ran::from(shell(&there, token).output().unwrap()).ended(0);
    assert!(made.stdout.is_empty() && made.stderr.contains("shown this once"), "{}", made.stderr);

    // the shell gives its place to the program, so that it is the program that is ended
    let mut served = shell(&there, &format!("exec {}", at(runner))).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(served.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let listening: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(listening["url"], format!("http://127.0.0.1:{port}"));

    // started elsewhere, by the same user: the token lies at home
    let mut started = shell(&here, &at(run));
    started.env("HOME", there.outside().join("home"));
    let ran = Ran::from(started.output().unwrap());
    signal(served.id(), "TERM");
    let ended = served.wait().unwrap();
    let ran = ran.ended(0);
    assert!(
        ran.stdout.contains("there") || ran.stdout.contains("src/lib.rs"),
        "{}\n{}",
        ran.stdout,
        ran.stderr
    );
    assert_eq!(ended.code(), Some(0));
}
