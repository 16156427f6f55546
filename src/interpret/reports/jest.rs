//! `jest --json`: test files with their assertions.

use serde_json::Value;

use super::report::{Finding, Outcome, Report, Severity, Test};

pub(super) fn parse(text: &str) -> Result<Report, String> {
    // other output may stand before and after the document
    let start = text.find('{').ok_or("has no JSON object")?;
    let mut documents = serde_json::Deserializer::from_str(&text[start..]).into_iter::<Value>();
    let whole = documents.next().and_then(Result::ok).ok_or("is not valid JSON")?;
    let files = whole.get("testResults").and_then(Value::as_array).ok_or("has no `testResults`")?;
    let mut report =
        Report { failed: whole.get("success") == Some(&Value::Bool(false)), ..Report::default() };
    for file in files {
        read_file(file, &mut report);
    }
    Ok(report)
}

fn read_file(file: &Value, report: &mut Report) {
    let text = |of: &Value, key: &str| of.get(key).and_then(Value::as_str).map(str::to_owned);
    let path = text(file, "name").or_else(|| text(file, "testFilePath"));
    let tests = file.get("assertionResults").or_else(|| file.get("testResults")).and_then(Value::as_array);
    let tests = tests.map_or(&[][..], Vec::as_slice);
    if tests.is_empty() && file.get("status").and_then(Value::as_str) == Some("failed") {
        // the file could not be loaded
        let message = text(file, "message").unwrap_or_else(|| "the test file failed".to_owned());
        report.findings.push(Finding { file: path, ..Finding::new(Severity::Error, plain(&message)) });
        return;
    }
    for test in tests {
        let outcome = match test.get("status").and_then(Value::as_str) {
            Some("passed") => Outcome::Passed,
            Some("failed") => Outcome::Failed,
            _ => Outcome::Skipped,
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
}

/// Without the colours of a terminal.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\u{1b}[") {
        plain.push_str(&rest[..at]);
        let code = &rest[at + 2..];
        rest = code.find('m').map_or("", |end| &code[end + 1..]);
    }
    plain + rest
}
