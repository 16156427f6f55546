//! Approvals at the desk: asked, signed by a front, spent before the effect; and everything that must be refused.

#![expect(clippy::disallowed_methods, reason = "tests build the workspace that they need")]

use std::fs;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde_json::{Value, json};

use crate::approval::{Signer, add_signature};
use crate::digest::Digest;
use crate::effect::{
    Approval, ApprovalRequest, ControlFrame, Declared, ErrorKind, FrameBuffer, FrozenLayer, HeldPlan,
    LayerRole, LedgerPlace, PlannedCall, ReplyBody, RequestBody, RunLimits, RunnerStart, Shape, ToolCall,
    ToolResult,
};
use crate::ledger::{Answered, Ledger, installation_key, moment};

use super::desk::Desk;

const PATCH: &str = "--- a/a.txt\n+++ b/a.txt\n@@ -1,3 +1,3 @@\n one\n-two\n+TWO\n three\n";
const ASKS: &str = "schema: lgflow.policy/v1\nname: t\ntools: {apply_patch: ask, read_file: allow, rollback: ask}\n\
                    paths: {read: {allow: ['**'], ask: ['private/**']}, write: {allow: ['**']}}\n";
const ASKS_FOR_A_PATH: &str = "schema: lgflow.policy/v1\nname: t\ntools: {apply_patch: allow, read_file: allow}\n\
                               paths: {read: {allow: ['**']}, write: {allow: ['**'], ask: ['*.txt']}}\n";

struct Bench {
    folder: tempfile::TempDir,
}

/// A runner's desk, and the front's end of its control channel.
struct Seat {
    desk: Desk,
    front: UnixStream,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["work/private", "state", "journals"] {
            fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        fs::write(folder.path().join("work/a.txt"), "one\ntwo\nthree\n").unwrap();
        fs::write(folder.path().join("work/private/p.txt"), "hush\n").unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn seat(&self, policy: &str) -> Seat {
        self.seat_held_to(policy, None)
    }

    fn seat_held_to(&self, policy: &str, plan: Option<HeldPlan>) -> Seat {
        self.open(policy, plan).unwrap()
    }

    fn open(&self, policy: &str, plan: Option<HeldPlan>) -> Result<Seat, String> {
        self.open_with(policy, plan, false)
    }

    fn open_with(&self, policy: &str, plan: Option<HeldPlan>, on_record: bool) -> Result<Seat, String> {
        let (front, theirs) = UnixStream::pair().unwrap();
        let layer = FrozenLayer {
            name: "t".into(),
            role: LayerRole::Grant,
            text: policy.into(),
            syntax: "yaml".into(),
            includes: Vec::new(),
        };
        let place = |name: &str| self.path(name).display().to_string();
        let start = RunnerStart {
            schema: "lgflow.runner_start/v1".into(),
            run: "run".into(),
            root: place("work"),
            state: place("journals"),
            layers: vec![layer],
            protected: Vec::new(),
            starter: None,
            declared: Declared::default(),
            live: false,
            limits: RunLimits::default(),
            plan,
            undoes: None,
            reuse: None,
            answers_on_record: on_record,
            ledger: Some(LedgerPlace { state: place("state"), workspace: "w".into() }),
        };
        let root = OwnedFd::from(fs::File::open(self.path("work")).unwrap());
        Ok(Seat { desk: Desk::open(&start, root, theirs)?, front })
    }

    fn text(&self) -> String {
        fs::read_to_string(self.path("work/a.txt")).unwrap()
    }

    fn untouched(&self) -> bool {
        self.text() == "one\ntwo\nthree\n"
    }

    fn refusals(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("state/ledger/w/refused.jsonl")).unwrap_or_default();
        let kind =
            |line: &str| serde_json::from_str::<Value>(line).unwrap()["kind"].as_str().unwrap().to_owned();
        text.lines().map(kind).collect()
    }

