//! Process trees: whatever a command starts, and however it and those around it end, nothing of it outlives its call.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::effect::ErrorKind;
use crate::runner::Cancel;

use super::bench::{Bench, kind};

/// A number of seconds that no other process sleeps for.
pub(super) fn token() -> String {
    static LAST: AtomicU32 = AtomicU32::new(0);
    format!("1000.{}{:03}", std::process::id(), LAST.fetch_add(1, Ordering::Relaxed))
}

/// The processes that were started with `token`, as they are numbered outside of the sandbox.
fn with(token: &str) -> Vec<u32> {
    let pids =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    let has = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.starts_with(b"sleep\0") && line.split(|&b| b == 0).any(|part| part == token.as_bytes())
    };
    pids.filter(has).collect()
}

/// Waits until no process was started with `token`.
fn gone(token: &str) -> bool {
    let end = Instant::now() + Duration::from_secs(20);
    while Instant::now() < end {
        if with(token).is_empty() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

/// Waits for a process that was started with `token`.
pub(super) fn comes(token: &str) -> u32 {
    let end = Instant::now() + Duration::from_secs(30);
    while Instant::now() < end {
        if let Some(pid) = with(token).first() {
            return *pid;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("no process with {token} came");
}

fn parent(pid: u32) -> u32 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit(')').next().unwrap().split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Leaves its session twice, holds the outputs, and stays; `then` goes on when it is there.
fn escape(token: &str, then: &str) -> String {
    format!(
        "setsid sh -c 'setsid sh -c \"touch up; exec sleep {token}\" &' & while [ ! -e up ]; do sleep 0.01; done; {then}"
    )
}

#[test]
fn a_tree_that_escapes_its_session_and_holds_the_pipe_is_gone_at_the_end() {
    let (bench, token) = (Bench::new("sh"), token());
    let start = Instant::now();
    let result = bench.sh(&escape(&token, "echo done"));
    assert!(result.ok, "{result:?}");
    assert_eq!(result.stdout, "done\n");
    assert!(gone(&token), "it outlived its call");
    assert!(start.elapsed() < Duration::from_secs(30));
}

#[test]
fn a_tree_that_escapes_its_session_is_gone_at_the_timeout() {
    let (mut bench, token) = (Bench::new("sh"), token());
    bench.grant().limits.wall = Duration::from_secs(3);
    let result = bench.sh(&escape(&token, "echo before; sleep 1000"));
    assert_eq!(*kind(&result), ErrorKind::Timeout);
    assert_eq!((result.stdout.as_str(), result.exit_code), ("before\n", Some(137)));
    assert!(gone(&token));
}

#[test]
fn a_cancelled_call_is_over_with_its_whole_tree() {
    let (bench, token) = (Bench::new("sh"), token());
    let cancel = Cancel::default();
    let result = std::thread::scope(|scope| {
        let call = scope.spawn(|| {
            let script = escape(&token, "trap '' TERM INT; sleep 1000");
            bench.call_with(&json!({ "argv": ["sh", "-c", script] }), &cancel)
        });
        comes(&token);
        cancel.cancel();
        call.join().unwrap()
    });
    assert_eq!(*kind(&result), ErrorKind::Cancelled);
    assert!(gone(&token));
}

#[test]
fn a_runner_that_is_killed_takes_the_tree_with_it() {
    let (folder, token) = (tempfile::tempdir().unwrap(), token());
    let mut runner = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "runner::tools::exec_tests::trees::lives_as_a_runner", "--ignored", "--nocapture"])
        .env("LGFLOW_TEST_FOLDER", folder.path())
        .env("LGFLOW_TEST_TOKEN", &token)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    comes(&token);
    runner.kill().unwrap();
    runner.wait().unwrap();
    assert!(gone(&token), "the tree outlived its runner");
}

#[test]
#[ignore = "the victim of the test above, which starts it"]
fn lives_as_a_runner() {
    let folder = PathBuf::from(std::env::var_os("LGFLOW_TEST_FOLDER").unwrap());
    let token = std::env::var("LGFLOW_TEST_TOKEN").unwrap();
    let bench = Bench::at(&folder, "sh", tempfile::tempdir().unwrap());
    bench.sh(&escape(&token, "sleep 1000"));
}

#[test]
fn a_helper_that_is_killed_from_outside_takes_the_tree_with_it() {
    let (bench, token) = (Bench::new("sh"), token());
    let result = std::thread::scope(|scope| {
        let call = scope.spawn(|| bench.sh(&format!("kill -9 $PPID; kill -9 1; sleep {token}")));
        // the command, the first process of its namespaces, the helper
        let helper = parent(parent(parent(comes(&token))));
        let pid = rustix::process::Pid::from_raw(helper.cast_signed()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        call.join().unwrap()
    });
    assert_eq!(*kind(&result), ErrorKind::Internal, "{result:?}");
    assert!(gone(&token));
}

#[test]
fn what_a_killed_runner_left_is_swept_and_what_lives_stays() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::new("sh");
    let all = bench.folder.path().join("state/exec");
    let (dead, living) = (all.join("dead"), all.join("living"));
    for folder in [&dead, &living] {
        fs::create_dir_all(folder.join("work/locked")).unwrap();
        fs::write(folder.join("work/locked/f"), "x").unwrap();
    }
    fs::set_permissions(dead.join("work/locked"), fs::Permissions::from_mode(0o000)).unwrap();
    let held = fs::File::open(&living).unwrap();
    rustix::fs::flock(&held, rustix::fs::FlockOperation::NonBlockingLockExclusive).unwrap();
    crate::runner::recover_workspace(&bench.world).unwrap();
    assert!(!dead.exists(), "left behind");
    assert!(living.join("work/locked/f").exists(), "taken from under a command");
    drop(held);
    crate::runner::recover_workspace(&bench.world).unwrap();
    assert!(!living.exists());
}
