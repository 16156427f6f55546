//! All processes that a command started, wherever they went: found by their parents, ended until none is left. A
//! process that forks twice and leaves its session becomes a child of the helper, which is a subreaper.

#![expect(
    clippy::disallowed_methods,
    reason = "processes are listed by /proc, and an end to waiting needs a clock"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, getpid, kill_process, test_kill_process, wait};

use super::syscalls::end_all_others;

/// Which processes are a command's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tree {
    /// All of this PID namespace but its first, which we are.
    Namespace,
    /// The descendants of this process, which takes in those that lost their parents.
    Descendants,
}

/// Can this process end others? It is asked before there are any, so nobody is named but itself, and nothing is sent.
pub(super) fn may_end_others() -> rustix::io::Result<()> {
    test_kill_process(getpid())
}

/// What the processes of a command take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) processes: u64,
    /// Bytes of memory that are theirs alone.
    pub(super) memory: u64,
}

impl Tree {
    /// Ends every process; gives how many could not be ended in `patience`. Reaps those that ended.
    pub(super) fn end_all(self, patience: Duration, reaped: &mut BTreeMap<i32, WaitStatus>) -> usize {
        match self {
            Tree::Namespace => end_namespace(patience, reaped),
            Tree::Descendants => end_descendants(patience, reaped),
        }
    }

    /// Counts the living processes and what they take.
    pub(super) fn taken(self) -> Taken {
        let own = getpid().as_raw_nonzero().get();
        let pids: Vec<i32> = match self {
            Tree::Namespace => processes()
                .into_iter()
                .filter(|(pid, _, dead)| *pid != own && !dead)
                .map(|(pid, _, _)| pid)
                .collect(),
            Tree::Descendants => descendants().iter().map(|pid| pid.as_raw_nonzero().get()).collect(),
        };
        let memory = pids.iter().filter_map(|pid| private_memory(*pid)).sum();
        Taken { processes: pids.len() as u64, memory }
    }
}

/// Bytes in memory of a process that it shares with no file.
fn private_memory(pid: i32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let mut fields = text.split_ascii_whitespace().skip(1).map(str::parse::<u64>);
    let (resident, shared) = (fields.next()?.ok()?, fields.next()?.ok()?);
    Some(resident.saturating_sub(shared) * rustix::param::page_size() as u64)
}

/// Nobody can hide from the first process of a namespace, nor fork faster than all others are ended at once.
fn end_namespace(patience: Duration, reaped: &mut BTreeMap<i32, WaitStatus>) -> usize {
    let give_up = Instant::now() + patience;
    loop {
        // there may be nobody to end
        let _ = end_all_others();
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) => drop(reaped.insert(pid.as_raw_nonzero().get(), status)),
                Ok(None) => break,
                // no child is left, and every process of the namespace is a child of its first in the end
                Err(_) => return 0,
            }
        }
        if Instant::now() > give_up {
            return processes().iter().filter(|(_, _, dead)| !dead).count().saturating_sub(1);
        }
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// Ends every descendant of this process; gives how many could not be ended in `patience`. Reaps those that ended.
fn end_descendants(patience: Duration, reaped: &mut BTreeMap<i32, WaitStatus>) -> usize {
    let give_up = Instant::now() + patience;
    loop {
        reap(reaped);
        let alive = descendants();
        if alive.is_empty() {
            return 0;
        }
        // first all are stopped, so that none of them starts more while others are ended
        for signal in [Signal::STOP, Signal::KILL] {
            for pid in &alive {
                // it may have ended by itself
                let _ = kill_process(*pid, signal);
            }
        }
        if Instant::now() > give_up {
            return alive.len();
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Takes the exit status of every child that has ended.
pub(super) fn reap(reaped: &mut BTreeMap<i32, WaitStatus>) {
    while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
        reaped.insert(pid.as_raw_nonzero().get(), status);
    }
}

/// The processes below this one; those that only wait to be reaped are not counted.
fn descendants() -> Vec<Pid> {
    let mut children: BTreeMap<i32, Vec<(i32, bool)>> = BTreeMap::new();
    for (pid, parent, dead) in processes() {
        children.entry(parent).or_default().push((pid, dead));
    }
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    let mut ahead = vec![getpid().as_raw_nonzero().get()];
    while let Some(parent) = ahead.pop() {
        for &(pid, dead) in children.get(&parent).into_iter().flatten() {
            if seen.insert(pid) {
                ahead.push(pid);
                found.extend(Pid::from_raw(pid).filter(|_| !dead));
            }
        }
    }
    found
}

/// Id, parent, and whether it has ended, of every process that can be seen.
fn processes() -> Vec<(i32, i32, bool)> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(|pid| {
        let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
        // the name stands in brackets and may hold anything, brackets included
        let after = stat.iter().rposition(|&b| b == b')')? + 1;
        let text = String::from_utf8_lossy(&stat[after..]).into_owned();
        let mut fields = text.split_ascii_whitespace();
        let state = fields.next()?;
        let parent = fields.next()?.parse().ok()?;
        Some((pid, parent, matches!(state, "Z" | "X")))
    })
    .collect()
}

/// Ends every process whose environment holds `marker`: for when a helper was killed and its tree has lost its root.
pub(super) fn end_marked(marker: &str) {
    let wanted = marker.as_bytes();
    for _ in 0..100 {
        let marked: Vec<Pid> = processes()
            .into_iter()
            .filter(|(_, _, dead)| !dead)
            .filter_map(|(pid, _, _)| {
                let environ = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
                environ.split(|&b| b == 0).any(|variable| variable == wanted).then(|| Pid::from_raw(pid))?
            })
            .collect();
        if marked.is_empty() {
            return;
        }
        for pid in marked {
            // it may have ended by itself
            let _ = kill_process(pid, Signal::KILL);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
