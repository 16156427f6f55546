//! Served over HTTP: the protocol's own transport at one path, behind the guards of every service. Each token has a session
//! of its own, with its own conversations and its own runner.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use axum::routing::any;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::client::Link;
use crate::service::{Bound, Guard, Limits, Token, Tokens, guarded, problem, serve};

use super::server::{CONVERSATION, Hosted, Server};
use super::stdio::{Ended, ServeError};

/// Where the protocol is spoken.
pub const PATH: &str = "/mcp";
/// Conversations of a token's clients that keep one, at once.
const CONVERSATIONS: usize = 64;
/// A conversation ends where nothing is said in it for so long. A call that takes its time says nothing either.
const SILENCE: Duration = Duration::from_hours(1);
/// The header that names the version of the protocol, and the first one without conversations.
const VERSION: (&str, &str) = ("mcp-protocol-version", "2026-07-28");

/// The session of a token.
pub struct Own {
    /// The token's name.
    pub token: String,
    /// What is served.
    pub hosted: Hosted,
    /// Leads to the session's runner.
    pub calls: UnixStream,
}

/// What answers the clients of a token.
struct Counter {
    server: Server,
    transport: StreamableHttpService<Server, LocalSessionManager>,
    conversations: Arc<LocalSessionManager>,
}

/// The counters, by the names of their tokens.
type Counters = Arc<BTreeMap<String, Counter>>;

/// How much at once: few clients, each with a stream that stays open.
fn limits() -> Limits {
    Limits { connections: 128, requests: 128, rate: 100, end: Duration::from_secs(5), ..Limits::default() }
}

/// Serves whoever presents one of `tokens` that has a session, until the process is told to end.
pub fn serve_http(own: Vec<Own>, bound: Bound, tokens: Tokens) -> Result<Ended, ServeError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let limits = limits();
    let ended = runtime.block_on(async {
        let config = config(&limits);
        let stop = config.cancellation_token.clone();
        let counters: BTreeMap<String, Counter> =
            own.into_iter().map(|own| Counter::of(own, &config)).collect::<io::Result<_>>()?;
        let router = Router::new()
            .route(PATH, any(answer))
            .fallback(async || problem(StatusCode::NOT_FOUND, format!("MCP is spoken at `{PATH}`")))
            .with_state(Arc::new(counters));
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

/// The guard has looked at `Host` and `Origin` before; the latter is looked at once more.
fn config(limits: &Limits) -> StreamableHttpServerConfig {
    StreamableHttpServerConfig::default()
        .disable_allowed_hosts()
        .enforce_origin_validation()
        .with_max_request_body_bytes(limits.body)
}

impl Counter {
    fn of(own: Own, config: &StreamableHttpServerConfig) -> io::Result<(String, Self)> {
        let Own { token, hosted, calls } = own;
        let server = Server::new(hosted, Link::new(calls)?);
        let mut conversations = LocalSessionManager::default();
        conversations.session_config.keep_alive = Some(SILENCE);
        let conversations = Arc::new(conversations);
        let serving = server.clone();
        let transport = StreamableHttpService::new(
            move || Ok(serving.clone()),
            Arc::clone(&conversations),
            config.clone(),
        );
        Ok((token, Self { server, transport, conversations }))
    }

    async fn is_full(&self) -> bool {
        self.conversations.sessions.read().await.len() >= CONVERSATIONS
    }
}

/// Answers at the counter of the token that was presented: conversations of others are not known there.
async fn answer(State(counters): State<Counters>, request: Request) -> Response {
    let token = request.extensions().get::<Arc<Token>>().map(|token| token.name.as_str());
    let Some(counter) = token.and_then(|name| counters.get(name)) else {
        return problem(StatusCode::FORBIDDEN, "this token may not call");
    };
    if begins_one(request.headers()) && counter.is_full().await {
        let detail =
            format!("{CONVERSATIONS} conversations are open; end one, or wait until one is forgotten");
        return problem(StatusCode::TOO_MANY_REQUESTS, detail);
    }
    let ends = ends_one(&request);
    let response = counter.transport.handle(request).await.map(Body::new);
    if let Some(name) = ends.filter(|_| response.status().is_success()) {
        counter.server.end_conversation(&name).await;
    }
    response
}

/// The conversation that a request ends.
fn ends_one(request: &Request) -> Option<String> {
    let name = request.headers().get(CONVERSATION).filter(|_| request.method() == Method::DELETE)?;
    name.to_str().ok().map(str::to_owned)
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
