//! Tokens: made once and shown once; each with its own calls, keys and changes.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use serde_json::{Value, json};

use crate::program::Workspace;
use crate::served::{BOOK, POLICY, Served, made, running};

fn workspace() -> Workspace {
    let work = Workspace::git();
    work.write("policy.yaml", POLICY);
    work
}

#[test]
fn a_token_is_shown_once_and_the_file_is_the_users_alone() {
    let work = workspace();
    let token = made(&work, "ci", &[]);
    let file = work.path().join("../tokens.json");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!work.read("../tokens.json").contains(&token));
    let printed =
        work.lgflow(&[&["runner", "token", "new", "eye", "--role", "read"], BOOK].concat()).ended(0);
    assert!(printed.stdout.trim().starts_with("lgflow_") && printed.stderr.contains("shown this once"));
    work.lgflow(&[&["runner", "token", "new", "ci"], BOOK].concat())
        .ended(2)
        .says("there is a token `ci` already");
    work.lgflow(&[&["runner", "token", "new", "A B"], BOOK].concat()).ended(2).says("no name of a token");
    work.write("../plain", "a-plain-token-of-tests");
    work.lgflow(&["runner", "token", "new", "b", "--token-file", "../plain"]).ended(2).says("a single token");
    let served = running(&work);
    assert_eq!(served.ask_as(&token, "GET /readyz", "").status, 200);
    assert_eq!(served.ask_as(printed.stdout.trim(), "GET /readyz", "").status, 200);
}

#[test]
fn a_file_with_a_single_word_is_a_token_too() {
    let work = Workspace::git();
    work.write("policy.yaml", POLICY).write("../plain", "a-plain-token-of-tests\n").write("a.txt", "a");
    let served = Served::with(
        &work,
        &["--listen", "localhost:0", "--policy", "policy.yaml", "--token-file", "../plain"],
        &[],
    );
    let call = json!({ "tool": "read_file", "input": { "path": "a.txt" } }).to_string();
    assert_eq!(served.ask_as("a-plain-token-of-tests", "POST /v1/tools/execute", &call).result()["ok"], true);
}

#[test]
fn a_token_is_good_in_its_workspace_under_its_policy_and_refused_everywhere_else() {
    let (work, other) = (workspace(), workspace());
    let call = json!({ "tool": "list_files", "input": { "path": "." } }).to_string();
    let status = |served: &Served, token: &str| served.ask_as(token, "POST /v1/tools/execute", &call).status;
    let (here, there) = (made(&work, "here", &[]), made(&other, "there", &[]));
    // one file for both, as a user keeps it
    let read = |work: &Workspace| -> Value { serde_json::from_str(&work.read("../tokens.json")).unwrap() };
    let mut both = read(&work);
    both["tokens"].as_array_mut().unwrap().extend(read(&other)["tokens"].as_array().unwrap().iter().cloned());
    work.write("../tokens.json", both.to_string());
    let one = running(&work);
    assert_eq!((status(&one, &here), status(&one, &there)), (200, 403));
    let detail = one.ask_as(&there, "GET /readyz", "").refused(403);
    assert!(detail.contains("`there`") && detail.contains("another workspace"), "{detail}");
    one.ask_as(&there, "GET /v1/runs/open", "").refused(403);
    one.stop();

    work.write("policy.yaml", POLICY.replace("rollback: allow", "rollback: ask"));
    let later = made(&work, "later", &[]);
    let two = running(&work);
    assert_eq!((status(&two, &here), status(&two, &later)), (403, 200));
    let detail = two.ask_as(&here, "GET /v1/capabilities", "").refused(403);
    assert!(detail.contains("`here`") && detail.contains("another policy"), "{detail}");
    two.stop();

    // bound anew, it is the same token
    let bound =
        work.lgflow(&[&["runner", "token", "bind", "here", "--format", "json"], BOOK].concat()).ended(0);
    assert_eq!(bound.json()["schema"], "lgflow.token_bound/v1");
    let three = running(&work);
    assert_eq!((status(&three, &here), status(&three, &later), status(&three, &there)), (200, 200, 403));
    let policy = three.ask_as(&here, "GET /v1/capabilities", "").result()["policy_digest"].clone();
    assert_eq!(bound.json()["policy"], policy);
    work.lgflow(&[&["runner", "token", "bind", "nobody"], BOOK].concat()).ended(2).says("no token `nobody`");
}

