//! What the events of a trace tell of calls: gathered as they come, or from the lines of a log.

use serde_json::Value;

use crate::digest::Digest;
use crate::trace::{Blobs, Envelope};

use super::{CallFact, ResultFact, calls_of, results_of};

/// What a trace tells of calls.
#[derive(Debug, Clone, Default)]
pub struct Told {
    pub(super) started: Vec<Started>,
    pub(super) finished: Vec<Finished>,
    /// Of the layers, as the first event says.
    pub(super) policy: Option<Digest>,
    /// Of the walls around commands, as the first event says.
    pub(super) sandbox: Option<Digest>,
    /// The number of the last event.
    pub(super) last: u64,
    pub(super) ending: Ending,
}

/// How far a trace goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Ending {
    /// It breaks off, or goes on.
    #[default]
    Open,
    /// The run ended, or waits for a person, and no call was under way.
    Settled,
    /// The run ended without success: calls may have been under way.
    Unsettled,
}

/// A call that began.
#[derive(Debug, Clone)]
pub(super) struct Started {
    pub(super) seq: u64,
    pub(super) call: u64,
    /// None where its payload is not at hand.
    pub(super) calls: Option<Vec<CallFact>>,
    pub(super) finished: bool,
}

/// A call that ended.
#[derive(Debug, Clone)]
pub(super) struct Finished {
    pub(super) seq: u64,
    /// Its place among those that began.
    pub(super) started: Option<usize>,
    /// None where its payload is not at hand.
    pub(super) results: Option<Vec<ResultFact>>,
}

impl Told {
    /// What the lines of a log tell; `blob` gives payloads by digest. Lines that are no events tell nothing.
    pub fn of_log(log: &str, blob: &Blobs<'_>) -> Self {
        let mut told = Self::default();
        for line in log.lines() {
            if let Some((event, _)) = Envelope::parse(line) {
                told.hear(event, blob);
            }
        }
        told
    }

    /// One more event that tells nothing of calls, and is neither the first of a run nor the last.
    pub fn pass(&mut self) {
        self.last += 1;
        self.ending = Ending::Open;
    }

    /// Does it break off, or go on?
    pub fn is_open(&self) -> bool {
        self.ending == Ending::Open
    }

    /// How many calls began.
    pub fn calls(&self) -> usize {
        self.started.len()
    }

    /// One more event.
    pub fn hear(&mut self, mut event: Envelope, blob: &Blobs<'_>) {
        self.last = event.seq;
        self.ending = match event.kind.as_str() {
            "run.suspended" => Ending::Settled,
            "run.finished" if event.data.get("status") == Some(&Value::from("succeeded")) => Ending::Settled,
            "run.finished" => Ending::Unsettled,
            _ => Ending::Open,
        };
        match event.kind.as_str() {
            "run.started" => self.begin(event, blob),
            "call.started" => self.start(event, blob),
            "call.finished" => {
                let whole = event.move_in(blob).is_ok();
                let call = number(&event);
                let started =
                    self.started.iter().rposition(|started| started.call == call && !started.finished);
                if let Some(at) = started {
                    self.started[at].finished = true;
                }
                let results = whole.then(|| results_of(&event.data));
                self.finished.push(Finished { seq: event.seq, started, results });
            }
            _ => {}
        }
    }

    fn begin(&mut self, mut event: Envelope, blob: &Blobs<'_>) {
        if event.move_in(blob).is_err() {
            return;
        }
        let fact = |name: &str| event.data.get("facts").and_then(|facts| facts.get(name));
        self.policy = fact("policy_digest").and_then(|digest| digest.as_str()?.parse().ok());
        self.sandbox = fact("sandbox").map(Digest::of_json);
    }

    fn start(&mut self, mut event: Envelope, blob: &Blobs<'_>) {
        let whole = event.move_in(blob).is_ok();
        let (seq, call) = (event.seq, number(&event));
        let calls = whole.then(|| calls_of(event.data));
        self.started.push(Started { seq, call, calls, finished: false });
    }
}

fn number(event: &Envelope) -> u64 {
    event.data.get("call").and_then(Value::as_u64).unwrap_or(u64::MAX)
}
