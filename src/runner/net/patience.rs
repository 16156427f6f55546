//! How long something of a request may take: until its own time is over, the call's, or somebody asks for its end.
#![expect(clippy::disallowed_methods, reason = "a wait ends at a time on the clock")]

use std::future::Future;
use std::time::{Duration, Instant};

use crate::runner::Cancel;

use super::NetFault;

/// How often it is looked whether somebody asks for the end.
const TICK: Duration = Duration::from_millis(20);

/// The waits of one request.
#[derive(Debug)]
pub(super) struct Patience {
    origin: String,
    begun: Instant,
    total: Duration,
    cancel: Cancel,
}

impl Patience {
    pub(super) fn new(origin: String, total: Duration, cancel: &Cancel) -> Self {
        Self { origin, begun: Instant::now(), total, cancel: cancel.clone() }
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
        let took = self.begun.elapsed();
        let over = |most: Duration| took >= most;
        let timeout = |what: String| Err(NetFault::Timeout { origin: self.origin.clone(), what });
        match limit.filter(|limit| over(*limit)) {
            Some(limit) => timeout(format!("{what} within {}", seconds(limit))),
            None if over(self.total) => timeout(format!("the whole answer within {}", seconds(self.total))),
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
