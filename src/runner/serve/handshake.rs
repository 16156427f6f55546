//! The first message on the control channel: what the runner may do, with the descriptors that it works on.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use rustix::fs::FileType;

use crate::effect::{ControlFrame, FrameBuffer, RunnerStart};
use crate::wire::{FirstFrame, WireError, receive_first};

/// What the front hands over.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) start: RunnerStart,
    /// The workspace.
    pub(super) root: OwnedFd,
    /// Where calls arrive.
    pub(super) calls: UnixStream,
    /// What has arrived behind the first frame already.
    pub(super) arrived: FrameBuffer,
}

/// The front did not hand over a task.
#[derive(Debug, thiserror::Error)]
pub(super) enum HandshakeError {
    #[error("{0}")]
    Wire(WireError),
    #[error("it is started by `lgflow run` over an inherited socket, and in no other way")]
    NotStartedByFront,
    #[error("the front is gone")]
    FrontIsGone,
}

/// Reads the first frame and the two descriptors that travel with it.
pub(super) fn receive(control: &UnixStream) -> Result<Task, HandshakeError> {
    let mut first: FirstFrame<ControlFrame> = receive_first(control).map_err(|error| match error {
        // what a person has started us with is no socket
        WireError::Closed if is_socket(control) => HandshakeError::FrontIsGone,
        error => error.into(),
    })?;
    let [root, calls] = first.take()?;
    let ControlFrame::Start(start) = first.frame else { return Err(HandshakeError::NotStartedByFront) };
    Ok(Task { start, root, calls: UnixStream::from(calls), arrived: first.arrived })
}

fn is_socket(control: &UnixStream) -> bool {
    rustix::fs::fstat(control).is_ok_and(|facts| FileType::from_raw_mode(facts.st_mode) == FileType::Socket)
}

impl From<WireError> for HandshakeError {
    fn from(error: WireError) -> Self {
        match error {
            WireError::Closed | WireError::Descriptors => Self::NotStartedByFront,
            WireError::Io(_) | WireError::Frame(_) => Self::Wire(error),
        }
    }
}
