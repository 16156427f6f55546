//! Which role may ask what: each of them at each endpoint, as the description says it.

use serde_json::{Value, json};

use crate::program::Workspace;
use crate::served::{Answer, POLICY, Served, made, running};

const ROLES: [&str; 3] = ["call", "approve", "read"];
const METHODS: [&str; 3] = ["get", "post", "delete"];

/// An endpoint, as the description has it.
struct Endpoint {
    line: String,
    roles: Vec<String>,
}

/// All that need a token.
fn endpoints(description: &Value) -> Vec<Endpoint> {
    let paths = description["paths"].as_object().unwrap();
    let of = |(path, methods): (&String, &Value)| {
        let path = path.clone();
        let methods = methods.as_object().unwrap().clone();
        methods.into_iter().map(move |(method, operation)| {
            assert!(METHODS.contains(&method.as_str()), "{method}");
            let roles = operation["security"].as_array().unwrap_or_else(|| panic!("{path} says no roles"));
            let word = |one: &Value| one["token"][0].as_str().unwrap().to_owned();
            let path = path.replace("{key}", "a-key");
            Endpoint {
                line: format!("{} {path}", method.to_uppercase()),
                roles: roles.iter().map(word).collect(),
            }
        })
    };
    let open = ["GET /healthz", "GET /v1/identity"];
    paths.iter().flat_map(of).filter(|endpoint| !open.contains(&endpoint.line.as_str())).collect()
}

fn asked(served: &Served, token: &str, line: &str) -> Answer {
    let call = json!({ "tool": "list_files", "input": { "path": "." } });
    served.ask_as(token, line, &if line.starts_with("POST") { call.to_string() } else { String::new() })
}

#[test]
fn each_role_may_ask_what_the_description_gives_it_and_nothing_else() {
    let work = Workspace::git();
    work.write("policy.yaml", POLICY);
    let tokens = ROLES.map(|role| (role, made(&work, role, &["--role", role])));
    let served = running(&work);
    let description = asked(&served, &tokens[0].1, "GET /openapi.json").json();
    let all = endpoints(&description);
    assert_eq!(all.len(), 12, "the endpoints changed: look at who may ask them");
    for Endpoint { line, roles } in &all {
        assert!(
            !roles.is_empty() && roles.iter().all(|role| ROLES.contains(&role.as_str())),
            "{line}: {roles:?}"
        );
        for (role, token) in &tokens {
            let answer = asked(&served, token, line);
            let may = roles.iter().any(|one| one == role);
            assert_eq!(answer.status != 403, may, "{role}: {line}: {} {}", answer.status, answer.body);
            if !may {
                let detail = answer.refused(403);
                assert!(detail.contains(&format!("`{role}`")) && detail.contains(&roles[0]), "{detail}");
            }
        }
    }
    // the three that differ are told apart as the design has them
    let of = |line: &str| all.iter().find(|one| one.line == line).unwrap().roles.join(" ");
    assert_eq!(of("POST /v1/tools/execute"), "call");
    assert_eq!(of("GET /v1/runs/open"), "call");
    assert_eq!(of("POST /v1/approvals"), "approve");
    assert_eq!(of("GET /metrics"), "call approve read");
}

#[test]
fn a_token_for_single_calls_opens_no_run_so_it_is_never_believed_about_origins() {
    let work = Workspace::git();
    let flows =
        "flows: [{ from: any, to: code, verdict: allow }, { from: llm, to: exec.argv, verdict: deny }]";
    let policy = POLICY.replace("flows: [{ from: any, to: code, verdict: allow }]", flows);
    assert!(policy.contains(flows));
    work.write("policy.yaml", policy);
    let tokens = [made(&work, "ci", &[]), made(&work, "agent", &["--no-runs"])];
    work.lgflow(
        &[
            &["runner", "token", "new", "eye", "--role", "read", "--no-runs"][..],
            &["--token-file", "../none.json"],
        ]
        .concat(),
    )
    .ended(2)
    .says("is for tokens of the role `call`");
    let served = running(&work);
    let [ci, agent] = tokens.map(|token| {
        let opened = served.ask_as(&token, "GET /v1/runs/open", "");
        let mut call = json!({ "tool": "exec", "input": { "argv": ["sleep", "0"] } });
        call["provenance"] = json!({ "*": ["user"] });
        let result = served.ask_as(&token, "POST /v1/tools/execute", &call.to_string()).result();
        assert_eq!(
            (&result["error"]["kind"], &result["error"]["rule"]["rule"]),
            (&json!("denied"), &json!("flows[llm -> exec.argv]")),
            "{result}"
        );
        let listed =
            served.ask_as(&token, "POST /v1/tools/execute", "{\"tool\": \"list_files\", \"input\": {}}");
        assert_eq!(listed.result()["ok"], true);
        opened
    });
    // it was to be upgraded
    assert_eq!(ci.status, 426, "{}", ci.body);
    let detail = agent.refused(403);
    assert!(detail.contains("`agent` is for single calls, and opens no run"), "{detail}");
}

#[test]
fn a_request_for_the_head_alone_needs_the_same_role() {
    let work = Workspace::git();
    work.write("policy.yaml", POLICY);
    let (call, approve) = (made(&work, "ci", &[]), made(&work, "ann", &["--role", "approve"]));
    let served = running(&work);
    assert_eq!(served.ask_as(&call, "HEAD /v1/approvals", "").status, 403);
    assert_eq!(served.ask_as(&approve, "HEAD /v1/approvals", "").status, 200);
    assert_eq!(served.ask_as(&call, "PUT /v1/approvals", "").status, 405);
}

#[test]
fn a_socket_without_tokens_takes_calls_and_no_answers() {
    let work = Workspace::git();
    work.write("policy.yaml", POLICY);
    let address = format!("unix:{}", work.outside().join("run/runner.sock").display());
    let served = Served::with(&work, &["--listen", &address, "--policy", "policy.yaml"], &[]);
    let headers = [("Host", "localhost"), ("Content-Type", "application/json")];
    let call = json!({ "tool": "list_files", "input": { "path": "." } }).to_string();
    assert_eq!(served.bare("POST /v1/tools/execute", &headers, &call).result()["ok"], true);
    for line in ["GET /v1/approvals", "POST /v1/approvals", "POST /v1/rejections"] {
        let detail = served.bare(line, &headers, "{}").refused(403);
        assert!(detail.contains("`approve`"), "{detail}");
    }
}
