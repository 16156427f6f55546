//! Whose a session, a run and a change are: of one token, of one run, and of one start of the service.

use lgflow::effect::{CallFrame, ReplyBody, RequestBody, RunFrame, RunWord};
use serde_json::{Value, json};

use crate::people::Person;
use crate::program::Workspace;
use crate::program::processes::{alive, signal, wait_for_descendant, wait_until};
use crate::raw::Raw;
use crate::runs::{GRAPH, front};
use crate::served::{BOOK, POLICY, Served, made, running};

/// Under which a session may see and take back what it changed.
fn looking() -> String {
    POLICY.replace("rollback: allow", "rollback: allow, workspace_diff: allow")
}

fn workspace(policy: &str) -> Workspace {
    let work = Workspace::git();
    work.write("policy.yaml", policy).write("a.txt", "one\n");
    work
}

fn id(number: u8) -> String {
    lgflow::store::RunId::new(1, [number; 10]).to_string()
}

fn put(run: &str, path: &str) -> Value {
    let changes = json!([{ "op": "put", "path": path, "content": "of a run\n" }]);
    json!({ "tool": "apply_patch", "run": run, "node": "n", "input": { "changes": changes } })
}

fn seen(run: &str) -> Value {
    json!({ "tool": "workspace_diff", "run": run, "node": "n", "input": {} })
}

fn back(run: &str) -> Value {
    json!({ "tool": "rollback", "run": run, "node": "n", "input": { "to": "start" } })
}

fn execute(served: &Served, token: &str, call: &Value) -> Value {
    served.ask_as(token, "POST /v1/tools/execute", &call.to_string()).result()
}

/// The files that a result is about.
fn files(result: &Value) -> Vec<&str> {
    assert_eq!(result["ok"], true, "{result}");
    let files = result["output"]["files"].as_array().unwrap();
    files.iter().map(|file| file["path"].as_str().unwrap()).collect()
}

/// The id of the only session of a workspace that is on record since `before`.
fn session(work: &Workspace, before: &[String]) -> String {
    let new: Vec<String> = sessions(work).into_iter().filter(|id| !before.contains(id)).collect();
    let [id] = new.as_slice() else { panic!("{new:?}") };
    id.clone()
}

