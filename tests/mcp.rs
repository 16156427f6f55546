//! The tools as a server of the Model Context Protocol, through programs that other people wrote: the official Python
//! client, in the old and the new way of agreeing on the protocol, and the inspector's command line.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

#[path = "mcp/over_http.rs"]
mod over_http;
#[path = "mcp/peers.rs"]
mod peers;
mod program;

use std::io::{BufRead as _, Write as _};
use std::process::Stdio;

use peers::{Client, Served, inspect, text};
use program::Workspace;
use program::processes::{all_gone, signal, wait_for_descendant};
use serde_json::{Value, json};

const OPEN: &str = "\
schema: lgflow.policy/v1
name: open
tools: { read_file: allow, list_files: allow, apply_patch: ask, exec: allow }
paths: { read: { allow: ['**'], deny: ['private/**'] }, write: { allow: ['**'] } }
commands:
  - { name: nap, program: sleep, args: [['*']] }
  - { name: fails, program: 'false', args: [[]] }
";
const PATCH: &str = "--- a/a.txt\n+++ b/a.txt\n@@ -1,3 +1,3 @@\n one\n-two\n+TWO\n three\n";
const BEFORE: &str = "one\ntwo\nthree\n";

fn workspace() -> Workspace {
    let workspace = Workspace::git();
    workspace.write("p.yaml", OPEN).write("a.txt", BEFORE).write("private/p.txt", "hush\n");
    workspace
}

const SERVE: [&str; 3] = ["mcp", "--policy", "p.yaml"];

/// Both ways of agreeing on the protocol.
const MODES: [&str; 2] = ["legacy", "auto"];

/// The session and the request that a question names.
#[track_caller]
fn asked(answer: &Value) -> (String, String) {
    assert_eq!(answer["isError"], true, "{answer}");
    let text = text(answer);
    assert!(text.starts_with("approval_required: "), "{text}");
    let command = text.split("`lgflow approve ").nth(1).and_then(|rest| rest.split('`').next());
    let mut words = command.unwrap_or_else(|| panic!("{text}")).split(' ').map(str::to_owned);
    let named = (words.next().unwrap(), words.next().unwrap());
    let facts = &answer["_meta"]["lgflow.dev/result"];
    assert_eq!(facts["error"]["approval"]["nonce"], named.1.as_str(), "{answer}");
    named
}

/// A person reads what is asked, and approves that.
fn approve(workspace: &Workspace, (session, request): &(String, String)) {
    let shown = workspace.lgflow(&["approve", session, request]).ended(2).stderr;
    assert!(shown.contains("apply_patch") && shown.contains("+TWO"), "what is approved is shown: {shown}");
    let digest = shown.rsplit("--digest ").next().unwrap().split('`').next().unwrap();
    let said = workspace.lgflow(&["approve", session, request, "--digest", digest]).ended(0).stderr;
    assert!(said.contains("it counts when the client makes exactly this call again"), "{said}");
}

#[test]
fn tools_are_listed_with_their_own_schemas_and_called() {
    for mode in MODES {
        let workspace = workspace();
        let mut client = Client::stdio(&workspace, &SERVE, mode);
        let about = client.tell(&json!({"do": "about"}));
        assert_eq!(about["server"]["name"], "lgflow", "{about}");
        assert_eq!(
            about["capabilities"].as_object().unwrap().keys().collect::<Vec<_>>(),
            ["tools"],
            "{about}"
        );
        assert!(about["instructions"].as_str().unwrap().contains("A policy decides each call"), "{about}");
        let listed = client.tell(&json!({"do": "list"}));
        let tools = listed["tools"].as_array().unwrap();
        let names: Vec<&str> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
        assert_eq!(
            names,
            ["read_file", "list_files", "apply_patch", "exec"],
            "what is denied whole is not offered"
        );
        for tool in tools {
            let own = workspace.lgflow(&["tool", "schema", tool["name"].as_str().unwrap()]).ended(0).json();
            assert_eq!(tool["inputSchema"], own["input"], "{mode}");
            assert_eq!(tool["outputSchema"], own["output"], "{mode}");
            assert_eq!(tool["description"], own["input"]["description"], "{mode}");
        }
        let hints = |at: usize| {
            (&tools[at]["annotations"]["readOnlyHint"], &tools[at]["annotations"]["destructiveHint"])
        };
        assert_eq!((hints(0), hints(2)), ((&json!(true), &json!(false)), (&json!(false), &json!(true))));
        let read = client.call("read_file", &json!({"path": "a.txt"}));
        assert_ne!(read["isError"], true, "{read}");
        assert_eq!(read["structuredContent"]["content"], BEFORE, "{read}");
        assert_eq!(serde_json::from_str::<Value>(&text(&read)).unwrap(), read["structuredContent"]);
        assert_eq!(client.tell(&json!({"do": "asked"})), json!({"asked": []}));
        client.end();
    }
}

