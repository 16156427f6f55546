//! What a client says over a stream, line by line. The SDK passes over in silence what is no JSON and what is too long;
//! here both are answered, so that whoever wrote it is not left waiting.

use std::io;

use rmcp::RoleServer;
use rmcp::model::ErrorData;
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use rmcp::transport::async_rw::AsyncRwTransport;
use serde_json::Value;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
    DuplexStream, duplex,
};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// The most bytes of a line.
const MOST: u64 = 16 << 20;
/// Bytes on their way from the lines to the messages.
const ON_THE_WAY: usize = 64 << 10;
/// Lines that are no messages and wait for their answer; more are not read before.
const UNANSWERED: usize = 16;
/// A mark that may stand before a text, and means nothing.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// A stream of messages, one a line.
pub(super) struct Lines<W: AsyncWrite> {
    messages: AsyncRwTransport<RoleServer, DuplexStream, W>,
    /// What is to be answered to lines that are none.
    wrong: mpsc::Receiver<ErrorData>,
    answers: JoinSet<io::Result<()>>,
}

impl<W: AsyncWrite + Send + Unpin + 'static> Lines<W> {
    /// Reads and writes. Must be called inside of a tokio runtime.
    pub(super) fn new(read: impl AsyncRead + Send + Unpin + 'static, write: W) -> Self {
        let (to_messages, sorted) = duplex(ON_THE_WAY);
        let (tell, wrong) = mpsc::channel(UNANSWERED);
        tokio::spawn(sort(read, to_messages, tell));
        // how long a line may be was looked at before
        let messages = AsyncRwTransport::new_server(sorted, write).with_max_line_length(usize::MAX);
        Self { messages, wrong, answers: JoinSet::new() }
    }
}

impl<W: AsyncWrite + Send + Unpin + 'static> Transport<RoleServer> for Lines<W> {
    type Error = io::Error;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        self.messages.send(item)
    }

    /// Whoever waits for a message may stop waiting at any time: an answer that was begun goes on.
    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        loop {
            tokio::select! {
                biased;
                Some(error) = self.wrong.recv() => {
                    // which request it was cannot be known, so the answer names none
                    let answer = TxJsonRpcMessage::<RoleServer>::error(error, None);
                    self.answers.spawn(self.messages.send(answer));
                    while self.answers.try_join_next().is_some() {}
                    if self.answers.len() >= UNANSWERED {
                        self.answers.join_next().await;
                    }
                }
                message = self.messages.receive() => {
                    while message.is_none() && self.answers.join_next().await.is_some() {}
                    return message;
                }
            }
        }
    }

    fn close(&mut self) -> impl Future<Output = io::Result<()>> + Send {
        self.messages.close()
    }
}

/// Hands on the lines that are JSON, and tells what is wrong with the others; until there are no more, or nobody listens.
async fn sort(read: impl AsyncRead + Unpin, mut messages: DuplexStream, wrong: mpsc::Sender<ErrorData>) {
    let mut read = BufReader::new(read);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read_one = (&mut read).take(MOST + 1).read_until(b'\n', &mut line).await;
        let done = match (read_one, line.strip_suffix(b"\n")) {
            // a line that was not ended is no line
            (Err(_) | Ok(0), _) => return,
            (Ok(_), None) if line.len() as u64 <= MOST => return,
            (Ok(_), None) => {
                let told = wrong.send(too_long()).await.is_ok();
                told && skip_line(&mut read).await
            }
            (Ok(_), Some(text)) => match fault(text) {
                Some(fault) => wrong.send(fault).await.is_ok(),
                None => messages.write_all(&line).await.is_ok(),
            },
        };
        if !done {
            return;
        }
    }
}

/// What is wrong with a line; a blank one says nothing, and is no fault.
fn fault(line: &[u8]) -> Option<ErrorData> {
    let text = line.strip_prefix(MARK).unwrap_or(line);
    if text.trim_ascii().is_empty() {
        return None;
    }
    let error = serde_json::from_slice::<Value>(text).err()?;
    Some(ErrorData::parse_error(format!("a line is no JSON: {error}"), None))
}

fn too_long() -> ErrorData {
    ErrorData::invalid_request(format!("a message has more than {MOST} bytes"), None)
}

/// Passes over the rest of a line; is there more behind it?
async fn skip_line(read: &mut BufReader<impl AsyncRead + Unpin>) -> bool {
    loop {
        let Ok(part) = read.fill_buf().await else { return false };
        let (end, all) = (part.iter().position(|byte| *byte == b'\n'), part.len());
        read.consume(end.map_or(all, |end| end + 1));
        if end.is_some() || all == 0 {
            return end.is_some();
        }
    }
}
