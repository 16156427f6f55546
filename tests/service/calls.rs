//! Calls: the plain form, lists, keys, ends; and what is each token's own.

use std::thread;

use serde_json::{Value, json};

use crate::program::Workspace;
use crate::program::processes::{alive, wait_for_descendant, wait_until};
use crate::served::Served;

/// What a client of the plain form looks at.
const PLAIN: [&str; 7] = ["tool", "ok", "exit_code", "stdout", "stderr", "timing_ms", "artifacts"];

fn read(path: &str) -> Value {
    json!({ "tool": "read_file", "input": { "path": path } })
}

fn sh(script: &str, key: &str) -> Value {
    json!({ "tool": "exec", "input": { "argv": ["sh", "-c", script] }, "idempotency_key": key })
}

#[test]
fn the_plain_form_is_enough_and_refusals_are_results_in_their_order() {
    let work = Workspace::git();
    work.write("a.txt", "hello\n").write("secret.txt", "no\n");
    let served = Served::start(&work);
    let one = served.execute(&read("a.txt")).result();
    assert_eq!((&one["ok"], &one["output"]["content"]), (&true.into(), &"hello\n".into()), "{one}");
    assert!(PLAIN.iter().all(|field| one.get(field).is_some()), "{one}");

    let refused = served.execute(&read("secret.txt")).result();
    assert_eq!((&refused["ok"], &refused["error"]["kind"]), (&false.into(), &"denied".into()), "{refused}");

    let calls = [
        read("a.txt"),
        read("secret.txt"),
        sh("exit 3", ""),
        read("gone.txt"),
        json!({"tool": "no", "input": {}}),
    ];
    let kinds = |body: Value| -> Vec<Value> {
        let answer = served.ask("POST /v1/tools/batch_execute", &body.to_string()).result();
        let results = answer["results"].as_array().unwrap();
        assert!(
            results.iter().all(|result| PLAIN.iter().all(|field| result.get(field).is_some())),
            "{answer}"
        );
        results.iter().map(|result| result["error"]["kind"].clone()).collect()
    };
    let wanted = json!([null, "denied", "exit", "not_found", "denied"]);
    assert_eq!(Value::from(kinds(json!({ "calls": calls }))), wanted);
    assert_eq!(Value::from(kinds(json!({ "calls": calls, "mode": "parallel" }))), wanted);
    let stopped = kinds(json!({ "calls": calls, "stop_on_error": true }));
    assert_eq!(Value::from(stopped), json!([null, "denied", "cancelled", "cancelled", "cancelled"]));
    let together = kinds(json!({ "schema": "lgflow.batch/v1", "calls": calls[..2], "mode": "together" }));
    assert_eq!(Value::from(together), json!(["cancelled", "denied"]));
    assert_eq!(kinds(json!({ "calls": [] })), Vec::<Value>::new());
    assert_eq!(served.stop(), (Some(0), String::new()));
}

#[test]
fn capabilities_name_the_tools_and_the_policy_and_health_needs_no_token() {
    let work = Workspace::git();
    let served = Served::start(&work);
    let there = served.ask("GET /v1/capabilities", "").result();
    assert_eq!(there["schema"], "lgflow.capabilities/v1");
    let tools: Vec<&str> =
        there["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(
        tools,
        [
            "read_file",
            "list_files",
            "search_files",
            "repo_context",
            "workspace_diff",
            "apply_patch",
            "rollback",
            "exec",
            "http",
            "llm"
        ]
    );
    let llm = there["tools"].as_array().unwrap().last().unwrap();
    assert_eq!(llm["input_schema"]["required"], json!(["model", "messages"]));
    let digest = there["policy_digest"].as_str().unwrap();
    let call = |digest: &str| json!({ "schema": "lgflow.tool_call/v1", "tool": "list_files", "input": { "path": "." }, "policy_digest": digest });
    assert_eq!(served.execute(&call(digest)).result()["ok"], true);
    let other = served.execute(&call(&format!("sha256:{}", "0".repeat(64)))).result();
    assert_eq!(other["error"]["kind"], "denied", "{other}");
    assert_eq!(served.bare("GET /healthz", &[("Host", "localhost")], "").result()["status"], "ok");
    assert_eq!(served.ask("GET /readyz", "").result()["status"], "ready");
    let counted = served.ask("GET /metrics", "");
    let line = "lgflow_requests_total{path=\"/v1/tools/execute\",status=\"200\"} 2";
    assert!(counted.status == 200 && counted.body.contains(line), "{}", counted.body);
    assert!(
        counted
            .body
            .contains("lgflow_calls_total{outcome=\"succeeded\",tool=\"list_files\",verdict=\"allow\"} 1")
    );
}

