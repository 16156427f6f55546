//! Frames over a stream whose other side is waited for together with other things.

use std::io;
use std::os::unix::net::UnixStream as StdStream;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
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
        send(&mut self.stream, frame).await
    }

    /// The next frame. May be dropped while it waits: nothing is lost.
    pub async fn next<T: DeserializeOwned>(&mut self) -> Result<T, Lost> {
        next(&mut self.stream, &mut self.arrived).await
    }

    /// Both directions, each of which may wait without the other.
    pub fn split(
        self,
    ) -> (FrameReader<impl AsyncRead + Unpin + Send>, FrameWriter<impl AsyncWrite + Unpin + Send>) {
        let (reader, writer) = self.stream.into_split();
        (FrameReader { stream: reader, arrived: self.arrived }, FrameWriter { stream: writer })
    }
}

/// Frames that come.
#[derive(Debug)]
pub struct FrameReader<R> {
    stream: R,
    arrived: FrameBuffer,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// Reads what comes on `stream`.
    pub fn new(stream: R) -> Self {
        Self { stream, arrived: FrameBuffer::default() }
    }

    /// The next frame. May be dropped while it waits: nothing is lost.
    pub async fn next<T: DeserializeOwned>(&mut self) -> Result<T, Lost> {
        next(&mut self.stream, &mut self.arrived).await
    }
}

/// Frames that go.
#[derive(Debug)]
pub struct FrameWriter<W> {
    stream: W,
}

impl<W: AsyncWrite + Unpin> FrameWriter<W> {
    /// Writes to `stream`.
    pub fn new(stream: W) -> Self {
        Self { stream }
    }

    /// Sends a frame, and returns when all of it is on its way. One that is dropped while it waits leaves half a frame.
    pub async fn send<T: Serialize>(&mut self, frame: &T) -> Result<(), Lost> {
        send(&mut self.stream, frame).await
    }
}

async fn send<T: Serialize>(stream: &mut (impl AsyncWrite + Unpin), frame: &T) -> Result<(), Lost> {
    stream.write_all(&encode_frame(frame)?).await.map_err(closed)?;
    stream.flush().await.map_err(closed)
}

async fn next<T: DeserializeOwned>(
    stream: &mut (impl AsyncRead + Unpin),
    arrived: &mut FrameBuffer,
) -> Result<T, Lost> {
    let mut part = vec![0; 64 << 10];
    loop {
        if let Some(frame) = arrived.take()? {
            return Ok(frame);
        }
        let count = stream.read(&mut part).await.map_err(closed)?;
        if count == 0 {
            return Err(Lost::Closed);
        }
        arrived.push(&part[..count]);
    }
}

fn closed(error: io::Error) -> Lost {
    match error.kind() {
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Lost::Closed,
        _ => Lost::Io(error),
    }
}