    fn signer(&self) -> Signer {
        Signer::Local(installation_key(&self.path("state")).unwrap())
    }

    fn agree(&self, request: &ApprovalRequest) -> Value {
        let signature = self.signer().sign(request, &moment()).unwrap();
        serde_json::to_value(add_signature(None, request, signature).unwrap()).unwrap()
    }
}

impl Seat {
    fn do_it(&self, call: &ToolCall) -> ToolResult {
        match self.desk.answer(RequestBody::Execute { call: call.clone() }) {
            ReplyBody::Result { result } => *result,
            other => panic!("{other:?}"),
        }
    }

    fn do_all(&self, calls: &[ToolCall]) -> Vec<ToolResult> {
        match self.desk.answer(RequestBody::Batch { calls: calls.to_vec() }) {
            ReplyBody::Results { results } => results,
            other => panic!("{other:?}"),
        }
    }

    /// What the front is asked next.
    fn asked(&mut self) -> ApprovalRequest {
        let mut arrived = FrameBuffer::default();
        let mut byte = [0];
        loop {
            match arrived.take().unwrap() {
                Some(ControlFrame::Ask(request)) => return *request,
                Some(other) => panic!("{other:?}"),
                None => {}
            }
            assert_eq!(self.front.read(&mut byte).unwrap(), 1);
            arrived.push(&byte);
        }
    }
}

fn patch(key: &str, text: &str) -> ToolCall {
    ToolCall {
        run: "run".into(),
        node: "apply".into(),
        idempotency_key: format!("run/{key}"),
        ..ToolCall::new("apply_patch", json!({ "patch": text }))
    }
}

fn with(call: &ToolCall, key: &str, approval: &Value) -> ToolCall {
    ToolCall { idempotency_key: format!("run/{key}"), approval: Some(approval.clone()), ..call.clone() }
}

fn kind(result: &ToolResult) -> ErrorKind {
    result.error.as_ref().map(|error| error.kind.clone()).unwrap()
}

#[test]
fn an_approved_patch_is_applied_once() {
    let bench = Bench::new();
    let mut seat = bench.seat(ASKS);
    let call = patch("apply!1", PATCH);
    let result = seat.do_it(&call);
    assert_eq!(kind(&result), ErrorKind::ApprovalRequired);
    assert!(bench.untouched());
    let request = seat.asked();
    assert_eq!(result.error.unwrap().approval.unwrap().nonce, request.binding.nonce);
    assert_eq!(request.binding.calls[0].paths, ["a.txt"]);
    assert!(request.binding.calls[0].preimages["a.txt"].is_some());
    assert_eq!(request.shown[0].input, call.input);
    let approval = bench.agree(&request);
    let done = seat.do_it(&with(&call, "apply!1+1", &approval));
    assert!(done.ok, "{done:?}");
    assert_eq!(bench.text(), "one\nTWO\nthree\n");
    // put back by hand, as if nothing had been done: the approval is spent all the same, here and after a restart
    fs::write(bench.path("work/a.txt"), "one\ntwo\nthree\n").unwrap();
    assert_eq!(kind(&seat.do_it(&with(&call, "apply!1+2", &approval))), ErrorKind::ApprovalRequired);
    drop(seat);
    let restarted = bench.seat(ASKS);
    let recalled = restarted.do_it(&with(&call, "apply!1+1", &approval));
    assert!(recalled.ok && bench.untouched(), "what was done is answered, and not done again: {recalled:?}");
    let replayed = restarted.do_it(&with(&call, "apply!1+3", &approval));
    assert_eq!(kind(&replayed), ErrorKind::ApprovalRequired);
    assert!(replayed.error.unwrap().message.contains("used before"), "it says why");
    assert!(bench.untouched());
    assert_eq!(bench.refusals(), ["spent", "spent"]);
}

