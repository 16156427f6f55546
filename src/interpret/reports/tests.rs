//! Reports as the tools write them.

use serde_json::{Value, json};

use super::parse;
use crate::schema::validate_value;

fn read(format: &str, text: &str) -> Value {
    let report = parse("auto", text).unwrap_or_else(|why| panic!("{why}\n{text}"));
    assert_eq!(report["format"], format);
    assert_eq!(report, parse(format, text).unwrap());
    let schema: Value = serde_json::from_str(crate::schema::document("verifier-report").unwrap()).unwrap();
    assert_eq!(validate_value(&schema, &report), []);
    report
}

fn counts(report: &Value) -> [u64; 6] {
    ["total", "passed", "failed", "skipped", "errors", "warnings"]
        .map(|name| report["summary"][name].as_u64().unwrap())
}

#[test]
fn cargo() {
    let report = read(
        "cargo",
        "warning: unused variable: `x`\n --> src/lib.rs:3:9\n  |\n\nrunning 3 tests\ntest a::adds ... ok\n\
         test a::subtracts ... FAILED\ntest slow ... ignored, takes an hour\n\nfailures:\n\n\
         ---- a::subtracts stdout ----\n\nthread 'a::subtracts' (42) panicked at src/lib.rs:12:5:\n\
         assertion `left == right` failed\n  left: 1\n right: 2\n\n\nfailures:\n    a::subtracts\n\n\
         test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\n\
         error: test failed, to rerun pass `--lib`\n",
    );
    assert_eq!(counts(&report), [3, 1, 1, 1, 0, 1]);
    assert_eq!(report["ok"], false);
    assert_eq!(report["tests"][1]["file"], "src/lib.rs");
    assert_eq!(report["tests"][1]["line"], 12);
    assert!(report["tests"][1]["message"].as_str().unwrap().contains("left: 1"));
    assert_eq!(report["findings"][0]["column"], 9);
}

#[test]
fn cargo_that_does_not_compile() {
    let report = read(
        "cargo",
        "error[E0308]: mismatched types\n --> src/lib.rs:2:5\n  |\nerror: could not compile `x` (lib) due to 1 previous error\n",
    );
    assert_eq!(counts(&report), [0, 0, 0, 0, 1, 0]);
    assert_eq!(report["findings"][0]["code"], "E0308");
}

#[test]
fn pytest() {
    let report = read(
        "pytest",
        "============ test session starts ============\ntests/test_a.py::test_one PASSED   [ 33%]\n\
         tests/test_a.py::test_two FAILED   [ 66%]\ntests/test_a.py::test_three SKIPPED (no net) [100%]\n\
         ==== FAILURES ====\n    def test_two():\n>       assert 1 == 2\nE       assert 1 == 2\n\n\
         tests/test_a.py:5: AssertionError\n==== short test summary info ====\n\
         FAILED tests/test_a.py::test_two - assert 1 == 2\n==== 1 failed, 1 passed, 1 skipped, 2 warnings in 0.03s ====\n",
    );
    assert_eq!(counts(&report), [3, 1, 1, 1, 0, 2]);
    let failed = json!({"name": "tests/test_a.py::test_two", "status": "failed", "message": "assert 1 == 2",
        "file": "tests/test_a.py", "line": 5});
    assert_eq!(report["tests"][1], failed);
    assert_eq!(counts(&parse("pytest", "..\n2 passed in 0.01s\n").unwrap()), [2, 2, 0, 0, 0, 0]);
}

#[test]
fn jest() {
    let report = read(
        "jest",
        r#"{"success": false, "numTotalTests": 2, "testResults": [{"name": "/w/a.test.js", "status": "failed",
            "assertionResults": [{"fullName": "adds", "status": "passed", "duration": 3, "failureMessages": []},
            {"fullName": "subtracts", "status": "failed", "location": {"line": 7, "column": 3},
             "failureMessages": ["\u001b[31mexpected 1\u001b[39m"]}, {"title": "later", "status": "todo"}]},
            {"name": "/w/b.test.js", "status": "failed", "message": "cannot load", "assertionResults": []}]}"#,
    );
    assert_eq!(counts(&report), [3, 1, 1, 1, 1, 0]);
    assert_eq!(report["tests"][1]["message"], "expected 1");
    assert_eq!(report["tests"][1]["line"], 7);
}

