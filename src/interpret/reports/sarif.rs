//! SARIF 2.1.0: the results of each run, the ones that are suppressed left out.

use serde_json::Value;

use super::report::{Finding, Report, Severity};

pub(super) fn parse(text: &str) -> Result<Report, String> {
    let whole: Value = serde_json::from_str(text).map_err(|_| "is not valid JSON")?;
    let runs = whole.get("runs").and_then(Value::as_array).ok_or("has no `runs`")?;
    let mut report = Report::default();
    for run in runs {
        let invocations = run.get("invocations").and_then(Value::as_array).into_iter().flatten();
        let said_no = |invocation: &Value| invocation.get("executionSuccessful") == Some(&Value::Bool(false));
        report.failed |= invocations.into_iter().any(said_no);
        let results = run.get("results").and_then(Value::as_array).into_iter().flatten();
        let counts = |result: &&Value| {
            let suppressed =
                result.get("suppressions").and_then(Value::as_array).is_some_and(|all| !all.is_empty());
            let kind = result.get("kind").and_then(Value::as_str).unwrap_or("fail");
            !suppressed && kind == "fail"
        };
        report.findings.extend(results.filter(counts).map(|result| finding(run, result)));
    }
    Ok(report)
}

fn finding(run: &Value, result: &Value) -> Finding {
    let text = |pointer: &str| result.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let number = |key: &str| {
        result.pointer(&format!("/locations/0/physicalLocation/region/{key}")).and_then(Value::as_u64)
    };
    let rule = rule(run, result);
    let default = rule.and_then(|rule| rule.pointer("/defaultConfiguration/level")).and_then(Value::as_str);
    let severity = match text("/level").as_deref().or(default).unwrap_or("warning") {
        "error" => Severity::Error,
        "warning" => Severity::Warning,
        _ => Severity::Note,
    };
    let of_rule = |pointer: &str| rule.and_then(|rule| rule.pointer(pointer)).and_then(Value::as_str);
    let message = text("/message/text").or_else(|| of_rule("/shortDescription/text").map(str::to_owned));
    Finding {
        severity,
        message: message.unwrap_or_else(|| "no message".to_owned()),
        code: text("/ruleId").or_else(|| of_rule("/id").map(str::to_owned)),
        file: text("/locations/0/physicalLocation/artifactLocation/uri"),
        line: number("startLine"),
        column: number("startColumn"),
    }
}

/// The rule of a result, by index or by id.
fn rule<'r>(run: &'r Value, result: &Value) -> Option<&'r Value> {
    let rules = run.pointer("/tool/driver/rules")?.as_array()?;
    let index = result.get("ruleIndex").or_else(|| result.pointer("/rule/index")).and_then(Value::as_u64);
    let by_index = index.and_then(|index| rules.get(usize::try_from(index).ok()?));
    by_index.or_else(|| rules.iter().find(|rule| rule.get("id") == result.get("ruleId")))
}
