//! The same messages as JSON, as the protocol writes it: ids in hexadecimal digits, whole numbers of 64 bits as texts.

use serde_json::{Value, json};

use crate::digest::hex;
use crate::export::{AttributeValue, Span, SpanEvent};

use super::{SCHEMA_URL, SCOPE, messages};

type Attributes = [(&'static str, AttributeValue)];

pub(super) fn request(spans: &[Span], resource: &Attributes) -> Value {
    let scope = json!({ "name": SCOPE, "version": env!("CARGO_PKG_VERSION") });
    let spans: Vec<Value> = spans.iter().map(span).collect();
    let scope_spans = json!({ "scope": scope, "spans": spans, "schemaUrl": SCHEMA_URL });
    json!({
        "resourceSpans": [{
            "resource": { "attributes": attributes(resource) },
            "scopeSpans": [scope_spans],
            "schemaUrl": SCHEMA_URL,
        }],
    })
}

fn span(span: &Span) -> Value {
    let (code, message) = messages::code(&span.status);
    json!({
        "traceId": hex(&span.trace.0),
        "spanId": hex(&span.id.0),
        "parentSpanId": span.parent.map(|parent| hex(&parent.0)).unwrap_or_default(),
        "name": span.name,
        "kind": messages::kind(span.kind),
        "startTimeUnixNano": span.from.0.to_string(),
        "endTimeUnixNano": span.to.0.to_string(),
        "attributes": attributes(&span.attributes),
        "events": span.events.iter().map(event).collect::<Vec<_>>(),
        "status": { "code": code, "message": message },
    })
}

fn event(event: &SpanEvent) -> Value {
    json!({
        "timeUnixNano": event.at.0.to_string(),
        "name": event.name,
        "attributes": attributes(&event.attributes),
    })
}

fn attributes(all: &Attributes) -> Value {
    all.iter().map(|(key, value)| json!({ "key": key, "value": any(value) })).collect()
}

fn any(value: &AttributeValue) -> Value {
    let text = |text: &String| json!({ "stringValue": text });
    let number = |number: &i64| json!({ "intValue": number.to_string() });
    match value {
        AttributeValue::Text(one) => text(one),
        AttributeValue::Number(one) => number(one),
        AttributeValue::Truth(truth) => json!({ "boolValue": truth }),
        AttributeValue::Texts(all) => {
            json!({ "arrayValue": { "values": all.iter().map(text).collect::<Vec<_>>() } })
        }
        AttributeValue::Numbers(all) => {
            json!({ "arrayValue": { "values": all.iter().map(number).collect::<Vec<_>>() } })
        }
    }
}
