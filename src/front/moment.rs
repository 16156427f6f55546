//! A stored run as it was at one of its events. Starts nothing.

use crate::session::{StoredError, fold, system_clock};
use crate::store::RunId;
use crate::trace::{Envelope, Point, PointError, Standing};

use super::{AgainError, Place, standing_run};

/// A run as it was behind one of its events.
#[derive(Debug)]
pub struct Moment {
    /// The event.
    pub event: Envelope,
    /// How many events the run has by now.
    pub events: u64,
    /// Where it stood.
    pub standing: Standing,
}

/// A moment that cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum MomentError {
    /// The run cannot be read, or not be believed.
    #[error(transparent)]
    Again(#[from] AgainError),
    /// It has no such place.
    #[error(transparent)]
    Point(#[from] PointError),
}

/// The run as it was at `point`: its events up to there, folded.
pub fn moment(place: &Place, run: &RunId, point: &Point) -> Result<Moment, MomentError> {
    let again = standing_run(place, run)?;
    let store = place.runs().map_err(AgainError::from)?;
    let (log, blobs) = (store.log(run).map_err(AgainError::from)?, store.blobs());
    let events: Vec<Envelope> = log.lines().filter_map(Envelope::parse).map(|(event, _)| event).collect();
    let count = point.events_up_to(&again.plan, &events)?;
    let until: String = log.split_inclusive('\n').take(count).collect();
    let unfit = |error: StoredError| AgainError::Stored(run.clone(), error);
    let stored = fold(run.as_str(), &again.plan, &until, &|digest| blobs.get(digest), &system_clock())
        .map_err(unfit)?;
    let event = events.get(count - 1).cloned().ok_or(PointError::NoEvent { seq: 0, events: 0 })?;
    Ok(Moment { event, events: events.len() as u64, standing: stored.state.standing() })
}
