//! In the interpreter's place: a parent that starts the interpreter, carries what is said between it, the front and the runner,
//! and kills whom it is told to, at the event that it is told.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::parent_id;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use lgflow::client::Connection;
use lgflow::compile::check_bundle;
use lgflow::diag::Diagnostics;
use lgflow::effect::{
    Confinement, FrameBuffer, FrontFrame, InterpreterFrame, InterpreterStart, SandboxLayer,
};
use lgflow::session::{FrontLink, Interrupts, Recorder, Session, fold};
use lgflow::source::Sources;
use lgflow::trace::{Chain, EventBody, Redaction, RunStarted, RunState};
use lgflow::wire::{FirstFrame, WireError, hand_over, next_frame, receive_first, send_frame};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::FRONT;
use crate::program::processes::{alive, command_line, signal};

/// The test that is this process.
pub(super) const PARENT: &str = "crash::parent::the_parent";
/// With this variable, told whom to kill when; see [`Kill::parse`].
pub(super) const KILL: &str = "LGFLOW_TEST_KILL";
/// With this variable the clock of the interpreter goes backwards.
pub(super) const BACKWARDS: &str = "LGFLOW_TEST_BACKWARDS";
/// With this variable all that is on the disk is copied at each event, into the folder that it names.
pub(super) const SHOTS: &str = "LGFLOW_TEST_SHOTS";

/// Not a test of its own: what runs in the interpreter's place.
#[test]
fn the_parent() {
    let Ok(kill) = std::env::var(KILL) else { return };
    let front = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
    let mut first: FirstFrame<FrontFrame> = receive_first(&front).unwrap();
    let [calls] = first.take().unwrap();
    if std::env::var_os(BACKWARDS).is_some() {
        goes_backwards(&front, first, UnixStream::from(calls));
        return;
    }
    let (socket, theirs) = UnixStream::pair().unwrap();
    let mut interpreter = Command::new(env!("CARGO_BIN_EXE_lgflow"))
        .arg("__interpreter")
        .env_clear()
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .current_dir("/")
        .spawn()
        .unwrap();
    let kill = Kill::parse(&kill, interpreter.id());
    let (waits, open) = (Arc::new(AtomicBool::new(false)), Arc::new(Open::default()));
    let calls = relay(UnixStream::from(calls), kill.clone(), Arc::clone(&waits), Arc::clone(&open));
    hand_over(&socket, &first.frame, &[calls.as_fd()]).unwrap();
    drop(calls);
    let (tell, stored) = mpsc::channel();
    let (heard, told) = (front.try_clone().unwrap(), socket.try_clone().unwrap());
    std::thread::spawn(move || hear(&heard, first.arrived, &told, &tell));
    let shots = std::env::var_os(SHOTS).map(|folder| (PathBuf::from(folder), open));
    let parent = Parent { front, socket, stored, kill, waits, shots };
    // a front or an interpreter that is gone is what this is about
    let _ = parent.carry();
    let _ = parent.socket.shutdown(Shutdown::Both);
    interpreter.wait().unwrap();
}

/// Carries what the front says to the interpreter, but for its word that lines are stored, which is waited for elsewhere.
fn hear(front: &UnixStream, mut arrived: FrameBuffer, interpreter: &UnixStream, stored: &mpsc::Sender<()>) {
    while let Ok(Some(frame)) = next_frame::<FrontFrame>(front, &mut arrived) {
        let carried = match frame {
            FrontFrame::Stored => stored.send(()).is_ok(),
            frame => send_frame(interpreter, &frame).is_ok(),
        };
        if !carried {
            break;
        }
    }
    // it hears that the front is gone
    let _ = interpreter.shutdown(Shutdown::Both);
}

/// The folder of the copies, and the requests whose ends are waited for before one is made.
type Shots = Option<(PathBuf, Arc<Open>)>;

/// Between an interpreter and its front.
struct Parent {
    front: UnixStream,
    /// The interpreter's.
    socket: UnixStream,
    /// The front has stored what it was asked to.
    stored: mpsc::Receiver<()>,
    kill: Option<Kill>,
    /// Is whom to kill killed by the next answer of the runner?
    waits: Arc<AtomicBool>,
    /// Where all that is on the disk is copied to.
    shots: Shots,
}

impl Parent {
    /// Carries what the interpreter says to the front, until one of them is gone or has been killed.
    fn carry(&self) -> Result<(), WireError> {
        let mut buffer = FrameBuffer::default();
        while let Some(frame) = next_frame::<InterpreterFrame>(&self.socket, &mut buffer)? {
            match frame {
                InterpreterFrame::Append { lines, awaited } => {
                    if self.append(lines, awaited)? {
                        return Ok(());
                    }
                }
                frame => send_frame(&self.front, &frame)?,
            }
        }
        Ok(())
    }

