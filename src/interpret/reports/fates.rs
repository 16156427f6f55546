//! What tools write of tests that were not run, are not to run, ran out of time, crashed, or ran again; and what tests
//! print that looks like a report.

use serde_json::Value;

use super::parse;
use super::samples::{bad, well};

fn status<'r>(report: &'r Value, name: &str) -> &'r str {
    let tests = report["tests"].as_array().unwrap();
    let test = tests.iter().find(|test| test["name"] == name).unwrap_or_else(|| panic!("{name}: {report:#}"));
    test["status"].as_str().unwrap()
}

/// As `ctest --output-junit` writes it: all that was not run is `skipped`, and none of it counts as a failure.
fn of_ctest(cases: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"(empty)\"\n\ttests=\"2\"\n\tfailures=\"0\"\n\tdisabled=\"0\"\n\t\
         skipped=\"1\"\n\thostname=\"\"\n\ttime=\"0\"\n\ttimestamp=\"2026-01-02T03:04:05\"\n\t>\n\t\
         <testcase name=\"fine\" classname=\"fine\" time=\"0.0017\" status=\"run\">\n\t\t<properties/>\n\t\t\
         <system-out></system-out>\n\t</testcase>\n\t{cases}\n</testsuite>\n"
    )
}

#[test]
fn ctest() {
    let not_run = |why: &str| {
        of_ctest(&format!(
            r#"<testcase name="t" classname="t" time="0" status="notrun"><skipped message="{why}"/><properties/></testcase>"#
        ))
    };
    for why in [
        "Unable to find executable",
        "Fixture dependency failed",
        "Required Files Missing",
        "Failed to change working directory",
        "Insufficient resources",
        "",
    ] {
        bad("junit", &[(why, &not_run(why))]);
    }
    let report = parse("junit", &not_run("Unable to find executable")).unwrap();
    assert_eq!(status(&report, "t.t"), "error");
    assert_eq!(report["tests"][1]["message"], "Unable to find executable");
    assert_eq!(report["summary"]["skipped"], 0);
    let said = r#"<testcase name="t" status="notrun"><skipped message="Unable to find executable"/><system-out>SKIP_RETURN_CODE=77</system-out></testcase>"#;
    let named = said.replace("name=\"t\"", "name=\"DISABLED_t\"");
    bad(
        "junit",
        &[
            ("what it printed is no reason", &of_ctest(said)),
            ("nor is its name, where one is given", &of_ctest(&named)),
            ("none is given", &of_ctest(r#"<testcase name="t" status="notrun"/>"#)),
            ("behave", &of_ctest(r#"<testcase name="t" status="untested"><skipped/></testcase>"#)),
            (
                "out of time",
                &of_ctest(r#"<testcase name="t" status="fail"><failure message="Timeout"/></testcase>"#),
            ),
        ],
    );
    for why in ["SKIP_RETURN_CODE=77", "SKIP_REGULAR_EXPRESSION_MATCHED"] {
        well("junit", &[(why, &not_run(why))]);
        assert_eq!(parse("junit", &not_run(why)).unwrap()["summary"]["skipped"], 1);
    }
    let disabled = of_ctest(
        r#"<testcase name="t" classname="t" time="0" status="disabled"><properties/><system-out>Disabled</system-out></testcase>"#,
    );
    well("junit", &[("disabled", &disabled)]);
    assert_eq!(status(&parse("junit", &disabled).unwrap(), "t.t"), "skipped");
}

#[test]
fn googletest() {
    let of = |case: &str| {
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?><testsuites tests="2" failures="0" disabled="1" errors="0" time="0." name="AllTests">
            <testsuite name="S" tests="2" failures="0" disabled="1" skipped="0" errors="0" time="0.">
            <testcase name="a" file="s.cc" line="3" status="run" result="completed" time="0." classname="S" />{case}</testsuite></testsuites>"#
        )
    };
    for (what, case) in [
        ("disabled", r#"<testcase name="b" status="notrun" result="suppressed" time="0." classname="S" />"#),
        (
            "disabled, of a version that says less",
            r#"<testcase name="DISABLED_b" status="notrun" time="0" classname="S" />"#,
        ),
        ("a whole suite", r#"<testcase name="b" status="notrun" time="0" classname="In/DISABLED_S" />"#),
        (
            "skipped",
            r#"<testcase name="b" status="run" result="skipped" classname="S"><skipped message="s.cc:7&#x0A;no net" /></testcase>"#,
        ),
    ] {
        well("junit", &[(what, &of(case))]);
        assert_eq!(parse("junit", &of(case)).unwrap()["summary"]["skipped"], 1, "{what}");
    }
}

#[test]
fn other_writers_of_junit() {
    well(
        "junit",
        &[
            (
                "surefire, where a test was well the second time",
                r#"<testsuite name="a.B" time="0.1" tests="1" errors="0" skipped="0" failures="0" flakes="1"><testcase name="one" classname="a.B" time="0.1">
                    <flakyFailure message="once" type="java.lang.AssertionError"><stackTrace><![CDATA[at a.B]]></stackTrace><system-out>x</system-out></flakyFailure>
                    <flakyError type="java.io.IOException"><stackTrace>at a.B</stackTrace></flakyError></testcase></testsuite>"#,
            ),
            (
                "a namespace, and thousands that stand apart",
                r#"<j:testsuite xmlns:j="urn:j" tests="1" failures="0" errors="0.0"><j:testcase name="a"/></j:testsuite>"#,
            ),
            (
                "xfail and xpass of pytest",
                r#"<testsuites name="pytest tests"><testsuite name="pytest" errors="0" failures="0" skipped="1" tests="2"><testcase classname="a" name="x"><skipped type="pytest.xfail" message="" /></testcase><testcase classname="a" name="y" /></testsuite></testsuites>"#,
            ),
            ("nothing to run", r#"<testsuite name="s" tests="0" failures="0" errors="0"/>"#),
            ("a mark before it", "\u{feff}<testsuite tests='1'><testcase name='a'/></testsuite>"),
        ],
    );
    bad(
        "junit",
        &[
            (
                "surefire, no time of several",
                r#"<testsuite name="a.B" tests="1" errors="0" skipped="0" failures="1"><testcase name="one" classname="a.B"><failure message="x" type="E">at a.B</failure><rerunFailure message="x"><stackTrace>at a.B</stackTrace></rerunFailure></testcase></testsuite>"#,
            ),
            (
                "go-junit-report, where the build failed",
                r#"<testsuites tests="1" errors="1"><testsuite name="x/a" tests="1" failures="0" errors="1" id="0" hostname="h" time="0"><testcase name="[build failed]" classname="x/a" time="0"><error message="Build error"><![CDATA[./a.go:3:5: undefined: y]]></error></testcase></testsuite></testsuites>"#,
            ),
            (
                "jest-junit, where a file could not be loaded",
                r#"<testsuites name="jest tests" tests="1" failures="0" errors="1" time="1"><testsuite name="a" errors="1" failures="0" skipped="0" tests="1"><testcase classname="Test suite failed to run" name="a.js" time="0"><error>SyntaxError</error></testcase></testsuite></testsuites>"#,
            ),
            (
                "nextest, out of time",
                r#"<testsuites name="nextest-run" tests="1" skipped="0" failures="1" errors="0"><testsuite name="x" tests="1" skipped="0" errors="0" failures="1"><testcase name="slow" classname="x" time="1.001"><failure type="test timeout"/><rerunFailure type="test timeout"><system-out></system-out></rerunFailure></testcase></testsuite></testsuites>"#,
            ),
            (
                "bazel, a signal",
                r#"<testsuites><testsuite name="//a:b" tests="1" failures="0" errors="1"><testcase name="//a:b" status="run" duration="0" time="0"><error message="exited with error code 139"></error></testcase><system-out><![CDATA[ok]]></system-out></testsuite></testsuites>"#,
            ),
            (
                "pytest, none was chosen",
                r#"<testsuites name="pytest tests"><testsuite name="pytest" errors="0" failures="0" skipped="0" tests="0" time="0.079" hostname="h" /></testsuites>"#,
            ),
            ("a namespace", r#"<j:testsuite><j:testcase name="a"><j:failure/></j:testcase></j:testsuite>"#),
            (
                "thousands that stand apart",
                r#"<testsuite tests="1,000" failures="1,000" errors="0"><testcase name="a"/></testsuite>"#,
            ),
            (
                "a count that is no number",
                r#"<testsuite tests="1" failures="two" errors="0"><testcase name="a"/></testsuite>"#,
            ),
            (
                "counted as failed",
                r#"<testsuite tests="2" failed="1"><testcase name="a"/><testcase name="b"/></testsuite>"#,
            ),
            ("no success", r#"<testsuite><testcase name="a" success="False"/></testsuite>"#),
            ("timed out", r#"<testsuite><testcase name="a" status="TIMED_OUT"/></testsuite>"#),
            (
                "a failure of the kind `todo`",
                r#"<testsuite><testcase name="a"><failure type="todo"/></testcase></testsuite>"#,
            ),
        ],
    );
}

#[test]
fn what_a_test_of_go_prints() {
    let of = |printed: &str| {
        format!("=== RUN   TestA\n{printed}\n--- PASS: TestA (0.00s)\nPASS\nok  \tx/a\t0.01s\n")
    };
    for printed in [
        "FAILOVER started",
        "FAILED to connect, retrying",
        "FAIL",
        "FAIL\tinner\t0.01s\nFAIL",
        "ok  \tinner\t0.01s",
        "--- FAIL: TestInner (0.00s)\nFAIL\nFAIL\tinner\t0.01s",
        "PASS\nok  \tinner\t0.01s\nok  \tother\t0.01s",
    ] {
        well("go", &[(printed, &of(printed))]);
        assert_eq!(parse("go", &of(printed)).unwrap()["summary"]["total"], 1, "{printed}");
    }
    well("go", &[("FAILOVER", "FAILOVER started\nok  \tx/a\t0.01s\n")]);
    bad(
        "go",
        &[
            ("a crash", "=== RUN   TestA\npanic: boom\n\ngoroutine 1:\nFAIL\tx/a\t0.01s\nFAIL\n"),
            (
                "a crash, and a package that is well",
                "=== RUN   TestA\npanic: boom\nFAIL\tx/a\t0.01s\n=== RUN   TestB\n--- PASS: TestB (0.00s)\nPASS\nok  \tx/b\t0.01s\nFAIL\n",
            ),
            (
                "a crash, and the same test of another package",
                "=== RUN   TestA\nFAIL\tx/a\t0.01s\n=== RUN   TestA\n--- PASS: TestA (0.00s)\nPASS\nok  \tx/b\t0.01s\n",
            ),
            ("a test that prints its end", "=== RUN   TestA\nPASS\nok  \tx/a\t0.01s\n"),
            ("no test failed", "testing: race detected outside of test execution\nFAIL\n"),
        ],
    );
    let glued = "=== RUN   TestA\nx=== RUN   TestA/b\n    --- FAIL: TestA/b (0.00s)\n--- FAIL: TestA (0.00s)\nFAIL\nFAIL\tx/a\t0.01s\nFAIL\n";
    assert_eq!(parse("go", glued).unwrap()["summary"]["failed"], 2);
    let crash = "=== RUN   TestA\npanic: boom\nFAIL\tx/a\t0.01s\n# x/b\n./b.go:3:5: undefined: y\nFAIL\tx/b [build failed]\nFAIL\n";
    let report = parse("go", crash).unwrap();
    assert_eq!((&report["tests"][0]["status"], &report["findings"][0]["line"]), (&"error".into(), &3.into()));
}

#[test]
fn what_a_test_for_pytest_prints() {
    let bar = "=".repeat(30);
    let start = format!("{bar} test session starts {bar}\ncollected 2 items\n\n");
    let end = format!("{bar} 2 passed in 0.05s {bar}\n");
    for printed in [
        "3 passed in 0.1s",
        "!!! boom !!!",
        "conn::pool ERROR lost",
        "pool.conn::open FAILED to connect",
        "FAILED a.py::b - x",
    ] {
        let live = format!("{start}test_a.py::test_a {printed}\n{printed}\nPASSED\n\n{end}");
        let kept = format!(
            "{start}test_a.py ..   [100%]\n\n{bar} PASSES {bar}\n____ test_a ____\n---- Captured stdout call ----\n{printed}\n\
             x.py::y FAILED\n{end}"
        );
        well("pytest", &[("live", &live), ("kept", &kept)]);
        assert_eq!(parse("pytest", &live).unwrap()["summary"]["total"], 2, "{printed}");
    }
    let long = "a reason that is so very long that it leaves no place for signs on either side at all";
    bad(
        "pytest",
        &[
            (
                "a crash behind what looks like an end",
                &format!("{start}a.py::a PASSED\n3 passed in 0.1s\na.py::b Fatal Python error: Aborted\n"),
            ),
            ("a crash at the end", &format!("{start}{end}Fatal Python error: Segmentation fault\n")),
            (
                "a crash between two",
                &format!("{start}{end}Fatal Python error: Aborted\n\nThread 0x1:\n{start}{end}"),
            ),
            ("a long reason to leave", &format!("{start}! _pytest.outcomes.Exit: {long} !\n{end}")),
            ("a reason of two lines", &format!("{start}! _pytest.outcomes.Exit: a\n{long} !\n{end}")),
            (
                "a reason of a plugin",
                &format!("{start}{bar} FAILURES {bar}\nx\n{0} too slow {0}\n{end}", "!".repeat(35)),
            ),
            (
                "collection",
                &format!(
                    "{start}{bar} short test summary info {bar}\nERROR test_b.py\n{0} Interrupted: 1 error during collection {0}\n{bar} 1 error in 0.37s {bar}\n",
                    "!".repeat(20)
                ),
            ),
        ],
    );
    let strict = "FAILED a.py::a - [XPASS(strict)] fixed\n  ERROR is not one\nERROR neither\n";
    let report = format!(
        "{start}{bar} short test summary info {bar}\n{strict}{bar} 1 failed, 1 passed in 0.1s {bar}\n"
    );
    let report = parse("pytest", &report).unwrap();
    assert_eq!((&report["summary"]["total"], &report["summary"]["errors"]), (&2.into(), &0.into()));
}

#[test]
fn nextest() {
    let of = |tests: u32, summary: &str| {
        format!(
            "warning: unused\n --> a.rs:1:1\n    Finished `test` profile in 0.81s\n────────────\n Nextest run ID x with nextest profile: default\n    \
             Starting {tests} tests across 1 binary (1 test skipped)\n  TRY 1 FAIL [   0.009s] (───) nx flaky\n  stdout ───\n\n    running 1 test\n    \
             test flaky ... FAILED\n\n  TRY 2 PASS [   0.006s] (2/2) nx flaky\n{summary}"
        )
    };
    let summary = |said: &str| format!("────────────\n     Summary [   2.034s] {said}\n");
    let green = of(2, &summary("2 tests run: 2 passed (1 slow, 1 flaky), 1 skipped"));
    well("cargo", &[("flaky", &green)]);
    let report = parse("cargo", &green).unwrap();
    assert_eq!((&report["summary"]["passed"], &report["summary"]["skipped"]), (&2.into(), &1.into()));
    bad(
        "cargo",
        &[
            ("cut", &of(2, "")),
            ("failed", &of(2, &summary("2 tests run: 1 passed, 1 failed, 1 skipped"))),
            ("out of time", &of(2, &summary("2 tests run: 1 passed, 1 timed out, 1 skipped"))),
            ("cancelled", &of(2, &summary("1/2 tests run: 1 passed, 1 skipped"))),
        ],
    );
}

#[test]
fn what_a_test_for_cargo_prints() {
    let printed = "running 1 test\nerror[E0308]: mismatched types\n --> ui/a.rs:2:5\n  |\nerror: no\n --> ui/b.rs:2:5\n\
                   test ui ... ok\n\ntest result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n";
    well("cargo", &[("messages of a compiler", printed)]);
    let cut = parse("cargo", printed.split_once("test ui").unwrap().0).unwrap();
    assert_eq!((&cut["ok"], &cut["findings"][0]["code"]), (&false.into(), &"E0308".into()), "{cut:#}");
}
