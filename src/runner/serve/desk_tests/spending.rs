//! An approval is spent before the effect, once, whatever process tries; and the question outlives the one that put it.

use std::fs;

use serde_json::json;

use crate::effect::{ErrorKind, ToolCall};

use super::{ASKS, Bench, PATCH, kind, patch, with};

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
