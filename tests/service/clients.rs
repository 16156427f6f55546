//! What a client says that is not believed, what becomes of its calls when it goes, and how much of the service one may have.

use std::io::Write as _;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::program::Workspace;
use crate::program::processes::{alive, all_gone, wait_for_descendant, wait_until};
use crate::served::{BOOK, POLICY, Served, Stream, TOKEN, made};

fn sleep(seconds: &str, key: &str) -> Value {
    json!({ "tool": "exec", "input": { "argv": ["sleep", seconds] }, "idempotency_key": key })
}

/// A request that nobody reads the answer of.
fn sent(served: &Served, token: &str, path: &str, body: &Value) -> Box<dyn Stream> {
    let (mut stream, body) = (served.connect(), body.to_string());
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
    stream
}

#[test]
fn where_its_parameters_come_from_is_not_told_by_a_client() {
    let work = Workspace::git();
    let flows =
        "flows: [{ from: any, to: code, verdict: allow }, { from: llm, to: exec.argv, verdict: deny }]";
    work.write("policy.yaml", POLICY.replace("flows: [{ from: any, to: code, verdict: allow }]", flows));
    let served = Served::with(
        &work,
        &["--listen", "127.0.0.1:0", "--policy", "policy.yaml"],
        &[("LGFLOW_RUNNER_TOKEN", TOKEN)],
    );
    for said in [json!(null), json!({ "*": ["user"] }), json!({ "argv": [] }), json!({ "argv": ["user"] })] {
        let call = json!({ "tool": "exec", "input": { "argv": ["sh", "-c", "touch done.txt"] }, "provenance": said });
        let one = served.execute(&call).result();
        let list =
            served.ask("POST /v1/tools/batch_execute", &json!({ "calls": [call] }).to_string()).result();
        let stream = served.ask("POST /v1/tools/stream", &call.to_string());
        for result in [&one, &list["results"][0]] {
            assert_eq!(result["error"]["kind"], "denied", "{said}: {result}");
        }
        assert!(stream.body.contains("\"denied\""), "{said}: {}", stream.body);
    }
    assert!(!work.path().join("done.txt").exists());
}

/// Puts a call into the body that an endpoint takes.
type Form = fn(Value) -> Value;

#[test]
fn a_call_without_a_key_ends_with_its_connection_and_one_with_a_key_does_not() {
    let work = Workspace::git();
    let served = Served::start(&work);
    let forms: [(&str, Form); 5] = [
        ("/v1/tools/execute", |call| call),
        ("/v1/tools/stream", |call| call),
        ("/v1/tools/batch_execute", |call| json!({ "calls": [call] })),
        ("/v1/tools/batch_execute", |call| json!({ "calls": [call], "mode": "parallel" })),
        ("/v1/tools/batch_execute", |call| json!({ "calls": [call], "mode": "together" })),
    ];
    for (at, (path, form)) in forms.into_iter().enumerate() {
        let seconds = format!("62{at}.5");
        let client = sent(&served, TOKEN, path, &form(sleep(&seconds, "")));
        let asleep =
            wait_for_descendant(served.id(), |line| line.contains(&seconds) && !line.contains("sh -c"));
        drop(client);
        wait_until(|| !alive(asleep), "the call did not end with its client");
    }
    // of a list nothing begins any more, and what has a key is made
    let calls = json!({ "calls": [
        sleep("628.5", ""),
        { "tool": "exec", "input": { "argv": ["sh", "-c", "touch unheard.txt"] } },
        { "tool": "exec", "input": { "argv": ["sh", "-c", "touch heard.txt"] }, "idempotency_key": "h" },
    ] });
    let client = sent(&served, TOKEN, "/v1/tools/batch_execute", &calls);
    wait_for_descendant(served.id(), |line| line.contains("628.5") && !line.contains("sh -c"));
    drop(client);
    wait_until(|| work.path().join("heard.txt").exists(), "what has a key was not made");
    assert!(!work.path().join("unheard.txt").exists());
    let client = sent(&served, TOKEN, "/v1/tools/execute", &sleep("629.5", "kept"));
    let asleep = wait_for_descendant(served.id(), |line| line.contains("629.5") && !line.contains("sh -c"));
    drop(client);
    // what would have ended it has been here by then
    served.execute(&json!({ "tool": "list_files", "input": {} })).result();
    thread::sleep(Duration::from_millis(500));
    assert!(alive(asleep));
    assert_eq!(served.ask("DELETE /v1/calls/kept", "").result()["cancelled"], true);
    all_gone(&[asleep]);
}

