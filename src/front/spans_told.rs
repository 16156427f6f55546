//! The spans of a run on their way to the user's collector; without the feature `otel`, that nobody sends them.

use crate::digest::Digest;
#[cfg(feature = "otel")]
use crate::export::{Recorded, Recording};
#[cfg(feature = "otel")]
use crate::otlp::{Collector, Exporter, NotSent};
use crate::store::Store;
use crate::trace::Envelope;

use super::SpansTo;

/// How long the end of a run waits for a collector.
#[cfg(feature = "otel")]
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(3);

/// Spans on their way.
#[derive(Debug)]
pub(super) struct SpansTold {
    /// Who gets them, without what may be a secret.
    to: String,
    #[cfg(feature = "otel")]
    exporter: Result<Exporter, NotSent>,
}

impl SpansTold {
    /// Begins to tell; `before` are the lines that were recorded before.
    #[cfg(feature = "otel")]
    #[expect(clippy::unnecessary_wraps, reason = "without the feature there may be nothing to tell")]
    pub(super) fn begin(to: &SpansTo, before: &str, store: &Store) -> Option<Self> {
        let blobs = store.blobs();
        // what cannot be read is told as far as it can
        let before = Recorded::read(before, &|digest| blobs.get(digest)).map(|all| all.events);
        let exporter = Collector::new(&to.address, &to.headers).and_then(|collector| {
            let begun = Exporter::begin(collector, before.unwrap_or_default());
            begun.map_err(|error| NotSent::NotBegun(error.to_string()))
        });
        Some(Self { to: origin(&to.address), exporter })
    }

    /// Nobody sends them. It is said where it was lgflow that was asked, and not every program.
    #[cfg(not(feature = "otel"))]
    pub(super) fn begin(to: &SpansTo, _: &str, _: &Store) -> Option<Self> {
        to.ours.then(|| Self { to: origin(&to.address) })
    }

    /// One more event; `payload` gives what it names.
    #[cfg(feature = "otel")]
    pub(super) fn recorded(&mut self, event: &Envelope, payload: impl Fn(&Digest) -> Option<Vec<u8>>) {
        if let Ok(exporter) = &mut self.exporter {
            let (hash, mut event) = (event.hash(), event.clone());
            // a payload that is gone leaves its attributes out
            let _ = event.move_in(payload);
            exporter.tell(Recording { event, hash });
        }
    }

    #[cfg(not(feature = "otel"))]
    #[expect(clippy::unused_self, reason = "with the feature it tells")]
    pub(super) fn recorded(&mut self, _: &Envelope, _: impl Fn(&Digest) -> Option<Vec<u8>>) {}

    /// Sends what is left; the sentence is why not all of it has arrived.
    pub(super) fn end(self) -> Result<(), String> {
        let Self { to, .. } = &self;
        #[cfg(feature = "otel")]
        {
            let to = to.clone();
            let sent = self.exporter.and_then(|exporter| exporter.end(PATIENCE));
            sent.map_err(|why| format!("not every span of the run has reached `{to}`: {why}"))
        }
        #[cfg(not(feature = "otel"))]
        Err(format!("no span is sent to `{to}`: this lgflow was built without the feature `otel`"))
    }
}

/// Scheme, host and port: what stands beside them may be a secret.
fn origin(address: &str) -> String {
    let (scheme, rest) = address.split_once("://").unwrap_or(("http", address));
    let place = rest.split(['/', '?', '#']).next().unwrap_or_default();
    format!("{scheme}://{}", place.rsplit('@').next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_gets_them_is_told_without_a_secret() {
        assert_eq!(origin("https://me:key@a.example:4318/v1/traces?k=1"), "https://a.example:4318");
        assert_eq!(origin("http://[::1]:4318"), "http://[::1]:4318");
    }
}
