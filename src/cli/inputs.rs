//! Inputs as they are typed: `KEY=VALUE`, or a file.

use std::path::Path;

use serde_json::{Map, Value};

use crate::diag::{Diagnostics, nearest};
use crate::document::{Limits, Syntax, parse};
use crate::files::read_given;
use crate::plan::Plan;
use crate::source::Sources;

use super::problem::Problem;

/// Bytes of a file of inputs.
const LIMIT: u64 = 16 << 20;

/// A name and its value. Where the input's schema wants text, the value is text as it stands; otherwise it is JSON.
pub(super) fn pair(pair: &str, plan: &Plan) -> Result<(String, Value), Problem> {
    let Some((name, text)) = pair.split_once('=') else {
        return Err(Problem::usage(format!("`-i {pair}` has no `=`; write `-i KEY=VALUE`")));
    };
    let Some(input) = plan.inputs.iter().find(|input| input.name.as_str() == name) else {
        let near = nearest(name, plan.inputs.iter().map(|input| input.name.as_str()));
        let hint = near.map(|near| format!("; write `{near}`")).unwrap_or_default();
        return Err(Problem::usage(format!("the graph has no input `{name}`{hint}")));
    };
    if input.schema["type"] == "string" {
        return Ok((name.to_owned(), Value::from(text)));
    }
    match serde_json::from_str(text) {
        Ok(value) => Ok((name.to_owned(), value)),
        // without a type, text may stand for itself
        Err(_) if input.schema.get("type").is_none() => Ok((name.to_owned(), Value::from(text))),
        Err(error) => {
            Err(Problem::usage(format!("the input `{name}` is no JSON ({error}); quote it for your shell")))
        }
    }
}

/// The inputs of a file: one object.
pub(super) fn file(path: &Path) -> Result<Map<String, Value>, Problem> {
    let shown = path.display();
    let text = read_given(path, LIMIT).map_err(|error| Problem::usage(error.to_string()))?;
    let syntax = Syntax::of_path(&path.to_string_lossy()).unwrap_or(Syntax::Json);
    let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
    let file = sources.add(shown.to_string(), text);
    let parsed = parse(&sources, file, syntax, &Limits::default(), &mut found);
    if let Some(first) = found.iter().next() {
        let at = sources.get(file).position(first.span().start);
        return Err(Problem::usage(format!("{shown}:{}:{}: {}", at.line, at.column, first.message)));
    }
    match parsed.map(|parsed| parsed.tree.to_json()) {
        Some(Value::Object(inputs)) => Ok(inputs),
        _ => Err(Problem::usage(format!("`{shown}` holds no mapping of inputs"))),
    }
}
