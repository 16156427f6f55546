//! Documents that the program really makes satisfy their published schemas.

use lgflow::approval::{Moment, Signer, Terms, add_signature, call_digest};
use lgflow::compile::CheckedRoot;
use lgflow::diag::Diagnostics;
use lgflow::digest::{Digest, MacKey};
use lgflow::effect::{
    AnswerOutcome, AnswerTaken, ApprovalBinding, ApprovalRequest, AskedRef, BoundCall, BoundTarget,
    ErrorKind, OpenRequest, OpenRequests, Rejection, RootIdentity, RuleRef, RunnerClock, ShownCall, ToolCall,
    ToolError, ToolResult,
};
use lgflow::policy::Packs;
use lgflow::schema::Validator;
use lgflow::session::check_paths;
use lgflow::source::Sources;
use lgflow::view::diagnostics::json;
use serde_json::{Value, json};

use crate::fixtures::fixtures;
use crate::verdict::validator;

fn assert_valid(validator: &Validator, name: &str, document: &Value) {
    let errors: Vec<String> = validator.errors(document).iter().map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{name}: {errors:#?}\n{document:#}");
}

#[test]
fn plans() {
    let schema = validator("plan");
    for path in fixtures() {
        let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
        let checked =
            check_paths(std::slice::from_ref(&path), &Packs::default(), &mut sources, &mut found).unwrap();
        let CheckedRoot::Graph(plan) = &checked[0].roots[0].1 else {
            panic!("{}: {found:#?}", path.display())
        };
        assert_valid(&schema, &path.display().to_string(), &plan.document());
    }
}

#[test]
fn diagnostics() {
    let schema = validator("diagnostics");
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics");
    for case in
        ["bad-value/everywhere.yaml", "unknown-key/everywhere.yaml", "conflicting-keys/everywhere.yaml"]
    {
        let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
        check_paths(&[folder.join(case)], &Packs::default(), &mut sources, &mut found).unwrap();
        assert!(found.has_errors());
        assert_valid(&schema, case, &json(&sources, &found));
    }
}

#[test]
fn calls_and_results() {
    let call = ToolCall::new("read_file", json!({ "path": "README.md" }));
    assert_valid(&validator("tool-call"), "call", &serde_json::to_value(&call).unwrap());
    assert_valid(
        &validator("tool-call"),
        "bare call",
        &json!({ "tool": "read_file", "input": { "path": "a" } }),
    );
    let schema = validator("tool-result");
    let success = ToolResult::success("list_files", json!({ "files": [] }));
    assert_valid(&schema, "success", &serde_json::to_value(&success).unwrap());
    let rule = RuleRef {
        layer: "builtin:contained".to_owned(),
        rule: "tools".to_owned(),
        file: "contained.yaml".to_owned(),
        line: 0,
        column: 0,
    };
    let error = ToolError { rule: Some(rule), ..ToolError::new(ErrorKind::Denied, "`exec` is not listed") };
    let failure = serde_json::to_value(ToolResult::failure("exec", error)).unwrap();
    assert_valid(&schema, "failure", &failure);
    let mut silent = failure;
    silent["error"] = Value::Null;
    assert!(!schema.accepts(&silent), "a failure without an error");
}

#[test]
fn requests_and_approvals() {
    let (policy, input) = (Digest::of("policy"), json!({ "argv": ["cargo", "test"] }));
    let bound = BoundCall {
        call_digest: call_digest("exec", &input),
        preimages: [("a".to_owned(), None), ("b".to_owned(), Some(policy))].into(),
        paths: vec!["a".into()],
        target: Some(BoundTarget::Program { path: "/usr/bin/cargo".into(), digest: policy }),
    };
    let request = ApprovalRequest {
        schema: "lgflow.approval_request/v1".into(),
        binding: ApprovalBinding {
            v: 1,
            run: "r".into(),
            node: "n".into(),
            iteration: "n!1".into(),
            calls: vec![bound],
            policy_digest: policy,
            root: RootIdentity { dev: 1, ino: 2 },
            nonce: "ab".into(),
        },
        shown: vec![ShownCall {
            tool: "exec".into(),
            input,
            reason: "asks".into(),
            rule: None,
            diff: Some("x".into()),
        }],
        terms: Terms::default().wire("local:x"),
        issued: 1,
    };
    let document = serde_json::to_value(&request).unwrap();
    let schema = validator("approval-request");
    assert_valid(&schema, "request", &document);
    let mut silent = document;
    silent.as_object_mut().unwrap().remove("binding");
    assert!(!schema.accepts(&silent), "a request that binds nothing");
    let moment = Moment { millis: 2, boot: "b".into() };
    let signature = Signer::Local(MacKey::new([1; 32])).sign(&request, &moment).unwrap();
    let approval = add_signature(None, &request, signature).unwrap();
    let document = serde_json::to_value(&approval).unwrap();
    let schema = validator("approval");
    assert_valid(&schema, "approval", &document);
    let mut more = document;
    more["always"] = json!(true);
    assert!(!schema.accepts(&more), "an approval for ever");
    over_the_service(&request, policy);
    let asked = AskedRef { nonce: "ab".into(), request: policy };
    let error = ToolError { approval: Some(asked), ..ToolError::new(ErrorKind::ApprovalRequired, "asks") };
    let result = serde_json::to_value(ToolResult::failure("exec", error)).unwrap();
    assert_valid(&validator("tool-result"), "a call that asks", &result);
}

/// The same where calls are served: what waits, a no, and what an answer came to.
fn over_the_service(request: &ApprovalRequest, digest: Digest) {
    let clock = RunnerClock { millis: 1, boot: "b".into(), installation: "local:ab".into() };
    let waits =
        OpenRequest { token: "ci".into(), signed: vec!["ed25519:x".into()], request: request.clone() };
    let open = OpenRequests { schema: "lgflow.open_requests/v1".into(), clock, requests: vec![waits] };
    let document = serde_json::to_value(&open).unwrap();
    assert_valid(&validator("open-requests"), "what waits", &document);
    let mut timeless = document;
    timeless.as_object_mut().unwrap().remove("clock");
    assert!(!validator("open-requests").accepts(&timeless), "requests of no time");
    let no = Rejection {
        schema: "lgflow.rejection/v1".into(),
        nonce: "ab".into(),
        request: digest,
        comment: "not now".into(),
    };
    assert_valid(&validator("rejection"), "a no", &serde_json::to_value(&no).unwrap());
    let taken = AnswerTaken {
        schema: "lgflow.answer_taken/v1".into(),
        nonce: "ab".into(),
        outcome: AnswerOutcome::Waiting,
        have: 1,
        want: 2,
    };
    assert_valid(&validator("answer-taken"), "an answer", &serde_json::to_value(&taken).unwrap());
}

#[test]
fn tests_of_policies_are_judged_as_they_are_read() {
    use lgflow::document::{Limits, Syntax, parse};
    use lgflow::model::policy::decode_policy_tests;
    let schema = validator("policy-test");
    let case = json!({ "tool": "read_file", "input": { "path": "a" }, "expect": "allow" });
    let file =
        |cases: Value| json!({ "schema": "lgflow.policy_test/v1", "policy": ["p.yaml"], "cases": cases });
    let with = |key: &str, value: Value| {
        let mut case = case.clone();
        case[key] = value;
        file(json!([case]))
    };
    let table = [
        (file(json!([case])), true),
        (file(json!([])), true),
        (with("rule", json!("paths.read.deny")), true),
        (with("from", json!(["llm"])), true),
        (with("expect", json!("perhaps")), false),
        (with("tool", json!("")), false),
        (with("because", json!("x")), false),
        (file(json!([{ "tool": "read_file", "expect": "deny" }])), false),
        (json!({ "schema": "lgflow.policy_test/v1", "cases": [] }), false),
        (json!({ "schema": "lgflow.policy/v1", "policy": [], "cases": [] }), false),
    ];
    for (document, sound) in table {
        let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
        let file = sources.add("tests.json", document.to_string());
        let parsed = parse(&sources, file, Syntax::Json, &Limits::default(), &mut found).unwrap();
        decode_policy_tests(&parsed.tree, &parsed.damage, &mut found);
        assert_eq!(!found.has_errors(), sound, "{document}: {found:#?}");
        assert_eq!(schema.accepts(&document), sound, "{document}");
    }
}
