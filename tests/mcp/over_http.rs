//! The same server over HTTP: the same clients, somebody who is none, and two tokens.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use crate::peers::{Client, inspect, text};
use crate::program::Workspace;
use crate::program::processes::{alive, all_gone, signal, wait_for_descendant};
use crate::{BEFORE, HELLO, MODES, PATCH, SERVE, approve, asked, move_roots_in_vain, workspace};

/// A server over HTTP.
struct Listening<'a> {
    workspace: &'a Workspace,
    server: Child,
    url: String,
}

/// Names of the tokens with the role `call`; `eye` is one that only looks.
const CALLERS: [&str; 2] = ["agent", "other"];

impl<'a> Listening<'a> {
    fn of(workspace: &'a Workspace) -> Self {
        let file = workspace.outside().join("tokens.json").display().to_string();
        for (name, role) in CALLERS.map(|name| (name, "call")).into_iter().chain([("eye", "read")]) {
            let made =
                ["runner", "token", "new", name, "--role", role, "--token-file", &file, "--policy", "p.yaml"];
            let token = workspace.lgflow(&made).ended(0).stdout;
            fs::write(workspace.outside().join(name), token.trim()).unwrap();
        }
        let mut server = workspace.command(&SERVE);
        server.args(["--listen", "127.0.0.1:0", "--token-file", &file]);
        server.stdout(Stdio::piped()).stderr(File::create(workspace.outside().join("said")).unwrap());
        let mut server = server.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let listening: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(listening["schema"], "lgflow.listening/v1");
        Self { workspace, server, url: listening["url"].as_str().unwrap().to_owned() }
    }

    fn token(&self, name: &str) -> String {
        fs::read_to_string(self.workspace.outside().join(name)).unwrap()
    }

    /// What it said on standard error.
    fn said(&self) -> String {
        fs::read_to_string(self.workspace.outside().join("said")).unwrap()
    }

    fn client(&self, token: &str, mode: &str) -> Client {
        Client::new(&json!({"url": self.url, "token": self.token(token), "mode": mode, "root": "/"}))
    }

    /// The answer to a request of somebody who is no client; a header that is empty is left out.
    fn answer(&self, method: &str, path: &str, body: &str, headers: &[(&str, &str)]) -> Answered {
        let authority = self.url.strip_prefix("http://").unwrap().strip_suffix("/mcp").unwrap();
        let bearer = format!("Bearer {}", self.token("agent"));
        let mut all = vec![
            ("Host", authority),
            ("Content-Type", "application/json"),
            ("Accept", "application/json, text/event-stream"),
            ("Authorization", &bearer),
        ];
        all.retain(|(name, _)| headers.iter().all(|(other, _)| other != name));
        all.extend(headers.iter().filter(|(_, value)| !value.is_empty()));
        let head: Vec<String> = all.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let (head, length) = (head.concat(), body.len());
        let head = format!(
            "{method} {path} HTTP/1.1\r\n{head}Connection: close\r\nContent-Length: {length}\r\n\r\n"
        );
        let mut stream = TcpStream::connect(authority).unwrap();
        stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        // the head is enough: a stream may stay open behind it
        let lines = BufReader::new(stream).lines().map(Result::unwrap);
        let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
        let status = head[0].split(' ').nth(1).and_then(|status| status.parse().ok());
        let conversation = head.iter().find_map(|line| line.strip_prefix("mcp-session-id: "));
        Answered { status: status.unwrap(), conversation: conversation.map(str::to_owned) }
    }

    /// The status of a request that begins a conversation.
    fn status(&self, headers: &[(&str, &str)]) -> u16 {
        self.answer("POST", "/mcp", hello(), headers).status
    }
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        // one that has ended is gone already
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

struct Answered {
    status: u16,
    conversation: Option<String>,
}

fn hello() -> &'static str {
    HELLO.lines().next().unwrap()
}

#[test]
fn over_http_a_client_gets_the_same_walls() {
    let workspace = workspace();
    let listening = Listening::of(&workspace);
    for mode in MODES {
        let mut client = listening.client("agent", mode);
        let listed = client.tell(&json!({"do": "list"}));
        assert_eq!(listed["tools"].as_array().unwrap().len(), 4, "{listed}");
        let read = client.call("read_file", &json!({"path": "a.txt"}));
        assert_eq!(read["structuredContent"]["content"], BEFORE, "{read}");
        let denied = client.call("read_file", &json!({"path": "private/p.txt"}));
        assert!(text(&denied).contains("p.yaml:4:"), "{denied}");
        let patch = json!({"patch": PATCH});
        approve(&workspace, &asked(&client.call("apply_patch", &patch)));
        assert_ne!(client.call("apply_patch", &patch)["isError"], true);
        assert_eq!(workspace.read("a.txt"), "one\nTWO\nthree\n");
        workspace.write("a.txt", BEFORE);
        client.tell(
            &json!({"do": "start", "id": "nap", "name": "exec", "arguments": {"argv": ["sleep", "602"]}}),
        );
        let nap = wait_for_descendant(listening.server.id(), |line| line.ends_with("sleep 602 "));
        client.tell(&json!({"do": "cancel", "id": "nap"}));
        all_gone(&[nap]);
        assert_eq!(client.tell(&json!({"do": "asked"})), json!({"asked": []}));
        client.end();
    }
}

