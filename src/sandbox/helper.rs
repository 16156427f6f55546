//! The helper: a fresh, single-threaded execution of our own program that runs one command and outlives it just long
//! enough to end everything that it left. Namespaces, Landlock and seccomp will be put up here, between the order and
//! the start of the command.

#![expect(
    clippy::disallowed_methods,
    reason = "this is where commands are started, and ended when their time is over"
)]

use std::collections::BTreeMap;
use std::io::{self, IoSliceMut, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::Mode;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use rustix::process::{
    DumpableBehavior, Pid, PidfdFlags, Resource, WaitStatus, fchdir, getpid, pidfd_open, set_child_subreaper,
    set_dumpable_behavior, setsid, umask,
};

use super::inherited::{begin_confined, close_all_on_exec};
use super::tree::{descendants, end_descendants, reap};
use super::wire::{Cause, DESCRIPTORS, MAX_ORDER, Order, Report};

/// How long a tree that does not end is worked on.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often processes are counted.
const LOOK: Duration = Duration::from_millis(50);
/// Open files of a command.
const OPEN_FILES: u64 = 4096;

/// The life of a helper. Its socket is its standard input; it says nothing elsewhere. To be called first thing in
/// `main` when the first argument is [`super::HELPER_ARGUMENT`], before any thread.
pub fn helper_main() -> ExitCode {
    let Ok(socket) = io::stdin().as_fd().try_clone_to_owned() else { return ExitCode::from(1) };
    let mut socket = UnixStream::from(socket);
    let report = serve(&socket).unwrap_or_else(|error| Report::Failed { message: error.to_string() });
    let Ok(text) = serde_json::to_vec(&report) else { return ExitCode::from(1) };
    // if the runner is gone, nobody waits for it
    let _ = socket.write_all(&text);
    ExitCode::SUCCESS
}

fn serve(socket: &UnixStream) -> io::Result<Report> {
    close_all_on_exec()?;
    let (order, descriptors) = read_order(socket)?;
    // a session of its own fails only where it has one already
    let _ = setsid();
    umask(Mode::from_raw_mode(0o022));
    set_child_subreaper(Some(getpid()))?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    rustix::thread::set_no_new_privs(true)?;
    let child = start(&order, descriptors)?;
    watch(socket, child, &order)
}

fn read_order(socket: &UnixStream) -> io::Result<(Order, [OwnedFd; DESCRIPTORS])> {
    let mut length = [0; 4];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::WAITALL;
    let got = recvmsg(socket, &mut [IoSliceMut::new(&mut length)], &mut ancillary, flags)?;
    let mut descriptors = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            descriptors.extend(received);
        }
    }
    let length = u32::from_be_bytes(length) as usize;
    if got.bytes != 4 || length > MAX_ORDER {
        return Err(io::Error::other("the order is not one"));
    }
    let mut text = vec![0; length];
    let mut reader = socket;
    reader.read_exact(&mut text)?;
    let order = serde_json::from_slice(&text)?;
    let descriptors =
        descriptors.try_into().map_err(|_| io::Error::other("the order came without its descriptors"))?;
    Ok((order, descriptors))
}

fn start(order: &Order, descriptors: [OwnedFd; DESCRIPTORS]) -> io::Result<Pid> {
    let [program, folder, stdin, stdout, stderr] = descriptors;
    fchdir(&folder)?;
    let name = order.argv.first().ok_or_else(|| io::Error::other("the order names no program"))?;
    let path = order.script.clone().unwrap_or_else(|| format!("/proc/self/fd/{}", program.as_raw_fd()));
    let mut command = Command::new(path);
    command
        .arg0(name)
        .args(&order.argv[1..])
        .env_clear()
        .envs(&order.env)
        .stdin(Stdio::from(stdin))
        .stdout(Stdio::from(stdout))
        .stderr(Stdio::from(stderr));
    begin_confined(&mut command, limits(order));
    let child = command.spawn()?;
    Pid::from_raw(child.id().cast_signed()).ok_or_else(|| io::Error::other("the system gave no process id"))
}

fn limits(order: &Order) -> Vec<(Resource, u64)> {
    let mut limits = vec![(Resource::Core, 0), (Resource::Nofile, OPEN_FILES)];
    // not the address space: it is reserved by the gigabyte and never used by some runtimes
    let wanted = [
        (Resource::Cpu, order.cpu_seconds),
        (Resource::Data, order.memory),
        (Resource::Fsize, order.file_bytes),
    ];
    limits.extend(wanted.into_iter().filter_map(|(resource, limit)| Some((resource, limit?))));
    limits
}

/// Waits until the command ends, its time is over, or the runner asks for the end or is gone; then ends the tree.
fn watch(socket: &UnixStream, child: Pid, order: &Order) -> io::Result<Report> {
    let end = Instant::now() + Duration::from_millis(order.wall_ms);
    let handle = pidfd_open(child, PidfdFlags::empty())?;
    let mut reaped: BTreeMap<i32, WaitStatus> = BTreeMap::new();
    let cause = loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break Cause::Timeout;
        }
        let pause = if order.processes.is_some() { left.min(LOOK) } else { left };
        let mut ready = [PollFd::new(socket, PollFlags::IN), PollFd::new(&handle, PollFlags::IN)];
        match poll(&mut ready, Some(&timespec(pause))) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let (asked, ended) = (!ready[0].revents().is_empty(), !ready[1].revents().is_empty());
        if ended {
            break Cause::Itself;
        }
        if asked {
            break Cause::Cancelled;
        }
        reap(&mut reaped);
        if order.processes.is_some_and(|most| descendants().len() as u64 > most) {
            break Cause::Processes;
        }
    };
    let left = end_descendants(PATIENCE, &mut reaped);
    let status = reaped.get(&child.as_raw_nonzero().get());
    Ok(Report::Ended {
        code: status.and_then(|status| status.exit_status()),
        signal: status.and_then(|status| status.terminating_signal()),
        cause,
        left,
    })
}

fn timespec(duration: Duration) -> Timespec {
    // rounded up: a poll that ends too early would only turn in a circle
    Timespec { tv_sec: duration.as_secs().cast_signed(), tv_nsec: i64::from(duration.subsec_nanos()) }
}
