//! Taking system calls away from a thread and all that it starts, as an older kernel, a container or a security module
//! does.

use std::collections::BTreeMap;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

/// A call that is answered with EPERM, always or under a condition.
pub type Refusal = (i64, Option<SeccompCondition>);

pub fn always(call: i64) -> Refusal {
    (call, None)
}

/// Where an argument has these bits.
pub fn with_bits(call: i64, argument: u8, bits: i32) -> Refusal {
    let bits = u64::from(bits.unsigned_abs());
    under(call, argument, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(bits), bits)
}

/// Where an argument is that number.
pub fn with(call: i64, argument: u8, value: i32) -> Refusal {
    under(call, argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, u64::from(value.unsigned_abs()))
}

/// Where a pointer leads anywhere.
pub fn with_pointer(call: i64, argument: u8) -> Refusal {
    under(call, argument, SeccompCmpArgLen::Qword, SeccompCmpOp::Ne, 0)
}

fn under(call: i64, argument: u8, length: SeccompCmpArgLen, compare: SeccompCmpOp, value: u64) -> Refusal {
    (call, Some(SeccompCondition::new(argument, length, compare, value).unwrap()))
}

/// Forbids this thread, and all that it starts, these calls. It gives up gaining privileges for that.
pub fn forbid(refusals: &[Refusal]) {
    seccompiler::apply_filter(&program(refusals)).unwrap();
}

/// The same, and gives up nothing: only root may.
pub fn forbid_as_root(refusals: &[Refusal]) {
    assert!(rustix::process::geteuid().is_root());
    put_on(&program(refusals), 0);
}

fn program(refusals: &[Refusal]) -> BpfProgram {
    let mut map: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    for (call, condition) in refusals {
        let chain = map.entry(*call).or_default();
        chain.extend(condition.clone().map(|condition| SeccompRule::new(vec![condition]).unwrap()));
    }
    let error = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let architecture = std::env::consts::ARCH.try_into().unwrap();
    let filter = SeccompFilter::new(map, SeccompAction::Allow, error, architecture).unwrap();
    filter.try_into().unwrap()
}

fn put_on(program: &BpfProgram, flags: libc::c_ulong) -> i32 {
    let program = libc::sock_fprog {
        len: u16::try_from(program.len()).unwrap(),
        filter: program.as_ptr().cast::<libc::sock_filter>().cast_mut(),
    };
    // SAFETY: the program lives until the call returns; both structures are the kernel's own
    let done =
        unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program) };
    assert!(done >= 0, "{}", std::io::Error::last_os_error());
    i32::try_from(done).unwrap()
}

/// A kernel with an older Landlock, as long as this value is there.
pub struct OlderLandlock {
    over: Arc<AtomicBool>,
}

/// Flag of the call that asks for the version.
const VERSION: u32 = 1;
const TAKE: libc::c_ulong = 0xC050_2100;
const GIVE: libc::c_ulong = 0xC018_2101;

impl OlderLandlock {
    /// From now on this thread, and all that it starts, is told that Landlock is of that version. What is new since is
    /// then asked of the kernel by nobody who keeps to the rules.
    pub fn of_version(version: i64) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (give, take) = mpsc::channel::<OwnedFd>();
        let is_over = Arc::clone(&over);
        // started before the filter is put on, so that it does not wait for itself
        std::thread::spawn(move || {
            let listener = take.recv().unwrap();
            while !is_over.load(Ordering::SeqCst) {
                answer(&listener, version);
            }
        });
        let code = |code: u32, k: u32, jt, jf| seccompiler::sock_filter { code: code as u16, jt, jf, k };
        let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
        let equal = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
        let end = libc::BPF_RET | libc::BPF_K;
        // the low half of the third argument holds the flags
        let flags_at = 16 + 2 * 8;
        let program = vec![
            code(load, 0, 0, 0),
            code(equal, libc::SYS_landlock_create_ruleset as u32, 0, 3),
            code(load, flags_at, 0, 0),
            code(equal, VERSION, 0, 1),
            code(end, libc::SECCOMP_RET_USER_NOTIF, 0, 0),
            code(end, libc::SECCOMP_RET_ALLOW, 0, 0),
        ];
        rustix::thread::set_no_new_privs(true).unwrap();
        let listener = put_on(&program, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER);
        // SAFETY: the kernel has just made it, for us alone
        give.send(unsafe { OwnedFd::from_raw_fd(listener) }).unwrap();
        Self { over }
    }
}

impl Drop for OlderLandlock {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
    }
}

fn answer(listener: &OwnedFd, version: i64) {
    let pause = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
    if !matches!(poll(&mut [PollFd::new(listener, PollFlags::IN)], Some(&pause)), Ok(1..)) {
        return;
    }
    // SAFETY: both structures are plain numbers, and live until the calls return
    unsafe {
        let mut asked: libc::seccomp_notif = std::mem::zeroed();
        if libc::ioctl(listener.as_raw_fd(), TAKE, &raw mut asked) == 0 {
            let told = libc::seccomp_notif_resp { id: asked.id, val: version, error: 0, flags: 0 };
            // who asked may be gone
            libc::ioctl(listener.as_raw_fd(), GIVE, &raw const told);
        }
    }
}
