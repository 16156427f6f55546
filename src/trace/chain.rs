//! The hash chain: each line names the hash of the line before, so cutting, editing and reordering show. Knows neither
//! disk nor clock: the time of an event is given, and blobs are handed out.

use std::collections::BTreeMap;

use serde_json::json;

use crate::digest::Digest;
use crate::effect::ToolResult;

use super::state::RunState;
use super::wire::{Blob, Envelope, Wire, encode, redact_data, redact_result};
use super::{CallOutcome, EventBody, Redaction};

/// The end of a trace that grows.
#[derive(Debug, Clone)]
pub struct Chain {
    run: String,
    seq: u64,
    head: Option<Digest>,
    redaction: Redaction,
}

/// A line to be stored, and what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// Without a line end.
    pub line: String,
    /// Payloads that stand outside of it; to be kept before the line is.
    pub blobs: Vec<Blob>,
    /// Its number, from 1.
    pub seq: u64,
}

impl Chain {
    /// The trace of a run that has not started.
    pub fn new(run: impl Into<String>, redaction: Redaction) -> Self {
        Self { run: run.into(), seq: 0, head: None, redaction }
    }

    /// Goes on with a trace that was verified.
    pub fn resume(run: impl Into<String>, verified: &Verified, redaction: Redaction) -> Self {
        Self { run: run.into(), seq: verified.events, head: verified.head, redaction }
    }

    /// The line of `event` as it happens to `state` (before it is applied), at `ts` (RFC 3339, UTC).
    pub fn append(&mut self, state: &RunState, event: &EventBody, ts: &str) -> Appended {
        let mut wire = self.wire(state, event);
        clean(&mut wire, event, &self.redaction);
        let envelope = self.envelope(wire, event, ts);
        self.link(envelope)
    }

    /// What a call came to, as it is recorded and gone on with: the runner has taken out of it what must not leave, and what
    /// is found in what is left of it is taken out here as well, so that no one goes on with what the trace has not.
    pub fn heard(&self, outcome: CallOutcome) -> CallOutcome {
        let clean = |mut result: ToolResult| {
            redact_result(&mut result, &self.redaction);
            result
        };
        match outcome {
            CallOutcome::Single(result) => CallOutcome::Single(clean(result)),
            CallOutcome::Batch(results) => CallOutcome::Batch(results.into_iter().map(clean).collect()),
        }
    }

    /// The line of an event that happens again as it was recorded: at the time of then. What came from outside is taken as
    /// it was written, after redaction; how much that removed cannot be counted again.
    pub fn append_again(&mut self, state: &RunState, event: &EventBody, recorded: &Envelope) -> Appended {
        let mut wire = self.wire(state, event);
        let removed = recorded.data.get("redacted").filter(|removed| removed.is_u64());
        let whole = removed.filter(|_| !event.is_from_outside()).map(|_| wire.clone());
        if !event.is_from_outside() {
            redact_data(event.kind(), &mut wire.data, &self.redaction);
        }
        let counted = |mut wire: Wire| {
            wire.data.extend(removed.map(|removed| ("redacted".to_owned(), removed.clone())));
            self.envelope(wire, event, &recorded.ts)
        };
        let mut told = counted(wire);
        // earlier versions took out of the whole of it
        if let Some(mut whole) = whole.filter(|_| told.0.data != recorded.data) {
            for value in whole.data.values_mut() {
                self.redaction.redact(value);
            }
            let before = counted(whole);
            if before.0.data == recorded.data {
                told = before;
            }
        }
        self.link(told)
    }

    fn wire(&self, state: &RunState, event: &EventBody) -> Wire {
        let mut wire = encode(state, event);
        if matches!(event, EventBody::RunFinished { .. }) {
            wire.data.insert("events".into(), json!(self.seq + 1));
            wire.data.insert("digest".into(), json!(self.head));
        }
        wire
    }

    fn envelope(&self, wire: Wire, event: &EventBody, ts: &str) -> (Envelope, Vec<Blob>) {
        let mut envelope = Envelope {
            run: self.run.clone(),
            seq: self.seq + 1,
            ts: ts.to_owned(),
            kind: event.kind().to_owned(),
            node: wire.node,
            path: wire.path,
            iteration: wire.iteration,
            attempt: wire.attempt,
            data: wire.data,
            prev: self.head,
        };
        let blobs = envelope.move_out();
        (envelope, blobs)
    }

