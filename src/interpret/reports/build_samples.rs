//! Builds: nothing to complain of is a report as well, and what is cut is none that is well.

use super::parse;
use super::samples::{bad, well};

const CHECKED: &str =
    "    Checking x v0.1.0 (/x)\n    Finished `dev` profile [unoptimized + debuginfo] target(s) in 0.10s\n";
const FINISHED: &str = "{\"reason\":\"build-finished\",\"success\":true}\n";
const TESTED: &str =
    "running 1 test\ntest a ... ok\n\ntest result: ok. 1 passed; 0 failed; 0 ignored; 0 measured\n";

#[test]
fn a_build_without_a_complaint_is_well() {
    let artifact =
        r#"{"reason":"compiler-artifact","profile":{"test":false},"executable":"/x/target/debug/x"}"#;
    let built = format!("{artifact}\n{FINISHED}");
    let mixed = format!("   Compiling x v0.1.0 (/x)\n{built}    Finished `dev` profile target(s) in 0.10s\n");
    let samples = [
        ("clippy, check", CHECKED),
        ("nothing to do", "    Finished release [optimized] target(s) in 0.02s\n"),
        ("an event alone", FINISHED),
        ("events", &built),
        ("events among lines", &mixed),
        (
            "tests that are built and not run",
            "   Compiling x v0.1.0 (/x)\n    Finished `test` profile [unoptimized] target(s) in 0.93s\n  \
             Executable unittests src/lib.rs (target/debug/deps/x-1)\n",
        ),
        ("a build, and tests", &format!("{CHECKED}{TESTED}")),
    ];
    for format in ["cargo", "auto"] {
        well(format, &samples);
    }
    let report = parse("auto", CHECKED).unwrap();
    assert_eq!((&report["format"], &report["findings"]), (&"cargo".into(), &serde_json::json!([])));
    let session =
        "==== test session starts ====\ncollected 1 item\n\nt.py . [100%]\n\n==== 1 passed in 0.01s ====\n";
    well("auto", &[("beside a session", &format!("{CHECKED}{session}"))]);
}

#[test]
fn a_build_that_is_cut_is_not() {
    let cut = "    Checking x v0.1.0 (/x)\n";
    let artifact =
        r#"{"reason":"compiler-artifact","profile":{"test":true},"executable":"/x/target/debug/deps/x-1"}"#;
    let tests = "    Finished `test` profile [unoptimized + debuginfo] target(s) in 0.93s\n";
    let samples = [
        ("cut", cut),
        ("a second one that is cut", &format!("{CHECKED}{cut}")),
        ("cut behind tests", &format!("{TESTED}{cut}")),
        ("before the tests", tests),
        ("before the tests, with a message", &format!("warning: unused\n --> a.rs:1:1\n{tests}")),
        ("a program that says nothing", &format!("{CHECKED}     Running unittests src/lib.rs (target/x)\n")),
        ("a program, and then a build", &format!("{tests}     Running `target/debug/x`\n{CHECKED}")),
        ("examples without a word", &format!("{CHECKED}   Doc-tests x\n")),
        ("an event of what is not finished", artifact),
        ("an event before the tests", &format!("{artifact}\n{FINISHED}")),
        ("a failed build", "{\"reason\":\"build-finished\",\"success\":false}\n"),
        ("one of two", &format!("{FINISHED}{{\"reason\":\"build-finished\",\"success\":false}}\n")),
        ("what nobody knows", "Finished all of it\n"),
        ("in prose", "Checking whether all is well\n"),
        ("nothing", "\n"),
    ];
    for format in ["cargo", "auto"] {
        bad(format, &samples);
    }
    let session =
        "==== test session starts ====\ncollected 1 item\n\nt.py . [100%]\n\n==== 1 passed in 0.01s ====\n";
    bad("auto", &[("beside a session", &format!("{session}{cut}"))]);
}

/// What cargo says with `-v` until it is finished: the compiler, a build script and what it makes are programs that run.
const TOLD: &str = "   Compiling x v0.1.0 (/x)\n     Running `/bin/rustc --crate-name build_script_build build.rs`\n    \
                    Checking dep v0.2.0 (/dep)\n     Running `/bin/clippy-driver /bin/rustc --crate-name dep src/lib.rs`\n     \
                    Running `/x/target/debug/build/x-5857894dad162d43/build-script-build`\n     \
                    Running `CARGO=/bin/cargo CARGO_PKG_DESCRIPTION='' /bin/rustc --crate-name x src/lib.rs --cfg 'f(x)'`\n";

#[test]
fn what_runs_to_build_is_no_test() {
    let (built, tests) = (
        "    Finished `dev` profile [unoptimized + debuginfo] target(s) in 0.39s\n",
        "    Finished `test` profile [unoptimized + debuginfo] target(s) in 0.64s\n",
    );
    let program = "     Running `/x/target/debug/deps/x-1`\n\n";
    let examples = "   Doc-tests x\n     Running `/bin/rustdoc --crate-name x --test src/lib.rs`\n\n";
    let tested = format!("{TOLD}{tests}{program}{TESTED}");
    let script = r#"{"reason":"build-script-executed","package_id":"x","linked_libs":[]}"#;
    let samples = [
        ("a build", &format!("{TOLD}{built}")),
        ("nothing to do", &format!("       Fresh dep v0.2.0 (/dep)\n       Fresh x v0.1.0 (/x)\n{built}")),
        (
            "documentation",
            &format!("   Documenting x v0.1.0 (/x)\n     Running `/bin/rustdoc --crate-name x`\n{built}"),
        ),
        ("events", &format!("{TOLD}{script}\n{FINISHED}{built}")),
        ("tests that are not run", &format!("{TOLD}{tests}  Executable `/x/target/debug/deps/x-1`\n")),
        ("tests", &tested),
        ("tests and examples", &format!("{tested}\n{examples}{TESTED}")),
        ("tests, and a build", &format!("{tested}{TOLD}{built}")),
        ("a build, and tests", &format!("{TOLD}{built}{tested}")),
    ];
    let samples = samples.map(|(what, text)| (what, text.as_str()));
    for format in ["cargo", "auto"] {
        well(format, &samples);
    }
    let cut = [
        ("a build", TOLD),
        ("documentation", "   Documenting x v0.1.0 (/x)\n     Running `/bin/rustdoc --crate-name x`\n"),
        ("before the tests", &format!("{TOLD}{tests}")),
        ("in the first test", &format!("{TOLD}{tests}{program}")),
        ("in a test, and then a build", &format!("{TOLD}{tests}{program}{TOLD}{built}")),
        ("a test of which the build is not shown", &format!("{program}{TOLD}{built}")),
        (
            "a test in the midst of a build",
            &format!("{TOLD}     Running unittests src/lib.rs (x-1)\n{built}"),
        ),
        ("behind the tests", &format!("{tested}{TOLD}")),
        (
            "a program of which nothing is known",
            &format!("{TOLD}{built}     Running `target/debug/x`\nhello\n"),
        ),
    ];
    for format in ["cargo", "auto"] {
        bad(format, &cut);
    }
}