#[test]
fn calls_that_are_made_together_have_keys_and_end_as_others_do() {
    let work = Workspace::git();
    let served = Served::start(&work);
    let together = |calls: Value| {
        let list = json!({ "calls": calls, "mode": "together" });
        served.ask("POST /v1/tools/batch_execute", &list.to_string()).result()["results"].clone()
    };
    thread::scope(|scope| {
        let list = scope.spawn(|| together(json!([sleep("630.5", "one"), sleep("0", "two")])));
        let asleep =
            wait_for_descendant(served.id(), |line| line.contains("630.5") && !line.contains("sh -c"));
        assert_eq!(served.ask("DELETE /v1/calls/one", "").result()["cancelled"], true);
        assert!(!alive(asleep));
        let results = list.join().unwrap();
        assert_eq!(results[0]["error"]["kind"], "cancelled", "{results}");
        assert_eq!((&results[1]["ok"], &results[1]["error"]["kind"]), (&false.into(), &"cancelled".into()));
    });
    let count = |key: &str, more: &str| {
        let argv = json!(["sh", "-c", format!("echo x >> n.txt; wc -l < n.txt{more}")]);
        json!({ "tool": "exec", "input": { "argv": argv }, "idempotency_key": key })
    };
    // what was not made leaves its key free
    assert_eq!(together(json!([count("two", "")]))[0]["stdout"], "1\n");
    assert_eq!(together(json!([count("n", "")]))[0]["stdout"], "2\n");
    assert_eq!(together(json!([count("n", "")]))[0]["stdout"], "2\n");
    assert_eq!(served.execute(&count("n", "")).result()["stdout"], "2\n");
    served.execute(&count("n", " ")).refused(409);
    let results = together(json!([count("m", ""), count("n", " "), count("o", "")]));
    assert_eq!(results[1]["error"]["kind"], "conflict", "{results}");
    assert_eq!(work.read("n.txt"), "x\nx\n", "a conflict leaves all of them undone");
    assert_eq!(together(json!([count("m", "")]))[0]["stdout"], "3\n");
}

#[test]
fn one_token_leaves_room_for_the_others_and_what_it_left_waiting_goes_with_it() {
    let work = Workspace::git();
    work.write("policy.yaml", POLICY);
    let (a, b) = (made(&work, "a", &[]), made(&work, "b", &[]));
    let arguments = [&["--listen", "127.0.0.1:0", "--max-calls", "4"], BOOK].concat();
    let served = Served::with(&work, &arguments, &[]);
    let look = json!({ "tool": "list_files", "input": {} }).to_string();
    let clients: Vec<_> = (0..6)
        .map(|at| sent(&served, &a, "/v1/tools/execute", &sleep(&format!("64{at}.5"), &format!("k{at}"))))
        .collect();
    wait_for_descendant(served.id(), |line| {
        line.contains("64") && line.contains(".5") && !line.contains("sh -c")
    });
    assert_eq!(served.ask_as(&b, "POST /v1/tools/execute", &look).result()["ok"], true);
    drop(clients);
    for at in 0..6 {
        let line = format!("DELETE /v1/calls/k{at}");
        wait_until(|| served.ask_as(&a, &line, "").status == 200, "the call did not end");
    }
    let clients: Vec<_> =
        (0..40).map(|_| sent(&served, &a, "/v1/tools/execute", &sleep("650.5", ""))).collect();
    wait_for_descendant(served.id(), |line| line.contains("650.5") && !line.contains("sh -c"));
    drop(clients);
    assert_eq!(served.ask_as(&a, "POST /v1/tools/execute", &look).result()["ok"], true);
}
