//! What was promised is tried, before a run begins: what must fail fails, and what must work works. To be called on
//! another thread than the one that put up the walls, because walls that hold for one thread only are none.

#![expect(
    clippy::disallowed_methods,
    reason = "this file tries to open and to execute what the walls must refuse"
)]

use std::fs::{File, OpenOptions};
use std::os::fd::BorrowedFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, connect, socket};

use crate::effect::Confinement;

/// Files that nobody behind the walls opens: the first one is there on every system.
const OUTSIDE: [&str; 3] = ["/", "/etc/hostname", "/dev/tty"];

/// Folders in which anybody may make files, on most systems.
const WRITABLE: [&str; 2] = ["/tmp", "/dev/shm"];

/// Each promise of `confinement` that does not hold, as a sentence. `inherited` is any socket.
pub fn broken_promises(confinement: &Confinement, inherited: BorrowedFd<'_>) -> Vec<String> {
    let promised = |name: &str| confinement.layers.iter().any(|layer| layer.name == name && layer.in_force);
    let mut broken = Vec::new();
    if promised("landlock") {
        let opened = OUTSIDE.iter().filter(|path| File::open(path).is_ok());
        broken.extend(opened.map(|path| format!("`{path}` can be opened")));
        // a file without a name: where the wall does not hold, nothing is left
        let flags = rustix::fs::OFlags::TMPFILE.bits().cast_signed();
        let made = WRITABLE
            .iter()
            .filter(|folder| OpenOptions::new().write(true).custom_flags(flags).open(folder).is_ok());
        broken.extend(made.map(|folder| format!("files can be made in `{folder}`")));
    }
    if promised("seccomp") {
        broken.extend(calls_that_are_there(inherited));
    }
    broken
}

fn calls_that_are_there(inherited: BorrowedFd<'_>) -> Vec<String> {
    // a folder is no program: where executing is possible, this fails in another way
    let executed = Command::new("/").exec();
    let executed = executed.raw_os_error() == Some(Errno::NOSYS.raw_os_error());
    let made = socket(AddressFamily::INET, SocketType::STREAM, None).err() == Some(Errno::NOSYS);
    let connected =
        SocketAddrUnix::new("/").and_then(|address| connect(inherited, &address)).err() == Some(Errno::NOSYS);
    let tried = [
        (executed, "programs can be executed"),
        (made, "sockets can be made"),
        (connected, "it can connect"),
    ];
    tried.into_iter().filter(|(refused, _)| !refused).map(|(_, what)| what.to_owned()).collect()
}
