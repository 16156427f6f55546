//! Runs whose front is elsewhere: an HTTP request is upgraded to one connection, on which frames go as they do between the
//! processes of a run. The session begins with it and ends with it: with every call, when the front lets go or is gone.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONNECTION, UPGRADE as UPGRADE_HEADER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use futures_util::future::OptionFuture;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, split};

use crate::client::{FrameReader, FrameWriter, Frames, Lost};
use crate::effect::{
    ControlFrame, FrameBuffer, ReplyFrame, RunFrame, RunOpen, RunOpened, RunReceipts, RunWord, UPGRADE,
};
use crate::service::Token;

use super::Protocol;
use super::opener::{Begun, Order};
use super::state::Refusal;
use super::turns::{Turns, Waiting};

/// `GET /v1/runs/open`
pub(super) async fn open(State(protocol): State<Arc<Protocol>>, mut request: Request) -> Response {
    let token = request.extensions().get::<Arc<Token>>().cloned();
    if let Some(token) = token.as_ref().filter(|token| !token.runs) {
        let detail =
            format!("the token `{}` is for single calls, and opens no run (`--no-runs`)", token.name);
        return Refusal::new(StatusCode::FORBIDDEN, detail).response();
    }
    let asked = request.headers().get(UPGRADE_HEADER).and_then(|to| to.to_str().ok());
    if asked != Some(UPGRADE) {
        let detail = format!("a run is served over a connection of its own: ask for `Upgrade: {UPGRADE}`");
        let mut response = Refusal::new(StatusCode::UPGRADE_REQUIRED, detail).response();
        response.headers_mut().insert(UPGRADE_HEADER, HeaderValue::from_static(UPGRADE));
        return response;
    }
    let order = Order { token, run: None, goes_on: None };
    let place = match protocol.place_for_run(&order) {
        Ok(place) => place,
        Err(refusal) => return refusal.response(),
    };
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        if let Ok(upgraded) = upgraded.await {
            // who let go has nobody left to tell
            let _ = serve(&protocol, order, TokioIo::new(upgraded)).await;
        }
        drop(place);
    });
    let headers = [(CONNECTION, "upgrade"), (UPGRADE_HEADER, UPGRADE)];
    (StatusCode::SWITCHING_PROTOCOLS, headers, Body::empty()).into_response()
}

async fn serve(
    protocol: &Protocol,
    order: Order,
    stream: impl AsyncRead + AsyncWrite + Send,
) -> Result<(), Lost> {
    let (reader, writer) = split(stream);
    let (mut reader, mut writer) = (FrameReader::new(reader), FrameWriter::new(writer));
    let first = tokio::time::timeout(protocol.limits.head, reader.next::<RunWord>()).await;
    let Ok(Ok(RunWord::Open(open))) = first else {
        let message = "the first frame of a run is the one that opens it".to_owned();
        return writer.send(&RunFrame::Refused { message }).await;
    };
    let order = Order { run: Some(open.clone()), ..order };
    let Some(account) = protocol.account(&order) else { return Err(Lost::Closed) };
    let turns = Turns::of(protocol, account);
    let mut begun = match protocol.open(order).await {
        Ok(begun) => begun,
        Err(error) => return writer.send(&RunFrame::Refused { message: error.to_string() }).await,
    };
    let (policy, clock) = (begun.started.policy_digest, protocol.clock());
    let opened = RunOpened {
        schema: "lgflow.run_opened/v1".into(),
        started: begun.started.clone(),
        redact: begun.redact.clone(),
        key: protocol.identity.public().to_string(),
        signature: protocol.identity.sign(&RunOpened::message(&open.run, &open.nonce, policy, &clock)),
        clock,
    };
    writer.send(&RunFrame::Opened(opened)).await?;
    let process = std::mem::replace(&mut begun.process, Box::new(()));
    let receipts = std::mem::replace(&mut begun.receipts, Box::new(|| Ok(String::new())));
    let mut writer = pump((begun, process), &turns, reader, writer).await?;
    let Ok(Ok(text)) = tokio::task::spawn_blocking(receipts).await else { return Ok(()) };
    writer.send(&RunFrame::Receipts(signed(protocol, &open, text))).await
}