#[test]
fn a_run_has_one_runner_at_a_time_and_two_calls_with_one_approval_apply_it_once() {
    let bench = Bench::new();
    let mut seat = bench.seat(ASKS);
    let second = bench.open(ASKS, None).map(drop).unwrap_err();
    assert!(second.contains("being executed by another process"), "{second}");
    let call = patch("apply!1", PATCH);
    seat.do_it(&call);
    let approval = bench.agree(&seat.asked());
    let done: Vec<bool> = std::thread::scope(|scope| {
        let tries = ["apply!1+1", "apply!1+2"].map(|key| {
            let (seat, approved) = (&seat, with(&call, key, &approval));
            scope.spawn(move || seat.do_it(&approved).ok)
        });
        tries.into_iter().map(|tried| tried.join().unwrap()).collect()
    });
    assert_eq!(done.iter().filter(|ok| **ok).count(), 1, "{done:?}");
    assert_eq!(bench.text(), "one\nTWO\nthree\n");
}

#[test]
fn the_same_question_is_put_once_and_outlives_the_runner() {
    let bench = Bench::new();
    let mut seat = bench.seat(ASKS);
    seat.do_it(&patch("apply!1", PATCH));
    let request = seat.asked();
    drop(seat);
    let mut next = bench.seat(ASKS);
    next.do_it(&patch("apply!1+1", PATCH));
    assert_eq!(next.asked(), request);
    next.do_it(&patch("apply!2", PATCH));
    assert_ne!(next.asked().binding.nonce, request.binding.nonce, "another attempt is another question");
    let done = next.do_it(&with(&patch("apply!1", PATCH), "apply!1+2", &bench.agree(&request)));
    assert!(done.ok, "{done:?}");
}

#[test]
fn an_answer_on_record_counts_where_the_session_says_so_and_once() {
    for on_record in [false, true] {
        let bench = Bench::new();
        let mut seat = bench.open_with(ASKS, None, on_record).unwrap();
        let ledger = Ledger::open(&bench.path("state"), "w").unwrap();
        let (first, again) = (patch("mcp+1", PATCH), patch("mcp+2", PATCH));
        assert_eq!(kind(&seat.do_it(&first)), ErrorKind::ApprovalRequired);
        let request = seat.asked();
        let approval: Approval = serde_json::from_value(bench.agree(&request)).unwrap();
        let answer = Answered::Approved { approval: Box::new(approval), comment: String::new() };
        ledger.answer(&request.binding.nonce, &answer).unwrap();
        // looking ahead uses nothing up
        let ahead = RequestBody::Prepare { call: again.clone() };
        assert!(matches!(seat.desk.answer(ahead), ReplyBody::Result { result } if !result.ok));
        assert!(bench.untouched());
        let other = patch("mcp+3", &PATCH.replace("TWO", "2"));
        assert_eq!(kind(&seat.do_it(&other)), ErrorKind::ApprovalRequired, "it is for other bytes");
        let done = seat.do_it(&again);
        assert_eq!(done.ok, on_record, "{done:?}");
        assert_eq!(bench.untouched(), !on_record);
        fs::write(bench.path("work/a.txt"), "one\ntwo\nthree\n").unwrap();
        assert_eq!(kind(&seat.do_it(&patch("mcp+4", PATCH))), ErrorKind::ApprovalRequired, "it is used up");
    }
}

#[test]
fn what_was_rejected_on_record_is_not_asked_again() {
    let bench = Bench::new();
    let mut seat = bench.open_with(ASKS, None, true).unwrap();
    let ledger = Ledger::open(&bench.path("state"), "w").unwrap();
    seat.do_it(&patch("mcp+1", PATCH));
    let nonce = seat.asked().binding.nonce;
    let no = Answered::Rejected { by: "local:k".into(), comment: "not now".into() };
    ledger.answer(&nonce, &no).unwrap();
    let rejected = seat.do_it(&patch("mcp+2", PATCH));
    assert_eq!(kind(&rejected), ErrorKind::Rejected);
    assert!(rejected.error.unwrap().message.contains("not now"));
    assert!(bench.untouched());
}

