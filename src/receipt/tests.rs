//! Chains and traces made by hand: what holds, and each way of not holding, at its place.

use proptest::arbitrary::any;
use proptest::strategy::Strategy as _;
use proptest::{prop_assert, prop_assert_eq, proptest};
use serde_json::{Map, Value, json};

use crate::digest::{Digest, MacKey};
use crate::effect::{ErrorKind, RuleRef, ToolCall, ToolError, ToolResult};
use crate::trace::{CallOrder, Envelope, Tampering, order_data, result_data, results_data};

use super::*;

const RUN: &str = "run";

fn key() -> MacKey {
    MacKey::new([7; 32])
}

/// A trace and the receipts of its runner, made side by side.
struct Both {
    events: Vec<Envelope>,
    chain: ReceiptChain,
    lines: Vec<String>,
    session: u32,
}

impl Both {
    fn new() -> Self {
        let chain = ReceiptChain::after(&Checked::default(), RUN, "s1", key());
        let mut both = Self { events: Vec::new(), chain, lines: Vec::new(), session: 1 };
        both.open();
        both.event("run.started", json!({ "facts": { "policy_digest": policy(), "sandbox": [] } }));
        both
    }

    fn open(&mut self) {
        let sandbox = Digest::of_json(&json!([]));
        self.receipt(What::Opened { policy: policy(), sandbox, key: key_name(&key()), version: "1".into() });
    }

    /// The next process of the runner, and the interpreter's.
    fn resume(&mut self) {
        self.session += 1;
        let checked = check(&self.text(), Some(RUN), Some(&key()));
        self.chain = ReceiptChain::after(&checked, RUN, &format!("s{}", self.session), key());
        self.open();
        self.event("run.resumed", json!({}));
    }

    fn receipt(&mut self, what: What) -> u64 {
        let (line, n) = self.chain.append(5, what);
        self.lines.push(line);
        n
    }

    fn event(&mut self, kind: &str, data: Value) {
        let Value::Object(data) = data else { panic!("{data}") };
        let seq = self.events.len() as u64 + 1;
        self.events.push(Envelope {
            run: RUN.into(),
            seq,
            ts: "2026-01-01T00:00:00Z".into(),
            kind: kind.into(),
            node: None,
            path: None,
            iteration: Vec::new(),
            attempt: None,
            data,
            prev: None,
        });
    }

    /// The interpreter records a call.
    fn tell(&mut self, call: u64, order: &CallOrder) {
        self.event("call.started", numbered(call, order_data(order)));
    }

    fn tell_result(&mut self, call: u64, result: &ToolResult) {
        self.event("call.finished", numbered(call, result_data(result)));
    }

    /// The runner receives one.
    fn receive(&mut self, order: &CallOrder) -> u64 {
        let calls = calls_of(order_data(order));
        self.receipt(What::Received { calls })
    }

    fn answer(&mut self, request: u64, result: &ToolResult) -> u64 {
        let results = results_of(&result_data(result));
        self.receipt(What::Answered { request, policy: policy(), results })
    }

    /// An honest call from begin to end.
    fn call(&mut self, call: u64, order: &CallOrder, result: &ToolResult) {
        self.tell(call, order);
        let request = self.receive(order);
        self.answer(request, result);
        self.tell_result(call, result);
    }

    fn finish(&mut self, status: &str) {
        self.event("run.finished", json!({ "status": status }));
    }

    fn text(&self) -> String {
        self.lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
    }

    fn told(&self) -> Told {
        let mut told = Told::default();
        self.events.iter().for_each(|event| told.hear(event.clone(), &|_| None));
        told
    }

    fn vouched(&self) -> Vouched {
        vouch(&self.told(), &self.text(), Some(RUN), Some(&key()))
    }

    #[track_caller]
    fn agrees(&self) {
        let vouched = self.vouched();
        assert_eq!(vouched.discord, None, "{:#?}\n{}", self.events, self.text());
        assert!(vouched.signed && vouched.count == self.lines.len() as u64);
    }

    #[track_caller]
    fn differs(&self, what: Wrong, event: u64) {
        let found = self.vouched().discord.expect("it agrees");
        assert_eq!((found.what, found.event), (what, Some(event)), "{found}");
    }
}

fn policy() -> Digest {
    Digest::of("policy")
}

