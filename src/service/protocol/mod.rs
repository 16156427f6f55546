//! The runner's protocol over HTTP: a session of each token's own, whose policy was frozen when the service began; calls,
//! lists of calls, output as it comes, cancellation, and runs whose front is elsewhere. Decides nothing: the runner does.

mod answers;
mod audience;
mod calls;
mod keys;
mod openapi;
mod opener;
mod pages;
mod relay;
mod roles;
mod room;
mod session;
mod state;
mod stream;
mod turns;

pub use openapi::openapi;
pub use opener::{Begun, GoesOn, OpenError, Opener, Order};
pub use state::{Protocol, Refuses};

use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{delete, get, post};

use crate::effect::IDENTITY;
use crate::service::answer::problem;

use roles::{ANY, APPROVE, CALL, to};

/// Paths that need no token.
pub const OPEN: &[&str] = &["/healthz", IDENTITY];

/// The endpoints, without a guard.
pub fn router(protocol: Arc<Protocol>) -> Router {
    Router::new()
        .route("/healthz", get(pages::health))
        .route(IDENTITY, get(pages::identity))
        .route("/readyz", to(ANY, get(pages::ready)))
        .route("/openapi.json", to(ANY, get(pages::description)))
        .route("/metrics", to(ANY, get(pages::metrics)))
        .route("/v1/capabilities", to(ANY, get(pages::capabilities)))
        .route("/v1/tools/execute", to(CALL, post(calls::execute)))
        .route("/v1/tools/batch_execute", to(CALL, post(calls::batch)))
        .route("/v1/tools/stream", to(CALL, post(stream::stream)))
        .route("/v1/calls/{*key}", to(CALL, delete(calls::cancel)))
        .route("/v1/runs/open", to(CALL, get(relay::open)))
        .route("/v1/approvals", to(APPROVE, get(answers::open).post(answers::approve)))
        .route("/v1/rejections", to(APPROVE, post(answers::reject)))
        .fallback(async || {
            problem(StatusCode::NOT_FOUND, "there is nothing here; `GET /openapi.json` says what there is")
        })
        .method_not_allowed_fallback(async || {
            problem(
                StatusCode::METHOD_NOT_ALLOWED,
                "this path takes another method; `GET /openapi.json` says which",
            )
        })
        .layer(from_fn_with_state(Arc::clone(&protocol), count))
        .with_state(protocol)
}

async fn count(State(protocol): State<Arc<Protocol>>, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str).to_owned();
    let response = next.run(request).await;
    protocol.count(&path, response.status());
    response
}
