//! What an attacker inside of the sandbox tries. Each attack says in one line how it went.

use std::fs;
use std::io;
use std::os::unix::net::UnixStream;

fn outcome(result: i64) -> String {
    if result >= 0 { "DONE".to_owned() } else { errno() }
}

fn errno() -> String {
    match io::Error::last_os_error().raw_os_error() {
        Some(libc::EPERM) => "EPERM".to_owned(),
        Some(libc::EACCES) => "EACCES".to_owned(),
        Some(libc::ENOSYS) => "ENOSYS".to_owned(),
        Some(libc::ENOENT) => "ENOENT".to_owned(),
        other => format!("{other:?}"),
    }
}

fn call(number: i64, arguments: [u64; 5]) -> String {
    let [a, b, c, d, e] = arguments;
    // SAFETY: an attacker's call; every pointer among the arguments is null or to a static text
    outcome(unsafe { libc::syscall(number, a, b, c, d, e) })
}

fn text(text: &'static std::ffi::CStr) -> u64 {
    text.as_ptr() as u64
}

fn socket(family: i32, kind: i32) -> String {
    call(libc::SYS_socket, [family as u64, kind as u64, 0, 0, 0])
}

/// One line for each call, so that one start of the program tries many.
fn all(calls: &[(&str, String)]) -> String {
    calls.iter().map(|(name, told)| format!("{name}={told}")).collect::<Vec<_>>().join(" ")
}

fn open_for_writing(path: &str) -> String {
    match fs::OpenOptions::new().write(true).open(path) {
        Ok(_) => "DONE".to_owned(),
        Err(error) => format!("{:?}", error.kind()),
    }
}

fn read(path: &str) -> String {
    match fs::read(path) {
        Ok(_) => "DONE".to_owned(),
        Err(error) => format!("{:?}", error.kind()),
    }
}

/// Plays the attack of that name.
pub fn play(name: &str) -> String {
    by_calls(name).or_else(|| on_things(name)).unwrap_or_else(|| format!("there is no attack {name}"))
}

/// Attacks by calls that no command needs.
fn by_calls(name: &str) -> Option<String> {
    Some(match name {
        "namespaces" => all(&[
            ("user", call(libc::SYS_unshare, [libc::CLONE_NEWUSER as u64, 0, 0, 0, 0])),
            ("mount", call(libc::SYS_unshare, [libc::CLONE_NEWNS as u64, 0, 0, 0, 0])),
            ("time", call(libc::SYS_unshare, [0x80, 0, 0, 0, 0])),
            ("high", call(libc::SYS_unshare, [(1 << 40) | libc::CLONE_NEWUSER as u64, 0, 0, 0, 0])),
            ("clone", call(libc::SYS_clone, [(libc::CLONE_NEWUSER | libc::SIGCHLD) as u64, 0, 0, 0, 0])),
            ("setns", call(libc::SYS_setns, [0, 0, 0, 0, 0])),
            ("clone3", call(libc::SYS_clone3, [0, 0, 0, 0, 0])),
        ]),
        "mounts" => all(&[
            ("mount", call(libc::SYS_mount, [text(c"none"), text(c"/tmp"), text(c"tmpfs"), 0, 0])),
            ("umount", call(libc::SYS_umount2, [text(c"/usr"), 2, 0, 0, 0])),
            ("fsopen", call(libc::SYS_fsopen, [text(c"tmpfs"), 0, 0, 0, 0])),
            ("open_tree", call(libc::SYS_open_tree, [0, text(c"/"), 1, 0, 0])),
            ("open_tree_attr", call(467, [0, text(c"/"), 1, 0, 0])),
            ("pivot_root", call(libc::SYS_pivot_root, [text(c"."), text(c"."), 0, 0, 0])),
            ("chroot", call(libc::SYS_chroot, [text(c"/tmp"), 0, 0, 0, 0])),
        ]),
        "kernel" => all(&[
            ("ptrace", call(libc::SYS_ptrace, [16, 1, 0, 0, 0])),
            ("vm_read", call(libc::SYS_process_vm_readv, [1, 0, 0, 0, 0])),
            ("vm_write", call(libc::SYS_process_vm_writev, [1, 0, 0, 0, 0])),
            ("keyctl", call(libc::SYS_keyctl, [0, 0, 0, 0, 0])),
            ("add_key", call(libc::SYS_add_key, [text(c"user"), text(c"x"), text(c"y"), 1, 0])),
            ("bpf", call(libc::SYS_bpf, [0, 0, 0, 0, 0])),
            ("perf", call(libc::SYS_perf_event_open, [0, 0, 0, 0, 0])),
            ("userfaultfd", call(libc::SYS_userfaultfd, [0, 0, 0, 0, 0])),
            ("handle", call(libc::SYS_open_by_handle_at, [0, 0, 0, 0, 0])),
            ("io_uring", call(libc::SYS_io_uring_setup, [1, 0, 0, 0, 0])),
            ("unknown", call(2000, [0, 0, 0, 0, 0])),
        ]),
        "x32" => call(libc::SYS_getpid | 0x4000_0000, [0, 0, 0, 0, 0]),
        "foreign" => foreign_call(),
        "sockets" => all(&[
            ("inet", socket(libc::AF_INET, libc::SOCK_STREAM)),
            ("udp", socket(libc::AF_INET6, libc::SOCK_DGRAM)),
            ("raw", socket(libc::AF_INET, libc::SOCK_RAW)),
            ("netlink", socket(libc::AF_NETLINK, libc::SOCK_RAW)),
            ("packet", socket(libc::AF_PACKET, libc::SOCK_RAW)),
            ("vsock", socket(libc::AF_VSOCK, libc::SOCK_STREAM)),
            ("alg", socket(libc::AF_ALG, libc::SOCK_SEQPACKET)),
            ("unix", socket(libc::AF_UNIX, libc::SOCK_STREAM)),
            ("pair", if UnixStream::pair().is_ok() { "DONE".to_owned() } else { errno() }),
        ]),
        _ => return None,
    })
}

