//! The ledger on a disk: what is sealed, what is spent, and what two processes and a fault leave.

#![expect(clippy::disallowed_methods, reason = "tests look at the files and alter them")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::approval::{
    Approver, Expected, Moment, Refusal, Signer, Terms, Verified, add_signature, call_digest, verify,
};
use crate::digest::{Digest, MacKey, SecretKey};
use crate::effect::{
    ApprovalBinding, ApprovalRequest, BoundCall, GraphBundle, RootIdentity, RunLimits, RunnerClock, ShownCall,
};

use super::spending::Step;
use super::{
    Answered, ClockThere, ElsewhereRecord, Head, Ledger, LedgerError, Reply, RunRecord, SessionRecord,
    installation_key,
};

fn request(nonce: &str) -> ApprovalRequest {
    let input = json!({ "patch": "x" });
    ApprovalRequest {
        schema: "lgflow.approval_request/v1".into(),
        binding: ApprovalBinding {
            v: 1,
            run: "run".into(),
            node: "node".into(),
            iteration: "node!1".into(),
            calls: vec![BoundCall {
                call_digest: call_digest("apply_patch", &input),
                preimages: BTreeMap::new(),
                paths: Vec::new(),
                target: None,
            }],
            policy_digest: Digest::of("policy"),
            root: RootIdentity { dev: 1, ino: 2 },
            nonce: nonce.into(),
        },
        shown: vec![ShownCall {
            tool: "apply_patch".into(),
            input,
            reason: "asks".into(),
            rule: None,
            diff: None,
        }],
        terms: Terms::default().wire("local:x"),
        issued: 5,
    }
}

fn record(starter: &str) -> RunRecord {
    RunRecord {
        starter: starter.into(),
        graph: None,
        policies: Vec::new(),
        trusted: false,
        profile: None,
        base: None,
        bundle: GraphBundle { root: "graph.yaml".into(), files: Vec::new() },
        limits: RunLimits::default(),
        plan: Digest::of("plan"),
        layers: Vec::new(),
        held: None,
        undoes: None,
        forked: None,
        store: None,
        durability: "batch".into(),
        trace: false,
        elsewhere: None,
        inputs: None,
        given: None,
    }
}

fn ledger(state: &Path) -> Ledger {
    Ledger::open(state, "w-1").unwrap()
}

#[test]
fn a_guest_is_what_no_run_of_this_installation_is_and_waits_while_its_question_is_open() {
    let state = tempfile::tempdir().unwrap();
    let ledger = ledger(state.path());
    let guests = || -> Vec<(String, bool)> {
        let known = ledger.guests().unwrap().into_iter();
        let waits = |id: &str, kind| ledger.guest(id, kind).unwrap().unwrap().waits;
        known.map(|(id, kind)| (id.clone(), waits(&id, kind))).collect()
    };
    assert!(ledger.serve("run", "ci").unwrap() && ledger.serve("other", "ci").unwrap());
    assert_eq!(guests(), [("other".to_owned(), false), ("run".to_owned(), false)]);
    ledger.issue(&request("n")).unwrap();
    assert_eq!(guests()[1], ("run".to_owned(), true));
    let no = Answered::Rejected { by: "local:x".into(), comment: String::new() };
    ledger.answer("n", &no).unwrap();
    assert_eq!(guests()[1], ("run".to_owned(), false));
    ledger.issue(&request("m")).unwrap();
    assert_eq!(guests()[1], ("run".to_owned(), true));
    ledger.spend("m", 0).unwrap();
    assert_eq!(guests()[1], ("run".to_owned(), false));
    // what is begun here is no guest, whoever calls for it
    ledger.begin("other", &record("local:x")).unwrap();
    assert_eq!(guests(), [("run".to_owned(), false)]);
    ledger.forget_run("run").unwrap();
    assert_eq!((guests(), ledger.serve("run", "another").unwrap()), (Vec::new(), true));
}

#[test]
fn the_key_is_made_once_and_is_nobody_elses() {
    let state = tempfile::tempdir().unwrap();
    let key = installation_key(state.path()).unwrap();
    assert_eq!(installation_key(state.path()).unwrap(), key);
    let path = state.path().join("keys/approvals.key");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let refused = installation_key(state.path()).unwrap_err().to_string();
    assert!(refused.contains("may be read by others"), "{refused}");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&path, "short").unwrap();
    assert!(matches!(installation_key(state.path()), Err(LedgerError::Altered(_))));
}