    /// Has lines stored, and kills at the event that is meant. Is the interpreter or the front gone by that?
    fn append(&self, lines: Vec<String>, awaited: bool) -> Result<bool, WireError> {
        let kill = self.kill.as_ref().filter(|kill| lines.iter().any(|line| kill.is_due(line)));
        // of a machine that loses power, what goes with the event was written
        let sure = awaited || self.shots.is_some() || kill.is_some_and(|kill| kill.who == "machine");
        let count = lines.len() as u64;
        send_frame(&self.front, &InterpreterFrame::Append { lines, awaited: sure })?;
        if sure && self.stored.recv().is_err() {
            return Ok(true);
        }
        if let Some((folder, open)) = self.shots.as_ref().filter(|_| count > 0) {
            open.wait_for_none();
            shoot(folder, count);
        }
        match kill {
            Some(kill) if kill.answered => self.waits.store(true, Ordering::SeqCst),
            Some(kill) => {
                kill.carry_out();
                if kill.who != "runner" {
                    return Ok(true);
                }
            }
            None => {}
        }
        if awaited {
            send_frame(&self.socket, &FrontFrame::Stored)?;
        }
        Ok(false)
    }
}

/// Copies the workspace and the state as they are on the disk, while the front stands still. Events that were written
/// together are there together.
fn shoot(folder: &Path, events: u64) {
    let front = parent_id();
    assert!(command_line(front).contains(FRONT), "{}", command_line(front));
    let name = format!("{:04}-{events}", fs::read_dir(folder).unwrap().count());
    let shot = folder.join(name);
    fs::create_dir(&shot).unwrap();
    signal(front, "STOP");
    while !is_stopped(front) {
        std::thread::sleep(Duration::from_millis(1));
    }
    let outside = folder.parent().unwrap();
    let copied =
        Command::new("cp").arg("-a").args([outside.join("work"), outside.join("state"), shot]).status();
    signal(front, "CONT");
    assert!(copied.unwrap().success());
}

fn is_stopped(id: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    stat.rsplit_once(')').unwrap().1.trim_start().starts_with('T')
}

/// The requests that are on their way to the runner, or that it has not answered.
#[derive(Debug, Default)]
struct Open {
    /// Held while some are taken off the socket, or are looked for on it.
    carrying: Mutex<Option<UnixStream>>,
    count: AtomicI64,
}

