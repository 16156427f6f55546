//! One call, several, and the end of one. A refused or failed call is a result as well, so that a client that knows no more
//! than the first fields of one works.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use futures_util::future::{join_all, select_all};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::digest::hex;
use crate::effect::{ErrorKind, ToolCall, ToolError, ToolResult, is_unrepeated, unrepeated};
use crate::service::answer::{document, document_with};
use crate::service::{Body, Token, read_json};

use super::Protocol;
use super::audience::{Audience, Waiting};
use super::keys::{First, Taken};
use super::room::{Gathered, Held};
use super::session::Session;
use super::state::{Refusal, Turn, cancelled, conflict};

/// The schema id of a call.
const CALL: &str = "lgflow.tool_call/v1";
/// The schema id of a list of calls.
const BATCH: &str = "lgflow.batch/v1";
/// Calls of a list.
const MOST: usize = 256;
/// Bytes of a key.
const KEY: usize = 512;

/// `POST /v1/tools/execute`
pub(super) async fn execute(State(protocol): State<Arc<Protocol>>, request: Request) -> Response {
    match execute_one(protocol, request).await {
        Ok((result, held)) => document_with(&*result, held),
        Err(response) => response,
    }
}

async fn execute_one(protocol: Arc<Protocol>, request: Request) -> Result<(Arc<ToolResult>, Held), Response> {
    let (session, value) = begin(&protocol, request).await?;
    let call = call_of(value).map_err(|refusal| refusal.response())?;
    let waiting = Waiting::with(&session, [&call]);
    let audience = waiting.audience();
    // a client that goes away does not end a call that it can ask for again
    let work = tokio::spawn(async move {
        let made = make(&protocol, &session, call, &audience).await?;
        Ok::<_, Refusal>(protocol.hold(&session, made))
    });
    let made = work.await;
    waiting.answered();
    match made {
        Ok(made) => made.map_err(|refusal| refusal.response()),
        Err(error) => Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).response()),
    }
}

/// Whose request it is, and what it says.
pub(super) async fn begin(protocol: &Protocol, request: Request) -> Result<(Arc<Session>, Value), Response> {
    let Body { token, value } = read_json(request, &protocol.limits).await?;
    let session = protocol.session(token).await.map_err(|refusal| refusal.response())?;
    protocol.demand_room(&session).map_err(|refusal| refusal.response())?;
    Ok((session, value))
}

/// Makes a call, or finds what it came to.
pub(super) async fn make(
    protocol: &Protocol,
    session: &Session,
    call: ToolCall,
    audience: &Audience,
) -> Result<Arc<ToolResult>, Refusal> {
    match protocol.turn(session, &call, audience).await? {
        Turn::Known(result) => Ok(result),
        Turn::Mine(first, place) => {
            let result = session.call(call).await;
            drop(place);
            protocol.count_result(&result);
            Ok(first.settle(result))
        }
    }
}

/// The call that a body says; without a schema id it is one of version 1. What it says of where its parameters come from is not
/// believed: only who has watched them come knows that. One without a key gets one by which it can be ended.
pub(super) fn call_of(value: Value) -> Result<ToolCall, Refusal> {
    let bad = |detail: String| Refusal::new(StatusCode::BAD_REQUEST, detail);
    let none =
        |why: &str| bad(format!("this is no call: {why}; send `{{\"tool\": NAME, \"input\": {{…}}}}`"));
    if !value.is_object() {
        return Err(none("it is no object"));
    }
    let mut call: ToolCall = serde_json::from_value(value).map_err(|error| none(&error.to_string()))?;
    if call.schema != CALL {
        return Err(bad(format!("a call of `{}` is not understood here; this is `{CALL}`", call.schema)));
    }
    if call.tool.is_empty() {
        return Err(bad("`tool` is empty; `GET /v1/capabilities` lists the tools".to_owned()));
    }
    if call.idempotency_key.len() > KEY {
        return Err(bad(format!("`idempotency_key` has more than {KEY} bytes")));
    }
    if is_unrepeated(&call.idempotency_key) {
        return Err(bad("`idempotency_key` begins as those do that are drawn here; send another".to_owned()));
    }
    if call.idempotency_key.is_empty() {
        let mut bytes = [0; 16];
        let failed =
            |error| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, format!("no random bytes: {error}"));
        getrandom::fill(&mut bytes).map_err(failed)?;
        call.idempotency_key = unrepeated(&hex(&bytes));
    }
    call.provenance = None;
    Ok(call)
}

