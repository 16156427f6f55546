//! Seccomp: the system calls that a command never needs and an attacker does. What is asked for is refused with an
//! error; another architecture's calls end the process. Knows no file and no policy but whether there is a network.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter, sock_filter,
};

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
const NEW_TIME: u64 = 0x80;

/// Terminal calls that put words into somebody else's mouth.
const TERMINAL: [u64; 2] = [0x5412, 0x541C];

/// Puts the filter on this process and all that it will start.
pub(super) fn put_on(network: bool) -> Result<(), String> {
    let program = filter(network).map_err(|error| error.to_string())?;
    apply_filter(&program).map_err(|error| error.to_string())
}

/// Puts the filter on the first process of a command's namespaces, when the command has begun: it starts nothing more,
/// makes no socket, and mounts nothing.
pub(super) fn put_on_first() -> Result<(), String> {
    let mut rules = refused(false).map_err(|error| error.to_string())?;
    for call in [libc::SYS_execve, libc::SYS_execveat, libc::SYS_clone, libc::SYS_socket] {
        rules.insert(call, Vec::new());
    }
    let program = program(rules, libc::EPERM).map_err(|error| error.to_string())?;
    apply_filter(&program).map_err(|error| error.to_string())
}

type Error = seccompiler::BackendError;

fn filter(network: bool) -> Result<BpfProgram, Error> {
    let refused = program(refused(network)?, libc::EPERM)?;
    let unknown = program(UNKNOWN.iter().map(|&call| (call, Vec::new())).collect(), libc::ENOSYS)?;
    Ok(one_after_the_other(refused, unknown))
}

fn program(rules: BTreeMap<i64, Vec<SeccompRule>>, errno: i32) -> Result<BpfProgram, Error> {
    let error = SeccompAction::Errno(errno.unsigned_abs());
    let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
    SeccompFilter::new(rules, SeccompAction::Allow, error, architecture)?.try_into()
}

/// What the first lets through is asked of the second; between them, numbers that are not known are no calls. Those
/// of the x32 architecture are such numbers, and would pass for calls of their own otherwise.
fn one_after_the_other(mut first: BpfProgram, second: BpfProgram) -> BpfProgram {
    // it ends with letting through what matched nothing
    first.pop();
    let statement = |code: u32, k: u32, jt, jf| sock_filter { code: code as u16, jt, jf, k };
    let unknown = libc::SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs();
    first.extend([
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        statement(libc::BPF_JMP | libc::BPF_JGT | libc::BPF_K, NEWEST, 0, 1),
        statement(libc::BPF_RET | libc::BPF_K, unknown, 0, 0),
    ]);
    first.extend(second);
    first
}

fn refused(network: bool) -> Result<BTreeMap<i64, Vec<SeccompRule>>, Error> {
    let always = REFUSED.iter().chain(OF_THE_PROCESSOR);
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = always.map(|&call| (call, Vec::new())).collect();
    let bits = |bits: u64| has_bits(0, bits);
    let mut namespaces = Vec::new();
    for flag in NAMESPACES {
        namespaces.push(rule(bits(u64::from(flag.unsigned_abs()))?)?);
    }
    rules.insert(libc::SYS_clone, namespaces.clone());
    namespaces.push(rule(bits(NEW_TIME)?)?);
    rules.insert(libc::SYS_unshare, namespaces);
    let mut terminal = Vec::new();
    for request in TERMINAL {
        terminal.push(rule(equals(1, request)?)?);
    }
    rules.insert(libc::SYS_ioctl, terminal);
    rules.insert(libc::SYS_socket, sockets(network)?);
    // a pair is no way out, whatever it is a pair of; of these families there is none anyway
    rules.insert(libc::SYS_socketpair, vec![rule(unequal(0, libc::AF_UNIX)?)?]);
    for (call, mode, flags) in makers() {
        rules.insert(call, files(mode, flags)?);
    }
    for (call, mode) in nodes() {
        let kind = |kind: u32| masked(mode, u64::from(libc::S_IFMT), u64::from(kind));
        rules.insert(call, vec![rule(kind(libc::S_IFCHR)?)?, rule(kind(libc::S_IFBLK)?)?, setuid(mode)?]);
    }
    Ok(rules)
}

/// Families of sockets that may not be made: with a network all but its two and the local one, without it all but that.
fn sockets(network: bool) -> Result<Vec<SeccompRule>, Error> {
    let mut allowed = vec![libc::AF_UNIX];
    if network {
        allowed.extend([libc::AF_INET, libc::AF_INET6]);
    }
    let others: Result<Vec<SeccompCondition>, Error> =
        allowed.iter().map(|&family| unequal(0, family)).collect();
    let mut rules = vec![SeccompRule::new(others?)?];
    if network {
        // packets of one's own making
        rules.push(rule(masked(1, 0xf, u64::from(libc::SOCK_RAW.unsigned_abs()))?)?);
    }
    Ok(rules)
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

fn files(mode: u8, flags: Option<u8>) -> Result<Vec<SeccompRule>, Error> {
    let Some(flags) = flags else { return Ok(vec![setuid(mode)?]) };
    // the permissions mean something only where a file is made
    let create = u64::from(libc::O_CREAT.unsigned_abs());
    Ok(vec![SeccompRule::new(vec![has_bits(flags, create)?, has_bits(mode, SETUID)?])?])
}

const SETUID: u64 = 0o4000;

fn setuid(mode: u8) -> Result<SeccompRule, Error> {
    rule(has_bits(mode, SETUID)?)
}

fn rule(condition: SeccompCondition) -> Result<SeccompRule, Error> {
    SeccompRule::new(vec![condition])
}

fn has_bits(argument: u8, bits: u64) -> Result<SeccompCondition, Error> {
    masked(argument, bits, bits)
}

/// The kernel takes the low half of these arguments alone, and so do we.
fn masked(argument: u8, mask: u64, value: u64) -> Result<SeccompCondition, Error> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(mask), value)
}

fn equals(argument: u8, value: u64) -> Result<SeccompCondition, Error> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
}

fn unequal(argument: u8, family: libc::c_int) -> Result<SeccompCondition, Error> {
    let value = u64::from(family.unsigned_abs());
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, value)
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
            assert_eq!(program.last().map(|last| last.k), Some(libc::SECCOMP_RET_ALLOW));
        }
    }
}
