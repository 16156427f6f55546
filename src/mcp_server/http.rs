//! Served over HTTP: the protocol's own transport at one path, behind the guards of every service. All clients of a server
//! share its one session: one workspace, one policy, one runner.

use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::client::Link;
use crate::service::{Bound, Guard, Limits, Role, Token, TokenBook, guarded, problem, serve};

use super::server::{Hosted, Server};
use super::stdio::{Ended, ServeError};

/// Where the protocol is spoken.
pub const PATH: &str = "/mcp";
/// Conversations of clients that keep one, at once. Each ends by itself where nothing is said in it.
const CONVERSATIONS: usize = 64;
/// The header that names a conversation.
const CONVERSATION: &str = "mcp-session-id";
/// The header that names the version of the protocol, and the first one without conversations.
const VERSION: (&str, &str) = ("mcp-protocol-version", "2026-07-28");

/// How much at once: few clients, each with a stream that stays open.
fn limits() -> Limits {
    Limits { connections: 128, requests: 128, rate: 100, end: Duration::from_secs(5), ..Limits::default() }
}

/// Serves whoever presents one of `tokens` with the role to call; `calls` leads to the session's runner.
pub fn serve_http(
    hosted: Hosted,
    calls: UnixStream,
    bound: Bound,
    tokens: TokenBook,
) -> Result<Ended, ServeError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let limits = limits();
    let ended = runtime.block_on(async {
        let server = Server::new(hosted, Link::new(calls)?);
        let conversations = Arc::new(LocalSessionManager::default());
        // the guard has looked at `Host` and `Origin` before; here they are looked at once more
        let config = StreamableHttpServerConfig::default()
            .disable_allowed_hosts()
            .enforce_origin_validation()
            .with_max_request_body_bytes(limits.body);
        let stop = config.cancellation_token.clone();
        let transport =
            StreamableHttpService::new(move || Ok(server.clone()), Arc::clone(&conversations), config);
        let router = Router::new().route_service(PATH, transport);
        let router = router.layer(from_fn_with_state(conversations, admit));
        let guard = Guard::new(bound.hosts().cloned(), Some(tokens), &[], &limits);
        let (told, ended) = oneshot::channel();
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let end = async move {
            let why = tokio::select! {
                _ = terminate.recv() => Ended::Told,
                _ = interrupt.recv() => Ended::Interrupted,
            };
            // streams that stay open end, or nothing would
            stop.cancel();
            // it is heard below
            let _ = told.send(why);
        };
        serve(bound, guarded(router, Arc::new(guard)), &limits, end).await?;
        Ok(ended.await.unwrap_or(Ended::Told))
    });
    runtime.shutdown_background();
    ended
}

/// Only a token that may call is let in, and only so many conversations.
async fn admit(
    State(conversations): State<Arc<LocalSessionManager>>,
    request: Request,
    next: Next,
) -> Response {
    let role = request.extensions().get::<Arc<Token>>().map(|token| token.role);
    if role != Some(Role::Call) {
        return problem(StatusCode::FORBIDDEN, "this token may not call");
    }
    if begins_one(request.headers()) && conversations.sessions.read().await.len() >= CONVERSATIONS {
        let detail =
            format!("{CONVERSATIONS} conversations are open; end one, or wait until one is forgotten");
        return problem(StatusCode::TOO_MANY_REQUESTS, detail);
    }
    next.run(request).await
}

/// May it begin a conversation?
fn begins_one(headers: &HeaderMap) -> bool {
    let (name, without) = VERSION;
    let version = headers.get(name).and_then(|version| version.to_str().ok());
    !headers.contains_key(CONVERSATION) && version.is_none_or(|version| version < without)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_conversation_begins_without_a_name_and_only_in_versions_that_have_them() {
        let headers = |said: &[(&'static str, &'static str)]| {
            let of = |&(name, value): &(&'static str, &'static str)| {
                (axum::http::HeaderName::from_static(name), HeaderValue::from_static(value))
            };
            said.iter().map(of).collect::<HeaderMap>()
        };
        assert!(begins_one(&headers(&[])));
        assert!(begins_one(&headers(&[(VERSION.0, "2025-06-18")])));
        assert!(!begins_one(&headers(&[(VERSION.0, "2026-07-28")])));
        assert!(!begins_one(&headers(&[(CONVERSATION, "x")])));
    }
}