/// A list of calls.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    #[serde(default)]
    schema: Option<String>,
    calls: Vec<Value>,
    #[serde(default)]
    mode: Mode,
    #[serde(default)]
    stop_on_error: bool,
}

/// How the calls of a list are made.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    /// One after the other.
    #[default]
    Sequential,
    /// All at once.
    Parallel,
    /// All are decided before the first is made; then one after the other, up to the first failure.
    Together,
}

/// `POST /v1/tools/batch_execute`
pub(super) async fn batch(State(protocol): State<Arc<Protocol>>, request: Request) -> Response {
    match execute_batch(protocol, request).await {
        Ok((results, held)) => {
            document_with(&BatchResult { schema: "lgflow.batch_result/v1", results }, held)
        }
        Err(response) => response,
    }
}

/// What a list came to. A value of its own would be a copy of every result.
#[derive(Debug, Serialize)]
struct BatchResult {
    schema: &'static str,
    results: Vec<Arc<ToolResult>>,
}

async fn execute_batch(
    protocol: Arc<Protocol>,
    request: Request,
) -> Result<(Vec<Arc<ToolResult>>, Held), Response> {
    let (session, value) = begin(&protocol, request).await?;
    let (batch, calls) = batch_of(value).map_err(|refusal| refusal.response())?;
    let waiting = Waiting::with(&session, &calls);
    let audience = waiting.audience();
    let work = async move {
        let list = Gathered::default();
        let made = |call| one_of_many(&protocol, &session, call, &audience, &list);
        let results = match batch.mode {
            Mode::Parallel => join_all(calls.into_iter().map(made)).await,
            Mode::Sequential => in_order(calls, batch.stop_on_error, made).await,
            Mode::Together => {
                let results = together(&protocol, &session, calls, &audience).await;
                results.into_iter().map(|result| protocol.gather(&session, &list, result)).collect()
            }
        };
        (results, list.held())
    };
    let failed = |error: tokio::task::JoinError| {
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).response()
    };
    let made = tokio::spawn(work).await;
    waiting.answered();
    made.map_err(failed)
}

fn batch_of(value: Value) -> Result<(Batch, Vec<ToolCall>), Refusal> {
    let bad = |detail: String| Refusal::new(StatusCode::BAD_REQUEST, detail);
    let none =
        |why: &str| bad(format!("this is no list of calls: {why}; send `{{\"calls\": [{{\"tool\": …}}]}}`"));
    if !value.is_object() {
        return Err(none("it is no object"));
    }
    let mut batch: Batch = serde_json::from_value(value).map_err(|error| none(&error.to_string()))?;
    if batch.schema.as_deref().is_some_and(|schema| schema != BATCH) {
        return Err(bad(format!("a list of another version is not understood here; this is `{BATCH}`")));
    }
    if batch.calls.len() > MOST {
        return Err(bad(format!("more than {MOST} calls in a list")));
    }
    let calls = std::mem::take(&mut batch.calls)
        .into_iter()
        .enumerate()
        .map(|(at, value)| call_of(value).map_err(|refusal| refusal.of(&format!("`calls[{at}]`"))));
    let calls = calls.collect::<Result<Vec<_>, _>>()?;
    Ok((batch, calls))
}

async fn one_of_many(
    protocol: &Protocol,
    session: &Session,
    call: ToolCall,
    audience: &Audience,
    list: &Gathered,
) -> Arc<ToolResult> {
    let tool = call.tool.clone();
    let made = make(protocol, session, call, audience).await;
    protocol.gather(session, list, made.unwrap_or_else(|refusal| Arc::new(refusal.result(&tool))))
}

