//! A moment that all processes of a machine count alike: what one of them began can be measured by another.

use rustix::time::{ClockId, clock_gettime};

/// Microseconds of the clock that only goes forward.
pub(super) fn moment() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec.cast_unsigned() * 1_000_000 + now.tv_nsec.cast_unsigned() / 1000
}
