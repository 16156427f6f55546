//! A run as spans: what an observer of many programs understands. One for the run and for each node, item, attempt, call,
//! question and wait, under identities that follow from the run alone, so that the same run told twice is told once. Knows
//! no wire form and sends nothing.

mod attributes;

use std::collections::BTreeMap;

use crate::digest::Digest;

use super::{Decided, End, Moment, Piece, Recorded, Story, What};

pub use attributes::resource;

/// A span of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// The run.
    pub trace: TraceId,
    /// Itself.
    pub id: SpanId,
    /// The one that it is within; none for the run.
    pub parent: Option<SpanId>,
    /// As the semantic conventions name what is done.
    pub name: String,
    /// Does it ask another process?
    pub kind: SpanKind,
    /// When it began.
    pub from: Moment,
    /// When it ended.
    pub to: Moment,
    /// Names and values.
    pub attributes: Vec<(&'static str, AttributeValue)>,
    /// Moments within it.
    pub events: Vec<SpanEvent>,
    /// How it ended.
    pub status: SpanStatus,
}

/// Tells runs apart: 16 bytes out of the run's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TraceId(pub [u8; 16]);

/// Tells the spans of a run apart: 8 bytes out of the run's id and the key of the piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpanId(pub [u8; 8]);

/// Who does what a span is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    /// We do.
    Internal,
    /// Another process does, and we wait.
    Client,
}

/// How what a span is of ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpanStatus {
    /// Nothing is said of it.
    Unset,
    /// As it should.
    Ok,
    /// It failed, with a message.
    Error(String),
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum AttributeValue {
    /// A text.
    Text(String),
    /// A whole number.
    Number(i64),
    /// Yes or no.
    Truth(bool),
    /// Texts.
    Texts(Vec<String>),
    /// Whole numbers.
    Numbers(Vec<i64>),
}

/// A moment within a span.
#[derive(Debug, Clone, PartialEq)]
pub struct SpanEvent {
    /// What happened.
    pub name: &'static str,
    /// When.
    pub at: Moment,
    /// Names and values.
    pub attributes: Vec<(&'static str, AttributeValue)>,
}

impl TraceId {
    /// Of a run.
    pub fn of(run: &str) -> Self {
        Self(first_bytes(&["lgflow trace", run]))
    }
}

impl SpanId {
    /// Of a piece of a run.
    pub fn of(run: &str, key: &str) -> Self {
        Self(first_bytes(&["lgflow span", run, key]))
    }
}

/// The first bytes of a digest. All zeros, which are no id, come up as often as the digest can be guessed.
fn first_bytes<const N: usize>(parts: &[&str]) -> [u8; N] {
    let digest = Digest::of(parts.join("\0")).hex();
    let mut bytes = [0; N];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digest[2 * at..2 * at + 2], 16).unwrap_or_default();
    }
    bytes
}

/// The spans of a run, each behind the one that it is within.
pub fn spans(story: &Story, recorded: &Recorded) -> Vec<Span> {
    let trace = TraceId::of(&story.run);
    let mut decided: BTreeMap<&str, Vec<&Decided>> = BTreeMap::new();
    for one in &story.decided {
        decided.entry(&one.path).or_default().push(one);
    }
    let span = |piece: &Piece| {
        let named = attributes::of(story, recorded, piece);
        Span {
            trace,
            id: SpanId::of(&story.run, &piece.key),
            parent: piece.parent.map(|at| SpanId::of(&story.run, &story.pieces[at].key)),
            name: named.name,
            kind: named.kind,
            from: piece.from,
            to: piece.to,
            attributes: named.attributes,
            events: events(&decided, piece),
            status: status(piece),
        }
    };
    story.pieces.iter().map(span).collect()
}

fn status(piece: &Piece) -> SpanStatus {
    match &piece.end {
        End::Done => SpanStatus::Ok,
        // the message quotes what it is about
        End::Failed(kind, _) => SpanStatus::Error(kind.clone()),
        End::Cancelled => SpanStatus::Error("cancelled".to_owned()),
        End::Open => SpanStatus::Unset,
    }
}

/// What did not run is told of as moments of the run, or of the attempt whose subgraph it stands in.
fn events(decided: &BTreeMap<&str, Vec<&Decided>>, piece: &Piece) -> Vec<SpanEvent> {
    if !matches!(piece.what, What::Run | What::Attempt { .. }) {
        return Vec::new();
    }
    let here = decided.get(piece.key.as_str()).into_iter().flatten();
    here.map(|decided| SpanEvent {
        name: "lgflow.node.decided",
        at: decided.at,
        attributes: vec![
            ("lgflow.node", AttributeValue::Text(decided.id.clone())),
            ("lgflow.status", AttributeValue::Text(decided.status.clone())),
        ],
    })
    .collect()
}