fn numbered(call: u64, mut data: Map<String, Value>) -> Value {
    data.insert("call".into(), json!(call));
    Value::Object(data)
}

fn read(name: &str) -> CallOrder {
    let call = ToolCall {
        node: name.into(),
        idempotency_key: format!("run/{name}!1"),
        ..ToolCall::new("read_file", json!({ "path": name }))
    };
    CallOrder::Single(call)
}

fn got(text: &str) -> ToolResult {
    ToolResult { rules: vec![rule("read")], ..ToolResult::success("read_file", json!({ "content": text })) }
}

fn rule(name: &str) -> RuleRef {
    RuleRef { layer: "l".into(), rule: name.into(), file: "p.yaml".into(), line: 3, column: 1 }
}

fn denied(by: &str) -> ToolResult {
    let error = ToolError { rule: Some(rule(by)), ..ToolError::new(ErrorKind::Denied, "no") };
    ToolResult { rules: vec![rule(by)], ..ToolResult::failure("read_file", error) }
}

/// Two calls that run at once, a list and a denial; whole.
fn honest() -> Both {
    let mut both = Both::new();
    both.tell(0, &read("a"));
    both.tell(1, &read("b"));
    let (a, b) = (both.receive(&read("a")), both.receive(&read("b")));
    both.answer(b, &got("b"));
    both.answer(a, &got("a"));
    both.tell_result(1, &got("b"));
    both.tell_result(0, &got("a"));
    let list = CallOrder::Batch(read("x").calls().iter().chain(read("y").calls()).cloned().collect());
    both.tell(2, &list);
    let request = both.receive(&list);
    let results = [got("x"), denied("y")];
    both.receipt(What::Answered { request, policy: policy(), results: results_of(&results_data(&results)) });
    both.event("call.finished", numbered(2, results_data(&results)));
    both.call(3, &read("c"), &denied("c"));
    both.finish("succeeded");
    both
}

#[test]
fn what_was_done_and_what_is_told_agree() {
    honest().agrees();
    assert_eq!(honest().vouched().key.as_deref(), Some(&*key_name(&key())));
}

#[test]
fn without_the_key_it_is_not_said_who_made_them() {
    let both = honest();
    for key in [None, Some(MacKey::new([8; 32]))] {
        let vouched = vouch(&both.told(), &both.text(), None, key.as_ref());
        assert_eq!((vouched.discord, vouched.signed), (None, false));
    }
    assert_eq!(vouch(&both.told(), "", None, None).discord.unwrap().what, Wrong::NoReceipts);
}

#[test]
fn a_chain_that_was_made_anew_with_another_key_is_found() {
    let mut both = honest();
    let mut chain = ReceiptChain::after(&Checked::default(), RUN, "s1", MacKey::new([8; 32]));
    let old: Vec<Receipt> = check(&both.text(), None, None).receipts;
    both.lines = old.into_iter().map(|receipt| chain.append(receipt.at, receipt.what).0).collect();
    let found = both.vouched().discord.unwrap();
    assert_eq!((found.what, found.receipt), (Wrong::Chain(Tampering::Edited), Some(1)));
}

#[test]
fn a_call_that_was_left_out_is_found_at_its_place() {
    let mut both = Both::new();
    both.call(0, &read("a"), &got("a"));
    let request = both.receive(&read("secretly"));
    both.answer(request, &got("s"));
    both.call(1, &read("b"), &got("b"));
    both.finish("succeeded");
    both.differs(Wrong::LeftOut, 4);

    let mut both = Both::new();
    both.call(0, &read("a"), &got("a"));
    both.receive(&read("secretly"));
    both.finish("failed");
    both.differs(Wrong::LeftOut, 5);
}

#[test]
fn a_call_that_was_made_up_is_found_at_its_place() {
    for ending in ["succeeded", "failed"] {
        let mut both = Both::new();
        both.call(0, &read("a"), &got("a"));
        both.tell(1, &read("never"));
        both.tell_result(1, &got("never"));
        both.call(2, &read("b"), &got("b"));
        both.finish(ending);
        both.differs(Wrong::MadeUp, 4);
    }
}

