//! `JUnit` XML as the tools of this world write it: `testsuites`, `testsuite`, `testcase`, with `failure`, `error`,
//! `skipped`.

use std::collections::BTreeMap;

use super::report::{Finding, Outcome, Report, Severity, Test, millis};
use super::xml::{Piece, pieces};

type Attributes = BTreeMap<String, String>;

pub(super) fn parse(text: &str) -> Result<Report, String> {
    let mut reader = Reader::default();
    for piece in pieces(text)? {
        match piece {
            Piece::Start(name, attributes) => reader.start(&name, &attributes),
            Piece::Text(text) => reader.text(&text),
            Piece::End(name) => reader.end(&name),
        }
    }
    if reader.seen == 0 {
        return Err("has no `testsuite`".to_owned());
    }
    Ok(reader.report)
}

#[derive(Default)]
struct Reader {
    report: Report,
    case: Option<Case>,
    /// What a `failure` or an `error` outside of a case says.
    outside: Option<String>,
    /// Inside of a `failure`, an `error` or a `skipped`: its text.
    text: Option<String>,
    /// The suites that are open, the innermost last.
    suites: Vec<Suite>,
    seen: u32,
    /// The elements that say that something failed.
    bad: u64,
}

struct Case {
    test: Test,
    /// Known to fail: what it comes to does not count.
    todo: bool,
}

/// What a suite says of itself, and how much was known before it.
struct Suite {
    name: String,
    tests: Option<u64>,
    failures: Option<u64>,
    errors: Option<u64>,
    cases_before: usize,
    bad_before: u64,
}

impl Reader {
    fn start(&mut self, name: &str, attributes: &Attributes) {
        let outcome = match name {
            "testsuites" | "testsuite" => {
                self.seen += 1;
                self.suites.push(suite(attributes, self.report.tests.len(), self.bad));
                return;
            }
            "testcase" => {
                let before = self.case.replace(Case { test: case(attributes), todo: false });
                self.report.tests.extend(before.map(|case| case.test));
                return;
            }
            "failure" => Outcome::Failed,
            "error" => Outcome::Error,
            "skipped" => Outcome::Skipped,
            _ => return,
        };
        self.bad += u64::from(outcome > Outcome::Skipped);
        let message = attributes.get("message").cloned();
        match &mut self.case {
            Some(case) => {
                case.todo |= attributes.get("type").is_some_and(|kind| kind == "todo");
                if outcome >= case.test.outcome {
                    case.test.outcome = outcome;
                    case.test.message = message;
                }
            }
            None if outcome > Outcome::Skipped => self.outside = Some(message.unwrap_or_default()),
            None => return,
        }
        self.text = Some(String::new());
    }

    fn text(&mut self, text: &str) {
        if let Some(known) = &mut self.text {
            known.push_str(text);
        }
    }

    fn end(&mut self, name: &str) {
        match name {
            "testcase" => {
                let Some(mut case) = self.case.take() else { return };
                if case.todo {
                    case.test.outcome = Outcome::Skipped;
                }
                self.report.tests.push(case.test);
            }
            "testsuites" | "testsuite" => {
                if let Some(suite) = self.suites.pop() {
                    self.suite_ends(&suite);
                }
            }
            "failure" | "error" | "skipped" => {
                let text = self.text.take().map(|text| text.trim().to_owned()).unwrap_or_default();
                if let Some(said) = self.outside.take() {
                    let said = Some(joined(Some(said), &text)).filter(|said| !said.is_empty());
                    let said = said.unwrap_or_else(|| "something outside of a test failed".to_owned());
                    self.report.findings.push(Finding::new(Severity::Error, said));
                } else if let Some(case) = self.case.as_mut().filter(|_| !text.is_empty()) {
                    case.test.message = Some(joined(case.test.message.take(), &text));
                }
            }
            _ => {}
        }
    }

    /// Holds what a suite says of itself against what it has listed.
    fn suite_ends(&mut self, suite: &Suite) {
        let cases = (self.report.tests.len() - suite.cases_before) as u64;
        let bad = self.bad - suite.bad_before;
        let declared = suite.failures.unwrap_or_default().saturating_add(suite.errors.unwrap_or_default());
        let name = &suite.name;
        if declared > bad {
            self.report.broken(format!("{name} counts {declared} failures and errors, and {bad} are listed"));
            // what is told of a suite is not told of the ones around it again
            self.bad += declared - bad;
        }
        // a case can stand for several tests (the subtests of `pytest`), as long as it is known that none failed
        let known = cases > 0 && suite.failures.is_some() && suite.errors.is_some();
        let tests = suite.tests.unwrap_or_default();
        if tests > cases && !known && declared <= bad {
            self.report.broken(format!("{name} counts {tests} tests, and {cases} are listed"));
        }
    }
}

/// A message and the text below it, once.
fn joined(message: Option<String>, text: &str) -> String {
    match message.filter(|message| !text.contains(message.as_str())) {
        Some(message) if text.is_empty() => message,
        Some(message) => format!("{message}\n{text}"),
        None => text.to_owned(),
    }
}

fn suite(attributes: &Attributes, cases_before: usize, bad_before: u64) -> Suite {
    let count = |key: &str| attributes.get(key).and_then(|count| count.trim().parse().ok());
    let named = attributes.get("name").filter(|name| !name.is_empty());
    Suite {
        name: named.map_or_else(|| "a suite".to_owned(), |name| format!("the suite `{name}`")),
        tests: count("tests"),
        failures: count("failures"),
        errors: count("errors"),
        cases_before,
        bad_before,
    }
}

fn case(attributes: &Attributes) -> Test {
    let get = |key: &str| attributes.get(key).filter(|value| !value.is_empty());
    let name = get("name").cloned().unwrap_or_default();
    let full = get("classname").map_or(name.clone(), |class| format!("{class}.{name}"));
    Test {
        file: get("file").cloned(),
        line: get("line").and_then(|line| line.parse().ok()),
        duration_ms: get("time").and_then(|time| time.replace(',', "").parse().ok()).and_then(millis),
        ..Test::new(full, said_outcome(attributes))
    }
}

/// Some say it in an attribute as well, and some there alone.
fn said_outcome(attributes: &Attributes) -> Outcome {
    let said = |key: &str| attributes.get(key).map(|value| value.to_ascii_lowercase());
    let words = [said("status"), said("result")];
    let is = |all: &[&str]| words.iter().flatten().any(|word| all.contains(&word.as_str()));
    if is(&["error", "errored", "crashed", "timeout"]) {
        Outcome::Error
    } else if is(&["fail", "failed", "failure"]) {
        Outcome::Failed
    } else {
        Outcome::Passed
    }
}
