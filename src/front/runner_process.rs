//! Starts the runner as a process of its own and hands it the workspace, over sockets that nobody else can reach.
#![expect(
    clippy::disallowed_methods,
    reason = "the front starts the runner: the one process that a run needs"
)]

use std::io::{self, IoSlice, IoSliceMut, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

use crate::effect::{ControlFrame, FrameBuffer, FrameError, RunnerStart, Started, encode_frame};

/// The hidden first argument that makes our own program a runner.
pub const RUNNER_ARGUMENT: &str = "__runner";

/// The runner did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The system refused.
    #[error("cannot start the runner: {0}")]
    Io(#[from] io::Error),
    /// It answered what is not a frame.
    #[error("the runner's first answer was not understood: {0}")]
    Frame(#[from] FrameError),
    /// It refused its task.
    #[error("the runner refused to start: {0}")]
    Refused(String),
    /// It ended without an answer.
    #[error("the runner ended before it answered")]
    Ended,
}

/// A running runner. Dropping it closes the control channel, which ends it with everything it started.
#[derive(Debug)]
pub struct RunnerProcess {
    child: Child,
    control: Option<UnixStream>,
    started: Started,
}

impl RunnerProcess {
    /// Starts `program` as a runner beneath `root` and waits until it is ready. Gives back the socket for calls.
    pub fn start(
        program: &Path,
        start: RunnerStart,
        root: BorrowedFd<'_>,
    ) -> Result<(Self, UnixStream), StartError> {
        let (control, theirs) = UnixStream::pair()?;
        let (calls, their_calls) = UnixStream::pair()?;
        let mut child = spawn(program, theirs.into())?;
        let ready = hand_over(&control, &ControlFrame::Start(start), &[root, their_calls.as_fd()])
            .and_then(|()| await_start(&control));
        match ready {
            Ok(started) => Ok((Self { child, control: Some(control), started }, calls)),
            Err(error) => {
                drop(control);
                child.wait()?;
                Err(error)
            }
        }
    }

    /// What it said when it was ready.
    pub fn started(&self) -> &Started {
        &self.started
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end the calls that still run, and waits until it is gone.
    pub fn stop(mut self) {
        if let (Some(mut control), Ok(frame)) = (self.control.take(), encode_frame(&ControlFrame::Stop)) {
            // a runner that has died already needs no word
            let _ = control.write_all(&frame);
        }
    }
}

impl Drop for RunnerProcess {
    fn drop(&mut self) {
        drop(self.control.take());
        // its end is all that is waited for; how it ended shows in the calls
        let _ = self.child.wait();
    }
}

/// In a process group of its own, so that an interrupt from the terminal reaches the front alone.
fn spawn(program: &Path, control: OwnedFd) -> io::Result<Child> {
    Command::new(program)
        .arg(RUNNER_ARGUMENT)
        .stdin(Stdio::from(control))
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .current_dir("/")
        .process_group(0)
        .spawn()
}

/// The first frame, with descriptors beside its first byte.
fn hand_over(
    control: &UnixStream,
    frame: &ControlFrame,
    descriptors: &[BorrowedFd<'_>],
) -> Result<(), StartError> {
    let bytes = encode_frame(frame)?;
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !ancillary.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::Error::other("no room for the descriptors").into());
    }
    let sent = sendmsg(control, &[IoSlice::new(&bytes)], &mut ancillary, SendFlags::NOSIGNAL)
        .map_err(io::Error::from)?;
    let mut rest = control;
    rest.write_all(&bytes[sent..])?;
    Ok(())
}

fn await_start(control: &UnixStream) -> Result<Started, StartError> {
    let mut arrived = FrameBuffer::default();
    let mut part = [0; 4096];
    let mut control = control;
    loop {
        match arrived.take()? {
            Some(ControlFrame::Started(started)) => return Ok(started),
            Some(ControlFrame::Refused { message }) => return Err(StartError::Refused(message)),
            Some(_) => return Err(StartError::Ended),
            None => {}
        }
        match control.read_vectored(&mut [IoSliceMut::new(&mut part)])? {
            0 => return Err(StartError::Ended),
            count => arrived.push(&part[..count]),
        }
    }
}
