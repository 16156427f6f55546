//! One run from its first event to its last: what is decided is recorded, then done; what comes back is recorded,
//! then applied.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::client::{Connection, Lost};
use crate::digest::Digest;
use crate::effect::{
    ErrorKind, PersonsAnswer, ReplyBody, ReplyFrame, RequestBody, ToolCall, ToolError, ToolResult,
};
use crate::interpret::{self, Effect, Request};
use crate::logging::RunSpans;
use crate::store::StoreError;
use crate::trace::{
    self, Answer, CallId, CallOrder, CallOutcome, Cancel, EventBody, IllegalEvent, Phase, RunState, WaitId,
};

use super::interrupts::{Heard, Interrupts};
use super::journal::JournalError;
use super::recorder::Recorder;
use super::timers::Timers;

/// Why a run stopped before its end. What was recorded up to there stands.
#[derive(Debug, thiserror::Error)]
pub enum Interrupted {
    /// The runner's process is gone.
    #[error(transparent)]
    Runner(#[from] Lost),
    /// The runner cannot say what became of a call, or could not begin it: that is no result of the call.
    #[error("the runner could not answer: {0}")]
    Unanswered(String),
    /// The front's process is gone: nobody waits for the run any more.
    #[error("the front's process ended")]
    Front,
    /// Nothing more could be recorded, so nothing more was done.
    #[error("the run could not be recorded, so it stopped: {0}")]
    Store(#[from] StoreError),
    /// An event did not fit the state: a bug of ours.
    #[error("a bug of lgflow, please report it: {0}")]
    Illegal(#[from] IllegalEvent),
}

impl From<JournalError> for Interrupted {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Store(error) => Self::Store(error),
            JournalError::Front => Self::Front,
        }
    }
}

/// So many events are told together at most.
const TOLD_AT_ONCE: usize = 64;

/// What came next.
enum Next {
    Event(EventBody),
    /// It concerned nobody any more.
    Nothing,
    /// Nobody answers now.
    Leave,
}

/// Told of each event, by its line of the trace.
pub type Observer<'a> = dyn FnMut(&str) + 'a;

/// Where a run was left.
#[derive(Debug)]
pub struct Ended {
    /// Where it stands.
    pub state: RunState,
    /// The digest of its trace, where all of it was written.
    pub digest: Option<Digest>,
    /// Why it stopped early, if it did.
    pub interrupted: Option<Interrupted>,
}

/// A run with everything that it needs.
pub struct Session<'a> {
    state: RunState,
    recorder: Recorder,
    connection: Connection,
    interrupts: Interrupts,
    observer: &'a mut Observer<'a>,
    asked: BTreeMap<u64, CallId>,
    timers: Timers,
    /// Lines that are recorded and not safe yet.
    untold: Vec<String>,
    cancelled: bool,
    spans: RunSpans,
}

impl<'a> Session<'a> {
    /// A run that stands at `state`.
    pub fn new(
        state: RunState,
        recorder: Recorder,
        connection: Connection,
        interrupts: Interrupts,
        observer: &'a mut Observer<'a>,
    ) -> Self {
        let (asked, timers) = (BTreeMap::new(), Timers::default());
        let (untold, spans) = (Vec::new(), RunSpans::new(state.run()));
        let cancelled = false;
        Self { state, recorder, connection, interrupts, observer, asked, timers, untold, cancelled, spans }
    }

    /// Lets `first` happen and goes on to the end, or to where only a person can go on and nobody does.
    pub async fn run(self, first: EventBody) -> Ended {
        self.go_on(first, Vec::new()).await
    }

    /// Goes on with a stored run: `waits` are what is left of the times that had begun.
    pub async fn resume(self, waits: Vec<(WaitId, Duration)>) -> Ended {
        self.go_on(EventBody::RunResumed, waits).await
    }

    async fn go_on(mut self, first: EventBody, waits: Vec<(WaitId, Duration)>) -> Ended {
        let interrupted = self.drive(first, waits).await.err();
        let interrupted = interrupted.or(self.commit(false).err());
        let written = self.recorder.finish();
        let (digest, unwritten) = match written {
            Ok(digest) => (digest, None),
            Err(error) => (None, Some(error.into())),
        };
        Ended { state: self.state, digest, interrupted: interrupted.or(unwritten) }
    }

    async fn drive(&mut self, first: EventBody, waits: Vec<(WaitId, Duration)>) -> Result<(), Interrupted> {
        self.happen(&first)?;
        for (wait, left) in waits {
            // what has run out meanwhile comes before any answer
            if left.is_zero() && self.state.awaits(wait) {
                self.happen(&EventBody::WaitFinished { wait })?;
            } else {
                self.timers.start(wait, left);
            }
        }
        self.commit(true)?;
        self.ask_again().await?;
        let mut left = false;
        loop {
            self.decide().await?;
            match self.state.phase() {
                Phase::Finished { .. } => return Ok(()),
                Phase::Suspended if left => return Ok(()),
                Phase::Suspended => {
                    let state = &self.state;
                    self.timers.pause(|wait| state.awaits_person(wait));
                }
                _ => {}
            }
            match self.listen().await? {
                Next::Event(event) => self.happen(&event)?,
                Next::Nothing => {}
                Next::Leave => left = true,
            }
            if *self.state.phase() != Phase::Suspended {
                left = false;
                self.timers.go_on();
            }
        }
    }

    /// Calls that had begun when the run was interrupted are asked for again, under the keys that they had: what was done
    /// of them, the runner knows.
    async fn ask_again(&mut self) -> Result<(), Interrupted> {
        let open: Vec<_> = self.state.open_calls().map(|(call, order)| (call, Arc::clone(order))).collect();
        for (call, order) in open {
            self.act(Effect::Call(call, order)).await?;
        }
        Ok(())
    }

