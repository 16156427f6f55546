//! The first process of a command's namespaces. It makes the private root, starts the command in a process of its own,
//! ends everything when that has ended, and reads what was changed. The command can neither see into it nor end it.

#![expect(clippy::disallowed_methods, reason = "the most processes of a PID namespace are set in /proc")]

use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Gid, Uid};
use rustix::process::{
    DumpableBehavior, Pid, Signal, WaitOptions, WaitStatus, getegid, geteuid, set_dumpable_behavior,
    set_parent_process_death_signal, setsid, waitpid,
};

use super::begin::{Belongings, begin, release, tell_ground};
use super::changes::{largest_folders, read_changes};
use super::layer::{Layer, Standing};
use super::moment::moment;
use super::mounts::Outside;
use super::overlay_stack::{Mounted, Sources, Unmountable, mount};
use super::private_root::{PrivateRoot, Room, Sight, close_off};
use super::seccomp_filter::{filter_of_first, put_on};
use super::syscalls::{end, fork};
use super::tree::{Tree, may_end_others};
use super::watch::{Outcome, Watch};
use super::wire::{Begun, Cause, Ended, Ground, MAX_REPORT, Memory, Order, Report, Text, View, Walls};

/// The least that a PID namespace's highest id can be.
const LEAST_PIDS: u64 = 301;
/// Files and folders that we make ourselves beside those of the command.
const OWN_INODES: u64 = 1000;

/// What the first process was told and given.
#[derive(Debug)]
pub(super) struct First {
    pub(super) order: Order,
    pub(super) belongings: Belongings,
    /// The workspace and the layers of caches.
    pub(super) sources: Vec<OwnedFd>,
    pub(super) standing: Standing,
    /// To the helper: it closes its side when nobody wants the command any more.
    pub(super) helper: UnixStream,
}

/// What the first process has to say to the helper.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
#[serde(tag = "type", content = "value", rename_all = "snake_case")]
pub(super) enum Told {
    Report(Report),
    /// No private root can be made, and none is demanded.
    NoRoot(Walls),
}

/// Lives as the first process of its namespaces, and ends with it.
pub(super) fn live(first: First) -> ! {
    let Ok(mut helper) = first.helper.try_clone() else { end(1) };
    let told =
        serve(first).unwrap_or_else(|error| Told::Report(Report::Failed { message: error.to_string() }));
    let text = serde_json::to_vec(&told).unwrap_or_default();
    // if the helper is gone, nobody waits for it
    let _ = helper.write_all(&text);
    end(0)
}

fn serve(mut first: First) -> io::Result<Told> {
    // the socket to the runner is the helper's
    rustix::stdio::dup2_stdin(io::stdout())?;
    let _ = setsid();
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let mut go = [0];
    first.helper.read_exact(&mut go)?;
    first.standing.record(Layer::ProcessTreeKilled, may_end_others());
    if !first.standing.is_up(Layer::MountNamespace) || !first.standing.is_up(Layer::PidNamespace) {
        // then it is here only to see what else is missing
        first.order.only_try = true;
    }
    // it gets ready while the place for it is made
    let starting = Starting::fork(&first)?;
    let built = Built::make(&first.order, std::mem::take(&mut first.sources), &mut first.standing);
    let built = match built {
        Ok(built) => built,
        Err(Unmountable::Lower(why)) if first.standing.is_up(Layer::PrivateRoot) && !first.order.only_try => {
            return Ok(Told::Report(Report::NoOverlay { why }));
        }
        Err(error) => {
            starting.give_up()?;
            return no_root(first, error);
        }
    };
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    run(first, starting, &built)
}

