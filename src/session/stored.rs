//! A stored run, folded back into where it stood: a function of its plan, its log and the time. Touches nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::digest::Digest;
use crate::plan::Plan;
use crate::trace::{
    Envelope, EventBody, IllegalEvent, Phase, ReadError, RunState, Verified, WaitId, apply, read_event,
    verify,
};

use super::retelling::{Retelling, Retold};

/// A run as it was left.
#[derive(Debug)]
pub struct Stored {
    /// Where it stands.
    pub state: RunState,
    /// Its trace, checked: what is appended follows it.
    pub verified: Verified,
    /// What is left of the waits that had begun. Time that it was suspended is free, except to a person who is asked.
    pub waits: Vec<(WaitId, Duration)>,
}

/// Why a stored run cannot be gone on with.
#[derive(Debug, thiserror::Error)]
pub enum StoredError {
    /// Its trace was altered.
    #[error("event {seq} of its trace {what} (line {line}); run `lgflow trace verify`")]
    Unverified {
        /// The number of the event.
        seq: u64,
        /// The line.
        line: usize,
        /// What happened to it.
        what: &'static str,
    },
    /// There is nothing of it.
    #[error(
        "it has recorded nothing: it begins right now, or ended before it had begun; if no process executes it, start it again"
    )]
    Empty,
    /// It is another run's.
    #[error("its trace is of another run")]
    OtherRun,
    /// An event cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// An event does not fit.
    #[error(transparent)]
    Illegal(#[from] IllegalEvent),
    /// A pattern took something out of its trace that it cannot go on without.
    #[error(
        "a redaction pattern took something out of event {seq} of its trace (`{kind}`), and {why}; start a new run"
    )]
    Untold {
        /// The number of the event.
        seq: u64,
        /// Its kind.
        kind: String,
        /// Why it is not known what that was.
        why: &'static str,
    },
    /// It is over.
    #[error("it is over: {0}")]
    Over(&'static str),
    /// It was kept in memory while it went on.
    #[error(
        "it was run with durability `none`, which keeps nothing that could be gone on with; start a new run"
    )]
    NotKept,
}

/// Folds the lines of a log. `blob` gives payloads by digest; `now` is RFC 3339.
pub fn fold(
    run: &str,
    plan: &Arc<Plan>,
    log: &str,
    blob: &dyn Fn(&Digest) -> Option<Vec<u8>>,
    now: &str,
) -> Result<Stored, StoredError> {
    folded((run, plan), log, blob, now, None)
}

/// The same of a log of which patterns took something out, into where the run itself stood.
///
/// # Errors
/// Also where that cannot be known.
pub fn fold_whole(
    (run, plan): (&str, &Arc<Plan>),
    log: &str,
    blob: &dyn Fn(&Digest) -> Option<Vec<u8>>,
    now: &str,
    by: Retold<'_>,
) -> Result<Stored, StoredError> {
    folded((run, plan), log, blob, now, Some(Retelling::new(by)))
}

fn folded(
    (run, plan): (&str, &Arc<Plan>),
    log: &str,
    blob: &dyn Fn(&Digest) -> Option<Vec<u8>>,
    now: &str,
    mut retelling: Option<Retelling<'_>>,
) -> Result<Stored, StoredError> {
    let verified = verify(log.lines(), Some(blob));
    if let Some(fault) = &verified.fault {
        return Err(StoredError::Unverified { seq: fault.seq, line: fault.line, what: fault.what.as_str() });
    }
    if log.is_empty() {
        return Err(StoredError::Empty);
    }
    if verified.run.as_deref() != Some(run) {
        return Err(StoredError::OtherRun);
    }
    let mut state = RunState::new(run, plan);
    let mut clock = Clock::default();
    for line in log.lines() {
        let event = match &mut retelling {
            Some(retelling) => retelling.event(&state, line, blob)?,
            None => read_event(&state, line, blob)?,
        };
        if let Some((envelope, _)) = Envelope::parse(line) {
            clock.tick(&state, &event, &envelope.ts);
        }
        apply(&mut state, &event)?;
    }
    let now = time_of(now);
    let left = |(wait, reason, whole)| (wait, clock.left(wait, whole, state.times_a_person(reason), now));
    let waits = state.open_waits().map(left).collect();
    Ok(Stored { state, verified, waits })
}

/// May it be gone on with? One that is over may not.
pub fn resumable(state: &RunState) -> Result<(), StoredError> {
    match state.phase() {
        Phase::Finished { status, .. } => Err(StoredError::Over(status.as_str())),
        _ => Ok(()),
    }
}

/// How much time has counted.
#[derive(Debug, Default)]
struct Clock {
    active: Duration,
    last: Option<OffsetDateTime>,
    begun: BTreeMap<WaitId, (Option<OffsetDateTime>, Duration)>,
}

impl Clock {
    fn tick(&mut self, before: &RunState, event: &EventBody, ts: &str) {
        let at = time_of(ts);
        // between the processes of a run, and while it waits for a person, no time counts
        let stood =
            matches!(before.phase(), Phase::Suspended | Phase::New) || matches!(event, EventBody::RunResumed);
        if !stood {
            self.active += between(self.last, at);
        }
        self.last = at.or(self.last);
        if let EventBody::WaitStarted { wait, .. } = event {
            self.begun.insert(*wait, (at, self.active));
        }
    }

    fn left(
        &self,
        wait: WaitId,
        whole: Duration,
        times_a_person: bool,
        now: Option<OffsetDateTime>,
    ) -> Duration {
        let Some((begun, active)) = self.begun.get(&wait) else { return whole };
        let used = if times_a_person { between(*begun, now) } else { self.active.saturating_sub(*active) };
        whole.saturating_sub(used)
    }
}

fn time_of(ts: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(ts, &Rfc3339).ok()
}

/// A clock that was set back has not made time.
fn between(earlier: Option<OffsetDateTime>, later: Option<OffsetDateTime>) -> Duration {
    match (earlier, later) {
        (Some(earlier), Some(later)) => Duration::try_from(later - earlier).unwrap_or_default(),
        _ => Duration::ZERO,
    }
}
