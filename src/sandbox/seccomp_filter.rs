//! Seccomp: the system calls that a command never needs and an attacker does. What is asked for is refused with an
//! error; another architecture's calls end the process. Knows no file and no policy but whether there is a network.

use std::collections::BTreeMap;

use seccompiler::{apply_filter, sock_filter};

use super::call_tree::{Answer, Condition, program};

/// Calls that are refused whatever their arguments.
const REFUSED: &[i64] = &[
    // other namespaces and other roots
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    OPEN_TREE_ATTR,
    // other processes
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    // keys
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    // the kernel
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_reboot,
    libc::SYS_syslog,
    libc::SYS_acct,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_lookup_dcookie,
    libc::SYS_nfsservctl,
    libc::SYS_vhangup,
    libc::SYS_fanotify_init,
    // files by another way than their path
    libc::SYS_open_by_handle_at,
    // memory of other nodes
    libc::SYS_move_pages,
    libc::SYS_migrate_pages,
    // queues that no filter sees into
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
];

/// Calls of one architecture that reach into the processor's own tables.
#[cfg(target_arch = "x86_64")]
const OF_THE_PROCESSOR: &[i64] = &[libc::SYS_modify_ldt, libc::SYS_iopl, libc::SYS_ioperm];
#[cfg(not(target_arch = "x86_64"))]
const OF_THE_PROCESSOR: &[i64] = &[];

/// `open_tree` with attributes, which came with Linux 6.15.
const OPEN_TREE_ATTR: i64 = 467;

/// Calls whose callers know what to do where the kernel does not have them.
const UNKNOWN: &[i64] = &[libc::SYS_clone3, libc::SYS_io_uring_setup];

/// The newest call that was looked at; later ones are told apart by nobody here.
const NEWEST: u32 = 469;

/// Flags that ask for a new namespace. The last is one of `unshare` alone: a signal's number for `clone`.
const NAMESPACES: [libc::c_int; 7] = [
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWCGROUP,
];
const NEW_TIME: u32 = 0x80;

/// Terminal calls that put words into somebody else's mouth.
const TERMINAL: [u32; 2] = [0x5412, 0x541C];

/// Puts a filter on this process and all that it will start.
pub(super) fn put_on(filter: Result<Vec<sock_filter>, String>) -> Result<(), String> {
    apply_filter(&filter?).map_err(|error| error.to_string())
}

/// The filter for the first process of a command's namespaces, when the command has begun: it starts nothing more, makes
/// no socket, and mounts nothing.
pub(super) fn filter_of_first() -> Result<Vec<sock_filter>, String> {
    let mut answers = answers(false);
    for call in [libc::SYS_execve, libc::SYS_execveat, libc::SYS_clone, libc::SYS_socket] {
        answers.insert(number(call), REFUSAL);
    }
    program(&answers, NEWEST)
}

/// The filter for a command.
pub(super) fn filter(network: bool) -> Result<Vec<sock_filter>, String> {
    program(&answers(network), NEWEST)
}

/// What most calls are refused with.
const REFUSAL: Answer = Answer::Error(libc::EPERM);

/// The C library's constants are as wide as its arguments; the kernel's numbers are small.
fn number(call: i64) -> u32 {
    u32::try_from(call).unwrap_or(u32::MAX)
}

