//! What a recorded run becomes for others: one JSON document, spans (OTLP), slices (Perfetto), a drawing with what happened
//! (Mermaid), pages for a person, a signed statement (in-toto). Pure: events go in and bytes come out; nothing is checked here, nothing sent.

mod document;
mod fates;
mod mermaid;
mod moment;
mod otlp;
mod page;
mod perfetto;
mod recorded;
mod span;
mod statement;
mod story;
#[cfg(test)]
mod tests;

pub use document::trace_document;
use fates::above;
pub use fates::{Fate, Fates};

pub use mermaid::mermaid;
pub use moment::Moment;
pub use otlp::{otlp_json, otlp_protobuf, otlp_request};
pub use page::{Checked, Listed, index_page, run_page};
pub use perfetto::perfetto;
pub use recorded::{Recorded, Recording, Unreadable};
pub use span::{AttributeValue, Span, SpanEvent, SpanId, SpanKind, SpanStatus, TraceId, resource, spans};
pub use statement::{envelope, statement};
pub use story::{
    CallTold, Change, Decided, EdgeTold, End, NodeTold, Piece, Planned, PlannedEdge, PlannedLoop,
    PlannedNode, QuestionTold, Story, Undone, Used, What, changes_of,
};
