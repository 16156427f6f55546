//! Requests that schemathesis makes out of the description of the service: none of them brings it down, and each answer is one
//! that the description knows.

use std::path::Path;
use std::process::Command;

use crate::program::Workspace;
use crate::program::python::python;
use crate::served::{POLICY, Served, made, running};

/// What schemathesis sends with this token is answered as the description says.
fn answered(served: &Served, token: &str, examples: &str) {
    let program = python().parent().unwrap().join("schemathesis");
    let checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,ignored_auth";
    let ran = Command::new(program)
        .current_dir(Path::new(env!("CARGO_TARGET_TMPDIR")))
        .args(["run", &format!("{}/openapi.json", served.url())])
        .args(["--header", &format!("Authorization: Bearer {token}")])
        .args([
            "--checks",
            checks,
            "--max-examples",
            examples,
            "--seed",
            "1",
            "--generation-database",
            "none",
        ])
        .args(["--phases", "examples,coverage,fuzzing", "--exclude-path", "/v1/runs/open", "--no-color"])
        .args(["--request-timeout", "30"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{said}\n{}", String::from_utf8_lossy(&ran.stderr));
    assert!(said.contains("/v1/tools/execute") || said.contains("Operations"), "{said}");
    assert_eq!(served.ask_as(token, "GET /readyz", "").status, 200);
}

#[test]
fn whatever_is_sent_is_answered_as_the_description_says() {
    let work = Workspace::git();
    work.write("a.txt", "a\n").write("policy.yaml", POLICY);
    let tokens = [("call", "40"), ("approve", "20"), ("read", "5")];
    let tokens = tokens.map(|(role, examples)| (made(&work, role, &["--role", role]), examples));
    let served = running(&work);
    for (token, examples) in &tokens {
        answered(&served, token, examples);
    }
    assert_eq!(served.stop().0, Some(0));
}
