//! The body of a request: JSON, within its bytes and its time.

use std::fmt;
use std::sync::Arc;

use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::answer::problem;
use super::{Limits, Token};

/// A request with its body read.
#[derive(Debug)]
pub struct Body {
    /// Whose it is; nobody's in particular where no token is asked for.
    pub token: Option<Arc<Token>>,
    /// What it says.
    pub value: Value,
}

/// Reads the body of a request.
///
/// # Errors
/// The answer, where it is too large, too slow, or no JSON.
pub async fn read_json(request: Request, limits: &Limits) -> Result<Body, Response> {
    let (parts, body) = request.into_parts();
    let too_large = || {
        let detail = format!("the body is larger than {} bytes", limits.body);
        problem(StatusCode::PAYLOAD_TOO_LARGE, detail)
    };
    let said = parts.headers.get(axum::http::header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    if said.and_then(|length| length.parse::<u64>().ok()).is_some_and(|length| length > limits.body as u64) {
        return Err(too_large());
    }
    let bytes = match tokio::time::timeout(limits.body_time, to_bytes(body, limits.body)).await {
        Err(_) => return Err(problem(StatusCode::REQUEST_TIMEOUT, "the body did not come in time")),
        Ok(Err(error)) if is_length(&error) => return Err(too_large()),
        Ok(Err(error)) => {
            return Err(problem(StatusCode::BAD_REQUEST, format!("the body broke off: {error}")));
        }
        Ok(Ok(bytes)) => bytes,
    };
    match serde_json::from_slice(&bytes) {
        Ok(Plain(value)) => Ok(Body { token: parts.extensions.get::<Arc<Token>>().cloned(), value }),
        Err(error) => Err(problem(StatusCode::BAD_REQUEST, format!("the body is no JSON: {error}"))),
    }
}

/// A value in which no object says a member twice: of two readers each could take another one.
struct Plain(Value);

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Plain(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if map.contains_key(&name) {
                return Err(A::Error::custom(format!("the member `{}` stands twice", name.escape_debug())));
            }
            let Plain(value) = members.next_value()?;
            map.insert(name, value);
        }
        Ok(Value::Object(map))
    }
}

fn is_length(error: &axum::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<http_body_util::LengthLimitError>() {
            return true;
        }
        cause = error.source();
    }
    false
}
