//! The system calls that an interpreter has. A list of what it needs, and not of what is known to be dangerous: to
//! everything else the kernel answers that there is no such call, so that the C library takes its older ways. What is
//! not on it: executing, sockets, connecting, tracing, other processes' memory, mounting, namespaces, keyrings, bpf,
//! `io_uring`, opening by handle, making, renaming and removing files, signals to others, memory that can be executed, and every `ioctl` of a terminal.

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter_all_threads,
};

/// Calls without a condition.
const PLAIN: &[i64] = &[
    // descriptors and files; what can be opened is Landlock's business
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_pwrite64,
    libc::SYS_lseek,
    libc::SYS_close,
    libc::SYS_fcntl,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_openat,
    libc::SYS_getdents64,
    // the inherited sockets; a pair of new ones leads nowhere
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_shutdown,
    libc::SYS_socketpair,
    libc::SYS_getsockopt,
    // waiting
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_eventfd2,
    libc::SYS_ppoll,
    libc::SYS_futex,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_clock_gettime,
    libc::SYS_gettimeofday,
    libc::SYS_restart_syscall,
    // memory
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    // threads and signals of its own
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_geteuid,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_membarrier,
    libc::SYS_sigaltstack,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_getrandom,
];

/// Older forms of the same calls, which newer architectures do not have.
#[cfg(target_arch = "x86_64")]
const OLDER: &[i64] =
    &[libc::SYS_open, libc::SYS_stat, libc::SYS_lstat, libc::SYS_epoll_wait, libc::SYS_poll, libc::SYS_time];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[i64] = &[];

/// What a process needs beside them that answers at a socket which listens already.
pub(super) const LISTENING: &[i64] =
    &[libc::SYS_accept4, libc::SYS_getsockname, libc::SYS_getpeername, libc::SYS_setsockopt];

/// A name for memory, which the C library gives to its own (`PR_SET_VMA`).
const NAME_MEMORY: u64 = 0x5356_4d41;

/// Takes away every other call, from every thread; `further` are allowed as well. The message says why that is not possible.
pub(super) fn refuse_other_calls(further: &[i64]) -> Result<(), String> {
    let program = program(further).map_err(|error| error.to_string())?;
    apply_filter_all_threads(&program).map_err(|error| error.to_string())
}

fn program(further: &[i64]) -> Result<BpfProgram, BackendError> {
    let plain = PLAIN.iter().chain(OLDER).chain(further).map(|&call| (call, Vec::new()));
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = plain.collect();
    rules.extend(conditional()?);
    let no_such_call = SeccompAction::Errno(libc::ENOSYS.cast_unsigned());
    let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
    SeccompFilter::new(rules, no_such_call, SeccompAction::Allow, architecture)?.try_into()
}

fn conditional() -> Result<Vec<(i64, Vec<SeccompRule>)>, BackendError> {
    let own = u64::from(std::process::id());
    let thread = libc::CLONE_THREAD.cast_unsigned().into();
    let executable = libc::PROT_EXEC.cast_unsigned().into();
    let set_name = libc::PR_SET_NAME.cast_unsigned().into();
    Ok(vec![
        // threads, and no processes; `clone3` has its flags where no filter sees them
        (libc::SYS_clone, vec![masked(0, thread, thread)?]),
        (libc::SYS_mmap, vec![masked(2, executable, 0)?]),
        (libc::SYS_mprotect, vec![masked(2, executable, 0)?]),
        (libc::SYS_ioctl, vec![equal(1, libc::FIONBIO)?]),
        (libc::SYS_prctl, vec![equal(0, set_name)?, equal(0, NAME_MEMORY)?]),
        // to ask, not to set
        (libc::SYS_prlimit64, vec![equal(2, 0)?]),
        (libc::SYS_tgkill, vec![equal(0, own)?]),
    ])
}

fn masked(argument: u8, mask: u64, value: u64) -> Result<SeccompRule, BackendError> {
    let compare = SeccompCmpOp::MaskedEq(mask);
    SeccompRule::new(vec![SeccompCondition::new(argument, SeccompCmpArgLen::Qword, compare, value)?])
}

fn equal(argument: u8, value: u64) -> Result<SeccompRule, BackendError> {
    let compare = SeccompCmpOp::Eq;
    SeccompRule::new(vec![SeccompCondition::new(argument, SeccompCmpArgLen::Qword, compare, value)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_must_be_refused_is_on_no_list() {
        let conditional: Vec<i64> = conditional().unwrap().into_iter().map(|(call, _)| call).collect();
        for call in [
            libc::SYS_execve,
            libc::SYS_execveat,
            libc::SYS_socket,
            libc::SYS_connect,
            libc::SYS_bind,
            libc::SYS_listen,
            libc::SYS_accept4,
            libc::SYS_ptrace,
            libc::SYS_process_vm_readv,
            libc::SYS_process_vm_writev,
            libc::SYS_io_uring_setup,
            libc::SYS_mount,
            libc::SYS_move_mount,
            libc::SYS_open_tree,
            libc::SYS_fsopen,
            libc::SYS_umount2,
            libc::SYS_pivot_root,
            libc::SYS_unshare,
            libc::SYS_setns,
            libc::SYS_bpf,
            libc::SYS_keyctl,
            libc::SYS_add_key,
            libc::SYS_open_by_handle_at,
            libc::SYS_clone3,
            libc::SYS_kill,
            libc::SYS_pidfd_send_signal,
            libc::SYS_pidfd_getfd,
            libc::SYS_mkdirat,
            libc::SYS_renameat2,
            libc::SYS_unlinkat,
            libc::SYS_linkat,
            libc::SYS_symlinkat,
            libc::SYS_ftruncate,
        ] {
            assert!(!PLAIN.contains(&call) && !OLDER.contains(&call), "call {call} is allowed");
            assert!(!conditional.contains(&call), "call {call} is allowed under a condition");
        }
        assert!(program(&[]).is_ok() && program(LISTENING).is_ok());
        let leads_out = [libc::SYS_socket, libc::SYS_connect, libc::SYS_bind, libc::SYS_listen];
        assert!(leads_out.iter().all(|call| !LISTENING.contains(call)));
    }
}
