//! `JUnit` XML as the tools of this world write it: `testsuites`, `testsuite`, `testcase`, with `failure`, `error`,
//! `skipped`.

use super::junit_case::{Attributes, Case};
use super::report::{Finding, Outcome, Report, Severity};
use super::xml::{Piece, pieces};

pub(super) fn parse(text: &str) -> Result<Report, String> {
    let mut reader = Reader::default();
    for piece in pieces(text)? {
        match piece {
            Piece::Start(name, attributes) => reader.start(local(&name), &attributes),
            Piece::Text(text) => reader.text(&text),
            Piece::End(name) => reader.end(local(&name)),
        }
    }
    if reader.seen == 0 {
        return Err("has no `testsuite`".to_owned());
    }
    Ok(reader.report)
}

/// The name of an element without the prefix of its namespace.
fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
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

/// What a suite says of itself, and how much was known before it.
struct Suite {
    name: String,
    /// By its name it is what pytest writes, which fails where no test ran.
    of_pytest: bool,
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
                let suite = self.suite(attributes);
                self.suites.push(suite);
                return;
            }
            "testcase" => {
                let before = self.case.replace(Case::new(attributes));
                self.report.tests.extend(before.map(Case::into_test));
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
            Some(case) => case.is(outcome, message, attributes),
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
                self.report.tests.extend(self.case.take().map(Case::into_test));
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
                    case.message = Some(joined(case.message.take(), &text));
                }
            }
            _ => {}
        }
    }

    fn suite(&mut self, attributes: &Attributes) -> Suite {
        let named = attributes.get("name").filter(|name| !name.is_empty());
        let name = named.map_or_else(|| "a suite".to_owned(), |name| format!("the suite `{name}`"));
        let mut said = |key: &str| {
            let said = attributes.get(key).map(|said| said.trim()).filter(|said| !said.is_empty())?;
            let count = count(said);
            if count.is_none() {
                self.report.broken(format!("{name} counts its {key} as `{said}`, which is no number"));
            }
            count
        };
        let (tests, failures, errors) = (said("tests"), said("failures").max(said("failed")), said("errors"));
        Suite {
            name,
            of_pytest: named.is_some_and(|name| name == "pytest"),
            tests,
            failures,
            errors,
            cases_before: self.report.tests.len(),
            bad_before: self.bad,
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
        if suite.of_pytest && suite.tests == Some(0) && cases == 0 && declared == 0 {
            self.report.broken("no tests ran");
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

/// A count that an attribute gives; its thousands may stand apart.
fn count(said: &str) -> Option<u64> {
    let apart = |c: char| matches!(c, ',' | '_' | '\'' | ' ' | '\u{a0}' | '\u{202f}');
    let digits: String = said.chars().filter(|c| !apart(*c)).collect();
    digits.strip_suffix(".0").unwrap_or(&digits).parse().ok()
}