#[test]
fn a_refusal_is_a_result_that_names_its_rule() {
    for mode in MODES {
        let workspace = workspace();
        let mut client = Client::stdio(&workspace, &SERVE, mode);
        let denied = client.call("read_file", &json!({"path": "private/p.txt"}));
        assert_eq!(denied["isError"], true, "{denied}");
        assert!(text(&denied).starts_with("denied: "), "{denied}");
        assert!(text(&denied).contains("p.yaml:4:"), "the place of the rule: {denied}");
        assert_eq!(denied["_meta"]["lgflow.dev/result"]["error"]["rule"]["line"], 4, "{denied}");
        assert!(!denied.to_string().contains("hush"), "{denied}");
        // what is not listed is asked for all the same, and the policy answers
        let hidden = client.call("search_files", &json!({"pattern": "hush"}));
        assert!(
            text(&hidden).starts_with("denied: `tools` of `p.yaml` does not list `search_files`"),
            "{hidden}"
        );
        let outside = client.call("exec", &json!({"argv": ["sh", "-c", "true"]}));
        assert!(text(&outside).starts_with("denied: "), "{outside}");
        let wrong = client.call("read_file", &json!({"paht": "a.txt"}));
        assert!(text(&wrong).starts_with("invalid_input: "), "{wrong}");
        let failed = client.call("exec", &json!({"argv": ["false"]}));
        assert!(text(&failed).starts_with("exit: "), "{failed}");
        assert!(text(&failed).contains("\"exit_code\":1"), "what it came to is there: {failed}");
        let unknown = client.call("no_such_tool", &json!({}));
        assert!(unknown["error"].as_str().unwrap().contains("there is no tool `no_such_tool`"), "{unknown}");
        client.end();
    }
}

#[test]
fn a_client_asks_and_a_person_elsewhere_approves_exactly_that_once() {
    for mode in MODES {
        let workspace = workspace();
        let mut client = Client::stdio(&workspace, &SERVE, mode);
        let patch = json!({"patch": PATCH});
        let first = asked(&client.call("apply_patch", &patch));
        assert_eq!(asked(&client.call("apply_patch", &patch)), first, "the same question is put once");
        assert_eq!(workspace.read("a.txt"), BEFORE);
        let other = asked(&client.call("apply_patch", &json!({"patch": PATCH.replace("TWO", "2")})));
        assert_ne!(other.1, first.1);
        approve(&workspace, &first);
        let done = client.call("apply_patch", &patch);
        assert_ne!(done["isError"], true, "{done}");
        assert_eq!(workspace.read("a.txt"), "one\nTWO\nthree\n");
        // it is used up: the same call is another question
        workspace.write("a.txt", BEFORE);
        assert_ne!(asked(&client.call("apply_patch", &patch)).1, first.1);
        assert_eq!(workspace.read("a.txt"), BEFORE);
        // the client has said yes to nothing, because it was asked nothing
        assert_eq!(client.tell(&json!({"do": "asked"})), json!({"asked": []}));
        let said = client.end();
        assert!(said.contains(&format!("lgflow approve {} {}", first.0, first.1)), "{said}");
    }
}

#[test]
fn what_a_person_rejects_stays_rejected_until_they_say_otherwise() {
    let workspace = workspace();
    let mut client = Client::stdio(&workspace, &SERVE, "auto");
    let patch = json!({"patch": PATCH});
    let (session, request) = asked(&client.call("apply_patch", &patch));
    let list = workspace.lgflow(&["approve", &session, "5"]).ended(2).stderr;
    assert!(list.contains("1  apply_patch"), "open questions are named: {list}");
    workspace.lgflow(&["reject", &session, "1", "--comment", "not on a Friday"]).ended(0);
    let rejected = client.call("apply_patch", &patch);
    assert!(text(&rejected).starts_with("rejected: "), "{rejected}");
    assert!(text(&rejected).contains("not on a Friday"), "{rejected}");
    workspace.lgflow(&["approve", &session]).ended(2).says("waits for no answer");
    approve(&workspace, &(session.clone(), request));
    assert_ne!(client.call("apply_patch", &patch)["isError"], true);
    assert_eq!(workspace.read("a.txt"), "one\nTWO\nthree\n");
    // what was done, by whose word, is on the runner's own record
    let receipts = workspace.state().join("ledger");
    let receipts = std::fs::read_dir(receipts).unwrap().next().unwrap().unwrap().path();
    let receipts = std::fs::read_to_string(receipts.join(format!("receipts/{session}.jsonl"))).unwrap();
    assert!(
        receipts.lines().any(|line| line.contains("apply_patch") && line.contains("approval")),
        "{receipts}"
    );
    client.end();
}