#[test]
fn an_approval_is_for_the_bytes_that_were_shown() {
    let bench = Bench::new();
    let mut seat = bench.seat(ASKS);
    let call = patch("apply!1", PATCH);
    seat.do_it(&call);
    let approval = bench.agree(&seat.asked());
    let other = patch("apply!1", &PATCH.replace("TWO", "TWo"));
    assert_eq!(kind(&seat.do_it(&with(&other, "apply!1+1", &approval))), ErrorKind::ApprovalRequired);
    let elsewhere = with(&call, "apply#2!1", &approval);
    assert_eq!(kind(&seat.do_it(&elsewhere)), ErrorKind::ApprovalRequired);
    assert!(bench.untouched());
    assert_eq!(bench.refusals(), ["other_call", "other_place"]);
}

#[test]
fn an_approval_is_for_what_was_there_when_it_was_given() {
    let bench = Bench::new();
    let mut seat = bench.seat(ASKS);
    let call = patch("apply!1", PATCH);
    seat.do_it(&call);
    let approval = bench.agree(&seat.asked());
    fs::write(bench.path("work/a.txt"), "one\ntwo\nthree\nfour\n").unwrap();
    let patched = patch("apply!1", PATCH);
    let result = seat.do_it(&with(&patched, "apply!1+1", &approval));
    assert!(!result.ok, "{result:?}");
    assert_eq!(bench.text(), "one\ntwo\nthree\nfour\n");
    fs::remove_file(bench.path("work/a.txt")).unwrap();
    std::os::unix::fs::symlink("private/p.txt", bench.path("work/a.txt")).unwrap();
    assert!(!seat.do_it(&with(&patched, "apply!1+2", &approval)).ok, "it became a link");
    assert_eq!(fs::read_to_string(bench.path("work/private/p.txt")).unwrap(), "hush\n");
}

#[test]
fn an_approval_under_another_policy_does_not_count() {
    let bench = Bench::new();
    let mut seat = bench.seat(ASKS);
    let call = patch("apply!1", PATCH);
    seat.do_it(&call);
    let approval = bench.agree(&seat.asked());
    drop(seat);
    let stricter = bench.seat(&format!("{ASKS}approvals: {{ttl: 5m}}\n"));
    let result = stricter.do_it(&with(&call, "apply!1+1", &approval));
    assert_eq!(kind(&result), ErrorKind::ApprovalRequired);
    assert!(bench.untouched());
    assert_eq!(bench.refusals(), ["other_policy"]);
}

#[test]
fn what_is_forged_truncated_or_unknown_does_not_count() {
    let bench = Bench::new();
    let mut seat = bench.seat(ASKS);
    let call = patch("apply!1", PATCH);
    seat.do_it(&call);
    let request = seat.asked();
    let approval = bench.agree(&request);
    let altered = |change: &dyn Fn(&mut Value)| {
        let mut altered = approval.clone();
        change(&mut altered);
        altered
    };
    let other_key = Signer::Local(crate::digest::MacKey::new([1; 32])).sign(&request, &moment()).unwrap();
    let cases = [
        (Value::Null, "unreadable"),
        (json!("yes"), "unreadable"),
        (json!({ "schema": "lgflow.approval/v1" }), "unreadable"),
        (altered(&|value| value["always"] = json!(true)), "unreadable"),
        (altered(&|value| drop(value.as_object_mut().unwrap().remove("signatures"))), "unreadable"),
        (altered(&|value| value["signatures"] = json!([])), "quorum"),
        (altered(&|value| value["binding"]["nonce"] = json!("ab")), "unknown"),
        (altered(&|value| value["binding"]["nonce"] = json!("../requests/ab")), "unknown"),
        (altered(&|value| value["signatures"][0]["expires"] = json!(u64::MAX)), "forged"),
        (altered(&|value| value["binding"]["node"] = json!("other")), "forged"),
        (serde_json::to_value(add_signature(None, &request, other_key).unwrap()).unwrap(), "forged"),
    ];
    for (at, (given, _)) in cases.iter().enumerate() {
        let result = seat.do_it(&with(&call, &format!("apply!1+{}", at + 1), given));
        assert_eq!(kind(&result), ErrorKind::ApprovalRequired, "{given}");
    }
    assert!(bench.untouched());
    let expected: Vec<&str> = cases.iter().map(|(_, kind)| *kind).collect();
    assert_eq!(bench.refusals(), expected);
}