/// Where no root can be made, it is said exactly what is missing if anything is demanded; if nothing is, the helper
/// goes on without.
fn no_root(mut first: First, error: Unmountable) -> io::Result<Told> {
    let (layer, why) = match error {
        Unmountable::Lower(why) => (Layer::OverlayWorkspace, why),
        Unmountable::Other(layer, why) => (layer, why),
    };
    first.standing.fails(layer, why);
    for layer in [Layer::PrivateRoot, Layer::Masks, Layer::OverlayWorkspace] {
        if !first.standing.is_up(layer) && first.standing.why_not(layer).is_none() {
            first.standing.fails(layer, "it was not come to");
        }
    }
    if !first.standing.has_failed(&first.order.demanded) && !first.order.only_try {
        return Ok(Told::NoRoot(Walls::of(&first.standing)));
    }
    first.order.only_try = true;
    let everything = Text::of(Path::new("/"));
    let ground = Ground {
        workspace: everything.clone(),
        is_private: false,
        user: None,
        seen: vec![everything],
        standing: Walls::of(&first.standing),
    };
    first.order.cwd = Text::of(Path::new(""));
    let starting = Starting::fork(&first)?;
    drop(first.belongings);
    Ok(Told::Report(match starting.begins(&ground, || Ok(()))?.1 {
        Begun::Ready { standing } => Report::Tried { standing },
        Begun::Refused { missing, standing } => Report::Refused { missing, standing },
        Begun::Failed { message } => Report::Failed { message },
    }))
}

/// The root and what is needed of it afterwards.
struct Built {
    store: OwnedFd,
    /// As it is outside.
    workspace: OwnedFd,
    mounted: Mounted,
    owner: (Uid, Gid),
    may_choose: bool,
}

impl Built {
    fn make(order: &Order, held: Vec<OwnedFd>, standing: &mut Standing) -> Result<Self, Unmountable> {
        let root_error = |error: io::Error| Unmountable::Other(Layer::PrivateRoot, error.to_string());
        if !standing.is_up(Layer::MountNamespace) {
            return Err(Unmountable::Other(
                Layer::PrivateRoot,
                "there is no mount namespace for it".to_owned(),
            ));
        }
        let has_pids = standing.is_up(Layer::PidNamespace);
        if has_pids {
            bound_processes(order.processes);
        }
        if standing.is_up(Layer::UtsNamespace) {
            // a name is no wall
            let _ = rustix::system::sethostname(b"lgflow");
        }
        let outside = Outside::take().map_err(root_error)?;
        let sources = Sources::open(&outside, &order.stack, &mut held.into_iter()).map_err(root_error)?;
        let may_choose = geteuid().is_root();
        let owner = if may_choose { sources.owner().map_err(root_error)? } else { (geteuid(), getegid()) };
        let extra = OWN_INODES + 2 * order.stack.mask.len() as u64;
        let room = Room { bytes: order.stack.bytes, inodes: order.stack.inodes + extra, owner };
        let mut sight = Sight::of_system(&outside, order.stack.network).map_err(root_error)?;
        let mut binds: Vec<PathBuf> = order.stack.binds.iter().map(Text::path).collect();
        // folders before what is in them
        binds.sort();
        for path in &binds {
            sight.add(&outside, path).map_err(root_error)?;
        }
        // from here on the machine's own folders may be hidden by ours
        let root = PrivateRoot::begin(room).map_err(root_error)?;
        root.show(&sight, order.stack.network).map_err(root_error)?;
        let mounted = mount(&root, &order.stack, &sources, owner, standing);
        if has_pids {
            root.show_processes().map_err(root_error)?;
        }
        let store = root.enter().map_err(root_error)?;
        standing.stands(Layer::PrivateRoot);
        Ok(Self { store, workspace: sources.workspace, mounted: mounted?, owner, may_choose })
    }
}

/// The highest process id of this namespace; older kernels have one for all.
fn bound_processes(processes: Option<u64>) {
    if let Some(processes) = processes {
        let most = (super::begin::hard_wall(processes) + LEAST_PIDS).to_string();
        // then the other bounds on processes hold alone
        let _ = std::fs::write("/proc/sys/kernel/pid_max", most);
    }
}

/// The command's own process, while it gets ready.
struct Starting {
    pid: Pid,
    ours: UnixStream,
}

