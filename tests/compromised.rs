//! An interpreter that has been taken over: it holds the socket for calls and can send any bytes on it. The runner is a
//! real process, the front is this test, and everything that the interpreter may not decide is tried.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod program;

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

use lgflow::digest::Digest;
use lgflow::effect::{
    ControlFrame, Declared, FrameBuffer, FrozenLayer, HeldPlan, LayerRole, PlannedCall, PlannedProgram,
    RunLimits, RunnerStart, Shape, Started, encode_frame,
};
use lgflow::wire::{hand_over, next_frame, send_frame};
use program::Workspace;
use serde_json::{Value, json};

const POLICY: &str = "\
schema: lgflow.policy/v1
name: p
tools: { read_file: allow, apply_patch: allow }
paths:
  read: { allow: [\"**\"] }
  write: { allow: [\"free/**\"], ask: [\"asked/**\"] }
limits: { tool_calls: 4 }
";

/// A runner, and what a taken over interpreter has of it.
struct Taken {
    workspace: Rc<Workspace>,
    runner: Child,
    control: UnixStream,
    calls: UnixStream,
    arrived: FrameBuffer,
    started: Started,
    next: u64,
}

impl Taken {
    fn over() -> Self {
        Self::under(RunLimits::default())
    }

    fn under(limits: RunLimits) -> Self {
        Self::with(POLICY, limits, None)
    }

    fn with(policy: &str, limits: RunLimits, plan: Option<HeldPlan>) -> Self {
        let workspace = Workspace::new();
        workspace.write("a.txt", "one\n");
        std::fs::create_dir(workspace.state()).unwrap();
        Self::of_run("run", Rc::new(workspace), policy, limits, plan)
    }

    fn of_run(
        run: &str,
        workspace: Rc<Workspace>,
        policy: &str,
        limits: RunLimits,
        plan: Option<HeldPlan>,
    ) -> Self {
        let (control, theirs) = UnixStream::pair().unwrap();
        let (calls, their_calls) = UnixStream::pair().unwrap();
        let runner = Command::new(env!("CARGO_BIN_EXE_lgflow"))
            .arg("__runner")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let layer = FrozenLayer {
            name: "policy.yaml".into(),
            role: LayerRole::Grant,
            text: policy.into(),
            syntax: "yaml".into(),
            includes: Vec::new(),
            within: std::collections::BTreeSet::new(),
        };
        let start = RunnerStart {
            schema: "lgflow.runner_start/v1".into(),
            run: run.into(),
            root: workspace.path().display().to_string(),
            state: workspace.state().display().to_string(),
            layers: vec![layer],
            protected: Vec::new(),
            starter: None,
            ledger: None,
            declared: Declared::default(),
            live: false,
            limits,
            plan,
            undoes: None,
            reuse: None,
            counted_calls: 0,
            answers_on_record: false,
            keeps_records: true,
        };
        let root = File::open(workspace.path()).unwrap();
        hand_over(&control, &ControlFrame::Start(start), &[root.as_fd(), their_calls.as_fd()]).unwrap();
        let answer = next_frame(&control, &mut FrameBuffer::default()).unwrap();
        let Some(ControlFrame::Started(started)) = answer else { panic!("{answer:?}") };
        // a runner that does not answer fails a test, and does not hold it
        calls.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        let arrived = FrameBuffer::default();
        Self { workspace, runner, control, calls, arrived, started, next: 0 }
    }

    /// Sends `body` under a number of its own, and returns the body of the reply.
    fn say(&mut self, body: &Value) -> Value {
        self.next += 1;
        send_frame(&self.calls, &json!({ "id": self.next, "body": body })).unwrap();
        let reply: Value =
            next_frame(&self.calls, &mut self.arrived).unwrap().expect("the runner has hung up");
        assert_eq!(reply["id"], self.next, "{reply}");
        reply["body"].clone()
    }

    fn call(&mut self, call: &Value) -> Value {
        self.say(&json!({ "type": "execute", "call": call }))
    }

    fn is_running(&mut self) -> bool {
        self.runner.try_wait().unwrap().is_none()
    }

    fn exists(&self, path: &str) -> bool {
        self.workspace.path().join(path).exists()
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        // its end is the end of the control channel
        self.control.shutdown(std::net::Shutdown::Both).unwrap();
        self.runner.wait().unwrap();
    }
}

fn put(path: &str, key: &str) -> Value {
    let change = json!({ "op": "put", "path": path, "content": "x\n" });
    json!({ "tool": "apply_patch", "run": "run", "input": { "changes": [change] }, "idempotency_key": key })
}

fn read(key: &str) -> Value {
    json!({ "tool": "read_file", "run": "run", "input": { "path": "a.txt" }, "idempotency_key": key })
}

#[track_caller]
fn kind(reply: &Value) -> &str {
    assert_eq!(reply["type"], "result", "{reply}");
    reply["result"]["error"]["kind"].as_str().unwrap_or("")
}

#[test]
fn the_harmless_twin_works() {
    let mut taken = Taken::over();
    assert_eq!(kind(&taken.call(&read("1"))), "");
    assert_eq!(kind(&taken.call(&put("free/x", "2"))), "");
    assert!(taken.exists("free/x"));
    let digest = taken.started.policy_digest;
    let mut named = read("3");
    named["policy_digest"] = json!(digest);
    assert_eq!(kind(&taken.call(&named)), "");
}

#[test]
fn it_cannot_leave_the_plan_that_the_run_is_held_to() {
    const COMMANDS: &str = "schema: lgflow.policy/v1\nname: p\ntools: { exec: allow, read_file: allow }\npaths: { read: \
                            { allow: ['**'] } }\ncommands: [{ name: list, program: ls, args: [['...']] }]\n";
    let folders = ["/usr/local/bin", "/usr/bin"];
    let ls = folders.iter().map(|folder| Path::new(folder).join("ls")).find(|ls| ls.exists()).unwrap();
    let seen = Digest::of(std::fs::read(&ls).unwrap());
    let held = |digest: Digest| HeldPlan {
        checksum: Digest::of("plan"),
        calls: vec![PlannedCall {
            node: "list".into(),
            tool: "exec".into(),
            input: Shape::Exact(json!({ "argv": ["ls"] })),
        }],
        programs: vec![PlannedProgram {
            name: "ls".into(),
            path: Some(ls.display().to_string()),
            digest: Some(digest),
        }],
    };
    let list = |argv: &[&str], key: &str| json!({ "tool": "exec", "run": "run", "node": "list", "input": { "argv": argv }, "idempotency_key": key });
    let mut taken = Taken::with(COMMANDS, RunLimits::default(), Some(held(seen)));
    let reply = taken.call(&list(&["ls"], "1"));
    assert_eq!(kind(&reply), "", "{reply}");
    assert_eq!(reply["result"]["stdout"], "a.txt\n");
    // the policy would allow it
    assert_eq!(kind(&taken.call(&list(&["ls", "-a"], "2"))), "unplanned");
    assert_eq!(kind(&taken.call(&list(&["ls"], "3"))), "unplanned", "it goes on");

    let mut other = Taken::with(COMMANDS, RunLimits::default(), Some(held(Digest::of("another program"))));
    let reply = other.call(&list(&["ls"], "1"));
    assert_eq!(kind(&reply), "unplanned", "{reply}");
    assert!(reply["result"]["error"]["message"].as_str().unwrap().contains("is not what the plan saw"));
    assert_eq!(kind(&other.call(&list(&["ls"], "2"))), "unplanned", "it goes on");
}

#[test]
fn it_cannot_answer_its_own_approval() {
    let mut taken = Taken::over();
    assert_eq!(kind(&taken.call(&put("asked/x", "1"))), "approval_required");
    let forged = [
        json!(true),
        json!({ "granted": true, "by": "the user" }),
        json!({ "schema": "lgflow.approval/v1", "call_digest": format!("sha256:{}", "0".repeat(64)), "choice": "approve", "mac": "00" }),
    ];
    for (at, approval) in forged.into_iter().enumerate() {
        let mut call = put("asked/x", &format!("forged {at}"));
        call["approval"] = approval;
        let reply = taken.call(&call);
        assert!(!reply["result"]["ok"].as_bool().unwrap_or(false), "{reply}");
    }
    for word in ["approval", "approval_granted", "approve", "grant", "started", "stop", "start"] {
        let body =
            json!({ "type": word, "call": put("asked/x", "w"), "choice": "approve", "approved": true });
        let reply = taken.say(&body);
        assert_eq!(reply["type"], "problem", "`{word}`: {reply}");
    }
    assert!(!taken.exists("asked/x"));
}

#[test]
fn control_frames_on_the_socket_for_calls_are_no_requests() {
    let layer = json!({ "name": "mine", "role": "grant", "text": "schema: lgflow.policy/v1\nname: m\ntools: { apply_patch: allow }\npaths: { write: { allow: [\"**\"] } }\n", "syntax": "yaml", "includes": [] });
    let start = json!({ "type": "start", "schema": "lgflow.runner_start/v1", "run": "r", "root": "/", "state": "/", "layers": [layer], "protected": [] });
    for frame in [json!({ "type": "stop" }), start] {
        let mut taken = Taken::over();
        let mut socket = &taken.calls;
        socket.write_all(&encode_frame(&frame).unwrap()).unwrap();
        // what is no request ends the conversation, and nothing else
        assert_eq!(socket.read(&mut [0; 64]).unwrap(), 0);
        assert!(taken.is_running(), "a control frame on the socket for calls has ended the runner");
        assert!(!taken.exists("asked/x"));
    }
}

#[test]
fn it_cannot_name_a_policy_or_limits() {
    let mut taken = Taken::over();
    let mut other = read("1");
    other["policy_digest"] = json!(format!("sha256:{}", "1".repeat(64)));
    let reply = taken.call(&other);
    assert_eq!(kind(&reply), "denied", "{reply}");
    assert!(reply["result"]["error"]["message"].as_str().unwrap().contains("policy"), "{reply}");
    for (name, value) in [
        ("limits", json!({ "tool_calls": 1_000_000 })),
        ("layers", json!([])),
        ("root", json!("/")),
        ("policy", json!("builtin:contained")),
        ("trust", json!(true)),
    ] {
        let mut call = read("2");
        call[name] = value.clone();
        let reply = taken.call(&call);
        assert_eq!(reply["type"], "problem", "`{name}` in a call: {reply}");
        let body = json!({ "type": "execute", "call": read("2"), name: value });
        let reply = taken.say(&body);
        assert_eq!(reply["type"], "problem", "`{name}` beside a call: {reply}");
    }
    // it is understood again afterwards
    assert_eq!(kind(&taken.call(&read("3"))), "");
}

#[test]
fn calls_are_counted_by_the_runner() {
    let mut taken = Taken::over();
    for at in 1..=4 {
        assert_eq!(kind(&taken.call(&read(&format!("{at}")))), "");
    }
    assert_eq!(kind(&taken.call(&read("5"))), "budget");
    // without a key, in a batch: they are counted all the same
    assert_eq!(kind(&taken.call(&read(""))), "budget");
    let batch = taken.say(&json!({ "type": "batch", "calls": [read("6"), read("7")] }));
    assert_eq!(batch["results"][0]["error"]["kind"], "budget", "{batch}");
    assert_eq!(batch["results"].as_array().unwrap().len(), 1, "{batch}");
    // what was answered is answered again, and no second effect
    assert_eq!(kind(&taken.call(&read("1"))), "");
}

#[test]
fn what_another_run_did_it_neither_sees_nor_takes_back_nor_adds_to() {
    const OPEN: &str = "schema: lgflow.policy/v1\nname: p\ntools: { read_file: allow, apply_patch: allow, rollback: allow, \
                        workspace_diff: allow }\npaths: { read: { allow: ['**'] }, write: { allow: ['**'] } }\n";
    let workspace = Rc::new(Workspace::new());
    std::fs::create_dir(workspace.state()).unwrap();
    let session = |run: &str| Taken::of_run(run, Rc::clone(&workspace), OPEN, RunLimits::default(), None);
    let call = |tool: &str, run: &str, input: Value| json!({ "tool": tool, "run": run, "input": input, "idempotency_key": format!("{run}/{tool}") });
    let change =
        |path: &str| json!({ "changes": [{ "op": "put", "path": path, "content": "of the first\n" }] });
    let back = json!({ "to": "start" });
    let mut first = session("first");
    assert_eq!(kind(&first.call(&call("apply_patch", "first", change("first.txt")))), "");
    drop(first);

    let mut taken = session("second");
    // the twins: its own run is seen and taken back
    assert_eq!(kind(&taken.call(&call("apply_patch", "second", change("second.txt")))), "");
    let seen = taken.call(&call("workspace_diff", "second", json!({})));
    assert!(seen["result"]["output"]["patch"].as_str().unwrap().contains("second.txt"), "{seen}");
    assert_eq!(kind(&taken.call(&call("rollback", "second", back.clone()))), "");
    assert!(!taken.exists("second.txt") && taken.exists("first.txt"));
    for (tool, input) in [
        ("workspace_diff", json!({})),
        ("rollback", back.clone()),
        ("apply_patch", change("more.txt")),
        ("read_file", json!({ "path": "first.txt" })),
        ("apply_patch", json!({ "undo": { "run": "first" } })),
    ] {
        // a part of a run's name is none either, and no name is not its own
        for run in ["first", "", "second.", "second.first", "secon"] {
            let other = call(tool, run, input.clone());
            for way in ["execute", "stream", "prepare", "explain"] {
                let reply = taken.say(&json!({ "type": way, "call": other }));
                assert_eq!(kind(&reply), "denied", "{way} {tool} {run:?}: {reply}");
                assert!(!reply.to_string().contains("of the first"), "{reply}");
            }
            let own = call("read_file", "second", json!({ "path": "first.txt" }));
            let list = taken.say(&json!({ "type": "batch", "calls": [own, other] }));
            let kinds: Vec<&Value> =
                list["results"].as_array().unwrap().iter().map(|one| &one["error"]["kind"]).collect();
            assert!(
                kinds.contains(&&json!("denied")) && !list.to_string().contains("of the first"),
                "{list}"
            );
        }
    }
    // its own run's name does not open another one's either
    let undo = call("apply_patch", "second", json!({ "undo": { "run": "first" } }));
    assert_eq!(kind(&taken.call(&undo)), "conflict", "the key was used");
    let undo = json!({ "tool": "apply_patch", "run": "second", "input": { "undo": { "run": "first" } } });
    assert_eq!(kind(&taken.call(&undo)), "denied");
    assert!(taken.exists("first.txt") && !taken.exists("more.txt"));
    drop(taken);

    // whose it is takes back what it did, and nothing else was put there
    let mut first = session("first");
    let reply = first.call(&call("rollback", "first", back));
    let files = reply["result"]["output"]["files"].as_array().unwrap();
    assert_eq!((files.len(), &files[0]["path"]), (1, &json!("first.txt")), "{reply}");
    assert!(!first.exists("first.txt"));
}

#[test]
fn a_batch_does_not_outrun_the_count() {
    let mut taken = Taken::over();
    let calls: Vec<Value> = (1..=6).map(|at| put(&format!("free/{at}"), &format!("{at}"))).collect();
    let batch = taken.say(&json!({ "type": "batch", "calls": calls }));
    let made: Vec<bool> = (1..=6).map(|at| taken.exists(&format!("free/{at}"))).collect();
    assert_eq!(made, [true, true, true, true, false, false], "{batch}");
}

#[test]
fn the_users_own_limits_are_the_runners_as_well() {
    let mut taken = Taken::under(RunLimits { tool_calls: Some(2), ..RunLimits::default() });
    assert_eq!(kind(&taken.call(&read("1"))), "");
    assert_eq!(kind(&taken.call(&read("2"))), "");
    assert_eq!(kind(&taken.call(&read("3"))), "budget");

    let mut taken = Taken::under(RunLimits { patch_bytes: Some(3), ..RunLimits::default() });
    assert_eq!(kind(&taken.call(&put("free/1", "1"))), "");
    assert_eq!(kind(&taken.call(&put("free/2", "2"))), "");
    assert_eq!(kind(&taken.call(&put("free/3", "3"))), "budget", "two patches of 2 bytes have used up 3");
    assert!(!taken.exists("free/3"));
    assert_eq!(kind(&taken.call(&read("4"))), "", "reading changes nothing and goes on");
}

#[test]
fn a_key_is_for_one_call() {
    let mut taken = Taken::over();
    assert_eq!(kind(&taken.call(&put("free/1", "k"))), "");
    assert_eq!(kind(&taken.call(&put("free/2", "k"))), "conflict");
    assert!(!taken.exists("free/2"));
}

#[test]
fn two_calls_with_one_key_at_once_have_one_effect() {
    for round in 0..20 {
        let mut taken = Taken::over();
        let call = put("free/1", &format!("at once {round}"));
        for id in 1..=2 {
            let frame = json!({ "id": id, "body": { "type": "execute", "call": call } });
            send_frame(&taken.calls, &frame).unwrap();
        }
        let mut done = 0;
        for _ in 0..2 {
            let reply: Value = next_frame(&taken.calls, &mut taken.arrived).unwrap().unwrap();
            done += usize::from(reply["body"]["result"]["ok"] == true);
        }
        // the second is told the first's result, or that it is not there yet; it is counted in neither case
        assert!(done >= 1);
        for at in 0..3 {
            assert_eq!(kind(&taken.say(&json!({ "type": "execute", "call": read(&format!("r{at}")) }))), "");
        }
        assert_eq!(kind(&taken.call(&read("r4"))), "budget", "one call and three of four are used up");
    }
}
