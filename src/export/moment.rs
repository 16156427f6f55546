//! A moment of a run: nanoseconds since 1970, so that every format can tell it in its own way.

use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A moment, in nanoseconds since 1970 in UTC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub u64);

impl Moment {
    /// Reads RFC 3339.
    pub fn parse(text: &str) -> Option<Self> {
        let read = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        u64::try_from(read.unix_timestamp_nanos()).ok().map(Self)
    }

    /// As RFC 3339.
    pub fn text(self) -> String {
        let read = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0)).ok();
        read.and_then(|read| read.format(&Rfc3339).ok()).unwrap_or_default()
    }

    /// How long after `earlier` it is; nothing where it is before.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// So much later.
    #[must_use]
    pub fn after(self, time: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)))
    }
}
