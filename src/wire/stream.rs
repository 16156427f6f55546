//! Frames out, frames in, one after the other.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::effect::{FrameBuffer, FrameError, encode_frame};

/// The socket is of no more use.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The system refused.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// What came is not a frame.
    #[error("{0}")]
    Frame(#[from] FrameError),
    /// The other side has closed it, or never was one of ours.
    #[error("it was closed")]
    Closed,
    /// Other descriptors came than belong to the first frame.
    #[error("the first message came without its descriptors")]
    Descriptors,
}

/// Sends one frame, and returns when all of it is on its way.
pub fn send_frame<T: Serialize>(mut socket: &UnixStream, frame: &T) -> Result<(), WireError> {
    Ok(socket.write_all(&encode_frame(frame)?)?)
}

/// Waits for the next frame; `arrived` keeps what comes behind it. `None` where the other side is gone.
pub fn next_frame<T: DeserializeOwned>(
    mut socket: &UnixStream,
    arrived: &mut FrameBuffer,
) -> Result<Option<T>, WireError> {
    let mut part = [0; 16 << 10];
    loop {
        if let Some(frame) = arrived.take()? {
            return Ok(Some(frame));
        }
        match socket.read(&mut part) {
            Ok(0) => return Ok(None),
            Ok(count) => arrived.push(&part[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}
