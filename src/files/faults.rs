//! Faults, for tests alone and no part of the program: the calls by which this thread changes something are counted, and
//! at one of them the machine fails. Where all fail from one on, nothing is changed any more: for the disk, that is the
//! death of the process.

use std::cell::RefCell;
use std::fs::File;
use std::io::Write as _;

use rustix::io::Errno;

use super::{FileError, RelPath};

/// A call that changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words of the system")]
pub(crate) enum Call {
    Create,
    Write,
    Mode,
    Time,
    SyncFile,
    SyncFolder,
    Rename,
    Exchange,
    Remove,
    MakeFolder,
    RemoveFolder,
}

/// What goes wrong, counted from the call where it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// This call fails, and those behind it don't.
    Once(Errno),
    /// This one fails, and all behind it.
    FromThenOn(Errno),
    /// There is no room from here on.
    Full,
    /// From here on there is a mount between all names.
    Mount,
    /// The process is killed before it.
    Kill,
}

impl Fault {
    fn strikes(self, distance: usize, call: Call) -> Option<Errno> {
        match self {
            Fault::Once(errno) => (distance == 0).then_some(errno),
            Fault::FromThenOn(errno) => Some(errno),
            Fault::Full => {
                matches!(call, Call::Create | Call::Write | Call::MakeFolder).then_some(Errno::NOSPC)
            }
            Fault::Mount => matches!(call, Call::Rename | Call::Exchange).then_some(Errno::XDEV),
            Fault::Kill => {
                let itself = rustix::process::getpid();
                rustix::process::kill_process(itself, rustix::process::Signal::KILL).ok();
                None
            }
        }
    }
}

#[derive(Debug, Default)]
struct Plan {
    faults: Vec<(usize, Fault)>,
    passed: Vec<Call>,
}

thread_local! {
    static PLAN: RefCell<Option<Plan>> = const { RefCell::new(None) };
}

/// What `act` gives while `faults` come, each at the call with this number from 0; and the calls that there were.
pub(crate) fn with<T>(faults: &[(usize, Fault)], act: impl FnOnce() -> T) -> (T, Vec<Call>) {
    PLAN.set(Some(Plan { faults: faults.to_vec(), passed: Vec::new() }));
    let done = act();
    let plan = PLAN.take().unwrap_or_default();
    (done, plan.passed)
}

/// One more call; the error is what the system says to it.
pub(super) fn step(call: Call, path: &RelPath) -> Result<(), FileError> {
    let struck = PLAN.with_borrow_mut(|plan| {
        let plan = plan.as_mut()?;
        let at = plan.passed.len();
        plan.passed.push(call);
        let mut come = plan.faults.iter().filter(|(from, _)| *from <= at);
        come.find_map(|(from, fault)| fault.strikes(at - from, call))
    });
    struck.map_or(Ok(()), |errno| Err(FileError::of_rename(path.as_str(), errno)))
}

/// The same where bytes are written: half of them arrive.
pub(super) fn write(file: &mut File, content: &[u8], path: &RelPath) -> Result<(), FileError> {
    step(Call::Write, path).inspect_err(|_| drop(file.write_all(&content[..content.len() / 2])))
}
