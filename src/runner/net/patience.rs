//! How long something of a request may take: until its own time is over, the call's, or somebody asks for its end.
#![expect(clippy::disallowed_methods, reason = "a wait ends at a time on the clock")]

use std::future::Future;
use std::time::{Duration, Instant};

use crate::runner::Cancel;

use super::NetFault;

/// How often it is looked whether somebody asks for the end.
const TICK: Duration = Duration::from_millis(20);

/// When it began: one request, or the first of those that its answer leads to.
#[derive(Debug, Clone, Copy)]
pub(in crate::runner) struct Begin(Instant);

/// The waits of one request.
#[derive(Debug)]
pub(super) struct Patience {
    origin: String,
    /// What `total` counts from.
    first: Begin,
    begun: Instant,
    total: Duration,
    cancel: Cancel,
}

impl Begin {
    pub(in crate::runner) fn now() -> Self {
        Self(Instant::now())
    }
}

impl Patience {
    pub(super) fn new(origin: String, first: Begin, total: Duration, cancel: &Cancel) -> Self {
        Self { origin, first, begun: Instant::now(), total, cancel: cancel.clone() }
    }

    /// Waits for `work`; `limit` counts from the begin of the request.
    pub(super) async fn within<T>(
        &self,
        what: &str,
        limit: Option<Duration>,
        work: impl Future<Output = T>,
    ) -> Result<T, NetFault> {
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                () = tokio::time::sleep(TICK) => self.look(what, limit)?,
            }
        }
    }

    fn look(&self, what: &str, limit: Option<Duration>) -> Result<(), NetFault> {
        if self.cancel.is_cancelled() {
            return Err(NetFault::Cancelled);
        }
        let over = |most: Duration| self.begun.elapsed() >= most;
        let timeout = |what: String| Err(NetFault::Timeout { origin: self.origin.clone(), what });
        match limit.filter(|limit| over(*limit)) {
            Some(limit) => timeout(format!("{what} within {}", seconds(limit))),
            None if self.first.0.elapsed() >= self.total => {
                timeout(format!("the whole answer within {}", seconds(self.total)))
            }
            None if self.cancel.is_over() => timeout("the time of the call is over".to_owned()),
            None => Ok(()),
        }
    }

    pub(super) fn origin(&self) -> String {
        self.origin.clone()
    }
}

fn seconds(time: Duration) -> String {
    match time.subsec_millis() {
        0 => format!("{} s", time.as_secs()),
        _ => format!("{} ms", time.as_millis()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_is_over_when_it_is_over_since_the_first_request() {
        let cancel = Cancel::default();
        let minute = Duration::from_mins(1);
        let long_ago = Begin(Instant::now().checked_sub(minute).expect("the machine is up for a minute"));
        let last = Patience::new("http://h:1".to_owned(), long_ago, minute, &cancel);
        for limit in [None, Some(minute)] {
            let over = last.look("a first word", limit);
            assert!(
                matches!(&over, Err(NetFault::Timeout { what, .. }) if what.contains("the whole answer within 60 s")),
                "{over:?}"
            );
        }
        let fresh = Patience::new("http://h:1".to_owned(), Begin::now(), minute, &cancel);
        assert!(fresh.look("a first word", Some(minute)).is_ok());
        assert!(matches!(
            fresh.look("a first word", Some(Duration::ZERO)),
            Err(NetFault::Timeout { what, .. }) if what.contains("a first word within 0 s")
        ));
    }
}