fn answers(network: bool) -> BTreeMap<u32, Answer> {
    let always = REFUSED.iter().chain(OF_THE_PROCESSOR).map(|&call| (number(call), REFUSAL));
    let mut answers: BTreeMap<u32, Answer> = always.collect();
    answers.extend(UNKNOWN.iter().map(|&call| (number(call), Answer::Error(libc::ENOSYS))));
    let mut refuse_if = |call: i64, lists: Vec<Vec<Condition>>| {
        answers.insert(number(call), Answer::ErrorIf(libc::EPERM, lists));
    };
    let namespaces = NAMESPACES.iter().map(|flag| flag.unsigned_abs());
    refuse_if(libc::SYS_clone, namespaces.clone().map(|flag| vec![has_bits(0, flag)]).collect());
    let namespaces = namespaces.chain([NEW_TIME]);
    refuse_if(libc::SYS_unshare, namespaces.map(|flag| vec![has_bits(0, flag)]).collect());
    refuse_if(libc::SYS_ioctl, TERMINAL.iter().map(|&request| vec![equals(1, request)]).collect());
    refuse_if(libc::SYS_socket, sockets(network));
    // a pair is no way out, whatever it is a pair of; of these families there is none anyway
    refuse_if(libc::SYS_socketpair, vec![vec![unequal(0, libc::AF_UNIX)]]);
    for (call, mode, flags) in makers() {
        refuse_if(call, vec![files(mode, flags)]);
    }
    for (call, mode) in nodes() {
        let kind = |kind: u32| vec![masked(mode, libc::S_IFMT, kind)];
        refuse_if(call, vec![kind(libc::S_IFCHR), kind(libc::S_IFBLK), vec![has_bits(mode, SETUID)]]);
    }
    answers
}

/// Families of sockets that may not be made: with a network all but its two and the local one, without it all but that.
fn sockets(network: bool) -> Vec<Vec<Condition>> {
    let mut allowed = vec![libc::AF_UNIX];
    if network {
        allowed.extend([libc::AF_INET, libc::AF_INET6]);
    }
    let mut lists = vec![allowed.into_iter().map(|family| unequal(0, family)).collect()];
    if network {
        // packets of one's own making
        lists.push(vec![masked(1, 0xf, libc::SOCK_RAW.unsigned_abs())]);
    }
    lists
}

/// Calls that give a file its permissions: which argument these are, and which one says whether a file is made.
fn makers() -> Vec<(i64, u8, Option<u8>)> {
    let mut calls = vec![
        (libc::SYS_fchmod, 1, None),
        (libc::SYS_fchmodat, 2, None),
        (libc::SYS_fchmodat2, 2, None),
        (libc::SYS_openat, 3, Some(2)),
    ];
    #[cfg(target_arch = "x86_64")]
    calls.extend([(libc::SYS_chmod, 1, None), (libc::SYS_open, 2, Some(1)), (libc::SYS_creat, 1, None)]);
    calls
}

/// Calls that make a file of any kind, and the argument that says which.
fn nodes() -> Vec<(i64, u8)> {
    #[cfg(target_arch = "x86_64")]
    return vec![(libc::SYS_mknod, 1), (libc::SYS_mknodat, 2)];
    #[cfg(not(target_arch = "x86_64"))]
    return vec![(libc::SYS_mknodat, 2)];
}

fn files(mode: u8, flags: Option<u8>) -> Vec<Condition> {
    // the permissions mean something only where a file is made
    let create = flags.map(|flags| has_bits(flags, libc::O_CREAT.unsigned_abs()));
    create.into_iter().chain([has_bits(mode, SETUID)]).collect()
}

const SETUID: u32 = 0o4000;

fn has_bits(argument: u8, bits: u32) -> Condition {
    masked(argument, bits, bits)
}

fn masked(argument: u8, mask: u32, value: u32) -> Condition {
    Condition { argument, mask, value, is_equal: true }
}

fn equals(argument: u8, value: u32) -> Condition {
    masked(argument, u32::MAX, value)
}

fn unequal(argument: u8, family: libc::c_int) -> Condition {
    Condition { is_equal: false, ..equals(argument, family.unsigned_abs()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_fits_and_holds_both_errors() {
        for network in [false, true] {
            let program = filter(network).unwrap();
            assert!(program.len() < 1000, "{}", program.len());
            let returns = |value: u32| program.iter().any(|one| one.code == 6 && one.k == value);
            for errno in [libc::EPERM, libc::ENOSYS] {
                assert!(returns(libc::SECCOMP_RET_ERRNO | errno.unsigned_abs()));
            }
            assert!(returns(libc::SECCOMP_RET_KILL_PROCESS) && returns(libc::SECCOMP_RET_ALLOW));
        }
    }
}
