//! `go test`: its text with `-v` or without, and its `-json` events.

use std::collections::BTreeMap;

use serde_json::Value;

use super::report::{Finding, Outcome, Report, Severity, Test, millis, place};

pub(super) fn parse(text: &str) -> Result<Report, String> {
    let json = text.lines().find(|line| !line.trim().is_empty()).is_some_and(|line| line.starts_with('{'));
    let report = if json { parse_events(text)? } else { parse_text(text) };
    if report.tests.is_empty() && report.findings.is_empty() && !says_anything(text) {
        return Err("has neither tests nor packages".to_owned());
    }
    Ok(report)
}

fn says_anything(text: &str) -> bool {
    text.lines().any(|line| {
        line.starts_with("ok  \t")
            || line.starts_with("?   \t")
            || line.starts_with("PASS")
            || line.starts_with('{')
    })
}

fn parse_text(text: &str) -> Report {
    let mut report = Report::default();
    let mut started: Option<usize> = None;
    for line in text.lines() {
        if let Some((name, outcome, seconds)) = result_line(line.trim_start()) {
            started = Some(report.tests.len());
            report.tests.push(Test { duration_ms: millis(seconds), ..Test::new(name, outcome) });
        } else if let Some((file, at, column)) = error_line(line) {
            let message =
                line.splitn(if column.is_some() { 4 } else { 3 }, ':').last().unwrap_or_default().trim();
            match started.filter(|_| line.starts_with(' ')) {
                Some(last) => note(&mut report.tests[last], &file, at, message),
                None => report.findings.push(Finding {
                    file: Some(file),
                    line: Some(at),
                    column,
                    ..Finding::new(Severity::Error, message)
                }),
            }
        } else if line.starts_with("FAIL") {
            report.failed = true;
        }
    }
    report
}

fn note(test: &mut Test, file: &str, line: u64, message: &str) {
    if test.file.is_none() {
        (test.file, test.line) = (Some(file.to_owned()), Some(line));
    }
    let before = test.message.take().map(|before| before + "\n").unwrap_or_default();
    test.message = Some(before + message);
}

/// `--- FAIL: TestAdd (0.00s)`
fn result_line(line: &str) -> Option<(&str, Outcome, f64)> {
    let (word, rest) = line.strip_prefix("--- ")?.split_once(": ")?;
    let outcome = match word {
        "PASS" => Outcome::Passed,
        "FAIL" => Outcome::Failed,
        "SKIP" => Outcome::Skipped,
        _ => return None,
    };
    let (name, seconds) = rest.rsplit_once(" (")?;
    Some((name, outcome, seconds.strip_suffix("s)")?.parse().ok()?))
}

/// `    add_test.go:9: got 1`, `./add.go:3:5: undefined: x`
fn error_line(line: &str) -> Option<(String, u64, Option<u64>)> {
    let trimmed = line.trim_start();
    let end = trimmed.find(".go:")? + ".go:".len();
    if trimmed[..end].contains(char::is_whitespace) {
        return None;
    }
    let numbers = trimmed[end..].find(": ").map(|to| &trimmed[..end + to])?;
    place(numbers)
}

/// By package and test, in the order of their begin.
fn parse_events(text: &str) -> Result<Report, String> {
    let mut report = Report::default();
    let mut known: BTreeMap<(String, String), usize> = BTreeMap::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let event: Value =
            serde_json::from_str(line).map_err(|_| format!("has no JSON on line {}", at + 1))?;
        let word = |key: &str| event.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (action, package, name) = (word("Action"), word("Package"), word("Test"));
        if name.is_empty() {
            package_event(&action, &word("Output"), &mut report);
            continue;
        }
        let full = if package.is_empty() { name.clone() } else { format!("{package}.{name}") };
        let index = *known.entry((package, name)).or_insert_with(|| {
            report.tests.push(Test::new(full, Outcome::Error));
            report.tests.len() - 1
        });
        let seconds = event.get("Elapsed").and_then(Value::as_f64);
        test_event(&mut report.tests[index], &action, &word("Output"), seconds);
    }
    Ok(report)
}

fn package_event(action: &str, output: &str, report: &mut Report) {
    report.failed |= action == "fail" || action == "build-fail";
    if let ("output" | "build-output", Some((file, line, column))) = (action, error_line(output)) {
        let message =
            output.splitn(if column.is_some() { 4 } else { 3 }, ':').last().unwrap_or_default().trim();
        let finding = Finding::new(Severity::Error, message);
        report.findings.push(Finding { file: Some(file), line: Some(line), column, ..finding });
    }
}

fn test_event(test: &mut Test, action: &str, output: &str, seconds: Option<f64>) {
    let outcome = match action {
        "pass" => Outcome::Passed,
        "fail" => Outcome::Failed,
        "skip" => Outcome::Skipped,
        "output" => {
            if let Some((file, line, _)) = error_line(output) {
                let message = output.splitn(3, ':').last().unwrap_or_default().trim();
                note(test, &file, line, message);
            }
            return;
        }
        _ => return,
    };
    test.outcome = outcome;
    test.duration_ms = seconds.and_then(millis);
}
