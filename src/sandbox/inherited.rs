//! The one file with `unsafe`: descriptors that a process was born with have only numbers, and what a child does
//! between fork and exec can't be checked by the compiler.

#![expect(unsafe_code, reason = "raw descriptor numbers, and code between fork and exec")]
#![expect(clippy::disallowed_methods, reason = "the numbers are listed by /proc")]

use std::io;
use std::os::fd::{BorrowedFd, RawFd};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Resource, Rlimit, Signal, set_parent_process_death_signal, setrlimit, setsid};

/// Marks every descriptor but the first three to be closed when another program is executed, whoever opened it.
pub fn close_all_on_exec() -> io::Result<()> {
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let Some(number) = entry?.file_name().to_str().and_then(|name| name.parse::<RawFd>().ok()) else {
            continue;
        };
        if number > 2 {
            // SAFETY: the number was open when it was listed, nothing but this function runs, and a number that is
            // closed meanwhile only makes the call fail
            let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
            match fcntl_setfd(descriptor, FdFlags::CLOEXEC) {
                Ok(()) | Err(rustix::io::Errno::BADF) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
    Ok(())
}

/// Lets the command begin in a session of its own, under `limits`, and end with its parent.
pub(super) fn begin_confined(command: &mut Command, limits: Vec<(Resource, u64)>) {
    let begin = move || {
        setsid()?;
        set_parent_process_death_signal(Some(Signal::KILL))?;
        for (resource, limit) in &limits {
            setrlimit(*resource, Rlimit { current: Some(*limit), maximum: Some(*limit) })?;
        }
        Ok(())
    };
    // SAFETY: the closure makes system calls alone; it allocates nothing and takes no lock
    unsafe { command.pre_exec(begin) };
}
