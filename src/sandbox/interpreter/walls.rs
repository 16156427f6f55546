//! Putting up the walls, in the order in which none of them stands in the way of the next.

use std::io;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, LandlockStatus, RestrictionStatus, Ruleset, RulesetAttr as _,
    RulesetError, RulesetStatus, Scope,
};
use rustix::fs::{Dir, Mode, OFlags, open};
use rustix::process::{
    DumpableBehavior, Signal, set_dumpable_behavior, set_parent_process_death_signal, setsid,
};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities, set_no_new_privs};

use crate::effect::{Confinement, SandboxLayer};

use super::calls::{LISTENING, refuse_other_calls};

/// The last system whose rights are known to be harmless to give up.
const KNOWN: ABI = ABI::V10;
/// The first one that can refuse to cut a file.
const FILES: ABI = ABI::V3;
/// The first one with rules for TCP.
const TCP: ABI = ABI::V4;
/// The first one that keeps signals and abstract sockets inside.
const SCOPES: ABI = ABI::V6;

/// The interpreter must not begin.
#[derive(Debug, thiserror::Error)]
pub enum InterpreterError {
    /// The system refused what every system has.
    #[error("cannot {what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// A thread that began before the walls is not behind all of them.
    #[error("{0} threads run before the walls are put up, and there must be one")]
    Threads(usize),
}

/// Leaves the terminal's session and ends with the front. The first thing that an interpreter does.
pub fn begin_interpreter() -> Result<(), InterpreterError> {
    setsid().map_err(system("begin a session of its own"))?;
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(system("end with the front"))
}

/// Gives up everything but what is open already: no file, no folder. Walls that this system does not have are named in the result. To be called while there is one thread.
pub fn confine_interpreter() -> Result<Confinement, InterpreterError> {
    confine(&[])
}

/// The same for a process that speaks with a client of its own: over what is open, and, where it `listens`, over the
/// connections that come to a socket which does so already.
pub fn confine_server(listens: bool) -> Result<Confinement, InterpreterError> {
    confine(if listens { LISTENING } else { &[] })
}

fn confine(further: &[i64]) -> Result<Confinement, InterpreterError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let tasks = open("/proc/self/task", flags, Mode::empty()).map_err(system("open /proc/self/task"))?;
    set_no_new_privs(true).map_err(system("give up new privileges"))?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(system("close its memory to others"))?;
    let none = CapabilitySet::empty();
    let none = CapabilitySets { effective: none, permitted: none, inheritable: none };
    set_capabilities(None, none).map_err(system("give up its capabilities"))?;
    let mut walls = Walls::default();
    for name in ["no_new_privileges", "not_dumpable", "no_capabilities"] {
        walls.stands(name, true);
    }
    walls.landlock(restrict());
    match refuse_other_calls(further) {
        Ok(()) => walls.stands("seccomp", true),
        Err(error) => walls.lacks("seccomp", &error),
    }
    match threads(tasks)? {
        1 => Ok(walls.confinement),
        more => Err(InterpreterError::Threads(more)),
    }
}

#[derive(Default)]
struct Walls {
    confinement: Confinement,
}

impl Walls {
    fn stands(&mut self, name: &str, in_force: bool) {
        self.confinement.layers.push(SandboxLayer { name: name.to_owned(), in_force });
    }

    fn lacks(&mut self, name: &str, why: &str) {
        self.stands(name, false);
        self.confinement.missing.push(format!("{name}: {why}"));
    }

    fn landlock(&mut self, restricted: Result<RestrictionStatus, RulesetError>) {
        let abi = match restricted {
            Err(error) => {
                self.lacks("landlock", &error.to_string());
                return;
            }
            Ok(RestrictionStatus { ruleset: RulesetStatus::NotEnforced, .. }) => ABI::Unsupported,
            Ok(status) => match status.landlock {
                LandlockStatus::Available { effective_abi, .. } => effective_abi,
                LandlockStatus::NotEnabled | LandlockStatus::NotImplemented => ABI::Unsupported,
            },
        };
        if abi >= FILES {
            self.stands("landlock", true);
        } else {
            self.lacks("landlock", "this kernel does not offer it, or an old version of it");
        }
        // connections are refused by seccomp as well, so these are reported and not demanded
        self.stands("landlock_net", abi >= TCP);
        self.stands("landlock_scopes", abi >= SCOPES);
    }
}

/// Nothing is opened beneath any folder: what the run records goes to the front.
fn restrict() -> Result<RestrictionStatus, RulesetError> {
    Ruleset::default()
        .handle_access(AccessFs::from_all(KNOWN))?
        .handle_access(AccessNet::from_all(KNOWN))?
        .scope(Scope::from_all(KNOWN))?
        .create()?
        .restrict_self()
}

/// Counted over a descriptor that was opened before: nothing in `/proc` can be opened now.
fn threads(tasks: rustix::fd::OwnedFd) -> Result<usize, InterpreterError> {
    let mut count = 0;
    for entry in Dir::new(tasks).map_err(system("list its threads"))? {
        let entry = entry.map_err(system("list its threads"))?;
        count += usize::from(entry.file_name().to_bytes().first() != Some(&b'.'));
    }
    Ok(count)
}

fn system(what: &'static str) -> impl Fn(rustix::io::Errno) -> InterpreterError {
    move |errno| InterpreterError::System { what, source: errno.into() }
}
