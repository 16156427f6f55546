//! What a call asks for: its parameters, read and held to what a request can say.

use serde_json::Value;

use crate::effect::{ToolError, WebAddress};
use crate::runner::tools::input::{Input, invalid};

/// What a call may have.
const KNOWN: &[&str] = &["url", "method", "headers", "body", "ok_status"];
/// Methods that ask for something and change nothing: where they lead is followed.
const LOOKS: [&str; 2] = ["GET", "HEAD"];
/// All methods.
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
/// Headers that frame a message, or speak to what is in between: they are ours.
const OURS: [&str; 11] = [
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "accept-encoding",
    "expect",
    "keep-alive",
    "te",
    "trailer",
    "upgrade",
    "via",
];
/// Bytes of a body.
const MOST_BODY: usize = 16 << 20;

/// A request as it was asked for.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) address: WebAddress,
    pub(super) method: &'a str,
    pub(super) headers: Vec<(String, HeaderValue<'a>)>,
    pub(super) body: Vec<u8>,
    ok_status: Option<&'a Value>,
}

/// What a header holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum HeaderValue<'a> {
    Plain(&'a str),
    /// A secret, with what stands before it.
    Secret {
        name: &'a str,
        prefix: &'a str,
    },
}

impl<'a> Asked<'a> {
    pub(super) fn read(input: &'a Value) -> Result<Self, ToolError> {
        let input = Input::new("http", input, KNOWN)?;
        let url = input.required_text("url")?;
        let address = WebAddress::parse(url).ok_or_else(|| {
            invalid("`url` of `http` is no plain absolute URL, like `https://api.example.com/v1/items`")
        })?;
        let method = input.text("method")?.unwrap_or("GET");
        if !METHODS.contains(&method) {
            return Err(invalid(format!(
                "`{method}` is no method of `http`; it takes {}",
                METHODS.join(", ")
            )));
        }
        let mut headers = headers(input.value("headers"))?;
        let body = match input.value("body") {
            None => Vec::new(),
            Some(Value::String(text)) => text.clone().into_bytes(),
            Some(value) => {
                if !headers.iter().any(|(name, _)| name == "content-type") {
                    headers.push(("content-type".to_owned(), HeaderValue::Plain("application/json")));
                }
                value.to_string().into_bytes()
            }
        };
        if body.len() > MOST_BODY {
            return Err(invalid(format!("`body` of `http` has more than {MOST_BODY} bytes")));
        }
        Ok(Self { address, method, headers, body, ok_status: input.value("ok_status") })
    }

    /// Is it a request that may be made once more elsewhere, as the server says?
    pub(super) fn looks(&self) -> bool {
        LOOKS.contains(&self.method)
    }

    /// Does this status count as success?
    pub(super) fn is_ok(&self, status: u16) -> bool {
        takes_status(self.ok_status, status)
    }
}

/// Does `ok_status` of a call, or what holds without it, count this status as success?
pub(in crate::runner) fn takes_status(ok_status: Option<&Value>, status: u16) -> bool {
    match ok_status {
        None | Some(Value::Null) => (200..300).contains(&status),
        Some(Value::Array(listed)) => listed.iter().any(|ok| ok.as_u64() == Some(u64::from(status))),
        Some(other) => other == "any",
    }
}

fn headers(value: Option<&Value>) -> Result<Vec<(String, HeaderValue<'_>)>, ToolError> {
    let Some(value) = value else { return Ok(Vec::new()) };
    let map = value.as_object().ok_or_else(|| invalid("`headers` of `http` is not an object"))?;
    map.iter().map(|(name, value)| header(name, value)).collect()
}

fn header<'a>(name: &str, value: &'a Value) -> Result<(String, HeaderValue<'a>), ToolError> {
    let lower = name.to_ascii_lowercase();
    if OURS.contains(&lower.as_str()) || lower.starts_with("proxy-") {
        return Err(invalid(format!("the header `{name}` is made by the runner; leave it out")));
    }
    let text = |value: &'a Value| value.as_str();
    let read = match value {
        Value::String(text) => Some(HeaderValue::Plain(text)),
        Value::Object(parts) => parts.get("$secret").and_then(text).map(|name| HeaderValue::Secret {
            name,
            prefix: parts.get("prefix").and_then(text).unwrap_or_default(),
        }),
        _ => None,
    };
    let read = read
        .ok_or_else(|| invalid(format!("the header `{name}` is neither a text nor `{{$secret: NAME}}`")))?;
    Ok((lower, read))
}