#[test]
fn what_is_kept_of_a_session_goes_by_the_bounds_of_runs_once_it_has_ended() {
    let workspace = workspace();
    let mut client = Client::stdio(&workspace, &SERVE, "auto");
    let patch = json!({"patch": PATCH});
    let question = asked(&client.call("apply_patch", &patch));
    approve(&workspace, &question);
    assert_ne!(client.call("apply_patch", &patch)["isError"], true);
    let session = question.0;
    let gone = |more: &[&str]| {
        let all = [&["runs", "gc", "--format", "json"], more].concat();
        workspace.lgflow(&all).ended(0).json()["sessions"].clone()
    };
    let kept = || {
        let mut find = std::process::Command::new("find");
        let found = find.arg(workspace.state()).args(["-name", &format!("{session}*")]).output().unwrap();
        String::from_utf8(found.stdout).unwrap()
    };
    assert_eq!(gone(&["--keep", "0"]), json!([]), "it is open");
    client.end();
    assert_eq!(gone(&["--keep", "1"]), json!([]));
    assert_eq!(gone(&["--older-than", "1h"]), json!([]));
    let foreseen = gone(&["--keep", "0", "--dry-run"]);
    assert_eq!(
        (&foreseen[0]["id"], &foreseen[0]["kind"], &foreseen[0]["bound"]),
        (&json!(session), &json!("session"), &json!("count")),
        "{foreseen}"
    );
    assert!(foreseen[0]["bytes"].as_u64().unwrap() > PATCH.len() as u64, "receipts and changes: {foreseen}");
    assert!(kept().contains("/receipts/") && kept().contains("/sessions/"), "{}", kept());
    assert_eq!(gone(&["--keep", "0"]), foreseen);
    assert_eq!(kept(), "");
    assert_eq!(gone(&["--keep", "0"]), json!([]));
    workspace.lgflow(&["approve", &session]).ended(1).says("there is no run");
}

#[test]
fn a_session_whose_record_cannot_be_written_does_nothing_more_and_says_that_another_one_would() {
    let workspace = workspace();
    let mut client = Client::stdio(&workspace, &SERVE, "auto");
    let session = asked(&client.call("apply_patch", &json!({"patch": PATCH}))).0;
    assert_ne!(client.call("read_file", &json!({"path": "a.txt"}))["isError"], true);
    // the results of commands cannot be kept for a while
    let ledger = std::fs::read_dir(workspace.state().join("ledger")).unwrap().next().unwrap().unwrap().path();
    let results = ledger.join("results");
    let there = std::fs::rename(&results, ledger.join("away")).is_ok();
    std::fs::write(&results, "").unwrap();
    let anew = "this session answers no more calls; once that can be written, begin another one";
    let unkept = client.call("exec", &json!({"argv": ["sleep", "0"]}));
    assert_eq!(unkept["isError"], true, "{unkept}");
    assert!(text(&unkept).contains("has no receipt") && text(&unkept).contains(anew), "{unkept}");
    std::fs::remove_file(&results).unwrap();
    if there {
        std::fs::rename(ledger.join("away"), &results).unwrap();
    }
    // what could not be answered is not begun
    let receipts = || std::fs::read_to_string(ledger.join(format!("receipts/{session}.jsonl"))).unwrap();
    let before = receipts();
    let refused = client.call("exec", &json!({"argv": ["sleep", "0"]}));
    assert!(text(&refused).contains("so nothing was done") && text(&refused).contains(anew), "{refused}");
    assert_eq!(receipts(), before);
    client.end();
    let mut client = Client::stdio(&workspace, &SERVE, "auto");
    assert_ne!(client.call("exec", &json!({"argv": ["sleep", "0"]}))["isError"], true);
    client.end();
}

