//! Starts the runner as a process of its own and hands it the workspace, over sockets that nobody else can reach.
#![expect(
    clippy::disallowed_methods,
    reason = "the front starts the runner: one of the two processes that a run needs"
)]

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::effect::{ControlFrame, FrameBuffer, RunnerStart, Started};
use crate::logging::Level;
use crate::sandbox::close_all_on_exec;
use crate::wire::{WireError, hand_over, next_frame, send_frame};

/// The hidden first argument that makes our own program a runner.
pub const RUNNER_ARGUMENT: &str = "__runner";

/// A process of ours did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The system refused.
    #[error("cannot start the {0}: {1}")]
    Io(&'static str, #[source] io::Error),
    /// It was not understood.
    #[error("the {0} cannot be spoken with: {1}")]
    Wire(&'static str, #[source] WireError),
    /// It refused its task.
    #[error("the {0} refused to start: {1}")]
    Refused(&'static str, String),
    /// It ended without an answer.
    #[error("the {0} ended before it answered{1}")]
    Ended(&'static str, String),
}

/// A runner that has no task yet. Dropping it ends it.
#[derive(Debug)]
pub struct SpawnedRunner {
    joined: Joined,
}

/// A running runner. Dropping it closes the control channel, which ends it with everything it started.
#[derive(Debug)]
pub struct RunnerProcess {
    joined: Joined,
    started: Started,
}

/// The process, and the channel that it lives as long as.
#[derive(Debug)]
struct Joined {
    child: Child,
    control: Option<UnixStream>,
}

impl SpawnedRunner {
    /// Starts `program` as a runner: in a process group of its own, so that an interrupt from the terminal reaches the
    /// front alone. It says how its work goes where it is told to, and else nowhere.
    pub fn spawn(program: &Path, saying: Option<(Level, OwnedFd)>) -> Result<Self, StartError> {
        // what a shell has left open is nobody's business but the front's
        close_all_on_exec().map_err(system)?;
        let (control, theirs) = UnixStream::pair().map_err(system)?;
        let mut command = Command::new(program);
        command
            .arg(RUNNER_ARGUMENT)
            // what others present to a service is nothing that a command could be passed
            .env_remove("LGFLOW_RUNNER_TOKEN")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stderr(Stdio::inherit())
            .current_dir("/")
            .process_group(0);
        say_to(&mut command, saying);
        let child = command.spawn().map_err(system)?;
        Ok(Self { joined: Joined { child, control: Some(control) } })
    }

    /// Its process id, and the id of its process group.
    pub fn id(&self) -> u32 {
        self.joined.child.id()
    }

    /// Gives it its task beneath `root` and waits until it is ready. Gives back the socket for calls.
    pub fn begin(
        self,
        start: RunnerStart,
        root: BorrowedFd<'_>,
    ) -> Result<(RunnerProcess, UnixStream), StartError> {
        let (calls, their_calls) = UnixStream::pair().map_err(system)?;
        let Some(control) = &self.joined.control else { return Err(ended()) };
        hand_over(control, &ControlFrame::Start(start), &[root, their_calls.as_fd()]).map_err(wire)?;
        drop(their_calls);
        let started = match next_frame(control, &mut FrameBuffer::default()).map_err(wire)? {
            Some(ControlFrame::Started(started)) => started,
            Some(ControlFrame::Refused { message }) => return Err(StartError::Refused("runner", message)),
            _ => return Err(ended()),
        };
        Ok((RunnerProcess { joined: self.joined, started }, calls))
    }
}

impl RunnerProcess {
    /// Starts `program` as a runner beneath `root` and waits until it is ready. Gives back the socket for calls.
    pub fn start(
        program: &Path,
        start: RunnerStart,
        root: BorrowedFd<'_>,
    ) -> Result<(Self, UnixStream), StartError> {
        SpawnedRunner::spawn(program, None)?.begin(start, root)
    }

    /// What it said when it was ready.
    pub fn started(&self) -> &Started {
        &self.started
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.joined.child.id()
    }

    /// The control channel, to listen on while it works. It is the front's alone: no other process is given it.
    pub fn control(&self) -> io::Result<Option<UnixStream>> {
        self.joined.control.as_ref().map(UnixStream::try_clone).transpose()
    }

    /// Asks it to end the calls that still run, and waits until it is gone.
    pub fn stop(mut self) {
        if let Some(control) = self.joined.control.take() {
            // a runner that has died already needs no word
            let _ = send_frame(&control, &ControlFrame::Stop);
        }
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        drop(self.control.take());
        // its end is all that is waited for; how it ended shows in the calls
        let _ = self.child.wait();
    }
}

/// What a process of ours says of its work goes to its standard output, behind the word for how much that is.
pub(super) fn say_to(command: &mut Command, saying: Option<(Level, OwnedFd)>) {
    match saying {
        Some((level, writer)) => command.arg(level.as_str()).stdout(Stdio::from(writer)),
        None => command.stdout(Stdio::null()),
    };
}

fn system(error: io::Error) -> StartError {
    StartError::Io("runner", error)
}

fn wire(error: WireError) -> StartError {
    StartError::Wire("runner", error)
}

fn ended() -> StartError {
    StartError::Ended("runner", String::new())
}
