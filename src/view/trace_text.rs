//! A trace as lines that a person reads. Payloads are shortened; what is not ours is escaped.

use std::fmt::Write as _;

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::effect::Recalled;
use crate::trace::Envelope;

use super::brief::brief;
use super::escaped;

/// The longest value that is shown whole, in characters.
const SHOWN: usize = 160;

/// One event, a line: number, time, kind, node, data.
pub fn event_text(event: &Envelope) -> String {
    let mut text = format!("{:>5}  {}  {:<18}", event.seq, event.ts, event.kind);
    if let Some(node) = &event.node {
        let around = event.path.as_deref().map(|path| format!("{path}/")).unwrap_or_default();
        // writing to a string can't fail
        let _ = write!(text, "  {}", escaped(&format!("{around}{node}")));
    }
    if !event.iteration.is_empty() {
        let iterations: Vec<String> = event.iteration.iter().map(u32::to_string).collect();
        let _ = write!(text, " #{}", iterations.join("."));
    }
    if let Some(attempt) = event.attempt {
        let _ = write!(text, " attempt {attempt}");
    }
    for (name, value) in &event.data {
        let _ = write!(text, "  {name}={}", recalled(name, value).unwrap_or_else(|| short(value)));
    }
    text
}

/// The earlier call that a result was made for, in words.
fn recalled(name: &str, value: &Value) -> Option<String> {
    let Recalled { from, run, at } =
        serde_json::from_value(value.clone()).ok().filter(|_| name == "recalled")?;
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at) * 1_000_000).ok()?;
    Some(format!("({} of run {}, made at {})", from.as_str(), escaped(&run), at.format(&Rfc3339).ok()?))
}

fn short(value: &Value) -> String {
    match value {
        Value::String(text) => brief(text, SHOWN),
        other => brief(&other.to_string(), SHOWN),
    }
}
