//! One connection to a runner that many ask over at once: each is given the reply to its own request.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::net::UnixStream;

use tokio::sync::{mpsc, oneshot};

use crate::effect::{ReplyBody, RequestBody};

use super::{Connection, Lost};

/// Requests that wait to be sent.
const WAITING: usize = 64;

/// The asking end. Its clones ask over the same connection, which lives as long as the last of them.
#[derive(Debug, Clone)]
pub struct Shared {
    requests: mpsc::Sender<Request>,
}

#[derive(Debug)]
struct Request {
    body: RequestBody,
    reply: oneshot::Sender<Result<ReplyBody, Lost>>,
}

impl Shared {
    /// Speaks over a connected socket. Must be called inside of a tokio runtime.
    pub fn over(stream: UnixStream) -> io::Result<Self> {
        let connection = Connection::new(stream)?;
        let (requests, arriving) = mpsc::channel(WAITING);
        tokio::spawn(carry(connection, arriving));
        Ok(Self { requests })
    }

    /// Sends a request and waits for its reply. Where it is dropped before, the reply goes nowhere.
    pub async fn ask(&self, body: RequestBody) -> Result<ReplyBody, Lost> {
        let (reply, heard) = oneshot::channel();
        self.requests.send(Request { body, reply }).await.map_err(|_| Lost::Closed)?;
        heard.await.unwrap_or(Err(Lost::Closed))
    }
}

/// Requests out, replies in, until nobody asks any more or the runner is gone. Who still waits then hears that.
async fn carry(mut connection: Connection, mut arriving: mpsc::Receiver<Request>) {
    let mut asked = BTreeMap::new();
    loop {
        tokio::select! {
            request = arriving.recv() => {
                let Some(Request { body, reply }) = request else { return };
                match connection.send(body).await {
                    Ok(id) => drop(asked.insert(id, reply)),
                    Err(lost) => {
                        // who has asked may have gone
                        let _ = reply.send(Err(lost));
                        return;
                    }
                }
            }
            frame = connection.next() => {
                let Ok(frame) = frame else { return };
                if let Some(reply) = asked.remove(&frame.id) {
                    // as above
                    let _ = reply.send(Ok(frame.body));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use serde_json::json;

    use crate::effect::{CallFrame, FrameBuffer, ReplyFrame, ToolCall, ToolResult, encode_frame};
    use crate::wire::next_frame;

    use super::*;

    fn execute(tool: &str) -> RequestBody {
        RequestBody::Execute { call: ToolCall::new(tool, json!({})) }
    }

    /// A runner that reads so many requests, and then answers them from the last to the first.
    fn backwards(mut socket: UnixStream, count: usize) {
        let mut arrived = FrameBuffer::default();
        let frames: Vec<CallFrame> =
            (0..count).map(|_| next_frame(&socket, &mut arrived).unwrap().unwrap()).collect();
        for CallFrame { id, body } in frames.into_iter().rev() {
            let RequestBody::Execute { call } = body else { panic!("{body:?}") };
            let result = Box::new(ToolResult::success(call.tool, json!(null)));
            let reply = ReplyFrame { id, body: ReplyBody::Result { result } };
            socket.write_all(&encode_frame(&reply).unwrap()).unwrap();
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn each_hears_the_reply_to_its_own_request_and_then_that_the_runner_is_gone() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let runner = std::thread::spawn(move || backwards(theirs, 3));
        let shared = Shared::over(ours).unwrap();
        let asked = ["a", "b", "c"].map(|tool| {
            let shared = shared.clone();
            tokio::spawn(async move { (tool, shared.ask(execute(tool)).await.unwrap()) })
        });
        for asked in asked {
            let (tool, reply) = asked.await.unwrap();
            let ReplyBody::Result { result } = reply else { panic!("{reply:?}") };
            assert_eq!(result.tool, tool);
        }
        runner.join().unwrap();
        assert!(matches!(shared.ask(execute("d")).await, Err(Lost::Closed)));
    }
}
