//! What is asked about, when, and what is not.

use std::fs;

use serde_json::{Value, json};

use crate::effect::{ErrorKind, ReplyBody, RequestBody, ToolCall};

use super::{ALLOWS, ASKS, ASKS_FOR_A_PATH, Bench, PATCH, kind, patch, with};

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
        let call = ToolCall { run: "run".into(), ..ToolCall::new("apply_patch", input) };
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
