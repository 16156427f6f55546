//! Clients: each with a connection of its own, and what they and `/healthz` have to wait for.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::served::TOKEN;

/// Times of many.
#[derive(Default)]
pub struct Times(Vec<Duration>);

/// What a number of clients came to.
pub struct Load {
    pub times: Times,
    pub took: Duration,
    /// Answers that were none of 200.
    pub others: u64,
}

impl Times {
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The one that so many in a hundred are not longer than.
    pub fn at(&self, percent: usize) -> Duration {
        let mut times = self.0.clone();
        times.sort_unstable();
        let at = (times.len() * percent / 100).min(times.len().saturating_sub(1));
        times.get(at).copied().unwrap_or_default()
    }

    /// As a person reads them.
    pub fn told(&self) -> String {
        format!("median {:.1?}, 99% {:.1?}, longest {:.1?}", self.at(50), self.at(99), self.at(100))
    }
}

pub fn request(line: &str, body: &str) -> Vec<u8> {
    format!(
        "{line} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

pub fn call(tool: &str, input: &serde_json::Value) -> Vec<u8> {
    request("POST /v1/tools/execute", &serde_json::json!({ "tool": tool, "input": input }).to_string())
}

/// Sends a request on a connection that is kept, and reads its answer: the status, and the bytes of the body.
pub fn ask(stream: &mut TcpStream, request: &[u8]) -> std::io::Result<(u16, Vec<u8>)> {
    stream.write_all(request)?;
    let (mut answer, mut part, mut head) = (Vec::new(), vec![0; 64 << 10], None);
    loop {
        let count = stream.read(&mut part)?;
        if count == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        answer.extend_from_slice(&part[..count]);
        if head.is_none() {
            let Some(at) = answer.windows(4).position(|end| end == b"\r\n\r\n") else { continue };
            let text = String::from_utf8_lossy(&answer[..at]).to_ascii_lowercase();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
            head = Some((at + 4, length.unwrap_or(0usize), status.unwrap_or(0)));
        }
        if let Some((at, length, status)) = head
            && answer.len() >= at + length
        {
            return Ok((status, answer.split_off(at)));
        }
    }
}

/// So many clients, and so many requests of each.
pub fn load(host: &str, clients: usize, calls: usize, request: &[u8]) -> Load {
    let (start, others) = (Instant::now(), AtomicU64::new(0));
    let times = thread::scope(|scope| {
        let one = || {
            let Ok(mut stream) = TcpStream::connect(host) else {
                others.fetch_add(calls as u64, Ordering::Relaxed);
                return Vec::new();
            };
            let mut times = Vec::new();
            for _ in 0..calls {
                let start = Instant::now();
                match ask(&mut stream, request) {
                    Ok((200, _)) => times.push(start.elapsed()),
                    _ => drop(others.fetch_add(1, Ordering::Relaxed)),
                }
            }
            times
        };
        let clients: Vec<_> = (0..clients).map(|_| scope.spawn(one)).collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    Load { times: Times(times), took: start.elapsed(), others: others.into_inner() }
}

/// What `/healthz` takes while `meanwhile` goes on; an answer that is none counts as ten seconds.
pub fn health_during<T>(host: &str, meanwhile: impl FnOnce() -> T) -> (T, Times) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let mut times = Vec::new();
            while !over.load(Ordering::Relaxed) || times.is_empty() {
                let start = Instant::now();
                let asked = TcpStream::connect(host).and_then(|mut stream| {
                    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
                    ask(&mut stream, &request("GET /healthz", ""))
                });
                let well = matches!(asked, Ok((200, _)));
                times.push(if well { start.elapsed() } else { Duration::from_secs(10) });
                thread::sleep(Duration::from_millis(20));
            }
            Times(times)
        });
        let done = meanwhile();
        over.store(true, Ordering::Relaxed);
        (done, watching.join().unwrap())
    })
}

/// Connections that nothing is asked on.
pub fn idle(host: &str, count: usize) -> Vec<TcpStream> {
    (0..count).filter_map(|_| TcpStream::connect(host).ok()).collect()
}

/// Senders that begin and never end: of a head, and of a body.
pub fn slow(host: &str, count: usize) -> Vec<TcpStream> {
    let head = b"POST /v1/tools/execute HTTP/1.1\r\nHost: localhost\r\nX-Never: en".to_vec();
    let mut body = call("read_file", &serde_json::json!({ "path": "a.txt" }));
    body.pop();
    let one = |at: usize| {
        let mut stream = TcpStream::connect(host).ok()?;
        stream.write_all(if at.is_multiple_of(2) { &head } else { &body }).ok()?;
        Some(stream)
    };
    (0..count).filter_map(one).collect()
}

/// What is no request, each on a connection of its own: how many were refused, and how many connections were closed.
pub fn malformed(host: &str, count: usize) -> (usize, usize) {
    let head = "POST /v1/tools/execute HTTP/1.1\r\nHost: localhost\r\n";
    let kinds: [Vec<u8>; 8] = [
        b"\0\xff\xfe\r\n\r\n".to_vec(),
        b"GET / HTTP/9.9\r\n\r\n".to_vec(),
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".to_vec(),
        format!("{head}Content-Length: 5\r\nContent-Length: 6\r\n\r\n12345").into_bytes(),
        format!("{head}Transfer-Encoding: chunked\r\n\r\nzz\r\n").into_bytes(),
        format!("{head}X: {}\r\n\r\n", "x".repeat(100_000)).into_bytes(),
        request("POST /v1/tools/execute", "{\"tool\": \"read_file\", \"input\": "),
        request("POST /v1/tools/execute", &format!("{{\"tool\":\"x\",\"input\":{}", "[".repeat(100_000))),
    ];
    let (mut refused, mut closed) = (0, 0);
    for at in 0..count {
        let Ok(mut stream) = TcpStream::connect(host) else { continue };
        match ask(&mut stream, &kinds[at % kinds.len()]) {
            Ok((status, _)) if (400..500).contains(&status) => refused += 1,
            Err(_) => closed += 1,
            Ok((status, _)) => println!("what is no request was answered with {status}"),
        }
    }
    (refused, closed)
}
