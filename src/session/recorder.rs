//! From an event to its line in the store: the chain makes the line, the store keeps it, and only then it counts.
#![expect(clippy::disallowed_methods, reason = "an event carries the time at which it was recorded")]

use std::time::SystemTime;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::digest::Digest;
use crate::store::{Blobs, Durability, RunLog, StoreError};
use crate::trace::{Chain, EventBody, RunState};

/// Tells the time, in RFC 3339 and UTC.
pub type Clock = fn() -> String;

/// The machine's clock, to the microsecond.
pub fn system_clock() -> String {
    let now = OffsetDateTime::from(SystemTime::now());
    let micros = now.replace_microsecond(now.microsecond()).unwrap_or(now);
    micros.format(&Rfc3339).unwrap_or_else(|_| "1970-01-01T00:00:00Z".to_owned())
}

/// Where the events of one run go.
#[derive(Debug)]
pub struct Recorder {
    chain: Chain,
    log: RunLog,
    blobs: Blobs,
    durability: Durability,
    clock: Clock,
}

impl Recorder {
    /// Continues `chain` in `log`; payloads that stand outside of their line are kept in `blobs`.
    pub fn new(chain: Chain, log: RunLog, blobs: Blobs, durability: Durability, clock: Clock) -> Self {
        Self { chain, log, blobs, durability, clock }
    }

    /// Takes an event as it happens to `state`, before it is applied. It is safe after the next
    /// [`commit`](Self::commit). Returns its line.
    pub fn record(&mut self, state: &RunState, event: &EventBody) -> Result<String, StoreError> {
        let appended = self.chain.append(state, event, &(self.clock)());
        for blob in &appended.blobs {
            self.blobs.put(&blob.bytes, self.durability == Durability::Sync)?;
        }
        self.log.append(&appended.line);
        Ok(appended.line)
    }

    /// Makes what was recorded as safe as the durability says.
    pub fn commit(&mut self) -> Result<(), StoreError> {
        self.log.commit()
    }

    /// Writes what is not written yet: nothing follows. Returns the digest of the whole.
    pub fn finish(self) -> Result<Option<Digest>, StoreError> {
        self.log.finish()?;
        Ok(self.chain.head())
    }
}
