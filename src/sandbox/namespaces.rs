//! Namespaces: which of them a new process gets, who it is in them, and which are refused where not all can be had.
//! Knows nothing of what is done in them.

#![expect(clippy::disallowed_methods, reason = "who a process is in its user namespace is written to /proc")]

use std::io;

use rustix::process::{Pid, WaitOptions, getegid, geteuid, waitpid};

use super::layer::{Layer, Standing};
use super::syscalls::{end, fork};

/// A namespace's layer, and the flag that asks for it. That of the network is the longest to make, and nobody but the
/// command needs it: it is made by the command's own process, while the others are used already.
const KINDS: [(Layer, libc::c_int); 5] = [
    (Layer::UserNamespace, libc::CLONE_NEWUSER),
    (Layer::MountNamespace, libc::CLONE_NEWNS),
    (Layer::PidNamespace, libc::CLONE_NEWPID),
    (Layer::IpcNamespace, libc::CLONE_NEWIPC),
    (Layer::UtsNamespace, libc::CLONE_NEWUTS),
];

/// The side on which a process finds itself.
#[derive(Debug)]
pub(super) enum Side {
    /// That of the process that asked, with the new one.
    Outside(Pid),
    /// That of the new one, the first process of its namespaces.
    Inside,
}

/// What came of asking for namespaces.
#[derive(Debug)]
pub(super) enum Entered {
    /// There is a process in them, which has a user namespace of its own or not.
    Yes { side: Side, own_users: bool },
    /// Without mounts and processes of its own it would be no wall.
    No,
}

/// Starts a process in namespaces of its own: all of them, or those that can be had. `standing` is told of each. With
/// `is_exact` also where those are no wall, so that it can be told what else is missing.
pub(super) fn enter(is_exact: bool, standing: &mut Standing) -> io::Result<Entered> {
    let had = match fork(flags(&KINDS)) {
        Ok(child) => return Ok(entered(child, &KINDS, standing)),
        Err(_) => those_to_be_had(standing),
    };
    let has = |layer: Layer| had.iter().any(|(one, _)| *one == layer);
    let is_wall = has(Layer::MountNamespace) && has(Layer::PidNamespace);
    if !is_exact && !is_wall {
        for (layer, _) in had {
            standing.fails(layer, "not put up, because mount and PID namespaces are not to be had");
        }
        return Ok(Entered::No);
    }
    let child = fork(flags(&had))?;
    Ok(entered(child, &had, standing))
}

fn entered(child: Option<Pid>, had: &[(Layer, libc::c_int)], standing: &mut Standing) -> Entered {
    for (layer, _) in had {
        standing.stands(*layer);
    }
    let own_users = had.iter().any(|(layer, _)| *layer == Layer::UserNamespace);
    let side = child.map_or(Side::Inside, Side::Outside);
    Entered::Yes { side, own_users }
}

fn flags(kinds: &[(Layer, libc::c_int)]) -> libc::c_int {
    kinds.iter().fold(0, |flags, (_, flag)| flags | flag)
}

/// Tries each alone, with a user namespace where that can be had.
fn those_to_be_had(standing: &mut Standing) -> Vec<(Layer, libc::c_int)> {
    let users = attempt(libc::CLONE_NEWUSER).is_ok();
    let mut had = Vec::new();
    for (layer, flag) in KINDS {
        let with = if users { flag | libc::CLONE_NEWUSER } else { flag };
        match attempt(with) {
            Ok(()) => had.push((layer, flag)),
            Err(error) => standing.fails(layer, format!("the system refused it: {error}")),
        }
    }
    had
}

/// Starts a process with these flags that ends at once.
fn attempt(flags: libc::c_int) -> io::Result<()> {
    match fork(flags)? {
        None => end(0),
        Some(child) => {
            waitpid(Some(child), WaitOptions::empty())?;
            Ok(())
        }
    }
}

/// Says who `child` is in its user namespace. Root is every user that there is, so that files of the workspace keep
/// their owners; anybody else is only themselves.
pub(super) fn map_users(child: Pid) -> io::Result<()> {
    let pid = child.as_raw_nonzero();
    let write = |name: &str, text: &str| std::fs::write(format!("/proc/{pid}/{name}"), text);
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    if uid == 0 {
        let all = write("uid_map", &all_of("uid_map")?).and_then(|()| write("gid_map", &all_of("gid_map")?));
        if all.is_ok() {
            return Ok(());
        }
    }
    write("uid_map", &format!("{uid} {uid} 1"))?;
    write("setgroups", "deny")?;
    write("gid_map", &format!("{gid} {gid} 1"))
}

/// Everything that this process's own namespace knows, each as itself.
fn all_of(map: &str) -> io::Result<String> {
    let own = std::fs::read_to_string(format!("/proc/self/{map}"))?;
    let same = own.lines().filter_map(|line| {
        let mut fields = line.split_ascii_whitespace();
        let (inside, _, length) = (fields.next()?, fields.next()?, fields.next()?);
        Some(format!("{inside} {inside} {length}\n"))
    });
    Ok(same.collect())
}
