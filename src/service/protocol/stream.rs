//! One call whose output is told while it comes: server-sent events, the result last.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;

use crate::client::Piece;
use crate::effect::{ToolCall, ToolResult, is_unrepeated};

use super::Protocol;
use super::audience::Audience;
use super::calls::{begin, call_of};
use super::keys::First;
use super::room::Held;
use super::session::Session;
use super::state::Turn;

/// Pieces that wait for a slow client; what comes beyond it finds in the result.
const PIECES: usize = 256;

/// `POST /v1/tools/stream`
pub(super) async fn stream(State(protocol): State<Arc<Protocol>>, request: Request) -> Response {
    match begin_stream(protocol, request).await {
        Ok(events) => {
            let mut all = Held::default();
            let events = ReceiverStream::new(events).map(move |(event, held)| {
                // until the last of them was taken
                all.add(held);
                Ok::<_, Infallible>(event)
            });
            Sse::new(events).keep_alive(KeepAlive::default()).into_response()
        }
        Err(response) => response,
    }
}

/// With what each of them holds of the room for answers.
type Events = mpsc::Receiver<(Event, Held)>;

async fn begin_stream(protocol: Arc<Protocol>, request: Request) -> Result<Events, Response> {
    let (session, value) = begin(&protocol, request).await?;
    let call = call_of(value).map_err(|refusal| refusal.response())?;
    // until it begins, it goes with its request
    let turn = protocol.turn(&session, &call, &Audience::default()).await;
    let turn = turn.map_err(|refusal| refusal.response())?;
    let (events, told) = mpsc::channel(PIECES);
    match turn {
        Turn::Known(result) => {
            // there is room for one
            let (result, held) = protocol.hold(&session, result);
            let _ = events.try_send((result_event(&result), held));
        }
        Turn::Mine(first, place) => {
            tokio::spawn(async move {
                let key = call.idempotency_key.clone();
                let result = tokio::select! {
                    result = tell(&session, call, first, &events) => result,
                    never = end_unheard(&session, &key, &events) => match never {},
                };
                drop(place);
                protocol.count_result(&result);
                // a client that is gone finds it by its key
                let (result, held) = protocol.hold(&session, result);
                let _ = events.send((result_event(&result), held)).await;
            });
        }
    }
    Ok(told)
}

/// Ends a call that nobody can ask for again, once its client is gone. What it came to is told by the call itself.
async fn end_unheard(session: &Session, key: &str, events: &mpsc::Sender<(Event, Held)>) -> Infallible {
    if is_unrepeated(key) {
        events.closed().await;
        session.cancel(key).await;
    }
    std::future::pending().await
}

/// Makes the call, and tells its output while it comes.
async fn tell(
    session: &Session,
    call: ToolCall,
    first: First,
    events: &mpsc::Sender<(Event, Held)>,
) -> Arc<ToolResult> {
    let (pieces, mut heard) = mpsc::channel::<Piece>(PIECES);
    let telling = async {
        while let Some(Piece { from, text }) = heard.recv().await {
            let event = Event::default().event(from.as_str()).data(json!({ "text": text }).to_string());
            // a slow client does not hold up the call, and finds in the result what it misses here
            let _ = events.try_send((event, Held::default()));
        }
    };
    let (result, ()) = tokio::join!(session.stream(call, pieces), telling);
    first.settle(result)
}

fn result_event(result: &ToolResult) -> Event {
    Event::default().event("result").data(serde_json::to_string(result).unwrap_or_default())
}
