//! What was promised is tried, before a run begins: what must fail fails, and what must work works. To be called on
//! another thread than the one that put up the walls, because walls that hold for one thread only are none.

#![expect(
    clippy::disallowed_methods,
    reason = "this file tries to open and to execute what the walls must refuse"
)]

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::BorrowedFd;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, connect, socket};

use crate::effect::Confinement;

/// Files that nobody behind the walls opens: the first one is there on every system.
const OUTSIDE: [&str; 3] = ["/", "/etc/hostname", "/dev/tty"];

/// Each promise of `confinement` that does not hold, as a sentence. `inherited` is any socket.
pub fn broken_promises(confinement: &Confinement, inherited: BorrowedFd<'_>) -> Vec<String> {
    let promised = |name: &str| confinement.layers.iter().any(|layer| layer.name == name && layer.in_force);
    let mut broken = Vec::new();
    if promised("landlock") {
        let opened = OUTSIDE.iter().filter(|path| File::open(path).is_ok());
        broken.extend(opened.map(|path| format!("`{path}` can be opened")));
    }
    if promised("seccomp") {
        broken.extend(calls_that_are_there(inherited));
    }
    broken
}

/// Writes in the folder that may be written in, and takes it away again. Walls that are in the way refuse it as not
/// permitted; any other error is one of the disk.
pub fn try_to_write(folder: &Path) -> io::Result<()> {
    let path = folder.join(".self-test");
    let written =
        OpenOptions::new().create(true).append(true).open(&path).and_then(|mut file| file.write_all(b"\n"));
    let removed = fs::remove_file(&path);
    written.and(removed)
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