#[test]
fn over_http_nobody_gets_in_by_another_name_from_a_page_or_without_a_token_that_calls() {
    let workspace = workspace();
    let listening = Listening::of(&workspace);
    assert_eq!(listening.status(&[]), 200);
    // a page whose name was bound to this machine
    assert_eq!(listening.status(&[("Host", "evil.example")]), 403);
    assert_eq!(listening.status(&[("Host", "")]), 403);
    for origin in ["http://127.0.0.1", "https://evil.example", "null"] {
        assert_eq!(listening.status(&[("Origin", origin)]), 403, "{origin}");
    }
    assert_eq!(listening.status(&[("Authorization", "")]), 401);
    assert_eq!(listening.status(&[("Authorization", "Bearer lgflow_wrong")]), 401);
    let eye = format!("Bearer {}", listening.token("eye"));
    assert_eq!(listening.status(&[("Authorization", &eye)]), 403);
    assert_eq!(listening.status(&[("Content-Type", "text/plain")]), 415);
    assert_eq!(listening.answer("POST", "/", hello(), &[]).status, 404);
    for method in ["GET", "DELETE"] {
        let evil = listening.answer(method, "/mcp", "", &[("Host", "evil.example")]);
        assert_eq!(evil.status, 403, "{method}");
    }
}

#[test]
fn over_http_a_token_neither_sees_nor_ends_nor_spends_what_is_of_another_one() {
    let workspace = workspace();
    let listening = Listening::of(&workspace);
    let begun = listening.answer("POST", "/mcp", hello(), &[]).conversation.unwrap();
    let other = format!("Bearer {}", listening.token("other"));
    let with = |token: Option<&str>, method: &str, body: &str| {
        let mut headers = vec![("Mcp-Session-Id", begun.as_str()), ("MCP-Protocol-Version", "2025-06-18")];
        headers.extend(token.map(|token| ("Authorization", token)));
        listening.answer(method, "/mcp", body, &headers).status
    };
    let list = r#"{"jsonrpc":"2.0","id":2,"method":"tools/list"}"#;
    let told = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    assert_eq!(with(Some(&other), "POST", list), 404, "it is not known to the other one");
    assert_eq!(with(Some(&other), "GET", ""), 404);
    // ending what is not there is no error, and ends nothing
    with(Some(&other), "DELETE", "");
    assert_eq!(with(None, "POST", told), 202);
    assert_eq!(with(None, "POST", list), 200);

    let (mut one, mut two) = (listening.client("agent", "auto"), listening.client("other", "legacy"));
    let patch = json!({"patch": PATCH});
    let of_one = asked(&one.call("apply_patch", &patch));
    approve(&workspace, &of_one);
    let of_two = asked(&two.call("apply_patch", &patch));
    assert_ne!(of_one.0, of_two.0, "each token has a session of its own");
    assert_eq!(workspace.read("a.txt"), BEFORE);
    assert_ne!(one.call("apply_patch", &patch)["isError"], true);
    assert_eq!(workspace.read("a.txt"), "one\nTWO\nthree\n");
    one.end();
    two.end();
    let said = listening.said();
    for name in CALLERS {
        assert!(said.contains(&format!("of the token `{name}` in ")), "{said}");
    }
}

#[test]
fn over_http_a_conversation_that_is_ended_takes_its_calls_with_it() {
    let workspace = workspace();
    let listening = Listening::of(&workspace);
    let begin = || listening.answer("POST", "/mcp", hello(), &[]).conversation.unwrap();
    let in_one = |conversation: &str, method: &str, body: &str| {
        let headers = [("Mcp-Session-Id", conversation), ("MCP-Protocol-Version", "2025-06-18")];
        listening.answer(method, "/mcp", body, &headers).status
    };
    let told = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    let sleeps = [605, 606].map(|seconds| {
        let conversation = begin();
        assert_eq!(in_one(&conversation, "POST", told), 202);
        let call = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {
            "name": "exec", "arguments": {"argv": ["sleep", seconds.to_string()]},
        }});
        // its connection is closed with the head of the answer: whoever made it may come back for it
        assert_eq!(in_one(&conversation, "POST", &call.to_string()), 200);
        let nap =
            wait_for_descendant(listening.server.id(), |line| line.ends_with(&format!("sleep {seconds} ")));
        (conversation, nap)
    });
    let [(first, one), (second, two)] = &sleeps;
    assert!(alive(*one) && alive(*two));
    assert_eq!(in_one(first, "DELETE", ""), 202);
    assert!(!alive(*one), "the end of a conversation was answered while a call of it went on");
    assert!(alive(*two), "it is of another conversation");
    assert_eq!(in_one(second, "DELETE", ""), 202);
    assert!(!alive(*two));
}