#[test]
fn records_are_read_back_and_others_are_not_believed() {
    let state = tempfile::tempdir().unwrap();
    let ledger = ledger(state.path());
    let nonce = ledger.nonce().unwrap();
    ledger.issue(&request(&nonce)).unwrap();
    ledger.answer(&nonce, &Answered::Rejected { by: "me".into(), comment: "no".into() }).unwrap();
    ledger.reply("run", 3, &Reply { granted: true, ..Reply::default() }).unwrap();
    ledger.begin("run", &record("local:1")).unwrap();
    ledger.begin("run", &record("local:2")).unwrap();
    ledger
        .reach(
            "run",
            &Head { events: 3, hash: Digest::of("x"), receipts: None, discord: None, unheard: None },
        )
        .unwrap();
    assert_eq!(ledger.issued(&nonce).unwrap(), Some(request(&nonce)));
    assert_eq!(ledger.requests("run").unwrap(), [request(&nonce)]);
    assert_eq!(ledger.requests("other").unwrap(), []);
    assert!(matches!(ledger.answered(&nonce).unwrap(), Some(Answered::Rejected { .. })));
    assert!(ledger.replied("run", 3).unwrap().unwrap().granted);
    assert_eq!(ledger.replied("run", 4).unwrap(), None);
    assert_eq!(ledger.begun("run").unwrap(), Some(record("local:1")));
    assert_eq!(ledger.reached("run").unwrap().unwrap().events, 3);
    let folder = state.path().join("ledger/w-1/requests");
    let text = fs::read_to_string(folder.join(&nonce)).unwrap();
    fs::write(folder.join("another"), &text).unwrap();
    assert!(matches!(ledger.issued("another"), Err(LedgerError::Altered(_))), "in another's place");
    fs::write(folder.join(&nonce), text.replace("\"x\"", "\"y\"")).unwrap();
    assert!(matches!(ledger.issued(&nonce), Err(LedgerError::Altered(_))));
    assert_eq!(ledger.requests("run").unwrap(), [], "what was altered is no request");
}

#[test]
fn a_ledger_of_another_installation_is_not_believed() {
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let shipped = ledger(theirs.path());
    shipped.issue(&request("abc")).unwrap();
    let mine = ledger(ours.path());
    fs::copy(theirs.path().join("ledger/w-1/requests/abc"), ours.path().join("ledger/w-1/requests/abc"))
        .unwrap();
    assert!(matches!(mine.issued("abc"), Err(LedgerError::Altered(_))));
}

#[test]
fn a_name_that_leads_elsewhere_is_nobodys() {
    let state = tempfile::tempdir().unwrap();
    let ledger = ledger(state.path());
    for name in ["", "../requests/x", "a/b", ".hidden", "..", "A", "a\0b"] {
        assert_eq!(ledger.issued(name).unwrap(), None, "{name}");
        assert_eq!(ledger.spend(&format!("{name}/"), 0), Err(Refusal::Unknown), "{name}");
    }
}

#[test]
fn each_call_is_spent_once_and_stays_spent() {
    let state = tempfile::tempdir().unwrap();
    let first = ledger(state.path());
    assert!(!first.is_spent("abc"));
    first.spend("abc", 0).unwrap();
    assert_eq!(first.spend("abc", 0), Err(Refusal::Spent));
    first.spend("abc", 1).unwrap();
    let after_restart = ledger(state.path());
    assert!(after_restart.is_spent("abc"));
    assert_eq!(after_restart.spend("abc", 1), Err(Refusal::Spent));
}

#[test]
fn what_a_removed_run_asked_goes_with_it_and_what_was_spent_stays_spent() {
    let state = tempfile::tempdir().unwrap();
    let ledger = ledger(state.path());
    let other = ApprovalRequest {
        binding: ApprovalBinding { run: "other".into(), nonce: "ccc".into(), ..request("").binding },
        ..request("")
    };
    let rejected = || Answered::Rejected { by: "local:x".into(), comment: String::new() };
    for asked in [&request("aaa"), &request("bbb"), &other] {
        ledger.issue(asked).unwrap();
        ledger.answer(&asked.binding.nonce, &rejected()).unwrap();
    }
    ledger.spend("aaa", 0).unwrap();
    ledger.spend("ccc", 0).unwrap();
    assert_eq!(ledger.known_runs().unwrap(), ["other", "run"]);
    // of what another run has asked nothing is read, and what is no request of the run is passed over
    let folder = state.path().join("ledger/w-1");
    fs::write(folder.join("requests/ccc"), "altered").unwrap();
    fs::write(folder.join("asked/run/ccc"), "").unwrap();
    fs::write(folder.join("asked/run/ddd"), "").unwrap();
    assert_eq!(ledger.all_requests("run").unwrap(), [request("aaa"), request("bbb")]);
    assert_eq!(ledger.requests("run").unwrap(), [request("bbb")]);
    fs::remove_file(folder.join("asked/run/ccc")).unwrap();
    ledger.issue(&other).unwrap();
    ledger.forget_run("run").unwrap();
    assert_eq!(ledger.known_runs().unwrap(), ["other"]);
    assert!(!folder.join("asked/run").exists());
    for nonce in ["aaa", "bbb"] {
        assert_eq!((ledger.issued(nonce).unwrap(), ledger.answered(nonce).unwrap()), (None, None), "{nonce}");
    }
    assert!(ledger.issued("ccc").unwrap().is_some() && ledger.answered("ccc").unwrap().is_some());
    // whoever puts it back, sealed as it was
    ledger.issue(&request("aaa")).unwrap();
    assert!(ledger.requests("run").unwrap().is_empty());
    assert_eq!(ledger.spend("aaa", 0), Err(Refusal::Spent));
}

