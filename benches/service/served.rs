//! A runner that listens, and what its processes cost.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// What clients present to it.
pub const TOKEN: &str = "a-token-for-the-bench-0123456789";

/// A runner that listens.
pub struct Served {
    child: Child,
    /// `HOST:PORT`
    pub host: String,
}

/// Processor time and memory of the service, and of the runners behind it.
#[derive(Clone, Copy, Default)]
pub struct Cost {
    pub service: Duration,
    pub runners: Duration,
    /// Resident kilobytes of the service: now, and the most that there ever were.
    pub resident: u64,
    pub peak: u64,
    /// Of all its runners, now.
    pub beside: u64,
}

impl Served {
    pub fn start(folder: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_lgflow"))
            .args(["runner", "--listen", "127.0.0.1:0", "--max-rate", "1000000"])
            .current_dir(folder.join("work"))
            .env("LGFLOW_STATE_DIR", folder.join("state"))
            .env("LGFLOW_RUNNER_TOKEN", TOKEN)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let listening: serde_json::Value = serde_json::from_str(&line).unwrap();
        let host = listening["url"].as_str().unwrap().trim_start_matches("http://").to_owned();
        Self { child, host }
    }

    /// Does it live?
    pub fn lives(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub fn cost(&self) -> Cost {
        let service = self.child.id();
        let mut cost = Cost {
            service: cpu(service),
            resident: kilobytes(service, "VmRSS:"),
            peak: kilobytes(service, "VmHWM:"),
            ..Cost::default()
        };
        for runner in descendants(service) {
            cost.runners += cpu(runner);
            cost.beside += kilobytes(runner, "VmRSS:");
        }
        cost
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

/// What came since, of what adds up.
pub fn spent(before: Cost, after: Cost, calls: usize) -> (Duration, Duration) {
    let calls = u32::try_from(calls.max(1)).unwrap();
    (
        after.service.saturating_sub(before.service) / calls,
        after.runners.saturating_sub(before.runners) / calls,
    )
}

/// Every process that has this one above it.
fn descendants(root: u32) -> Vec<u32> {
    let ids =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let parents: BTreeMap<u32, u32> =
        ids.filter_map(|id: u32| Some((id, stat(id, 1)?.try_into().ok()?))).collect();
    let is_below = |id: &u32| {
        let mut above = parents.get(id);
        while let Some(parent) = above.filter(|parent| **parent != root) {
            above = parents.get(parent);
        }
        above.is_some()
    };
    parents.keys().copied().filter(|id| *id != root && is_below(id)).collect()
}

/// A number of `/proc/ID/stat`, counted from the state on.
fn stat(id: u32, at: usize) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(at)?.parse().ok()
}

/// Processor time, with that of threads that have ended; in hundredths of a second.
fn cpu(id: u32) -> Duration {
    let ticks = stat(id, 11).unwrap_or(0) + stat(id, 12).unwrap_or(0);
    Duration::from_millis(ticks * 10)
}

fn kilobytes(id: u32, what: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(what));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
