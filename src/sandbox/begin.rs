//! The last steps of the process that becomes the command: its descriptors, limits and folder; then every capability,
//! Landlock and seccomp, in that order. It starts nothing unless each layer that is demanded stands.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Gid, Mode, OFlags, Uid, fstat, openat};
use rustix::process::{
    Resource, Rlimit, Signal, fchdir, set_parent_process_death_signal, setrlimit, setsid, umask,
};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};

use super::capabilities::give_up;
use super::cgroup;
use super::landlock_rules::{Fences, restrict};
use super::layer::{Layer, Standing};
use super::mounts::is_same;
use super::overlay_stack::folder_inside;
use super::private_root::DEVICES;
use super::seccomp_filter::{filter, put_on};
use super::stack::{PRIVATE_HOME, PRIVATE_TMP};
use super::syscalls::{default_signals, end, enter_own, execute};
use super::wire::{Begun, Ground, Order, Text, Walls};

/// Open files of a command.
const OPEN_FILES: u64 = 4096;

/// What becomes the command's own.
#[derive(Debug)]
pub(super) struct Belongings {
    pub(super) program: OwnedFd,
    pub(super) stdin: OwnedFd,
    pub(super) stdout: OwnedFd,
    pub(super) stderr: OwnedFd,
    /// Control groups to join, each with its layer.
    pub(super) doors: Vec<(Layer, File)>,
}

/// Becomes the command. It does what it can before there is a place for it, hears of that by `tell`, says there what
/// came of it, and closes it by becoming the command. `in_spaces` says whether it is in namespaces of its own.
pub(super) fn begin(order: &Order, belongings: &Belongings, in_spaces: bool, tell: &UnixStream) -> ! {
    let mut teller = tell;
    let mut say = |begun: &Begun| {
        let text = serde_json::to_vec(begun).unwrap_or_default();
        // nobody listens any more: then nothing is started either
        teller.write_all(&text).is_ok()
    };
    let mut early = Standing::default();
    let got_ready = get_ready(order, belongings, in_spaces, &mut early);
    let filter = filter(order.stack.network);
    // whoever would have said where it begins has found that it does not
    let Ok(ground) = hear_ground(tell) else { end(0) };
    let mut standing = ground.standing.standing();
    standing.absorb(&early);
    let ready = got_ready.and_then(|()| settle(order, belongings, &ground, &mut standing));
    let (program, path) = match ready {
        Ok(ready) => ready,
        Err(error) => {
            say(&Begun::Failed { message: error.to_string() });
            end(1)
        }
    };
    standing.record(Layer::Seccomp, put_on(filter));
    let released = released(tell, &mut standing);
    let missing = missing(order, &ground, &standing);
    if !missing.is_empty() {
        say(&Begun::Refused { missing, standing: Walls::of(&standing) });
        end(1)
    }
    if let Err(error) = released {
        say(&Begun::Failed { message: error.to_string() });
        end(1)
    }
    if !say(&Begun::Ready { standing: Walls::of(&standing) }) || order.only_try {
        end(0)
    }
    let error = start(order, &ground, program.as_fd(), &path);
    say(&Begun::Failed { message: format!("{}: {error}", order.program.path().display()) });
    end(127)
}

/// Tells the command's process where it begins.
pub(super) fn tell_ground(mut command: &UnixStream, ground: &Ground) -> io::Result<()> {
    let text = serde_json::to_vec(ground)?;
    let length = u32::try_from(text.len()).map_err(io::Error::other)?;
    gone_is_fine(command.write_all(&[&length.to_be_bytes(), text.as_slice()].concat()))
}

