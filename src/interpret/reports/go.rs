//! `go test`: its `-json` events, and what they share with its text.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::go_text;
use super::report::{Finding, Outcome, Report, Severity, Test, millis, place};

pub(super) fn parse(text: &str) -> Result<Report, String> {
    let json = text.lines().find(|line| !line.trim().is_empty()).is_some_and(|line| line.starts_with('{'));
    if json { parse_events(text) } else { go_text::parse(text) }
}

/// A test that has begun and has no result: of a benchmark none is written.
pub(super) fn unended(name: &str) -> Option<&'static str> {
    (!name.starts_with("Benchmark")).then_some("it began and has no result")
}

pub(super) fn note(test: &mut Test, file: &str, line: u64, message: &str) {
    if test.file.is_none() {
        (test.file, test.line) = (Some(file.to_owned()), Some(line));
    }
    let before = test.message.take().map(|before| before + "\n").unwrap_or_default();
    test.message = Some(before + message);
}

/// A line that names a place.
pub(super) struct Placed<'t> {
    pub(super) file: String,
    pub(super) line: u64,
    pub(super) column: Option<u64>,
    pub(super) message: &'t str,
}

impl Placed<'_> {
    pub(super) fn into_error(self) -> Finding {
        let (line, column) = (Some(self.line), self.column);
        Finding { file: Some(self.file), line, column, ..Finding::new(Severity::Error, self.message) }
    }
}

/// `    add_test.go:9: got 1`, `./add.go:3:5: undefined: x`
pub(super) fn placed(line: &str) -> Option<Placed<'_>> {
    let trimmed = line.trim_start();
    let end = trimmed.find(".go:")? + ".go:".len();
    if trimmed[..end].contains(char::is_whitespace) {
        return None;
    }
    let to = end + trimmed[end..].find(": ")?;
    let (file, line, column) = place(&trimmed[..to])?;
    Some(Placed { file, line, column, message: trimmed[to + 2..].trim() })
}

/// The events of a run.
#[derive(Default)]
struct Events {
    report: Report,
    /// By package and test, in the order of their begin.
    tests: BTreeMap<(String, String), usize>,
    /// The tests that have begun and not ended.
    running: BTreeSet<(String, String)>,
    /// By package: what its end said, once there is one, and what it wrote about places.
    packages: BTreeMap<String, (Option<bool>, Vec<Finding>)>,
}

fn parse_events(text: &str) -> Result<Report, String> {
    let mut events = Events::default();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let event: Value =
            serde_json::from_str(line).map_err(|_| format!("has no JSON on line {}", at + 1))?;
        let word = |key: &str| event.get(key).and_then(Value::as_str);
        let action = word("Action").ok_or_else(|| format!("has no event on line {}", at + 1))?;
        let output = word("Output").unwrap_or_default();
        let package = word("Package").unwrap_or_default();
        match word("Test").filter(|name| !name.is_empty()) {
            Some(name) => {
                let seconds = event.get("Elapsed").and_then(Value::as_f64);
                events.of_test(package, name, action, output, seconds);
            }
            None => events.of_package(package, action, output),
        }
    }
    Ok(events.into_report())
}

impl Events {
    fn of_package(&mut self, package: &str, action: &str, output: &str) {
        match action {
            "build-output" => self.report.findings.extend(placed(output).map(Placed::into_error)),
            "build-fail" => self.report.fails("the build failed"),
            _ => {
                let (ended, places) = self.packages.entry(package.to_owned()).or_default();
                match action {
                    "pass" | "skip" => *ended = Some(*ended != Some(false)),
                    "fail" => *ended = Some(false),
                    _ => places.extend(placed(output).map(Placed::into_error)),
                }
            }
        }
    }

    fn of_test(&mut self, package: &str, name: &str, action: &str, output: &str, seconds: Option<f64>) {
        let key = (package.to_owned(), name.to_owned());
        self.packages.entry(package.to_owned()).or_default();
        let tests = &mut self.report.tests;
        let index = *self.tests.entry(key.clone()).or_insert_with(|| {
            let full = if package.is_empty() { name.to_owned() } else { format!("{package}.{name}") };
            tests.push(Test::new(full, Outcome::Passed));
            tests.len() - 1
        });
        let test = &mut tests[index];
        let outcome = match action {
            "pass" | "bench" => Outcome::Passed,
            "fail" => Outcome::Failed,
            "skip" => Outcome::Skipped,
            "run" => {
                self.running.insert(key);
                return;
            }
            _ => {
                if let Some(Placed { file, line, message, .. }) = placed(output) {
                    note(test, &file, line, message);
                }
                return;
            }
        };
        // a test that is run several times has come to the worst of it
        test.outcome = test.outcome.max(outcome);
        test.duration_ms = seconds.and_then(millis);
        self.running.remove(&key);
    }

    fn into_report(mut self) -> Report {
        for key in self.running {
            let Some(why) = unended(&key.1) else { continue };
            let test = &mut self.report.tests[self.tests[&key]];
            test.outcome = Outcome::Error;
            test.message.get_or_insert_with(|| why.to_owned());
        }
        if self.packages.is_empty() {
            self.report.fails("no package was tested");
        }
        for (package, (ended, places)) in self.packages {
            let named = if package.is_empty() {
                "the package".to_owned()
            } else {
                format!("the package `{package}`")
            };
            match ended {
                Some(true) => {}
                Some(false) => {
                    self.report.findings.extend(places);
                    self.report.fails(format!("{named} failed"));
                }
                None => self.report.broken(format!("{named} has no end")),
            }
        }
        self.report
    }
}