#[test]
fn go() {
    let text = read(
        "go",
        "=== RUN   TestAdd\n--- PASS: TestAdd (0.01s)\n=== RUN   TestSub\n--- FAIL: TestSub (0.00s)\n\
         \x20   sub_test.go:9: got 1, want 2\n--- SKIP: TestNet (0.00s)\nFAIL\nFAIL\texample.com/a\t0.003s\n",
    );
    assert_eq!(counts(&text), [3, 1, 1, 1, 0, 0]);
    assert_eq!(text["tests"][1]["message"], "got 1, want 2");
    assert_eq!(text["tests"][1]["line"], 9);
    let events = read(
        "go",
        "{\"Action\":\"run\",\"Package\":\"a\",\"Test\":\"TestAdd\"}\n\
         {\"Action\":\"output\",\"Package\":\"a\",\"Test\":\"TestAdd\",\"Output\":\"    add_test.go:4: no\\n\"}\n\
         {\"Action\":\"fail\",\"Package\":\"a\",\"Test\":\"TestAdd\",\"Elapsed\":0.25}\n\
         {\"Action\":\"fail\",\"Package\":\"a\",\"Elapsed\":0.3}\n",
    );
    assert_eq!(counts(&events), [1, 0, 1, 0, 0, 0]);
    assert_eq!(events["tests"][0]["duration_ms"], 250);
    assert_eq!(events["tests"][0]["name"], "a.TestAdd");
}

#[test]
fn junit() {
    let report = read(
        "junit",
        r#"<?xml version="1.0"?><testsuites><testsuite name="s" tests="4">
            <testcase classname="a.B" name="one" time="0.012"/>
            <testcase name="two &lt;x&gt;" file="b.py" line="3"><failure message="no">why &amp; where</failure></testcase>
            <testcase name="three"><skipped/></testcase>
            <testcase name="four"><error><![CDATA[<boom>]]></error></testcase>
        </testsuite></testsuites>"#,
    );
    assert_eq!(counts(&report), [4, 1, 1, 1, 1, 0]);
    assert_eq!(report["tests"][0], json!({"name": "a.B.one", "status": "passed", "duration_ms": 12}));
    assert_eq!(report["tests"][1]["message"], "no\nwhy & where");
    assert_eq!(report["tests"][3]["message"], "<boom>");
}

#[test]
fn junit_does_not_expand_entities() {
    let bomb = r#"<!DOCTYPE x [<!ENTITY a "aaaa">]><testsuite>&a;</testsuite>"#;
    assert!(parse("junit", bomb).unwrap_err().contains("document type"));
    assert!(parse("junit", "<testsuite>").unwrap_err().contains("ends inside"));
    assert!(parse("junit", &"<a>".repeat(200_000)).is_err());
}

#[test]
fn sarif() {
    let report = read(
        "sarif",
        r#"{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "t", "rules": [{"id": "R1",
            "defaultConfiguration": {"level": "error"}}]}}, "results": [
            {"ruleId": "R1", "message": {"text": "bad"}, "locations": [{"physicalLocation":
              {"artifactLocation": {"uri": "src/a.c"}, "region": {"startLine": 4, "startColumn": 2}}}]},
            {"ruleId": "R2", "message": {"text": "odd"}},
            {"ruleId": "R1", "message": {"text": "known"}, "suppressions": [{"kind": "inSource"}]}]}]}"#,
    );
    assert_eq!(counts(&report), [0, 0, 0, 0, 1, 1]);
    let first = json!({"severity": "error", "message": "bad", "code": "R1", "file": "src/a.c", "line": 4, "column": 2});
    assert_eq!(report["findings"][0], first);
}

#[test]
fn what_is_no_report_is_said_to_be_none() {
    assert!(parse("auto", "hello").is_err());
    for format in ["cargo", "pytest", "jest", "go", "junit", "sarif"] {
        let why = parse(format, "hello\n").unwrap_err();
        assert!(why.starts_with(&format!("the {format} report ")), "{why}");
    }
    assert!(parse("tap", "").unwrap_err().contains("no format"));
}