fn hear_ground(mut tell: &UnixStream) -> io::Result<Ground> {
    let mut length = [0; 4];
    tell.read_exact(&mut length)?;
    let mut text = vec![0; u32::from_be_bytes(length) as usize];
    tell.read_exact(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

/// Lets the command's process be the command, or tells it the number of the error that is in the way.
pub(super) fn release(mut command: &UnixStream, done: io::Result<()>) -> io::Result<()> {
    let errno = done.err().map_or(0, |error| error.raw_os_error().unwrap_or(libc::EIO));
    gone_is_fine(command.write_all(&errno.to_be_bytes()))
}

/// If it has ended already, it has said why.
fn gone_is_fine(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}

/// Waits until the root that it stands in is closed off.
fn released(mut tell: &UnixStream, standing: &mut Standing) -> io::Result<()> {
    let mut errno = [0; 4];
    tell.read_exact(&mut errno)?;
    let errno = i32::from_be_bytes(errno);
    if errno == 0 {
        return Ok(());
    }
    let error = io::Error::from_raw_os_error(errno);
    standing.fails(Layer::PrivateRoot, format!("the machine's own root can't be left: {error}"));
    Err(error)
}

/// A copy in a private root is as good as an overlay: the workspace can't be changed, and what is denied is not there.
fn missing(order: &Order, ground: &Ground, standing: &Standing) -> Vec<String> {
    let is_copy = order.stack.view == super::wire::View::Copy && ground.is_private;
    let mut missing = standing.missing(&order.demanded);
    missing.retain(|name| !(is_copy && name == Layer::OverlayWorkspace.name()));
    missing
}

/// All that needs no place.
fn get_ready(
    order: &Order,
    belongings: &Belongings,
    in_spaces: bool,
    standing: &mut Standing,
) -> io::Result<()> {
    let named =
        |what: &'static str| move |errno: rustix::io::Errno| io::Error::other(format!("{what}: {errno}"));
    set_parent_process_death_signal(Some(Signal::KILL))?;
    dup2_stdin(&belongings.stdin).map_err(named("standard input"))?;
    dup2_stdout(&belongings.stdout).map_err(named("standard output"))?;
    dup2_stderr(&belongings.stderr).map_err(named("standard error"))?;
    standing.record(Layer::NewSession, setsid().map(drop));
    umask(Mode::from_raw_mode(0o022));
    for (layer, door) in &belongings.doors {
        standing.record(*layer, cgroup::join(door));
    }
    if in_spaces && order.stack.network {
        standing.fails(Layer::NetworkNamespace, "the rule allows the machine's network");
    } else if in_spaces {
        let entered = enter_own(libc::CLONE_NEWNET);
        standing.record(
            Layer::NetworkNamespace,
            entered.map_err(|error| format!("the system refused it: {error}")),
        );
    }
    // where it lies in the machine's control groups is none of its business, and no wall
    let _ = enter_own(libc::CLONE_NEWCGROUP);
    Ok(())
}

/// Goes to where it begins, and gives up all that it could do elsewhere.
fn settle(
    order: &Order,
    belongings: &Belongings,
    ground: &Ground,
    standing: &mut Standing,
) -> io::Result<(OwnedFd, CString)> {
    let folder = folder_inside(&ground.workspace.path(), &order.cwd.path())
        .map_err(|error| io::Error::other(format!("`cwd`: {}: {error}", order.cwd.path().display())))?;
    fchdir(&folder)?;
    standing.record(Layer::ResourceLimits, limit(order, ground));
    let program = if ground.is_private {
        same_program(&order.program.path(), belongings.program.as_fd())?
    } else {
        belongings.program.try_clone()?
    };
    let user = ground.user.map(|(uid, gid)| (Uid::from_raw(uid), Gid::from_raw(gid)));
    standing.record(Layer::NoCapabilities, give_up(user));
    // after becoming another user, which forgets it
    set_parent_process_death_signal(Some(Signal::KILL))?;
    standing.record(Layer::NoNewPrivileges, rustix::thread::set_no_new_privs(true));
    restrict_files(order, ground, standing);
    if order.is_script {
        standing
            .fails(Layer::ProgramByDescriptor, "it is a script, which its interpreter opens again by name");
        Ok((program, c_text(order.program.path().into_os_string().into_encoded_bytes())?))
    } else {
        standing.stands(Layer::ProgramByDescriptor);
        Ok((program, CString::default()))
    }
}

fn start(order: &Order, ground: &Ground, program: BorrowedFd<'_>, path: &CStr) -> io::Error {
    let begin = || {
        let argv = order.argv.iter().map(|text| c_text(text.clone().into_bytes()));
        let argv: Vec<CString> = argv.collect::<io::Result<_>>()?;
        let variables = environment(order, ground);
        let env = variables.iter().map(|(name, value)| c_text(format!("{name}={value}").into_bytes()));
        let env: Vec<CString> = env.collect::<io::Result<_>>()?;
        default_signals();
        execute(program, path, &argv, &env)
    };
    match begin() {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

fn environment(order: &Order, ground: &Ground) -> BTreeMap<String, String> {
    let mut env = order.env.clone();
    if ground.is_private {
        env.insert("HOME".to_owned(), PRIVATE_HOME.to_owned());
        for name in ["TMPDIR", "TMP", "TEMP"] {
            env.insert(name.to_owned(), PRIVATE_TMP.to_owned());
        }
    } else {
        env.extend([order.marker.clone()]);
    }
    env
}

fn c_text(bytes: Vec<u8>) -> io::Result<CString> {
    CString::new(bytes).map_err(|_| io::Error::other("an argument or a variable holds a NUL"))
}

/// The program as the private root has it: the very file that was found outside.
fn same_program(path: &Path, held: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let unseen = || {
        io::Error::other(format!(
            "{}: it is not to be seen in the sandbox: neither a folder of the system nor one of the toolchains holds it",
            path.display()
        ))
    };
    let found = openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).map_err(|_| unseen())?;
    if is_same(&fstat(held)?, &fstat(&found)?) { Ok(found) } else { Err(unseen()) }
}

fn limit(order: &Order, ground: &Ground) -> io::Result<()> {
    let mut limits = vec![(Resource::Core, 0), (Resource::Nofile, OPEN_FILES)];
    // not the address space: it is reserved by the gigabyte and never used by some runtimes
    let wanted = [
        (Resource::Cpu, order.cpu_seconds),
        (Resource::Data, order.memory),
        (Resource::Fsize, order.file_bytes),
        // of a user in this namespace alone; outside of one it would count what the user runs elsewhere
        (Resource::Nproc, order.processes.filter(|_| ground.is_private).map(hard_wall)),
    ];
    limits.extend(wanted.into_iter().filter_map(|(resource, limit)| Some((resource, limit?))));
    for (resource, limit) in limits {
        let now = rustix::process::getrlimit(resource);
        // at the hard limit of processor time the kernel kills and does not say why: a second before, it says so
        let hard = if matches!(resource, Resource::Cpu) { limit.saturating_add(1) } else { limit };
        let [limit, hard] = [limit, hard].map(|limit| now.maximum.map_or(limit, |most| most.min(limit)));
        setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(hard) })?;
    }
    Ok(())
}

/// How many processes there can be before it is seen that there are too many.
pub(super) fn hard_wall(processes: u64) -> u64 {
    processes.saturating_mul(2).saturating_add(64)
}

fn restrict_files(order: &Order, ground: &Ground, standing: &mut Standing) {
    let (workspace, seen) = (ground.workspace.path(), ground.seen.iter().map(Text::path).collect::<Vec<_>>());
    let mut fences = Fences { network: order.stack.network, ..Fences::default() };
    fences.devices.extend(DEVICES.iter().map(Path::new));
    fences.write.push(&workspace);
    if ground.is_private {
        fences.read.push(Path::new("/"));
        fences.write.extend([PRIVATE_TMP, PRIVATE_HOME, "/dev/shm"].map(Path::new));
    } else {
        fences.read.extend(seen.iter().map(PathBuf::as_path));
        let own = ["HOME", "TMPDIR"].iter().filter_map(|name| order.env.get(*name));
        fences.write.extend(own.map(Path::new));
    }
    restrict(&fences, standing);
}
