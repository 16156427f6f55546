//! Lists of calls: approved whole, refused whole.

use std::fs;
use std::io::Read as _;

use serde_json::json;

use crate::effect::{ErrorKind, ToolCall, failure_of};

use super::{ASKS, Bench, PATCH, kind, patch, with};

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
fn a_list_that_asks_is_not_refused_for_what_its_earlier_calls_are_to_make() {
    let bench = Bench::new();
    let mut seat = bench.seat(ASKS);
    let call = |at: usize, tool: &str, input: serde_json::Value| ToolCall {
        run: "run".into(),
        node: "all".into(),
        idempotency_key: format!("run/all!1/{at}"),
        ..ToolCall::new(tool, input)
    };
    let add = "--- /dev/null\n+++ b/b.txt\n@@ -0,0 +1 @@\n+x\n";
    let calls = [
        call(0, "apply_patch", json!({ "patch": add })),
        call(1, "read_file", json!({ "path": "b.txt" })),
        call(2, "read_file", json!({ "path": "a.txt" })),
    ];
    let results = seat.do_all(&calls);
    assert_eq!(kind(&results[0]), ErrorKind::ApprovalRequired, "{results:?}");
    let approval = bench.agree(&seat.asked());
    let approved = calls.clone().map(|call| ToolCall { approval: Some(approval.clone()), ..call });
    let done = seat.do_all(&approved);
    assert!(done.len() == 3 && done.iter().all(|result| result.ok), "{done:?}");
    assert_eq!(done[1].output["content"], "x\n");

    // what no earlier call makes is looked for as things stand
    let missing =
        [call(3, "apply_patch", json!({ "patch": PATCH })), call(4, "read_file", json!({ "path": "c" }))];
    assert_eq!(kind(&seat.do_all(&missing)[1]), ErrorKind::NotFound);
}
