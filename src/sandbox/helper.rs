//! The helper: a single-threaded process of our own program that has one command run and outlives it just
//! long enough to see that nothing of it is left. It stays outside of the namespaces that it starts the command's first
//! process in; where there are none to be had, it runs the command itself, behind what walls there are.

#![expect(
    clippy::disallowed_methods,
    reason = "a first process that does not end is ended when its time is over"
)]

use std::fs::File;
use std::io::{self, IoSliceMut, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use rustix::process::{
    DumpableBehavior, Pid, Signal, WaitOptions, WaitStatus, getpid, kill_process, set_child_subreaper,
    set_dumpable_behavior, setsid, waitpid,
};

use super::begin::{Belongings, begin, hard_wall, release, tell_ground};
use super::cgroup::{Controller, Group};
use super::first::{First, Told, hear, live};
use super::layer::{Layer, Standing};
use super::moment::moment;
use super::mounts::path_of;
use super::namespaces::{Entered, Side, enter, map_users};
use super::private_root::seen_by_all;
use super::syscalls::fork;
use super::tree::{Tree, may_end_others};
use super::watch::{LOOK, PATIENCE, Watch};
use super::wire::{
    Begun, Cause, Ended, Ground, MAX_DESCRIPTORS, MAX_ORDER, MAX_REPORT, Memory, Order, Report, Text, View,
    Walls,
};

/// The life of a helper, up to its exit code. `standing` says how the layers stand that it began with.
pub(super) fn help(socket: &UnixStream, standing: Standing) -> i32 {
    let done = read_order(socket)
        .and_then(|(order, descriptors)| Call::take(order, descriptors, standing)?.serve(socket));
    let (report, first) = done.unwrap_or_else(|error| (Report::Failed { message: error.to_string() }, None));
    let Ok(text) = serde_json::to_vec(&report) else { return 1 };
    // if the runner is gone, nobody waits for it
    let mut writer = socket;
    let _ = writer.write_all(&text).and_then(|()| socket.shutdown(Shutdown::Both));
    if let Some(first) = first {
        // it has said all that it has to say, and takes its namespaces with it
        let _ = waitpid(Some(first), WaitOptions::empty());
    }
    0
}

fn read_order(socket: &UnixStream) -> io::Result<(Order, Vec<OwnedFd>)> {
    let mut length = [0; 4];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
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
    Ok((serde_json::from_slice(&text)?, descriptors))
}

/// One command, with what came beside its order.
struct Call {
    order: Order,
    own: [OwnedFd; 4],
    sources: Vec<OwnedFd>,
    standing: Standing,
    groups: Vec<(Layer, Group)>,
}

type Served = (Report, Option<Pid>);

impl Call {
    fn take(order: Order, descriptors: Vec<OwnedFd>, mut standing: Standing) -> io::Result<Self> {
        let mut all = descriptors.into_iter();
        let own: Vec<OwnedFd> = all.by_ref().take(4).collect();
        let own = own.try_into().map_err(|_| io::Error::other("the order came without its descriptors"))?;
        let sources: Vec<OwnedFd> = all.collect();
        if sources.is_empty() {
            return Err(io::Error::other("the order came without its workspace"));
        }
        for layer in [Layer::WallLimit, Layer::OutputLimit] {
            standing.stands(layer);
        }
        let mut call = Self { order, own, sources, standing, groups: Vec::new() };
        call.make_groups();
        Ok(call)
    }

    /// Control groups for what is bounded; where a layer is demanded it is tried with any bound.
    fn make_groups(&mut self) {
        let demands =
            |layer: Layer| self.order.only_try || self.order.demanded.iter().any(|name| name == layer.name());
        let any = |layer: Layer| demands(layer).then_some(u64::MAX >> 2);
        let memory = self.order.memory.or_else(|| any(Layer::MemoryCgroup));
        let pids = self.order.processes.map(hard_wall).or_else(|| any(Layer::PidsCgroup).map(|_| 1 << 20));
        for (layer, controller, limit) in
            [(Layer::MemoryCgroup, Controller::Memory, memory), (Layer::PidsCgroup, Controller::Pids, pids)]
        {
            let Some(limit) = limit else {
                self.standing.fails(layer, "no rule bounds it");
                continue;
            };
            match Group::make(controller, limit) {
                Ok(group) => self.groups.push((layer, group)),
                Err(why) => self.standing.fails(layer, why),
            }
        }
    }

    fn doors(&mut self) -> Vec<(Layer, File)> {
        let mut doors = Vec::new();
        for (layer, group) in &self.groups {
            match group.door() {
                Ok(door) => doors.push((*layer, door)),
                Err(error) => self.standing.fails(*layer, error.to_string()),
            }
        }
        doors
    }

    fn serve(mut self, socket: &UnixStream) -> io::Result<Served> {
        // a session of its own fails only where it has one already
        let _ = setsid();
        let doors = self.doors();
        let (ours, theirs) = UnixStream::pair()?;
        let is_exact = self.order.only_try || !self.order.demanded.is_empty();
        let entered = enter(is_exact, &mut self.standing)?;
        let Entered::Yes { side, own_users } = entered else { return self.without(socket, doors) };
        let first = match side {
            Side::Outside(first) => first,
            Side::Inside => {
                drop(ours);
                let Self { order, own, sources, standing, groups } = self;
                // they are the helper's to remove
                std::mem::forget(groups);
                let belongings = belongings(own, doors);
                live(First { order, belongings, sources, standing, helper: theirs })
            }
        };
        drop(theirs);
        if own_users && let Err(error) = map_users(first) {
            let why = format!("who is who in it can't be said: {error}");
            self.standing.fails(Layer::UserNamespace, why);
            let _ = kill_process(first, Signal::KILL);
            waitpid(Some(first), WaitOptions::empty())?;
            return self.without(socket, doors);
        }
        (&ours).write_all(&[1])?;
        self.follow(socket, &ours, first, doors)
    }

    fn follow(
        mut self,
        socket: &UnixStream,
        ours: &UnixStream,
        first: Pid,
        doors: Vec<(Layer, File)>,
    ) -> io::Result<Served> {
        let wall = Duration::from_millis(self.order.wall_ms);
        let told = listen(socket, ours, first, wall, memory_group(&self.groups))?;
        let report = match told {
            Some(Told::Report(Report::Tried { standing })) if !self.order.only_try => {
                self.standing = standing.standing();
                waitpid(Some(first), WaitOptions::empty())?;
                return self.without(socket, doors);
            }
            Some(Told::NoRoot(standing)) => {
                self.standing = standing.standing();
                waitpid(Some(first), WaitOptions::empty())?;
                return self.without(socket, doors);
            }
            Some(Told::Report(report)) => report,
            None => {
                let message = "the first process of the command's namespaces was ended".to_owned();
                Report::Failed { message }
            }
        };
        Ok((self.judged(report), Some(first)))
    }

    /// What the system stopped is a limit, whatever the command made of it.
    fn judged(&self, report: Report) -> Report {
        let Report::Ended(mut ended) = report else { return report };
        // that nobody wants it any more is also how it is ended by us
        if matches!(ended.cause, Cause::Itself | Cause::Cancelled) {
            for (layer, group) in &self.groups {
                if group.stopped() > 0 {
                    ended.cause =
                        if *layer == Layer::MemoryCgroup { Cause::Memory } else { Cause::Processes };
                }
            }
        }
        Report::Ended(ended)
    }

    /// Runs the command without namespaces, where a copy of the workspace or the workspace itself is to be had.
    fn without(mut self, socket: &UnixStream, doors: Vec<(Layer, File)>) -> io::Result<Served> {
        let why = "without namespaces of its own a command sees the machine's file system";
        for layer in [Layer::PrivateRoot, Layer::Masks, Layer::OverlayWorkspace] {
            if self.standing.why_not(layer).is_none() {
                self.standing.fails(layer, why);
            }
        }
        for layer in [
            Layer::UserNamespace,
            Layer::MountNamespace,
            Layer::PidNamespace,
            Layer::NetworkNamespace,
            Layer::IpcNamespace,
            Layer::UtsNamespace,
        ] {
            if self.standing.is_up(layer) {
                self.standing.fails(layer, "it was not put up, because others that it needs can't be had");
            }
        }
        if self.standing.why_not(Layer::NetworkNamespace).is_none() {
            self.standing.fails(Layer::NetworkNamespace, "there are no namespaces that it would belong to");
        }
        let refused = self.standing.has_failed(&self.order.demanded);
        if self.order.stack.view == View::Overlay && !refused && !self.order.only_try {
            let why = self.standing.why_not(Layer::OverlayWorkspace).unwrap_or(why).to_owned();
            return Ok((Report::NoOverlay { why }, None));
        }
        let can_end = set_child_subreaper(Some(getpid())).and_then(|()| may_end_others());
        self.standing.record(Layer::ProcessTreeKilled, can_end);
        set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
        let Self { order, own, sources, standing, groups } = self;
        let mut seen: Vec<Text> =
            seen_by_all(order.stack.network).map(|path| Text::of(path.as_ref())).collect();
        seen.push(Text::of("/proc".as_ref()));
        seen.extend(order.stack.binds.iter().cloned());
        let ground = Ground {
            workspace: Text::of(&path_of(sources[0].as_fd())?),
            is_private: false,
            user: None,
            seen,
            standing: Walls::of(&standing),
        };
        let belongings = belongings(own, doors);
        let (ours, theirs) = UnixStream::pair()?;
        let Some(child) = fork(0)? else {
            drop(ours);
            std::mem::forget(groups);
            begin(&order, &belongings, false, &theirs)
        };
        drop((belongings, theirs));
        tell_ground(&ours, &ground)?;
        release(&ours, Ok(()))?;
        let report = bare_report(&order, child, hear(ours)?, socket, &groups)?;
        Ok((report, None))
    }
}

fn belongings([program, stdin, stdout, stderr]: [OwnedFd; 4], doors: Vec<(Layer, File)>) -> Belongings {
    Belongings { program, stdin, stdout, stderr, doors }
}

fn memory_group(groups: &[(Layer, Group)]) -> Option<&Group> {
    groups.iter().find(|(layer, _)| *layer == Layer::MemoryCgroup).map(|(_, group)| group)
}

fn bare_report(
    order: &Order,
    child: Pid,
    begun: Begun,
    socket: &UnixStream,
    groups: &[(Layer, Group)],
) -> io::Result<Report> {
    let standing = match begun {
        Begun::Ready { standing } if order.only_try => return Ok(Report::Tried { standing }),
        Begun::Ready { standing } => standing,
        Begun::Refused { missing, standing } => return Ok(Report::Refused { missing, standing }),
        Begun::Failed { message } => return Ok(Report::Failed { message }),
    };
    let start_us = moment().saturating_sub(order.asked_at);
    let memory = match order.memory {
        None => Memory::Free,
        Some(_) if memory_group(groups).is_some() => Memory::Cgroup,
        Some(_) => Memory::Sampled,
    };
    let watch = Watch {
        child,
        tree: Tree::Descendants,
        wanted: socket,
        wall: Duration::from_millis(order.wall_ms),
        processes: order.processes,
        memory: order.memory.filter(|_| memory == Memory::Sampled),
        group: memory_group(groups),
        store: None,
        on_disk: &[],
        disk_bytes: 0,
    };
    let outcome = watch.until_the_end()?;
    Ok(Report::Ended(Ended {
        code: outcome.status.and_then(WaitStatus::exit_status),
        signal: outcome.status.and_then(WaitStatus::terminating_signal),
        cause: outcome.cause,
        start_us,
        left: outcome.left,
        standing,
        view: order.stack.view,
        memory,
        changes: None,
        largest: Vec::new(),
    }))
}

/// Listens to the first process until it has told all; `None` if it was ended before. What the runner does not want
/// any more is handed on, and what does not end in time is ended.
fn listen(
    socket: &UnixStream,
    mut ours: &UnixStream,
    first: Pid,
    wall: Duration,
    memory: Option<&Group>,
) -> io::Result<Option<Told>> {
    let mut text = Vec::new();
    let mut part = vec![0; 64 << 10];
    let mut wanted = true;
    let mut give_up = Instant::now() + wall + 2 * PATIENCE;
    loop {
        let left = give_up.saturating_duration_since(Instant::now());
        if left.is_zero() || text.len() > MAX_REPORT {
            let _ = kill_process(first, Signal::KILL);
        }
        let mut pause = Timespec { tv_sec: left.as_secs().cast_signed().max(1), tv_nsec: 0 };
        if memory.is_some() && wanted {
            pause = Timespec { tv_sec: 0, tv_nsec: i64::from(LOOK.subsec_nanos()) };
        }
        let mut ready = vec![PollFd::new(ours, PollFlags::IN)];
        if wanted {
            ready.push(PollFd::new(socket, PollFlags::IN));
        }
        match poll(&mut ready, Some(&pause)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let told = !ready[0].revents().is_empty();
        // what the system stopped is not left to go on in pieces
        let stopped = memory.is_some_and(|group| wanted && group.stopped() > 0);
        if wanted && (stopped || !ready[1].revents().is_empty()) {
            wanted = false;
            ours.shutdown(Shutdown::Write)?;
            give_up = Instant::now() + 2 * PATIENCE;
        }
        if told {
            match ours.read(&mut part)? {
                0 => return Ok(serde_json::from_slice(&text).ok()),
                count => text.extend_from_slice(&part[..count]),
            }
        }
    }
}
