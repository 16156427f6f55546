//! Answers that every service gives: documents, and problems as RFC 9457 has them.

use axum::body::Bytes;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use serde_json::json;

/// The media type of JSON.
const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// The media type of a problem.
const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");

/// A request that is not answered with what it asked for.
pub fn problem(status: StatusCode, detail: impl AsRef<str>) -> Response {
    let body = json!({
        "schema": "lgflow.problem/v1",
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or("refused"),
        "status": status.as_u16(),
        "detail": detail.as_ref(),
    });
    let mut response = (status, body.to_string()).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, PROBLEM);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    match status {
        StatusCode::UNAUTHORIZED => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        _ => {}
    }
    response
}

/// A document.
pub(super) fn document(value: &impl Serialize) -> Response {
    document_with(value, ())
}

/// The same; `held` is dropped when its last byte was taken.
pub(super) fn document_with<T: Send + Sync + 'static>(value: &impl Serialize, held: T) -> Response {
    struct Text<T>(Vec<u8>, T);
    impl<T> AsRef<[u8]> for Text<T> {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    match serde_json::to_vec(value) {
        Ok(bytes) => ([(CONTENT_TYPE, JSON)], Bytes::from_owner(Text(bytes, held))).into_response(),
        Err(error) => {
            problem(StatusCode::INTERNAL_SERVER_ERROR, format!("the answer cannot be written: {error}"))
        }
    }
}