impl Open {
    /// Waits until there is none: the session, which waits for this, asks for no more.
    fn wait_for_none(&self) {
        loop {
            let socket = self.carrying.lock().unwrap();
            let on_the_way = socket.as_ref().map_or(0, |socket| rustix::io::ioctl_fionread(socket).unwrap());
            if on_the_way == 0 && self.count.load(Ordering::SeqCst) == 0 {
                return;
            }
            drop(socket);
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Counts the frames that are whole by these bytes, as many times as `each` says of one.
    fn note(&self, buffer: &mut FrameBuffer, bytes: &[u8], each: impl Fn(&Value) -> i64) {
        buffer.push(bytes);
        while let Some(frame) = buffer.take::<Value>().unwrap() {
            self.count.fetch_add(each(&frame), Ordering::SeqCst);
        }
    }

    /// Carries requests from the session to the runner, until one of them has gone.
    fn carry(&self, requests: &mut UnixStream, runner: &mut UnixStream) {
        let (mut buffer, mut part) = (FrameBuffer::default(), vec![0; 1 << 16]);
        *self.carrying.lock().unwrap() = Some(requests.try_clone().unwrap());
        loop {
            // there is something, or never will be
            let mut waiting = [PollFd::new(requests, PollFlags::IN)];
            if poll(&mut waiting, None).is_err() {
                return;
            }
            let carrying = self.carrying.lock().unwrap();
            let Ok(length @ 1..) = requests.read(&mut part) else { return };
            self.note(&mut buffer, &part[..length], |_| 1);
            drop(carrying);
            if runner.write_all(&part[..length]).is_err() {
                return;
            }
        }
    }
}

/// Carries requests to the runner, and its answers to the session. Where an answer is waited for, it comes to nobody: the
/// runner has done what it was asked and has given its answer, and who is to be killed is.
fn relay(mut calls: UnixStream, kill: Option<Kill>, waits: Arc<AtomicBool>, open: Arc<Open>) -> UnixStream {
    calls.set_nonblocking(false).unwrap();
    let (mut session, own) = UnixStream::pair().unwrap();
    let (mut requests, mut runner) = (session.try_clone().unwrap(), calls.try_clone().unwrap());
    let asked = Arc::clone(&open);
    std::thread::spawn(move || {
        asked.carry(&mut requests, &mut runner);
        let _ = runner.shutdown(Shutdown::Both);
    });
    std::thread::spawn(move || {
        let (mut answer, mut buffer) = (vec![0; 1 << 16], FrameBuffer::default());
        while let Ok(length @ 1..) = calls.read(&mut answer) {
            if let Some(kill) = kill.as_ref().filter(|_| waits.load(Ordering::SeqCst)) {
                kill.carry_out();
                break;
            }
            // pieces come before their answer
            open.note(
                &mut buffer,
                &answer[..length],
                |frame| if frame["body"]["type"] == "piece" { 0 } else { -1 },
            );
            if session.write_all(&answer[..length]).is_err() {
                break;
            }
        }
        let _ = session.shutdown(Shutdown::Both);
    });
    own
}

/// Who is killed, and when.
#[derive(Debug, Clone)]
struct Kill {
    /// When the runner has answered the call that begins with that event; else when the event is recorded.
    answered: bool,
    who: String,
    seq: u64,
    /// There is such a file once it has happened.
    marker: PathBuf,
    interpreter: u32,
}

impl Kill {
    /// `WHEN WHO SEQ MARKER`
    fn parse(text: &str, interpreter: u32) -> Option<Self> {
        let mut words = text.split(' ');
        let (when, who) = (words.next().filter(|when| !when.is_empty())?, words.next()?.to_owned());
        let (seq, marker) = (words.next()?.parse().unwrap(), words.next()?.into());
        Some(Self { answered: when == "answered", who, seq, marker, interpreter })
    }

    fn is_due(&self, line: &str) -> bool {
        let event: Value = serde_json::from_str(line).unwrap();
        event["seq"] == self.seq && !self.marker.exists()
    }

    fn carry_out(&self) {
        // ours is the runner's group, so its number is the runner's
        let stat = fs::read_to_string("/proc/self/stat").unwrap();
        let runner = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(2).unwrap().parse().unwrap();
        assert!(command_line(runner).contains("__runner"), "{}", command_line(runner));
        assert!(command_line(self.interpreter).contains("__interpreter"), "it is there");
        fs::write(&self.marker, format!("{runner} {} {}", self.interpreter, std::process::id())).unwrap();
        if ["front", "machine"].contains(&self.who.as_str()) {
            let front = parent_id();
            assert!(command_line(front).contains(FRONT), "{}", command_line(front));
            kill(front);
            // the runner ends by itself; what it is asked before that may be done or not, and is another test
            while alive(runner) {
                std::thread::sleep(Duration::from_millis(2));
            }
            return;
        }
        if self.who != "interpreter" {
            kill(runner);
        }
        if self.who != "runner" {
            kill(self.interpreter);
        }
    }
}

fn kill(process: u32) {
    kill_process(Pid::from_raw(process.cast_signed()).unwrap(), Signal::KILL).unwrap();
}

/// In the interpreter's place with a clock of which each reading is before the last.
fn goes_backwards(front: &UnixStream, first: FirstFrame<FrontFrame>, calls: UnixStream) {
    let FrontFrame::Start(start) = first.frame else { panic!("no task") };
    let layers = vec![SandboxLayer { name: "seccomp".into(), in_force: true }];
    let confinement = Confinement { layers, missing: Vec::new() };
    send_frame(front, &InterpreterFrame::Ready { confinement }).unwrap();
    let (interrupter, interrupts) = Interrupts::new();
    let (link, ear) = FrontLink::new(front.try_clone().unwrap(), first.arrived, interrupter).unwrap();
    std::thread::spawn(move || ear.listen());
    let interrupted = drive(&start, calls, link, interrupts);
    send_frame(front, &InterpreterFrame::Ended { interrupted }).unwrap();
}

fn drive(
    start: &InterpreterStart,
    calls: UnixStream,
    link: FrontLink,
    interrupts: Interrupts,
) -> Option<String> {
    let run = start.run.as_str();
    let plan = check_bundle(&start.graph, &mut Sources::default(), &mut Diagnostics::default()).unwrap();
    let plan = plan.bounded(&start.limits);
    let (state, chain, open) = if start.resume {
        let before = link.recorded().unwrap();
        let stored = fold(run, &plan, &before, &|digest| link.payload(digest), &backwards()).unwrap();
        (stored.state, Chain::resume(run, &stored.verified, Redaction::default()), stored.waits)
    } else {
        (RunState::new(run, &plan), Chain::new(run, Redaction::default()), Vec::new())
    };
    let recorder = Recorder::new(chain, link, backwards);
    let begin = EventBody::RunStarted(Box::new(RunStarted {
        inputs: Arc::new(start.inputs.clone()),
        revision: start.revision.clone(),
        facts: Arc::new(Value::Object(start.facts.clone())),
    }));
    let mut observer = |_: &str| {};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ended = runtime.block_on(async {
        let connection = Connection::new(calls).unwrap();
        let session = Session::new(state, recorder, connection, interrupts, &mut observer);
        if start.resume { session.resume(open).await } else { session.run(begin).await }
    });
    ended.interrupted.map(|why| why.to_string())
}

fn backwards() -> String {
    static READ: AtomicU64 = AtomicU64::new(0);
    let hours = READ.fetch_add(1, Ordering::Relaxed);
    format!("20{:02}-01-01T{:02}:00:00Z", 26 - hours / 24, 23 - hours % 24)
}
