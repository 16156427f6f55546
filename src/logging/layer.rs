//! From what the code says to records: what spans say around an event is said with it. Only our own crate is listened to,
//! and of it only the fields that may be said: nobody has looked at what others say.
#![expect(clippy::disallowed_methods, reason = "a record carries the time at which it was made")]

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use time::OffsetDateTime;
use tracing::field::{Field as Name, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, Scope};

use super::Level;
use super::kept::Kept;
use super::pipe::Writer;
use super::record::{Field, Record, known, text};

/// The crate that is listened to.
const OURS: &str = env!("CARGO_CRATE_NAME");

/// Where records go.
#[derive(Debug)]
pub(super) enum Sink {
    /// To the process that has the terminal.
    Pipe(Writer),
    /// Nowhere yet.
    Kept(Arc<Kept>),
}

/// Hears events and spans, and makes records.
#[derive(Debug)]
pub(super) struct LogLayer {
    level: Level,
    sink: Sink,
}

/// The fields of a span, or of an event with its message.
#[derive(Debug, Default)]
struct Said {
    message: String,
    fields: Vec<(&'static str, Field)>,
}

impl LogLayer {
    pub(super) fn new(level: Level, sink: Sink) -> Self {
        Self { level, sink }
    }

    fn hears(&self, metadata: &Metadata<'_>) -> bool {
        let target = metadata.target();
        let ours = target.strip_prefix(OURS).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
        ours && *metadata.level() <= self.level.filter()
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for LogLayer {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.hears(metadata)
    }

    fn max_level_hint(&self) -> Option<tracing::level_filters::LevelFilter> {
        Some(self.level.filter())
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut said = Said::default();
        attributes.record(&mut said);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(said);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut said = Said::default();
        event.record(&mut said);
        let level = Level::from(event.metadata().level());
        let mut record = Record { ts: now(), level, message: said.message, fields: Vec::new() };
        for span in context.event_scope(event).into_iter().flat_map(Scope::from_root) {
            if let Some(around) = span.extensions().get::<Said>() {
                around.fields.iter().for_each(|(name, field)| record.put(name, field.clone()));
            }
        }
        said.fields.into_iter().for_each(|(name, field)| record.put(name, field));
        match &self.sink {
            Sink::Pipe(writer) => writer.write(record),
            Sink::Kept(kept) => kept.push(record),
        }
    }
}

impl Said {
    fn put(&mut self, name: &Name, field: impl FnOnce() -> Field) {
        if let Some(name) = known(name.name()) {
            self.fields.push((name, field()));
        }
    }
}

impl Visit for Said {
    fn record_str(&mut self, name: &Name, value: &str) {
        self.put(name, || text(value));
    }

    fn record_i64(&mut self, name: &Name, value: i64) {
        self.put(name, || Field::Number(value));
    }

    fn record_u64(&mut self, name: &Name, value: u64) {
        self.put(name, || Field::Number(i64::try_from(value).unwrap_or(i64::MAX)));
    }

    fn record_bool(&mut self, name: &Name, value: bool) {
        self.put(name, || Field::Truth(value));
    }

    /// What is said with `%`, and the message, which is words of the program: a test holds it to that.
    fn record_debug(&mut self, name: &Name, value: &dyn fmt::Debug) {
        if name.name() == "message" {
            self.message = format!("{value:?}");
        } else {
            self.put(name, || text(&format!("{value:?}")));
        }
    }
}

/// The machine's clock, to the microsecond, always as long: so it can be put in order as a text.
fn now() -> String {
    let now = OffsetDateTime::from(SystemTime::now());
    let (date, time) = (now.date(), now.time());
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        time.hour(),
        time.minute(),
        time.second(),
        time.microsecond()
    )
}
