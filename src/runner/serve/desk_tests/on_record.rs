//! Answers on record: they count where a session says so.

use std::fs;

use crate::effect::{Approval, ErrorKind, ReplyBody, RequestBody};
use crate::ledger::{Answered, Ledger};

use super::{ASKS, Bench, PATCH, kind, patch};

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
