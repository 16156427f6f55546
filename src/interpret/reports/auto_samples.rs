//! Texts with the reports of several tools, and with what tests print that looks like those of others.

use serde_json::Value;

use super::parse;
use super::samples::{bad, well};

const BAR: &str = "====================";

fn cargo(ok: bool) -> String {
    let (outcome, counts) =
        if ok { ("ok", "ok. 1 passed; 0 failed") } else { ("FAILED", "FAILED. 0 passed; 1 failed") };
    let said = if ok { "" } else { "error: test failed, to rerun pass `--lib`\n" };
    format!(
        "   Compiling x v0.1.0 (/x)\n    Finished `test` profile in 0.04s\n\nrunning 1 test\ntest a ... {outcome}\n\n\
         test result: {counts}; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\n{said}"
    )
}

fn pytest(ok: bool) -> String {
    let (said, counts) = if ok {
        (String::new(), "1 passed")
    } else {
        (format!("{BAR} short test summary info {BAR}\nFAILED t.py::a - assert 0\n"), "1 failed")
    };
    format!(
        "{BAR} test session starts {BAR}\ncollected 1 item\n\nt.py x [100%]\n\n{said}{BAR} {counts} in 0.01s {BAR}\n"
    )
}

fn quiet_pytest(ok: bool) -> String {
    let counts = if ok { "1 passed" } else { "1 failed" };
    format!(". [100%]\n{counts} in 0.01s\n")
}

fn go(ok: bool) -> String {
    if ok {
        "ok  \tx/a\t0.01s\n?   \tx/b\t[no test files]\n"
    } else {
        "--- FAIL: TestA (0.00s)\n    a_test.go:5: no\nFAIL\nFAIL\tx/a\t0.01s\nFAIL\n"
    }
    .to_owned()
}

fn verbose_go(ok: bool) -> String {
    if ok {
        "=== RUN   TestA\n--- PASS: TestA (0.00s)\nPASS\nok  \tx/a\t0.01s\n"
    } else {
        "=== RUN   TestA\n--- FAIL: TestA (0.00s)\nFAIL\nFAIL\tx/a\t0.01s\nFAIL\n"
    }
    .to_owned()
}