#[test]
fn a_record_that_a_repository_ships_is_ignored() {
    let (bench, theirs) = (Bench::new(), Bench::new());
    let mut foreign = theirs.seat(ASKS);
    let call = patch("apply!1", PATCH);
    foreign.do_it(&call);
    let request = foreign.asked();
    let approval = theirs.agree(&request);
    let place = bench.path("work/.lg/ledger/w/requests");
    fs::create_dir_all(&place).unwrap();
    let record = theirs.path("state/ledger/w/requests").join(&request.binding.nonce);
    fs::copy(&record, place.join(&request.binding.nonce)).unwrap();
    let seat = bench.seat(ASKS);
    assert_eq!(kind(&seat.do_it(&with(&call, "apply!1+1", &approval))), ErrorKind::ApprovalRequired);
    // even in our own folder it is not believed: another installation sealed it
    fs::copy(&record, bench.path("state/ledger/w/requests").join(&request.binding.nonce)).unwrap();
    assert_eq!(kind(&seat.do_it(&with(&call, "apply!1+2", &approval))), ErrorKind::ApprovalRequired);
    assert!(bench.untouched());
    assert_eq!(bench.refusals(), ["unknown", "unknown"]);
}

#[test]
fn a_list_is_approved_whole_and_each_call_spent_once() {
    let bench = Bench::new();
    let mut seat = bench.seat(ASKS);
    let add = |name: &str| format!("--- /dev/null\n+++ b/{name}\n@@ -0,0 +1 @@\n+x\n");
    let calls = [patch("all!1/0", PATCH), patch("all!1/1", &add("b.txt")), patch("all!1/2", &add("c.txt"))];
    let results = seat.do_all(&calls);
    assert_eq!(kind(&results[0]), ErrorKind::ApprovalRequired);
    assert_eq!(kind(&results[1]), ErrorKind::Cancelled);
    let request = seat.asked();
    assert_eq!(request.shown.len(), 3);
    let approval = bench.agree(&request);
    let approved = |calls: &[ToolCall]| -> Vec<ToolCall> {
        calls.iter().map(|call| ToolCall { approval: Some(approval.clone()), ..call.clone() }).collect()
    };
    let mut longer = approved(&calls);
    longer.push(with(&patch("all!1/3", &add("d.txt")), "all!1/3", &approval));
    let mut turned = approved(&calls);
    turned.swap(1, 2);
    for refused in [&longer[..], &turned, &approved(&calls)[..2], &approved(&calls)[..1]] {
        assert!(seat.do_all(refused).iter().all(|result| !result.ok), "{refused:?}");
    }
    assert!(bench.untouched() && !bench.path("work/b.txt").exists());
    let alone = seat.do_it(&with(&calls[0], "all!1/0+1", &approval));
    assert_eq!(kind(&alone), ErrorKind::ApprovalRequired, "one of a list is not the list");
    let done = seat.do_all(&approved(&calls));
    assert!(done.len() == 3 && done.iter().all(|result| result.ok), "{done:?}");
    drop(seat);
    let restarted = bench.seat(ASKS);
    for name in ["b.txt", "c.txt"] {
        fs::remove_file(bench.path("work").join(name)).unwrap();
    }
    fs::write(bench.path("work/a.txt"), "one\ntwo\nthree\n").unwrap();
    let recalled = restarted.do_all(&approved(&calls));
    assert!(
        recalled.iter().all(|result| result.ok),
        "what was done is answered, and not done again: {recalled:?}"
    );
    let again: Vec<ToolCall> = ["all!2/0", "all!2/1", "all!2/2"]
        .iter()
        .zip(&calls)
        .map(|(key, call)| with(call, key, &approval))
        .collect();
    assert!(restarted.do_all(&again).iter().all(|result| !result.ok));
    assert!(bench.untouched() && !bench.path("work/b.txt").exists());
}