/// Attacks on files, terminals and other processes.
fn on_things(name: &str) -> Option<String> {
    Some(match name {
        "terminal" => all(&[
            ("sti", call(libc::SYS_ioctl, [0, 0x5412, text(c"y"), 0, 0])),
            ("high", call(libc::SYS_ioctl, [0, (1 << 32) | 0x5412, text(c"y"), 0, 0])),
            ("linux", call(libc::SYS_ioctl, [0, 0x541C, text(c"\x02"), 0, 0])),
        ]),
        "files" => all(&[
            ("make", fs::write("/tmp/tool", "x").map_or_else(|_| errno(), |()| "DONE".to_owned())),
            ("setuid", call(libc::SYS_fchmodat, [libc::AT_FDCWD as u64, text(c"/tmp/tool"), 0o4755, 0, 0])),
            ("mode", call(libc::SYS_fchmodat, [libc::AT_FDCWD as u64, text(c"/tmp/tool"), 0o755, 0, 0])),
            ("create", {
                let flags = (libc::O_CREAT | libc::O_WRONLY) as u64;
                call(libc::SYS_openat, [libc::AT_FDCWD as u64, text(c"/tmp/other"), flags, 0o4755, 0])
            }),
            ("device", {
                let kind = u64::from(libc::S_IFCHR | 0o666);
                call(libc::SYS_mknodat, [libc::AT_FDCWD as u64, text(c"/tmp/null"), kind, 0x103, 0])
            }),
            ("fifo", {
                let kind = u64::from(libc::S_IFIFO | 0o666);
                call(libc::SYS_mknodat, [libc::AT_FDCWD as u64, text(c"/tmp/fifo"), kind, 0, 0])
            }),
        ]),
        "first" => all(&[
            ("mem", open_for_writing("/proc/1/mem")),
            ("root", read("/proc/1/root/etc/passwd")),
            ("environ", read("/proc/1/environ")),
            (
                "fd",
                match fs::read_dir("/proc/1/fd") {
                    Ok(_) => "DONE".to_owned(),
                    Err(error) => format!("{:?}", error.kind()),
                },
            ),
            ("kill", {
                // SAFETY: no memory is touched
                let done = unsafe { libc::kill(1, libc::SIGKILL) };
                if done == 0 { "SENT".to_owned() } else { errno() }
            }),
        ]),
        "writes" => all(&[
            ("root", fs::write("/x", "x").map_or_else(|_| errno(), |()| "DONE".to_owned())),
            ("usr", fs::write("/usr/x", "x").map_or_else(|_| errno(), |()| "DONE".to_owned())),
            ("etc", fs::write("/etc/passwd", "x").map_or_else(|_| errno(), |()| "DONE".to_owned())),
            ("pattern", open_for_writing("/proc/sys/kernel/core_pattern")),
            ("sysrq", open_for_writing("/proc/sysrq-trigger")),
            ("self", open_for_writing("/proc/self/mem")),
            ("tmp", fs::write("/tmp/x", "x").map_or_else(|_| errno(), |()| "DONE".to_owned())),
        ]),
        "reads" => all(&[
            ("shadow", read("/etc/shadow")),
            ("sys", read("/sys/kernel/mm/transparent_hugepage/enabled")),
            ("kmsg", read("/dev/kmsg")),
            ("maps", read("/proc/kallsyms")),
            ("usr", read("/usr/bin/env")),
        ]),
        "tcp" => match std::net::TcpListener::bind("0.0.0.0:0") {
            Ok(_) => "bind=DONE".to_owned(),
            Err(_) => format!("bind={}", errno()),
        },
        "abstract" => {
            use std::os::linux::net::SocketAddrExt as _;
            let name = std::os::unix::net::SocketAddr::from_abstract_name("lgflow-test-outside").unwrap();
            match UnixStream::connect_addr(&name) {
                Ok(_) => "DONE".to_owned(),
                Err(error) => format!("{:?}", error.kind()),
            }
        }
        _ => return None,
    })
}

#[cfg(target_arch = "x86_64")]
fn foreign_call() -> String {
    let result: i32;
    // SAFETY: getpid as a 32-bit program asks for it: it touches no memory
    unsafe {
        std::arch::asm!("int 0x80", inlateout("eax") 20 => result, out("r8") _, out("r9") _, out("r10") _, out("r11") _);
    }
    format!("DONE {result}")
}

#[cfg(not(target_arch = "x86_64"))]
fn foreign_call() -> String {
    "ended with 159".to_owned()
}
