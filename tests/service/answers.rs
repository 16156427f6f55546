//! Calls that ask: what waits is told to who may answer, people sign it, and the same call is made once it is sent again.

use serde_json::{Value, json};

use crate::people::Person;
use crate::program::{Workspace, digest_in};
use crate::served::{Answer, POLICY, Served, made, running};
use crate::tls::Proxy;

/// Under which a change is asked about; `terms` of the approvals.
fn asking(terms: &str) -> String {
    format!("{}approvals: {{ {terms} }}\n", POLICY.replace("apply_patch: allow", "apply_patch: ask"))
}

fn approvers(people: &[&Person<'_>]) -> String {
    let keys: Vec<String> = people.iter().map(|person| format!("'{}'", person.key)).collect();
    format!("approvers: [{}]", keys.join(", "))
}

fn put(content: &str, key: &str) -> Value {
    let changes = json!([{ "op": "put", "path": "a.txt", "content": content }]);
    json!({ "tool": "apply_patch", "input": { "changes": changes }, "idempotency_key": key })
}

fn execute(served: &Served, token: &str, call: &Value) -> Value {
    served.ask_as(token, "POST /v1/tools/execute", &call.to_string()).result()
}

fn kind(result: &Value) -> &str {
    result["error"]["kind"].as_str().unwrap_or("none")
}

fn post(served: &Served, token: &str, path: &str, body: &Value) -> Answer {
    served.ask_as(token, &format!("POST {path}"), &body.to_string())
}

#[test]
fn a_call_asks_a_person_elsewhere_signs_and_the_same_call_is_made_once() {
    let (work, afar) = (Workspace::git(), Workspace::git());
    let ann = Person::at(&afar, "ann");
    work.write("a.txt", "one\n").write("policy.yaml", asking(&approvers(&[&ann])));
    let (ci, carrier) = (made(&work, "ci", &[]), made(&work, "ann", &["--role", "approve"]));
    let served = running(&work);
    afar.write("ann.token", &carrier);
    let key = served.listening["key"].as_str().unwrap();
    let there = ["--runner", served.url(), "--runner-token-file", "ann.token", "--runner-key", key];
    ann.lgflow(&[&["approve"], &there[..]].concat(), &[]).ended(2).says("nothing waits");

    let asked = execute(&served, &ci, &put("two\n", "k"));
    assert_eq!(kind(&asked), "approval_required", "{asked}");
    let nonce = asked["error"]["approval"]["nonce"].as_str().unwrap();
    let open = served.ask_as(&carrier, "GET /v1/approvals", "").result();
    assert_eq!(open["requests"].as_array().unwrap().len(), 1);
    let waiting = &open["requests"][0];
    assert_eq!((&waiting["token"], &waiting["request"]["binding"]["nonce"]), (&"ci".into(), &nonce.into()));
    // asked again, with its key or without, it is the same question
    assert_eq!(execute(&served, &ci, &put("two\n", "k"))["error"]["approval"]["nonce"], nonce);
    assert_eq!(execute(&served, &ci, &put("two\n", ""))["error"]["approval"]["nonce"], nonce);
    let other = execute(&served, &ci, &put("three\n", ""));
    assert_ne!(other["error"]["approval"]["nonce"], nonce);
    assert_eq!(post(&served, &ci, "/v1/tools/execute", &put("three\n", "k")).status, 409);

    let shown = ann.approves(&[&there[..], &[nonce]].concat(), &[]);
    assert!(shown.contains("the token `ci` asks") && shown.contains("+two"), "{shown}");
    assert_eq!(work.read("a.txt"), "one\n", "it is made when it is sent again");
    let done = execute(&served, &ci, &put("two\n", "k"));
    assert_eq!((&done["ok"], work.read("a.txt").as_str()), (&true.into(), "two\n"), "{done}");
    // the key has its result now, and the approval is used
    assert_eq!(execute(&served, &ci, &put("two\n", "k")), done);
    work.write("a.txt", "one\n");
    assert_eq!(kind(&execute(&served, &ci, &put("two\n", "l"))), "approval_required");
    assert_eq!(work.read("a.txt"), "one\n");
}

#[test]
fn who_carries_an_answer_gives_none() {
    let work = Workspace::git();
    let [ann, eve] = ["ann", "eve"].map(|name| Person::at(&work, name));
    work.write("a.txt", "one\n").write("policy.yaml", asking(&approvers(&[&ann])));
    let (ci, carrier) = (made(&work, "ci", &[]), made(&work, "eve", &["--role", "approve"]));
    let served = running(&work);
    work.write("eve.token", &carrier);
    let there = ["--runner", served.url(), "--runner-token-file", "eve.token"];
    execute(&served, &ci, &put("two\n", ""));
    let digest = digest_in(&eve.lgflow(&[&["approve"], &there[..]].concat(), &[]).ended(2).stderr);
    // a key that the policy does not name does not even sign
    let said = eve.lgflow(&[&["approve", "--digest", &digest], &there[..]].concat(), &[]).ended(2);
    assert!(said.stderr.contains("not among those"), "{}", said.stderr);

    // and what it signs all the same, or alters, is not taken
    let open = served.ask_as(&carrier, "GET /v1/approvals", "").result();
    let request: lgflow::effect::ApprovalRequest =
        serde_json::from_value(open["requests"][0]["request"].clone()).unwrap();
    let signed = |key: &std::path::Path| -> Value {
        let pem = std::fs::read_to_string(key).unwrap();
        let signer = lgflow::approval::Signer::Own(lgflow::digest::SecretKey::from_pem(&pem).unwrap());
        let moment = lgflow::approval::Moment {
            millis: open["clock"]["millis"].as_u64().unwrap(),
            boot: open["clock"]["boot"].as_str().unwrap().to_owned(),
        };
        let signature = signer.sign(&request, &moment).unwrap();
        json!(lgflow::approval::add_signature(None, &request, signature).unwrap())
    };
    let (hers, forged) = (signed(&ann.pem), signed(&eve.pem));
    let detail = post(&served, &carrier, "/v1/approvals", &forged).refused(403);
    assert!(detail.contains("not among those that the policy lets approve"), "{detail}");
    for (pointer, value) in [
        ("/signatures/0/expires", json!(u64::MAX)),
        ("/signatures/0/boot", json!("another")),
        ("/binding/node", json!("elsewhere")),
        ("/request", json!(format!("sha256:{}", "0".repeat(64)))),
    ] {
        let mut altered = hers.clone();
        *altered.pointer_mut(pointer).unwrap() = value;
        let detail = post(&served, &carrier, "/v1/approvals", &altered).refused(403);
        assert!(detail.contains("does not count"), "{pointer}: {detail}");
    }
    let mut unsigned = hers.clone();
    unsigned["signatures"] = json!([]);
    post(&served, &carrier, "/v1/approvals", &unsigned).refused(400);
    let mut unknown = hers.clone();
    unknown["binding"]["nonce"] = json!("00");
    post(&served, &carrier, "/v1/approvals", &unknown).refused(404);
    post(&served, &carrier, "/v1/approvals", &json!({ "approve": true })).refused(400);
    assert_eq!(kind(&execute(&served, &ci, &put("two\n", ""))), "approval_required");
    assert_eq!(work.read("a.txt"), "one\n");
    // hers is taken, whoever brings it, and only once
    let taken = post(&served, &carrier, "/v1/approvals", &hers).result();
    assert_eq!((&taken["outcome"], &taken["have"]), (&"approved".into(), &1.into()));
    assert_eq!(execute(&served, &ci, &put("two\n", ""))["ok"], true);
    post(&served, &carrier, "/v1/approvals", &hers).refused(409);
}

#[test]
fn two_keys_are_needed_the_holders_does_not_count_and_a_no_is_a_no() {
    let work = Workspace::git();
    let [ann, bob, cem] = ["ann", "bob", "cem"].map(|name| Person::at(&work, name));
    let terms = format!("{}, quorum: 2, separate: true", approvers(&[&ann, &bob, &cem]));
    work.write("a.txt", "one\n").write("policy.yaml", asking(&terms));
    let (ci, carrier) =
        (made(&work, "ci", &["--key", &cem.key]), made(&work, "people", &["--role", "approve"]));
    let served = running(&work);
    let proxy = Proxy::before(&served, &work);
    let variables = [proxy.trusted(), ("LGFLOW_RUNNER_TOKEN", carrier.clone())];
    let there = ["--runner", proxy.url.as_str()];
    execute(&served, &ci, &put("two\n", ""));
    let digest = digest_in(&cem.lgflow(&[&["approve"], &there[..]].concat(), &variables).ended(2).stderr);
    let own = cem.lgflow(&[&["approve", "--digest", &digest], &there[..]].concat(), &variables).ended(2);
    assert!(own.stderr.contains("started the run"), "{}", own.stderr);
    ann.approves(&there, &variables);
    assert_eq!(kind(&execute(&served, &ci, &put("two\n", ""))), "approval_required");
    let open = served.ask_as(&carrier, "GET /v1/approvals", "").result();
    assert_eq!(open["requests"][0]["signed"], json!([ann.key]));
    bob.approves(&there, &variables);
    assert_eq!(served.ask_as(&carrier, "GET /v1/approvals", "").result()["requests"], json!([]));
    assert_eq!(execute(&served, &ci, &put("two\n", ""))["ok"], true);

    execute(&served, &ci, &put("three\n", ""));
    let no = [&["reject", "--comment", "not on a Friday"], &there[..]].concat();
    ann.lgflow(&no, &variables).ended(0);
    let refused = execute(&served, &ci, &put("three\n", ""));
    assert_eq!(kind(&refused), "rejected", "{refused}");
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(message.contains("not on a Friday") && message.contains("token:people"), "{message}");
    assert_eq!(work.read("a.txt"), "two\n");
}

#[test]
fn who_sits_at_the_machine_answers_without_the_service() {
    let work = Workspace::git();
    work.write("a.txt", "one\n").write("policy.yaml", asking("approvers: [local]"));
    let ci = made(&work, "ci", &[]);
    let served = running(&work);
    let asked = execute(&served, &ci, &put("two\n", ""));
    let nonce = asked["error"]["approval"]["nonce"].as_str().unwrap();
    // its session is in what the runner says beside the protocol, and in the request
    let sessions = std::fs::read_dir(work.state().join("ledger")).unwrap().next().unwrap().unwrap().path();
    let sessions = std::fs::read_dir(sessions.join("sessions")).unwrap();
    let sessions: Vec<String> =
        sessions.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let [session] = sessions.as_slice() else { panic!("{sessions:?}") };
    let shown = work.lgflow(&["approve", session, nonce]).ended(2);
    work.lgflow(&["approve", session, nonce, "--digest", &digest_in(&shown.stderr)]).ended(0);
    assert_eq!(execute(&served, &ci, &put("two\n", ""))["ok"], true);
    assert_eq!(work.read("a.txt"), "two\n");
    let (code, rest) = served.stop();
    assert_eq!((code, rest.as_str()), (Some(0), ""));
}

#[test]
fn what_one_token_asks_is_no_approval_for_another_one_and_nobody_asks_without_end() {
    let work = Workspace::git();
    let ann = Person::at(&work, "ann");
    work.write("a.txt", "one\n").write("policy.yaml", asking(&approvers(&[&ann])));
    let (a, b) = (made(&work, "a", &[]), made(&work, "b", &[]));
    let carrier = made(&work, "ann", &["--role", "approve"]);
    let served = running(&work);
    work.write("ann.token", &carrier);
    let there = ["--runner", served.url(), "--runner-token-file", "ann.token"];
    execute(&served, &a, &put("two\n", ""));
    ann.approves(&there, &[]);
    assert_eq!(kind(&execute(&served, &b, &put("two\n", ""))), "approval_required");
    // under another name of a run it is another place
    let named = json!({ "run": "r", "tool": "apply_patch", "input": put("two\n", "")["input"] });
    assert_eq!(kind(&execute(&served, &a, &named)), "approval_required");
    assert_eq!(work.read("a.txt"), "one\n");
    assert_eq!(execute(&served, &a, &put("two\n", ""))["ok"], true);
    let kinds: Vec<String> =
        (0..80).map(|at| kind(&execute(&served, &b, &put(&format!("{at}\n"), ""))).to_owned()).collect();
    assert_eq!(kinds.iter().filter(|kind| *kind == "approval_required").count(), 63, "one was open before");
    assert_eq!(kinds.last().unwrap(), "limit");
    let open = served.ask_as(&carrier, "GET /v1/approvals", "").result();
    assert_eq!(open["requests"].as_array().unwrap().len(), 65);
    assert_eq!(kind(&execute(&served, &a, &put("a\n", ""))), "approval_required", "each has its own");
}

#[test]
fn a_remark_that_carries_a_secret_is_refused_on_both_sides() {
    let work = Workspace::git();
    let key = "correct-horse-battery-staple";
    let declare = |home: &Workspace| {
        let config = home.outside().join("home/.config/lgflow");
        std::fs::create_dir_all(&config).unwrap();
        let file = home.outside().join("key.txt");
        std::fs::write(&file, key).unwrap();
        std::fs::write(config.join("config.toml"), format!("[secrets.KEY]\nfile = \"{}\"\n", file.display()))
            .unwrap();
    };
    declare(&work);
    work.write("policy.yaml", asking("approvers: [local]"));
    let (ci, people) = (made(&work, "ci", &[]), made(&work, "people", &["--role", "approve"]));
    let served = running(&work);
    work.write("a.txt", "one\n");
    assert_eq!(kind(&execute(&served, &ci, &put("two\n", ""))), "approval_required");
    let open = served.ask_as(&people, "GET /v1/approvals", "").result();
    let nonce = &open["requests"][0]["request"]["binding"]["nonce"];
    let no = json!({
        "schema": "lgflow.rejection/v1", "nonce": nonce, "comment": format!("use {key}"),
        "request": format!("sha256:{}", "0".repeat(64)),
    });
    let detail = served.ask_as(&people, "POST /v1/rejections", &no.to_string()).refused(400);
    assert!(detail.contains("the comment of the answer holds the value of the secret `KEY`"), "{detail}");
    assert!(!detail.contains(key), "{detail}");
    // and it does not leave where it is known
    let runner_key = served.listening["key"].as_str().unwrap();
    let there = ["--runner", served.url(), "--runner-key", runner_key, "--comment", &format!("use {key}")];
    let person = Workspace::git();
    declare(&person);
    let variables = [("LGFLOW_RUNNER_TOKEN", people.as_str())];
    let mut command = person.command(&[&["reject"], &there[..]].concat());
    let said = crate::program::Ran::from(command.envs(variables).output().unwrap()).ended(1).stderr;
    assert!(said.contains("the comment of the answer holds the value of the secret `KEY`"), "{said}");
    assert!(!said.contains(key), "{said}");
}
