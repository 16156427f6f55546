//! Everything that an approval is bound to, altered one by one; and who counts, when, and how often.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::json;

use crate::digest::{Digest, MacKey, SecretKey};
use crate::effect::{
    Approval, ApprovalBinding, ApprovalRequest, BoundCall, BoundTarget, RootIdentity, ShownCall,
};

use super::{
    Approver, Expected, Moment, Refusal, Signer, Terms, Verified, add_signature, call_digest, verify,
};

const ISSUED: u64 = 1_000_000;

fn at(millis: u64) -> Moment {
    Moment { millis, boot: "boot".to_owned() }
}

fn local() -> MacKey {
    MacKey::new([3; 32])
}

fn key(seed: u8) -> SecretKey {
    SecretKey::new([seed; 32])
}

fn request_of(inputs: &[serde_json::Value], terms: &Terms) -> ApprovalRequest {
    let calls = inputs.iter().map(|input| BoundCall {
        call_digest: call_digest("apply_patch", input),
        preimages: BTreeMap::from([("a.txt".to_owned(), Some(Digest::of("before")))]),
        paths: vec!["a.txt".to_owned()],
        target: Some(BoundTarget::Program { path: "/usr/bin/x".into(), digest: Digest::of("x") }),
    });
    let shown = inputs.iter().map(|input| ShownCall {
        tool: "apply_patch".into(),
        input: input.clone(),
        reason: "asks".into(),
        rule: None,
        diff: None,
    });
    ApprovalRequest {
        schema: "lgflow.approval_request/v1".into(),
        binding: ApprovalBinding {
            v: 1,
            run: "run".into(),
            node: "node".into(),
            iteration: "node!1".into(),
            calls: calls.collect(),
            policy_digest: Digest::of("policy"),
            root: RootIdentity { dev: 1, ino: 2 },
            nonce: "nonce".into(),
        },
        shown: shown.collect(),
        terms: terms.wire("local:starter"),
        issued: ISSUED,
    }
}

fn request() -> ApprovalRequest {
    request_of(&[json!({ "patch": "x" })], &Terms::default())
}

fn signed(request: &ApprovalRequest, signers: &[Signer], when: &Moment) -> Approval {
    let mut approval = None;
    for signer in signers {
        let signature = signer.sign(request, when).unwrap();
        approval = Some(add_signature(approval, request, signature).unwrap());
    }
    approval.unwrap()
}

/// Something that is otherwise now.
type Change = fn(&mut ApprovalBinding);

struct Case {
    issued: ApprovalRequest,
    now: ApprovalBinding,
    terms: Terms,
    starter: String,
    moment: Moment,
}

impl Case {
    fn of(request: &ApprovalRequest) -> Self {
        Self {
            issued: request.clone(),
            now: request.binding.clone(),
            terms: Terms::default(),
            starter: "local:starter".into(),
            moment: at(ISSUED + 10),
        }
    }

    fn verify(&self, approval: &Approval) -> Result<Verified, Refusal> {
        let (local, Case { issued, now, terms, starter, moment }) = (local(), self);
        verify(approval, &Expected { issued, now, terms, starter, moment, local: &local })
    }
}

fn by_local() -> (ApprovalRequest, Approval) {
    let request = request();
    let approval = signed(&request, &[Signer::Local(local())], &at(ISSUED + 1));
    (request, approval)
}

#[test]
fn what_was_shown_and_signed_counts_once() {
    let (request, approval) = by_local();
    let verified = Case::of(&request).verify(&approval).unwrap();
    assert_eq!(verified.by().count(), 1);
    let spent = verified.spend(0, |nonce, index| {
        assert_eq!((nonce, index), ("nonce", 0));
        Ok(())
    });
    assert_eq!(spent.unwrap().call(), request.binding.calls[0].call_digest);
    assert_eq!(verified.spend(0, |_, _| Err(Refusal::Spent)).unwrap_err(), Refusal::Spent);
    assert_eq!(verified.spend(1, |_, _| Ok(())).unwrap_err(), Refusal::OtherCall);
}

#[test]
fn what_is_shown_must_be_what_is_signed_to_the_byte() {
    let mut request = request();
    request.shown[0].input = json!({ "patch": "y" });
    assert_eq!(Signer::Local(local()).sign(&request, &at(ISSUED)), Err(Refusal::OtherCall));
    request.shown.clear();
    assert_eq!(Signer::Local(local()).sign(&request, &at(ISSUED)), Err(Refusal::OtherCall));
}

