//! How often somebody may ask: a bucket that fills with time, and from which each request takes.
#![expect(clippy::disallowed_methods, reason = "a rate is counted by the clock")]

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Seconds' worth that a bucket holds.
const BURST: f64 = 5.0;

/// One bucket.
#[derive(Debug)]
pub(super) struct Pace {
    rate: f64,
    state: Mutex<(f64, Instant)>,
}

impl Pace {
    /// So many in a second, over some seconds.
    pub(super) fn new(rate: u32) -> Self {
        let rate = f64::from(rate.max(1));
        Self { rate, state: Mutex::new((rate * BURST, Instant::now())) }
    }

    /// Takes one, if there is one.
    pub(super) fn take(&self) -> bool {
        self.take_at(Instant::now())
    }

    fn take_at(&self, now: Instant) -> bool {
        // no number is left half written
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (held, since) = *state;
        let held =
            (held + now.saturating_duration_since(since).as_secs_f64() * self.rate).min(self.rate * BURST);
        let taken = held >= 1.0;
        *state = (if taken { held - 1.0 } else { held }, now);
        taken
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_taken_comes_back_with_time_and_no_more_than_it_holds() {
        let (pace, start) = (Pace::new(2), Instant::now());
        let taken = |at: Duration| (0..100).filter(|_| pace.take_at(start + at)).count();
        assert_eq!(taken(Duration::ZERO), 10);
        assert_eq!(taken(Duration::from_secs(1)), 2);
        assert_eq!(taken(Duration::from_secs(1000)), 10);
    }
}
