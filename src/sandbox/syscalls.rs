//! The one file with `unsafe`: the system calls of the walls that no crate wraps. Each function is one of them; what
//! they are for is said where they are called.

#![expect(unsafe_code, reason = "processes that share no memory, and calls that no crate wraps")]

use std::convert::Infallible;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};

use rustix::process::Pid;

/// Marks every descriptor but the first three to be closed when another program is executed, whoever opened it.
pub fn close_all_on_exec() -> io::Result<()> {
    // SAFETY: no descriptor is closed by this, and none is used after another program is executed
    let done = unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Closes every descriptor but the first three. To be called before this program has opened one of its own: what is
/// closed was handed down by whoever started it, meant or not.
pub(super) fn close_inherited() -> io::Result<()> {
    // SAFETY: no descriptor that anything here owns is closed by this, since nothing was opened yet
    let done = unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, 0_u32) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A process like this one, in new namespaces where `flags` name some; `None` in the new one. It has the memory of
/// this one as it is now, and not one of its other threads, so there must be none that matters.
pub(super) fn fork(flags: libc::c_int) -> io::Result<Option<Pid>> {
    let flags = i64::from(flags) | i64::from(libc::SIGCHLD);
    // SAFETY: without CLONE_VM and with no stack given this is a fork: parent and child go on with memory of their own.
    // A helper is started to be one thread, which holds no lock here.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0_usize, 0_usize, 0_usize, 0_usize) };
    match i32::try_from(pid) {
        Ok(0) => Ok(None),
        Ok(pid) if pid > 0 => Ok(Pid::from_raw(pid)),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Moves this process, and what it will start, into a new namespace of a kind that is not one of users or processes.
pub(super) fn enter_own(kind: libc::c_int) -> io::Result<()> {
    // SAFETY: it touches no memory and no descriptor
    let done = unsafe { libc::unshare(kind) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Ends this process without a word to the libraries that it was forked with.
pub(super) fn end(code: i32) -> ! {
    // SAFETY: nothing is run at exit, and that is what is wanted
    unsafe { libc::_exit(code) }
}

/// Gives back the default way to take a signal that the start of our program had changed.
pub(super) fn default_signals() {
    // SAFETY: no handler of ours is installed for it, so none can be cut off
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}

/// Executes the file that `program` holds, or the one at `path` where that is empty; only an error comes back.
pub(super) fn execute(
    program: BorrowedFd<'_>,
    path: &CStr,
    argv: &[CString],
    env: &[CString],
) -> io::Result<Infallible> {
    let pointers = |texts: &[CString]| {
        let mut list: Vec<*const libc::c_char> = texts.iter().map(|text| text.as_ptr()).collect();
        list.push(std::ptr::null());
        list
    };
    let (arguments, variables) = (pointers(argv), pointers(env));
    let flags = if path.is_empty() { libc::AT_EMPTY_PATH } else { 0 };
    // SAFETY: both lists end with a null pointer, and the texts that they point to live until the call returns
    unsafe {
        libc::syscall(
            libc::SYS_execveat,
            program.as_raw_fd(),
            path.as_ptr(),
            arguments.as_ptr(),
            variables.as_ptr(),
            flags,
        )
    };
    Err(io::Error::last_os_error())
}

/// Adds attributes (`MOUNT_ATTR_…`) to the mount that `mount` holds, or to those beneath it as well.
pub(super) fn add_mount_attributes(mount: BorrowedFd<'_>, attributes: u64, beneath: bool) -> io::Result<()> {
    let change = libc::mount_attr { attr_set: attributes, attr_clr: 0, propagation: 0, userns_fd: 0 };
    let flags = libc::AT_EMPTY_PATH | if beneath { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the structure lives until the call returns, and its true size is given
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const change,
            size_of::<libc::mount_attr>(),
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Ends every other process of this PID namespace, of which this must be the first.
pub(super) fn end_all_others() -> io::Result<()> {
    // SAFETY: it touches no memory; every process but the first of the namespace gets the signal
    let done = unsafe { libc::kill(-1, libc::SIGKILL) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
