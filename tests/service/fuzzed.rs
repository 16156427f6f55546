//! Requests that schemathesis makes out of the description of the service: none of them brings it down, and each answer is one
//! that the description knows.

use std::path::Path;
use std::process::Command;

use crate::program::Workspace;
use crate::program::python::python;
use crate::served::{Served, TOKEN};

#[test]
fn whatever_is_sent_is_answered_as_the_description_says() {
    let work = Workspace::git();
    work.write("a.txt", "a\n");
    let served = Served::start(&work);
    let program = python().parent().unwrap().join("schemathesis");
    let checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,ignored_auth";
    let ran = Command::new(program)
        .current_dir(Path::new(env!("CARGO_TARGET_TMPDIR")))
        .args([
            "run",
            &format!("{}/openapi.json", served.url()),
            "--header",
            &format!("Authorization: Bearer {TOKEN}"),
        ])
        .args(["--checks", checks, "--max-examples", "40", "--seed", "1", "--generation-database", "none"])
        .args([
            "--phases",
            "examples,coverage,fuzzing",
            "--exclude-path",
            "/v1/runs/open",
            "--no-color",
            "--request-timeout",
            "30",
        ])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{said}\n{}", String::from_utf8_lossy(&ran.stderr));
    assert!(said.contains("/v1/tools/execute") || said.contains("Operations"), "{said}");
    assert_eq!(served.ask("GET /readyz", "").status, 200);
    assert_eq!(served.stop().0, Some(0));
}
