//! Waits that have begun, by the time at which they end. Real time stays in this room.
#![expect(clippy::disallowed_methods, reason = "waits end by the clock, and the session is who has one")]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::trace::WaitId;

/// The waits of one session.
#[derive(Debug, Default)]
pub(super) struct Timers {
    waiting: BTreeSet<(Instant, WaitId)>,
    /// What is left of waits that stand still.
    paused: Vec<(Duration, WaitId)>,
}

impl Timers {
    /// `wait` ends after `duration` from now.
    pub(super) fn start(&mut self, wait: WaitId, duration: Duration) {
        // a wait longer than the clock reaches never ends
        if let Some(end) = Instant::now().checked_add(duration) {
            self.waiting.insert((end, wait));
        }
    }

    /// The run is suspended: time passes for those alone that `goes_on` names.
    pub(super) fn pause(&mut self, goes_on: impl Fn(WaitId) -> bool) {
        let now = Instant::now();
        let (running, still) =
            std::mem::take(&mut self.waiting).into_iter().partition(|(_, wait)| goes_on(*wait));
        self.waiting = running;
        let still: BTreeSet<(Instant, WaitId)> = still;
        self.paused.extend(still.into_iter().map(|(end, wait)| (end.saturating_duration_since(now), wait)));
    }

    /// It goes on, and so does their time.
    pub(super) fn go_on(&mut self) {
        for (left, wait) in std::mem::take(&mut self.paused) {
            self.start(wait, left);
        }
    }

    /// Waits for the first to end; for ever, if there is none. May be dropped while it waits.
    pub(super) async fn next(&mut self) -> WaitId {
        let Some(&(end, wait)) = self.waiting.first() else {
            return std::future::pending().await;
        };
        tokio::time::sleep_until(end.into()).await;
        self.waiting.remove(&(end, wait));
        wait
    }
}