#[test]
fn another_call_another_result_and_another_verdict_are_found() {
    let mut both = Both::new();
    both.tell(0, &read("a"));
    let CallOrder::Single(mut other) = read("a") else { panic!() };
    other.input = json!({ "path": "b" });
    let request = both.receive(&CallOrder::Single(other));
    both.answer(request, &got("a"));
    both.tell_result(0, &got("a"));
    both.differs(Wrong::OtherCall, 2);

    for (given, told, what) in [
        (got("a"), got("b"), Wrong::OtherResult),
        (denied("a"), got("a"), Wrong::OtherVerdict),
        (denied("a"), denied("b"), Wrong::OtherVerdict),
    ] {
        let mut both = Both::new();
        both.tell(0, &read("a"));
        let request = both.receive(&read("a"));
        both.answer(request, &given);
        both.tell_result(0, &told);
        both.finish("succeeded");
        both.differs(what, 3);
    }
}

#[test]
fn another_order_of_calls_or_of_results_is_found() {
    let mut both = Both::new();
    both.tell(0, &read("a"));
    both.tell(1, &read("b"));
    let (b, a) = (both.receive(&read("b")), both.receive(&read("a")));
    both.answer(a, &got("a"));
    both.answer(b, &got("b"));
    both.tell_result(0, &got("a"));
    both.tell_result(1, &got("b"));
    both.differs(Wrong::Order, 2);

    let mut both = Both::new();
    both.tell(0, &read("a"));
    both.tell(1, &read("b"));
    let (a, b) = (both.receive(&read("a")), both.receive(&read("b")));
    both.answer(a, &got("a"));
    both.answer(b, &got("b"));
    both.tell_result(1, &got("b"));
    both.tell_result(0, &got("a"));
    both.differs(Wrong::ResultOrder, 4);
}

#[test]
fn a_result_that_was_made_up_or_left_out_is_found() {
    let mut both = Both::new();
    both.tell(0, &read("a"));
    both.receive(&read("a"));
    both.tell_result(0, &got("a"));
    both.differs(Wrong::Unanswered, 3);

    let mut both = honest();
    both.events.pop();
    both.tell_result(9, &got("a"));
    both.finish("succeeded");
    both.differs(Wrong::Unanswered, both.events.len() as u64 - 1);

    let mut both = Both::new();
    both.tell(0, &read("a"));
    let request = both.receive(&read("a"));
    both.answer(request, &got("a"));
    both.agrees();
    both.finish("succeeded");
    both.differs(Wrong::Unheard, 4);
}

#[test]
fn another_policy_or_other_walls_in_the_first_event_are_found() {
    let facts = [
        (json!({ "policy_digest": Digest::of("x"), "sandbox": [] }), Wrong::OtherPolicy),
        (json!({ "policy_digest": policy(), "sandbox": [1] }), Wrong::OtherSandbox),
    ];
    for (facts, what) in facts {
        let mut both = honest();
        both.events[0].data["facts"] = facts;
        both.differs(what, 1);
    }
}

#[test]
fn a_session_that_broke_off_may_have_answered_what_nobody_heard() {
    let mut both = Both::new();
    both.call(0, &read("a"), &got("a"));
    both.tell(1, &read("b"));
    both.tell(2, &read("c"));
    let request = both.receive(&read("b"));
    both.answer(request, &got("cancelled"));
    both.agrees();
    // the third was recorded, and never asked; both are asked again
    both.resume();
    let (b, c) = (both.receive(&read("b")), both.receive(&read("c")));
    both.answer(c, &got("c"));
    both.tell_result(2, &got("c"));
    both.answer(b, &got("b"));
    both.tell_result(1, &got("b"));
    both.finish("succeeded");
    both.agrees();
}

#[test]
fn within_one_session_nothing_is_asked_twice_and_nothing_is_skipped() {
    let mut both = Both::new();
    both.tell(0, &read("a"));
    both.receive(&read("a"));
    let again = both.receive(&read("a"));
    both.answer(again, &got("a"));
    both.tell_result(0, &got("a"));
    both.differs(Wrong::Unanswered, 3);

    // an answer that was not heard, and a later one of the same session that was
    let mut both = Both::new();
    both.tell(0, &read("a"));
    both.tell(1, &read("b"));
    let (a, b) = (both.receive(&read("a")), both.receive(&read("b")));
    both.answer(a, &got("a"));
    both.answer(b, &got("b"));
    both.tell_result(1, &got("b"));
    both.resume();
    let again = both.receive(&read("a"));
    both.answer(again, &got("other"));
    both.tell_result(0, &got("other"));
    both.finish("succeeded");
    both.differs(Wrong::ResultOrder, 4);
}