type Tool = (&'static str, fn(bool) -> String);
const TOOLS: [Tool; 5] =
    [("cargo", cargo), ("pytest", pytest), ("pytest", quiet_pytest), ("go", go), ("go", verbose_go)];

fn pairs() -> impl Iterator<Item = (Tool, Tool)> {
    let all = TOOLS.into_iter().flat_map(|one| TOOLS.into_iter().map(move |other| (one, other)));
    // a line of `pytest -q` alone is nothing that is known
    all.filter(|(one, other)| one.0 != other.0)
}

#[test]
fn reports_of_two_tools_add_up() {
    for ((one, first), (other, second)) in pairs() {
        let what = format!("{one} and {other}");
        let of = |a: bool, b: bool| format!("make a\n{}make b\n{}", first(a), second(b));
        well("auto", &[(&what, &of(true, true))]);
        let report = parse("auto", &of(true, true)).unwrap();
        assert_eq!(report["format"], one);
        assert_eq!(report["findings"][0]["message"], format!("the reports of {one} and {other} add up"));
        for (a, b) in [(true, false), (false, true), (false, false)] {
            bad("auto", &[(&what, &of(a, b))]);
            let report = parse("auto", &of(a, b)).unwrap();
            assert_eq!(report["summary"]["failed"], u64::from(!a) + u64::from(!b), "{report:#}");
        }
    }
    let three = format!("{}{}{}", pytest(true), verbose_go(true), cargo(true));
    assert_eq!(parse("auto", &three).unwrap()["summary"]["total"], 3);
    bad("auto", &[("the last of three", &format!("{}{}{}", pytest(true), go(true), cargo(false)))]);
}

#[test]
fn one_of_two_that_is_cut() {
    let session = pytest(true).split_once("\n\nt.py").unwrap().0.to_owned() + "\n\nt.py ";
    for (what, cut) in [
        ("cargo", "running 2 tests\ntest a ... ok\n"),
        ("pytest", &session),
        ("go", "=== RUN   TestZ\n"),
        ("a build", "error[E0308]: mismatched types\n --> a.rs:1:1\n"),
    ] {
        for (of, whole) in TOOLS {
            bad("auto", &[(what, &format!("{}{cut}", whole(true)))]);
            bad("auto", &[(what, &format!("{cut}\n{}", whole(true)))]);
            bad("auto", &[(of, &format!("{}{cut}\n{}", whole(true), whole(true)))]);
        }
    }
    let failures = "==== short test summary info ====\nFAILED t.py::a - assert 0\n";
    for (of, whole) in TOOLS {
        bad("auto", &[(of, &format!("{}{failures}", whole(true)))]);
    }
    bad("auto", &[("before a session", &format!("{failures}{}", pytest(true)))]);
}

/// Reports whose tests print something.
fn printing(printed: &str) -> [(&'static str, String); 4] {
    let nextest = format!(
        "    Starting 1 test across 1 binary\n{printed}\n     Summary [   0.034s] 1 test run: 1 passed, 0 skipped\n"
    );
    [
        ("cargo", cargo(true).replace("test a ...", &format!("{printed}\ntest a ..."))),
        ("cargo", nextest),
        ("pytest", pytest(true).replace("t.py x", &format!("t.py {printed}\n{printed}\nx"))),
        ("go", verbose_go(true).replace("--- PASS", &format!("{printed}\n--- PASS"))),
    ]
}

#[test]
fn what_a_test_prints_is_of_no_other_tool() {
    let lines = [
        ("cargo", "test result: FAILED. 0 passed; 1 failed"),
        ("cargo", "error: could not compile `x` (lib)"),
        ("cargo", "running 3 tests"),
        ("cargo", "error[E0308]: mismatched types"),
        ("pytest", "==== 1 failed in 0.03s ===="),
        ("pytest", "1 failed in 0.03s"),
        ("pytest", "==== short test summary info ===="),
        ("go", "FAIL\tx/a\t0.01s"),
        ("go", "--- FAIL: TestB (0.00s)"),
        ("go", "FAIL"),
        ("junit", "<testsuite><testcase name='a'><failure/></testcase></testsuite>"),
        ("jest", r#"{"success":false,"testResults":[]}"#),
    ];
    let green = TOOLS.map(|(of, whole)| (of, whole(true)));
    let lines = lines.map(|(of, line)| (of, line.to_owned()));
    for (of, printed) in lines.into_iter().chain(green) {
        for (format, text) in printing(&printed).into_iter().filter(|(format, _)| *format != of) {
            well("auto", &[(of, &text)]);
            let report = parse("auto", &text).unwrap();
            assert_eq!(
                (&report["format"], &report["summary"]["total"]),
                (&format.into(), &1.into()),
                "{report:#}\n{text}"
            );
        }
    }
}

#[test]
fn what_failed_within_another_report_is_told() {
    // side by side, or printed: that can't be told
    let build = "error[E0308]: mismatched types\n --> a.rs:1:1\nerror: could not compile `x` (lib)\n";
    let go_build = "# x/b\n./b.go:3:5: undefined: y\nFAIL\tx/b [build failed]\nFAIL\n";
    let mut red = TOOLS.map(|(of, whole)| (of, whole(false))).to_vec();
    red.retain(|(of, text)| *of != "pytest" || text.contains(BAR));
    red.extend([("cargo", build.to_owned()), ("go", go_build.to_owned())]);
    for (of, printed) in red {
        for (format, text) in printing(&printed).into_iter().filter(|(format, _)| *format != of) {
            bad("auto", &[(of, &text)]);
            let report = parse("auto", &text).unwrap();
            let told = report["findings"].as_array().unwrap();
            let start = format!("within the report of {format} stands one of {of} that failed");
            assert!(
                told.iter().any(|told| told["message"].as_str().unwrap().starts_with(&start)),
                "{report:#}"
            );
            // whoever names the format has told it
            assert_eq!(parse(format, &text).unwrap()["ok"], true, "{text}");
        }
    }
    let (starts, ends) =
        cargo(true).split_once("test a").map(|(a, b)| (a.to_owned(), format!("test a{b}"))).unwrap();
    let crossed = format!("{starts}{}{ends}", pytest(false).replace(BAR, "="));
    bad("auto", &[("crossed", &crossed)]);
}

#[test]
fn documents_and_other_reports() {
    let suite = |case: &str| {
        format!("<?xml version=\"1.0\"?><testsuite><testcase name=\"a\">{case}</testcase></testsuite>\n")
    };
    let jest = |ok: bool| format!("{{\"success\":{ok},\"testResults\":[]}}\n");
    let event = "{\"Action\":\"fail\",\"Package\":\"a\"}\n";
    let pretty = "{\n  \"success\": false,\n  \"testResults\": [\n  ]\n}\n";
    for (of, whole) in TOOLS {
        for ok in [true, false] {
            bad("auto", &[(of, &format!("{}{}", suite(""), whole(ok)))]);
            for document in [&suite("<failure/>"), &jest(false), event, pretty, r#"{"runs":[]}"#] {
                bad("auto", &[(of, &format!("{}{document}", whole(ok)))]);
                bad("auto", &[(of, &format!("{document}{}", whole(ok)))]);
            }
        }
    }
    let both = parse("auto", &format!("{}{}", pytest(true), suite(""))).unwrap();
    let said = "this looks like pytest and junit: parse each by itself, or name the format";
    assert_eq!(both["findings"][0]["message"], said);
    let both = parse("auto", &format!("{}{event}", go(true))).unwrap();
    let said = "this looks like the text and the events of go: parse each by itself";
    assert_eq!(both["findings"][0]["message"], said);
    let printed = suite(&format!("<system-out>{}{}</system-out>", pytest(false), cargo(false)));
    well(
        "auto",
        &[("what a case has printed", &printed), ("output behind it", &format!("{}make: done\n", suite("")))],
    );
    bad("auto", &[("two suites", &format!("{}{}", suite(""), suite("<failure/>")))]);
    bad("auto", &[("suite and document", &format!("{}{}", suite(""), jest(false)))]);
    let two = |a, b| jest(a) + &jest(b);
    assert_eq!(parse("auto", &two(true, true)).unwrap()["ok"], true);
    bad("auto", &[("two", &two(true, false)), ("cut", &two(true, true)[..60])]);
    assert!(parse("auto", &(jest(true) + "{\"runs\":[]}")).unwrap_err().contains("like jest and sarif"));
}

#[test]
fn one_alone_is_as_its_format_says() {
    for text in ["3 passed in 0.1s\n", "--- a/x\n+++ b/x\n", "running\nPASS\n"] {
        assert!(parse("auto", text).is_err(), "{text}");
    }
    let diff = format!("{}--- a/x\n+++ b/x\nFAIL\nerror: nothing\n", pytest(true));
    well("auto", &[("what others write", &diff)]);
    let same =
        |text: &str, format: &str| -> [Value; 2] { ["auto", format].map(|of| parse(of, text).unwrap()) };
    for (format, whole) in
        TOOLS.into_iter().filter(|(of, _)| *of != "pytest").chain([("pytest", pytest as fn(bool) -> String)])
    {
        for ok in [true, false] {
            let [auto, named] = same(&whole(ok), format);
            assert_eq!(auto, named);
        }
    }
}
