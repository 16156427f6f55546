//! Handing a confined command to a helper, and taking its output until everything that it started is gone.

#![expect(
    clippy::disallowed_methods,
    reason = "a helper that does not report is given up when its time is over"
)]

use std::io::{self, IoSlice, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, SeekFrom, memfd_create, seek};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use rustix::pipe::{PipeFlags, pipe_with};

use crate::effect::{OutputStream, SandboxLayer};
use crate::policy::{NetworkAccess, WorkspaceMode};

use super::foreign::foreign_owners;
use super::layer::Standing;
use super::moment::moment;
use super::output::Kept;
use super::stack::{CacheStart, Stack};
use super::tree::end_marked;
use super::wire::{Cause, Ended, MAX_DESCRIPTORS, Memory, Order, Report, StackOrder, Start, Text, View};
use super::{Confined, Helper, Program, UpperBounds, UpperChanges};

/// How long after the command's own limit the helper may still be busy ending its tree.
const GRACE: Duration = Duration::from_secs(15);
/// How often it is looked whether the call was cancelled.
const LOOK: Duration = Duration::from_millis(20);
/// The variable that marks the processes of a call.
const MARKER: &str = "LGFLOW_CALL";

/// One command with everything that it gets.
#[derive(Debug)]
pub struct Job<'a> {
    /// The program.
    pub program: &'a Program,
    /// The command, confined.
    pub confined: &'a Confined,
    /// What it sees as its file system.
    pub stack: &'a Stack,
    /// The folder that it begins in, relative to the workspace; the empty path is the workspace itself.
    pub cwd: &'a Path,
    /// What it reads as its standard input.
    pub stdin: Option<&'a str>,
    /// How much is read of what it changed.
    pub bounds: UpperBounds,
}

/// What came of a command.
#[derive(Debug)]
pub struct Ran {
    /// How it ended.
    pub end: End,
    /// Its exit code; 128 + signal where a signal ended it.
    pub exit_code: i32,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Its standard output.
    pub stdout: Kept,
    /// Its standard error.
    pub stderr: Kept,
    /// Each layer with whether it was in force, then what its workspace was and how memory was bounded.
    pub layers: Vec<SandboxLayer>,
    /// From the order to when the program ran.
    pub start: Duration,
    /// What it changed, where its workspace was an overlay.
    pub changes: Option<UpperChanges>,
    /// Where the room ran out: the folders with the most bytes.
    pub largest: Vec<(String, u64)>,
    /// What stood in its way, where it failed and that can be told.
    pub hint: Option<String>,
}

/// Why a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By itself, or by a signal that was not ours.
    Itself,
    /// Its time was over.
    Timeout,
    /// The call was cancelled.
    Cancelled,
    /// It had more processes than it may.
    Processes,
    /// It took more memory than it may.
    Memory,
    /// It wrote more than it may.
    Room,
}

/// Why a command could not be run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The machine failed.
    #[error("the command could not be started: {0}")]
    Io(#[from] io::Error),
    /// The helper could not start the program.
    #[error("the program could not be started: {0}")]
    NotStarted(String),
    /// Walls that are demanded do not stand.
    #[error("these layers of the sandbox are demanded and not in force: {}", .missing.join(", "))]
    Missing {
        /// Their names.
        missing: Vec<String>,
        /// How all of them stood.
        standing: Standing,
    },
    /// No overlay can be put over the workspace; a copy of it can be run in.
    #[error("no overlay can be put over the workspace: {0}")]
    NoOverlay(String),
    /// The helper ended without a report.
    #[error("the helper that ran the command was ended from outside; its processes were ended as well")]
    HelperLost,
    /// Processes that the system does not let end.
    #[error("{0} processes of the command could not be ended")]
    NotEnded(usize),
}

/// Who is asked about a command, and told of it, while it runs.
#[derive(Clone, Copy)]
pub struct Beside<'a> {
    /// Was the call cancelled?
    pub cancelled: &'a dyn Fn() -> bool,
    /// Hears output as it comes: of each stream what is kept of it, up to the first byte that is not.
    pub heard: &'a dyn Fn(OutputStream, &[u8]),
}

impl Beside<'static> {
    /// Nobody ends the command from outside, and nobody hears it before it is over.
    pub const NOBODY: Self = Self { cancelled: &|| false, heard: &|_, _| {} };
}

/// Runs a command until it and everything that it started is gone.
pub fn run(helper: &Helper, job: &Job<'_>, beside: Beside<'_>) -> Result<Ran, RunError> {
    let wall = job.confined.wall;
    let (report, streams) = ask(helper, job, Some(job.confined.output), wall, beside)?;
    let ran = ran(report, streams)?;
    let hint = hint(&ran, job);
    Ok(Ran { hint, ..ran })
}