#[test]
fn whatever_is_altered_in_an_approval_is_seen() {
    let (request, approval) = by_local();
    let case = Case::of(&request);
    let alterations: [fn(&mut Approval); 14] = [
        |approval| approval.schema = "lgflow.approval/v2".into(),
        |approval| approval.request = Digest::of("other"),
        |approval| approval.binding.v = 2,
        |approval| approval.binding.run = "other".into(),
        |approval| approval.binding.node = "other".into(),
        |approval| approval.binding.iteration = "node!2".into(),
        |approval| approval.binding.nonce = "other".into(),
        |approval| approval.binding.policy_digest = Digest::of("other"),
        |approval| approval.binding.root.ino = 3,
        |approval| approval.binding.calls[0].call_digest = Digest::of("other"),
        |approval| approval.signatures[0].expires += 1,
        |approval| approval.signatures[0].not_before -= 1,
        |approval| approval.signatures[0].boot = "other".into(),
        |approval| approval.signatures[0].signature.truncate(40),
    ];
    for (at, alter) in alterations.into_iter().enumerate() {
        let mut altered = approval.clone();
        alter(&mut altered);
        assert_eq!(case.verify(&altered).unwrap_err(), Refusal::Forged, "alteration {at}");
    }
    let other = Signer::Local(MacKey::new([4; 32])).sign(&request, &at(ISSUED)).unwrap();
    let forged = add_signature(None, &request, other).unwrap();
    assert_eq!(case.verify(&forged).unwrap_err(), Refusal::Forged);
    let mut unsigned = approval;
    unsigned.signatures.clear();
    assert_eq!(case.verify(&unsigned).unwrap_err(), Refusal::Quorum { have: 0, want: 1 });
}

#[test]
fn what_has_changed_since_is_refused_by_name() {
    let (request, approval) = by_local();
    let changes: [(Change, Refusal); 9] = [
        (|now| now.run = "other".into(), Refusal::OtherPlace),
        (|now| now.iteration = "node#2!1".into(), Refusal::OtherPlace),
        (
            |now| now.calls[0].call_digest = call_digest("apply_patch", &json!({"patch": "y"})),
            Refusal::OtherCall,
        ),
        (|now| now.policy_digest = Digest::of("other"), Refusal::OtherPolicy),
        (|now| now.root.dev = 9, Refusal::OtherWorkspace),
        (
            |now| now.calls[0].preimages.extend([("a.txt".into(), Some(Digest::of("after")))]),
            Refusal::TargetChanged("a.txt".into()),
        ),
        (
            |now| now.calls[0].preimages.extend([("b.txt".into(), None)]),
            Refusal::TargetChanged("b.txt".into()),
        ),
        (|now| now.calls[0].paths.push("c.txt".into()), Refusal::TargetChanged("c.txt".into())),
        (|now| now.calls[0].target = None, Refusal::TargetChanged("/usr/bin/x".into())),
    ];
    for (change, refusal) in changes {
        let mut case = Case::of(&request);
        change(&mut case.now);
        assert_eq!(case.verify(&approval).unwrap_err(), refusal);
    }
}

#[test]
fn a_list_is_approved_as_it_is() {
    let inputs = [json!({"n": 1}), json!({"n": 2}), json!({"n": 3})];
    let request = request_of(&inputs, &Terms::default());
    let approval = signed(&request, &[Signer::Local(local())], &at(ISSUED));
    Case::of(&request).verify(&approval).unwrap();
    let mut longer = Case::of(&request);
    let fourth = BoundCall {
        call_digest: call_digest("apply_patch", &json!({"n": 4})),
        ..longer.now.calls[0].clone()
    };
    longer.now.calls.push(fourth);
    assert_eq!(longer.verify(&approval).unwrap_err(), Refusal::OtherCall);
    let mut turned = Case::of(&request);
    turned.now.calls.swap(0, 1);
    assert_eq!(turned.verify(&approval).unwrap_err(), Refusal::OtherCall);
    let mut shorter = Case::of(&request);
    shorter.now.calls.pop();
    assert_eq!(shorter.verify(&approval).unwrap_err(), Refusal::OtherCall);
}

#[test]
fn time_runs_out_and_never_back() {
    let (request, approval) = by_local();
    let mut case = Case::of(&request);
    case.moment = at(ISSUED + 1 + 3_599_999);
    case.verify(&approval).unwrap();
    case.moment = at(ISSUED + 1 + 3_600_000);
    assert_eq!(case.verify(&approval).unwrap_err(), Refusal::Expired);
    case.moment = at(ISSUED);
    assert_eq!(case.verify(&approval).unwrap_err(), Refusal::ClockMovedBack);
    case.moment = Moment { boot: "next".into(), ..at(ISSUED + 10) };
    assert_eq!(case.verify(&approval).unwrap_err(), Refusal::OtherBoot);
    let mut shorter = Case::of(&request);
    shorter.terms.ttl = Duration::from_millis(5);
    shorter.moment = at(ISSUED + 7);
    assert_eq!(shorter.verify(&approval).unwrap_err(), Refusal::Expired);
    assert_eq!(Signer::Local(local()).sign(&request, &at(ISSUED - 1)), Err(Refusal::ClockMovedBack));
}

