//! One call, several, and the end of one. A refused or failed call is a result as well, so that a client that knows no more
//! than the first fields of one works.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use futures_util::future::join_all;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::effect::{ErrorKind, ToolCall, ToolError, ToolResult};
use crate::service::answer::document;
use crate::service::{Body, Token, read_json};

use super::Protocol;
use super::session::Session;
use super::state::{Refusal, Turn};

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
        Ok(result) => document(&*result),
        Err(response) => response,
    }
}

async fn execute_one(protocol: Arc<Protocol>, request: Request) -> Result<Arc<ToolResult>, Response> {
    let (session, value) = begin(&protocol, request).await?;
    let call = call_of(value).map_err(|refusal| refusal.response())?;
    // a client that goes away does not end a call that was begun
    let work = tokio::spawn(async move { make(&protocol, &session, call).await });
    match work.await {
        Ok(made) => made.map_err(|refusal| refusal.response()),
        Err(error) => Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).response()),
    }
}

/// Whose request it is, and what it says.
pub(super) async fn begin(protocol: &Protocol, request: Request) -> Result<(Arc<Session>, Value), Response> {
    let Body { token, value } = read_json(request, &protocol.limits).await?;
    let session = protocol.session(token).await.map_err(|refusal| refusal.response())?;
    Ok((session, value))
}

/// Makes a call, or finds what it came to.
pub(super) async fn make(
    protocol: &Protocol,
    session: &Session,
    call: ToolCall,
) -> Result<Arc<ToolResult>, Refusal> {
    match protocol.turn(session, &call).await? {
        Turn::Known(result) => Ok(result),
        Turn::Mine(first, permit) => {
            let result = if first.is_cancelled() { cancelled(&call.tool) } else { session.call(call).await };
            drop(permit);
            protocol.count_result(&result);
            Ok(first.settle(result))
        }
    }
}

/// What a call comes to that was cancelled before it began.
pub(super) fn cancelled(tool: &str) -> ToolResult {
    ToolResult::failure(tool, ToolError::new(ErrorKind::Cancelled, "the call was cancelled before it began"))
}

/// The call that a body says; without a schema id it is one of version 1.
pub(super) fn call_of(value: Value) -> Result<ToolCall, Refusal> {
    let bad = |detail: String| Refusal::new(StatusCode::BAD_REQUEST, detail);
    let call: ToolCall = serde_json::from_value(value).map_err(|error| {
        bad(format!("this is no call: {error}; send `{{\"tool\": NAME, \"input\": {{…}}}}`"))
    })?;
    if call.schema != CALL {
        return Err(bad(format!("a call of `{}` is not understood here; this is `{CALL}`", call.schema)));
    }
    if call.tool.is_empty() {
        return Err(bad("`tool` is empty; `GET /v1/capabilities` lists the tools".to_owned()));
    }
    if call.idempotency_key.len() > KEY {
        return Err(bad(format!("`idempotency_key` has more than {KEY} bytes")));
    }
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
        Ok(results) => document(&json!({ "schema": "lgflow.batch_result/v1", "results": results })),
        Err(response) => response,
    }
}

async fn execute_batch(protocol: Arc<Protocol>, request: Request) -> Result<Vec<Arc<ToolResult>>, Response> {
    let (session, value) = begin(&protocol, request).await?;
    let (batch, calls) = batch_of(value).map_err(|refusal| refusal.response())?;
    let work = async move {
        match batch.mode {
            Mode::Parallel => {
                join_all(calls.into_iter().map(|call| one_of_many(&protocol, &session, call))).await
            }
            Mode::Sequential => in_order(&protocol, &session, calls, batch.stop_on_error).await,
            Mode::Together => together(&protocol, &session, calls).await,
        }
    };
    let failed = |error: tokio::task::JoinError| {
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).response()
    };
    tokio::spawn(work).await.map_err(failed)
}

fn batch_of(value: Value) -> Result<(Batch, Vec<ToolCall>), Refusal> {
    let bad = |detail: String| Refusal::new(StatusCode::BAD_REQUEST, detail);
    let mut batch: Batch = serde_json::from_value(value).map_err(|error| {
        bad(format!("this is no list of calls: {error}; send `{{\"calls\": [{{\"tool\": …}}]}}`"))
    })?;
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

async fn one_of_many(protocol: &Protocol, session: &Session, call: ToolCall) -> Arc<ToolResult> {
    let tool = call.tool.clone();
    make(protocol, session, call).await.unwrap_or_else(|refusal| Arc::new(refusal.result(&tool)))
}

async fn in_order(
    protocol: &Protocol,
    session: &Session,
    calls: Vec<ToolCall>,
    stop_on_error: bool,
) -> Vec<Arc<ToolResult>> {
    let (mut results, mut stopped) = (Vec::new(), false);
    for call in calls {
        let result = if stopped { not_made(&call.tool) } else { one_of_many(protocol, session, call).await };
        stopped |= stop_on_error && !result.ok;
        results.push(result);
    }
    results
}

/// The runner answers up to the first failure; each call has a result all the same.
async fn together(protocol: &Protocol, session: &Session, calls: Vec<ToolCall>) -> Vec<Arc<ToolResult>> {
    let tools: Vec<String> = calls.iter().map(|call| call.tool.clone()).collect();
    let mut results: Vec<Arc<ToolResult>> = match protocol.permit().await {
        Ok(_permit) => session.together(calls).await.into_iter().map(Arc::new).collect(),
        Err(refusal) => vec![Arc::new(refusal.result(tools.first().map_or("", String::as_str)))],
    };
    for result in &results {
        protocol.count_result(result);
    }
    let answered = results.len();
    results.extend(tools.iter().skip(answered).map(|tool| not_made(tool)));
    results
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
