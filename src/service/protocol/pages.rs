//! What can be asked of the service itself.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use crate::effect::{Identity, ReplyBody, RequestBody};
use crate::service::answer::document;
use crate::service::{Token, problem};

use super::{Protocol, openapi};

/// Digits of a nonce.
const NONCE: usize = 64;

/// `GET /healthz`
pub(super) async fn health() -> Response {
    document(&json!({ "status": "ok" }))
}

/// `GET /v1/identity`: before a client says who it is, it may ask whom it speaks with.
pub(super) async fn identity(State(protocol): State<Arc<Protocol>>, request: Request) -> Response {
    let nonce = request.uri().query().and_then(|query| query.strip_prefix("nonce="));
    let fit = |nonce: &&str| {
        nonce.len() == NONCE && nonce.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let Some(nonce) = nonce.filter(fit) else {
        let detail =
            format!("ask with `?nonce=` and {NONCE} digits, lower hexadecimal, that were never drawn before");
        return problem(StatusCode::BAD_REQUEST, detail);
    };
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    document(&Identity {
        schema: "lgflow.identity/v1".into(),
        key: protocol.identity.public().to_string(),
        signature: protocol.identity.sign(&Identity::message(host, nonce)),
    })
}

/// `GET /readyz`
pub(super) async fn ready(State(protocol): State<Arc<Protocol>>) -> Response {
    if protocol.is_ending() {
        return problem(StatusCode::SERVICE_UNAVAILABLE, "the service ends");
    }
    document(&json!({ "status": "ready" }))
}

/// `GET /openapi.json`
pub(super) async fn description() -> Response {
    document(&openapi())
}

/// `GET /metrics`
pub(super) async fn metrics(State(protocol): State<Arc<Protocol>>) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], protocol.counted()).into_response()
}

/// `GET /v1/capabilities`
pub(super) async fn capabilities(State(protocol): State<Arc<Protocol>>, request: Request) -> Response {
    let token = request.extensions().get::<Arc<Token>>().cloned();
    let session = match protocol.session(token).await {
        Ok(session) => session,
        Err(refusal) => return refusal.response(),
    };
    match session.ask(RequestBody::Capabilities).await {
        Ok(ReplyBody::Capabilities { capabilities }) => document(&capabilities),
        Ok(_) => {
            problem(StatusCode::INTERNAL_SERVER_ERROR, "the runner answered something else than it was asked")
        }
        Err(lost) => problem(StatusCode::SERVICE_UNAVAILABLE, lost.to_string()),
    }
}
