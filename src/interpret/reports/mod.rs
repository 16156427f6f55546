//! Reports of verifiers to one form, `lgflow.verifier_report/v1`: one file a format. Knows no node and no run.

use serde_json::Value;

/// Reads the report `text` of the given format (`auto` tells by the text), or says why it cannot.
pub(super) fn parse(_format: &str, _text: &str) -> Result<Value, String> {
    Err("not yet".to_owned())
}
