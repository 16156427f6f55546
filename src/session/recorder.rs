//! From an event to its line: the chain makes the line, the journal brings it to the store, and only then it counts.
#![expect(clippy::disallowed_methods, reason = "an event carries the time at which it was recorded")]

use std::time::SystemTime;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::digest::Digest;
use crate::trace::{CallOutcome, Chain, EventBody, RunState};

use super::{Journal, JournalError};

/// Tells the time, in RFC 3339 and UTC.
pub type Clock = fn() -> String;

/// The machine's clock, to the microsecond.
pub fn system_clock() -> String {
    let now = OffsetDateTime::from(SystemTime::now());
    let micros = now.replace_microsecond(now.microsecond()).unwrap_or(now);
    micros.format(&Rfc3339).unwrap_or_else(|_| "1970-01-01T00:00:00Z".to_owned())
}

/// Where the events of one run go.
pub struct Recorder {
    chain: Chain,
    journal: Box<dyn Journal>,
    clock: Clock,
}

impl Recorder {
    /// Continues `chain` in `journal`.
    pub fn new(chain: Chain, journal: impl Journal + 'static, clock: Clock) -> Self {
        Self { chain, journal: Box::new(journal), clock }
    }

    /// Takes an event as it happens to `state`, before it is applied. It is safe after the next
    /// [`commit`](Self::commit). Returns its line.
    pub fn record(&mut self, state: &RunState, event: &EventBody) -> String {
        let appended = self.chain.append(state, event, &(self.clock)());
        let line = appended.line.clone();
        self.journal.append(appended);
        line
    }

    /// What a call came to, as it is recorded.
    pub fn heard(&self, outcome: CallOutcome) -> CallOutcome {
        self.chain.heard(outcome)
    }

    /// Hands on what was recorded; with `awaited`, it is on the disk when this returns, unless it is kept in memory.
    pub fn commit(&mut self, awaited: bool) -> Result<(), JournalError> {
        self.journal.commit(awaited)
    }

    /// Hands on what was not yet: nothing follows. Returns the digest of the whole.
    pub fn finish(self) -> Result<Option<Digest>, JournalError> {
        self.journal.finish()?;
        Ok(self.chain.head())
    }
}
