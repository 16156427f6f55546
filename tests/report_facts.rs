//! Every number of the report is recomputed by another program, `tests/facts/recompute.py`, on fixtures and on this
//! repository; and a second run gives the same bytes.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "a test makes its own files and processes, and stops where it is wrong"
)]

mod support;

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::json;
use support::Bench;
use support::drive::{plan_of, report, run};

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn summary(bench: &Bench, root: &Path) -> String {
    let plan = plan_of("graphs/coding.yaml");
    let first = report(&run(bench, root, &plan, &json!({ "request": "summarize repo" })));
    let second = report(&run(bench, root, &plan, &json!({ "request": "summarize repo" })));
    assert_eq!(first, second, "the report differs from run to run");
    first
}

/// What the other program prints; it fails the test where it is missing or disagrees.
fn recompute(root: &Path, report: &str) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.md");
    fs::write(&file, report).unwrap();
    let policy = here().join("policies/contained.yaml");
    let done = Command::new("python3")
        .arg(here().join("tests/facts/recompute.py"))
        .args([root, &file, &policy])
        .output()
        .expect("this test needs `python3` (3.11 or newer) in the PATH");
    let text = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    (done.status.success(), text)
}

fn assert_true_report(bench: &Bench, root: &Path) -> String {
    let report = summary(bench, root);
    let (agrees, text) = recompute(root, &report);
    assert!(agrees, "{text}\n{report}");
    report
}

#[test]
fn of_this_repository() {
    let report = assert_true_report(&Bench::empty(), here());
    for wanted in ["cargo package `lgflow`", "`src/main.rs`", "| Rust | code |", "`cargo test`"] {
        assert!(report.contains(wanted), "{wanted}");
    }
}

#[test]
fn of_a_fixture_of_each_ecosystem() {
    for (name, wanted) in [
        ("rust", ["takes in `crates/*`", "program `tool`: `crates/tool/src/main.rs`", "`make check`"]),
        ("python", ["script `snake`", "`python -m pytest`", "`python -m build`"]),
        ("node", ["program `leaf`: `bin/leaf.js`", "`pnpm run test`", "typescript"]),
        ("go", ["program `server`", "`go test ./...`", "`store` | 1"]),
    ] {
        let bench = Bench::copy_of(&here().join("tests/facts/fixtures").join(name));
        // secrets and ignored files count nowhere
        bench.write(".env", "TOKEN=1\n");
        bench.write("ignored/big.rs", "fn main() {}\n".repeat(5000));
        bench.write(".git/info/exclude", "/ignored/\n");
        let report = assert_true_report(&bench, bench.folder.path());
        for wanted in wanted {
            assert!(report.contains(wanted), "{name}: no {wanted} in\n{report}");
        }
        assert!(!report.contains("TOKEN") && !report.contains("ignored"), "{name}");
    }
}

#[test]
fn of_nothing_and_of_odd_files() {
    let empty = Bench::empty();
    let report = assert_true_report(&empty, empty.folder.path());
    assert!(report.contains("There are no files."), "{report}");
    let odd = Bench::with(&[
        ("a b/ü\u{202e}.py", "import os\n"),
        ("no_end.rs", "fn main() {}"),
        ("crlf.md", "# Title\r\n\r\nText.\r\n"),
        ("pipe|name.rs", "// x\n"),
        ("package.json", "{ not json"),
        ("Cargo.toml", "[package\n"),
    ]);
    odd.write("latin1.txt", b"caf\xe9\n");
    odd.write("zero.bin", b"\0\0\0");
    let at = odd.folder.path();
    fs::write(at.join(std::ffi::OsStr::from_bytes(b"bad\xff.rs")), "x\n").unwrap();
    fs::write(at.join("line\nbreak.rs"), "x\n").unwrap();
    std::os::unix::fs::symlink("no_end.rs", at.join("link.rs")).unwrap();
    let report = summary(&odd, at);
    assert!(report.contains("2 names are not UTF-8 or have control characters in them"), "{report}");
    assert!(report.contains("8 files, "), "{report}");
}

#[test]
fn tests_fixtures_and_examples_are_listed_apart() {
    let package = |name: &str| format!("[package]\nname = \"{name}\"\nversion = \"1.0.0\"\n");
    let bench = Bench::with(&[
        ("Cargo.toml", &package("product")),
        ("src/main.rs", "fn main() {}\n"),
        ("Examples/small/Cargo.toml", &package("small")),
        ("Examples/small/src/main.rs", "fn main() {}\n"),
        ("src/testing/fixtures/package.json", "{\"name\":\"odd\",\"scripts\":{\"test\":\"jest\"}}\n"),
    ]);
    let report = assert_true_report(&bench, bench.folder.path());
    let parts: Vec<&str> = report.split("of tests, fixtures and examples:").collect();
    assert_eq!(parts.len(), 4, "{report}");
    assert!(parts[0].contains("cargo package `product`") && !parts[0].contains("`small`"), "{report}");
    assert!(parts[0].contains("`Cargo.toml` (cargo) declares 0 dependencies."), "{report}");
    assert!(
        parts[0].ends_with("And 2 ") && parts[1].contains("- program `product`: `src/main.rs`"),
        "{report}"
    );
    assert!(parts[2].contains("program `small`") && parts[2].contains("`cargo test`"), "{report}");
    assert!(parts[3].contains("`npm run test`"), "{report}");
    // where there is nothing else, that is what is said
    let only = Bench::with(&[("tests/a/go.mod", "module example.org/a\n")]);
    let report = assert_true_report(&only, only.folder.path());
    assert!(report.contains("None was found.\n\nAnd 1 of tests, fixtures and examples:"), "{report}");
}

/// The other program notices each number that is changed.
#[test]
fn a_changed_number_is_noticed() {
    let bench = Bench::copy_of(&here().join("tests/facts/fixtures/rust"));
    let report = summary(&bench, bench.folder.path());
    let body = report.split("## How this was made").next().unwrap();
    let digits: Vec<usize> =
        body.char_indices().filter(|(_, c)| c.is_ascii_digit()).map(|(at, _)| at).collect();
    assert!(digits.len() > 40);
    for at in digits.into_iter().step_by(13) {
        // not the requirement of a dependency or a version: those are words that are copied
        let before = body[..at].rsplit('`').next().unwrap_or_default();
        if body[..at].matches('`').count() % 2 == 1 && !before.contains(':')
            || before.starts_with(' ') && before.ends_with('.')
        {
            continue;
        }
        let digit = if body.as_bytes()[at] == b'9' { "8" } else { "9" };
        let changed = format!("{}{digit}{}", &report[..at], &report[at + 1..]);
        let (agrees, _) = recompute(bench.folder.path(), &changed);
        assert!(!agrees, "unnoticed: …{}", &changed[at.saturating_sub(60)..at + 20]);
    }
}
