//! Reports of runs that were well, and of runs that were not whatever their tests say, by format.

use serde_json::Value;

use super::parse;

pub(super) type Sample<'t> = (&'t str, &'t str);

#[track_caller]
fn each(format: &str, samples: &[Sample<'_>], check: impl Fn(Result<Value, String>, &str)) {
    for (what, text) in samples {
        check(parse(format, text), &format!("{format}, {what}:\n{text}"));
    }
}

/// All passed, and at least one test or finding was read.
pub(super) fn well(format: &str, samples: &[Sample<'_>]) {
    each(format, samples, |report, sample| {
        let report = report.unwrap_or_else(|why| panic!("{why}: {sample}"));
        assert_eq!(report["ok"], true, "{report:#}\n{sample}");
        assert_eq!(
            (&report["summary"]["failed"], &report["summary"]["errors"]),
            (&0.into(), &0.into()),
            "{sample}"
        );
    });
}

/// It is not `ok`, its numbers say so as well, and something that is listed says why.
pub(super) fn bad(format: &str, samples: &[Sample<'_>]) {
    each(format, samples, |report, sample| {
        let Ok(report) = report else { return };
        assert_eq!(report["ok"], false, "{report:#}\n{sample}");
        let count = |name: &str| report["summary"][name].as_u64().unwrap();
        assert!(count("failed") + count("errors") > 0, "{report:#}\n{sample}");
        let listed = |list: &str, key: &str, words: &[&str]| {
            let is = |entry: &Value| words.iter().any(|word| entry[key] == *word);
            report[list].as_array().unwrap().iter().any(is)
        };
        assert!(
            listed("tests", "status", &["failed", "error"]) || listed("findings", "severity", &["error"]),
            "{report:#}\n{sample}"
        );
    });
}

const OK: &str =
    "test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s";

#[test]
fn cargo_that_is_well() {
    well(
        "cargo",
        &[
            (
                "with all that goes to stderr",
                "   Compiling x v0.1.0 (/x)\nwarning: unused variable: `y`\n --> src/lib.rs:8:57\n  |\n\n\
                 warning: `x` (lib test) generated 1 warning (run `cargo fix --lib -p x --tests`)\n    \
                 Finished `test` profile [unoptimized + debuginfo] target(s) in 2.93s\n     \
                 Running unittests src/lib.rs (target/debug/deps/x-1)\n\nrunning 2 tests\n\
                 test tests::three ... ignored, slow\ntest tests::one ... ok\n\n\
                 test result: ok. 1 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\n   \
                 Doc-tests x\n\nrunning 1 test\ntest src/lib.rs - a (line 1) ... ok\n\n\
                 test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s\n\n\
                 all doctests ran in 3.51s; merged doctests compilation took 3.48s\n",
            ),
            (
                "one letter for a test",
                "\nrunning 3 tests\n.i.\n\
                 test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.02s\n\n",
            ),
            (
                "what tests wrote stands between",
                "running 2 tests\ntest tests::one ... gluedok\ntest tests::two ... error: not one\nerror: no file\nok\n\n\
                 test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n",
            ),
            (
                "a test that runs cargo",
                "running 1 test\nrunning 1 test\ntest inner ... ok\n\
                 test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
                 test outer ... ok\n\
                 test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n",
            ),
            (
                "colours",
                "\u{1b}[1m\u{1b}[92m    Finished\u{1b}[0m `test` profile in 0.04s\nrunning 1 test\n\
                 test a ... \u{1b}[32mok\u{1b}(B\u{1b}[m\n\n\
                 test result: \u{1b}[32mok\u{1b}[m. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n",
            ),
            (
                "a benchmark",
                "running 1 test\ntest b ... bench:       1,234 ns/iter (+/- 5)\n\n\
                 test result: ok. 0 passed; 0 failed; 0 ignored; 1 measured; 0 filtered out; finished in 0.50s\n",
            ),
            (
                "nothing to run",
                "running 0 tests\n\ntest result: ok. 0 passed; 0 failed; 0 ignored; 0 measured\n",
            ),
            ("a lint", "warning: unused\n --> a.rs:1:1\n    Finished `dev` profile in 0.45s\n"),
        ],
    );
}

#[test]
fn cargo_that_is_not() {
    let ok = OK;
    bad(
        "cargo",
        &[
            (
                "a signal",
                "\nrunning 2 tests\ntest tests::fine ... ok\ntest tests::over ... \nthread 'tests::over' has overflowed \
                 its stack\nfatal runtime error: stack overflow, aborting\nerror: test failed, to rerun pass `--lib`\n",
            ),
            ("cut", "running 2 tests\ntest a ... ok\n"),
            (
                "a second program that is cut",
                &format!("running 1 test\ntest a ... ok\n{ok}\n\nrunning 1 test\n"),
            ),
            ("without its begin and its end", "test a ... ok\n"),
            ("fewer results than tests", &format!("running 2 tests\ntest a ... ok\n{ok}\n")),
            (
                "a failure that nobody lists",
                "running 1 test\ntest result: ok. 0 passed; 1 failed; 0 ignored\n",
            ),
            (
                "a failed end",
                "running 1 test\ntest a ... ok\ntest result: FAILED. 1 passed; 0 failed; 0 ignored\n",
            ),
            ("of two the first", &format!("test result: FAILED. 0 passed; 1 failed\n{ok}\n")),
            (
                "no link",
                "warning: unused\n --> a.rs:1:1\nerror: linking with `cc` failed: exit status: 1\nerror: could not compile `x`\n",
            ),
            ("no manifest", &format!("{ok}\nerror: failed to parse manifest at `/x/Cargo.toml`\n")),
            (
                "a doctest",
                &format!(
                    "running 1 test\ntest a ... ok\n{ok}\n\nerror: doctest failed, to rerun pass `--doc`\n"
                ),
            ),
            (
                "in colours",
                &format!("{ok}\n\u{1b}[1m\u{1b}[31merror\u{1b}[0m: test failed, to rerun pass `--lib`\n"),
            ),
            ("several targets", &format!("{ok}\nerror: 2 targets failed:\n    `--lib`\n    `--test x`\n")),
            ("messages as JSON", &format!("{ok}\n{{\"reason\":\"build-finished\",\"success\":false}}\n")),
            ("a build that is cut", "warning: unused\n --> a.rs:1:1\n"),
            ("its middle is left out", &format!("{ok}\n[… 1234 bytes left out …]\n{ok}\n")),
        ],
    );
}

#[test]
fn pytest() {
    well(
        "pytest",
        &[
            (
                "what was captured",
                "============================= test session starts ==============================\ncollected 5 items\n\n\
                 test_a.py ...xs                                                          [100%]\n\n\
                 ==================================== PASSES ====================================\n\
                 ----------------------------- Captured stdout call -----------------------------\nERROR: printed\n\
                 ------------------------------ Captured log call -------------------------------\n\
                 ERROR    root:test_a.py:2 boom\n=========================== short test summary info ============================\n\
                 PASSED test_a.py::test_one\nSKIPPED [1] test_a.py:12: unconditional skip\nXFAIL test_a.py::test_x\n\
                 =================== 3 passed, 1 skipped, 1 xfailed in 0.08s ====================\n",
            ),
            (
                "a live log and subtests",
                "===== test session starts =====\n\ntest_a.py::test_one \n------- live log call -------\n\
                 ERROR    root:test_a.py:2 boom\nPASSED                       [ 20%]\n\
                 test_a.py::test_sub SUBPASSED(i=0)    [ 40%]\ntest_a.py::test_sub PASSED     [ 40%]\n\n\
                 ===== 2 passed, 1 subtests passed in 0.10s =====\n",
            ),
            (
                "enough is covered",
                ".uuu..xs    [100%]\n======= tests coverage =======\nTOTAL          13      0   100%\n\
                 Required test coverage of 100% reached. Total coverage: 100.00%\n3 passed, 1 skipped, 1 xfailed in 65.25s (0:01:05)\n",
            ),
            (
                "several workers",
                "2 workers [2 items]\n[gw1] [ 50%] PASSED a.py::a\n== 2 passed, 1 rerun in 2.80s ==\n",
            ),
            (
                "colours",
                "\u{1b}[1m== test session starts ==\u{1b}[0m\n\u{1b}[32m==== \u{1b}[32m\u{1b}[1m3 passed\u{1b}[0m\u{1b}[32m in 0.08s\u{1b}[0m\u{1b}[32m ====\u{1b}[0m\n",
            ),
            (
                "two sessions",
                "== test session starts ==\n== 1 passed in 0.1s ==\n== test session starts ==\n== 2 passed in 0.1s ==\n",
            ),
        ],
    );
    bad(
        "pytest",
        &[
            (
                "an internal error",
                "INTERNALERROR> Traceback (most recent call last):\nINTERNALERROR> ValueError: bug\n==== 1 passed in 0.1s ====\n",
            ),
            ("an internal error at the end", "==== 1 passed in 0.1s ====\nINTERNALERROR> ValueError: bug\n"),
            ("interrupted", "!!!!!!!!!!!!!! KeyboardInterrupt !!!!!!!!!!!!!!\n==== 2 passed in 0.86s ====\n"),
            ("left", "!!!!!!!! _pytest.outcomes.Exit: enough !!!!!!!!\n==== 2 passed in 0.65s ====\n"),
            ("stopped", "!!!!!!! stopping after 1 failures !!!!!!!\n1 passed in 0.07s\n"),
            (
                "too little covered",
                "FAIL Required test coverage of 100% not reached. Total coverage: 92.86%\n3 passed in 0.15s\n",
            ),
            (
                "too little covered, behind",
                "3 passed in 0.15s\nERROR: Coverage failure: total of 93 is less than fail-under=100\n",
            ),
            ("of two the first", "==== 1 failed in 0.03s ====\n==== 1 passed in 0.03s ====\n"),
            (
                "of two the second has no end",
                "== test session starts ==\n== 1 passed in 0.1s ==\n== test session starts ==\ntest_b.py .",
            ),
            (
                "of two the first has no end",
                "== test session starts ==\na.py ..\n== test session starts ==\n== 1 passed in 0.1s ==\n",
            ),
            ("none ran", "==== no tests ran in 0.01s ====\n"),
            ("none was chosen", "==== 5 deselected in 0.02s ====\n"),
            ("subtests", "==== 1 passed, 1 subtests failed in 0.02s ====\n"),
            ("no end", "test_b.py .."),
        ],
    );
    let report = parse("pytest", "a.py::a XFAIL\n== 3 passed, 1 skipped, 2 xfailed in 0.08s ==\n").unwrap();
    assert_eq!((&report["summary"]["total"], &report["summary"]["skipped"]), (&6.into(), &3.into()));
    assert_eq!(parse("pytest", "no tests ran in 0.01s\n").unwrap()["findings"][0]["message"], "no tests ran");
}

#[test]
fn go() {
    well(
        "go",
        &[
            (
                "packages",
                "ok  \texample.com/a\t0.01s\n?   \texample.com/b\t[no test files]\nok  \texample.com/c\t(cached)\n",
            ),
            (
                "what tests wrote stands between",
                "=== RUN   TestA\n    a_test.go:5: hello\nmain.go:12: logged\nexit status 1\n--- PASS: TestA (0.00s)\n=== RUN   TestB\n\
                 glued--- PASS: TestB (0.00s)\n=== RUN   TestC\n=== RUN   TestC/sub\n--- PASS: TestC (0.00s)\n    \
                 --- PASS: TestC/sub (0.00s)\nPASS\nok  \texample.com/a\t0.003s\n",
            ),
            (
                "side by side",
                "=== RUN   TestA\n=== PAUSE TestA\n=== RUN   TestB\n=== PAUSE TestB\n=== CONT  TestA\n=== CONT  TestB\n\
                 --- PASS: TestB (0.00s)\n--- PASS: TestA (0.00s)\nPASS\ncoverage: 77.0% of statements\nok  \ta\t0.003s\tcoverage: 77.0% of statements\n",
            ),
            ("a program by itself", "=== RUN   TestA\n--- PASS: TestA (0.00s)\nPASS\n"),
            ("benchmarks", "goos: linux\nBenchmarkA-8   \t1000\t 1234 ns/op\nPASS\nok  \ta\t1.2s\n"),
            (
                "events",
                "{\"Action\":\"start\",\"Package\":\"a\"}\n{\"Action\":\"output\",\"Package\":\"a\",\"Output\":\"main.go:12: set up\\n\"}\n\
                 {\"Action\":\"run\",\"Package\":\"a\",\"Test\":\"TestA\"}\n{\"Action\":\"pass\",\"Package\":\"a\",\"Test\":\"TestA\",\"Elapsed\":0}\n\
                 {\"Action\":\"run\",\"Package\":\"a\",\"Test\":\"BenchmarkA\"}\n{\"Action\":\"output\",\"Package\":\"a\",\"Test\":\"BenchmarkA\",\"Output\":\"x\"}\n\
                 {\"Action\":\"pass\",\"Package\":\"a\",\"Elapsed\":0.1}\n{\"Action\":\"start\",\"Package\":\"b\"}\n{\"Action\":\"skip\",\"Package\":\"b\",\"Elapsed\":0}\n",
            ),
        ],
    );
    bad(
        "go",
        &[
            ("cut", "=== RUN   TestA\n--- PASS: TestA (0.00s)\n=== RUN   TestB\nexit status 2\n"),
            ("cut between tests", "=== RUN   TestA\n--- PASS: TestA (0.00s)\n"),
            ("cut behind `PASS`", "ok  \ta\t0.01s\n--- PASS: TestA (0.00s)\nPASS\n"),
            ("ended behind `PASS`", "=== RUN   TestA\n--- PASS: TestA (0.00s)\nPASS\nexit status 1\n"),
            ("a test without an end", "=== RUN   TestA\nPASS\nok  \ta\t0.01s\n"),
            ("a panic", "ok  \ta\t0.01s\npanic: boom\n\ngoroutine 1 [running]:\n"),
            ("no build", "FAIL\ta [build failed]\nok  \tb\t0.01s\nFAIL\n"),
            (
                "events that are cut",
                "{\"Action\":\"run\",\"Package\":\"a\",\"Test\":\"T\"}\n{\"Action\":\"pass\",\"Package\":\"a\",\"Test\":\"T\"}\n",
            ),
            (
                "a test without an event of its end",
                "{\"Action\":\"run\",\"Package\":\"a\",\"Test\":\"T\"}\n{\"Action\":\"pass\",\"Package\":\"a\"}\n",
            ),
            (
                "a package that never began a test",
                "{\"Action\":\"start\",\"Package\":\"a\"}\n{\"Action\":\"fail\",\"Package\":\"a\"}\n",
            ),
            (
                "of two runs the first",
                "{\"Action\":\"fail\",\"Package\":\"a\",\"Test\":\"T\"}\n{\"Action\":\"pass\",\"Package\":\"a\",\"Test\":\"T\"}\n{\"Action\":\"pass\",\"Package\":\"a\"}\n",
            ),
            ("a build", "{\"ImportPath\":\"a\",\"Action\":\"build-fail\"}\n"),
            ("no events", "{}\n"),
        ],
    );
}
