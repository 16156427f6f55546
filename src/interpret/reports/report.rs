//! The one form of all reports. Knows no format.

use serde_json::{Map, Value, json};

/// What a verifier said.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) tests: Vec<Test>,
    pub(super) findings: Vec<Finding>,
    /// The verifier says that it failed, whatever its tests say.
    pub(super) failed: bool,
}

/// What became of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Passed,
    Failed,
    Skipped,
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
    /// The value of `lgflow.verifier_report/v1`.
    pub(super) fn into_value(self, format: &str) -> Value {
        let count = |outcome: Outcome| self.tests.iter().filter(|test| test.outcome == outcome).count();
        let found = |severity: Severity| self.findings.iter().filter(|f| f.severity == severity).count();
        let failed = count(Outcome::Failed);
        let errors = count(Outcome::Error) + found(Severity::Error);
        json!({
            "schema": "lgflow.verifier_report/v1",
            "format": format,
            "ok": !self.failed && failed == 0 && errors == 0,
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

/// Whole milliseconds of a duration in seconds; none where it is no such thing.
pub(super) fn millis(seconds: f64) -> Option<u64> {
    std::time::Duration::try_from_secs_f64(seconds).ok().and_then(|time| u64::try_from(time.as_millis()).ok())
}
