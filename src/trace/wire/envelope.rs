//! The frame around an event's data, and the blobs that stand for large payloads. Knows no kind.

use serde_json::{Map, Value, json};

use crate::digest::{Digest, canonical_json, canonical_object};

/// The schema id of an event.
pub(crate) const EVENT_SCHEMA: &str = "lgflow.event/v1";

/// Payloads whose canonical text is longer are kept as blobs.
const INLINE: usize = 4096;

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

impl Envelope {
    /// The hash of the event: SHA-256 over its canonical form without `hash`.
    pub fn hash(&self) -> Digest {
        let (before, after) = self.halves();
        Digest::of(format!("{{{before}{after}}}"))
    }

    /// The stored line, without a line end, and the hash in it.
    pub fn line(&self) -> (String, Digest) {
        let (before, after) = self.halves();
        let hash = Digest::of(format!("{{{before}{after}}}"));
        (format!("{{{before}\"hash\":\"{hash}\",{after}}}"), hash)
    }

    /// The members before and after the place of `hash`, in canonical order.
    fn halves(&self) -> (String, String) {
        use std::fmt::Write as _;
        let text = |value: &str| canonical_json(&Value::String(value.to_owned()));
        let mut before = String::with_capacity(256);
        // writing to a String cannot fail
        if let Some(attempt) = self.attempt {
            let _ = write!(before, "\"attempt\":{attempt},");
        }
        let _ = write!(before, "\"data\":{},", canonical_object(&self.data));
        let mut after = String::with_capacity(256);
        if !self.iteration.is_empty() {
            let _ = write!(after, "\"iteration\":{},", json!(self.iteration));
        }
        let _ = write!(after, "\"kind\":{},", text(&self.kind));
        if let Some(node) = &self.node {
            let _ = write!(after, "\"node\":{},", text(node));
        }
        if let Some(path) = &self.path {
            let _ = write!(after, "\"path\":{},", text(path));
        }
        match &self.prev {
            Some(prev) => drop(write!(after, "\"prev\":\"{prev}\",")),
            None => after.push_str("\"prev\":null,"),
        }
        let _ = write!(after, "\"run\":{},\"schema\":\"{EVENT_SCHEMA}\",", text(&self.run));
        let _ = write!(after, "\"seq\":{},\"ts\":{}", self.seq, text(&self.ts));
        (before, after)
    }

    /// Reads a line back, with the hash that it carries. None where it is not an event of this version.
    pub fn parse(line: &str) -> Option<(Self, Digest)> {
        let Value::Object(mut members) = serde_json::from_str(line).ok()? else { return None };
        let mut text = |name: &str| match members.remove(name) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        if text("schema")? != EVENT_SCHEMA {
            return None;
        }
        let (run, ts, kind) = (text("run")?, text("ts")?, text("kind")?);
        let hash = text("hash")?.parse().ok()?;
        let (node, path) = (text("node"), text("path"));
        let prev = match members.remove("prev")? {
            Value::Null => None,
            Value::String(prev) => Some(prev.parse().ok()?),
            _ => return None,
        };
        let seq = members.remove("seq")?.as_u64()?;
        let attempt = match members.remove("attempt") {
            Some(attempt) => Some(u32::try_from(attempt.as_u64()?).ok()?),
            None => None,
        };
        let iteration = match members.remove("iteration") {
            Some(iteration) => serde_json::from_value(iteration).ok()?,
            None => Vec::new(),
        };
        let Value::Object(data) = members.remove("data")? else { return None };
        let envelope = Self { run, seq, ts, kind, node, path, iteration, attempt, data, prev };
        members.is_empty().then_some((envelope, hash))
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