#[test]
fn a_key_is_one_effect_also_where_both_come_at_once_and_another_call_is_a_conflict() {
    let work = Workspace::git();
    let served = Served::start(&work);
    let call = sh("echo x >> count.txt; sleep 1; wc -l < count.txt", "the-key");
    let answers: Vec<Value> = thread::scope(|scope| {
        let asking: Vec<_> = (0..4).map(|_| scope.spawn(|| served.execute(&call).result())).collect();
        asking.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    assert!(answers.iter().all(|answer| answer["stdout"] == "1\n"), "{answers:?}");
    assert_eq!(served.execute(&call).result()["stdout"], "1\n");
    assert_eq!(work.read("count.txt"), "x\n");
    let detail = served.execute(&sh("echo y >> count.txt", "the-key")).refused(409);
    assert!(detail.contains("`the-key`") && detail.contains("another call"), "{detail}");
    let list = json!({ "calls": [sh("echo y >> count.txt", "the-key"), sh("echo fine", "")] });
    let answer = served.ask("POST /v1/tools/batch_execute", &list.to_string()).result();
    assert_eq!(answer["results"][0]["error"]["kind"], "conflict", "{answer}");
    assert_eq!(answer["results"][1]["stdout"], "fine\n");
    assert_eq!(work.read("count.txt"), "x\n");
}

#[test]
fn a_cancelled_call_s_processes_are_gone_when_that_is_answered() {
    let work = Workspace::git();
    let served = Served::start(&work);
    thread::scope(|scope| {
        let key = "run/node!1";
        let call = scope.spawn(|| served.execute(&sh("sleep 617 & sleep 617", key)).result());
        let asleep =
            wait_for_descendant(served.id(), |line| line.contains("sleep 617") && !line.contains("sh -c"));
        let path = "DELETE /v1/calls/run%2Fnode!1";
        let answer = served.ask(path, "").result();
        assert!(!alive(asleep), "{answer}");
        assert_eq!((&answer["key"], &answer["cancelled"]), (&key.into(), &true.into()));
        let result = call.join().unwrap();
        assert_eq!(result["error"]["kind"], "cancelled", "{result}");
        assert_eq!(served.ask("DELETE /v1/calls/run/node!1", "").result()["cancelled"], false);
        served.ask("DELETE /v1/calls/unknown", "").refused(404);
    });
}

#[test]
fn told_to_end_it_ends_its_calls_first() {
    let work = Workspace::git();
    let served = Served::start(&work);
    thread::scope(|scope| {
        let id = served.id();
        let call = scope.spawn(|| served.execute(&sh("sleep 618", "")));
        let asleep = wait_for_descendant(id, |line| line.contains("sleep 618") && !line.contains("sh -c"));
        crate::program::processes::signal(id, "TERM");
        let result = call.join().unwrap().result();
        assert_eq!(result["error"]["kind"], "cancelled", "{result}");
        assert!(!alive(asleep));
    });
    assert_eq!(served.stop().0, Some(0));
}

#[test]
fn a_runner_that_dies_is_replaced_and_its_calls_say_so() {
    let work = Workspace::git();
    work.write("a.txt", "a\n");
    let served = Served::start(&work);
    let runner = wait_for_descendant(served.id(), |line| line.contains("__runner"));
    thread::scope(|scope| {
        let call = scope.spawn(|| served.execute(&sh("sleep 619", "")).result());
        wait_for_descendant(served.id(), |line| line.contains("sleep 619") && !line.contains("sh -c"));
        crate::program::processes::signal(runner, "KILL");
        let result = call.join().unwrap();
        assert_eq!(result["error"]["kind"], "internal", "{result}");
        assert!(
            result["error"]["message"].as_str().unwrap().contains("the runner's process ended"),
            "{result}"
        );
    });
    wait_until(|| served.execute(&read("a.txt")).result()["ok"] == true, "no other runner was started");
}

#[test]
fn what_is_no_call_is_not_done() {
    let work = Workspace::git();
    let served = Served::start(&work);
    for body in [
        "",
        "{",
        "[]",
        "null",
        "\"x\"",
        "{}",
        "{\"tool\":\"exec\"}",
        "{\"input\":{}}",
        "{\"tool\":1,\"input\":{}}",
        "[\"lgflow.tool_call/v1\",\"list_files\",{}]",
        "{\"tool\":\"list_files\",\"tool\":\"read_file\",\"input\":{}}",
        "{\"tool\":\"exec\",\"input\":{\"argv\":[\"sh\",\"-c\",\"true\"],\"argv\":[\"sh\",\"-c\",\"touch done.txt\"]}}",
        "{\"tool\":\"list_files\",\"input\":{},\"idempotency_key\":\"+once:1\"}",
        "{\"tool\":\"\",\"input\":{}}",
        "{\"tool\":\"exec\",\"input\":{},\"approve\":true}",
        "{\"tool\":\"exec\",\"input\":{},\"deadline_ms\":-1}",
        "{\"schema\":\"lgflow.tool_call/v2\",\"tool\":\"exec\",\"input\":{}}",
        "\u{feff}{\"tool\":\"x\",\"input\":{}}",
    ] {
        served.ask("POST /v1/tools/execute", body).refused(400);
    }
    let deep = format!("{{\"tool\":\"x\",\"input\":{}1{}}}", "[".repeat(4000), "]".repeat(4000));
    served.ask("POST /v1/tools/execute", &deep).refused(400);
    let key = json!({ "tool": "x", "input": {}, "idempotency_key": "k".repeat(513) });
    served.execute(&key).refused(400);
    let many = json!({ "calls": vec![read("a"); 257] });
    served.ask("POST /v1/tools/batch_execute", &many.to_string()).refused(400);
    let one_bad = json!({ "calls": [sh("touch done.txt", ""), { "tool": "x" }] });
    let detail = served.ask("POST /v1/tools/batch_execute", &one_bad.to_string()).refused(400);
    assert!(detail.contains("calls[1]"), "{detail}");
    assert!(!work.path().join("done.txt").exists());
    served.ask("GET /v1/tools/execute", "").refused(405);
    served.ask("POST /v1/tools/other", "{}").refused(404);
    served.ask("GET /v1/runs/open", "").refused(426);
}

#[test]
fn a_change_that_is_cancelled_before_it_is_made_says_so_and_one_that_was_made_does_not() {
    let work = Workspace::git();
    let served = Served::start(&work);
    let put = |key: &str| {
        let changes = json!([{ "op": "put", "path": "made.txt", "content": key }]);
        json!({ "tool": "apply_patch", "input": { "changes": changes }, "idempotency_key": key })
    };
    // whoever changes the workspace has its folder locked
    let folder = std::fs::File::open(work.path()).unwrap();
    folder.lock().unwrap();
    thread::scope(|scope| {
        let call = scope.spawn(|| served.execute(&put("first")).result());
        let ended = || served.ask("DELETE /v1/calls/first", "");
        let mut answer = ended();
        while answer.status == 404 {
            answer = ended();
        }
        assert_eq!(answer.result()["cancelled"], true);
        let result = call.join().unwrap();
        assert_eq!(
            (&result["ok"], &result["error"]["kind"]),
            (&false.into(), &"cancelled".into()),
            "{result}"
        );
        let late = json!({ "deadline_ms": 50, "tool": "apply_patch", "input": put("late")["input"] });
        assert_eq!(served.execute(&late).result()["error"]["kind"], "timeout");
    });
    assert!(!work.path().join("made.txt").exists());
    drop(folder);
    assert_eq!(served.execute(&put("second")).result()["ok"], true);
    assert_eq!(served.ask("DELETE /v1/calls/second", "").result()["cancelled"], false);
    assert_eq!(work.read("made.txt"), "second");
}
