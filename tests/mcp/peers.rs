//! The other side of the protocol: the official Python client, told line by line, and the inspector's command line.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::program::node::node_program;
use crate::program::python::python;
use crate::program::{Ran, Workspace};

/// A client by the official Python SDK.
pub struct Client {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    said: tempfile::NamedTempFile,
}

impl Client {
    /// One that starts `lgflow` with these arguments in `workspace`.
    pub fn stdio(workspace: &Workspace, arguments: &[&str], mode: &str) -> Self {
        let program = workspace.command(arguments);
        let of_env = |(name, value): (&std::ffi::OsStr, Option<&std::ffi::OsStr>)| {
            Some((name.to_str()?.to_owned(), json!(value?.to_str()?)))
        };
        let variables: serde_json::Map<String, Value> = program.get_envs().filter_map(of_env).collect();
        let command: Vec<&str> =
            [env!("CARGO_BIN_EXE_lgflow")].into_iter().chain(arguments.iter().copied()).collect();
        Self::new(&json!({
            "command": command, "cwd": workspace.path(), "env": variables, "mode": mode, "root": workspace.path()
        }))
    }

    /// One that is told how to reach its server.
    pub fn new(how: &Value) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mcp/client.py");
        let said = tempfile::NamedTempFile::new().unwrap();
        let mut child = Command::new(python())
            .arg(script)
            .arg(how.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(said.reopen().unwrap())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut client = Self { child, input, output, said };
        let ready = client.hear();
        assert_eq!(ready, json!({"ready": true}), "{}", client.said());
        client
    }

    /// The client's process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Tells it to do something, and hears what that came to.
    #[track_caller]
    pub fn tell(&mut self, told: &Value) -> Value {
        writeln!(self.input, "{told}").unwrap();
        self.hear()
    }

    #[track_caller]
    pub fn call(&mut self, name: &str, arguments: &Value) -> Value {
        self.tell(&json!({"do": "call", "name": name, "arguments": arguments}))
    }

    #[track_caller]
    fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: `{line}`\n{}", self.said()))
    }

    fn said(&self) -> String {
        fs::read_to_string(self.said.path()).unwrap()
    }

    /// Lets it go, and gives what was said beside the protocol.
    pub fn end(self) -> String {
        let Self { mut child, input, output, said } = self;
        drop(input);
        child.wait().unwrap();
        drop(output);
        fs::read_to_string(said.path()).unwrap()
    }
}

/// The texts of an answer.
pub fn text(answer: &Value) -> String {
    let parts = answer["content"].as_array().unwrap_or_else(|| panic!("{answer}"));
    parts.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n")
}

/// What the inspector's command line prints of a server.
pub fn inspect(workspace: &Workspace, server: &[&str], arguments: &[&str]) -> Value {
    // it takes its own name from beside itself only where this is here
    fs::write(workspace.outside().join("package.json"), "{}").unwrap();
    let mut program = workspace.program("node", &["--no-warnings"]);
    let ran: Ran = program
        .arg(node_program("mcp-inspector-cli"))
        .arg("--cli")
        .args(server)
        .args(arguments)
        .output()
        .unwrap()
        .into();
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
    ran.json()
}

/// What the server says to somebody who only talks.
pub struct Served {
    pub stdout: String,
}

impl Served {
    pub fn of(workspace: &Workspace, talk: &str) -> Self {
        let mut server = workspace.command(&["mcp", "--policy", "p.yaml"]);
        server.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut server = server.spawn().unwrap();
        // it may have gone at the first line
        let _ = server.stdin.take().unwrap().write_all(talk.as_bytes());
        let output = server.wait_with_output().unwrap();
        Self { stdout: String::from_utf8(output.stdout).unwrap() }
    }

    /// Every line of it.
    pub fn answers(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The codes of the errors that name no request.
    pub fn codes(&self) -> Vec<Value> {
        let without = self.answers().into_iter().filter(|answer| answer.get("id").is_none());
        without.map(|answer| answer["error"]["code"].clone()).collect()
    }
}
