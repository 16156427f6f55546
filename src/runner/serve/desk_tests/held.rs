//! A session that is held to a plan.

use std::io::Read as _;

use serde_json::{Value, json};

use crate::digest::Digest;
use crate::effect::{ErrorKind, HeldPlan, PlannedCall, ReplyBody, RequestBody, Shape, ToolCall};

use super::{ALLOWS, ASKS, Bench, PATCH, kind_of};

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
    ToolCall { run: "run".into(), node: node.into(), ..ToolCall::new(tool, input) }
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
        let seat = bench.seat_held_to(ALLOWS, Some(&plan()));
        let read = planned("read", "read_file", json!({"path": "a.txt"}));
        assert!(seat.do_it(&read).ok, "{name}");
        assert_eq!(kind_of(&seat.do_it(&call)), Some(ErrorKind::Unplanned), "{name}");
        assert!(bench.untouched(), "{name}");
        assert_eq!(kind_of(&seat.do_it(&read)), Some(ErrorKind::Unplanned), "{name}: it goes on");
    }
    let seat = bench.seat_held_to(ALLOWS, Some(&plan()));
    assert!(seat.do_it(&planned("fix", "apply_patch", json!({"patch": PATCH}))).ok);
    assert_eq!(bench.text(), "one\nTWO\nthree\n");
}

#[test]
fn a_list_with_a_call_that_no_plan_shows_is_refused_whole_and_nobody_is_asked_ahead() {
    let bench = Bench::new();
    let seat = bench.seat_held_to(ALLOWS, Some(&plan()));
    let calls = vec![
        planned("fix", "apply_patch", json!({"patch": PATCH})),
        planned("fix", "read_file", json!({"path": "a.txt"})),
    ];
    let ReplyBody::Results { results } = seat.desk.answer(RequestBody::Batch { calls }) else { panic!() };
    assert!(results.iter().all(|result| kind_of(result) == Some(ErrorKind::Unplanned)), "{results:?}");
    assert!(bench.untouched());

    drop(seat);
    let asking = bench.seat_held_to(ASKS, Some(&plan()));
    let call = planned("later", "apply_patch", json!({"patch": PATCH}));
    let ReplyBody::Result { result } = asking.desk.answer(RequestBody::Prepare { call }) else { panic!() };
    assert_eq!(kind_of(&result), Some(ErrorKind::Unplanned));
    asking.front.set_nonblocking(true).unwrap();
    assert!((&asking.front).read(&mut [0; 1]).is_err(), "a question reached the front");
}
