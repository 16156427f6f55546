//! The one form of all reports. Knows no format.

use serde_json::{Map, Value, json};

/// What a verifier said.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) tests: Vec<Test>,
    pub(super) findings: Vec<Finding>,
    /// The verifier says that it failed, and how: a finding of its own where nothing else in the report says so.
    pub(super) failed: Option<String>,
}

/// The most tests and warnings that are only counted: each becomes an entry, and a number alone must not fill the memory.
const UNNAMED: u64 = 250_000;

/// What became of a test, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    Passed,
    Skipped,
    Failed,
    /// It could not be run.
    Error,
}

/// One test.
#[derive(Debug)]
pub(super) struct Test {
    pub(super) name: String,
    pub(super) outcome: Outcome,
    pub(super) message: Option<String>,
    pub(super) file: Option<String>,
    pub(super) line: Option<u64>,
    pub(super) duration_ms: Option<u64>,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Severity {
    Error,
    Warning,
    Note,
}

/// Something that is no test.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) severity: Severity,
    pub(super) message: String,
    pub(super) code: Option<String>,
    pub(super) file: Option<String>,
    pub(super) line: Option<u64>,
    pub(super) column: Option<u64>,
}

impl Test {
    pub(super) fn new(name: impl Into<String>, outcome: Outcome) -> Self {
        Self { name: name.into(), outcome, message: None, file: None, line: None, duration_ms: None }
    }
}

impl Finding {
    pub(super) fn new(severity: Severity, message: impl Into<String>) -> Self {
        Self { severity, message: message.into(), code: None, file: None, line: None, column: None }
    }
}

impl Report {
    /// The report says that it is not whole, or that something went wrong which is no test.
    pub(super) fn broken(&mut self, why: impl Into<String>) {
        self.findings.push(Finding::new(Severity::Error, why));
    }

    /// The verifier failed, which is most often said of what is listed as well.
    pub(super) fn fails(&mut self, how: impl Into<String>) {
        self.failed.get_or_insert_with(|| how.into());
    }

    /// How many tests came to this, from the one at `from` on.
    pub(super) fn listed(&self, from: usize, outcome: Outcome) -> u64 {
        self.tests[from..].iter().filter(|test| test.outcome == outcome).count() as u64
    }

    /// Does nothing that is listed say that something failed?
    pub(super) fn says_nothing_bad(&self) -> bool {
        self.tests.iter().all(|test| test.outcome < Outcome::Failed)
            && self.findings.iter().all(|finding| finding.severity != Severity::Error)
    }

    /// Tests that are counted and not named, behind the `known` ones.
    pub(super) fn count_unnamed(
        &mut self,
        word: &str,
        outcome: Outcome,
        known: u64,
        count: u64,
    ) -> Result<(), String> {
        bounded(count)?;
        let unnamed = (known..count).map(|at| Test::new(format!("{word} test {}", at + 1), outcome));
        self.tests.extend(unnamed);
        Ok(())
    }

    /// What the verifier says of itself becomes a finding where nothing else says so.
    fn settle(&mut self) {
        if let Some(how) = self.failed.take().filter(|_| self.says_nothing_bad()) {
            self.broken(how);
        }
    }

    /// Another one of the same text.
    pub(super) fn add(&mut self, mut other: Self) {
        other.settle();
        self.tests.append(&mut other.tests);
        self.findings.append(&mut other.findings);
    }

    /// The value of `lgflow.verifier_report/v1`.
    pub(super) fn into_value(mut self, format: &str) -> Value {
        self.settle();
        let count = |outcome: Outcome| self.tests.iter().filter(|test| test.outcome == outcome).count();
        let found = |severity: Severity| self.findings.iter().filter(|f| f.severity == severity).count();
        let failed = count(Outcome::Failed);
        let errors = count(Outcome::Error) + found(Severity::Error);
        json!({
            "schema": "lgflow.verifier_report/v1",
            "format": format,
            "ok": failed == 0 && errors == 0,
            "summary": {
                "total": self.tests.len(),
                "passed": count(Outcome::Passed),
                "failed": failed,
                "skipped": count(Outcome::Skipped),
                "errors": errors,
                "warnings": found(Severity::Warning),
            },
            "tests": self.tests.into_iter().map(Test::into_value).collect::<Vec<_>>(),
            "findings": self.findings.into_iter().map(Finding::into_value).collect::<Vec<_>>(),
        })
    }
}

impl Test {
    fn into_value(self) -> Value {
        let status = match self.outcome {
            Outcome::Passed => "passed",
            Outcome::Failed => "failed",
            Outcome::Skipped => "skipped",
            Outcome::Error => "error",
        };
        let mut test = Map::new();
        test.insert("name".into(), self.name.into());
        test.insert("status".into(), status.into());
        put(&mut test, "message", self.message.filter(|message| !message.is_empty()));
        put(&mut test, "file", self.file);
        put(&mut test, "line", self.line.filter(|line| *line > 0));
        put(&mut test, "duration_ms", self.duration_ms);
        Value::Object(test)
    }
}

impl Finding {
    fn into_value(self) -> Value {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        let mut finding = Map::new();
        finding.insert("severity".into(), severity.into());
        finding.insert("message".into(), self.message.into());
        put(&mut finding, "code", self.code);
        put(&mut finding, "file", self.file);
        put(&mut finding, "line", self.line.filter(|line| *line > 0));
        put(&mut finding, "column", self.column.filter(|column| *column > 0));
        Value::Object(finding)
    }
}

fn put(into: &mut Map<String, Value>, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        into.insert(name.to_owned(), value.into());
    }
}

/// `src/lib.rs:12:5` → file, line, column; the line is a number or it is no place.
pub(super) fn place(text: &str) -> Option<(String, u64, Option<u64>)> {
    let text = text.trim().trim_end_matches(':');
    let (before, last) = text.rsplit_once(':')?;
    let last: u64 = last.parse().ok()?;
    match before.rsplit_once(':').map(|(file, line)| (file, line.parse::<u64>())) {
        Some((file, Ok(line))) if !file.is_empty() => Some((file.to_owned(), line, Some(last))),
        _ if !before.is_empty() => Some((before.to_owned(), last, None)),
        _ => None,
    }
}

/// A count that is small enough to be spelled out.
pub(super) fn bounded(count: u64) -> Result<u64, String> {
    if count > UNNAMED {
        return Err(format!("counts {count} of which it names none, more than {UNNAMED}"));
    }
    Ok(count)
}

/// Without the colours and movements of a terminal.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\u{1b}[") {
        plain.push_str(&rest[..at]);
        rest = rest[at + 2..].trim_start_matches(|c| matches!(c, ' '..='?'));
        rest = rest.strip_prefix(|c| matches!(c, '@'..='~')).unwrap_or(rest);
    }
    plain + rest
}

/// Whole milliseconds of a duration in seconds; none where it is no such thing.
pub(super) fn millis(seconds: f64) -> Option<u64> {
    std::time::Duration::try_from_secs_f64(seconds).ok().and_then(|time| u64::try_from(time.as_millis()).ok())
}
