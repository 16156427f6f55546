//! Reports of verifiers to one form, `lgflow.verifier_report/v1`: one file a format. Knows no node and no run.

mod auto;
mod build;
mod cargo;
mod frames;
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
mod auto_samples;
#[cfg(test)]
mod build_samples;
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

use report::{Report, plain};

/// Reads the report `text` of the given format (`auto` tells by the text), or says why it cannot.
pub(super) fn parse(format: &str, text: &str) -> Result<Value, String> {
    let text = &plain(text.trim_start_matches('\u{feff}'));
    let (format, mut report) =
        if format == "auto" { auto::parse(text)? } else { (format, read(format, text)?) };
    if let Some(gap) = text.lines().find(|line| is_gap(line)) {
        report.broken(format!("the report is not whole: {gap}"));
    }
    Ok(report.into_value(format))
}

fn read(format: &str, text: &str) -> Result<Report, String> {
    let report = match format {
        "cargo" => cargo::parse(text),
        "pytest" => pytest::parse(text),
        "jest" => jest::parse(text),
        "go" => go::parse(text),
        "junit" => junit::parse(text),
        "sarif" => sarif::parse(text),
        other => return Err(format!("`{other}` is no format of a report")),
    };
    report.map_err(|why| format!("the {format} report {why}"))
}

/// What stands for the middle of an output that was too long for the result of a command.
fn is_gap(line: &str) -> bool {
    let count = line.strip_prefix("[… ").and_then(|rest| rest.strip_suffix(" bytes left out …]"));
    count.is_some_and(|count| count.parse::<u64>().is_ok())
}