#[test]
fn a_list_is_refused_for_the_call_that_is_and_nobody_is_asked_about_the_others() {
    use crate::effect::failure_of;
    let bench = Bench::new();
    let mut seat = bench.seat(ASKS);
    let read = |at: usize, path: &str| ToolCall {
        run: "run".into(),
        node: "all".into(),
        idempotency_key: format!("run/all!1/{at}"),
        ..ToolCall::new("read_file", json!({ "path": path }))
    };
    let denied = ToolCall { tool: "list_files".into(), ..read(2, ".") };
    let results = seat.do_all(&[patch("all!1/0", PATCH), read(1, "a.txt"), denied]);
    let kinds: Vec<ErrorKind> = results.iter().map(kind).collect();
    assert_eq!(kinds, [ErrorKind::Cancelled, ErrorKind::Cancelled, ErrorKind::Denied]);
    assert_eq!(failure_of(&results), Some(2));
    seat.front.set_nonblocking(true).unwrap();
    assert!((&seat.front).read(&mut [0; 1]).is_err(), "a question reached the front");
    seat.front.set_nonblocking(false).unwrap();

    // a call that asks after one that does not: its question is the list's
    let results = seat.do_all(&[read(0, "a.txt"), patch("all!1/1", PATCH)]);
    assert_eq!((kind(&results[0]), kind(&results[1])), (ErrorKind::Cancelled, ErrorKind::ApprovalRequired));
    assert_eq!(seat.asked().shown.len(), 2);

    // and one that could not do its work as things stand is the list's failure
    let stale = patch("all!1/1", &PATCH.replace("two", "2"));
    let add = patch("all!1/0", "--- /dev/null\n+++ b/b.txt\n@@ -0,0 +1 @@\n+x\n");
    let results = seat.do_all(&[add, stale]);
    assert_eq!((failure_of(&results), kind(&results[1])), (Some(1), ErrorKind::Conflict));
    assert!(bench.untouched());
}

#[test]
fn a_path_that_asks_is_asked_about_before_anything_is_written() {
    let bench = Bench::new();
    let mut seat = bench.seat(ASKS_FOR_A_PATH);
    let call = patch("apply!1", PATCH);
    let result = seat.do_it(&call);
    assert_eq!(kind(&result), ErrorKind::ApprovalRequired);
    let request = seat.asked();
    assert!(request.shown[0].reason.contains("a.txt"), "{}", request.shown[0].reason);
    assert!(bench.untouched());
    let done = seat.do_it(&with(&call, "apply!1+1", &bench.agree(&request)));
    assert!(done.ok, "{done:?}");
    let both = [patch("two!1/0", PATCH), patch("two!1/1", &PATCH.replace("a.txt", "private/p.txt"))];
    let results = seat.do_all(&both);
    assert_ne!(kind(&results[0]), ErrorKind::Internal);
}

#[test]
fn a_file_that_asks_is_read_once_it_is_approved() {
    let bench = Bench::new();
    let mut seat = bench.seat(ASKS);
    let call = ToolCall {
        run: "run".into(),
        node: "look".into(),
        idempotency_key: "run/look!1".into(),
        ..ToolCall::new("read_file", json!({ "path": "private/p.txt" }))
    };
    assert_eq!(kind(&seat.do_it(&call)), ErrorKind::ApprovalRequired);
    let approval = bench.agree(&seat.asked());
    let done = seat.do_it(&with(&call, "look!1+1", &approval));
    assert_eq!(done.output["content"], "hush\n");
}