#[test]
fn over_http_roots_of_the_client_move_nothing() {
    let workspace = workspace();
    let listening = Listening::of(&workspace);
    fs::write(workspace.outside().join("b.txt"), "elsewhere\n").unwrap();
    let other = workspace.outside().to_str().unwrap();
    for mode in MODES {
        let mut client = listening.client("agent", mode);
        move_roots_in_vain(&mut client, other);
        assert_eq!(client.tell(&json!({"do": "asked"})), json!({"asked": []}), "nobody asks for them");
        client.end();
    }
    assert!(listening.said().contains("the client's roots changed; the root stays "), "{}", listening.said());
}

#[test]
fn over_http_it_ends_when_it_is_told_to_with_everything_and_stands_behind_walls() {
    let workspace = workspace();
    let mut listening = Listening::of(&workspace);
    let server = listening.server.id();
    let status = fs::read_to_string(format!("/proc/{server}/status")).unwrap();
    assert!(status.contains("Seccomp:\t2") && status.contains("NoNewPrivs:\t1"), "{status}");
    let mut clients = CALLERS.map(|name| listening.client(name, "auto"));
    let naps = [603, 604].map(|seconds| format!("sleep {seconds} "));
    for (client, nap) in clients.iter_mut().zip(&naps) {
        let argv: Vec<&str> = nap.trim().split(' ').collect();
        client.tell(&json!({"do": "start", "id": "nap", "name": "exec", "arguments": {"argv": argv}}));
    }
    let naps = naps.map(|nap| wait_for_descendant(server, |line| line.ends_with(&nap)));
    signal(server, "TERM");
    assert_eq!(listening.server.wait().unwrap().code(), Some(0));
    all_gone(&naps);
    for client in clients {
        client.end();
    }
}

#[test]
fn over_http_the_inspector_lists_calls_and_is_refused() {
    let workspace = workspace();
    let listening = Listening::of(&workspace);
    let header = format!("Authorization: Bearer {}", listening.token("agent"));
    let call = |more: &[&str]| {
        // whatever follows the option counts as a header, so it comes last
        let arguments = [&["--transport", "http"], more, &["--header", &header]].concat();
        inspect(&workspace, &[&listening.url], &arguments)
    };
    let listed = call(&["--method", "tools/list"]);
    assert_eq!(listed["tools"].as_array().unwrap().len(), 4, "{listed}");
    let tool = |tool: &str, argument: &str| {
        call(&["--method", "tools/call", "--tool-name", tool, "--tool-arg", argument])
    };
    assert_eq!(tool("read_file", "path=a.txt")["structuredContent"]["content"], BEFORE);
    let denied = tool("read_file", "path=private/p.txt");
    assert!(denied["isError"] == true && text(&denied).contains("p.yaml:4:"), "{denied}");
    asked(&tool("apply_patch", &format!("patch={PATCH}")));
    assert_eq!(workspace.read("a.txt"), BEFORE);
}

#[test]
fn over_http_what_cannot_be_served_is_said_before_anybody_is_listened_to() {
    let workspace = workspace();
    let file = workspace.outside().join("tokens.json").display().to_string();
    let none = workspace.lgflow(&["mcp", "--listen", "127.0.0.1:0"]).ended(2);
    assert!(none.stderr.contains("--token-file"), "{}", none.stderr);
    let made = |name: &str, role: &str, policy: &str| {
        let made =
            ["runner", "token", "new", name, "--role", role, "--token-file", &file, "--policy", policy];
        workspace.lgflow(&made).ended(0);
    };
    workspace.write("q.yaml", workspace.read("p.yaml").replace("read_file: allow", "read_file: ask"));
    made("elsewhere", "call", "q.yaml");
    let refused = |address: &str, said: &str| {
        let arguments = [&SERVE[..], &["--listen", address, "--token-file", &file]].concat();
        let ran = workspace.lgflow(&arguments).ended(2);
        assert!(ran.stdout.is_empty() && ran.stderr.contains(said), "{}", ran.stderr);
    };
    refused("127.0.0.1:0", "the token `elsewhere` is bound to another policy");
    made("eye", "read", "p.yaml");
    refused("127.0.0.1:0", "none of its tokens has the role `call`");
    refused("unix:/tmp/x.sock", "`HOST:PORT`");
    refused("0.0.0.0:0", "--insecure-behind-proxy");
    for at in 0..17 {
        made(&format!("t{at}"), "call", "p.yaml");
    }
    refused("127.0.0.1:0", "at most 16");
}
