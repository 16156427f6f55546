//! What can be asked of the service itself.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use crate::effect::{ReplyBody, RequestBody};
use crate::service::answer::document;
use crate::service::{Token, problem};

use super::{Protocol, openapi};

/// `GET /healthz`
pub(super) async fn health() -> Response {
    document(&json!({ "status": "ok" }))
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
