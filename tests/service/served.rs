//! A runner that listens, and a client that sends it whatever a test wants.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::{Child, ChildStdout, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::program::Workspace;
use crate::program::processes::signal;

/// The token of a runner that has one.
pub const TOKEN: &str = "a-token-for-tests-0123456789";

/// A policy that reads everything, and lets `sh` and `sleep` run without walls.
pub const POLICY: &str = "\
schema: lgflow.policy/v1
name: p
tools: { exec: allow, read_file: allow, list_files: allow, apply_patch: allow, rollback: allow }
paths: { read: { allow: ['**'], deny: [secret.txt] }, write: { allow: ['**'] } }
commands:
  - { name: sh, program: sh, args: [[-c, '*']], sandbox: { workspace: direct, env: { pass: [KEY] } } }
  - { name: sleep, program: sleep, args: [['*']], sandbox: { workspace: direct } }
flows: [{ from: any, to: code, verdict: allow }]
sandbox: { mode: best_effort }
";

/// The policy and the tokens of a workspace that is served.
pub const BOOK: &[&str] = &["--policy", "policy.yaml", "--token-file", "../tokens.json"];

/// Makes a token for a workspace under its `policy.yaml`.
#[track_caller]
pub fn made(work: &Workspace, name: &str, more: &[&str]) -> String {
    let arguments = [&["runner", "token", "new", name, "--format", "json"], BOOK, more].concat();
    let document = work.lgflow(&arguments).ended(0).json();
    assert_eq!((&document["schema"], &document["name"]), (&"lgflow.token/v1".into(), &name.into()));
    fits(&document);
    document["token"].as_str().unwrap().to_owned()
}

/// Serves a workspace with its `policy.yaml` to the tokens that were made.
pub fn running(work: &Workspace) -> Served {
    Served::with(work, &[&["--listen", "127.0.0.1:0"], BOOK].concat(), &[])
}

pub struct Served {
    child: Child,
    stdout: BufReader<ChildStdout>,
    pub listening: Value,
}

pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Served {
    /// On a free port, with [`TOKEN`] and [`POLICY`].
    pub fn start(work: &Workspace) -> Self {
        work.write("policy.yaml", POLICY);
        Self::with(
            work,
            &["--listen", "127.0.0.1:0", "--policy", "policy.yaml"],
            &[("LGFLOW_RUNNER_TOKEN", TOKEN)],
        )
    }

    pub fn with(work: &Workspace, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = work.command(&[&["runner"], arguments].concat());
        command.envs(variables.iter().copied()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let listening = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        fits(&listening);
        Self { child, stdout, listening }
    }

    pub fn url(&self) -> &str {
        self.listening["url"].as_str().unwrap()
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// `HOST:PORT`
    pub fn host(&self) -> &str {
        self.url().strip_prefix("http://").unwrap()
    }

    pub fn connect(&self) -> Box<dyn Stream> {
        let timeout = Some(Duration::from_mins(2));
        match self.url().strip_prefix("unix:") {
            Some(path) => {
                let stream = UnixStream::connect(path).unwrap();
                stream.set_read_timeout(timeout).unwrap();
                Box::new(stream)
            }
            None => {
                let stream = TcpStream::connect(self.host()).unwrap();
                stream.set_read_timeout(timeout).unwrap();
                Box::new(stream)
            }
        }
    }

    /// Sends bytes, and gives what comes back until the connection is closed.
    pub fn raw(&self, request: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect();
        // a service that refuses early has closed it
        let _ = stream.write_all(request.as_ref());
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// A request with exactly these headers.
    pub fn bare(&self, line: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let headers: Vec<String> =
            headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let headers = headers.concat();
        let length =
            if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        Answer::read(
            &self.raw(format!("{line} HTTP/1.1\r\n{headers}{length}Connection: close\r\n\r\n{body}")),
        )
    }

    /// A request as a client with this token sends it.
    pub fn ask_as(&self, token: &str, line: &str, body: &str) -> Answer {
        let bearer = format!("Bearer {token}");
        let headers =
            [("Host", "localhost"), ("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        self.bare(line, &headers, body)
    }

    pub fn ask(&self, line: &str, body: &str) -> Answer {
        self.ask_as(TOKEN, line, body)
    }

    pub fn execute(&self, call: &Value) -> Answer {
        self.ask("POST /v1/tools/execute", &call.to_string())
    }

    /// Asks it to end, and gives its exit code and what else it printed.
    pub fn stop(mut self) -> (Option<i32>, String) {
        signal(self.child.id(), "TERM");
        let code = self.child.wait().unwrap().code();
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        (code, rest)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if self.child.try_wait().unwrap().is_none() {
            signal(self.child.id(), "TERM");
            self.child.wait().unwrap();
        }
    }
}

pub trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

impl Answer {
    pub fn read(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
        let body = if chunked { unchunked(body) } else { body.to_owned() };
        Self { status, head: head.to_owned(), body }
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|error| panic!("{error}:\n{}\n{}", self.head, self.body))
    }

    /// The status is this, and the body a problem that says so.
    #[track_caller]
    pub fn refused(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}\n{}", self.head, self.body);
        let problem = self.json();
        assert_eq!((&problem["schema"], &problem["status"]), (&"lgflow.problem/v1".into(), &status.into()));
        problem["detail"].as_str().unwrap().to_owned()
    }

    /// What was asked for; where it says what it is, it is that.
    #[track_caller]
    pub fn result(&self) -> Value {
        assert_eq!(self.status, 200, "{}\n{}", self.head, self.body);
        let document = self.json();
        fits(&document);
        document
    }
}

/// A document fits the published schema of its id.
#[track_caller]
pub fn fits(document: &Value) {
    let Some(id) = document["schema"].as_str() else { return };
    let name = id.trim_start_matches("lgflow.").trim_end_matches("/v1").replace('_', "-");
    let schema = lgflow::schema::document(&name).unwrap_or_else(|| panic!("`{id}` has no schema"));
    let schema = lgflow::schema::Validator::new(&serde_json::from_str(schema).unwrap()).unwrap();
    let errors: Vec<String> = schema.errors(document).iter().map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{document:#}");
}

fn unchunked(mut body: &str) -> String {
    let mut all = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let Ok(size) = usize::from_str_radix(size, 16) else { break };
        let Some(chunk) = rest.get(..size) else { break };
        all += chunk;
        body = rest[size..].trim_start_matches("\r\n");
    }
    all
}
