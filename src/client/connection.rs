//! One connection to a runner: frames out, frames in, nothing waited for in between.

use std::io;
use std::os::unix::net::UnixStream;

use crate::effect::{CallFrame, FrameBuffer, FrameError, ReplyFrame, RequestBody};

use super::Frames;

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
    frames: Frames,
    next_id: u64,
}

impl Connection {
    /// Speaks over a connected socket. Must be called inside of a tokio runtime.
    pub fn new(stream: UnixStream) -> io::Result<Self> {
        Ok(Self { frames: Frames::new(stream, FrameBuffer::default())?, next_id: 0 })
    }

    /// Sends a request and returns the id that its reply will carry.
    pub async fn send(&mut self, body: RequestBody) -> Result<u64, Lost> {
        self.next_id += 1;
        self.frames.send(&CallFrame { id: self.next_id, body }).await?;
        Ok(self.next_id)
    }

    /// The next reply. May be dropped while it waits: nothing is lost.
    pub async fn next(&mut self) -> Result<ReplyFrame, Lost> {
        self.frames.next().await
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