#[test]
fn of_many_that_spend_at_once_one_succeeds() {
    let state = tempfile::tempdir().unwrap();
    let ledgers: Vec<Ledger> = (0..8).map(|_| ledger(state.path())).collect();
    for round in 0..50 {
        let won: usize = std::thread::scope(|scope| {
            let tries: Vec<_> = ledgers
                .iter()
                .map(|ledger| scope.spawn(move || ledger.spend(&format!("n{round}"), 0).is_ok()))
                .collect();
            tries.into_iter().map(|tried| usize::from(tried.join().unwrap())).sum()
        });
        assert_eq!(won, 1);
    }
}

#[test]
fn a_fault_at_any_step_leaves_it_good_or_spent_and_nothing_done() {
    let steps = [Step::Create, Step::Write, Step::SyncFile, Step::SyncFolder];
    for (at, fault) in steps.into_iter().enumerate() {
        let state = tempfile::tempdir().unwrap();
        let ledger = ledger(state.path());
        let mut seen = Vec::new();
        let failed = ledger.spend_with("abc", 0, &mut |step| {
            seen.push(step);
            if step == fault { Err(std::io::Error::other("the disk is gone")) } else { Ok(()) }
        });
        assert!(matches!(failed, Err(Refusal::Unrecorded(_))), "{fault:?}: nothing may be done");
        assert_eq!(seen, steps[..=at]);
        let again = ledger.spend("abc", 0);
        let expected = if fault == Step::Create { Ok(()) } else { Err(Refusal::Spent) };
        assert_eq!(again, expected, "{fault:?}");
        assert_eq!(ledger.spend("abc", 0), Err(Refusal::Spent), "{fault:?}");
    }
}

#[test]
fn a_process_that_is_killed_at_any_step_leaves_it_good_or_spent_and_nothing_done() {
    for (at, step) in [Step::Create, Step::Write, Step::SyncFile, Step::SyncFolder].into_iter().enumerate() {
        let state = tempfile::tempdir().unwrap();
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "ledger::tests::is_killed_where_it_is_told", "--ignored"])
            .env("LGFLOW_TEST_FOLDER", state.path())
            .env("LGFLOW_TEST_STEP", at.to_string())
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert_eq!(status.signal(), Some(9), "{step:?}: {status}");
        assert!(!state.path().join("done").exists(), "{step:?}");
        let restarted = ledger(state.path());
        let expected = if step == Step::Create { Ok(()) } else { Err(Refusal::Spent) };
        assert_eq!(restarted.spend("abc", 0), expected, "{step:?}");
        assert_eq!(ledger(state.path()).spend("abc", 0), Err(Refusal::Spent), "{step:?}");
    }
}

#[test]
#[ignore = "the victim of the test above, which starts it"]
fn is_killed_where_it_is_told() {
    let folder = std::path::PathBuf::from(std::env::var_os("LGFLOW_TEST_FOLDER").unwrap());
    let last: usize = std::env::var("LGFLOW_TEST_STEP").unwrap().parse().unwrap();
    let mut passed = 0;
    let spent = ledger(&folder).spend_with("abc", 0, &mut |_| {
        if passed == last {
            Command::new("sh").args(["-c", "kill -9 $PPID"]).status().unwrap();
        }
        passed += 1;
        Ok(())
    });
    spent.unwrap();
    fs::write(folder.join("done"), "").unwrap();
}

