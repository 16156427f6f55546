//! How the runner comes by a helper for a command: it asks a nursery of its own, which it starts once, and anew where
//! that one was ended. Nothing of a command is said before there is a helper for it, so none is ever begun twice.

#![expect(clippy::disallowed_methods, reason = "the one place that starts our own program as a nursery")]

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, Shutdown, SocketFlags, SocketType, shutdown, socketpair};
use rustix::process::{Signal, pidfd_send_signal};

use super::nursery::{ANSWER, WANTED, receive_with, send};
use super::wire::HELPER_ARGUMENT;

/// How long a nursery may take to answer, and a helper to end that was ended.
const PATIENCE: Duration = Duration::from_secs(10);

/// Helpers of our own program. The process that they come from is started with the first, and ends with this value.
#[derive(Debug)]
pub struct Helper {
    program: PathBuf,
    arguments: Vec<String>,
    nursery: Mutex<Option<Nursery>>,
}

impl Default for Helper {
    fn default() -> Self {
        Self::this_program()
    }
}

impl Helper {
    /// This very program, by what the system holds open as its executable: replacing the file changes nothing. Its
    /// `main` must call [`super::helper_main`] when its first argument is [`HELPER_ARGUMENT`].
    pub fn this_program() -> Self {
        Self::other(PathBuf::from("/proc/self/exe"), vec![HELPER_ARGUMENT.to_owned()])
    }

    /// Another program that calls [`super::helper_main`] when it is given `arguments`.
    pub fn other(program: PathBuf, arguments: Vec<String>) -> Self {
        Self { program, arguments, nursery: Mutex::new(None) }
    }

    /// Starts the process that helpers come from, so that it is there when the first is wanted. Where that can't be
    /// done the first command says why.
    pub fn start_ahead(&self) {
        let mut nursery = self.nursery();
        if nursery.is_none() {
            *nursery = Nursery::start(&self.program, &self.arguments).ok();
        }
    }

    /// The process that helpers come from, where it was started; it may have ended since.
    pub fn nursery_id(&self) -> Option<u32> {
        self.nursery().as_ref().map(|nursery| nursery.child.id())
    }

    /// A helper of its own for one command, and the socket to it. `meanwhile` is done while it is made.
    pub(super) fn begin(&self, meanwhile: &mut dyn FnMut()) -> io::Result<(UnixStream, Running)> {
        let mut nursery = self.nursery();
        if let Some(known) = nursery.take()
            && let Ok(begun) = known.bear(meanwhile)
        {
            *nursery = Some(known);
            return Ok(begun);
        }
        let new = Nursery::start(&self.program, &self.arguments)?;
        let begun = new.bear(meanwhile)?;
        *nursery = Some(new);
        Ok(begun)
    }

    fn nursery(&self) -> MutexGuard<'_, Option<Nursery>> {
        self.nursery.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A helper that is there.
#[derive(Debug)]
pub(super) struct Running {
    handle: OwnedFd,
}

impl Running {
    /// Ends it, and waits for that.
    pub(super) fn end(&self) {
        // it may have ended already
        let _ = pidfd_send_signal(&self.handle, Signal::KILL);
        let patience = Timespec { tv_sec: PATIENCE.as_secs().cast_signed(), tv_nsec: 0 };
        let _ = poll(&mut [PollFd::new(&self.handle, PollFlags::IN)], Some(&patience));
    }
}

/// The process that helpers come from.
#[derive(Debug)]
struct Nursery {
    child: Child,
    control: OwnedFd,
}

impl Nursery {
    fn start(program: &PathBuf, arguments: &[String]) -> io::Result<Self> {
        let kind = SocketType::SEQPACKET;
        let (control, theirs) = socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None)?;
        for timeout in [Timeout::Recv, Timeout::Send] {
            set_socket_timeout(&control, timeout, Some(PATIENCE))?;
        }
        let child = Command::new(program)
            .args(arguments)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        Ok(Self { child, control })
    }

    /// Has it make a helper.
    fn bear(&self, meanwhile: &mut dyn FnMut()) -> io::Result<(UnixStream, Running)> {
        let (socket, theirs) = UnixStream::pair()?;
        send(self.control.as_fd(), &WANTED, &[theirs.as_fd()])?;
        drop(theirs);
        meanwhile();
        let mut answer = [0; ANSWER];
        match receive_with(self.control.as_fd(), &mut answer)? {
            (ANSWER, Some(handle)) => Ok((socket, Running { handle })),
            (ANSWER, None) => Err(io::Error::from_raw_os_error(i32::from_be_bytes(answer))),
            _ => Err(io::Error::other("our own program did not answer as a helper")),
        }
    }
}

impl Drop for Nursery {
    /// It holds nothing that could be lost. Helpers that it made go on as long as their own sockets are open.
    fn drop(&mut self) {
        // it ends when nobody can want it any more; one that was stopped from outside does not
        let _ = shutdown(&self.control, Shutdown::Both);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
