//! The service under load, printed as a table: 200 clients at once, thousands of idle connections, senders that never end, what
//! is no request; what a call costs it, what it keeps in memory, and how long `/healthz` takes meanwhile. And reading through
//! it, beside the same work by ripgrep where it is found, and by a plain file server on the same libraries.
//!
//! `cargo bench --bench service`. Nothing here is asserted on time: machines differ.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    unreachable_pub,
    reason = "a bench makes its own files and processes, and prints"
)]

mod load;
mod plain;
mod served;
mod table;

use std::fmt::Write as _;
use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use load::{Times, call, health_during, idle, load, malformed, request, slow};
use serde_json::{Value, json};
use served::{Cost, Served, spent};
use table::Table;

/// What `/healthz` may take, whatever goes on.
const HEALTH: Duration = Duration::from_millis(100);
/// What a call may cost the service, its runner aside.
const CALL: Duration = Duration::from_micros(200);
/// Kilobytes that the service may have at most.
const MEMORY: u64 = 200 << 10;
/// Files that are looked through, in folders of a hundred.
const FILES: usize = 10_000;

/// How much of it there is.
#[derive(Clone, Copy)]
struct Size {
    clients: usize,
    calls: usize,
    idle: usize,
    slow: usize,
    malformed: usize,
    files: usize,
    times: usize,
}

const MEASURED: Size =
    Size { clients: 200, calls: 50, idle: 5000, slow: 500, malformed: 2000, files: FILES, times: 9 };
/// Enough to see that it works: `cargo test --benches`.
const TRIED: Size = Size { clients: 4, calls: 2, idle: 10, slow: 4, malformed: 16, files: 200, times: 1 };

struct Bench {
    served: Served,
    size: Size,
    table: Table,
    work: PathBuf,
}

fn main() {
    let measured = std::env::args().any(|argument| argument == "--bench");
    if ripgrep(&["--version"], Path::new("."), 0).is_none() {
        eprintln!(
            "\nRIPGREP IS MISSING: there is no `rg` in the PATH, so nothing is measured beside it (Debian has it as `ripgrep`)\n"
        );
    }
    more_files();
    let folder = tempfile::tempdir().unwrap();
    let size = if measured { MEASURED } else { TRIED };
    let work = workspace(folder.path(), size.files);
    let mut bench = Bench { served: Served::start(folder.path()), size, table: Table::default(), work };
    let begun = bench.served.cost();
    bench.reading();
    bench.under_load();
    bench.among_idle_and_slow();
    bench.of_what_is_no_request();
    bench.ended(begun);
    bench.table.print();
}

/// Connections are files.
fn more_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
}

fn workspace(folder: &Path, files: usize) -> PathBuf {
    let work = folder.join("work");
    fs::create_dir(&work).unwrap();
    Command::new("git").args(["init", "-q"]).arg(&work).status().unwrap();
    fs::write(work.join("a.txt"), "a line of text\n".repeat(64)).unwrap();
    for at in 0..files {
        let folder = work.join(format!("folder{:03}", at / 100));
        fs::create_dir_all(&folder).unwrap();
        let lines = (0..40).fold(String::new(), |mut text, line| {
            writeln!(text, "line {line} of needle {at}").unwrap();
            text
        });
        fs::write(folder.join(format!("file{at:05}.txt")), lines).unwrap();
    }
    work
}

/// What one request after the other takes on one connection, and what the last one answered.
fn one_by_one(host: &str, request: &[u8], times: usize) -> (Duration, Vec<u8>) {
    let mut stream = TcpStream::connect(host).unwrap();
    let mut taken = Vec::new();
    let mut answer = Vec::new();
    for _ in 0..=times {
        let start = Instant::now();
        let (status, body) = load::ask(&mut stream, request).unwrap();
        taken.push(start.elapsed());
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        answer = body;
    }
    // the first finds nothing in any cache
    taken.remove(0);
    taken.sort_unstable();
    (taken[taken.len() / 2], answer)
}

/// What ripgrep takes as a process, where it is found.
fn ripgrep(arguments: &[&str], folder: &Path, times: usize) -> Option<Duration> {
    let mut taken = Vec::new();
    for _ in 0..=times {
        let start = Instant::now();
        let mut command = Command::new("rg");
        command.args(arguments).current_dir(folder).stdin(Stdio::null()).stderr(Stdio::null());
        command.stdout(Stdio::null()).status().ok()?;
        taken.push(start.elapsed());
    }
    // the first finds nothing in any cache
    taken.rotate_left(1);
    taken.truncate(times.max(1));
    taken.sort_unstable();
    Some(taken[taken.len() / 2])
}

