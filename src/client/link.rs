//! One connection to a runner that many ask over at once: each waits for its own answer.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::AsyncWrite;
use tokio::sync::{mpsc, oneshot};

use crate::effect::{CallFrame, FrameBuffer, OutputStream, ReplyBody, ReplyFrame, RequestBody};

use super::frames::FrameWriter;
use super::{Frames, Lost};

/// More of an output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Which one.
    pub from: OutputStream,
    /// More of it.
    pub text: String,
}

/// A connection that is shared.
#[derive(Debug, Clone)]
pub struct Link {
    requests: mpsc::Sender<(CallFrame, Waiting)>,
    waiting: Arc<Mutex<Table>>,
}

/// Who waits for which answer.
#[derive(Debug, Default)]
struct Table {
    last: u64,
    over: bool,
    waiting: BTreeMap<u64, Waiting>,
}

#[derive(Debug)]
struct Waiting {
    reply: oneshot::Sender<ReplyBody>,
    pieces: Option<mpsc::Sender<Piece>>,
}

/// Requests that have not been sent yet.
const QUEUE: usize = 64;

impl Link {
    /// Speaks over a connected socket. Must be called inside of a tokio runtime.
    pub fn new(stream: UnixStream) -> io::Result<Self> {
        let (mut reader, writer) = Frames::new(stream, FrameBuffer::default())?.split();
        let (requests, queue) = mpsc::channel(QUEUE);
        let waiting = Arc::<Mutex<Table>>::default();
        tokio::spawn(send_all(queue, writer, Arc::clone(&waiting)));
        let table = Arc::clone(&waiting);
        tokio::spawn(async move {
            while let Ok(ReplyFrame { id, body }) = reader.next().await {
                locked(&table).answer(id, body);
            }
            locked(&table).end();
        });
        Ok(Self { requests, waiting })
    }

    /// Is nobody there any more?
    pub fn is_over(&self) -> bool {
        locked(&self.waiting).over
    }

    /// Asks, and waits for the answer.
    pub async fn ask(&self, body: RequestBody) -> Result<ReplyBody, Lost> {
        self.ask_for(body, None).await
    }

    /// Asks for a call whose output is told as it comes. Who does not take the pieces misses some, and holds nobody up.
    pub async fn stream(&self, body: RequestBody, pieces: mpsc::Sender<Piece>) -> Result<ReplyBody, Lost> {
        self.ask_for(body, Some(pieces)).await
    }

    async fn ask_for(
        &self,
        body: RequestBody,
        pieces: Option<mpsc::Sender<Piece>>,
    ) -> Result<ReplyBody, Lost> {
        let (reply, answer) = oneshot::channel();
        let id = {
            let mut table = locked(&self.waiting);
            table.last += 1;
            table.last
        };
        let asked = self.requests.send((CallFrame { id, body }, Waiting { reply, pieces })).await;
        asked.map_err(|_| Lost::Closed)?;
        answer.await.map_err(|_| Lost::Closed)
    }
}

/// Sends one request after the other: none is ever cut in two because who asked has gone.
async fn send_all(
    mut queue: mpsc::Receiver<(CallFrame, Waiting)>,
    mut writer: FrameWriter<impl AsyncWrite + Unpin>,
    table: Arc<Mutex<Table>>,
) {
    while let Some((frame, waiting)) = queue.recv().await {
        if !locked(&table).expect(frame.id, waiting) || writer.send(&frame).await.is_err() {
            locked(&table).end();
            return;
        }
    }
}

impl Table {
    fn expect(&mut self, id: u64, waiting: Waiting) -> bool {
        if !self.over {
            self.waiting.insert(id, waiting);
        }
        !self.over
    }

    fn answer(&mut self, id: u64, body: ReplyBody) {
        if let ReplyBody::Piece { from, text } = body {
            if let Some(pieces) = self.waiting.get(&id).and_then(|waiting| waiting.pieces.as_ref()) {
                // the result holds what a slow reader misses
                let _ = pieces.try_send(Piece { from, text });
            }
        } else if let Some(waiting) = self.waiting.remove(&id) {
            // who asked may have gone
            let _ = waiting.reply.send(body);
        }
    }

    /// Whoever waits hears that nothing comes.
    fn end(&mut self) {
        self.over = true;
        self.waiting.clear();
    }
}

fn locked(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    // nothing in it is ever half done
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::effect::{ToolCall, ToolResult};
    use crate::wire::{next_frame, send_frame};

    fn execute(tool: &str) -> RequestBody {
        RequestBody::Execute { call: ToolCall::new(tool, json!({})) }
    }

    /// A runner that answers requests in twos, the later one first, and then dies.
    fn turned(theirs: &UnixStream) {
        let mut arrived = FrameBuffer::default();
        let mut next = || next_frame::<CallFrame>(theirs, &mut arrived).unwrap().unwrap();
        let (first, second) = (next(), next());
        for CallFrame { id, body } in [second, first] {
            let RequestBody::Execute { call } = body else { panic!() };
            let piece = ReplyBody::Piece { from: OutputStream::Stderr, text: call.tool.clone() };
            send_frame(theirs, &ReplyFrame { id, body: piece }).unwrap();
            let result = Box::new(ToolResult::success(call.tool, json!(null)));
            send_frame(theirs, &ReplyFrame { id, body: ReplyBody::Result { result } }).unwrap();
        }
    }

    #[tokio::test]
    async fn each_waits_for_its_own_answer_and_for_none_where_nobody_is_left() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let runner = std::thread::spawn(move || turned(&theirs));
        let link = Link::new(ours).unwrap();
        let (pieces, mut heard) = mpsc::channel(4);
        let (a, b) = tokio::join!(link.stream(execute("a"), pieces), link.ask(execute("b")));
        let tool = |reply| match reply {
            Ok(ReplyBody::Result { result }) => result.tool,
            other => panic!("{other:?}"),
        };
        assert_eq!((tool(a), tool(b)), ("a".to_owned(), "b".to_owned()));
        assert_eq!(heard.recv().await, Some(Piece { from: OutputStream::Stderr, text: "a".into() }));
        runner.join().unwrap();
        assert!(matches!(link.ask(execute("c")).await, Err(Lost::Closed)));
        assert!(link.is_over());
    }
}
