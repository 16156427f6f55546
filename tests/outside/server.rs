//! A server of the test's own on loopback: it writes what it is told to, byte by byte, and remembers all that it was sent.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What was asked.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names in small letters.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// A part of an answer.
pub enum Part {
    Bytes(Vec<u8>),
    /// Nothing for so long.
    Pause(Duration),
    /// Nothing until this is set.
    Until(Arc<AtomicBool>),
    /// These bytes again and again, until nobody reads them.
    Endless(Vec<u8>),
}

pub struct Server {
    port: u16,
    log: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Answers each request with what `answer` makes of it, and closes the connection.
    pub fn start(answer: impl Fn(&Request) -> Vec<Part> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let log: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (heard, answer) = (Arc::clone(&log), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (heard, answer) = (Arc::clone(&heard), Arc::clone(&answer));
                thread::spawn(move || {
                    let Some(request) = read(&stream) else { return };
                    heard.lock().unwrap().push(request.clone());
                    write(stream, answer(&request));
                });
            }
        });
        Self { port, log }
    }

    /// Answers everything with a text.
    pub fn saying(text: &'static str) -> Self {
        Self::start(move |_| ok("text/plain", text))
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn requests(&self) -> Vec<Request> {
        self.log.lock().unwrap().clone()
    }
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A whole answer.
pub fn reply(status: &str, headers: &str, body: &[u8]) -> Vec<Part> {
    let head =
        format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n", body.len());
    vec![Part::Bytes([head.as_bytes(), body].concat())]
}

pub fn ok(kind: &str, body: &str) -> Vec<Part> {
    reply("200 OK", &format!("content-type: {kind}\r\n"), body.as_bytes())
}

pub fn redirect(status: &str, location: &str) -> Vec<Part> {
    reply(status, &format!("location: {location}\r\n"), b"")
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let mut request =
        Request { method: words.next()?.to_owned(), target: words.next()?.to_owned(), ..Request::default() };
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        request.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    request.body = vec![0; length];
    reader.read_exact(&mut request.body).ok()?;
    Some(request)
}

/// Who asked may be gone before all is said.
fn write(mut stream: TcpStream, parts: Vec<Part>) {
    for part in parts {
        match part {
            Part::Bytes(bytes) => {
                if stream.write_all(&bytes).and_then(|()| stream.flush()).is_err() {
                    return;
                }
            }
            Part::Pause(time) => thread::sleep(time),
            Part::Until(set) => {
                while !set.load(Ordering::SeqCst) {
                    thread::sleep(Duration::from_millis(20));
                }
            }
            Part::Endless(bytes) => while stream.write_all(&bytes).is_ok() {},
        }
    }
    let _ = stream.shutdown(Shutdown::Write);
}
