//! SARIF 2.1.0, for code scanning services and editors.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::diag::{Code, Diagnostic, Diagnostics, Label};
use crate::source::Sources;

use super::place::{place, word};

/// All findings as one SARIF log.
pub fn sarif(sources: &Sources, found: &Diagnostics) -> Value {
    let mut codes = found.codes();
    codes.sort();
    codes.dedup();
    let rules: Vec<Value> = codes.iter().copied().map(rule).collect();
    let results: Vec<Value> = found.iter().map(|found| result(sources, found, &codes)).collect();
    // what was left out is a notification of the run: it is no finding at a place
    let left_out = found.left_out_text().map(|text| {
        json!({ "executionSuccessful": true, "toolExecutionNotifications": [{
            "level": if found.has_errors() { "error" } else { "warning" },
            "message": { "text": text },
            "properties": { "left_out": found.left_out() },
        }] })
    });
    let mut log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "lgflow",
                "version": env!("CARGO_PKG_VERSION"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    if let Some(invocation) = left_out {
        log["runs"][0]["invocations"] = json!([invocation]);
    }
    log
}

fn rule(code: Code) -> Value {
    let title = code.info().map_or("", |info| info.title);
    json!({
        "id": code.as_str(),
        "shortDescription": { "text": title },
        "help": { "text": format!("lgflow explain {code}") },
        "defaultConfiguration": { "level": word(code.severity()) },
    })
}

fn result(sources: &Sources, found: &Diagnostic, codes: &[Code]) -> Value {
    let text = match &found.help {
        Some(help) => format!("{}\nhelp: {help}", found.message),
        None => found.message.clone(),
    };
    let (primary, others): (Vec<_>, Vec<_>) = found.labels.iter().partition(|label| label.primary);
    let related: Vec<Value> =
        others.iter().enumerate().map(|(at, label)| related(sources, label, at)).collect();
    let mut value = json!({
        "ruleId": found.code.as_str(),
        "ruleIndex": codes.iter().position(|&code| code == found.code),
        "level": word(found.severity),
        "message": { "text": text },
        "locations": primary.iter().map(|label| location(sources, label)).collect::<Vec<_>>(),
    });
    if !related.is_empty() {
        value["relatedLocations"] = Value::Array(related);
    }
    value
}

fn related(sources: &Sources, label: &Label, at: usize) -> Value {
    let mut value = location(sources, label);
    value["id"] = json!(at + 1);
    value["message"] = json!({ "text": label.text.as_deref().unwrap_or("related") });
    value
}

fn location(sources: &Sources, label: &Label) -> Value {
    let place = place(sources, label.span);
    json!({ "physicalLocation": {
        "artifactLocation": { "uri": uri(place.file) },
        "region": {
            "startLine": place.start.line,
            "startColumn": place.start.column,
            "endLine": place.end.line,
            "endColumn": place.end.column,
        },
    } })
}

/// A path as a URI reference: relative to where the command ran, or absolute.
fn uri(path: &str) -> String {
    let mut uri = String::from(if path.starts_with('/') { "file://" } else { "" });
    for byte in path.strip_prefix("./").unwrap_or(path).bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(byte.into());
            }
            byte => {
                // writing to a string can't fail
                let _ = write!(uri, "%{byte:02X}");
            }
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_uri_references() {
        assert_eq!(uri("./a b/ü.yaml"), "a%20b/%C3%BC.yaml");
        assert_eq!(uri("/x:y"), "file:///x%3Ay");
    }
}