/// What the system's own words do not say.
fn hint(ran: &Ran, job: &Job<'_>) -> Option<String> {
    if ran.exit_code == 0 {
        return None;
    }
    let errors = ran.stderr.text();
    let says = |words: &[&str]| words.iter().any(|word| errors.contains(word));
    if says(&["Value too large for defined data type", "os error 75", "EOVERFLOW"]) {
        return foreign_owners(job.stack.workspace.as_fd()).sentence();
    }
    let most = job.confined.processes?;
    says(&["Resource temporarily unavailable", "os error 11", "EAGAIN", "annot fork", "an't fork"]).then(
        || {
            let wall = super::begin::hard_wall(most);
            format!("it may have met its limit: at most {most} processes, and {wall} with all their threads")
        },
    )
}

/// Puts up every layer as for a command, starts none, and says how they stand.
pub(super) fn try_layers(helper: &Helper, job: &Job<'_>) -> Result<Standing, RunError> {
    match ask(helper, job, None, Duration::from_secs(10), Beside::NOBODY)?.0 {
        Report::Tried { standing } | Report::Refused { standing, .. } => Ok(standing.standing()),
        Report::Failed { message } => Err(RunError::NotStarted(message)),
        Report::NoOverlay { why } => Err(RunError::NoOverlay(why)),
        Report::Ended(_) => Err(RunError::HelperLost),
    }
}

/// Without a bound for its output the command is not started, only tried.
fn ask(
    helper: &Helper,
    job: &Job<'_>,
    output: Option<u64>,
    wall: Duration,
    beside: Beside<'_>,
) -> Result<(Report, Streams), RunError> {
    let (marker, asked_at) = (marker()?, moment());
    let mut prepared = None;
    let mut prepare = || {
        // where a second helper is asked for it is kept
        prepared.get_or_insert_with(|| Prepared::of(job, output.is_none(), &marker, asked_at));
    };
    let (socket, running) = helper.begin(&mut prepare)?;
    let prepared = prepared.ok_or_else(|| io::Error::other("there is no order"))?;
    let give_up = Instant::now() + wall + GRACE;
    let done = prepared.and_then(|prepared| prepared.send(&socket, job)).map_err(RunError::Io).and_then(
        |(stdout, stderr)| {
            let mut streams = Streams::new(stdout, stderr, output.unwrap_or_default())?;
            let report = follow(&socket, &mut streams, give_up, beside)?;
            Ok((report, streams))
        },
    );
    drop(socket);
    let lost = matches!(&done, Ok((None, _)) | Err(_));
    if lost {
        running.end();
        end_marked(&marker);
    }
    match done? {
        (Some(report), streams) => Ok((report, streams)),
        (None, _) => Err(RunError::HelperLost),
    }
}

fn marker() -> io::Result<String> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(format!("{MARKER}={:032x}", u128::from_be_bytes(random)))
}

/// All that a helper is told, ready to be sent.
struct Prepared {
    text: Vec<u8>,
    stdin: OwnedFd,
    /// Each with the end that is ours first.
    outputs: [(OwnedFd, OwnedFd); 2],
}

impl Prepared {
    fn of(job: &Job<'_>, only_try: bool, marker: &str, asked_at: u64) -> io::Result<Self> {
        let confined = job.confined;
        let (name, value) = marker.split_once('=').unwrap_or((marker, ""));
        let order = Order {
            argv: confined.argv.clone(),
            env: confined.env.clone(),
            marker: (name.to_owned(), value.to_owned()),
            asked_at,
            wall_ms: confined.wall.as_millis() as u64,
            cpu_seconds: confined.cpu.map(|cpu| cpu.as_secs().max(1)),
            memory: confined.memory,
            processes: confined.processes,
            file_bytes: confined.file_bytes,
            program: Text::of(&job.program.path),
            is_script: job.program.is_script,
            cwd: Text::of(job.cwd),
            demanded: confined.demanded.clone(),
            stack: stack_order(job.stack),
            only_try,
            bounds: (job.bounds.files, job.bounds.file_bytes, job.bounds.bytes, job.bounds.binary),
        };
        let outputs = [pipe_with(PipeFlags::CLOEXEC)?, pipe_with(PipeFlags::CLOEXEC)?];
        Ok(Self { text: serde_json::to_vec(&order)?, stdin: input(job.stdin)?, outputs })
    }

