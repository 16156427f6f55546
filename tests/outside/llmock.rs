//! A provider that answers, refuses and breaks off as it is told, written by others (`llmock`), and what it says afterwards of
//! how it was treated.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::program::python::python;

pub struct Llmock {
    child: Child,
    port: u16,
}

impl Llmock {
    pub fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(python().with_file_name("llmock"))
            .args(["serve", "--port", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut started = Self { child, port };
        while !started.answers() {
            assert!(started.child.try_wait().unwrap().is_none(), "llmock ended before it answered");
            thread::sleep(Duration::from_millis(50));
        }
        started
    }

    pub fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What the next requests come to.
    pub fn script(&self, behaviors: &Value) -> &Self {
        let told = self.ask("POST", "/_llmock/scenario", &json!({ "behaviors": behaviors }));
        assert!(told["queued"].is_u64(), "{told}");
        self
    }

    /// Every request, oldest first.
    pub fn requests(&self) -> Vec<Value> {
        self.ask("GET", "/_llmock/requests", &Value::Null)["requests"].as_array().unwrap().clone()
    }

    /// What it says against whoever asked: the codes of its findings.
    pub fn findings(&self) -> Vec<String> {
        let verdict = self.ask("GET", "/_llmock/verdict", &Value::Null);
        let findings = verdict["findings"].as_array().unwrap();
        findings.iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
    }

    pub fn reset(&self) -> &Self {
        self.ask("POST", "/_llmock/reset", &Value::Null);
        self
    }

    fn answers(&self) -> bool {
        TcpStream::connect(("127.0.0.1", self.port)).is_ok()
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{path}: {answer}"));
        serde_json::from_str(body).unwrap_or_else(|_| panic!("{path}: {answer}"))
    }
}

impl Drop for Llmock {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