fn signed(protocol: &Protocol, open: &RunOpen, text: String) -> RunReceipts {
    RunReceipts {
        schema: "lgflow.run_receipts/v1".into(),
        key: protocol.identity.public().to_string(),
        signature: protocol.identity.sign(&RunReceipts::message(&open.run, &text)),
        text,
    }
}

/// Carries calls there and answers back until the front has said that nothing more comes, and the runner has ended. An error
/// where the front, or the runner, was gone before.
async fn pump<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
    (begun, process): (Begun, Box<dyn Send + Sync>),
    turns: &Turns<'_>,
    reader: FrameReader<R>,
    mut writer: FrameWriter<W>,
) -> Result<FrameWriter<W>, Lost> {
    let (replies, calls) = Frames::new(begun.calls, FrameBuffer::default())?.split();
    let control = Frames::new(begun.control, FrameBuffer::default())?;
    let end = || tokio::task::spawn_blocking(move || drop(process));
    let mut back = Box::pin(carry_back(replies, control, turns, &mut writer));
    let closed = tokio::select! {
        closed = carry_calls(reader, turns, calls) => closed,
        // the runner is gone, or nobody hears it any more
        ended = &mut back => Err(ended.err().unwrap_or(Lost::Closed)),
    };
    if let Err(lost) = closed {
        drop(back);
        // it ends, and whether it could be waited for tells nobody anything
        let _ = end().await;
        return Err(lost);
    }
    // it ends its calls, answers what it can, and is gone
    let (_, ended) = tokio::join!(end(), back);
    ended.map(|()| writer)
}

/// Questions and answers, until the runner is gone.
async fn carry_back(
    mut replies: FrameReader<impl AsyncRead + Unpin>,
    mut control: Frames,
    turns: &Turns<'_>,
    writer: &mut FrameWriter<impl AsyncWrite + Unpin>,
) -> Result<(), Lost> {
    let mut asks = true;
    loop {
        let frame = tokio::select! {
            // a question was put before the call that it is about was answered
            biased;
            asked = control.next::<ControlFrame>(), if asks => match asked {
                Ok(ControlFrame::Ask(request)) => RunFrame::Ask(request),
                Ok(_) => continue,
                // it ends, and may still answer
                Err(_) => {
                    asks = false;
                    continue;
                }
            },
            reply = replies.next::<ReplyFrame>() => match reply {
                Ok(reply) => {
                    turns.answered(&reply);
                    RunFrame::Reply(reply)
                }
                Err(_) => return Ok(()),
            },
        };
        writer.send(&frame).await?;
    }
}

/// Requests, in the order in which they come; a call waits until it is its turn among all that the service makes.
async fn carry_calls(
    mut reader: FrameReader<impl AsyncRead + Unpin>,
    turns: &Turns<'_>,
    mut calls: FrameWriter<impl AsyncWrite + Unpin>,
) -> Result<(), Lost> {
    let mut waiting = Waiting::default();
    let mut turn = None;
    loop {
        while let Some(frame) = waiting.next_without_a_place() {
            turns.begin(frame.id, None)?;
            calls.send(&frame).await?;
        }
        if turn.is_none() && !waiting.is_empty() {
            turn = Some(Box::pin(turns.next()));
        }
        tokio::select! {
            place = OptionFuture::from(turn.as_mut()), if turn.is_some() => {
                turn = None;
                let place = place.flatten().ok_or(Lost::Closed)?;
                if let Some(frame) = waiting.next() {
                    turns.begin(frame.id, Some(place))?;
                    calls.send(&frame).await?;
                }
            }
            word = reader.next::<RunWord>(), if waiting.has_room() => match word? {
                RunWord::Call(frame) if waiting.is_to_wait(&frame.body) => waiting.add(frame),
                RunWord::Call(frame) => {
                    turns.begin(frame.id, None)?;
                    calls.send(&frame).await?;
                }
                RunWord::Close => return Ok(()),
                RunWord::Open(_) => return Err(Lost::Closed),
            },
        }
    }
}