    fn link(&mut self, (envelope, blobs): (Envelope, Vec<Blob>)) -> Appended {
        let (line, hash) = envelope.line();
        (self.seq, self.head) = (self.seq + 1, Some(hash));
        Appended { line, blobs, seq: self.seq }
    }

    /// The hash of the last event: the digest of the whole.
    pub fn head(&self) -> Option<Digest> {
        self.head
    }

    /// The number of the last event.
    pub fn seq(&self) -> u64 {
        self.seq
    }
}

/// Takes what `redaction` finds out of what an event tells, and counts it there.
fn clean(wire: &mut Wire, event: &EventBody, redaction: &Redaction) {
    let removed = redact_data(event.kind(), &mut wire.data, redaction);
    if removed > 0 {
        wire.data.insert("redacted".into(), json!(removed));
    }
}

/// Is `recorded` what a trace tells of `event`, as it happens to `state`, without what `redaction` finds?
pub fn is_told(state: &RunState, event: &EventBody, recorded: &Envelope, redaction: &Redaction) -> bool {
    let mut wire = encode(state, event);
    clean(&mut wire, event, redaction);
    let Wire { node, path, iteration, attempt, data } = wire;
    let kind = event.kind().to_owned();
    let mut told = Envelope { kind, node, path, iteration, attempt, data, ..recorded.clone() };
    told.move_out();
    told == *recorded
}

/// The end of a trace that somebody else makes grow: each further line is held against it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tip {
    run: String,
    seq: u64,
    head: Option<Digest>,
}

impl Tip {
    /// The trace of a run that has not started.
    pub fn new(run: impl Into<String>) -> Self {
        Self { run: run.into(), seq: 0, head: None }
    }

    /// The end of a trace that was verified.
    pub fn of(run: impl Into<String>, verified: &Verified) -> Self {
        Self { run: run.into(), seq: verified.events, head: verified.head }
    }

    /// The event on the next line; nothing where the line is not the next one of this trace, in its only form.
    pub fn accept(&mut self, line: &str) -> Option<Envelope> {
        let (event, hash) = Envelope::parse(line)?;
        let next = event.run == self.run && event.seq == self.seq + 1 && event.prev == self.head;
        if !next || event.line() != (line.to_owned(), hash) {
            return None;
        }
        (self.seq, self.head) = (event.seq, Some(hash));
        Some(event)
    }

    /// The number of the last event, and its hash.
    pub fn last(&self) -> Option<(u64, Digest)> {
        self.head.map(|head| (self.seq, head))
    }
}

/// What a check of a trace found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Events that hold, up to the first fault.
    pub events: u64,
    /// The run that they are of.
    pub run: Option<String>,
    /// The hash of the last one that holds: the digest of the whole, where there is no fault.
    pub head: Option<Digest>,
    /// Is `run.finished` there? Without it the trace is incomplete.
    pub complete: bool,
    /// How many payloads outside of the lines these events name.
    pub payloads: usize,
    /// The first event that does not hold.
    pub fault: Option<Fault>,
}

/// The first event of a trace that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The number of the event.
    pub seq: u64,
    /// The line that shows it, from 1.
    pub line: usize,
    /// What happened to it.
    pub what: Tampering,
}

/// What happened to an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tampering {
    /// Its line is no event.
    Unreadable,
    /// No event is of its kind.
    UnknownKind,
    /// Its content is not the one that was hashed.
    Edited,
    /// It is not there.
    Cut,
    /// It stands in another place.
    Moved,
    /// It is there twice.
    Duplicated,
    /// It stands after the end, or belongs to another run.
    Added,
    /// A payload is not there.
    BlobMissing,
    /// Another payload is kept under its digest.
    BlobEdited,
}

impl Tampering {
    /// For people: what follows "event N".
    pub fn as_str(self) -> &'static str {
        match self {
            Tampering::Unreadable => "cannot be read",
            Tampering::UnknownKind => "is of a kind that no event has",
            Tampering::Edited => "was edited",
            Tampering::Cut => "was cut",
            Tampering::Moved => "was moved",
            Tampering::Duplicated => "is there twice",
            Tampering::Added => "was added",
            Tampering::BlobMissing => "misses a payload",
            Tampering::BlobEdited => "has another payload than was recorded",
        }
    }
}

