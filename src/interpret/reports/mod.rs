//! Reports of verifiers to one form, `lgflow.verifier_report/v1`: one file a format. Knows no node and no run.

mod cargo;
mod go;
mod go_text;
mod jest;
mod junit;
mod junit_case;
mod pytest;
mod report;
mod sarif;
mod sarif_run;
mod xml;

#[cfg(test)]
mod data_samples;
#[cfg(test)]
mod fates;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod sarif_samples;
#[cfg(test)]
mod tests;

use serde_json::Value;

use report::plain;

/// Reads the report `text` of the given format (`auto` tells by the text), or says why it cannot.
pub(super) fn parse(format: &str, text: &str) -> Result<Value, String> {
    let text = &plain(text.trim_start_matches('\u{feff}'));
    let format = if format == "auto" { detect(text).ok_or(UNKNOWN)? } else { format };
    let report = match format {
        "cargo" => cargo::parse(text),
        "pytest" => pytest::parse(text),
        "jest" => jest::parse(text),
        "go" => go::parse(text),
        "junit" => junit::parse(text),
        "sarif" => sarif::parse(text),
        other => return Err(format!("`{other}` is no format of a report")),
    };
    let mut report = report.map_err(|why| format!("the {format} report {why}"))?;
    if let Some(gap) = text.lines().find(|line| is_gap(line)) {
        report.broken(format!("the report is not whole: {gap}"));
    }
    Ok(report.into_value(format))
}

/// What stands for the middle of an output that was too long for the result of a command.
fn is_gap(line: &str) -> bool {
    let count = line.strip_prefix("[… ").and_then(|rest| rest.strip_suffix(" bytes left out …]"));
    count.is_some_and(|count| count.parse::<u64>().is_ok())
}

const UNKNOWN: &str = "the report is of none of the formats that are known: name its format";

/// The format that a text looks like.
fn detect(text: &str) -> Option<&'static str> {
    let start = text.trim_start();
    if start.starts_with('<') {
        return Some("junit");
    }
    if start.starts_with('{') {
        let first: Option<Value> = start.lines().next().and_then(|line| serde_json::from_str(line).ok());
        if first.is_some_and(|event| event.get("Action").is_some()) {
            return Some("go");
        }
        let whole: Value = serde_json::from_str(start).ok()?;
        return [("runs", "sarif"), ("testResults", "jest")]
            .into_iter()
            .find_map(|(key, format)| whole.get(key).map(|_| format));
    }
    let line = |test: fn(&str) -> bool| text.lines().any(test);
    if line(|line| line.starts_with("test result: ") || line.starts_with("error: could not compile")) {
        return Some("cargo");
    }
    if line(|line| line.contains(" in ") && line.starts_with('=') && line.ends_with('='))
        || line(|line| line.contains(" test session starts "))
    {
        return Some("pytest");
    }
    let go =
        |line: &str| line.starts_with("--- ") || line.starts_with("ok  \t") || line.starts_with("FAIL\t");
    line(go).then_some("go")
}
