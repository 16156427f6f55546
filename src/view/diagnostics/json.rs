//! The document `lgflow.diagnostics/v1`.

use serde_json::{Value, json};

use crate::diag::{Diagnostic, Diagnostics, Label};
use crate::source::Sources;

use super::place::{place, word};

/// All findings as one document. Lines and columns count from 1, columns in Unicode scalar values; ends are
/// exclusive.
pub fn json(sources: &Sources, found: &Diagnostics) -> Value {
    let diagnostics: Vec<Value> = found.iter().map(|found| one(sources, found)).collect();
    let mut document = json!({ "schema": "lgflow.diagnostics/v1", "diagnostics": diagnostics });
    if found.left_out() > 0 {
        document["left_out"] = json!(found.left_out());
    }
    document
}

fn one(sources: &Sources, found: &Diagnostic) -> Value {
    let labels: Vec<Value> = found.labels.iter().map(|found| label(sources, found)).collect();
    let mut value = json!({
        "code": found.code.as_str(),
        "severity": word(found.severity),
        "message": found.message,
        "labels": labels,
    });
    if let Some(help) = &found.help {
        value["help"] = json!(help);
    }
    value
}

fn label(sources: &Sources, label: &Label) -> Value {
    let place = place(sources, label.span);
    let mut value = json!({
        "file": place.file,
        "line": place.start.line,
        "column": place.start.column,
        "end_line": place.end.line,
        "end_column": place.end.column,
        "primary": label.primary,
    });
    if let Some(text) = &label.text {
        value["text"] = json!(text);
    }
    value
}
