//! The front's loop during a run. It waits for the interpreter, the runner, the user and the end of any of them at once;
//! it owns the terminal and the runner's control channel, and decides nothing about the workflow.

use std::io;
use std::path::PathBuf;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use crate::client::{Frames, Lost};
use crate::effect::{ControlFrame, FrameBuffer, FrontFrame, InterpreterFrame};
use crate::ledger::LedgerError;
use crate::receipt::Discord;
use crate::store::{RunLog, StoreError};
use crate::trace::Phase;
use crate::view::escaped;

use super::artifacts::CopyError;
use super::asking::{Asking, Step};
use super::execute::Hands;
use super::follower::Follower;
use super::last_words::LastWords;
use super::logs::Logs;
use super::{AnchoringError, InterpreterProcess, Mark, Unheard};

/// So many interrupts end our own processes without asking them.
const FORCE: u32 = 3;

/// Why a run stopped before its end. What was recorded up to there stands.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    /// The interpreter says why.
    #[error("{0}")]
    Interpreter(String),
    /// The interpreter is gone.
    #[error("the interpreter's process ended")]
    InterpreterGone,
    /// It said what no interpreter says.
    #[error("the interpreter was not understood: {0}")]
    Unfit(String),
    /// The runner said what no runner says.
    #[error("the runner was not understood: {0}")]
    Runner(String),
    /// The copy of the trace cannot be written.
    #[error("cannot write `{}`: {}", .0.display(), .1)]
    Copy(PathBuf, #[source] io::Error),
    /// The user has asked again and again.
    #[error("you interrupted it {FORCE} times, so it was ended where it was")]
    Forced,
    /// Nothing more could be recorded, so nothing more was done.
    #[error("the run could not be recorded, so it stopped: {0}")]
    Store(StoreError),
    /// It could not be noted how far it has come, so nothing more was done.
    #[error("the run could not be anchored, so it stopped: {0}")]
    Anchor(AnchoringError),
    /// What was recorded could not be sealed.
    #[error("the trace was recorded and could not be sealed: {0}")]
    Unsealed(LedgerError),
    /// The trace is whole, and its copy in the workspace is not.
    #[error("the copy of the trace is not whole: {0}")]
    Beside(CopyError),
    /// What it told is not what the runner did.
    #[error("the trace is not what the runner did: {0}")]
    Discord(Discord),
    /// The runner elsewhere did not say to the end what it vouches for.
    #[error("the trace is not known to be what the runner did: {0}")]
    Unheard(Unheard),
    /// The system refused.
    #[error("the front cannot wait for its processes: {0}")]
    Io(#[from] io::Error),
}

impl Stopped {
    /// Did it stop because another process goes on with the run?
    pub fn is_taken_over(&self) -> bool {
        matches!(self, Self::Store(StoreError::TakenOver(_)))
    }
}

/// Something that the front hears.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time, and it is taken apart at once")]
enum Heard {
    Interpreter(Result<InterpreterFrame, Lost>),
    Runner(Result<ControlFrame, Lost>),
    Interrupt,
    Typed(Option<String>),
    /// A process of ours said something of its work.
    Said,
    /// Others are to see that the run is executed.
    Pulse,
}

/// A run as its front sees it.
#[derive(Debug)]
pub(super) struct Supervision<'a> {
    interpreter: Frames,
    words: LastWords,
    /// None once the runner is gone: the interpreter notices by its calls, and says so.
    control: Option<Frames>,
    user: User,
    follower: Follower<'a>,
    asking: Asking,
    pulse: Interval,
    interrupts: u32,
}

impl<'a> Supervision<'a> {
    /// Takes over the channels of both processes. Must be called inside of a tokio runtime.
    pub(super) fn new(
        interpreter: &mut InterpreterProcess,
        runner: &Hands,
        follower: Follower<'a>,
        (asking, patient): (Asking, bool),
    ) -> io::Result<Self> {
        let (socket, arrived, said) = interpreter.channels()?;
        let control =
            runner.control()?.map(|control| Frames::new(control, FrameBuffer::default())).transpose()?;
        Ok(Self {
            interpreter: Frames::new(socket, arrived)?,
            words: LastWords::of(said)?,
            control,
            user: User::new(patient)?,
            follower,
            asking,
            pulse: pulse(),
            interrupts: 0,
        })
    }

    /// Waits for the end of the run; the result is why it came early, if it did.
    pub(super) async fn run(&mut self, logs: &mut Logs) -> Option<Stopped> {
        loop {
            let heard = self.hear(logs).await;
            logs.tell(self.follower.narrator);
            match heard {
                Heard::Interpreter(Ok(InterpreterFrame::Ended { interrupted: Some(why) })) => {
                    return Some(Stopped::Interpreter(why));
                }
                Heard::Interpreter(Ok(InterpreterFrame::Ended { interrupted: None })) => {
                    let early =
                        || Stopped::Unfit("it says that the run has ended, and it has not".to_owned());
                    return (!self.follower.is_over()).then(early);
                }
                heard => {
                    if let Err(stopped) = self.react(heard).await {
                        return Some(stopped);
                    }
                }
            }
        }
    }

