//! A report whose format is told by its text. It may hold the reports of several tools: those that are lines of text add up,
//! and where it can't be told what belongs to which, it is not well.

use serde_json::{Deserializer, Value};

use super::frames::{Frames, Of, format_of};
use super::report::{Finding, Report, Severity};
use super::{read, xml};

const UNKNOWN: &str = "the report is of none of the formats that are known: name its format";

/// The format, of several the first, and the report.
pub(super) fn parse(text: &str) -> Result<(&'static str, Report), String> {
    let start = text.trim_start();
    if start.starts_with('<') {
        let mut report = read("junit", text)?;
        let outside = xml::outside(text)?;
        let others = Frames::of(&outside);
        let of_lines = others.seen.iter().map(|of| of.name());
        for other in of_lines.chain(others.document) {
            report.broken(looks_like("junit", other));
        }
        return Ok(("junit", report));
    }
    // the events of cargo stand among lines of text
    if start.starts_with('{') && !start.starts_with(r#"{"reason":""#) {
        let format = of_documents(start)?;
        return Ok((format, read(format, text)?));
    }
    let frames = Frames::of(text);
    let (Some(first), true) = (frames.seen.first(), frames.sure) else { return Err(UNKNOWN.to_owned()) };
    let mut report = match &frames.seen[..] {
        [only] => read(only.name(), text)?,
        several => add_up(&frames, several),
    };
    if let Some(document) = frames.document {
        report.broken(looks_like(first.name(), document));
    }
    for (outer, inner) in &frames.within {
        report.broken(format!(
            "within the report of {} stands one of {} that failed: parse each by itself, or, where a test has printed it, \
             name the format",
            outer.name(),
            inner.name()
        ));
    }
    Ok((first.name(), report))
}

/// Each of its own lines and of those that are in no report.
fn add_up(frames: &Frames<'_>, formats: &[Of]) -> Report {
    let mut sum = Report::default();
    for format in formats {
        match read(format.name(), &frames.text_of(*format)) {
            Ok(report) => sum.add(report),
            Err(why) => sum.broken(why),
        }
    }
    let names: Vec<&str> = formats.iter().map(|of| of.name()).collect();
    let said = format!("the reports of {} add up", names.join(" and "));
    sum.findings.push(Finding::new(Severity::Note, said));
    sum
}

fn looks_like(one: &str, other: &str) -> String {
    if one == other {
        return format!("this looks like the text and the events of {one}: parse each by itself");
    }
    format!("this looks like {one} and {other}: parse each by itself, or name the format")
}

/// The format that all documents of a text are of.
fn of_documents(start: &str) -> Result<&'static str, String> {
    let first: Option<Value> = start.lines().next().and_then(|line| serde_json::from_str(line).ok());
    if first.is_some_and(|event| event.get("Action").is_some()) {
        return Ok("go");
    }
    let documents: Option<Vec<Value>> =
        Deserializer::from_str(start).into_iter().collect::<Result<_, _>>().ok();
    let formats: Option<Vec<&str>> = documents.and_then(|all| all.iter().map(format_of).collect());
    let formats = formats.unwrap_or_default();
    let first = formats.first().copied().ok_or(UNKNOWN)?;
    match formats.iter().find(|format| **format != first) {
        Some(other) => Err(looks_like(first, other)),
        None => Ok(first),
    }
}
