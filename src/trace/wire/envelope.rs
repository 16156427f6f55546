//! The frame around an event's data, and the blobs that stand for large payloads. Knows no kind.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::digest::{Digest, canonical_json, push_canonical_object, push_canonical_string};

/// The schema id of an event.
pub(crate) const EVENT_SCHEMA: &str = "lgflow.event/v1";

/// Payloads whose canonical text is longer are kept as blobs.
const INLINE: usize = 4096;

/// What the text of most events needs, with its hash.
const ROOM: usize = 1024;

/// A large payload: canonical JSON, stored under its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Of the bytes.
    pub digest: Digest,
    /// Canonical JSON.
    pub bytes: Vec<u8>,
}

/// An event as it is stored, without its hash.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    /// The run.
    pub run: String,
    /// From 1.
    pub seq: u64,
    /// RFC 3339, in UTC.
    pub ts: String,
    /// `node.finished`, …
    pub kind: String,
    /// The id of the node.
    pub node: Option<String>,
    /// The execution of a subgraph: `outer#2[3]!1`.
    pub path: Option<String>,
    /// The iterations of the loops around the node, outermost first.
    pub iteration: Vec<u32>,
    /// From 1.
    pub attempt: Option<u32>,
    /// What belongs to the kind.
    pub data: Map<String, Value>,
    /// The hash of the event before.
    pub prev: Option<Digest>,
}

/// An event as it is read, with its hash.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written<'a> {
    #[serde(borrow)]
    schema: Cow<'a, str>,
    run: String,
    seq: u64,
    ts: String,
    kind: String,
    node: Option<String>,
    path: Option<String>,
    #[serde(default)]
    iteration: Vec<u32>,
    attempt: Option<u32>,
    data: Map<String, Value>,
    prev: Option<Digest>,
    hash: Digest,
}

impl Envelope {
    /// The hash of the event: SHA-256 over its canonical form without `hash`.
    pub fn hash(&self) -> Digest {
        Digest::of(self.without_hash().0)
    }

    /// The stored line, without a line end, and the hash in it.
    pub fn line(&self) -> (String, Digest) {
        let (mut line, place) = self.without_hash();
        let hash = Digest::of(&line);
        line.insert_str(place, &format!("\"hash\":\"{hash}\","));
        (line, hash)
    }

    /// The canonical form without `hash`, and the place where that belongs.
    fn without_hash(&self) -> (String, usize) {
        let mut text = String::with_capacity(ROOM);
        text.push('{');
        if let Some(attempt) = self.attempt {
            push_all(&mut text, &["\"attempt\":", &attempt.to_string(), ","]);
        }
        text.push_str("\"data\":");
        push_canonical_object(&self.data, &mut text);
        text.push(',');
        let place = text.len();
        if !self.iteration.is_empty() {
            push_all(&mut text, &["\"iteration\":", &json!(self.iteration).to_string(), ","]);
        }
        push_member(&mut text, "kind", Some(&self.kind));
        push_member(&mut text, "node", self.node.as_deref());
        push_member(&mut text, "path", self.path.as_deref());
        match &self.prev {
            Some(prev) => push_all(&mut text, &["\"prev\":\"", &prev.to_string(), "\","]),
            None => text.push_str("\"prev\":null,"),
        }
        push_member(&mut text, "run", Some(&self.run));
        let seq = self.seq.to_string();
        push_all(&mut text, &["\"schema\":\"", EVENT_SCHEMA, "\",\"seq\":", &seq, ",\"ts\":"]);
        push_canonical_string(&self.ts, &mut text);
        text.push('}');
        (text, place)
    }

    /// Reads a line back, with the hash that it carries. None where it is not an event of this version.
    pub fn parse(line: &str) -> Option<(Self, Digest)> {
        let read: Written<'_> = serde_json::from_str(line).ok()?;
        let Written { schema, run, seq, ts, kind, node, path, iteration, attempt, data, prev, hash } = read;
        let event = Self { run, seq, ts, kind, node, path, iteration, attempt, data, prev };
        (schema == EVENT_SCHEMA).then_some((event, hash))
    }

    /// Puts blobs in the place of large payloads. A payload that looks like a blob becomes one, so nothing is mistaken.
    pub(crate) fn move_out(&mut self) -> Vec<Blob> {
        let mut blobs = Vec::new();
        for value in self.data.values_mut() {
            let disguised = value.get("$blob").is_some();
            if !disguised && !may_be_large(value, &mut { INLINE }) {
                continue;
            }
            let bytes = canonical_json(value).into_bytes();
            if disguised || bytes.len() > INLINE {
                let digest = Digest::of(&bytes);
                *value = json!({ "$blob": digest.to_string(), "bytes": bytes.len() });
                blobs.push(Blob { digest, bytes });
            }
        }
        blobs
    }

    /// The digests of the blobs that it needs.
    pub fn blobs(&self) -> impl Iterator<Item = Digest> {
        self.data.values().filter_map(blob_digest)
    }

    /// Puts payloads in the place of their blobs; the digest of one that is not there.
    pub fn move_in(&mut self, blob: impl Fn(&Digest) -> Option<Vec<u8>>) -> Result<(), Digest> {
        for value in self.data.values_mut() {
            let Some(digest) = blob_digest(value) else { continue };
            let bytes = blob(&digest).filter(|bytes| Digest::of(bytes) == digest).ok_or(digest)?;
            *value = serde_json::from_slice(&bytes).map_err(|_| digest)?;
        }
        Ok(())
    }
}

/// A member with a text, where there is one, and the comma behind it.
fn push_member(text: &mut String, name: &str, value: Option<&str>) {
    let Some(value) = value else { return };
    push_all(text, &["\"", name, "\":"]);
    push_canonical_string(value, text);
    text.push(',');
}

fn push_all(text: &mut String, parts: &[&str]) {
    for part in parts {
        text.push_str(part);
    }
}

fn blob_digest(value: &Value) -> Option<Digest> {
    value.get("$blob")?.as_str()?.parse().ok()
}

/// Might its text be longer than what is left? A quick look, without writing it; never false for a large one.
fn may_be_large(value: &Value, left: &mut usize) -> bool {
    // a stack of our own: values may be nested deeply
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        let size = match value {
            Value::String(text) => 2 + 6 * text.len(),
            Value::Array(items) => {
                open.extend(items);
                2 + items.len()
            }
            Value::Object(members) => {
                open.extend(members.values());
                2 + members.keys().map(|key| 4 + 6 * key.len()).sum::<usize>()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => 32,
        };
        if size > *left {
            return true;
        }
        *left -= size;
    }
    false
}
