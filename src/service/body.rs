//! The body of a request: JSON, within its bytes and its time.

use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value;

use super::answer::problem;
use super::{Limits, Token};
use std::sync::Arc;

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
        Ok(value) => Ok(Body { token: parts.extensions.get::<Arc<Token>>().cloned(), value }),
        Err(error) => Err(problem(StatusCode::BAD_REQUEST, format!("the body is no JSON: {error}"))),
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
