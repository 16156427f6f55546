//! Filters between values and text.

use serde::Serialize;
use serde_json::Value;

use crate::expr::limits::Budget;
use crate::expr::operate;
use crate::expr::stop::Stop;
use crate::expr::value::Val;

use super::Args;

/// A string, number or boolean as text.
pub(super) fn string<'a>(budget: &mut Budget, value: &Val<'a>, _: &Args<'a>) -> Result<Val<'a>, Stop> {
    let text = operate::spliced(value)?;
    Val::text(budget, &text)
}

/// As JSON, with sorted keys; with `indent`, over several lines.
pub(super) fn tojson<'a>(budget: &mut Budget, value: &Val<'a>, args: &Args<'a>) -> Result<Val<'a>, Stop> {
    const WIDEST: usize = 16;
    let indent = args.count(0)?.unwrap_or_default();
    if indent > WIDEST {
        return Err(Stop::failed(format!("an indentation is at most {WIDEST} wide")));
    }
    let json = value.to_json(budget)?;
    budget.make(width(&json, indent, 0))?;
    let text = if indent == 0 { Ok(json.to_string()) } else { pretty(&json, indent) };
    Val::text(budget, &text.map_err(|error| Stop::failed(error.to_string()))?)
}

fn pretty(json: &Value, indent: usize) -> Result<String, serde_json::Error> {
    let spaces = vec![b' '; indent];
    let mut written = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(&spaces);
    json.serialize(&mut serde_json::Serializer::with_formatter(&mut written, formatter))?;
    Ok(String::from_utf8_lossy(&written).into_owned())
}

/// At least the bytes that the text will have: an escape is at most 6 long.
fn width(json: &Value, indent: usize, depth: usize) -> usize {
    let line = 4 + indent * (depth + 1);
    match json {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(_) => 24,
        Value::String(text) => {
            2 + text.len() + 5 * text.bytes().filter(|b| *b < 0x20 || *b == b'"' || *b == b'\\').count()
        }
        Value::Array(items) => {
            2 + items.iter().map(|item| line + width(item, indent, depth + 1)).sum::<usize>() + line
        }
        Value::Object(fields) => {
            let entry =
                |(key, value): (&String, &Value)| line + 4 + 6 * key.len() + width(value, indent, depth + 1);
            2 + fields.iter().map(entry).sum::<usize>() + line
        }
    }
}

/// The value that a JSON text holds.
pub(super) fn fromjson<'a>(budget: &mut Budget, value: &Val<'a>, _: &Args<'a>) -> Result<Val<'a>, Stop> {
    let Some(text) = value.as_str() else {
        return Err(Stop::failed(format!("`fromjson` needs a string, not {}", value.kind())));
    };
    // A byte of JSON makes at most one small value.
    budget.make(text.len())?;
    budget.make(text.bytes().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count() * 96)?;
    let parsed = serde_json::from_str(text);
    let json: Value = parsed.map_err(|error| Stop::failed(format!("the string is not JSON: {error}")))?;
    made(budget, &json)
}

fn made<'a>(budget: &mut Budget, json: &Value) -> Result<Val<'a>, Stop> {
    budget.spend(1)?;
    match json {
        Value::Null => Ok(Val::Null),
        Value::Bool(value) => Ok(Val::Bool(*value)),
        Value::Number(number) => Ok(Val::Number(crate::expr::number::Num::from_json(number))),
        Value::String(text) => Val::text(budget, text),
        Value::Array(items) => {
            let items = items.iter().map(|item| made(budget, item)).collect::<Result<_, _>>()?;
            Val::list(budget, items)
        }
        Value::Object(fields) => {
            let mut entries = Vec::with_capacity(fields.len());
            for (key, value) in fields {
                entries.push((key.as_str().into(), made(budget, value)?));
            }
            Val::object(budget, entries)
        }
    }
}