#[test]
fn a_patch_that_cannot_be_applied_is_not_asked_about() {
    let bench = Bench::new();
    let seat = bench.seat(ASKS);
    let result = seat.do_it(&patch("apply!1", &PATCH.replace("two", "2")));
    assert_eq!(kind(&result), ErrorKind::Conflict);
    assert!(fs::read_dir(bench.path("state/ledger/w/requests")).unwrap().next().is_none());
}

#[test]
fn where_nobody_may_approve_it_is_a_denial() {
    let bench = Bench::new();
    let seat = bench.seat(&format!("{ASKS}approvals: {{approvers: []}}\n"));
    let result = seat.do_it(&patch("apply!1", PATCH));
    assert_eq!(kind(&result), ErrorKind::Denied);
    assert!(result.error.unwrap().message.contains("approvals.approvers"));
}

#[test]
fn a_question_may_be_put_before_the_call_is_made() {
    let bench = Bench::new();
    let mut seat = bench.seat(ASKS);
    let call = patch("apply!1", PATCH);
    let ReplyBody::Result { result } = seat.desk.answer(RequestBody::Prepare { call: call.clone() }) else {
        panic!("no result")
    };
    assert_eq!(kind(&result), ErrorKind::ApprovalRequired);
    let approval = bench.agree(&seat.asked());
    assert!(bench.untouched());
    assert!(seat.do_it(&with(&call, "apply!1", &approval)).ok);
}

#[test]
fn a_call_that_is_allowed_is_looked_at_before_it_is_made() {
    let bench = Bench::new();
    let seat = bench.seat(ALLOWS);
    let ahead = |input: Value| {
        let call = ToolCall::new("apply_patch", input);
        let ReplyBody::Result { result } = seat.desk.answer(RequestBody::Prepare { call }) else { panic!() };
        *result
    };
    let put = json!({ "changes": [{ "op": "put", "path": "a.txt", "content": "one\nTWO\nthree\n" }] });
    let result = ahead(put);
    let diff = result.output["diff"].as_str().unwrap();
    assert!(result.ok && diff.contains("-two\n+TWO\n"), "{result:?}");
    assert_eq!(result.output["paths"], json!(["a.txt"]));
    assert!(result.output["preimages"]["a.txt"].as_str().unwrap().starts_with("sha256:"));
    let gone = ahead(json!({ "changes": [{ "op": "delete", "path": "nowhere.txt" }] }));
    assert!(!gone.ok, "nobody is shown what cannot be done: {gone:?}");
    assert!(bench.untouched());
}

const ALLOWS: &str = "schema: lgflow.policy/v1\nname: t\ntools: {apply_patch: allow, read_file: allow}\npaths: \
                      {read: {allow: ['**']}, write: {allow: ['**']}}\n";

/// A plan that shows one read and one patch.
fn plan() -> HeldPlan {
    let shown = |node: &str, tool: &str, input: Value| PlannedCall {
        node: node.into(),
        tool: tool.into(),
        input: Shape::Exact(input),
    };
    let calls = vec![
        shown("read", "read_file", json!({"path": "a.txt"})),
        shown("fix", "apply_patch", json!({"patch": PATCH})),
    ];
    HeldPlan { checksum: Digest::of("plan"), calls, programs: Vec::new() }
}

fn planned(node: &str, tool: &str, input: Value) -> ToolCall {
    ToolCall { node: node.into(), ..ToolCall::new(tool, input) }
}

fn kind_of(result: &ToolResult) -> Option<ErrorKind> {
    result.error.as_ref().map(|error| error.kind.clone())
}