fn sessions(work: &Workspace) -> Vec<String> {
    let ledger = std::fs::read_dir(work.state().join("ledger")).unwrap().next().unwrap().unwrap().path();
    let names = std::fs::read_dir(ledger.join("sessions")).unwrap();
    names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn on_the_connection_of_a_run_no_call_is_of_another_one() {
    let work = workspace(&looking());
    // a run of whoever owns the workspace
    work.write("graph.yaml", front(GRAPH).read("graph.yaml"));
    let ran = ["run", "-g", "graph.yaml", "--policy", "policy.yaml", "--format", "json"];
    let owners = work.lgflow(&ran).ended(0).json()["run"].as_str().unwrap().to_owned();
    let (a, b) = (made(&work, "a", &[]), made(&work, "b", &[]));
    let served = running(&work);
    let first = session(&work, &[]);
    let mut of_a = Raw::opened(&served, &a, &id(1));
    assert_eq!(files(&of_a.call(&put(&id(1), "run.txt")).1), ["run.txt"]);
    assert_eq!(files(&execute(&served, &a, &put("", "call.txt"))), ["call.txt"]);
    assert_eq!(files(&execute(&served, &a, &put("r", "named.txt"))), ["named.txt"]);

    let mut of_b = Raw::opened(&served, &b, &id(2));
    let others = [id(1), first.clone(), format!("{first}.r"), owners.clone(), "r".to_owned(), String::new()];
    for other in &others {
        for call in [seen(other), back(other), put(other, "more.txt")] {
            let (_, result) = of_b.call(&call);
            assert_eq!(result["error"]["kind"], "denied", "{call}: {result}");
            assert!(result["error"]["message"].as_str().unwrap().contains("serves"), "{result}");
            assert!(!result.to_string().contains("of a run"), "{result}");
        }
    }
    for file in ["run.txt", "call.txt", "named.txt", "b.txt"] {
        assert!(work.path().join(file).exists(), "{file}");
    }
    assert!(!work.path().join("more.txt").exists());
    // nothing was added to what the others have done, and each takes back its own
    assert_eq!(files(&of_a.call(&back(&id(1))).1), ["run.txt"]);
    assert_eq!(files(&execute(&served, &a, &back(""))), ["call.txt"]);
    assert_eq!(files(&execute(&served, &a, &back("r"))), ["named.txt"]);
    let undone = work.lgflow(&["runs", "undo", &owners, "--format", "json"]).ended(0).json();
    assert_eq!(undone["outputs"]["files"].as_array().unwrap().len(), 1, "{undone}");
    assert!(!work.path().join("b.txt").exists());
    // a run of one's own is seen and taken back
    of_b.call(&put(&id(2), "own.txt"));
    assert_eq!(files(&of_b.call(&seen(&id(2))).1), ["own.txt"]);
    assert_eq!(files(&of_b.call(&back(&id(2))).1), ["own.txt"]);
}

#[test]
fn a_run_is_not_opened_under_the_id_of_a_session_and_asks_as_its_own_token() {
    let work = workspace("");
    let [ann, bea] = ["ann", "bea"].map(|name| Person::at(&work, name));
    let terms = format!("approvals: {{ separate: true, approvers: ['{}', '{}'] }}\n", ann.key, bea.key);
    work.write("policy.yaml", looking().replace("apply_patch: allow", "apply_patch: ask") + &terms);
    let (a, b) = (made(&work, "a", &[]), made(&work, "b", &["--key", &bea.key]));
    let carrier = made(&work, "people", &["--role", "approve"]);
    let served = running(&work);
    assert_eq!(execute(&served, &a, &put("", "x.txt"))["error"]["kind"], "approval_required");
    let open = served.ask_as(&carrier, "GET /v1/approvals", "").result();
    let other = open["requests"][0]["request"]["binding"]["run"].as_str().unwrap();
    for token in [&b, &a] {
        assert!(Raw::open(&served, token, other).refused().contains("not one of this token"));
    }
    // of its own run it is the one who asks, whatever is on record
    let mut own = Raw::opened(&served, &b, &id(3));
    let (asked, result) = own.call(&put(&id(3), "y.txt"));
    assert_eq!(result["error"]["kind"], "approval_required", "{result}");
    assert_eq!(asked.unwrap().terms.starter, bea.key);
    let mut keyless = Raw::opened(&served, &a, &id(4));
    assert_eq!(keyless.call(&put(&id(4), "y.txt")).0.unwrap().terms.starter, "token:a");
}

#[test]
fn a_front_of_the_same_installation_is_known_by_who_started_the_run() {
    let work = workspace("");
    let [ann, bea] = ["ann", "bea"].map(|name| Person::at(&work, name));
    let terms = format!("approvals: {{ separate: true, approvers: ['{}', '{}'] }}\n", ann.key, bea.key);
    work.write("policy.yaml", looking().replace("apply_patch: allow", "apply_patch: ask") + &terms);
    work.write("graph.yaml", front(GRAPH).read("graph.yaml")).write("tok", made(&work, "ci", &[]));
    let served = running(&work);
    let there = ["--runner", served.url(), "--runner-token-file", "tok"];
    let ran = ["run", "-g", "graph.yaml", "--policy", "policy.yaml", "--format", "json"];
    let waits = bea.lgflow(&[&ran, &there[..]].concat(), &[]).ended(5).json();
    let run = waits["run"].as_str().unwrap();
    let shown = bea.lgflow(&["approve", run], &[]).ended(2);
    let digest = crate::program::digest_in(&shown.stderr);
    bea.lgflow(&["approve", run, "--digest", &digest], &[]).ended(2).says("started the run");
    ann.approves(&[run], &[]);
    ann.lgflow(&["runs", "resume", run, "--format", "json"], &[]).ended(0);
    assert_eq!(work.read("b.txt"), "one\n");
}

#[test]
fn a_token_is_its_text_and_no_later_one_of_its_name() {
    let work = workspace(&looking());
    let first = made(&work, "a", &[]);
    let served = running(&work);
    for (run, path) in [("", "call.txt"), ("r", "named.txt")] {
        assert_eq!(files(&execute(&served, &first, &put(run, path))), [path]);
    }
    let mut run = Raw::opened(&served, &first, &id(1));
    assert_eq!(files(&run.call(&put(&id(1), "run.txt")).1), ["run.txt"]);
    let (code, _) = served.stop();
    assert_eq!(code, Some(0));
    // taken back as the documentation says, and made anew
    std::fs::remove_file(work.path().join("../tokens.json")).unwrap();
    let second = made(&work, "a", &[]);
    let before = sessions(&work);
    let served = running(&work);
    for run in ["", "r"] {
        assert_eq!(files(&execute(&served, &second, &seen(run))), [""; 0]);
        assert_eq!(files(&execute(&served, &second, &back(run))), [""; 0]);
    }
    assert_eq!(before.len(), 1);
    assert_ne!(session(&work, &before), before[0]);
    assert!(Raw::open(&served, &second, &id(1)).refused().contains("not one of this token"));
    for file in ["call.txt", "named.txt", "run.txt"] {
        assert!(work.path().join(file).exists(), "{file}");
    }
}

#[test]
fn a_session_ends_with_the_runner_and_a_run_does_not() {
    let work = workspace(&looking());
    let token = made(&work, "a", &[]);
    let served = running(&work);
    assert_eq!(files(&execute(&served, &token, &put("", "call.txt"))), ["call.txt"]);
    assert_eq!(files(&Raw::opened(&served, &token, &id(1)).call(&put(&id(1), "run.txt")).1), ["run.txt"]);
    served.stop();
    let served = running(&work);
    assert_eq!(files(&execute(&served, &token, &seen(""))), [""; 0]);
    assert_eq!(files(&execute(&served, &token, &back(""))), [""; 0]);
    assert!(work.path().join("call.txt").exists());
    let mut again = Raw::opened(&served, &token, &id(1));
    assert_eq!(files(&again.call(&back(&id(1))).1), ["run.txt"]);
    assert!(!work.path().join("run.txt").exists());
}

#[test]
fn one_token_does_not_take_all_places_for_runs() {
    let work = workspace(&looking());
    let (a, b) = (made(&work, "a", &[]), made(&work, "b", &[]));
    let served = running(&work);
    let mut open: Vec<Raw> = (0..16).map(|number| Raw::opened(&served, &a, &id(number))).collect();
    assert!(Raw::asked(&served, &a).1.starts_with("HTTP/1.1 429"));
    let mut other = Raw::opened(&served, &b, &id(100));
    assert_eq!(files(&other.call(&put(&id(100), "b.txt")).1), ["b.txt"]);
    // one that ends makes room
    open[0].say(&RunWord::Close);
    let RunFrame::Receipts(_) = open[0].next() else { panic!("no receipts") };
    drop(open.remove(0));
    let is_free = || Raw::asked(&served, &a).1.starts_with("HTTP/1.1 101");
    crate::program::processes::wait_until(is_free, "its place is not free again");
}

#[test]
fn the_calls_of_runs_are_among_those_that_are_made_at_once() {
    let work = workspace(POLICY);
    let token = made(&work, "a", &[]);
    let bounds = ["--listen", "127.0.0.1:0", "--max-calls", "2"];
    let served = Served::with(&work, &[&bounds, BOOK].concat(), &[]);
    let script =
        |key: u64| format!("mkdir running.{key} && ls -d running.* | wc -l; sleep 0.3; rmdir running.{key}");
    let call = |key: u64| json!({ "tool": "exec", "run": id(1), "node": "n", "idempotency_key": key.to_string(), "input": { "argv": ["sh", "-c", script(key)] } });
    let mut run = Raw::opened(&served, &token, &id(1));
    for number in 1..=8 {
        let call = serde_json::from_value(call(number)).unwrap();
        run.say(&RunWord::Call(CallFrame { id: number, body: RequestBody::Execute { call } }));
    }
    let mut answered = Vec::new();
    for _ in 1..=8 {
        let RunFrame::Reply(reply) = run.next() else { panic!("no reply") };
        let ReplyBody::Result { result } = reply.body else { panic!("{:?}", reply.body) };
        let at_once: u32 = result.stdout.trim().parse().unwrap_or_else(|_| panic!("{result:?}"));
        assert!(result.ok && (1..=2).contains(&at_once), "{result:?}");
        answered.push(reply.id);
    }
    answered.sort_unstable();
    assert_eq!(answered, (1..=8).collect::<Vec<u64>>());
    // of two requests with one id no reply could be told apart
    let double = || CallFrame {
        id: 20,
        body: RequestBody::Execute { call: serde_json::from_value(call(20)).unwrap() },
    };
    run.say(&RunWord::Call(double()));
    run.say(&RunWord::Call(double()));
    while run.is_open() {}
}

#[test]
fn a_session_whose_process_dies_is_gone_on_with() {
    let work = workspace(&format!("{POLICY}limits: {{ tool_calls: 4 }}\n"));
    let token = made(&work, "a", &[]);
    let served = running(&work);
    let add = |key: &str, text: &str| json!({ "tool": "exec", "idempotency_key": key, "input": { "argv": ["sh", "-c", format!("echo {text} >> count.txt")] } });
    assert_eq!(execute(&served, &token, &add("k", "x"))["ok"], true);
    assert_eq!(files(&execute(&served, &token, &put("", "call.txt"))), ["call.txt"]);
    let before = sessions(&work);
    let runner = wait_for_descendant(served.id(), |line| line.contains("__runner"));
    signal(runner, "KILL");
    wait_until(|| !alive(runner), "it was killed");
    wait_until(|| served.ask_as(&token, "GET /v1/capabilities", "").status == 200, "no other process");
    // a repeated key has no second effect, and is no other call's
    assert_eq!(execute(&served, &token, &add("k", "x"))["ok"], true);
    assert_eq!(work.read("count.txt"), "x\n");
    served.ask_as(&token, "POST /v1/tools/execute", &add("k", "y").to_string()).refused(409);
    assert_eq!(sessions(&work), before);
    assert_eq!(files(&execute(&served, &token, &back(""))), ["call.txt"]);
    assert_eq!(execute(&served, &token, &add("l", "z"))["ok"], true);
    assert_eq!(execute(&served, &token, &add("m", "z"))["error"]["kind"], "budget");
    assert_eq!(work.read("count.txt"), "x\nz\n");
}