#[test]
fn a_call_that_the_client_cancels_is_gone_with_everything_that_it_started() {
    for mode in MODES {
        let workspace = workspace();
        let mut client = Client::stdio(&workspace, &SERVE, mode);
        client.tell(&json!({
            "do": "start", "id": "nap", "name": "exec", "arguments": {"argv": ["sleep", "600"]}, "progress": true
        }));
        let nap = wait_for_descendant(client.id(), |line| line.ends_with("sleep 600 "));
        let cancelled = client.tell(&json!({"do": "cancel", "id": "nap"}));
        assert_eq!(cancelled, json!({"result": null}), "{mode}");
        all_gone(&[nap]);
        // the session goes on
        assert_ne!(client.call("read_file", &json!({"path": "a.txt"}))["isError"], true);
        client.end();
    }
}

#[test]
fn a_long_call_says_that_it_goes_on_to_a_client_that_wants_to_know() {
    let workspace = workspace();
    let mut client = Client::stdio(&workspace, &SERVE, "auto");
    let call =
        json!({"do": "call", "name": "exec", "arguments": {"argv": ["sleep", "1.5"]}, "progress": true});
    let slept = client.tell(&call);
    let heard = slept["heard"].as_array().unwrap_or_else(|| panic!("{slept}"));
    assert!(heard.contains(&json!("`exec` has been running for 1 s")), "{slept}");
    client.end();
}

/// The client names a root where a `b.txt` is, and none of it can be read.
fn move_roots_in_vain(client: &mut Client, other: &str) {
    client.tell(&json!({"do": "roots", "root": other}));
    let outside = client.call("read_file", &json!({"path": format!("{other}/b.txt")}));
    assert_eq!(outside["isError"], true, "{outside}");
    assert!(!outside.to_string().contains("elsewhere\\n"), "{outside}");
    let beneath = client.call("read_file", &json!({"path": "b.txt"}));
    assert!(text(&beneath).starts_with("not_found: "), "{beneath}");
}

#[test]
fn roots_of_the_client_move_nothing() {
    let workspace = workspace();
    let other = tempfile::tempdir().unwrap();
    std::fs::write(other.path().join("b.txt"), "elsewhere\n").unwrap();
    let other = other.path().to_str().unwrap();
    let mut client = Client::stdio(&workspace, &SERVE, "legacy");
    move_roots_in_vain(&mut client, other);
    let listed = client.call("list_files", &json!({"path": "."}));
    assert!(listed.to_string().contains("a.txt"), "the root is the one of the start: {listed}");
    assert_eq!(client.tell(&json!({"do": "asked"})), json!({"asked": []}), "nobody asks for them");
    let said = client.end();
    let root = workspace.path().canonicalize().unwrap();
    assert!(
        said.contains(&format!("the client's roots changed; the root stays {}", root.display())),
        "{said}"
    );
}

const HELLO: &str = concat!(
    r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"#,
    r#""clientInfo":{"name":"t","version":"1"}}}"#,
    "\n",
    r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
    "\n",
);
const NAP: &str = concat!(
    r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"exec","arguments":{"argv":["sleep","601"]}}}"#,
    "\n",
);

#[test]
fn it_ends_with_everything_when_the_client_is_gone_or_it_is_told_to() {
    for told in [None, Some("TERM")] {
        let workspace = workspace();
        let mut server = workspace.command(&SERVE);
        server.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut server = server.spawn().unwrap();
        let mut input = server.stdin.take().unwrap();
        input.write_all(HELLO.as_bytes()).and_then(|()| input.write_all(NAP.as_bytes())).unwrap();
        let nap = wait_for_descendant(server.id(), |line| line.ends_with("sleep 601 "));
        let runner = wait_for_descendant(server.id(), |line| line.contains("__runner"));
        let kept = match told {
            None => {
                drop(input);
                None
            }
            Some(name) => {
                signal(server.id(), name);
                Some(input)
            }
        };
        let output = server.wait_with_output().unwrap();
        drop(kept);
        all_gone(&[nap, runner]);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        for line in output.stdout.lines() {
            let line = line.unwrap();
            let message: Value =
                serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
            assert_eq!(message["jsonrpc"], "2.0", "standard output is the protocol's alone: {line}");
        }
    }
}

