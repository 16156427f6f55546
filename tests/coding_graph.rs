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
        assert!(report(&done).replace('\\', "").contains(request), "{request}");
    }
}

/// The inside of the code spans of a text, as a reader of Markdown finds them.
fn code_spans(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('`') {
        rest = &rest[at..];
        let fence = &rest[..rest.len() - rest.trim_start_matches('`').len()];
        rest = &rest[fence.len()..];
        let mut from = 0;
        let end = loop {
            let Some(at) = rest[from..].find(fence) else { break None };
            let run = rest[from + at..].len() - rest[from + at..].trim_start_matches('`').len();
            if run == fence.len() {
                break Some(from + at);
            }
            from += at + run;
        };
        let Some(end) = end else { continue };
        found.push(rest[..end].to_owned());
        rest = &rest[end + fence.len()..];
    }
    found
}

#[test]
fn names_and_texts_of_others_mean_nothing_in_the_report() {
    let plan = plan_of("graphs/coding.yaml");
    let bench = Bench::with(&[
        (
            "README.md",
            "# <script>alert(1)</script> | [x](javascript:y)\n\nIt `parses` [all](http://x) ![pixel](http://y/z.gif) <img src=q onerror=r>.\n",
        ),
        ("docs/a\u{202e}cod.md", "turned\n"),
        ("da|sh/a|b.rs", "fn main() {}\n".repeat(30).as_str()),
        ("tick/``x`.rs", "#[test]\nfn parser_test() { }\n"),
        ("<img src=x onerror=y>/a.py", "print(1) # `parser` | *x*\n"),
        ("Makefile", "test:\n\tcargo test\n"),
        (
            "package.json",
            "{\"name\": \"`a`|\\n# b\", \"version\": \"<b>\", \"description\": \"*d*\\n\\n# e\", \"scripts\": {\"x`|\": \"y\"}, \"dependencies\": {\"`\": \"|\"}}",
        ),
    ]);
    for request in ["summarize repo", "where is the parser?"] {
        let text = report(&run(&bench, bench.folder.path(), &plan, &json!({ "request": request })));
        assert!(!text.chars().any(|c| c != '\n' && lgflow::view::is_unsafe_to_show(c)), "{text}");
        let spans = code_spans(&text);
        // outside of code, nothing opens a tag, a link or a picture
        let mut prose = text.clone();
        for span in &spans {
            prose = prose.replacen(span.as_str(), "", 1);
        }
        for (at, c) in prose.char_indices() {
            let escaped = prose[..at].ends_with('\\');
            assert!(!matches!(c, '<' | '[' | '*') || escaped, "{c} at {at}:\n{prose}");
        }
        // each row of a table has as many cells as its head
        let mut cells = 0;
        for line in text.lines() {
            let bars = line.replace("\\|", "").matches('|').count();
            cells = if line.starts_with("| ") && cells > 0 { cells } else { bars };
            assert!(!line.starts_with("| ") || bars == cells, "{line}");
        }
        let shown = |wanted: &str| spans.iter().any(|span| span.trim() == wanted);
        if request == "summarize repo" {
            for wanted in ["da\\|sh/a\\|b.rs", "tick/``x`.rs", "<img src=x onerror=y>", "npm run x`\\|"] {
                assert!(shown(wanted), "{wanted} in {spans:?}");
            }
            assert!(text.starts_with("# "), "{text}");
            assert_eq!(text.lines().filter(|line| line.starts_with("# ")).count(), 1, "{text}");
        }
    }
}

#[test]
fn a_manifest_that_cannot_be_read_is_said_to_be_one_with_its_place() {
    let plan = plan_of("graphs/coding.yaml");
    for (name, text, line) in [
        ("Cargo.toml", "[package]\nname = \"x\n", 2),
        ("Cargo.toml", "[package]\nname = \"x\"\nname = \"y\"\n[dependencies]\na = \"1\"\n", 3),
        ("package.json", "{\n  \"name\": \"x\",\n  \"dependencies\": {\"a\" \"1\"}\n}\n", 3),
        ("package.json", "[1]", 1),
        ("composer.json", "{\n", 1),
        ("pyproject.toml", "[project]\nname = \"x\"\ndependencies = [\"a\"\n[tool]\n", 3),
        ("go.mod", "module x\n\nrequire (\n\ta v1\n", 3),
        ("go.mod", "module x\n<<<<<<< HEAD\nrequire a v1\n", 2),
        ("pom.xml", "<project>\n  <artifactId>x</artifactId>\n  <dependencies>\n</project>\n", 4),
        ("requirements.txt", "a==1\n<<<<<<< HEAD\nb\n", 2),
    ] {
        let bench = Bench::with(&[(name, text)]);
        let facts = bench.output("repo_context", json!({ "what": ["manifests"] }));
        let manifest = &facts["manifests"][0];
        assert!(manifest["error"].is_string() && manifest["dependencies"] == json!([]), "{name}: {manifest}");
        let done = run(&bench, bench.folder.path(), &plan, &json!({ "request": "summarize repo" }));
        let said = report(&done);
        let at = format!("(`{name}:{line}`).");
        let told = said.lines().find(|line| line.contains("can't be read"));
        assert!(
            told.is_some_and(|told| told.starts_with(&format!("`{name}` ")) && told.ends_with(&at)),
            "{name}: {said}"
        );
        assert!(!said.contains(") declares"), "{said}");
    }
    let bench = Bench::with(&[(".github/workflows/ci.yml", "jobs:\n  a:\n    steps:\n      - run: \"x\n")]);
    let done = run(&bench, bench.folder.path(), &plan, &json!({ "request": "summarize repo" }));
    assert!(
        report(&done)
            .contains("Not counted: commands of .github/workflows/ci.yml, which can't be read: line 4"),
        "{}",
        report(&done)
    );
}

#[test]
fn the_plan_has_no_tool_that_writes_or_runs() {
    let plan = plan_of("graphs/coding.yaml");
    let reads = ["list_files", "repo_context", "search_files", "llm", "values", "render"];
    for node in &plan.nodes {
        assert!(reads.contains(&node.uses.as_str()), "{} uses {}", node.id, node.uses.as_str());
    }
}
