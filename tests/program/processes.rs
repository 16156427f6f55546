//! Other processes, as a test sees and ends them.
#![allow(dead_code, reason = "each test program uses its part")]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::time::{Duration, Instant};

pub fn signal(id: u32, name: &str) {
    let status = std::process::Command::new("kill").args(["-s", name, &id.to_string()]).status().unwrap();
    assert!(status.success());
}

/// The same to a process that may have ended by itself meanwhile.
pub fn signal_if_there(id: u32, name: &str) {
    let told = std::process::Command::new("kill").args(["-s", name, &id.to_string()]).output().unwrap();
    assert!(told.status.success() || !alive(id), "{told:?}");
}

#[track_caller]
pub fn wait_until(done: impl Fn() -> bool, what: &str) {
    let end = Instant::now() + Duration::from_mins(1);
    while !done() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub fn children(id: u32) -> Vec<u32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{id}/task")) else { return Vec::new() };
    let lists = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().map(|id| id.parse().unwrap()).collect::<Vec<u32>>())
        .collect()
}

pub fn command_line(id: u32) -> String {
    fs::read(format!("/proc/{id}/cmdline"))
        .map(|bytes| String::from_utf8_lossy(&bytes).replace('\0', " "))
        .unwrap_or_default()
}

/// Running, not a zombie that nobody has waited for yet.
pub fn alive(id: u32) -> bool {
    let Ok(file) = fs::File::open(format!("/proc/{id}/status")) else { return false };
    let state = BufReader::new(file).lines().map_while(Result::ok).find(|line| line.starts_with("State:"));
    state.is_some_and(|state| !state.contains('Z'))
}

/// The process beneath `id` whose command line is meant; the bound is generous and only ends a broken test.
#[track_caller]
pub fn wait_for_descendant(id: u32, is_meant: impl Fn(&str) -> bool) -> u32 {
    let end = Instant::now() + Duration::from_mins(1);
    loop {
        let mut waiting = vec![id];
        while let Some(next) = waiting.pop() {
            // a program that was run by descriptor has that number as its `comm`
            if is_meant(&command_line(next)) {
                return next;
            }
            waiting.extend(children(next));
        }
        assert!(Instant::now() < end, "the process that is meant does not appear beneath {id}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until none of `processes` is there; the bound is generous and only ends a broken test.
#[track_caller]
pub fn all_gone(processes: &[u32]) {
    let end = Instant::now() + Duration::from_mins(1);
    while let Some(left) = processes.iter().find(|&&id| alive(id)) {
        assert!(Instant::now() < end, "process {left} lives on: {}", command_line(*left));
        std::thread::sleep(Duration::from_millis(20));
    }
}
