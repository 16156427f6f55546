//! The nursery: a fresh, single-threaded execution of our own program that forks a helper for each command that the
//! runner has. It is handed a socket for each and reads nothing from it: no order, no output and no report is ever in
//! its memory, so there is nothing of one command that the helper of the next could begin with.

#![expect(clippy::disallowed_methods, reason = "a helper is to have no variables, and looks whether it has")]

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use rustix::process::{
    DumpableBehavior, Pid, PidfdFlags, WaitOptions, pidfd_open, set_dumpable_behavior, waitpid,
};

use super::helper::help;
use super::layer::{Layer, Standing};
use super::syscalls::{close_inherited, end, fork};

/// What the runner says with the socket of a command: that a helper is wanted for it.
pub(super) const WANTED: [u8; 1] = [1];
/// What the nursery answers: zero and a handle of the helper, or the number of the error.
pub(super) const ANSWER: usize = 4;

/// The life of a nursery, and in processes that it forks that of a helper. Its socket is its standard input; it says
/// nothing elsewhere. To be called first thing in `main` when the first argument is [`super::HELPER_ARGUMENT`], before
/// any thread.
pub fn helper_main() -> ExitCode {
    let mut standing = Standing::default();
    // what is opened from here on is closed by becoming another program
    standing.record(Layer::ClosedDescriptors, close_inherited());
    let Ok(control) = io::stdin().as_fd().try_clone_to_owned() else { return ExitCode::from(1) };
    standing.record(Layer::CleanEnvironment, has_no_variables());
    // it stays, so nobody is to look into it meanwhile
    if set_dumpable_behavior(DumpableBehavior::NotDumpable).is_err() {
        return ExitCode::from(1);
    }
    let mut nursery = Nursery { control, living: Vec::new() };
    loop {
        match nursery.next() {
            Ok(Some(Side::Outside)) => {}
            Ok(Some(Side::Inside(socket))) => {
                drop(nursery);
                become_helper(socket, standing)
            }
            // nobody can want another helper; those that there are end with their own sockets
            Ok(None) => return ExitCode::SUCCESS,
            Err(_) => return ExitCode::from(1),
        }
    }
}

/// What a command is given is told by its order alone. A variable here is one that somebody between the runner and us has
/// set: then it is not our program as it was meant that goes on, since some of them decide what is loaded into it.
fn has_no_variables() -> Result<(), String> {
    match std::env::vars_os().next() {
        None => Ok(()),
        Some((name, _)) => Err(format!("our own program was started with the variable `{}`", name.display())),
    }
}

fn become_helper(socket: OwnedFd, standing: Standing) -> ! {
    // who is who in the command's namespaces is written by the helper to files that only a dumpable process owns
    let ready = set_dumpable_behavior(DumpableBehavior::Dumpable)
        .and_then(|()| rustix::stdio::dup2_stdin(&socket))
        .is_ok();
    end(if ready { help(&UnixStream::from(socket), standing) } else { 1 })
}

/// The process in which it goes on.
enum Side {
    Outside,
    Inside(OwnedFd),
}

struct Nursery {
    control: OwnedFd,
    /// Helpers, each with a handle that tells when it has ended.
    living: Vec<(Pid, OwnedFd)>,
}

impl Nursery {
    /// Waits for what comes next: a command, the end of a helper, or the end of the runner, which is none.
    fn next(&mut self) -> io::Result<Option<Side>> {
        let handles = self.living.iter().map(|(_, handle)| PollFd::new(handle, PollFlags::IN));
        let mut ready: Vec<PollFd<'_>> =
            std::iter::once(PollFd::new(&self.control, PollFlags::IN)).chain(handles).collect();
        match poll(&mut ready, None) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ok(Some(Side::Outside)),
            Err(errno) => return Err(errno.into()),
        }
        let mut came: Vec<bool> = ready.iter().map(|one| !one.revents().is_empty()).collect();
        let asked = came.remove(0);
        let mut ended = came.into_iter();
        self.living.retain(|(pid, _)| {
            let has_ended = ended.next().unwrap_or_default();
            !has_ended || !matches!(waitpid(Some(*pid), WaitOptions::NOHANG), Ok(Some(_)))
        });
        if asked { self.answer() } else { Ok(Some(Side::Outside)) }
    }

    fn answer(&mut self) -> io::Result<Option<Side>> {
        let Some(socket) = receive(self.control.as_fd())? else { return Ok(None) };
        let born = match fork(0) {
            Ok(None) => return Ok(Some(Side::Inside(socket))),
            Ok(Some(pid)) => {
                pidfd_open(pid, PidfdFlags::empty()).map(|handle| (pid, handle)).map_err(io::Error::from)
            }
            Err(error) => Err(error),
        };
        // before the answer: from then on the helper alone has it
        drop(socket);
        match born {
            Ok((pid, handle)) => {
                send(self.control.as_fd(), &0_i32.to_be_bytes(), &[handle.as_fd()])?;
                self.living.push((pid, handle));
            }
            Err(error) => {
                let errno = error.raw_os_error().unwrap_or(libc::EIO);
                send(self.control.as_fd(), &errno.to_be_bytes(), &[])?;
            }
        }
        Ok(Some(Side::Outside))
    }
}

/// The socket of the next command; none where the runner is gone.
fn receive(control: BorrowedFd<'_>) -> io::Result<Option<OwnedFd>> {
    let mut word = [0; WANTED.len()];
    let (length, descriptor) = receive_with(control, &mut word)?;
    match (length, descriptor) {
        (0, _) => Ok(None),
        (_, Some(socket)) if word == WANTED => Ok(Some(socket)),
        _ => Err(io::Error::other("a helper was wanted without a socket")),
    }
}

/// One message, with the descriptor that came beside it.
pub(super) fn receive_with(control: BorrowedFd<'_>, text: &mut [u8]) -> io::Result<(usize, Option<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let got = recvmsg(control, &mut [IoSliceMut::new(text)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    let mut descriptor = None;
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            descriptor = received.last();
        }
    }
    Ok((got.bytes, descriptor))
}

/// Sends one message, with descriptors beside it.
pub(super) fn send(control: BorrowedFd<'_>, text: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::Error::other("more than one descriptor is sent at once"));
    }
    sendmsg(control, &[IoSlice::new(text)], &mut ancillary, SendFlags::NOSIGNAL)?;
    Ok(())
}
