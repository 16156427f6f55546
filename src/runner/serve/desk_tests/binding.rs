//! What an approval is for: these bytes, what was there, this policy, this installation. Everything else must be refused.

use std::fs;

use serde_json::{Value, json};

use crate::approval::{Signer, add_signature};
use crate::effect::ErrorKind;
use crate::ledger::moment;

use super::{ASKS, Bench, PATCH, kind, patch, with};

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
fn a_ledger_that_others_may_write_stops_the_runner() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::new();
    drop(bench.seat(ASKS));
    let spent = bench.path("state/ledger/w/spent");
    fs::set_permissions(&spent, fs::Permissions::from_mode(0o777)).unwrap();
    let refused = bench.open(ASKS, None).map(drop).unwrap_err();
    assert!(refused.contains("may be written by others"), "{refused}");
}