#[test]
fn a_session_that_is_held_to_a_plan_makes_its_calls_and_stops_before_any_other() {
    let bench = Bench::new();
    let other = "--- a/a.txt\n+++ b/a.txt\n@@ -1,3 +1,3 @@\n one\n-two\n+EVIL\n three\n";
    for (name, call) in [
        ("other parameters", planned("fix", "apply_patch", json!({"patch": other}))),
        ("another node", planned("elsewhere", "apply_patch", json!({"patch": PATCH}))),
        ("more parameters", planned("fix", "apply_patch", json!({"patch": PATCH, "dry_run": false}))),
        ("another tool", planned("read", "apply_patch", json!({"patch": PATCH}))),
    ] {
        let seat = bench.seat_held_to(ALLOWS, Some(plan()));
        let read = planned("read", "read_file", json!({"path": "a.txt"}));
        assert!(seat.do_it(&read).ok, "{name}");
        assert_eq!(kind_of(&seat.do_it(&call)), Some(ErrorKind::Unplanned), "{name}");
        assert!(bench.untouched(), "{name}");
        assert_eq!(kind_of(&seat.do_it(&read)), Some(ErrorKind::Unplanned), "{name}: it goes on");
    }
    let seat = bench.seat_held_to(ALLOWS, Some(plan()));
    assert!(seat.do_it(&planned("fix", "apply_patch", json!({"patch": PATCH}))).ok);
    assert_eq!(bench.text(), "one\nTWO\nthree\n");
}

#[test]
fn a_list_with_a_call_that_no_plan_shows_is_refused_whole_and_nobody_is_asked_ahead() {
    let bench = Bench::new();
    let seat = bench.seat_held_to(ALLOWS, Some(plan()));
    let calls = vec![
        planned("fix", "apply_patch", json!({"patch": PATCH})),
        planned("fix", "read_file", json!({"path": "a.txt"})),
    ];
    let ReplyBody::Results { results } = seat.desk.answer(RequestBody::Batch { calls }) else { panic!() };
    assert!(results.iter().all(|result| kind_of(result) == Some(ErrorKind::Unplanned)), "{results:?}");
    assert!(bench.untouched());

    drop(seat);
    let asking = bench.seat_held_to(ASKS, Some(plan()));
    let call = planned("later", "apply_patch", json!({"patch": PATCH}));
    let ReplyBody::Result { result } = asking.desk.answer(RequestBody::Prepare { call }) else { panic!() };
    assert_eq!(kind_of(&result), Some(ErrorKind::Unplanned));
    asking.front.set_nonblocking(true).unwrap();
    assert!((&asking.front).read(&mut [0; 1]).is_err(), "a question reached the front");
}

#[test]
fn a_ledger_that_others_may_write_stops_the_runner() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::new();
    drop(bench.seat(ASKS));
    let spent = bench.path("state/ledger/w/spent");
    fs::set_permissions(&spent, fs::Permissions::from_mode(0o777)).unwrap();
    let (_front, theirs) = UnixStream::pair().unwrap();
    let root = OwnedFd::from(fs::File::open(bench.path("work")).unwrap());
    let start = RunnerStart {
        schema: String::new(),
        run: "run".into(),
        root: String::new(),
        state: bench.path("journals").display().to_string(),
        layers: vec![FrozenLayer {
            name: "t".into(),
            role: LayerRole::Grant,
            text: ASKS.into(),
            syntax: "yaml".into(),
            includes: Vec::new(),
        }],
        protected: Vec::new(),
        starter: None,
        declared: Declared::default(),
        live: false,
        limits: RunLimits::default(),
        plan: None,
        undoes: None,
        reuse: None,
        answers_on_record: false,
        ledger: Some(LedgerPlace { state: state(&bench.path("state")), workspace: "w".into() }),
    };
    let refused = Desk::open(&start, root, theirs).unwrap_err();
    assert!(refused.contains("may be written by others"), "{refused}");
}

fn state(path: &Path) -> String {
    path.display().to_string()
}
