//! SARIF 2.1.0: the results of each run, the ones that are suppressed left out.

use serde_json::Value;

use super::report::{Finding, Report, Severity};

pub(super) fn parse(text: &str) -> Result<Report, String> {
    let whole: Value = serde_json::from_str(text).map_err(|_| "is not valid JSON")?;
    let runs = whole.get("runs").and_then(Value::as_array).ok_or("has no `runs`")?;
    let mut report = Report::default();
    if runs.is_empty() {
        report.broken("there is no run");
    }
    for run in runs {
        list(run, "invocations").for_each(|invocation| read_invocation(invocation, &mut report));
        if run.get("results").is_none_or(|results| !results.is_array()) {
            report.broken("a run has no list of results: the tool did not get to look");
        }
        if run.pointer("/externalPropertyFileReferences/results").is_some() {
            report.broken("a run has results in other files");
        }
        let results = list(run, "results").filter(|result| counts(result));
        report.findings.extend(results.map(|result| finding(run, result)));
    }
    Ok(report)
}

fn list<'v>(of: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    of.get(key).and_then(Value::as_array).into_iter().flatten()
}

/// How the tool itself fared.
fn read_invocation(invocation: &Value, report: &mut Report) {
    for key in ["toolExecutionNotifications", "toolConfigurationNotifications"] {
        for notification in list(invocation, key) {
            if notification.get("level").and_then(Value::as_str) == Some("error") {
                let message = notification.pointer("/message/text").and_then(Value::as_str);
                report.broken(message.unwrap_or("the tool tells an error"));
            }
        }
    }
    if let Some(message) = invocation.get("processStartFailureMessage").and_then(Value::as_str) {
        report.broken(message);
    }
    if invocation.get("exitSignalName").is_some() || invocation.get("exitSignalNumber").is_some() {
        report.broken("a signal ended the tool");
    }
    if invocation.get("executionSuccessful") == Some(&Value::Bool(false)) {
        report.fails("the tool did not succeed");
    }
}

/// Is it something that is wrong, now, and that nobody has accepted?
fn counts(result: &Value) -> bool {
    let word = |of: &Value, key: &str| of.get(key).and_then(Value::as_str).map(str::to_owned);
    let suppressed = list(result, "suppressions")
        .any(|suppression| word(suppression, "status").is_none_or(|status| status == "accepted"));
    let fails = word(result, "kind").is_none_or(|kind| kind == "fail");
    !suppressed && fails && word(result, "baselineState").as_deref() != Some("absent")
}

fn finding(run: &Value, result: &Value) -> Finding {
    let text = |pointer: &str| result.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let number = |key: &str| {
        result.pointer(&format!("/locations/0/physicalLocation/region/{key}")).and_then(Value::as_u64)
    };
    let rule = rule(run, result);
    let default = rule.and_then(|rule| rule.pointer("/defaultConfiguration/level")).and_then(Value::as_str);
    let severity = match text("/level").as_deref().or(default).unwrap_or("warning") {
        "none" | "note" => Severity::Note,
        "warning" => Severity::Warning,
        _ => Severity::Error,
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

/// The rule of a result, by index or by id, of the tool itself or of the extension that the result names.
fn rule<'r>(run: &'r Value, result: &Value) -> Option<&'r Value> {
    let part = match result.pointer("/rule/toolComponent/index").and_then(Value::as_u64) {
        Some(index) => run.pointer(&format!("/tool/extensions/{index}"))?,
        None => run.pointer("/tool/driver")?,
    };
    let rules = part.get("rules")?.as_array()?;
    let index = result.pointer("/rule/index").or_else(|| result.get("ruleIndex")).and_then(Value::as_u64);
    let by_index = index.and_then(|index| rules.get(usize::try_from(index).ok()?));
    let id = result.get("ruleId").or_else(|| result.pointer("/rule/id"));
    by_index.or_else(|| rules.iter().find(|rule| id.is_some() && rule.get("id") == id))
}
