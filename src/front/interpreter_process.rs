//! Starts the interpreter as a process of its own and hands it its task, over a socket that nobody else can reach. It
//! gets neither terminal nor keys nor the runner's control channel.
#![expect(
    clippy::disallowed_methods,
    reason = "the front starts the interpreter: one of the two processes that a run needs"
)]

use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use crate::digest::Digest;
use crate::effect::{Confinement, FrameBuffer, FrontFrame, InterpreterFrame, InterpreterStart};
use crate::logging::Level;
use crate::session::{INTERPRETER_ARGUMENT, parts};
use crate::wire::{WireError, hand_over, next_frame, send_frame};

use super::StartError;
use super::last_words::LAST_WORDS;
use super::runner_process::say_to;

/// What a run has recorded before it is gone on with: its lines, and its payloads by digest.
pub struct Past<'a> {
    /// The lines.
    pub lines: &'a str,
    /// A payload that they name.
    pub payload: &'a dyn Fn(&Digest) -> Option<Vec<u8>>,
}

/// An interpreter, with or without a task. Dropping it kills it.
#[derive(Debug)]
pub struct InterpreterProcess {
    child: Child,
    socket: UnixStream,
    arrived: FrameBuffer,
}

impl InterpreterProcess {
    /// Starts `program` as an interpreter in the process group `group`: out of reach of the terminal's interrupts, and
    /// leading no group, so that it can begin a session of its own. Without a group it stays in ours. It says how its work
    /// goes where it is told to, and else nowhere.
    pub fn spawn(
        program: &Path,
        group: Option<u32>,
        saying: Option<(Level, OwnedFd)>,
    ) -> Result<Self, StartError> {
        let (socket, theirs) = UnixStream::pair().map_err(system)?;
        let mut command = Command::new(program);
        command
            .arg(INTERPRETER_ARGUMENT)
            // it reads no variable, and the user's hold secrets
            .env_clear()
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stderr(Stdio::piped())
            .current_dir("/");
        say_to(&mut command, saying);
        if let Some(group) = group {
            command.process_group(group.cast_signed());
        }
        let child = command.spawn().map_err(system)?;
        Ok(Self { child, socket, arrived: FrameBuffer::default() })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Gives it its task, the socket for calls and what was recorded before, and waits until it is ready behind its walls.
    pub fn begin(
        &mut self,
        start: InterpreterStart,
        calls: UnixStream,
        past: Option<&Past<'_>>,
    ) -> Result<Confinement, StartError> {
        let frame = FrontFrame::Start(Box::new(start));
        let sent = hand_over(&self.socket, &frame, &[calls.as_fd()]);
        drop(calls);
        if let (Ok(()), Some(past)) = (&sent, past) {
            // one that does not listen has said why
            let _ = self.hand_on(past.lines);
        }
        self.await_ready(sent, past)
    }

    fn hand_on(&self, lines: &str) -> Result<(), WireError> {
        let mut rest = parts(lines).peekable();
        while let Some(part) = rest.next() {
            let frame = FrontFrame::Recorded { text: part.to_owned(), last: rest.peek().is_none() };
            send_frame(&self.socket, &frame)?;
        }
        Ok(())
    }

    /// Gives it a payload of the run that it asks for.
    fn give(&self, payload: Option<Vec<u8>>) -> Result<(), WireError> {
        let text = payload.and_then(|bytes| String::from_utf8(bytes).ok());
        let Some(text) = text else {
            return send_frame(&self.socket, &FrontFrame::Payload { part: None, last: true });
        };
        let mut rest = parts(&text).peekable();
        while let Some(part) = rest.next() {
            let frame = FrontFrame::Payload { part: Some(part.to_owned()), last: rest.peek().is_none() };
            send_frame(&self.socket, &frame)?;
        }
        Ok(())
    }

    /// Lets it put up its walls and try them, and no more.
    pub fn probe(program: &Path) -> Result<Confinement, StartError> {
        let mut interpreter = Self::spawn(program, None, None)?;
        let sent = hand_over(&interpreter.socket, &FrontFrame::Probe, &[]);
        interpreter.await_ready(sent, None)
    }

    fn await_ready(
        &mut self,
        sent: Result<(), WireError>,
        past: Option<&Past<'_>>,
    ) -> Result<Confinement, StartError> {
        let mut answered = sent.and_then(|()| next_frame(&self.socket, &mut self.arrived));
        while let (Ok(Some(InterpreterFrame::Fetch { digest })), Some(past)) = (&answered, past) {
            let given = self.give((past.payload)(digest));
            answered = given.and_then(|()| next_frame(&self.socket, &mut self.arrived));
        }
        match answered {
            Ok(Some(InterpreterFrame::Ready { confinement })) => Ok(confinement),
            Ok(Some(InterpreterFrame::Refused { message })) => {
                Err(StartError::Refused("interpreter", message))
            }
            Ok(_) | Err(WireError::Io(_)) => Err(StartError::Ended("interpreter", self.words())),
            Err(error) => Err(StartError::Wire("interpreter", error)),
        }
    }

    /// What it said on its standard error, where it has ended.
    fn words(&mut self) -> String {
        // it may not have ended yet, and what it would still say is not waited for
        let _ = self.child.kill();
        let mut words = Vec::new();
        if let Some(said) = self.child.stderr.take() {
            // words that cannot be read are none
            let _ = said.take(LAST_WORDS as u64).read_to_end(&mut words);
        }
        let words = crate::view::escaped(String::from_utf8_lossy(&words).trim());
        if words.is_empty() { words } else { format!(": {words}") }
    }

    /// Its socket, with what has arrived on it, and its standard error: for who listens from now on.
    pub(super) fn channels(&mut self) -> io::Result<(UnixStream, FrameBuffer, Option<ChildStderr>)> {
        Ok((self.socket.try_clone()?, std::mem::take(&mut self.arrived), self.child.stderr.take()))
    }

    /// Ends it, and waits until it is gone. One that has said its last word has written its log.
    pub(super) fn end(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }
}

impl Drop for InterpreterProcess {
    fn drop(&mut self) {
        // one that has ended already cannot be ended again
        let _ = self.end();
    }
}

fn system(error: io::Error) -> StartError {
    StartError::Io("interpreter", error)
}
