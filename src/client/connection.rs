//! One connection to a runner: frames out, frames in, nothing waited for in between.

use std::io;
use std::os::unix::net::UnixStream as StdStream;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use crate::effect::{CallFrame, FrameBuffer, FrameError, ReplyFrame, RequestBody, encode_frame};

/// The runner is gone, or speaks no protocol of ours.
#[derive(Debug, thiserror::Error)]
pub enum Lost {
    /// The socket was closed: the runner's process has ended.
    #[error("the runner's process ended")]
    Closed,
    /// The socket failed.
    #[error("the connection to the runner failed: {0}")]
    Io(#[from] io::Error),
    /// It sent what is not a frame.
    #[error("the runner's answer was not understood: {0}")]
    Frame(#[from] FrameError),
}

/// A connection. Replies come in the order in which calls end, each with the id of its request.
#[derive(Debug)]
pub struct Connection {
    stream: UnixStream,
    arrived: FrameBuffer,
    next_id: u64,
}

impl Connection {
    /// Speaks over a connected socket. Must be called inside of a tokio runtime.
    pub fn new(stream: StdStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self { stream: UnixStream::from_std(stream)?, arrived: FrameBuffer::default(), next_id: 0 })
    }

    /// Sends a request and returns the id that its reply will carry.
    pub async fn send(&mut self, body: RequestBody) -> Result<u64, Lost> {
        self.next_id += 1;
        let frame = encode_frame(&CallFrame { id: self.next_id, body })?;
        self.stream.write_all(&frame).await.map_err(closed)?;
        Ok(self.next_id)
    }

    /// The next reply. May be dropped while it waits: nothing is lost.
    pub async fn next(&mut self) -> Result<ReplyFrame, Lost> {
        let mut part = vec![0; 64 << 10];
        loop {
            if let Some(frame) = self.arrived.take()? {
                return Ok(frame);
            }
            let count = self.stream.read(&mut part).await.map_err(closed)?;
            if count == 0 {
                return Err(Lost::Closed);
            }
            self.arrived.push(&part[..count]);
        }
    }

    /// Sends a request and waits for its reply; for use where nothing else is under way.
    pub async fn ask(&mut self, body: RequestBody) -> Result<ReplyFrame, Lost> {
        let id = self.send(body).await?;
        loop {
            let reply = self.next().await?;
            if reply.id == id {
                return Ok(reply);
            }
        }
    }
}

fn closed(error: io::Error) -> Lost {
    match error.kind() {
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Lost::Closed,
        _ => Lost::Io(error),
    }
}
