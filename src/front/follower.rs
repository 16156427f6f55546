//! Follows a run by its trace: puts it into the store, and keeps the state that its events lead to, the story that is told
//! of it, and the copy in the workspace. What the interpreter says is read as a trace from elsewhere would be: what does
//! not fit is refused.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;

use crate::digest::Digest;
use crate::logging::RunSpans;
use crate::receipt::Told;
use crate::store::{RunLog, StoreError};
use crate::trace::{Envelope, EventBody, Phase, RunState, Tip, apply, read_envelope};

use super::watchers::Watchers;
use super::witnessing::Witnessing;
use super::{Narrator, Stopped};

/// Because of these something is done or kept elsewhere that says they are there: the runner's receipts of a call, the
/// answers of people to a question.
const ACTED_ON: [&str; 3] = ["call.started", "approval.requested", "run.suspended"];

/// The most that payloads may come to before the line that names them.
const PAYLOADS: usize = 512 << 20;

/// Follows one run.
#[derive(Debug)]
pub(super) struct Follower<'a> {
    pub(super) state: RunState,
    pub(super) spans: RunSpans,
    pub(super) watchers: Watchers,
    /// None where it is not anchored.
    pub(super) witnessing: Option<Witnessing>,
    pub(super) log: RunLog,
    /// The run that this one takes back, which nobody goes on with meanwhile.
    pub(super) undone: Option<RunLog>,
    /// The end of what was recorded.
    pub(super) tip: Tip,
    pub(super) narrator: &'a mut Narrator,
    /// The copy, and the path to name it by.
    pub(super) copy: Option<(PathBuf, File)>,
    /// What the lines tell of calls: to be held against the runner's receipts.
    pub(super) told: Told,
    pub(super) arriving: Arriving,
}

/// Payloads that were said, and no line has named yet.
#[derive(Debug, Default)]
pub(super) struct Arriving {
    whole: BTreeMap<Digest, Vec<u8>>,
    part: String,
    bytes: usize,
}

impl Follower<'_> {
    /// Shows others that this process still has what it holds.
    pub(super) fn beat(&mut self) -> Result<(), StoreError> {
        self.undone.as_mut().map_or(Ok(()), RunLog::beat)?;
        self.log.beat()
    }

    /// Has the run ended, or does it wait for a person?
    pub(super) fn is_over(&self) -> bool {
        matches!(self.state.phase(), Phase::Finished { .. } | Phase::Suspended)
    }

    /// A part of a payload that the next lines name.
    pub(super) fn payload(&mut self, part: &str, last: bool) -> Result<(), Stopped> {
        let Arriving { whole, part: before, bytes } = &mut self.arriving;
        *bytes += part.len();
        if *bytes > PAYLOADS {
            return Err(Stopped::Unfit("it sends payloads that no line names".to_owned()));
        }
        before.push_str(part);
        if last {
            let payload = std::mem::take(before).into_bytes();
            whole.insert(Digest::of(&payload), payload);
        }
        Ok(())
    }

    /// Puts further lines of the trace into the store. Nothing but the next lines of this run, with all that they name,
    /// comes there, and of lines that do not fit none; the events on them are given back, to be followed. Where they are
    /// `awaited`, something is done because of them.
    pub(super) fn record(&mut self, lines: &[String], awaited: bool) -> Result<Vec<Envelope>, Stopped> {
        let mut tip = self.tip.clone();
        let (mut events, mut named) = (Vec::with_capacity(lines.len()), Vec::with_capacity(lines.len()));
        for line in lines {
            let Some(event) = tip.accept(line) else {
                return Err(Stopped::Unfit("it told of an event that is not the next one".to_owned()));
            };
            named.push(self.payloads_of(&event)?);
            events.push(event);
        }
        for (line, payloads) in lines.iter().zip(named) {
            self.log.append(line, payloads);
        }
        let anchored = !self.log.is_in_memory()
            && self.witnessing.as_ref().is_some_and(|witnessing| witnessing.is_due(&events));
        let acted_on = events.iter().any(|event| ACTED_ON.contains(&event.kind.as_str()));
        let Self { watchers, log, .. } = &mut *self;
        let committed = watchers
            .committing(|| if awaited || acted_on || anchored { log.commit_to_disk() } else { log.commit() });
        committed.map_err(Stopped::Store)?;
        self.tip = tip;
        if let Some((path, file)) = &mut self.copy {
            let text: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
            file.write_all(text.as_bytes()).map_err(|error| Stopped::Copy(path.clone(), error))?;
        }
        if let Some(witnessing) = self.witnessing.as_mut().filter(|_| anchored) {
            witnessing.reach(self.tip.last()).map_err(Stopped::Anchor)?;
        }
        Ok(events)
    }

    /// The payloads that an event names, as far as they came with it; the others must be there already.
    fn payloads_of(&self, event: &Envelope) -> Result<Vec<(Digest, Vec<u8>)>, Stopped> {
        let mut payloads = Vec::new();
        for digest in event.blobs() {
            if let Some(bytes) = self.arriving.whole.get(&digest) {
                payloads.push((digest, bytes.clone()));
            } else if self.log.payload(&digest).map_err(Stopped::Store)?.is_none() {
                return Err(Stopped::Unfit(format!(
                    "it named the payload `{digest}`, which it did not send"
                )));
            }
        }
        Ok(payloads)
    }

    /// The events of recorded lines are followed; the payloads that came with them are of no more use.
    pub(super) fn forget_payloads(&mut self) {
        self.arriving = Arriving::default();
    }

    /// One more event of the trace.
    pub(super) fn follow(&mut self, envelope: Envelope) -> Result<(), Stopped> {
        let tells = matches!(
            envelope.kind.as_str(),
            "run.started" | "call.started" | "call.finished" | "run.suspended" | "run.finished"
        );
        let Self { state, arriving, log, told: heard, watchers, .. } = &mut *self;
        let payload = |digest: &Digest| match arriving.whole.get(digest) {
            Some(bytes) => Some(bytes.clone()),
            None => log.payload(digest).ok().flatten(),
        };
        watchers.recorded(&envelope, payload);
        let told = tells.then(|| envelope.clone());
        let event =
            read_envelope(state, envelope, payload).map_err(|error| Stopped::Unfit(error.to_string()))?;
        match told {
            Some(told) => heard.hear(told, &payload),
            None => heard.pass(),
        }
        self.tell(&event)
    }

    fn tell(&mut self, event: &EventBody) -> Result<(), Stopped> {
        self.spans.followed(&self.state, event);
        self.watchers.hear(&self.state, event);
        self.narrator.tell(&self.state, event);
        apply(&mut self.state, event).map_err(|error| Stopped::Unfit(error.to_string()))
    }
}
