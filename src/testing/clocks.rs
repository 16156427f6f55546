//! The time of a rehearsal. It is imagined: what a script answers takes none, and when nothing else goes on the clock
//! moves to the next moment at which a wait or the time of a call is over. So times add up as they do in a run.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::trace::{CallId, WaitId};

/// What ends something, or lets it go on, by the passing of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Clock {
    Wait(WaitId),
    Call(CallId),
}

/// When something began: how much time the run had gone on, and how much it had stood.
#[derive(Debug, Clone, Copy)]
struct Begun {
    order: u64,
    active: Duration,
    stood: Duration,
}

/// The clocks of one run.
#[derive(Debug, Default)]
pub(super) struct Clocks {
    /// For how long the run has gone on.
    active: Duration,
    /// For how long it has waited for a person, and for nothing else.
    stood: Duration,
    begun: BTreeMap<Clock, Begun>,
    /// Calls that come to nothing by themselves, with the time that the runner gives them.
    hanging: BTreeMap<CallId, Option<Duration>>,
    order: u64,
}

impl Clocks {
    /// A wait begins.
    pub(super) fn begin(&mut self, clock: Clock) {
        self.order += 1;
        let begun = Begun { order: self.order, active: self.active, stood: self.stood };
        self.begun.insert(clock, begun);
    }

    /// A call hangs from now on; `time` is what the runner gives it.
    pub(super) fn hang(&mut self, call: CallId, time: Option<Duration>) {
        self.begin(Clock::Call(call));
        self.hanging.insert(call, time);
    }

    /// A call is no longer waited for: did it hang?
    pub(super) fn end(&mut self, call: CallId) -> bool {
        self.begun.remove(&Clock::Call(call));
        self.hanging.remove(&call).is_some()
    }

    /// The next clock that rings, and its time has come. `waits` are those that have begun; a person's time passes also
    /// while the run stands, the time of everything else does not.
    pub(super) fn ring(
        &mut self,
        waits: impl Iterator<Item = (WaitId, Duration, Person)>,
        stands: bool,
    ) -> Option<Clock> {
        let waits = waits.map(|(wait, whole, person)| (Clock::Wait(wait), whole, person));
        let calls = self.hanging.iter();
        let calls = calls.filter_map(|(call, time)| Some((Clock::Call(*call), (*time)?, Person(false))));
        let running = waits.chain(calls).filter(|(.., person)| person.0 || !stands);
        let left = |(clock, whole, person): (Clock, Duration, Person)| {
            let begun = self.begun.get(&clock)?;
            let gone = self.active.saturating_sub(begun.active);
            let stood = if person.0 { self.stood.saturating_sub(begun.stood) } else { Duration::ZERO };
            // of two at the same moment the one that began first: the outer one
            Some((whole.saturating_sub(gone).saturating_sub(stood), begun.order, clock))
        };
        let (left, _, clock) = running.filter_map(left).min()?;
        let passing = if stands { &mut self.stood } else { &mut self.active };
        *passing = passing.saturating_add(left);
        self.begun.remove(&clock);
        Some(clock)
    }
}

/// Is a wait the time that a person has for an answer?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Person(pub(super) bool);

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    #[test]
    fn times_add_up_and_a_person_s_time_passes_while_the_run_stands() {
        let mut clocks = Clocks::default();
        let (wall, person) = (WaitId(1), WaitId(2));
        let waits = || [(wall, seconds(5), Person(false)), (person, seconds(10), Person(true))].into_iter();
        clocks.begin(Clock::Wait(wall));
        for call in 1..=2 {
            clocks.hang(CallId(call), Some(seconds(2)));
            assert_eq!(clocks.ring(waits().take(1), false), Some(Clock::Call(CallId(call))));
            assert!(clocks.end(CallId(call)));
        }
        clocks.begin(Clock::Wait(person));
        assert_eq!(clocks.ring(waits(), true), Some(Clock::Wait(person)));
        // the wall has a second left, and not less for what the run stood
        clocks.hang(CallId(3), Some(seconds(2)));
        assert_eq!(clocks.ring(waits().take(1), false), Some(Clock::Wait(wall)));
        clocks.begin(Clock::Wait(person));
        assert_eq!(clocks.ring(waits().skip(1), false), Some(Clock::Call(CallId(3))));
    }
}