#[test]
fn a_quorum_is_of_distinct_keys_that_may() {
    let (one, two, three) = (key(1), key(2), key(3));
    let approvers: BTreeSet<Approver> =
        [&one, &two].into_iter().map(|key| Approver::Key(key.public())).collect();
    let terms = Terms { quorum: 2, approvers, ..Terms::default() };
    let request = request_of(&[json!({})], &terms);
    let case = Case { terms: terms.clone(), ..Case::of(&request) };
    let both = signed(&request, &[Signer::Own(one.clone()), Signer::Own(two.clone())], &at(ISSUED));
    assert_eq!(case.verify(&both).unwrap().by().count(), 2);
    let short = Refusal::Quorum { have: 1, want: 2 };
    let again = signed(&request, &[Signer::Own(one.clone()), Signer::Own(one.clone())], &at(ISSUED));
    assert_eq!(case.verify(&again).unwrap_err(), short);
    let mut doubled = again;
    doubled.signatures.push(doubled.signatures[0].clone());
    assert_eq!(case.verify(&doubled).unwrap_err(), short);
    let stranger = signed(&request, &[Signer::Own(one.clone()), Signer::Own(three)], &at(ISSUED));
    assert!(matches!(case.verify(&stranger).unwrap_err(), Refusal::NotAnApprover(_)));
    let machine = signed(&request, &[Signer::Own(one), Signer::Local(local())], &at(ISSUED));
    assert!(matches!(case.verify(&machine).unwrap_err(), Refusal::NotAnApprover(_)));
}

#[test]
fn the_key_that_started_the_run_does_not_count_where_it_must_not() {
    let request = request_of(&[json!({})], &Terms { separate: true, ..Terms::default() });
    let signer = Signer::Local(local());
    let approval = signed(&request, std::slice::from_ref(&signer), &at(ISSUED));
    let mut case = Case::of(&request);
    case.verify(&approval).unwrap();
    case.starter = signer.key();
    assert_eq!(case.verify(&approval).unwrap_err(), Refusal::Starter);
}

#[test]
fn terms_that_no_keys_can_meet_say_so() {
    let (local, person) = (Approver::Local, Approver::Key(key(1).public()));
    assert_eq!(Approver::of_key(&Signer::Local(super::tests::local()).key()), Some(local));
    assert_eq!(Approver::of_key(&Signer::Own(key(1)).key()), Some(person));
    assert_eq!(Approver::of_key("localhost"), None);
    let terms = |quorum, separate, approvers: &[Approver]| Terms {
        quorum,
        separate,
        approvers: approvers.iter().copied().collect(),
        ..Terms::default()
    };
    for (terms, starter, said) in [
        (terms(1, false, &[]), None, Some("no key")),
        (terms(5, false, &[local]), Some(local), Some("is 5, and `approvals.approvers` names 1;")),
        (terms(1, true, &[local]), Some(local), Some("names 0 beside the key that started")),
        (terms(2, true, &[local, person]), Some(person), Some("names 1 beside")),
        (terms(1, true, &[local]), Some(person), None),
        (terms(1, true, &[local, person]), Some(local), None),
        (terms(2, false, &[local, person]), Some(local), None),
    ] {
        let wanting = terms.wanting(starter);
        assert_eq!(wanting.is_some(), said.is_some(), "{terms:?}");
        assert!(wanting.unwrap_or_default().contains(said.unwrap_or_default()), "{terms:?}");
    }
}

#[test]
fn terms_of_then_and_now_bind_both() {
    let (request, approval) = by_local();
    let mut case = Case::of(&request);
    case.terms.quorum = 2;
    assert_eq!(case.verify(&approval).unwrap_err(), Refusal::Quorum { have: 1, want: 2 });
    let mut nobody = Case::of(&request);
    nobody.terms.approvers.clear();
    assert!(matches!(nobody.verify(&approval).unwrap_err(), Refusal::NotAnApprover(_)));
    let other = Terms { approvers: BTreeSet::from([Approver::Key(key(1).public())]), ..Terms::default() };
    assert!(Terms::default().meet(&other).approvers.is_empty());
}