    /// Tells the helper what to run; gives the ends of its output that are ours.
    fn send(self, socket: &UnixStream, job: &Job<'_>) -> io::Result<(OwnedFd, OwnedFd)> {
        let [(stdout, their_stdout), (stderr, their_stderr)] = self.outputs;
        let program = job.program.file.as_fd();
        let mut descriptors = vec![program, self.stdin.as_fd(), their_stdout.as_fd(), their_stderr.as_fd()];
        descriptors.extend(sources(job.stack));
        send(socket, &self.text, &descriptors)?;
        Ok((stdout, stderr))
    }
}

/// The stack as an order has it.
fn stack_order(stack: &Stack) -> StackOrder {
    let start = |start: &CacheStart| match start {
        CacheStart::Empty => Start::Empty,
        CacheStart::Seed(lower) => Start::Seed(lower.len()),
        CacheStart::Kept { lower, .. } => Start::Kept(lower.len()),
    };
    let texts = |paths: &[PathBuf]| paths.iter().map(|path| Text::of(path)).collect::<Vec<_>>();
    StackOrder {
        path: Text::of(&stack.path),
        view: match stack.view {
            WorkspaceMode::Overlay => View::Overlay,
            WorkspaceMode::Copy => View::Copy,
            WorkspaceMode::Direct => View::Direct,
        },
        mask: texts(&stack.mask),
        opaque: stack.opaque.iter().map(|one| (Text::of(&one.folder), texts(&one.shown))).collect(),
        caches: stack.caches.iter().map(|cache| (Text::of(&cache.folder), start(&cache.start))).collect(),
        binds: texts(&stack.binds),
        unsafe_write: texts(&stack.unsafe_write),
        bytes: stack.upper.bytes,
        inodes: stack.upper.inodes,
        network: stack.network == NetworkAccess::Allow,
    }
}

/// The descriptors of the stack, in the order in which they are taken.
fn sources(stack: &Stack) -> Vec<BorrowedFd<'_>> {
    let mut sources = vec![stack.workspace.as_fd()];
    for cache in &stack.caches {
        match &cache.start {
            CacheStart::Empty => {}
            CacheStart::Seed(lower) => sources.extend(lower.iter().map(OwnedFd::as_fd)),
            CacheStart::Kept { lower, upper, work } => {
                sources.extend(lower.iter().map(OwnedFd::as_fd));
                sources.extend([upper.as_fd(), work.as_fd()]);
            }
        }
    }
    sources
}

fn send(socket: &UnixStream, text: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let length = u32::try_from(text.len()).map_err(|_| io::Error::other("the arguments are too long"))?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !ancillary.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::Error::other(format!(
            "more than {MAX_DESCRIPTORS} folders are layers of the command's caches"
        )));
    }
    sendmsg(socket, &[IoSlice::new(&length.to_be_bytes())], &mut ancillary, SendFlags::NOSIGNAL)?;
    let mut writer = socket;
    writer.write_all(text)
}

/// The text as a file in memory, or nothing at all.
fn input(stdin: Option<&str>) -> io::Result<OwnedFd> {
    let Some(text) = stdin else { return Ok(std::fs::File::open("/dev/null")?.into()) };
    let mut file = std::fs::File::from(memfd_create("stdin", MemfdFlags::CLOEXEC)?);
    file.write_all(text.as_bytes())?;
    seek(&file, SeekFrom::Start(0))?;
    Ok(file.into())
}

/// The two outputs while they come in.
struct Streams {
    open: [Option<OwnedFd>; 2],
    kept: [Kept; 2],
}

impl Streams {
    fn new(stdout: OwnedFd, stderr: OwnedFd, limit: u64) -> io::Result<Self> {
        for stream in [&stdout, &stderr] {
            rustix::io::ioctl_fionbio(stream, true)?;
        }
        Ok(Self { open: [Some(stdout), Some(stderr)], kept: [Kept::new(limit), Kept::new(limit)] })
    }

    fn are_closed(&self) -> bool {
        self.open.iter().all(Option::is_none)
    }

    /// Takes what is there, at most some, so that an endless stream does not keep us from the rest.
    fn take(&mut self, heard: &dyn Fn(OutputStream, &[u8])) -> io::Result<()> {
        let mut part = vec![0; 65536];
        let names = [OutputStream::Stdout, OutputStream::Stderr];
        for ((open, kept), name) in self.open.iter_mut().zip(&mut self.kept).zip(names) {
            for _ in 0..16 {
                let Some(stream) = open.as_ref() else { break };
                match rustix::io::read(stream, &mut part) {
                    Ok(0) => *open = None,
                    Ok(count) => {
                        kept.push(&part[..count]);
                        if kept.dropped() == 0 {
                            heard(name, &part[..count]);
                        }
                    }
                    Err(rustix::io::Errno::AGAIN) => break,
                    Err(rustix::io::Errno::INTR) => {}
                    Err(errno) => return Err(errno.into()),
                }
            }
        }
        Ok(())
    }
}

