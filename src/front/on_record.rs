//! What a run has recorded, as far as it is believed: as it was sealed, or as this installation has written it. Whoever else can
//! write the store can make every hash in it anew, and no code.

use crate::ledger::{Head, Ledger};
use crate::store::{Recorded, RunId, Store};
use crate::trace::{Envelope, verify};

use super::AgainError;

/// What a run has recorded, where all of it was recorded by this installation and nothing that its front had sealed is missing.
pub fn sealed_log(store: &Store, ledger: &Ledger, run: &RunId) -> Result<String, AgainError> {
    // looked up before: a process that executes the run may seal more of it meanwhile
    let head = ledger.reached(run.as_str());
    let recorded = store.recorded(run)?;
    on_record(run, &recorded, (ledger, head?.as_ref()))?;
    Ok(recorded.text)
}

/// Is that what this installation has recorded of the run, to the end, with the event in it that was the last when its front
/// saw it?
pub(super) fn on_record(
    run: &RunId,
    recorded: &Recorded,
    (ledger, head): (&Ledger, Option<&Head>),
) -> Result<(), AgainError> {
    let Recorded { text, .. } = recorded;
    match head {
        Some(head) if !holds(text, head) => Err(AgainError::OtherTrace(run.clone())),
        _ if text.is_empty() || recorded.is_vouched_by(ledger.key()) => Ok(()),
        Some(head) if ends_with(text, head) => Ok(()),
        _ if ledger.begun(run.as_str())?.is_none() => Err(AgainError::Foreign(run.clone())),
        head => Err(AgainError::Unvouched(run.clone(), Since(head.map_or(0, |head| head.events)))),
    }
}

/// The last event that is vouched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Since(pub u64);

impl std::fmt::Display for Since {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            0 => f.write_str("what it tells"),
            sealed => write!(f, "what stands behind its event {sealed}"),
        }
    }
}

/// Does the log have the event that was the last when its front saw it?
pub(super) fn holds(log: &str, head: &Head) -> bool {
    let at = usize::try_from(head.events).unwrap_or(usize::MAX).saturating_sub(1);
    log.lines().nth(at).and_then(Envelope::parse).is_some_and(|(_, hash)| hash == head.hash)
}

/// Is that event its last, and does all before it follow by its hashes?
fn ends_with(log: &str, head: &Head) -> bool {
    let verified = verify(log.lines(), None);
    verified.fault.is_none() && verified.events == head.events && verified.head == Some(head.hash)
}
