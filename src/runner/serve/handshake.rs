//! The first message on the control channel: what the runner may do, with the descriptors that it works on.

use std::io::{self, IoSliceMut};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use crate::effect::{ControlFrame, FrameBuffer, FrameError, RunnerStart};

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
    Io(#[from] io::Error),
    #[error("{0}")]
    Frame(#[from] FrameError),
    #[error("it is started by `lgflow run` over an inherited socket, and in no other way")]
    NotStartedByFront,
}

/// Reads the first frame and the two descriptors that travel with it.
pub(super) fn receive(control: &UnixStream) -> Result<Task, HandshakeError> {
    let mut arrived = FrameBuffer::default();
    let mut descriptors = Vec::new();
    loop {
        match arrived.take()? {
            Some(ControlFrame::Start(start)) => return assemble(start, descriptors, arrived),
            Some(_) => return Err(HandshakeError::NotStartedByFront),
            None => {}
        }
        let mut part = [0; 4096];
        let count = receive_part(control, &mut part, &mut descriptors)?;
        if count == 0 {
            return Err(HandshakeError::NotStartedByFront);
        }
        arrived.push(&part[..count]);
    }
}

fn receive_part(control: &UnixStream, part: &mut [u8], descriptors: &mut Vec<OwnedFd>) -> io::Result<usize> {
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received = recvmsg(control, &mut [IoSliceMut::new(part)], &mut ancillary, RecvFlags::CMSG_CLOEXEC);
    let received = match received {
        // standard input is no socket: a person has started us
        Err(Errno::NOTSOCK) => return Ok(0),
        received => received?,
    };
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights);
        }
    }
    Ok(received.bytes)
}

fn assemble(
    start: RunnerStart,
    descriptors: Vec<OwnedFd>,
    arrived: FrameBuffer,
) -> Result<Task, HandshakeError> {
    let [root, calls] =
        <[OwnedFd; 2]>::try_from(descriptors).map_err(|_| HandshakeError::NotStartedByFront)?;
    Ok(Task { start, root, calls: UnixStream::from(calls), arrived })
}