#[test]
fn where_no_token_is_good_nothing_is_served() {
    let work = workspace();
    made(&work, "ci", &[]);
    work.write("policy.yaml", POLICY.replace("rollback: allow", "rollback: ask"));
    work.lgflow(&[&["runner", "--listen", "127.0.0.1:0"], BOOK].concat())
        .ended(2)
        .says("no token of the file is good here")
        .says("lgflow runner token bind ci");
    let unbound = json!({ "schema": "lgflow.tokens/v1", "tokens": [
        { "name": "ci", "role": "call", "hash": format!("sha256:{}", "0".repeat(64)) },
    ] });
    work.write("../tokens.json", unbound.to_string());
    work.lgflow(&[&["runner", "--listen", "127.0.0.1:0"], BOOK].concat())
        .ended(2)
        .says("bound to no workspace and no policy");
}

#[test]
fn what_one_token_did_another_one_neither_sees_nor_ends_nor_replays_nor_takes_back() {
    let work = workspace();
    work.write("a.txt", "one\n");
    let (a, b) = (made(&work, "a", &[]), made(&work, "b", &[]));
    let (a, b) = (a.as_str(), b.as_str());
    let served = running(&work);
    let execute =
        |token: &str, call: &Value| served.ask_as(token, "POST /v1/tools/execute", &call.to_string());
    let count = |key: &str| json!({ "tool": "exec", "input": { "argv": ["sh", "-c", "echo x >> n.txt; wc -l < n.txt"] }, "idempotency_key": key });
    assert_eq!(execute(a, &count("k")).result()["stdout"], "1\n");
    // the same key is another call of another one
    assert_eq!(execute(b, &count("k")).result()["stdout"], "2\n");
    assert_eq!(execute(a, &count("k")).result()["stdout"], "1\n");
    let own = json!({ "tool": "read_file", "input": { "path": "a.txt" }, "idempotency_key": "own" });
    execute(a, &own).result();
    served.ask_as(b, "DELETE /v1/calls/own", "").refused(404);
    let sleep = json!({ "tool": "exec", "input": { "argv": ["sleep", "617"] }, "idempotency_key": "nap" });
    std::thread::scope(|scope| {
        let napping = scope.spawn(|| execute(a, &sleep).result());
        let asleep =
            crate::program::processes::wait_for_descendant(served.id(), |line| line.contains("sleep 617"));
        served.ask_as(b, "DELETE /v1/calls/nap", "").refused(404);
        assert!(crate::program::processes::alive(asleep));
        assert_eq!(served.ask_as(a, "DELETE /v1/calls/nap", "").result()["cancelled"], true);
        assert_eq!(napping.join().unwrap()["error"]["kind"], "cancelled");
    });
    let patch = |run: &str| json!({ "tool": "apply_patch", "run": run, "node": "n", "input": { "changes": [{ "op": "put", "path": "a.txt", "content": "two\n" }] } });
    let back = |run: &str| json!({ "tool": "rollback", "run": run, "input": { "to": "start" } });
    for run in ["", "r"] {
        work.write("a.txt", "one\n");
        assert_eq!(execute(a, &patch(run)).result()["ok"], true);
        execute(b, &back(run)).result();
        assert_eq!(work.read("a.txt"), "two\n", "{run:?}");
        assert_eq!(execute(a, &back(run)).result()["ok"], true);
        assert_eq!(work.read("a.txt"), "one\n", "{run:?}");
    }
}

#[test]
fn a_file_of_tokens_that_calls_could_reach_or_others_write_is_refused() {
    let work = workspace();
    made(&work, "ci", &[]);
    let book = work.read("../tokens.json");
    work.write("conf/tokens.json", &book).write("../open.json", &book);
    fs::set_permissions(work.path().join("../open.json"), fs::Permissions::from_mode(0o666)).unwrap();
    symlink("work/conf/tokens.json", work.path().join("../link.json")).unwrap();
    fs::hard_link(work.path().join("conf/tokens.json"), work.path().join("../twin.json")).unwrap();
    for (file, why) in [
        ("conf/tokens.json", "lies in the workspace"),
        ("new.json", "lies in the workspace"),
        ("../link.json", "lies in the workspace"),
        ("../twin.json", "has 2 names"),
        ("../open.json", "others than its owner may write it (mode 666)"),
    ] {
        let make = ["runner", "token", "new", "eve", "--token-file", file, "--policy", "policy.yaml"];
        work.lgflow(&make).ended(2).says(why);
        if file != "new.json" {
            let serve =
                ["runner", "--listen", "127.0.0.1:0", "--policy", "policy.yaml", "--token-file", file];
            work.lgflow(&serve).ended(2).says(why);
            let serve = ["mcp", "--listen", "127.0.0.1:0", "--policy", "policy.yaml", "--token-file", file];
            work.lgflow(&serve).ended(2).says(why);
        }
    }
    assert!(!work.path().join("new.json").exists());
    assert_eq!(work.read("conf/tokens.json"), book);
}
