//! The messages of OTLP 1 that carry spans, by their published field numbers.

use prost::Message;

use crate::export::{AttributeValue, Span, SpanEvent, SpanKind, SpanStatus};

use super::{SCHEMA_URL, SCOPE};

type Attributes = [(&'static str, AttributeValue)];

#[derive(Clone, PartialEq, Message)]
pub(super) struct ExportTraceServiceRequest {
    #[prost(message, repeated, tag = "1")]
    resource_spans: Vec<ResourceSpans>,
}

#[derive(Clone, PartialEq, Message)]
struct ResourceSpans {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    scope_spans: Vec<ScopeSpans>,
    #[prost(string, tag = "3")]
    schema_url: String,
}

#[derive(Clone, PartialEq, Message)]
struct Resource {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct ScopeSpans {
    #[prost(message, optional, tag = "1")]
    scope: Option<InstrumentationScope>,
    #[prost(message, repeated, tag = "2")]
    spans: Vec<SpanMessage>,
    #[prost(string, tag = "3")]
    schema_url: String,
}

#[derive(Clone, PartialEq, Message)]
struct InstrumentationScope {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    version: String,
}

#[derive(Clone, PartialEq, Message)]
struct SpanMessage {
    #[prost(bytes = "vec", tag = "1")]
    trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    span_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    parent_span_id: Vec<u8>,
    #[prost(string, tag = "5")]
    name: String,
    #[prost(int32, tag = "6")]
    kind: i32,
    #[prost(fixed64, tag = "7")]
    start_time_unix_nano: u64,
    #[prost(fixed64, tag = "8")]
    end_time_unix_nano: u64,
    #[prost(message, repeated, tag = "9")]
    attributes: Vec<KeyValue>,
    #[prost(message, repeated, tag = "11")]
    events: Vec<EventMessage>,
    #[prost(message, optional, tag = "15")]
    status: Option<Status>,
}

#[derive(Clone, PartialEq, Message)]
struct EventMessage {
    #[prost(fixed64, tag = "1")]
    time_unix_nano: u64,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(message, repeated, tag = "3")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(string, tag = "2")]
    message: String,
    #[prost(int32, tag = "3")]
    code: i32,
}

#[derive(Clone, PartialEq, Message)]
struct KeyValue {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<AnyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct AnyValue {
    #[prost(oneof = "Any", tags = "1, 2, 3, 5")]
    value: Option<Any>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Any {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(bool, tag = "2")]
    Truth(bool),
    #[prost(int64, tag = "3")]
    Number(i64),
    #[prost(message, tag = "5")]
    Array(ArrayValue),
}

#[derive(Clone, PartialEq, Message)]
struct ArrayValue {
    #[prost(message, repeated, tag = "1")]
    values: Vec<AnyValue>,
}

pub(super) fn request(spans: &[Span], resource: &Attributes) -> ExportTraceServiceRequest {
    let scope =
        InstrumentationScope { name: SCOPE.to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() };
    let scope_spans = ScopeSpans {
        scope: Some(scope),
        spans: spans.iter().map(span).collect(),
        schema_url: SCHEMA_URL.to_owned(),
    };
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource { attributes: attributes(resource) }),
            scope_spans: vec![scope_spans],
            schema_url: SCHEMA_URL.to_owned(),
        }],
    }
}

fn span(span: &Span) -> SpanMessage {
    SpanMessage {
        trace_id: span.trace.0.to_vec(),
        span_id: span.id.0.to_vec(),
        parent_span_id: span.parent.map(|parent| parent.0.to_vec()).unwrap_or_default(),
        name: span.name.clone(),
        kind: kind(span.kind),
        start_time_unix_nano: span.from.0,
        end_time_unix_nano: span.to.0,
        attributes: attributes(&span.attributes),
        events: span.events.iter().map(event).collect(),
        status: Some(status(&span.status)),
    }
}

fn event(event: &SpanEvent) -> EventMessage {
    EventMessage {
        time_unix_nano: event.at.0,
        name: event.name.to_owned(),
        attributes: attributes(&event.attributes),
    }
}

/// `SPAN_KIND_…`
pub(super) fn kind(kind: SpanKind) -> i32 {
    match kind {
        SpanKind::Internal => 1,
        SpanKind::Client => 3,
    }
}

/// `STATUS_CODE_…`
pub(super) fn code(status: &SpanStatus) -> (i32, &str) {
    match status {
        SpanStatus::Unset => (0, ""),
        SpanStatus::Ok => (1, ""),
        SpanStatus::Error(message) => (2, message),
    }
}

fn status(status: &SpanStatus) -> Status {
    let (code, message) = code(status);
    Status { message: message.to_owned(), code }
}

fn attributes(all: &Attributes) -> Vec<KeyValue> {
    all.iter().map(|(key, value)| KeyValue { key: (*key).to_owned(), value: Some(any(value)) }).collect()
}

fn any(value: &AttributeValue) -> AnyValue {
    let one = |any| AnyValue { value: Some(any) };
    let array = |values| one(Any::Array(ArrayValue { values }));
    match value {
        AttributeValue::Text(text) => one(Any::Text(text.clone())),
        AttributeValue::Number(number) => one(Any::Number(*number)),
        AttributeValue::Truth(truth) => one(Any::Truth(*truth)),
        AttributeValue::Texts(texts) => {
            array(texts.iter().map(|text| one(Any::Text(text.clone()))).collect())
        }
        AttributeValue::Numbers(all) => array(all.iter().map(|number| one(Any::Number(*number))).collect()),
    }
}