#[test]
fn a_refusal_is_a_line() {
    let state = tempfile::tempdir().unwrap();
    let ledger = ledger(state.path());
    ledger.refuse("run", "node", "abc", &Refusal::Expired).unwrap();
    ledger.refuse("run", "node", "abc", &Refusal::Spent).unwrap();
    let text = fs::read_to_string(state.path().join("ledger/w-1/refused.jsonl")).unwrap();
    let kinds: Vec<String> = text
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["kind"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(kinds, ["expired", "spent"]);
}

#[test]
fn a_folder_that_others_may_write_is_refused() {
    let state = tempfile::tempdir().unwrap();
    drop(ledger(state.path()));
    let spent = state.path().join("ledger/w-1/spent");
    fs::set_permissions(&spent, fs::Permissions::from_mode(0o777)).unwrap();
    let refused = Ledger::open(state.path(), "w-1").unwrap_err().to_string();
    assert!(refused.contains("may be written by others"), "{refused}");
}

#[test]
fn what_is_signed_for_a_runner_on_another_machine_counts_there_by_its_clock_and_in_its_boot() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(folder.path(), "w").unwrap();
    let key = SecretKey::new([7; 32]);
    let terms = Terms { approvers: [Approver::Key(key.public())].into(), ..Terms::default() };
    let hour = 3_600_000;
    // its clock is an hour ahead of ours, or behind; it asks, and hears the answer a little later
    for there in [10 * hour, 8 * hour] {
        let clock = RunnerClock { millis: there, boot: "there".into(), installation: "local:there".into() };
        let here = |millis| Moment { millis, boot: "here".to_owned() };
        ledger.hear_clock("run", &ClockThere::heard(&clock, &here(9 * hour + 20))).unwrap();
        let known = ledger.clock("run").unwrap().unwrap();
        let fresh = request("ab");
        let asked = ApprovalRequest { terms: terms.wire("token:ci"), issued: there + 10, ..fresh };
        let counts = |moment: &Moment, checked: &Moment| -> Result<Verified, Refusal> {
            let signature = Signer::Own(key.clone()).sign(&asked, moment)?;
            let approval = add_signature(None, &asked, signature)?;
            let expected = Expected {
                issued: &asked,
                now: &asked.binding,
                terms: &terms,
                starter: "token:ci",
                moment: checked,
                local: &MacKey::new([1; 32]),
            };
            verify(&approval, &expected)
        };
        let (at_once, later) = (here(9 * hour + 21), here(9 * hour + 5000));
        let theirs = |millis| Moment { millis: there + millis, boot: "there".to_owned() };
        assert!(counts(&known.at(&at_once, &asked), &theirs(40)).is_ok());
        assert!(counts(&known.at(&later, &asked), &theirs(5000)).is_ok());
        // by our own clock and boot it would not
        assert!(counts(&later, &theirs(5000)).is_err());
        // and it is good for as long as the terms say, by theirs
        assert_eq!(
            counts(&known.at(&later, &asked), &theirs(5000 + 3_600_000)).unwrap_err(),
            Refusal::Expired
        );
        let anew = Moment { boot: "later".into(), ..theirs(5000) };
        assert_eq!(counts(&known.at(&later, &asked), &anew).unwrap_err(), Refusal::OtherBoot);
    }
    assert_eq!(ledger.clock("other").unwrap(), None);
}

#[test]
fn a_run_of_elsewhere_is_one_holders_and_has_no_id_that_is_known_as_anything_else() {
    let state = tempfile::tempdir().unwrap();
    let ledger = ledger(state.path());
    assert!(ledger.serve("fresh", "a").unwrap() && ledger.serve("fresh", "a").unwrap());
    assert!(!ledger.serve("fresh", "b").unwrap() && !ledger.serve("no name", "a").unwrap());

    ledger.begin("own", &record("local:x")).unwrap();
    let session = SessionRecord {
        protocol: "http".into(),
        starter: "k".into(),
        opened: 1,
        layers: Vec::new(),
        holder: None,
    };
    ledger.open_session("session", &session).unwrap();
    let mut asked = request("01");
    asked.binding.run = "asked".into();
    ledger.issue(&asked).unwrap();
    let head = Head { events: 1, hash: Digest::of("h"), receipts: None, discord: None, unheard: None };
    ledger.reach("reached", &head).unwrap();
    let clock = ClockThere { boot: "b".into(), ahead: 0, installation: "i".into() };
    ledger.hear_clock("clocked", &clock).unwrap();
    ledger.take_receipts("told", "a line\n").unwrap();
    for known in ["own", "session", "asked", "reached", "clocked", "told"] {
        assert!(!ledger.serve(known, "a").unwrap(), "{known}");
    }
    // who began a run elsewhere here has it served here as well
    let there = ElsewhereRecord { url: "unix:/x".into(), token_file: None, key: None };
    ledger.begin("there", &RunRecord { elsewhere: Some(there), ..record("local:x") }).unwrap();
    assert!(ledger.serve("there", "a").unwrap() && !ledger.serve("there", "b").unwrap());
    ledger.hear_clock("there", &clock).unwrap();
    assert!(ledger.serve("there", "a").unwrap());
}
