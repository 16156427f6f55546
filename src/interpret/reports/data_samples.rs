//! As `samples`, of the formats that are data.

use super::parse;
use super::samples::{bad, well};

#[test]
fn jest() {
    let file = r#"{"name":"/w/a.js","status":"passed","message":"","assertionResults":[{"fullName":"adds","status":"passed","failureMessages":[]}]}"#;
    let of = |said: &str| format!("{{{said}\"testResults\":[{file}]}}");
    well(
        "jest",
        &[
            (
                "all of it",
                &of(
                    r#""success":true,"wasInterrupted":false,"numFailedTests":0,"numFailedTestSuites":0,"numRuntimeErrorTestSuites":0,"numTotalTests":1,"#,
                ),
            ),
            ("no counts", &of("")),
            (
                "output around it",
                &format!("> jest --json {{x}}\n{}\nDone in 1.2s\n", of(r#""success":true,"#)),
            ),
            ("two", &format!("{}\n{}\n", of(r#""success":true,"#), of(r#""success":true,"#))),
            (
                "skipped, to do, and over several lines",
                "{\n  \"success\": true,\n  \"numTotalTests\": 3,\n  \"testResults\": [\n    {\n      \"status\": \"passed\",\n      \
                 \"assertionResults\": [\n{\"title\": \"a\", \"status\": \"passed\"},\n{\"title\": \"b\", \"status\": \"todo\"},\n\
                 {\"title\": \"c\", \"status\": \"pending\"}\n]\n    }\n  ]\n}\n",
            ),
        ],
    );
    bad(
        "jest",
        &[
            ("tests that failed", &of(r#""numFailedTests":1,"#)),
            ("suites that failed", &of(r#""numFailedTestSuites":1,"#)),
            ("suites that could not run", &of(r#""numRuntimeErrorTestSuites":1,"#)),
            ("tests that are not listed", &of(r#""numTotalTests":3,"#)),
            ("interrupted", &of(r#""success":true,"wasInterrupted":true,"#)),
            ("no success", &of(r#""success":false,"#)),
            (
                "a file that failed outside of its tests",
                r#"{"testResults":[{"name":"a","status":"failed","assertionResults":[{"title":"x","status":"passed"}],"message":"boom"}]}"#,
            ),
            (
                "an outcome of no kind",
                r#"{"testResults":[{"status":"passed","assertionResults":[{"title":"x"}]}]}"#,
            ),
            (
                "an error of its own",
                r#"{"testResults":[{"testExecError":{"message":"x"},"testResults":[]}]}"#,
            ),
            ("of two the first", &format!("{}\n{}", of(r#""success":false,"#), of(r#""success":true,"#))),
            ("of two the second", &format!("{}\n{}", of(""), of(r#""success":false,"#))),
            ("of two the second is cut", &format!("{}\n{}", of(""), &of("")[..40])),
            ("cut", &of("")[..40]),
        ],
    );
    let cut = format!("{}\n{}", of(""), &of("")[..40]);
    assert!(parse("jest", &cut).unwrap_err().contains("not valid JSON"));
}

#[test]
fn junit() {
    well(
        "junit",
        &[
            (
                "pytest, whose subtests are no cases",
                r#"<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests"><testsuite name="pytest" errors="0" failures="0" skipped="1" tests="5" time="0.217"><testcase classname="test_a" name="test_sub" time="0.012" /><testcase classname="test_a" name="test_x" time="0.000"><skipped type="pytest.xfail" message="" /></testcase></testsuite></testsuites>"#,
            ),
            (
                "nextest",
                r#"<testsuites name="nextest-run" tests="1" skipped="0" failures="0" errors="0" time="0.056">
                    <testsuite name="x" tests="1" skipped="0" errors="0" failures="0">
                        <testcase name="tests::two" classname="x" time="0.036"><flakyFailure message="once"/></testcase>
                    </testsuite></testsuites>"#,
            ),
            (
                "surefire",
                r#"<testsuite xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" name="a.B" time="0.5" tests="2" errors="0" skipped="1" failures="0">
                    <properties><property name="java.version" value="21"/></properties>
                    <testcase name="one" classname="a.B" time="0.1"/><testcase name="two" classname="a.B"><skipped message="no"/></testcase>
                    </testsuite>"#,
            ),
            (
                "Node, where what is to do may fail",
                r#"<testsuites><testcase name="empty" classname="test"/><testsuite name="two" disabled="0" errors="0" tests="2" failures="0" skipped="1">
                    <testcase name="a" classname="test"/><testsuite name="in" errors="0" tests="1" failures="1">
                    <testcase name="later" failure="x"><skipped type="todo" message="true"/><failure type="testCodeFailure" message="x">x</failure></testcase>
                    </testsuite></testsuite><!-- tests 3 --></testsuites>"#,
            ),
            (
                "ctest",
                r#"<testsuite name="l" tests="1" failures="0" disabled="0" skipped="0"><testcase name="a" status="run"/></testsuite>"#,
            ),
            (
                "two",
                r#"<testsuite tests="1"><testcase name="a"/></testsuite><testsuite tests="1"><testcase name="b"/></testsuite>"#,
            ),
            ("no counts", "<testsuite><testcase name='a'/></testsuite>"),
        ],
    );
    bad(
        "junit",
        &[
            ("no cases", r#"<testsuite tests="3" failures="0" errors="0"></testsuite>"#),
            ("fewer cases", r#"<testsuite tests="3"><testcase name="a"/></testsuite>"#),
            ("failures without cases", r#"<testsuite tests="3" failures="1" errors="0"></testsuite>"#),
            (
                "failures of them all",
                r#"<testsuites failures="1"><testsuite tests="1"><testcase name="a"/></testsuite></testsuites>"#,
            ),
            (
                "errors",
                r#"<testsuite errors="1"><testcase name="a"/><system-err>boom</system-err></testsuite>"#,
            ),
            (
                "an error of the suite",
                r#"<testsuite><error message="setup failed"/><testcase name="a"/></testsuite>"#,
            ),
            ("a failure of the suite", "<testsuites><failure>no</failure></testsuites>"),
            (
                "failed and skipped",
                r#"<testsuite><testcase name="a"><failure/><skipped/></testcase></testsuite>"#,
            ),
            (
                "skipped and failed",
                r#"<testsuite><testcase name="a"><skipped/><failure/></testcase></testsuite>"#,
            ),
            ("in an attribute", r#"<testsuite><testcase name="a" status="fail"/></testsuite>"#),
            (
                "of two the first",
                r#"<testsuite><testcase name="a"><error/></testcase></testsuite><testsuite><testcase name="a"/></testsuite>"#,
            ),
            ("cut", r#"<testsuite><testcase name="a"/>"#),
        ],
    );
    let one = parse("junit", r#"<testsuites failures="1"><testsuite name="s" failures="1"/></testsuites>"#)
        .unwrap();
    assert_eq!(one["summary"]["errors"], 1, "told once: {one:#}");
    assert_eq!(one["findings"][0]["message"], "the suite `s` counts 1 failures and errors, and 0 are listed");
}

#[test]
fn sarif() {
    let of =
        |run: &str| format!(r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"t"}}}},{run}}}]}}"#);
    well(
        "sarif",
        &[
            ("ruff, eslint", &of(r#""results":[]"#)),
            ("clippy", &of(r#""results":[{"level":"warning","ruleId":"unused","message":{"text":"x"}}]"#)),
            (
                "a tool that told notes and how it ended",
                &of(
                    r#""invocations":[{"executionSuccessful":true,"exitCode":1,"toolExecutionNotifications":[{"level":"note","message":{"text":"x"}}]}],"results":[]"#,
                ),
            ),
            (
                "accepted, passed, and gone",
                &of(r#""results":[{"level":"error","suppressions":[{"kind":"inSource"}]},
                    {"level":"error","suppressions":[{"kind":"external","status":"accepted"}]},
                    {"kind":"pass","level":"none"},{"level":"error","baselineState":"absent"}]"#),
            ),
        ],
    );
    let extension = r#"{"runs":[{"tool":{"driver":{"name":"t","rules":[]},"extensions":[{"name":"x","rules":[{"id":"r","defaultConfiguration":{"level":"error"}}]}]},
        "results":[{"ruleId":"r","rule":{"index":0,"toolComponent":{"index":0}},"message":{"text":"x"}}]}]}"#;
    bad(
        "sarif",
        &[
            ("no results", &of(r#""results":null"#)),
            ("not even that", &of(r#""invocations":[]"#)),
            ("results elsewhere", &of(r#""externalPropertyFileReferences":{"results":[{}]},"results":[]"#)),
            ("no run", r#"{"runs":[]}"#),
            ("no success", &of(r#""invocations":[{"executionSuccessful":false}],"results":[]"#)),
            (
                "of two the first",
                &of(
                    r#""invocations":[{"executionSuccessful":false},{"executionSuccessful":true}],"results":[]"#,
                ),
            ),
            (
                "an error of the tool",
                &of(
                    r#""invocations":[{"executionSuccessful":true,"toolExecutionNotifications":[{"level":"error","message":{"text":"x"}}]}],"results":[]"#,
                ),
            ),
            (
                "a signal",
                &of(
                    r#""invocations":[{"exitSignalName":"SIGKILL","executionSuccessful":true}],"results":[]"#,
                ),
            ),
            ("no start", &of(r#""invocations":[{"processStartFailureMessage":"x"}],"results":[]"#)),
            ("a rule of an extension", extension),
            (
                "nobody has accepted it",
                &of(
                    r#""results":[{"level":"error","suppressions":[{"kind":"external","status":"underReview"}]}]"#,
                ),
            ),
            ("a level of no kind", &of(r#""results":[{"level":"fatal","message":{"text":"x"}}]"#)),
            ("cut", r#"{"runs":[{"results":[]}"#),
        ],
    );
}

#[test]
fn a_number_alone_fills_no_memory() {
    for (format, text) in [
        ("pytest", "== 99999999999 passed in 0.1s =="),
        ("pytest", "== 1 passed, 99999999999 warnings in 0.1s =="),
        ("cargo", "test result: ok. 99999999999 passed; 0 failed; 0 ignored"),
        ("cargo", "test result: ok. 18446744073709551615 passed; 1 failed; 0 ignored; 1 measured"),
    ] {
        assert!(parse(format, text).unwrap_err().contains("names none"), "{text}");
    }
}