async fn in_order<F: Future<Output = Arc<ToolResult>>>(
    calls: Vec<ToolCall>,
    stop_on_error: bool,
    make: impl Fn(ToolCall) -> F,
) -> Vec<Arc<ToolResult>> {
    let (mut results, mut stopped) = (Vec::new(), false);
    for call in calls {
        let result = if stopped { not_made(&call.tool) } else { make(call).await };
        stopped |= stop_on_error && !result.ok;
        results.push(result);
    }
    results
}

/// The runner answers up to the first failure; each call has a result all the same. What cannot be made leaves all of them
/// undone.
async fn together(
    protocol: &Protocol,
    session: &Session,
    calls: Vec<ToolCall>,
    audience: &Audience,
) -> Vec<Arc<ToolResult>> {
    let mut results = match taken(session, &calls, audience) {
        Ok(firsts) => made_together(protocol, session, &calls, firsts).await,
        Err((at, refusal)) => {
            let before = calls[..at].iter().map(|call| not_made(&call.tool));
            before.chain([Arc::new(refusal.result(&calls[at].tool))]).collect()
        }
    };
    results.extend(calls.iter().skip(results.len()).map(|call| not_made(&call.tool)));
    results
}

/// The keys of calls that are made together; of one that was made before, the runner knows what it came to.
fn taken(
    session: &Session,
    calls: &[ToolCall],
    audience: &Audience,
) -> Result<Vec<Option<First>>, (usize, Refusal)> {
    let take = |(at, call): (usize, &ToolCall)| match session.keys.take(call) {
        Taken::Other => Err((at, conflict(call, "it named another call"))),
        Taken::Gone => Err((at, conflict(call, "its result is not kept any more"))),
        Taken::Again(_) => Ok(None),
        Taken::First(first) => {
            audience.mind(&first, call);
            Ok(Some(first))
        }
    };
    calls.iter().enumerate().map(take).collect()
}

async fn made_together(
    protocol: &Protocol,
    session: &Session,
    calls: &[ToolCall],
    firsts: Vec<Option<First>>,
) -> Vec<Arc<ToolResult>> {
    let cancels = firsts.iter().flatten().map(|first| Box::pin(first.cancelled()));
    let nobody = std::future::pending::<()>();
    let ended = async {
        if firsts.iter().flatten().next().is_none() {
            nobody.await;
        }
        select_all(cancels).await;
    };
    let place = tokio::select! {
        biased;
        () = ended => None,
        place = protocol.place(session) => Some(place),
    };
    let results = match place {
        Some(Ok(_place)) => session.together(calls.to_vec()).await,
        // nothing was done, and the keys are free again
        Some(Err(refusal)) => {
            let tool = calls.first().map_or("", |call| call.tool.as_str());
            return vec![Arc::new(refusal.result(tool))];
        }
        None => calls.iter().map(|call| cancelled(&call.tool)).collect(),
    };
    let settle = |(result, first): (ToolResult, Option<First>)| {
        protocol.count_result(&result);
        match first {
            Some(first) => first.settle(result),
            None => Arc::new(result),
        }
    };
    results.into_iter().zip(firsts).map(settle).collect()
}

fn not_made(tool: &str) -> Arc<ToolResult> {
    let message = "not run: a call before it in the list failed";
    Arc::new(ToolResult::failure(tool, ToolError::new(ErrorKind::Cancelled, message)))
}

/// `DELETE /v1/calls/{key}`
pub(super) async fn cancel(
    State(protocol): State<Arc<Protocol>>,
    Path(key): Path<String>,
    request: Request,
) -> Response {
    let token = request.extensions().get::<Arc<Token>>().cloned();
    let session = match protocol.session(token).await {
        Ok(session) => session,
        Err(refusal) => return refusal.response(),
    };
    let asked = key.clone();
    let ended = tokio::spawn(async move { session.cancel(&asked).await }).await;
    match ended {
        Ok(Some(cancelled)) => {
            document(&json!({ "schema": "lgflow.cancelled/v1", "key": key, "cancelled": cancelled }))
        }
        _ => Refusal::new(StatusCode::NOT_FOUND, "this token has made no call with this key").response(),
    }
}
