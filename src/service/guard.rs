//! What stands before every endpoint: who asks, from where, how often and in what form. Refused here, a request has met
//! nothing of what is served.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, ORIGIN, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;

use super::answer::problem;
use super::pace::Pace;
use super::{Hosts, Limits, Presented, Tokens};

/// Wrong tokens in a second that are answered; what comes beyond is not looked at.
const GUESSES: u32 = 20;

/// Who may ask, and how often.
#[derive(Debug)]
pub struct Guard {
    hosts: Option<Hosts>,
    tokens: Option<Tokens>,
    open: &'static [&'static str],
    paces: BTreeMap<String, Pace>,
    guesses: Pace,
    requests: Semaphore,
}

impl Guard {
    /// Lets those in that present one of `tokens`; without any, everybody who reaches it, as behind a socket of the user's
    /// own. `open` are the paths that need none.
    pub fn new(
        hosts: Option<Hosts>,
        tokens: Option<Tokens>,
        open: &'static [&'static str],
        limits: &Limits,
    ) -> Self {
        let names = tokens.iter().flat_map(|tokens| tokens.good().map(|token| token.name.clone()));
        let paces = names.chain([String::new()]).map(|name| (name, Pace::new(limits.rate))).collect();
        let (guesses, requests) = (Pace::new(GUESSES), Semaphore::new(limits.requests));
        Self { hosts, tokens, open, paces, guesses, requests }
    }

    /// The refusal of a request that comes from a page of elsewhere, or was sent to another host.
    fn place(&self, request: &Request) -> Result<(), Response> {
        let refused = |detail| Err(problem(StatusCode::FORBIDDEN, detail));
        if request.headers().contains_key(ORIGIN) {
            return refused("a request from a page (`Origin`) is refused: no browser speaks to this service");
        }
        let Some(hosts) = &self.hosts else { return Ok(()) };
        let mut said = request.headers().get_all(HOST).iter();
        let (first, more) = (said.next().and_then(|host| host.to_str().ok()), said.next());
        let in_line = request.uri().authority().is_none_or(|authority| hosts.has(authority.as_str()));
        if more.is_none() && in_line && first.is_some_and(|host| hosts.has(host)) {
            return Ok(());
        }
        refused("the `Host` of the request is none of this service's names")
    }

    /// Puts the token that was presented into the request.
    fn identify(&self, request: &mut Request) -> Result<(), Response> {
        let mut name = String::new();
        if let Some(tokens) = &self.tokens {
            let text = bearer(request.headers());
            let token = match text.map_or(Presented::Unknown, |text| tokens.presented(text)) {
                Presented::Good(token) => token,
                Presented::Bound(token, how) => {
                    return Err(
                        self.stranger(StatusCode::FORBIDDEN, &format!("the token `{}` {how}", token.name))
                    );
                }
                Presented::Unknown => {
                    let detail = "send a token of this service: `Authorization: Bearer TOKEN`";
                    return Err(self.stranger(StatusCode::UNAUTHORIZED, detail));
                }
            };
            name.clone_from(&token.name);
            request.extensions_mut().insert(Arc::clone(token));
        }
        match self.paces.get(&name) {
            Some(pace) if !pace.take() => Err(problem(
                StatusCode::TOO_MANY_REQUESTS,
                "more requests in a second than this token may send",
            )),
            _ => Ok(()),
        }
    }

    /// The refusal of who presents no token that is good here: so many in a second, and no more.
    fn stranger(&self, status: StatusCode, detail: &str) -> Response {
        if self.guesses.take() {
            problem(status, detail)
        } else {
            problem(StatusCode::TOO_MANY_REQUESTS, "too many requests without a token of this service")
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (first, None) = (all.next()?, all.next()) else { return None };
    let (scheme, token) = first.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// A body that a page could send without being asked for leave is no JSON. With other methods it has to ask.
fn form(request: &Request) -> Result<(), Response> {
    if *request.method() != Method::POST {
        return Ok(());
    }
    let mut all = request.headers().get_all(CONTENT_TYPE).iter();
    let said = all.next().and_then(|kind| kind.to_str().ok()).filter(|_| all.next().is_none());
    let kind = said.and_then(|kind| kind.split(';').next()).map(str::trim);
    if kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/json")) {
        return Ok(());
    }
    Err(problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send the body as `Content-Type: application/json`"))
}

/// `router` behind the guard: nothing reaches it that is not let in, and no panic of it ends more than its request.
pub fn guarded(router: Router, guard: Arc<Guard>) -> Router {
    router
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            problem(
                StatusCode::INTERNAL_SERVER_ERROR,
                "a case that is a bug of lgflow; what it did is unknown",
            )
        }))
        .layer(from_fn_with_state(guard, check))
}

async fn check(State(guard): State<Arc<Guard>>, mut request: Request, next: Next) -> Response {
    let mut response = match admit(&guard, &mut request) {
        Err(refusal) => refusal,
        // who asks whether it lives is answered whatever else goes on
        Ok(()) if guard.open.contains(&request.uri().path()) => next.run(request).await,
        Ok(()) => match guard.requests.try_acquire() {
            Ok(_permit) => next.run(request).await,
            Err(_) => problem(StatusCode::TOO_MANY_REQUESTS, "more requests at once than this service takes"),
        },
    };
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    let nothing = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    headers.insert(CONTENT_SECURITY_POLICY, nothing);
    response
}

fn admit(guard: &Guard, request: &mut Request) -> Result<(), Response> {
    guard.place(request)?;
    if !guard.open.contains(&request.uri().path()) {
        guard.identify(request)?;
    }
    form(request)
}