#[test]
fn what_speaks_with_the_client_stands_behind_walls() {
    let workspace = workspace();
    let client = Client::stdio(&workspace, &SERVE, "auto");
    let server = wait_for_descendant(client.id(), |line| line.contains("mcp --policy"));
    let status = std::fs::read_to_string(format!("/proc/{server}/status")).unwrap();
    let has = |field: &str, value: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        assert_eq!(line.map(str::trim), Some(value), "{field} {status}");
    };
    has("Seccomp:", "2");
    has("NoNewPrivs:", "1");
    has("CapEff:", "0000000000000000");
    let said = client.end();
    assert!(!said.contains("unconfined"), "{said}");
}

#[test]
fn what_is_no_mcp_and_what_may_not_begin_is_said_beside_the_protocol() {
    let workspace = workspace();
    workspace.write("bad.yaml", "schema: lgflow.policy/v1\nname: x\ntools: { read_file: maybe }\n");
    let bad = workspace.lgflow(&["mcp", "--policy", "bad.yaml"]).ended(3);
    assert!(bad.stdout.is_empty() && bad.stderr.contains("bad.yaml"), "{}", bad.stderr);
    let gone = workspace.lgflow(&SERVE).ended(0);
    assert!(gone.stdout.is_empty(), "{}", gone.stdout);
    let spoken = Served::of(&workspace, "GET / HTTP/1.1\r\n\r\n");
    assert!(!spoken.stdout.contains("HTTP"), "{}", spoken.stdout);
    assert_eq!(spoken.codes(), [json!(-32700)], "{}", spoken.stdout);
    // a cloned repository that wants more than contained is not served before somebody trusts it
    workspace.write(".lg/graph.yaml", "schema: lgflow.graph/v1\nname: g\npolicy: [policy.yaml]\nnodes: { a: { uses: values, with: { a: 1 } } }\n");
    workspace.write(
        ".lg/policy.yaml",
        "schema: lgflow.policy/v1\nname: wide\ntools: { exec: allow }\nsandbox: { mode: best_effort }\n",
    );
    let wide = workspace.lgflow(&["mcp"]).ended(4);
    assert!(wide.stdout.is_empty() && wide.stderr.contains("lgflow trust"), "{}", wide.stderr);
}

#[test]
fn a_line_that_is_no_message_is_answered_and_what_follows_it_is_heard() {
    let workspace = workspace();
    let hello = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}});
    let known = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    let ping = |id: u32| json!({"jsonrpc": "2.0", "id": id, "method": "ping"});
    let deep = "[".repeat(1000);
    let long = "x".repeat((16 << 20) + 1);
    let talk = format!(
        "{{\"jsonrpc\":\n{hello}\n{known}\n\n  \n{{nothing}}\n{}\n\u{feff}{}\n{deep}\n{long}\n[]\n\"\u{7f}\n{}\nthe end",
        ping(2),
        ping(3),
        ping(4),
    );
    let spoken = Served::of(&workspace, &talk);
    let ids: Vec<Value> = spoken.answers().iter().filter_map(|answer| answer.get("id").cloned()).collect();
    assert_eq!(ids, [1, 2, 3, 4].map(Value::from), "{}", spoken.stdout);
    let mut codes = spoken.codes();
    codes.sort_by_key(Value::as_i64);
    // what is no JSON: cut off, without quotes, too deep, and not ended; what is none of the protocol: too long, and a list
    assert_eq!(codes, [-32700, -32700, -32700, -32700, -32600, -32600].map(Value::from), "{}", spoken.stdout);
}

#[test]
fn the_inspector_lists_calls_and_is_refused() {
    let workspace = workspace();
    let server = [env!("CARGO_BIN_EXE_lgflow"), "mcp", "--policy", "p.yaml"];
    let listed = inspect(&workspace, &server, &["--method", "tools/list"]);
    let names = listed["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap());
    assert_eq!(names.collect::<Vec<_>>(), ["read_file", "list_files", "apply_patch", "exec"]);
    let call = |tool: &str, argument: &str| {
        let arguments = ["--method", "tools/call", "--tool-name", tool, "--tool-arg", argument];
        inspect(&workspace, &server, &arguments)
    };
    let read = call("read_file", "path=a.txt");
    assert_eq!(read["structuredContent"]["content"], BEFORE, "{read}");
    let denied = call("read_file", "path=private/p.txt");
    assert_eq!(denied["isError"], true, "{denied}");
    assert!(text(&denied).contains("p.yaml:4:"), "{denied}");
    let (session, request) = asked(&call("apply_patch", &format!("patch={PATCH}")));
    assert!(session.len() == 26 && request.len() == 32, "{session} {request}");
    assert_eq!(workspace.read("a.txt"), BEFORE);
}
