//! The service under load, printed: 200 clients at once, thousands of idle connections, senders that never end; what a call costs
//! it, and how long `/healthz` takes meanwhile. Beside it a plain file server on the same libraries, and a process for each call.
//!
//! `cargo bench --bench service`. Nothing here is asserted on time: machines differ.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench makes its own files and processes, and prints"
)]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const TOKEN: &str = "a-token-for-the-bench-0123456789";

/// How much of it there is.
#[derive(Clone, Copy)]
struct Size {
    clients: usize,
    calls: usize,
    idle: usize,
    slow: usize,
}

/// A runner that listens.
struct Served {
    child: Child,
    host: String,
}

impl Served {
    fn start(folder: &Path) -> Self {
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

    /// The service and its runners.
    fn processes(&self) -> Vec<u32> {
        let id = self.child.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        let own = fs::read_dir(format!("/proc/{id}/task")).unwrap();
        let all = own.filter_map(|task| fs::read_to_string(task.ok()?.path().join("children")).ok());
        let all: String = all.collect::<Vec<_>>().join(" ") + &children;
        let mut ids: Vec<u32> = all.split_whitespace().filter_map(|id| id.parse().ok()).chain([id]).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

/// Processor time of a process, from `/proc`.
fn cpu(id: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 = rest.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// Resident kilobytes.
fn resident(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn request(line: &str, body: &str) -> Vec<u8> {
    format!(
        "{line} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Sends a request on a connection that is kept, and reads its answer.
fn ask(stream: &mut TcpStream, request: &[u8]) -> std::io::Result<u16> {
    stream.write_all(request)?;
    let mut answer = Vec::new();
    let mut part = [0; 16 << 10];
    loop {
        let count = stream.read(&mut part)?;
        if count == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        answer.extend_from_slice(&part[..count]);
        let Some(at) = answer.windows(4).position(|end| end == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&answer[..at]).to_ascii_lowercase();
        let length =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        if answer.len() >= at + 4 + length.unwrap_or(0) {
            return Ok(head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0));
        }
    }
}

/// Times of many, as a person reads them.
fn told(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at =
        |percent: usize| times.get(times.len() * percent / 100).or(times.last()).copied().unwrap_or_default();
    format!("median {:.1?}, 99% {:.1?}, longest {:.1?}", at(50), at(99), at(100))
}

/// What `/healthz` takes while `meanwhile` goes on.
fn health_during<T>(host: &str, meanwhile: impl FnOnce() -> T) -> (T, String) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let mut times = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let start = Instant::now();
                let status = TcpStream::connect(host)
                    .and_then(|mut stream| ask(&mut stream, &request("GET /healthz", "")));
                if let Ok(200) = status {
                    times.push(start.elapsed());
                } else {
                    println!("  /healthz: {status:?}");
                }
                thread::sleep(Duration::from_millis(20));
            }
            times
        });
        let done = meanwhile();
        over.store(true, Ordering::Relaxed);
        (done, told(watching.join().unwrap()))
    })
}

