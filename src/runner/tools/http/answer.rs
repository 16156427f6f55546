//! The answer as an output, and what a status that is no success means.

use serde_json::{Map, Value, json};

use crate::effect::{ErrorKind, ToolError, WebAddress};
use crate::runner::net::{Exchange, NetFault};

/// `{status, headers, body}`; the body is parsed where it says that it is JSON, and is one.
pub(super) fn read(exchange: &mut Exchange, address: &WebAddress) -> Result<Value, ToolError> {
    let bytes = exchange.rest().map_err(|fault| late(fault, exchange))?;
    let kind = exchange.header("content-type").unwrap_or_default().to_ascii_lowercase();
    let text = String::from_utf8(bytes).map_err(|error| {
        let bytes = error.as_bytes().len();
        let message =
            format!("`{address}` answered with {bytes} bytes that are no UTF-8 text (`{kind}`), which `http` does not take");
        ToolError { output: Some(head(exchange)), ..ToolError::new(ErrorKind::InvalidOutput, message) }
    })?;
    let is_json = kind.split(';').next().is_some_and(|kind| {
        let kind = kind.trim();
        kind == "application/json" || kind.ends_with("+json")
    });
    let parsed = is_json.then(|| serde_json::from_str(&text).ok()).flatten();
    let mut output = head(exchange);
    output["body"] = parsed.unwrap_or(Value::String(text));
    Ok(output)
}

/// What had been said before it went wrong.
fn late(fault: NetFault, exchange: &Exchange) -> ToolError {
    ToolError { output: Some(head(exchange)), ..ToolError::from(fault) }
}

fn head(exchange: &Exchange) -> Value {
    let mut headers = Map::new();
    for (name, value) in &exchange.headers {
        let text = String::from_utf8_lossy(value.as_bytes());
        let joined = match headers.get(name.as_str()).and_then(Value::as_str) {
            Some(before) => format!("{before}, {text}"),
            None => text.into_owned(),
        };
        headers.insert(name.as_str().to_owned(), joined.into());
    }
    json!({ "status": exchange.status, "headers": headers, "body": "" })
}

/// The error that a status comes to.
pub(in crate::runner) fn failure(status: u16, address: &WebAddress, output: Value) -> ToolError {
    let (kind, what) = match status {
        404 | 410 => (ErrorKind::NotFound, "has no such thing"),
        408 | 504 => (ErrorKind::Timeout, "took too long by its own word"),
        409 | 412 => (ErrorKind::Conflict, "says that things stand otherwise"),
        429 => (ErrorKind::RateLimited, "wants fewer requests"),
        500.. => (ErrorKind::Upstream, "could not do it"),
        300..400 => (ErrorKind::Upstream, "leads elsewhere, which is not followed here"),
        _ => (ErrorKind::InvalidInput, "did not accept the request"),
    };
    let message =
        format!("`{address}` {what}: status {status}; to take it as an answer, list it in `ok_status`");
    ToolError { output: Some(output), ..ToolError::new(kind, message) }
}
