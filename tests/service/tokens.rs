//! Tokens: made once and shown once; each with its own calls, keys and changes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::program::Workspace;
use crate::served::{POLICY, Served};

fn made(work: &Workspace, name: &str, more: &[&str]) -> String {
    let arguments =
        [&["runner", "token", "new", name, "--token-file", "tokens.json", "--format", "json"], more].concat();
    let document = work.lgflow(&arguments).ended(0).json();
    assert_eq!((&document["schema"], &document["name"]), (&"lgflow.token/v1".into(), &name.into()));
    document["token"].as_str().unwrap().to_owned()
}

fn served(work: &Workspace) -> Served {
    work.write("policy.yaml", POLICY);
    Served::with(
        work,
        &["--listen", "127.0.0.1:0", "--policy", "policy.yaml", "--token-file", "tokens.json"],
        &[],
    )
}

#[test]
fn a_token_is_shown_once_and_the_file_is_the_users_alone() {
    let work = Workspace::git();
    let token = made(&work, "ci", &[]);
    let file = work.path().join("tokens.json");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!work.read("tokens.json").contains(&token));
    let printed = work
        .lgflow(&["runner", "token", "new", "eye", "--role", "read", "--token-file", "tokens.json"])
        .ended(0);
    assert!(printed.stdout.trim().starts_with("lgflow_") && printed.stderr.contains("shown this once"));
    work.lgflow(&["runner", "token", "new", "ci", "--token-file", "tokens.json"])
        .ended(2)
        .says("there is a token `ci` already");
    work.lgflow(&["runner", "token", "new", "A B", "--token-file", "tokens.json"])
        .ended(2)
        .says("no name of a token");
    work.write("plain", "a-plain-token");
    work.lgflow(&["runner", "token", "new", "b", "--token-file", "plain"]).ended(2).says("a single token");
    let served = served(&work);
    assert_eq!(served.ask_as(&token, "GET /readyz", "").status, 200);
    assert_eq!(served.ask_as(printed.stdout.trim(), "GET /readyz", "").status, 200);
}

#[test]
fn a_file_with_a_single_word_is_a_token_too() {
    let work = Workspace::git();
    work.write("policy.yaml", POLICY).write("plain", "a-plain-token\n").write("a.txt", "a");
    let served = Served::with(
        &work,
        &["--listen", "localhost:0", "--policy", "policy.yaml", "--token-file", "plain"],
        &[],
    );
    let call = json!({ "tool": "read_file", "input": { "path": "a.txt" } }).to_string();
    assert_eq!(served.ask_as("a-plain-token", "POST /v1/tools/execute", &call).result()["ok"], true);
}

#[test]
fn who_may_look_may_not_call() {
    let work = Workspace::git();
    let eye = made(&work, "eye", &["--role", "read"]);
    made(&work, "ci", &[]);
    let served = served(&work);
    let call = json!({ "tool": "read_file", "input": { "path": "policy.yaml" } }).to_string();
    for line in ["POST /v1/tools/execute", "POST /v1/tools/batch_execute", "POST /v1/tools/stream"] {
        let detail = served.ask_as(&eye, line, &call).refused(403);
        assert!(detail.contains("`eye`") && detail.contains("`call`"), "{detail}");
    }
    served.ask_as(&eye, "DELETE /v1/calls/x", "").refused(403);
    served.ask_as(&eye, "GET /v1/runs/open", "").refused(403);
    for line in ["GET /v1/capabilities", "GET /metrics", "GET /openapi.json", "GET /readyz"] {
        assert_eq!(served.ask_as(&eye, line, "").status, 200, "{line}");
    }
}

#[test]
fn what_one_token_did_another_one_neither_sees_nor_ends_nor_replays_nor_takes_back() {
    let work = Workspace::git();
    work.write("a.txt", "one\n");
    let (a, b) = (made(&work, "a", &[]), made(&work, "b", &[]));
    let (a, b) = (a.as_str(), b.as_str());
    let served = served(&work);
    let execute =
        |token: &str, call: &Value| served.ask_as(token, "POST /v1/tools/execute", &call.to_string());
    let count = |key: &str| json!({ "tool": "exec", "input": { "argv": ["sh", "-c", "echo x >> n.txt; wc -l < n.txt"] }, "idempotency_key": key });
    assert_eq!(execute(a, &count("k")).result()["stdout"], "1\n");
    // the same key is another call of another one
    assert_eq!(execute(b, &count("k")).result()["stdout"], "2\n");
    assert_eq!(execute(a, &count("k")).result()["stdout"], "1\n");
    let own = json!({ "tool": "read_file", "input": { "path": "a.txt" }, "idempotency_key": "own" });
    execute(a, &own).result();
    served.ask_as(b, "DELETE /v1/calls/own", "").refused(404);
    let sleep = json!({ "tool": "exec", "input": { "argv": ["sleep", "617"] }, "idempotency_key": "nap" });
    std::thread::scope(|scope| {
        let napping = scope.spawn(|| execute(a, &sleep).result());
        let asleep =
            crate::program::processes::wait_for_descendant(served.id(), |line| line.contains("sleep 617"));
        served.ask_as(b, "DELETE /v1/calls/nap", "").refused(404);
        assert!(crate::program::processes::alive(asleep));
        assert_eq!(served.ask_as(a, "DELETE /v1/calls/nap", "").result()["cancelled"], true);
        assert_eq!(napping.join().unwrap()["error"]["kind"], "cancelled");
    });
    let patch = |run: &str| json!({ "tool": "apply_patch", "run": run, "node": "n", "input": { "changes": [{ "op": "put", "path": "a.txt", "content": "two\n" }] } });
    let back = |run: &str| json!({ "tool": "rollback", "run": run, "input": { "to": "start" } });
    for run in ["", "r"] {
        work.write("a.txt", "one\n");
        assert_eq!(execute(a, &patch(run)).result()["ok"], true);
        execute(b, &back(run)).result();
        assert_eq!(work.read("a.txt"), "two\n", "{run:?}");
        assert_eq!(execute(a, &back(run)).result()["ok"], true);
        assert_eq!(work.read("a.txt"), "one\n", "{run:?}");
    }
}
