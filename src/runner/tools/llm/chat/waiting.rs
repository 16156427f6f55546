//! How long to wait before a request is made again: as long as the provider asks, within bounds; where it asks nothing, longer
//! each time.
#![expect(clippy::disallowed_methods, reason = "a wait ends at a time on the clock")]

use std::thread;
use std::time::{Duration, Instant};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::effect::{ErrorKind, ToolError};
use crate::runner::Cancel;

/// The longest wait that a provider may ask for: whoever asks for more is not waited for.
pub(super) const LONGEST: Duration = Duration::from_mins(1);
/// The first wait where nothing is asked; it doubles.
const FIRST: Duration = Duration::from_millis(500);
/// How often it is looked whether somebody asks for the end.
const TICK: Duration = Duration::from_millis(20);

/// What `Retry-After` asks for: seconds, or a time, which is read against the server's own `Date`, or our clock where it tells
/// none.
pub(super) fn asked(retry_after: Option<&str>, date: Option<&str>) -> Option<Duration> {
    asked_at(retry_after, date, OffsetDateTime::now_utc())
}

fn asked_at(retry_after: Option<&str>, date: Option<&str>, now: OffsetDateTime) -> Option<Duration> {
    let said = retry_after?.trim();
    if let Ok(seconds) = said.parse::<f64>() {
        return (seconds.is_finite() && seconds >= 0.0).then(|| Duration::from_secs_f64(seconds.min(1e6)));
    }
    let moment = |text: &str| OffsetDateTime::parse(&text.trim().replace("GMT", "+0000"), &Rfc2822).ok();
    let left = moment(said)? - date.and_then(moment).unwrap_or(now);
    Some(Duration::try_from(left).unwrap_or_default())
}

/// The wait before another try, after so many.
pub(super) fn growing(tries: u32) -> Duration {
    FIRST.saturating_mul(1_u32.checked_shl(tries.saturating_sub(1)).unwrap_or(u32::MAX)).min(LONGEST)
}

/// Waits, unless the call ends.
pub(super) fn wait(time: Duration, cancel: &Cancel) -> Result<(), ToolError> {
    let until = Instant::now() + time;
    while Instant::now() < until {
        if cancel.is_cancelled() {
            return Err(ToolError::new(ErrorKind::Cancelled, "the request was cancelled"));
        }
        if cancel.is_over() {
            let message = "the time of the call was over before the provider wanted to be asked again";
            return Err(ToolError::new(ErrorKind::Timeout, message));
        }
        thread::sleep(TICK.min(until.saturating_duration_since(Instant::now())));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_seconds_or_a_time() {
        let now = OffsetDateTime::from_unix_timestamp(1_792_567_680).unwrap();
        let asked = |said, date| asked_at(said, date, now);
        let date = Some("Wed, 21 Oct 2026 07:28:00 GMT");
        assert_eq!(asked(Some("2"), None), Some(Duration::from_secs(2)));
        assert_eq!(asked(Some("0.5"), None), Some(Duration::from_millis(500)));
        for date in [date, None, Some("yesterday")] {
            assert_eq!(asked(Some("Wed, 21 Oct 2026 07:28:30 GMT"), date), Some(Duration::from_secs(30)));
            assert_eq!(asked(Some("Wed, 21 Oct 2026 07:27:00 GMT"), date), Some(Duration::ZERO));
        }
        let other = Some("Wed, 21 Oct 2026 06:28:00 GMT");
        assert_eq!(asked(Some("Wed, 21 Oct 2026 06:28:09 GMT"), other), Some(Duration::from_secs(9)));
        for nothing in [None, Some("soon"), Some("-1"), Some("NaN")] {
            assert_eq!(asked(nothing, date), None, "{nothing:?}");
        }
    }

    #[test]
    fn waits_grow_up_to_a_bound() {
        assert_eq!((growing(1), growing(2), growing(3)), (FIRST, FIRST * 2, FIRST * 4));
        assert_eq!((growing(40), growing(u32::MAX)), (LONGEST, LONGEST));
    }
}