#[test]
fn payloads_that_are_not_at_hand_are_passed_over() {
    let mut both = honest();
    for event in &mut both.events {
        if let Some(input) = event.data.get_mut("input") {
            *input = json!({ "$blob": Digest::of("gone").to_string(), "bytes": 5000 });
        }
    }
    both.agrees();
}

#[test]
fn what_was_used_up_is_counted_from_what_began() {
    let mut both = Both::new();
    let begun = |key: &str, bytes| What::Begun {
        key: key.into(),
        tool: "t".into(),
        patch_bytes: bytes,
        approval: None,
    };
    let all = [
        begun("a", 0),
        begun("b", 10),
        What::Ended { key: "b".into(), ok: true },
        begun("c", 100),
        What::Ended { key: "c".into(), ok: false },
        begun("d", 1000),
        What::Withdrawn { key: "d".into() },
        What::Sent { rules: vec!["p.yaml:3:5 (api)".into(), "user.yaml:9:5 (all)".into()], bytes: 7 },
        What::Sent { rules: vec!["p.yaml:3:5 (api)".into()], bytes: 30 },
        // of its end nothing is known
        begun("e", 10_000),
    ];
    for what in all {
        both.receipt(what);
    }
    let checked = check(&both.text(), None, Some(&key()));
    let spent = used(&checked.receipts);
    assert_eq!((spent.calls, spent.patch_bytes), (4, 10_010));
    let sent = |rule: &str| spent.sent.get(rule).copied();
    assert_eq!(sent("p.yaml:3:5 (api)"), Some(Sent { requests: 2, bytes: 37 }));
    assert_eq!(sent("user.yaml:9:5 (all)"), Some(Sent { requests: 1, bytes: 7 }));
}

#[test]
fn a_line_that_was_not_written_to_its_end_is_none_where_the_trace_breaks_off() {
    let mut both = honest();
    let torn = format!("{}{{\"at\":5,\"ki", both.text());
    assert!(vouch(&both.told(), &torn, Some(RUN), Some(&key())).discord.is_some());
    both.events.pop();
    assert_eq!(vouch(&both.told(), &torn, Some(RUN), Some(&key())).discord, None);
}

/// The number of the line that a byte of a text is on, from 1.
fn line_of(text: &str, at: usize) -> u64 {
    text[..at].matches('\n').count() as u64 + 1
}

proptest! {
    #[test]
    fn any_byte_that_is_changed_is_found_on_its_line(place in any::<proptest::sample::Index>(), byte in 0u8..128) {
        let both = honest();
        let text = both.text();
        let at = place.index(text.len());
        let mut bytes = text.clone().into_bytes();
        proptest::prop_assume!(bytes[at] != byte);
        bytes[at] = byte;
        let vouched = vouch(&both.told(), &String::from_utf8(bytes).unwrap(), Some(RUN), Some(&key()));
        let found = vouched.discord.expect("a changed byte was not found");
        prop_assert!(matches!(found.what, Wrong::Chain(_)), "{found}");
        prop_assert_eq!(found.receipt, Some(line_of(&text, at)));
    }

    #[test]
    fn any_line_that_is_cut_moved_or_repeated_is_found_at_its_place(
        (from, to) in (0usize..10, 0usize..10).prop_filter("another place", |(from, to)| from != to),
        how in 0..3,
    ) {
        let mut both = honest();
        prop_assert_eq!(both.lines.len(), 9);
        let (from, to) = (from.min(8), to.min(8));
        proptest::prop_assume!(from != to);
        let line = both.lines[from].clone();
        match how {
            0 => drop(both.lines.remove(from)),
            1 => {
                both.lines.remove(from);
                both.lines.insert(to, line);
            }
            _ => both.lines.insert(to, line),
        }
        let found = both.vouched().discord.expect("it was not found");
        if how == 0 && from == 8 {
            // the tail: what its receipt was of is what lacks it
            prop_assert_eq!(found.what, Wrong::Unanswered);
        } else {
            let Wrong::Chain(_) = found.what else { panic!("{found}") };
            let named = found.receipt.unwrap();
            let first = from.min(to) as u64 + 1;
            prop_assert!(named == from as u64 + 1 || named == first, "{found}: from {from} to {to}");
        }
    }
}
