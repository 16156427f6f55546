//! Who is told of a run while it goes on, and is neither the store nor the person: the counts, and
//! the collector of spans. What goes wrong with them is said once, at the end, and changes nothing of the run.

use std::path::Path;

use crate::digest::Digest;
use crate::metrics::Counts;
use crate::store::Store;
use crate::trace::{Envelope, EventBody, RunState};
use crate::view::escaped;

use super::counting::{Counting, add_to};
use super::spans_told::SpansTold;
use super::{Narrator, Stopped, Watching};

/// All of them; each only where it is asked for.
#[derive(Debug)]
pub(super) struct Watchers {
    counting: Option<Counting>,
    spans: Option<SpansTold>,
}

impl Watchers {
    /// Begins to tell of a run; `before` are the lines that were recorded of it before.
    pub(super) fn begin(watching: &Watching, before: &str, store: &Store) -> Self {
        Self {
            counting: watching.metrics.is_some().then(Counting::begin),
            spans: watching.spans.as_ref().and_then(|to| SpansTold::begin(to, before, store)),
        }
    }

    /// Measures how long the store takes.
    pub(super) fn committing<T>(&mut self, commit: impl FnOnce() -> T) -> T {
        match &mut self.counting {
            Some(counting) => counting.committing(commit),
            None => commit(),
        }
    }

    /// An event is recorded. `payload` gives what it names.
    pub(super) fn recorded(&mut self, event: &Envelope, payload: impl Fn(&Digest) -> Option<Vec<u8>>) {
        if let Some(spans) = &mut self.spans {
            spans.recorded(event, payload);
        }
    }

    /// The same event, as it changes the run.
    pub(super) fn hear(&mut self, state: &RunState, event: &EventBody) {
        if let Some(counting) = &mut self.counting {
            counting.counts.hear(state, event);
        }
    }

    /// The process has done its work on the run, and this is why it stopped early, if it did.
    pub(super) fn end(
        self,
        watching: &Watching,
        store: &Store,
        (state, interrupted): (&RunState, Option<&Stopped>),
        narrator: &mut Narrator,
    ) {
        if let (Some(counting), Some(path)) = (self.counting, &watching.metrics) {
            let mut counts = counting.end();
            if let Some(status) = state.summary().status {
                counts.add("lgflow_runs_total", &[("status", status.as_str())], 1);
            }
            count_the_end(&mut counts, store, interrupted);
            if let Err(error) = add_to(path, counts) {
                let text = format!("what was counted is not written: {}", escaped(&error.to_string()));
                narrator.remark(&text);
            }
        }
        if let Some(Err(why)) = self.spans.map(SpansTold::end) {
            narrator.remark(&escaped(&why));
        }
    }
}

fn count_the_end(counts: &mut Counts, store: &Store, interrupted: Option<&Stopped>) {
    counts.add("lgflow_interruptions_total", &[], u64::from(interrupted.is_some()));
    let mismatch = matches!(interrupted, Some(Stopped::Discord(_)));
    counts.add("lgflow_receipt_mismatches_total", &[], u64::from(mismatch));
    let place = store.place();
    // a database elsewhere has no file here
    let bytes = |suffix: &str| Path::new(&format!("{place}{suffix}")).metadata().map(|file| file.len());
    if let Ok(own) = bytes("") {
        counts.set("lgflow_store_bytes", own + bytes("-wal").unwrap_or_default());
    }
}
