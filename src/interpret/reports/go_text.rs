//! `go test` as text, with `-v` or without.

use std::collections::{BTreeMap, BTreeSet};

use super::go::{Placed, note, placed, unended};
use super::report::{Outcome, Report, Test, millis};

pub(super) fn parse(text: &str) -> Result<Report, String> {
    let mut reader = Reader::default();
    text.lines().for_each(|line| reader.line(line));
    reader.into_report()
}

#[derive(Default)]
struct Reader<'t> {
    report: Report,
    /// The tests that have begun and not ended, with what they have said of places.
    running: BTreeMap<&'t str, Vec<Placed<'t>>>,
    /// The one that speaks.
    current: Option<&'t str>,
    /// The one that has ended last.
    last: Option<usize>,
    /// Something was said whose package has not ended yet.
    open: bool,
    /// A program of tests has said `PASS`, and `go test` nothing of its package yet.
    passed: bool,
    /// `go test` has said something of packages.
    packages: bool,
    /// A package has ended by a line that one of the running tests can have printed.
    doubt: Option<Doubt<'t>>,
}

/// What holds unless one of these tests ends after all: its package has ended without it, and no test printed that.
#[derive(Default)]
struct Doubt<'t> {
    tests: BTreeSet<&'t str>,
    failed: Vec<String>,
    places: Vec<Placed<'t>>,
}

impl<'t> Reader<'t> {
    fn line(&mut self, line: &'t str) {
        if let Some(name) = line.strip_prefix("=== RUN   ") {
            if self.running.contains_key(name) {
                // the same test of another package
                self.settle();
            }
            self.running.entry(name).or_default();
            (self.current, self.open) = (Some(name), true);
        } else if let Some(name) = line.strip_prefix("=== CONT  ").or_else(|| line.strip_prefix("=== NAME  "))
        {
            self.current = Some(name).filter(|name| self.running.contains_key(name));
        } else if let Some((name, outcome, seconds)) = result_line(line) {
            // where a test runs, one that did not begin is what it printed; a part of one can begin behind other text
            let known = name.split('/').next().is_some_and(|whole| self.running.contains_key(whole));
            if known || self.quiet() || self.running.contains_key(name) || unended(name).is_none() {
                self.result(name, outcome, seconds);
            }
        } else if let Some(placed) = placed(line) {
            self.place(placed, line.starts_with(' '));
        } else if line.starts_with("ok  \t") || line.starts_with("?   \t") {
            self.package(None);
        } else if let Some(package) = line.strip_prefix("FAIL\t") {
            self.package(Some(format!("the package `{}` failed", package.replace('\t', " "))));
        } else if line.trim_end() == "FAIL" && self.quiet() {
            self.report.fails("a program of tests failed");
            self.open = false;
        } else if line.trim_end() == "PASS" && self.quiet() {
            (self.open, self.passed) = (false, true);
        } else if ["exit status ", "signal: ", "panic: "].iter().any(|start| line.starts_with(start)) {
            // the package fails, and says so in a line of its own
            self.open = true;
        }
    }

    fn result(&mut self, name: &'t str, outcome: Outcome, seconds: f64) {
        let mut test = Test { duration_ms: millis(seconds), ..Test::new(name, outcome) };
        for placed in self.running.remove(name).unwrap_or_default() {
            note(&mut test, &placed.file, placed.line, placed.message);
        }
        if self.doubt.as_ref().is_some_and(|doubt| doubt.tests.contains(name)) {
            self.doubt = None;
        }
        self.last = Some(self.report.tests.len());
        self.report.tests.push(test);
        (self.current, self.open) = (None, true);
    }

    /// What a test says of a place is its message; an error is what nobody else can have written.
    fn place(&mut self, placed: Placed<'t>, indented: bool) {
        let quiet = self.running.is_empty();
        if let Some(said) = self.current.filter(|_| indented).and_then(|name| self.running.get_mut(name)) {
            said.push(placed);
        } else if let Some(last) = self.last.filter(|_| indented) {
            note(&mut self.report.tests[last], &placed.file, placed.line, placed.message);
        } else if quiet {
            self.report.findings.push(placed.into_error());
        } else if let Some(doubt) = self.doubt.as_mut().filter(|_| !indented) {
            doubt.places.push(placed);
        }
    }

    /// Is there no test whose result is still to come?
    fn quiet(&self) -> bool {
        self.running.keys().all(|name| unended(name).is_none())
    }

    /// `go test` says that a package has ended, and how it failed; or a test that still runs has printed that.
    fn package(&mut self, failed: Option<String>) {
        if self.quiet() {
            if let Some(how) = failed {
                self.report.fails(how);
            }
            let running = std::mem::take(&mut self.running);
            self.package_ends(running);
        } else {
            let doubt = self.doubt.get_or_insert_default();
            doubt.tests.extend(self.running.keys());
            doubt.failed.extend(failed);
        }
    }

    /// None of the tests that could have printed it has ended: so it was no test.
    fn settle(&mut self) {
        let Some(doubt) = self.doubt.take() else { return };
        doubt.failed.into_iter().for_each(|how| self.report.fails(how));
        self.report.findings.extend(doubt.places.into_iter().map(Placed::into_error));
        let (ended, running) =
            std::mem::take(&mut self.running).into_iter().partition(|(name, _)| doubt.tests.contains(name));
        self.running = running;
        self.package_ends(ended);
    }

    fn package_ends(&mut self, running: BTreeMap<&'t str, Vec<Placed<'t>>>) {
        self.tests_end(running);
        (self.packages, self.open, self.passed) = (true, false, false);
    }

    fn tests_end(&mut self, running: BTreeMap<&'t str, Vec<Placed<'t>>>) {
        for (name, said) in running {
            let Some(why) = unended(name) else { continue };
            let mut test = Test::new(name, Outcome::Error);
            for placed in said {
                note(&mut test, &placed.file, placed.line, placed.message);
            }
            test.message.get_or_insert_with(|| why.to_owned());
            self.report.tests.push(test);
        }
        (self.current, self.last) = (None, None);
    }

    fn into_report(mut self) -> Result<Report, String> {
        self.settle();
        let running = std::mem::take(&mut self.running);
        self.tests_end(running);
        let says_anything = self.packages || self.open || self.passed || self.report.failed.is_some();
        if self.report.tests.is_empty() && self.report.findings.is_empty() && !says_anything {
            return Err("has neither tests nor packages".to_owned());
        }
        if self.open || self.passed && self.packages {
            self.report.broken("the report ends before its last package does");
        } else if !self.packages && !self.passed {
            self.report.fails("the report has no package");
        }
        Ok(self.report)
    }
}

/// `--- FAIL: TestAdd (0.00s)`, which stands behind whatever the test has written without the end of a line.
pub(super) fn result_line(line: &str) -> Option<(&str, Outcome, f64)> {
    let words = [("PASS", Outcome::Passed), ("FAIL", Outcome::Failed), ("SKIP", Outcome::Skipped)];
    let (at, outcome) = words
        .into_iter()
        .filter_map(|(word, outcome)| Some((line.rfind(&format!("--- {word}: "))?, outcome)))
        .max_by_key(|(at, _)| *at)?;
    let (name, seconds) = line[at + "--- FAIL: ".len()..].trim_end().rsplit_once(" (")?;
    Some((name, outcome, seconds.strip_suffix("s)")?.parse().ok()?))
}