    /// Everything that follows from where the run stands: recorded and made safe, then done.
    async fn decide(&mut self) -> Result<(), Interrupted> {
        loop {
            let requests = interpret::next(&self.state);
            if requests.is_empty() {
                return self.commit(false);
            }
            let mut effects = Vec::new();
            for Request { record, effect } in requests {
                self.happen(&record)?;
                effects.extend(effect);
            }
            // time passes whether or not its beginning is safe; what the runner is asked for must be
            let acts = effects.iter().any(|effect| !matches!(effect, Effect::Wait(..)));
            if acts || self.untold.len() >= TOLD_AT_ONCE {
                self.commit(acts)?;
            }
            for effect in effects {
                self.act(effect).await?;
            }
        }
    }

    fn happen(&mut self, event: &EventBody) -> Result<(), Interrupted> {
        let line = self.recorder.record(&self.state, event);
        self.untold.push(line);
        self.spans.recorded(&self.state, event);
        Ok(trace::apply(&mut self.state, event)?)
    }

    /// Hands on what was recorded, and tells of it only then. With `awaited` it is safe when this returns: something is
    /// done because of it.
    fn commit(&mut self, awaited: bool) -> Result<(), Interrupted> {
        self.recorder.commit(awaited)?;
        for line in self.untold.drain(..) {
            (self.observer)(&line);
        }
        Ok(())
    }

    async fn act(&mut self, effect: Effect) -> Result<(), Interrupted> {
        match effect {
            Effect::Call(call, order) => {
                let told = |one: &ToolCall| ToolCall {
                    provenance: self.state.provenance(call).map(Box::new),
                    ..one.clone()
                };
                let request = match &*order {
                    CallOrder::Single(single) => RequestBody::Execute { call: told(single) },
                    CallOrder::Batch(calls) => RequestBody::Batch { calls: calls.iter().map(told).collect() },
                    CallOrder::Prepare(call) => RequestBody::Prepare { call: told(call) },
                };
                let id = self.connection.send(request).await?;
                self.asked.insert(id, call);
            }
            Effect::Cancel(call) => self.cancel(call).await?,
            Effect::Wait(wait, duration) => self.timers.start(wait, duration),
        }
        Ok(())
    }

    async fn cancel(&mut self, call: CallId) -> Result<(), Interrupted> {
        let order = self.state.open_calls().find(|(id, _)| *id == call).map(|(_, order)| Arc::clone(order));
        for single in order.iter().flat_map(|order| order.calls()) {
            let key = single.idempotency_key.clone();
            self.connection.send(RequestBody::Cancel { key }).await?;
        }
        Ok(())
    }

    /// The next thing that happens outside; nothing, where it concerns nobody any more.
    async fn listen(&mut self) -> Result<Next, Interrupted> {
        let event = tokio::select! {
            reply = self.connection.next() => self.heard(reply?)?,
            wait = self.timers.next() => {
                self.state.awaits(wait).then_some(EventBody::WaitFinished { wait })
            }
            heard = self.interrupts.next() => match heard {
                Heard::Interrupt => Some(self.interrupted()),
                Heard::Answer(answer) => self.answered(*answer),
                Heard::Leave => return Ok(Next::Leave),
                Heard::FrontGone => return Err(Interrupted::Front),
            },
        };
        Ok(event.map_or(Next::Nothing, Next::Event))
    }

    /// A person's answer; nothing, where the question is withdrawn.
    fn answered(&self, given: PersonsAnswer) -> Option<EventBody> {
        let question = self.state.open_questions().find(|open| open.id.0 == given.question)?.id;
        let PersonsAnswer { granted, choice, response, comment, by, approval, .. } = given;
        let answer = Box::new(Answer { choice, response, comment, by, approval });
        Some(if granted {
            EventBody::ApprovalGranted { question, answer }
        } else {
            EventBody::ApprovalRejected { question, answer }
        })
    }

    fn interrupted(&mut self) -> EventBody {
        let how = if self.cancelled { Cancel::AtOnce } else { Cancel::InOrder };
        self.cancelled = true;
        EventBody::RunCancelled { how }
    }

    fn heard(&mut self, reply: ReplyFrame) -> Result<Option<EventBody>, Interrupted> {
        let Some(call) = self.asked.remove(&reply.id) else { return Ok(None) };
        let order = self.state.open_calls().find(|(id, _)| *id == call).map(|(_, order)| Arc::clone(order));
        let Some(order) = order else { return Ok(None) };
        let outcome = match (reply.body, &*order) {
            (ReplyBody::Result { result }, CallOrder::Single(_) | CallOrder::Prepare(_)) => {
                CallOutcome::Single(*result)
            }
            (ReplyBody::Results { results }, CallOrder::Batch(_)) => CallOutcome::Batch(results),
            (ReplyBody::Problem { message }, _) => return Err(Interrupted::Unanswered(message)),
            (_, order) => failed(order, "the runner answered something else than it was asked"),
        };
        let outcome = Arc::new(self.recorder.heard(outcome));
        Ok(Some(EventBody::CallFinished { call, outcome }))
    }
}

/// What a call came to that the runner could not answer.
fn failed(order: &CallOrder, message: &str) -> CallOutcome {
    let result = |tool: &str| ToolResult::failure(tool, ToolError::new(ErrorKind::Internal, message));
    match order {
        CallOrder::Single(call) | CallOrder::Prepare(call) => CallOutcome::Single(result(&call.tool)),
        CallOrder::Batch(calls) => {
            CallOutcome::Batch(calls.iter().take(1).map(|call| result(&call.tool)).collect())
        }
    }
}
