//! A signature over how far a trace goes: its run, the number of its events, and the digest of the last, which covers all.

use serde_json::{Value, json};

use crate::digest::{Digest, PublicKey, SecretKey, canonical_json};

/// The schema id.
const SCHEMA: &str = "lgflow.trace_signature/v1";

/// A key's word on a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceSignature {
    /// The run.
    pub run: String,
    /// How many events.
    pub events: u64,
    /// The hash of the last of them.
    pub digest: Digest,
    /// Whose word it is.
    pub key: PublicKey,
    signature: String,
}

impl TraceSignature {
    /// Signs the first `events` of a run, the last of which has the hash `digest`.
    pub fn sign(run: &str, events: u64, digest: Digest, key: &SecretKey) -> Self {
        let signature = key.sign(&message(run, events, &digest));
        Self { run: run.to_owned(), events, digest, key: key.public(), signature }
    }

    /// Its line, without a line end.
    pub fn line(&self) -> String {
        canonical_json(&json!({
            "schema": SCHEMA,
            "run": self.run,
            "events": self.events,
            "digest": self.digest,
            "key": self.key.to_string(),
            "signature": self.signature,
        }))
    }

    /// Reads a line. None where it is not one of this version.
    pub fn parse(line: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(line).ok()?;
        let text = |name: &str| value.get(name)?.as_str();
        let read = Self {
            run: text("run")?.to_owned(),
            events: value.get("events")?.as_u64()?,
            digest: text("digest")?.parse().ok()?,
            key: PublicKey::parse(text("key")?).ok()?,
            signature: text("signature")?.to_owned(),
        };
        (text("schema") == Some(SCHEMA)).then_some(read)
    }

    /// Did its key make it?
    pub fn is_sound(&self) -> bool {
        self.key.checks(&message(&self.run, self.events, &self.digest), &self.signature)
    }
}

/// What is signed, under a name that no other use of a key has.
fn message(run: &str, events: u64, digest: &Digest) -> Vec<u8> {
    let covered = canonical_json(&json!({ "run": run, "events": events, "digest": digest }));
    [b"lgflow trace signature\0", covered.as_bytes()].concat()
}

/// What signatures say of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    /// The key has signed all of it.
    Whole,
    /// It has signed the events up to this one.
    Part(u64),
    /// It has signed other events under the name of the run: an event up to this one is not the signed one, or is gone.
    Broken(u64),
    /// The signature that bears the key's name was not made by it.
    Forged,
    /// There is none of this key.
    Missing,
}

/// What the signature lines of `text` say of the run `run` for `key`. `hashes` are those of the trace's events, in order. The
/// one that goes furthest counts; one that does not hold counts before all others.
pub fn signed(text: &str, key: &PublicKey, run: &str, hashes: &[Digest]) -> Signed {
    let mut found = Signed::Missing;
    let own = text.lines().filter_map(TraceSignature::parse).filter(|one| one.key == *key && one.run == run);
    for one in own {
        if !one.is_sound() {
            return Signed::Forged;
        }
        let place = usize::try_from(one.events).unwrap_or(usize::MAX);
        if place.checked_sub(1).and_then(|at| hashes.get(at)) != Some(&one.digest) {
            return Signed::Broken(one.events);
        }
        found = match found {
            Signed::Whole => Signed::Whole,
            _ if place == hashes.len() => Signed::Whole,
            Signed::Part(events) => Signed::Part(events.max(one.events)),
            _ => Signed::Part(one.events),
        };
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashes() -> Vec<Digest> {
        ["a", "b", "c"].iter().map(Digest::of).collect()
    }

    #[test]
    fn a_signature_is_of_one_trace_as_far_as_it_went() {
        let (key, other) = (SecretKey::new([1; 32]), SecretKey::new([2; 32]));
        let whole = TraceSignature::sign("r", 3, Digest::of("c"), &key);
        let part = TraceSignature::sign("r", 2, Digest::of("b"), &key);
        assert_eq!(TraceSignature::parse(&whole.line()), Some(whole.clone()));
        let says = |text: &str, hashes: &[Digest]| signed(text, &key.public(), "r", hashes);
        assert_eq!(says(&whole.line(), &hashes()), Signed::Whole);
        assert_eq!(says(&format!("{}\n{}\n", part.line(), whole.line()), &hashes()), Signed::Whole);
        assert_eq!(says(&part.line(), &hashes()), Signed::Part(2));
        assert_eq!(says(&whole.line(), &hashes()[..2]), Signed::Broken(3));
        let others = TraceSignature::sign("r", 3, Digest::of("x"), &key);
        assert_eq!(says(&others.line(), &hashes()), Signed::Broken(3));
        assert_eq!(says("", &hashes()), Signed::Missing);
        assert_eq!(
            says(&TraceSignature::sign("q", 3, Digest::of("c"), &key).line(), &hashes()),
            Signed::Missing
        );
        assert_eq!(
            says(&TraceSignature::sign("r", 3, Digest::of("c"), &other).line(), &hashes()),
            Signed::Missing
        );
        let forged =
            TraceSignature { key: key.public(), ..TraceSignature::sign("r", 3, Digest::of("c"), &other) };
        assert_eq!(says(&forged.line(), &hashes()), Signed::Forged);
    }

    #[test]
    fn no_event_at_all_is_not_what_was_signed() {
        let key = SecretKey::new([1; 32]);
        let none = TraceSignature::sign("r", 0, Digest::of("c"), &key);
        assert_eq!(signed(&none.line(), &key.public(), "r", &hashes()), Signed::Broken(0));
    }
}
