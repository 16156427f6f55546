//! A trace as it was recorded: its events, with payloads in place. Knows nothing of what they tell, and does not check them.

use crate::digest::Digest;
use crate::trace::{Blobs, Envelope};

/// The events of a run.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// In order; a payload that is not at hand stays the reference to it.
    pub events: Vec<Recording>,
    /// Of the bytes of the whole text.
    pub bytes: Digest,
    /// How many payloads are not at hand.
    pub missing: usize,
}

/// An event, and the hash that its line carries.
#[derive(Debug, Clone)]
pub struct Recording {
    /// The event, with payloads in place.
    pub event: Envelope,
    /// Of its line.
    pub hash: Digest,
}

/// A line is no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line} is no event; run `lgflow trace verify`")]
pub struct Unreadable {
    /// From 1.
    pub line: usize,
}

impl Recorded {
    /// Reads the lines of a trace; `blob` gives payloads by digest. A last line without an end that is no event was being
    /// written when its process died: nothing followed from it, and it is none.
    pub fn read(log: &str, blob: &Blobs<'_>) -> Result<Self, Unreadable> {
        let (mut events, mut missing) = (Vec::new(), 0);
        for (at, line) in log.lines().enumerate() {
            let Some((mut event, hash)) = Envelope::parse(line) else {
                if !events.is_empty() && log.lines().count() == at + 1 && !log.ends_with('\n') {
                    break;
                }
                return Err(Unreadable { line: at + 1 });
            };
            missing += usize::from(event.move_in(blob).is_err());
            events.push(Recording { event, hash });
        }
        Ok(Self { events, bytes: Digest::of(log), missing })
    }

    /// The hash of the last event: the digest of the whole.
    pub fn digest(&self) -> Option<Digest> {
        self.events.last().map(|last| last.hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_a_crash_cut_is_none_and_any_other_that_is_no_event_is_named() {
        let log = include_str!("../../tests/trace_compat/v1/success/run.jsonl");
        let read = |log: &str| Recorded::read(log, &|_| None).map(|recorded| recorded.events.len());
        let whole = log.lines().count();
        assert_eq!(read(log), Ok(whole));
        assert_eq!(read(&log[..log.len() - 20]), Ok(whole - 1));
        assert_eq!(read(&format!("{}\n", &log[..log.len() - 20])), Err(Unreadable { line: whole }));
        assert_eq!(read("{\"run\": "), Err(Unreadable { line: 1 }));
    }
}
