//! The thread that tells: it hears the events of a run, and sends what has ended of it from time to time and the rest at its
//! end. A span has the identity that an export of the stored run gives it, so one that is told twice is one.
#![expect(clippy::disallowed_methods, reason = "spans are sent from time to time")]

use std::collections::BTreeSet;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::digest::Digest;
use crate::export::{End, Recorded, Recording, Span, SpanId, Story, otlp_request, resource, spans};

use super::sparing::spared;
use super::{Collector, NotSent};

/// Events that wait for the thread at most.
const QUEUE: usize = 8192;
/// How often what has ended is sent.
const EVERY: Duration = Duration::from_secs(5);
/// So many spans go into a request.
const AT_ONCE: usize = 256;

/// Tells a collector of one run.
#[derive(Debug)]
pub struct Exporter {
    queue: SyncSender<Recording>,
    ended: Receiver<Result<(), NotSent>>,
    lost: bool,
}

impl Exporter {
    /// Begins to tell of a run; `before` is what was recorded of it before, and told then.
    pub fn begin(collector: Collector, before: Vec<Recording>) -> io::Result<Self> {
        let (queue, events) = sync_channel(QUEUE);
        let (tell, ended) = channel();
        let life = move || {
            // a front that waits no longer hears nothing
            let _ = tell.send(Teller::new(collector, before).live(&events));
        };
        thread::Builder::new().name("otlp".to_owned()).spawn(life)?;
        Ok(Self { queue, ended, lost: false })
    }

    /// One more event. Where the queue is full it is lost, and the run goes on.
    pub fn tell(&mut self, recording: Recording) {
        self.lost |= matches!(self.queue.try_send(recording), Err(TrySendError::Full(_)));
    }

    /// Nothing more happens in this process: what is left is sent, and waited for no longer than `within`.
    pub fn end(self, within: Duration) -> Result<(), NotSent> {
        drop(self.queue);
        self.ended.recv_timeout(within).unwrap_or(Err(NotSent::Slow))?;
        if self.lost { Err(NotSent::Lost) } else { Ok(()) }
    }
}

struct Teller {
    collector: Collector,
    recorded: Recorded,
    sent: BTreeSet<SpanId>,
}

impl Teller {
    fn new(collector: Collector, before: Vec<Recording>) -> Self {
        let mut teller = Self {
            collector,
            recorded: Recorded { events: Vec::new(), bytes: Digest::of(""), missing: 0 },
            sent: BTreeSet::new(),
        };
        for recording in before {
            teller.hear(recording);
        }
        let (_, ended) = teller.ended();
        teller.sent = ended.iter().map(|span| span.id).collect();
        teller
    }

    fn hear(&mut self, Recording { event, hash }: Recording) {
        self.recorded.events.push(Recording { event: spared(event), hash });
    }

    fn live(mut self, events: &Receiver<Recording>) -> Result<(), NotSent> {
        let mut next = Instant::now() + EVERY;
        loop {
            match events.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(recording) => self.hear(recording),
                Err(RecvTimeoutError::Timeout) => {
                    let begun = Instant::now();
                    let (story, ended) = self.ended();
                    // what cannot be sent now is tried again at the end, and said then
                    let _ = self.send(&story, ended);
                    next = Instant::now() + EVERY.max(begun.elapsed() * 20);
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let (story, ended) = self.ended();
                    // what has not ended with the run never will; what another process goes on with, it tells
                    let rest = if story.complete { spans(&story, &self.recorded) } else { ended };
                    return self.send(&story, rest);
                }
            }
        }
    }

    /// What has ended.
    fn ended(&self) -> (Story, Vec<Span>) {
        let story = Story::of(&self.recorded);
        let all = spans(&story, &self.recorded).into_iter().zip(&story.pieces);
        let ended = all.filter(|(_, piece)| piece.end != End::Open).map(|(span, _)| span);
        let ended = ended.collect();
        (story, ended)
    }

    fn send(&mut self, story: &Story, spans: Vec<Span>) -> Result<(), NotSent> {
        let new: Vec<Span> = spans.into_iter().filter(|span| !self.sent.contains(&span.id)).collect();
        let resource = resource(story);
        for part in new.chunks(AT_ONCE) {
            self.collector.send(&otlp_request(part, &resource))?;
            self.sent.extend(part.iter().map(|span| span.id));
        }
        Ok(())
    }
}