impl Bench {
    /// Each tool alone, beside the same work.
    fn reading(&mut self) {
        let plain = plain::serve(self.work.clone());
        let files = self.size.files;
        let tools: [(&str, Value, &str, Option<&[&str]>); 3] = [
            ("read_file", json!({ "path": "a.txt" }), "/read", None),
            (
                "list_files",
                json!({ "path": ".", "recursive": true }),
                "/list",
                Some(&["--files", "--sort", "path"]),
            ),
            (
                "search_files",
                json!({ "pattern": "needle 77" }),
                "/search",
                Some(&["-j1", "--no-heading", "--line-number", "needle 77"]),
            ),
        ];
        for (tool, input, path, beside) in tools {
            let (took, answer) = one_by_one(&self.served.host, &call(tool, &input), self.size.times);
            let answer: Value = serde_json::from_slice(&answer).unwrap();
            assert_eq!(answer["ok"], true, "{answer}");
            let (bare, _) = one_by_one(&plain, &request(&format!("POST {path}"), ""), self.size.times);
            let ripgrep = beside.and_then(|arguments| ripgrep(arguments, &self.work, self.size.times));
            let ripgrep = match (ripgrep, beside) {
                (Some(took), _) => format!(", `rg` as a process {took:.1?}"),
                (None, Some(_)) => ", **no `rg` in the `PATH`: nothing to compare with**".to_owned(),
                (None, None) => String::new(),
            };
            let what = match tool {
                "read_file" => "`read_file`, one client".to_owned(),
                _ => format!("`{tool}` of {files} files, one client"),
            };
            self.table.tell(what, format!("{took:.1?}; plain file server {bare:.1?}{ripgrep}"));
        }
    }

    /// All clients at once.
    fn under_load(&mut self) {
        let Size { clients, calls, .. } = self.size;
        let read = call("read_file", &json!({ "path": "a.txt" }));
        let before = self.served.cost();
        let (served, health) =
            health_during(&self.served.host, || load(&self.served.host, clients, calls, &read));
        let (service, runners) = spent(before, self.served.cost(), served.times.count());
        let each = |count: usize, took: Duration| count as u128 * 1000 / took.as_millis().max(1);
        let plain = plain::serve(self.work.clone());
        let bare = load(&plain, clients, calls, &request("POST /read", ""));
        self.table.tell(
            format!("`read_file`, {clients} clients at once"),
            format!(
                "{} a second; {}; {} of another answer; plain file server {} a second, {}",
                each(served.times.count(), served.took),
                served.times.told(),
                served.others,
                each(bare.times.count(), bare.took),
                bare.times.told()
            ),
        );
        self.table.hold(
            "the service's processor time for a call",
            "under 200 µs",
            format!("{service:.1?} (its runner {runners:.1?})"),
            service < CALL,
        );
        self.health(format!("`/healthz` under {clients} clients"), &health);
    }

    fn health(&mut self, what: String, health: &Times) {
        let met = health.at(100) < HEALTH;
        self.table.hold(what, "under 100 ms", health.told(), met);
    }

    /// Among connections that nothing is asked on, and senders that never end. They are made first, and the measuring is
    /// over before the service closes them.
    fn among_idle_and_slow(&mut self) {
        let clients = self.size.clients.min(16);
        let read = call("read_file", &json!({ "path": "a.txt" }));
        let kinds: [(&str, Vec<TcpStream>); 2] = [
            ("idle connections", idle(&self.served.host, self.size.idle)),
            ("senders that never end", slow(&self.served.host, self.size.slow)),
        ];
        let told: Vec<String> = kinds.iter().map(|(what, all)| format!("{} {what}", all.len())).collect();
        let told = told.join(" and ");
        let (served, health) =
            health_during(&self.served.host, || load(&self.served.host, clients, self.size.calls, &read));
        let Cost { resident, .. } = self.served.cost();
        self.table.tell(
            format!("`read_file`, {clients} clients among {told}"),
            format!("{}; {} of another answer; {resident} KiB resident", served.times.told(), served.others),
        );
        self.health(format!("`/healthz` among {told}"), &health);
    }

    fn of_what_is_no_request(&mut self) {
        let count = self.size.malformed;
        let ((refused, closed), health) =
            health_during(&self.served.host, || malformed(&self.served.host, count));
        let met = refused + closed == count && self.served.lives();
        let measured = format!("{refused} refused, {closed} connections closed");
        self.table.hold(format!("{count} of what is no request"), "refused, and no more", measured, met);
        self.health("`/healthz` meanwhile".to_owned(), &health);
    }

    fn ended(&mut self, begun: Cost) {
        let lives = self.served.lives();
        self.table.hold("the service in the end", "lives", if lives { "lives" } else { "is gone" }, lives);
        let Cost { resident, peak, beside, .. } = self.served.cost();
        self.table.hold(
            "memory of the service",
            "at most 200 MiB",
            format!(
                "{} KiB at first, {peak} KiB at most, {resident} KiB in the end (its runner {beside} KiB)",
                begun.resident
            ),
            peak <= MEMORY,
        );
    }
}