/// Takes output until the helper has reported and every end of the output is closed; `None` if it will not report.
fn follow(
    socket: &UnixStream,
    streams: &mut Streams,
    give_up: Instant,
    Beside { cancelled, heard }: Beside<'_>,
) -> Result<Option<Report>, RunError> {
    let mut told = false;
    let mut text = Vec::new();
    let mut over = None;
    socket.set_nonblocking(true)?;
    loop {
        wait(socket, streams, over.is_none())?;
        streams.take(heard)?;
        if over.is_none() && read_report(socket, &mut text)? {
            over = Some(Instant::now());
        }
        // everything that could hold the output is gone when the helper reports; one second is for what it held
        if over.is_some_and(|over| streams.are_closed() || over.elapsed() > Duration::from_secs(1)) {
            return Ok(serde_json::from_slice(&text).ok());
        }
        if !told && cancelled() {
            told = true;
            // a helper that is gone already needs no word
            let _ = socket.shutdown(Shutdown::Write);
        }
        if over.is_none() && Instant::now() > give_up {
            return Ok(None);
        }
    }
}

fn wait(socket: &UnixStream, streams: &Streams, for_report: bool) -> io::Result<()> {
    let mut ready: Vec<PollFd<'_>> =
        streams.open.iter().flatten().map(|stream| PollFd::new(stream, PollFlags::IN)).collect();
    if for_report {
        ready.push(PollFd::new(socket, PollFlags::IN));
    }
    let pause = Timespec { tv_sec: 0, tv_nsec: i64::from(LOOK.subsec_nanos()) };
    match poll(&mut ready, Some(&pause)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Reads what has come of the report; true when the helper has closed its side.
fn read_report(socket: &UnixStream, text: &mut Vec<u8>) -> io::Result<bool> {
    let mut reader = socket;
    let mut part = [0; 4096];
    loop {
        match reader.read(&mut part) {
            Ok(0) => return Ok(true),
            Ok(count) => text.extend_from_slice(&part[..count]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(true),
            Err(error) => return Err(error),
        }
    }
}

fn ran(report: Report, streams: Streams) -> Result<Ran, RunError> {
    let ended = match report {
        Report::Ended(ended) if ended.left > 0 => return Err(RunError::NotEnded(ended.left)),
        Report::Ended(ended) => ended,
        Report::Refused { missing, standing } => {
            return Err(RunError::Missing { missing, standing: standing.standing() });
        }
        Report::NoOverlay { why } => return Err(RunError::NoOverlay(why)),
        Report::Failed { message } => return Err(RunError::NotStarted(message)),
        Report::Tried { .. } => return Err(RunError::HelperLost),
    };
    let end = match ended.cause {
        Cause::Itself => End::Itself,
        Cause::Timeout => End::Timeout,
        Cause::Cancelled => End::Cancelled,
        Cause::Processes => End::Processes,
        Cause::Memory => End::Memory,
        Cause::Room => End::Room,
    };
    let exit_code = ended.code.or(ended.signal.map(|signal| 128 + signal)).unwrap_or(255);
    let layers = layers(&ended);
    let [stdout, stderr] = streams.kept;
    Ok(Ran {
        end,
        exit_code,
        signal: ended.signal,
        stdout,
        stderr,
        layers,
        start: Duration::from_micros(ended.start_us),
        changes: ended.changes.map(super::changes::Changes::read),
        largest: ended.largest,
        hint: None,
    })
}

/// The layers as results have them.
fn layers(ended: &Ended) -> Vec<SandboxLayer> {
    let mut layers = ended.standing.standing().layers();
    let workspace = match ended.view {
        View::Overlay => "workspace:overlay",
        View::Copy => "workspace:copy",
        View::Direct => "workspace:direct",
    };
    let memory = match ended.memory {
        Memory::Free => None,
        Memory::Cgroup => Some("memory:cgroup"),
        Memory::Sampled => Some("memory:sampled"),
    };
    let names = [Some(workspace), memory].into_iter().flatten();
    layers.extend(names.map(|name| SandboxLayer { name: name.to_owned(), in_force: true }));
    layers
}