    /// What is left of it: the state of the run, and what the interpreter said last.
    pub(super) fn into_parts(self) -> (Follower<'a>, Vec<String>) {
        (self.follower, self.words.lines())
    }

    async fn hear(&mut self, logs: &mut Logs) -> Heard {
        tokio::select! {
            frame = self.interpreter.next() => Heard::Interpreter(frame),
            frame = next(&mut self.control) => Heard::Runner(frame),
            () = self.user.interrupts() => Heard::Interrupt,
            line = self.asking.typed() => Heard::Typed(line),
            _ = self.pulse.tick() => Heard::Pulse,
            () = logs.said() => Heard::Said,
            never = self.words.listen() => match never {},
        }
    }

    async fn react(&mut self, heard: Heard) -> Result<(), Stopped> {
        match heard {
            Heard::Interpreter(Ok(InterpreterFrame::Append { lines, awaited })) => {
                self.append(&lines, awaited).await
            }
            Heard::Interpreter(Ok(InterpreterFrame::Payload { part, last })) => {
                self.follower.payload(&part, last)
            }
            Heard::Typed(line) => {
                let step = self.asking.answer(&self.follower.state, line.as_deref());
                self.take(step).await;
                Ok(())
            }
            Heard::Interpreter(Ok(frame)) => Err(Stopped::Unfit(format!("it began twice: {frame:?}"))),
            Heard::Interpreter(Err(Lost::Closed)) => Err(Stopped::InterpreterGone),
            Heard::Interpreter(Err(lost)) => Err(Stopped::Unfit(lost.to_string())),
            Heard::Runner(Ok(ControlFrame::Ask(request))) => {
                self.asking.heard(*request);
                Ok(())
            }
            Heard::Runner(Ok(ControlFrame::Said { node, text })) => {
                self.follower.narrator.hear(&node, &text);
                Ok(())
            }
            Heard::Runner(Ok(_)) => Err(Stopped::Runner("it began twice".to_owned())),
            Heard::Runner(Err(_)) => {
                self.control = None;
                Ok(())
            }
            Heard::Pulse => self.follower.beat().map_err(Stopped::Store),
            Heard::Interrupt => self.interrupt().await,
            Heard::Said => Ok(()),
        }
    }

    /// Stores lines, says so where it is waited for, and follows them.
    async fn append(&mut self, lines: &[String], awaited: bool) -> Result<(), Stopped> {
        let events = self.follower.record(lines, awaited)?;
        if awaited {
            // an interpreter that is gone is heard of by its socket
            let _ = self.interpreter.send(&FrontFrame::Stored).await;
        }
        for event in events {
            self.follower.follow(event)?;
            if *self.follower.state.phase() == Phase::Suspended {
                let step = self.asking.next(&self.follower.state);
                self.take(step).await;
            }
        }
        self.follower.forget_payloads();
        Ok(())
    }

    /// Tells the run, asks the person, or leaves it.
    async fn take(&mut self, mut step: Step) {
        let frame = loop {
            match step {
                Step::Answer(answer) => break FrontFrame::Answer(answer),
                Step::Leave => break FrontFrame::Leave,
                Step::Ask(text) => return self.follower.narrator.ask(&text),
                Step::Note(text) => {
                    self.follower.narrator.line(Mark::Note, &escaped(&text));
                    step = self.asking.next(&self.follower.state);
                }
            }
        };
        // an interpreter that is gone is heard of by its socket
        let _ = self.interpreter.send(&frame).await;
    }

    async fn interrupt(&mut self) -> Result<(), Stopped> {
        self.interrupts += 1;
        if self.interrupts >= FORCE {
            return Err(Stopped::Forced);
        }
        // an interpreter that is gone is heard of by its socket
        let _ = self.interpreter.send(&FrontFrame::Interrupt).await;
        Ok(())
    }
}

async fn next(control: &mut Option<Frames>) -> Result<ControlFrame, Lost> {
    match control {
        Some(control) => control.next().await,
        None => std::future::pending().await,
    }
}

/// The first sign of life was that the run was taken up.
fn pulse() -> Interval {
    let mut pulse = interval_at(Instant::now() + RunLog::PULSE, RunLog::PULSE);
    pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pulse
}

/// Ctrl-C, again and again; a polite request to end counts as one.
#[derive(Debug)]
struct User {
    interrupt: Signal,
    terminate: Signal,
    /// Is the first request for the worker, which ends when the run has?
    patient: bool,
}

impl User {
    fn new(patient: bool) -> io::Result<Self> {
        let (interrupt, terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok(Self { interrupt, terminate, patient })
    }

    async fn interrupts(&mut self) {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => {}
                _ = self.terminate.recv() => {}
            }
            if !std::mem::take(&mut self.patient) {
                return;
            }
        }
    }
}
