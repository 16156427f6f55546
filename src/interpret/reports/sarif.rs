//! SARIF 2.1.0: the results of each run, the ones that are suppressed left out.

use serde_json::Value;

use super::report::{Finding, Report, Severity};
use super::sarif_run::{NOTIFICATIONS, RULES, Reference, Run, list, word};

pub(super) fn parse(text: &str) -> Result<Report, String> {
    let whole: Value = serde_json::from_str(text).map_err(|_| "is not valid JSON")?;
    let all = whole.get("runs").and_then(Value::as_array).ok_or("has no `runs`")?;
    let mut report = Report::default();
    if all.is_empty() {
        report.broken("there is no run");
    }
    let outside: Vec<&Value> = list(&whole, "inlineExternalProperties").collect();
    let runs: Vec<Run<'_>> = all.iter().map(|run| Run::new(run, &outside, all.len() == 1)).collect();
    for run in &runs {
        read_run(run, &mut report);
    }
    let of_none = |outside: &Value| !runs.iter().any(|run| run.owns(outside));
    if outside.iter().any(|of| list(of, "results").next().is_some() && of_none(of)) {
        report.broken("there are results that are of no run");
    }
    Ok(report)
}

fn read_run(run: &Run<'_>, report: &mut Report) {
    run.all("invocations").for_each(|invocation| read_invocation(run, invocation, report));
    if !run.has_list("results") {
        report.broken("a run has no list of results: the tool did not get to look");
    }
    if run.is_elsewhere("results") {
        report.broken("a run has results in other files");
    }
    let rules_elsewhere = run.is_elsewhere("driver") || run.is_elsewhere("extensions");
    let mut unknown = false;
    for result in run.all("results").filter(|result| counts(result)) {
        unknown |= rules_elsewhere
            && word(result, "level").is_none()
            && run.descriptor(&RULES, rule_of(result)).is_none();
        report.findings.push(finding(run, result));
    }
    if unknown {
        report.broken("a run has rules in other files, and how grave its results are is said there");
    }
}

/// How the tool itself fared.
fn read_invocation<'v>(run: &Run<'v>, invocation: &'v Value, report: &mut Report) {
    for key in ["toolExecutionNotifications", "toolConfigurationNotifications"] {
        for notification in list(invocation, key) {
            let of = notification.get("descriptor").map(Reference::of);
            let level = || run.level(&NOTIFICATIONS, of?, Some(invocation));
            if word(notification, "level").or_else(level) == Some("error") {
                let message = notification.pointer("/message/text").and_then(Value::as_str);
                report.broken(message.unwrap_or("the tool tells an error"));
            }
        }
    }
    if let Some(message) = word(invocation, "processStartFailureMessage") {
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
    // one that is rejected, or looked at still, says that the result is not to be suppressed, whatever others say
    let accepted = |suppression| word(suppression, "status").is_none_or(|status| status == "accepted");
    let suppressed =
        list(result, "suppressions").next().is_some() && list(result, "suppressions").all(accepted);
    let fails = word(result, "kind").is_none_or(|kind| kind == "fail");
    !suppressed && fails && word(result, "baselineState") != Some("absent")
}

fn finding(run: &Run<'_>, result: &Value) -> Finding {
    let text = |pointer: &str| result.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let number = |key: &str| {
        result.pointer(&format!("/locations/0/physicalLocation/region/{key}")).and_then(Value::as_u64)
    };
    let level = || run.level(&RULES, rule_of(result), run.invocation(result));
    let severity = match word(result, "level").or_else(level).unwrap_or("warning") {
        "none" | "note" => Severity::Note,
        "warning" => Severity::Warning,
        _ => Severity::Error,
    };
    let rule = run.descriptor(&RULES, rule_of(result));
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

/// The rule that a result is of.
fn rule_of(result: &Value) -> Reference<'_> {
    let of = result.get("rule").map(Reference::of);
    Reference {
        part: of.and_then(|of| of.part),
        index: of.and_then(|of| of.index).or_else(|| result.get("ruleIndex").and_then(Value::as_u64)),
        id: word(result, "ruleId").or_else(|| of.and_then(|of| of.id)),
    }
}