impl Starting {
    fn fork(first: &First) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        match fork(0)? {
            Some(pid) => Ok(Self { pid, ours }),
            None => {
                drop(ours);
                begin(&first.order, &first.belongings, true, &theirs)
            }
        }
    }

    /// Has it end, since there is no place for it.
    fn give_up(self) -> io::Result<()> {
        drop(self.ours);
        waitpid(Some(self.pid), WaitOptions::empty())?;
        Ok(())
    }

    /// Has it begin there. `last` is what must be done before it may be the command, and is done while it settles.
    fn begins(self, ground: &Ground, last: impl FnOnce() -> io::Result<()>) -> io::Result<(Pid, Begun)> {
        tell_ground(&self.ours, ground)?;
        release(&self.ours, last())?;
        Ok((self.pid, hear(self.ours)?))
    }
}

/// What the command's process says: the last word counts, for it may fail at the very last step.
pub(super) fn hear(ours: UnixStream) -> io::Result<Begun> {
    let mut text = Vec::new();
    ours.take(MAX_REPORT as u64).read_to_end(&mut text)?;
    let mut words = serde_json::Deserializer::from_slice(&text).into_iter::<Begun>();
    let mut last = None;
    while let Some(Ok(begun)) = words.next() {
        last = Some(begun);
    }
    last.ok_or_else(|| io::Error::other("the command's process ended before it was the command"))
}

fn run(first: First, starting: Starting, built: &Built) -> io::Result<Told> {
    let First { order, belongings, standing, helper, .. } = first;
    let ground = Ground {
        workspace: order.stack.path.clone(),
        is_private: true,
        user: built.may_choose.then_some((built.owner.0.as_raw(), built.owner.1.as_raw())),
        seen: Vec::new(),
        standing: Walls::of(&standing),
    };
    let has_group = |layer: Layer| belongings.doors.iter().any(|(one, _)| *one == layer);
    let memory = match order.memory {
        None => Memory::Free,
        Some(_) if has_group(Layer::MemoryCgroup) => Memory::Cgroup,
        Some(_) => Memory::Sampled,
    };
    // the command's output ends with the command
    drop(belongings);
    let (child, begun) = starting.begins(&ground, close_off)?;
    let standing = match begun {
        Begun::Ready { standing } if order.only_try => {
            return Ok(Told::Report(Report::Tried { standing }));
        }
        Begun::Ready { standing } => standing,
        Begun::Refused { missing, standing } => {
            return Ok(Told::Report(Report::Refused { missing, standing }));
        }
        Begun::Failed { message } => return Ok(Told::Report(Report::Failed { message })),
    };
    let start_us = moment().saturating_sub(order.asked_at);
    // what it does from here on needs no more than files and signals; the command is behind its own walls already
    if standing.standing().is_up(Layer::Seccomp) {
        put_on(filter_of_first()).map_err(io::Error::other)?;
    }
    let watch = Watch {
        child,
        tree: Tree::Namespace,
        wanted: &helper,
        wall: Duration::from_millis(order.wall_ms),
        processes: order.processes,
        memory: order.memory.filter(|_| memory == Memory::Sampled),
        group: None,
        store: Some(built.store.as_fd()),
        on_disk: &built.mounted.on_disk,
        disk_bytes: order.stack.bytes,
    };
    let Outcome { status, cause, left } = watch.until_the_end()?;
    let changes = if order.stack.view == View::Overlay && left == 0 {
        Some(read_changes(&built.mounted, &built.workspace, order.bounds)?)
    } else {
        None
    };
    let largest =
        if cause == Cause::Room { largest_folders(&built.mounted, built.store.as_fd()) } else { Vec::new() };
    Ok(Told::Report(Report::Ended(Ended {
        code: status.and_then(WaitStatus::exit_status),
        signal: status.and_then(WaitStatus::terminating_signal),
        cause,
        start_us,
        left,
        standing,
        view: order.stack.view,
        memory,
        changes,
        largest,
    })))
}
