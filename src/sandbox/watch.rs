//! Watching a command until it ends, its time is over, it takes more than it may, or nobody wants it any more; then
//! ending everything that it started.

#![expect(clippy::disallowed_methods, reason = "its time is over by the clock")]

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::fstatvfs;
use rustix::process::{Pid, PidfdFlags, WaitStatus, pidfd_open};

use super::cgroup::Group;
use super::changes::bytes_in;
use super::tree::{Tree, reap};
use super::wire::Cause;

/// How long a tree that does not end is worked on.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is looked what a command takes.
pub(super) const LOOK: Duration = Duration::from_millis(50);
/// When it is first looked, after which the time doubles until it is as long: what starts more than it may does so at once.
const FIRST_LOOK: Duration = Duration::from_millis(1);
/// Every how many looks it is counted what it has on a disk.
const LOOKS_AT_DISK: u32 = 10;
/// With less than that nothing can be written any more.
const NO_ROOM: u64 = 64 << 10;

/// What is watched.
#[derive(Debug)]
pub(super) struct Watch<'a> {
    pub(super) child: Pid,
    pub(super) tree: Tree,
    /// Closed by those who want the command, when they don't.
    pub(super) wanted: &'a UnixStream,
    pub(super) wall: Duration,
    /// The most processes.
    pub(super) processes: Option<u64>,
    /// The most bytes of memory, where it is on us to look.
    pub(super) memory: Option<u64>,
    /// The control group that bounds its memory, where it is on us to look whether that stopped something.
    pub(super) group: Option<&'a Group>,
    /// Where it writes to, where that has a size.
    pub(super) store: Option<BorrowedFd<'a>>,
    /// Folders on a disk that it writes to, which nothing else bounds.
    pub(super) on_disk: &'a [OwnedFd],
    /// The most bytes in these.
    pub(super) disk_bytes: u64,
}

/// How it ended.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) status: Option<WaitStatus>,
    pub(super) cause: Cause,
    /// Processes that could not be ended.
    pub(super) left: usize,
}

impl Watch<'_> {
    /// Watches until the end; when this returns, nothing of the command is left but what is counted.
    pub(super) fn until_the_end(&self) -> io::Result<Outcome> {
        let mut reaped: BTreeMap<i32, WaitStatus> = BTreeMap::new();
        let mut room = true;
        let mut cause = self.wait(&mut reaped, &mut room)?;
        if cause == Cause::Itself {
            // it may have ended before it was seen what it left behind
            cause = self.takes_too_much().unwrap_or(cause);
        }
        let left = self.tree.end_all(PATIENCE, &mut reaped);
        let status = reaped.get(&self.child.as_raw_nonzero().get()).copied();
        let failed = status.and_then(WaitStatus::exit_status) != Some(0);
        let cause =
            if cause == Cause::Itself && failed && !(room && self.has_room()) { Cause::Room } else { cause };
        Ok(Outcome { status, cause, left })
    }

    fn wait(&self, reaped: &mut BTreeMap<i32, WaitStatus>, room: &mut bool) -> io::Result<Cause> {
        let end = Instant::now() + self.wall;
        let handle = pidfd_open(self.child, PidfdFlags::empty())?;
        let mut looks = 0_u32;
        let mut pause = if self.processes.is_some() { FIRST_LOOK } else { LOOK };
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Cause::Timeout);
            }
            let mut ready = [PollFd::new(self.wanted, PollFlags::IN), PollFd::new(&handle, PollFlags::IN)];
            match poll(&mut ready, Some(&timespec(left.min(pause)))) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
            let (unwanted, ended) = (!ready[0].revents().is_empty(), !ready[1].revents().is_empty());
            if ended {
                return Ok(Cause::Itself);
            }
            if unwanted {
                return Ok(Cause::Cancelled);
            }
            pause = LOOK.min(2 * pause);
            reap(reaped);
            *room = *room && self.has_room();
            if let Some(cause) = self.takes_too_much() {
                return Ok(cause);
            }
            looks = looks.wrapping_add(1);
            if looks.is_multiple_of(LOOKS_AT_DISK) && self.fills_the_disk() {
                return Ok(Cause::Room);
            }
        }
    }

    fn takes_too_much(&self) -> Option<Cause> {
        if self.group.is_some_and(|group| group.stopped() > 0) {
            return Some(Cause::Memory);
        }
        if self.processes.is_none() && self.memory.is_none() {
            return None;
        }
        let taken = self.tree.taken();
        if self.processes.is_some_and(|most| taken.processes > most) {
            return Some(Cause::Processes);
        }
        let written = self.store.and_then(|store| fstatvfs(store).ok());
        let written = written.map_or(0, |facts| (facts.f_blocks - facts.f_bfree) * facts.f_frsize);
        self.memory.is_some_and(|most| taken.memory + written > most).then_some(Cause::Memory)
    }

    fn fills_the_disk(&self) -> bool {
        let bytes = self.on_disk.iter().map(|folder| bytes_in(folder.as_fd())).sum::<u64>();
        bytes > self.disk_bytes
    }

    fn has_room(&self) -> bool {
        let facts = self.store.and_then(|store| fstatvfs(store).ok());
        facts.is_none_or(|facts| facts.f_bavail * facts.f_frsize >= NO_ROOM && facts.f_ffree > 2)
    }
}

fn timespec(duration: Duration) -> Timespec {
    // rounded up: a poll that ends too early would only turn in a circle
    Timespec { tv_sec: duration.as_secs().cast_signed(), tv_nsec: i64::from(duration.subsec_nanos()) }
}
