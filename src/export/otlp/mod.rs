//! OTLP: the request in which spans are sent to a collector, as protobuf and as its JSON. Both are what the HTTP path
//! `/v1/traces` takes; the JSON is one line, as a file of collected requests has it. Sends nothing.

mod json;
mod messages;

use prost::Message as _;

use super::{AttributeValue, Recorded, Span, Story, resource, spans};

/// The version of the semantic conventions that names are taken from.
const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.37.0";
/// Who tells.
const SCOPE: &str = "lgflow.trace";

/// The request as protobuf: `Content-Type: application/x-protobuf`.
pub fn otlp_protobuf(story: &Story, recorded: &Recorded) -> Vec<u8> {
    messages::request(&spans(story, recorded), &resource(story)).encode_to_vec()
}

/// The request with these spans alone, as protobuf.
pub fn otlp_request(spans: &[Span], resource: &[(&'static str, AttributeValue)]) -> Vec<u8> {
    messages::request(spans, resource).encode_to_vec()
}

/// The request as JSON on one line: `Content-Type: application/json`.
pub fn otlp_json(story: &Story, recorded: &Recorded) -> String {
    json::request(&spans(story, recorded), &resource(story)).to_string() + "\n"
}
