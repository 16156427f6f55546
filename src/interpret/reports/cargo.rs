//! `cargo test` as text: libtest's lines, panics, and what the compiler said. Knows no other harness.

use std::collections::BTreeMap;

use super::report::{Finding, Outcome, Report, Severity, Test, place};

pub(super) fn parse(text: &str) -> Result<Report, String> {
    let lines: Vec<&str> = text.lines().collect();
    let mut report = Report::default();
    let mut ended = false;
    for (at, line) in lines.iter().enumerate() {
        if let Some(test) = test_line(line) {
            report.tests.push(test);
        } else if let Some(finding) = compiler_line(&lines, at) {
            report.findings.push(finding);
        }
        if let Some(result) = line.strip_prefix("test result: ") {
            ended = true;
            report.failed |= !result.starts_with("ok");
        }
    }
    if !ended && report.tests.is_empty() && report.findings.is_empty() {
        return Err("has neither a test result nor a message of the compiler".to_owned());
    }
    let mut messages = messages(&lines);
    for test in &mut report.tests {
        let Some(message) = messages.remove(&test.name) else { continue };
        if let Some((file, line, _)) = message.lines().find_map(panic_place) {
            (test.file, test.line) = (Some(file), Some(line));
        }
        test.message = Some(message);
    }
    Ok(report)
}

/// `test a::b ... ok`, `FAILED`, `ignored, REASON`, with `- should panic` before it.
fn test_line(line: &str) -> Option<Test> {
    let (name, result) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
    let outcome = match result.split([',', ' ', '(']).next()? {
        "ok" => Outcome::Passed,
        "FAILED" => Outcome::Failed,
        "ignored" => Outcome::Skipped,
        _ => return None,
    };
    let name = name.trim_end_matches(" - should panic");
    let reason = result.strip_prefix("ignored, ").map(str::to_owned);
    Some(Test { message: reason, ..Test::new(name, outcome) })
}

/// `error[E0308]: mismatched types`, with ` --> file:line:column` within the next lines.
fn compiler_line(lines: &[&str], at: usize) -> Option<Finding> {
    let line = lines[at];
    let (head, message) = line.split_once(": ")?;
    let (severity, code) = match head.split_once('[') {
        Some((word, code)) => (word, Some(code.strip_suffix(']')?.to_owned())),
        None => (head, None),
    };
    let severity = match severity {
        "error" => Severity::Error,
        "warning" => Severity::Warning,
        _ => return None,
    };
    let spot = lines[at + 1..].iter().take(3).find_map(|line| place(line.trim_start().strip_prefix("--> ")?));
    // `error: could not compile …`, `error: test failed, …`: they sum up what is said elsewhere
    let (file, line, column) = spot.or_else(|| code.is_some().then(|| (String::new(), 0, None)))?;
    let file = Some(file).filter(|file| !file.is_empty());
    Some(Finding { code, file, line: Some(line), column, ..Finding::new(severity, message) })
}

/// By test, what stands below `---- NAME stdout ----`.
fn messages(lines: &[&str]) -> BTreeMap<String, String> {
    let mut messages: BTreeMap<String, String> = BTreeMap::new();
    let mut current: Option<(String, Vec<&str>)> = None;
    for line in lines {
        let head = line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" stdout ----"));
        let over = *line == "failures:" || line.starts_with("test result: ");
        if (head.is_some() || over)
            && let Some((name, body)) = current.take()
        {
            messages.insert(name, body.join("\n").trim().to_owned());
        }
        if let Some(name) = head {
            current = Some((name.to_owned(), Vec::new()));
        } else if let Some((_, body)) = &mut current {
            body.push(line);
        }
    }
    messages
}

/// `thread 'a::b' panicked at src/lib.rs:12:5:`, with or without a thread id.
fn panic_place(line: &str) -> Option<(String, u64, Option<u64>)> {
    place(line.split_once("panicked at ")?.1)
}
