//! The shipped graph: where it routes, how its loop turns, what it reports, and that it changes nothing.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod support;

use serde_json::json;
use support::Bench;
use support::drive::{plan_of, report, run};

/// How often a node finished: a loop's turns show as repetitions.
fn times(finished: &[String], node: &str) -> usize {
    finished.iter().filter(|name| *name == node).count()
}

fn small() -> Bench {
    Bench::with(&[
        ("README.md", "# Small\n\nIt parses.\n"),
        ("src/parser.rs", "pub fn parse_input() {}\n// the Parser crashes on empty input\n"),
    ])
}

#[test]
fn requests_are_routed_to_six_intents() {
    let plan = plan_of("graphs/coding.yaml");
    for (request, intent) in [
        ("summarize repo", "analysis"),
        ("give me an overview of the architecture", "analysis"),
        ("review the code base", "analysis"),
        ("add a --verbose flag to the command", "code_change"),
        ("implement retries for uploads", "code_change"),
        ("rename the option and update the docs", "code_change"),
        ("compare alternatives to the parser library", "research"),
        ("investigate best practice for logging", "research"),
        ("where is the parser?", "question"),
        ("how does parse_input work?", "question"),
        ("refactor the parser module", "refactor"),
        ("simplify and deduplicate parse_input", "refactor"),
        ("fix the crash in the parser", "debug"),
        ("the tests are failing with a panic", "debug"),
        ("blorb", "question"),
    ] {
        let bench = small();
        let done = run(&bench, bench.folder.path(), &plan, &json!({ "request": request }));
        let routed: Vec<&str> =
            done.finished.iter().filter_map(|node| node.strip_prefix("report_")).collect();
        assert_eq!(routed, [intent], "{request}");
        let text = report(&done);
        if intent == "analysis" {
            assert!(text.starts_with("# Small\n"), "{text}");
        } else {
            assert!(text.contains("Nothing was changed.") && text.contains("language model"), "{text}");
        }
    }
}

#[test]
fn every_part_runs_and_the_loop_is_bounded() {
    let plan = plan_of("graphs/coding.yaml");
    let bench = small();
    let found = run(&bench, bench.folder.path(), &plan, &json!({ "request": "where is the parser?" }));
    for node in ["ingest", "policy_gate", "context", "router", "planner", "verifier", "reporter"] {
        assert!(times(&found.finished, node) >= 1, "{node}: {:?}", found.finished);
    }
    // `parser` stands nowhere as a whole word in this case: found in the second, wider round
    assert_eq!(times(&found.finished, "planner"), 2);
    let text = report(&found);
    assert!(text.contains("`src/parser.rs:2`") && text.contains("Looked for in 2 rounds: parser"), "{text}");
    let nowhere = run(&bench, bench.folder.path(), &plan, &json!({ "request": "where is the xylophone?" }));
    assert_eq!(times(&nowhere.finished, "verifier"), 3, "the loop has three rounds");
    assert!(report(&nowhere).contains("None of them is in any file that may be read."));
}

#[test]
fn a_request_changes_nothing_and_the_same_request_gives_the_same_bytes() {
    let plan = plan_of("graphs/coding.yaml");
    let bench = small();
    let files = || bench.output("list_files", json!({ "recursive": true, "ignore": false }));
    let digest = || bench.output("repo_context", json!({}))["totals"]["digest"].clone();
    let before = (files(), digest());
    for request in ["fix the crash in the parser", "add a flag", "refactor all", "summarize repo"] {
        let one = run(&bench, bench.folder.path(), &plan, &json!({ "request": request }));
        let other = run(&bench, bench.folder.path(), &plan, &json!({ "request": request }));
        assert_eq!(report(&one), report(&other));
    }
    assert_eq!((files(), digest()), before);
}

#[test]
fn a_request_is_text_and_never_a_template_or_a_pattern() {
    let plan = plan_of("graphs/coding.yaml");
    let bench = small();
    for request in ["{{ nodes }} {% for %} why?", "why (((( [a-z ?", "why does `$(reboot)` ; rm -rf ?"] {
        let done = run(&bench, bench.folder.path(), &plan, &json!({ "request": request }));
        assert!(report(&done).contains(request), "{request}");
    }
}

#[test]
fn the_plan_has_no_tool_that_writes_or_runs() {
    let plan = plan_of("graphs/coding.yaml");
    let reads = ["list_files", "repo_context", "search_files", "llm", "values", "render"];
    for node in &plan.nodes {
        assert!(reads.contains(&node.uses.as_str()), "{} uses {}", node.id, node.uses.as_str());
    }
}
