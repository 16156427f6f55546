//! Frames over a socket whose other side is waited for together with other things.

use std::io;
use std::os::unix::net::UnixStream as StdStream;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use crate::effect::{FrameBuffer, encode_frame};

use super::Lost;

/// A socket with what has arrived on it.
#[derive(Debug)]
pub struct Frames {
    stream: UnixStream,
    arrived: FrameBuffer,
}

impl Frames {
    /// Speaks over a connected socket; `arrived` came before. Must be called inside of a tokio runtime.
    pub fn new(stream: StdStream, arrived: FrameBuffer) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self { stream: UnixStream::from_std(stream)?, arrived })
    }

    /// Sends a frame, and returns when all of it is on its way.
    pub async fn send<T: Serialize>(&mut self, frame: &T) -> Result<(), Lost> {
        self.stream.write_all(&encode_frame(frame)?).await.map_err(closed)
    }

    /// The next frame. May be dropped while it waits: nothing is lost.
    pub async fn next<T: DeserializeOwned>(&mut self) -> Result<T, Lost> {
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
}

fn closed(error: io::Error) -> Lost {
    match error.kind() {
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Lost::Closed,
        _ => Lost::Io(error),
    }
}
