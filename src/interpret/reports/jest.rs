//! `jest --json`, and what writes the same: test files with their assertions.

use serde_json::Value;

use super::report::{Finding, Outcome, Report, Severity, Test, plain};

pub(super) fn parse(text: &str) -> Result<Report, String> {
    let mut report = Report::default();
    let (mut from, mut documents, mut valid) = (text.find('{'), 0, false);
    let mut behind = 0;
    // other output may stand before, between and after the documents
    while let Some(start) = from {
        let mut values = serde_json::Deserializer::from_str(&text[start..]).into_iter::<Value>();
        let mut next = start + 1;
        if let Some(Ok(whole)) = values.next() {
            (valid, next) = (true, start + values.byte_offset());
            if let Some(files) = whole.get("testResults").and_then(Value::as_array) {
                (documents, behind) = (documents + 1, next);
                read_document(&whole, files, &mut report);
            }
        }
        from = text[next..].find("\n{").map(|at| next + at + 1);
    }
    if documents == 0 {
        let why = match text.contains('{') {
            true if valid => "has no `testResults`",
            true => "is not valid JSON",
            false => "has no JSON object",
        };
        return Err(why.to_owned());
    }
    if ["\"testResults\"", "\"numTotalTests\""].iter().any(|key| text[behind..].contains(key)) {
        return Err("has a document that is not valid JSON".to_owned());
    }
    Ok(report)
}

fn read_document(whole: &Value, files: &[Value], report: &mut Report) {
    if whole.get("success").is_some_and(|success| *success != Value::Bool(true)) {
        report.fails("`success` is not true");
    }
    if whole.get("wasInterrupted") == Some(&Value::Bool(true)) {
        report.broken("the run was interrupted");
    }
    let (tests, findings) = (report.tests.len(), report.findings.len());
    for file in files {
        read_file(file, report);
    }
    let said = |key: &str| whole.get(key).and_then(Value::as_u64).unwrap_or_default();
    let failed = report.listed(tests, Outcome::Failed) + report.listed(tests, Outcome::Error);
    let errors = (report.findings.len() - findings) as u64;
    for (key, listed) in [
        ("numFailedTests", failed),
        ("numTotalTests", (report.tests.len() - tests) as u64),
        // what it counts as suites is each writer's own: where something has failed they have as well
        ("numFailedTestSuites", if failed + errors > 0 { u64::MAX } else { 0 }),
        ("numRuntimeErrorTestSuites", errors),
    ] {
        if said(key) > listed {
            report.broken(format!("`{key}` is {}, and {listed} are listed", said(key)));
        }
    }
    if whole.get("runExecError").is_some_and(|error| !error.is_null()) {
        report.broken("the run ended with an error");
    }
}

fn read_file(file: &Value, report: &mut Report) {
    let text = |of: &Value, key: &str| of.get(key).and_then(Value::as_str).map(str::to_owned);
    let path = text(file, "name").or_else(|| text(file, "testFilePath"));
    let tests = file.get("assertionResults").or_else(|| file.get("testResults")).and_then(Value::as_array);
    let before = report.tests.len();
    for test in tests.map_or(&[][..], Vec::as_slice) {
        let outcome = match test.get("status").and_then(Value::as_str) {
            Some("passed") => Outcome::Passed,
            Some("failed") => Outcome::Failed,
            Some("skipped" | "pending" | "todo" | "disabled" | "focused") => Outcome::Skipped,
            _ => Outcome::Error,
        };
        let messages = test.get("failureMessages").and_then(Value::as_array).into_iter().flatten();
        let messages: Vec<String> = messages.filter_map(Value::as_str).map(plain).collect();
        report.tests.push(Test {
            name: text(test, "fullName").or_else(|| text(test, "title")).unwrap_or_default(),
            outcome,
            message: Some(messages.join("\n")).filter(|message| !message.is_empty()),
            file: path.clone(),
            line: test.pointer("/location/line").and_then(Value::as_u64),
            duration_ms: test.get("duration").and_then(Value::as_u64),
        });
    }
    let failed = text(file, "status").as_deref() == Some("failed")
        || file.get("testExecError").is_some_and(|error| !error.is_null());
    if failed && report.listed(before, Outcome::Failed) == 0 {
        // it could not be loaded, or something outside of its tests went wrong
        let message = text(file, "message").or_else(|| text(file, "failureMessage"));
        let message = message.filter(|message| !message.is_empty());
        let message = message.unwrap_or_else(|| "the test file failed".to_owned());
        report.findings.push(Finding { file: path, ..Finding::new(Severity::Error, plain(&message)) });
    }
}
