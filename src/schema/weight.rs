//! How much a value or a schema weighs: asked before anything walks over it without a bound.

use std::collections::BTreeMap;

use serde_json::Value;

/// The depth of a value, unless it is more than `most`.
pub(super) fn depth(value: &Value, most: usize) -> Option<usize> {
    let below = |most: usize, value: &Value| depth(value, most.checked_sub(1)?);
    let deepest = match value {
        Value::Array(items) => items.iter().map(|item| below(most, item)).try_fold(0, max),
        Value::Object(map) => map.values().map(|item| below(most, item)).try_fold(0, max),
        _ => return Some(0),
    };
    Some(deepest? + 1).filter(|&depth| depth <= most)
}

fn max(so_far: usize, next: Option<usize>) -> Option<usize> {
    next.map(|next| so_far.max(next))
}

/// How many objects a schema comes to where each local reference is replaced by what it names; a reference to what
/// is being replaced counts as one. The schema's own depth must be bounded.
pub(super) fn unfolded(schema: &Value) -> u64 {
    let mut counter = Counter { root: schema, known: BTreeMap::new() };
    counter.count(schema)
}

struct Counter<'s> {
    root: &'s Value,
    known: BTreeMap<&'s str, u64>,
}

impl<'s> Counter<'s> {
    fn count(&mut self, value: &'s Value) -> u64 {
        match value {
            Value::Object(map) => {
                let mut sum = 1_u64;
                for (key, value) in map {
                    let part = match (key.as_str(), value) {
                        ("$ref", Value::String(target)) => self.target(target),
                        // counted where they are referred to
                        ("$defs", _) => 0,
                        _ => self.count(value),
                    };
                    sum = sum.saturating_add(part);
                }
                sum
            }
            Value::Array(items) => items.iter().fold(0, |sum, item| sum.saturating_add(self.count(item))),
            _ => 0,
        }
    }

    fn target(&mut self, reference: &'s str) -> u64 {
        if let Some(&known) = self.known.get(reference) {
            return known;
        }
        self.known.insert(reference, 1);
        let pointer = reference.strip_prefix('#').unwrap_or_default();
        let count = self.root.pointer(pointer).map_or(1, |target| self.count(target));
        self.known.insert(reference, count);
        count
    }
}