/// So many clients, each with a connection, and so many requests on it.
fn many(host: &str, clients: usize, calls: usize, request: &[u8]) -> (Vec<Duration>, Duration, u64) {
    let (start, other) = (Instant::now(), AtomicU64::new(0));
    let times = thread::scope(|scope| {
        let one = || {
            let Ok(mut stream) = TcpStream::connect(host) else { return Vec::new() };
            let mut times = Vec::new();
            for _ in 0..calls {
                let start = Instant::now();
                match ask(&mut stream, request) {
                    Ok(200) => times.push(start.elapsed()),
                    _ => drop(other.fetch_add(1, Ordering::Relaxed)),
                }
            }
            times
        };
        let clients: Vec<_> = (0..clients).map(|_| scope.spawn(one)).collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    (times, start.elapsed(), other.into_inner())
}

fn load(served: &Served, name: &str, (clients, calls): (usize, usize), request: &[u8]) {
    let before: Vec<(u32, Duration)> = served.processes().into_iter().map(|id| (id, cpu(id))).collect();
    let ((times, took, other), health) =
        health_during(&served.host, || many(&served.host, clients, calls, request));
    let count = times.len() as u32;
    println!("{name}: {clients} clients, {count} answers in {took:.2?} ({other} others); {}", told(times));
    for (id, before) in before {
        let what = if id == served.child.id() { "service" } else { "runner" };
        let each = (cpu(id).saturating_sub(before)) / count.max(1);
        println!("  {what}: {each:.1?} of the processor for each, {} KiB resident", resident(id));
    }
    println!("  /healthz meanwhile: {health}");
}

/// A file server of a few lines on the same libraries: what serving a file costs where nothing is decided.
fn plain(folder: &Path, size: Size, request: &[u8]) {
    let root = folder.join("work");
    let (tell, host) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async move {
            let read = move || {
                let root = root.clone();
                async move {
                    tokio::task::spawn_blocking(move || fs::read(root.join("a.txt")).unwrap()).await.unwrap()
                }
            };
            let app = axum::Router::new().route("/v1/tools/execute", axum::routing::post(read));
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap().to_string()).unwrap();
            axum::serve(listener, app).await.unwrap();
        });
    });
    let (times, took, _) = many(&host.recv().unwrap(), size.clients, size.calls, request);
    println!(
        "plain file server: {} clients, {} answers in {took:.2?}; {}",
        size.clients,
        times.len(),
        told(times)
    );
}

/// Connections are files.
fn more_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
}

fn main() {
    // without it, the bench is only tried: `cargo test --benches`
    let measured = std::env::args().any(|argument| argument == "--bench");
    let size = if measured {
        Size { clients: 200, calls: 50, idle: 5000, slow: 500 }
    } else {
        Size { clients: 4, calls: 2, idle: 10, slow: 2 }
    };
    more_files();
    let few = (size.clients.min(16), size.calls);
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("work")).unwrap();
    Command::new("git").args(["init", "-q"]).arg(folder.path().join("work")).status().unwrap();
    fs::write(folder.path().join("work/a.txt"), "a line of text\n".repeat(64)).unwrap();
    for at in 0..500 {
        fs::write(folder.path().join(format!("work/file{at}.txt")), format!("needle {at}\n")).unwrap();
    }
    let served = Served::start(folder.path());
    let call = |tool: &str, input: serde_json::Value| {
        request("POST /v1/tools/execute", &serde_json::json!({ "tool": tool, "input": input }).to_string())
    };
    let read = call("read_file", serde_json::json!({ "path": "a.txt" }));
    load(&served, "read_file", (1, size.calls), &read);
    load(&served, "read_file", (size.clients, size.calls), &read);
    load(&served, "list_files", few, &call("list_files", serde_json::json!({ "path": "." })));
    load(
        &served,
        "search_files",
        few,
        &call("search_files", serde_json::json!({ "pattern": "needle 1[0-9]" })),
    );
    plain(folder.path(), size, &read);

    let idle: Vec<_> = (0..size.idle).filter_map(|_| TcpStream::connect(&served.host).ok()).collect();
    println!("{} idle connections:", idle.len());
    load(&served, "read_file", few, &read);
    drop(idle);

    let slow: Vec<_> = (0..size.slow)
        .filter_map(|_| {
            let mut stream = TcpStream::connect(&served.host).ok()?;
            stream.write_all(b"POST /v1/tools/execute HTTP/1.1\r\nHost: localhost\r\nX-Never: en").ok()?;
            Some(stream)
        })
        .collect();
    println!("{} senders that never end:", slow.len());
    load(&served, "read_file", few, &read);
    let ids = served.processes();
    println!("in the end: {} KiB resident", ids.into_iter().map(resident).sum::<u64>());
}