/// Gives the bytes that are kept under a digest, unchecked.
pub type Blobs<'a> = dyn Fn(&Digest) -> Option<Vec<u8>> + 'a;

/// Checks the lines of a trace. With `blob`, payloads are checked as well: it gives them by digest, unchecked.
pub fn verify<'a>(lines: impl IntoIterator<Item = &'a str>, blob: Option<&Blobs<'_>>) -> Verified {
    let parsed: Vec<Line> = lines.into_iter().map(Line::read).collect();
    let mut check = Check { lines: &parsed, later: later(&parsed), blob };
    let mut verified =
        Verified { events: 0, run: None, head: None, complete: false, payloads: 0, fault: None };
    for (at, line) in parsed.iter().enumerate() {
        if let Some(fault) = check.fault(at, &verified) {
            verified.fault = Some(fault);
            return verified;
        }
        let Some(line) = &line.event else { return verified };
        verified.events += 1;
        verified.payloads += line.envelope.blobs().count();
        verified.head = Some(line.hash);
        verified.complete = line.envelope.kind == "run.finished";
        verified.run.get_or_insert_with(|| line.envelope.run.clone());
    }
    verified
}

struct Line {
    event: Option<Event>,
}

struct Event {
    envelope: Envelope,
    hash: Digest,
    genuine: bool,
}

impl Line {
    fn read(line: &str) -> Self {
        let event = Envelope::parse(line).map(|(envelope, hash)| {
            let (canonical, real) = envelope.line();
            Event { genuine: real == hash && canonical == line, envelope, hash }
        });
        Self { event }
    }
}

/// By number, the last line that an event of it stands on.
fn later(lines: &[Line]) -> BTreeMap<u64, usize> {
    let events = lines.iter().enumerate().filter_map(|(at, line)| Some((line.event.as_ref()?, at)));
    events.map(|(event, at)| (event.envelope.seq, at)).collect()
}

struct Check<'a> {
    lines: &'a [Line],
    later: BTreeMap<u64, usize>,
    blob: Option<&'a Blobs<'a>>,
}

impl Check<'_> {
    fn fault(&mut self, at: usize, before: &Verified) -> Option<Fault> {
        let expected = before.events + 1;
        let fault = |seq, what| Some(Fault { seq, line: at + 1, what });
        let Some(event) = &self.lines[at].event else { return fault(expected, Tampering::Unreadable) };
        let seq = event.envelope.seq;
        if before.complete || before.run.as_ref().is_some_and(|run| *run != event.envelope.run) {
            let seen = seq < expected && self.is_twice(at, event);
            return fault(seq, if seen { Tampering::Duplicated } else { Tampering::Added });
        }
        if seq < expected {
            let twice = self.is_twice(at, event);
            return fault(seq, if twice { Tampering::Duplicated } else { Tampering::Edited });
        }
        if seq > expected {
            let moved = self.later.get(&expected).is_some_and(|place| *place > at);
            return fault(expected, if moved { Tampering::Moved } else { Tampering::Cut });
        }
        if !event.genuine {
            return fault(seq, Tampering::Edited);
        }
        if event.envelope.prev != before.head {
            // this event is as it was hashed, and names another one before it
            return fault(seq.saturating_sub(1).max(1), Tampering::Edited);
        }
        if !EventBody::KINDS.contains(&event.envelope.kind.as_str()) {
            return fault(seq, Tampering::UnknownKind);
        }
        let what = self.blob_fault(&event.envelope)?;
        fault(seq, what)
    }

    fn is_twice(&self, at: usize, event: &Event) -> bool {
        let known = self.lines[..at].iter().filter_map(|line| line.event.as_ref());
        known.into_iter().any(|other| other.hash == event.hash)
    }

    fn blob_fault(&self, envelope: &Envelope) -> Option<Tampering> {
        let blob = self.blob?;
        envelope.blobs().find_map(|digest| match blob(&digest) {
            None => Some(Tampering::BlobMissing),
            Some(bytes) => (Digest::of(bytes) != digest).then_some(Tampering::BlobEdited),
        })
    }
}
