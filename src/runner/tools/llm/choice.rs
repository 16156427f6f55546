//! Choosing between values: the one whose name and description share most words with the text.

use serde_json::Value;

use crate::runner::tools::words::{matches, words};

use super::material::Material;

/// A value that may be chosen.
pub(super) struct Candidate<'a> {
    pub(super) value: &'a Value,
    name: Vec<String>,
    description: Vec<String>,
}

impl<'a> Candidate<'a> {
    fn new(value: &'a Value, schema: Option<&Value>) -> Self {
        let name = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let said =
            |key| schema.and_then(|schema| schema.get(key)).and_then(Value::as_str).unwrap_or_default();
        Self {
            value,
            name: words(&name),
            description: words(&format!("{} {}", said("title"), said("description"))),
        }
    }
}

/// The values that a schema lists: `enum`, or `oneOf`/`anyOf` of `const`s, where each may have a description.
pub(super) fn candidates(schema: &Value) -> Option<Vec<Candidate<'_>>> {
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return Some(values.iter().map(|value| Candidate::new(value, None)).collect());
    }
    let branches = schema.get("oneOf").or_else(|| schema.get("anyOf"))?.as_array()?;
    branches.iter().map(|branch| Some(Candidate::new(branch.get("const")?, Some(branch)))).collect()
}

/// How well a candidate fits: each distinct word of the text counts 3 if it is the name, 1 if it is a part of the name
/// or in the description; and the place of the first word that counts.
pub(super) fn score(candidate: &Candidate<'_>, material: &Material) -> (u64, usize) {
    let (mut sum, mut first) = (0, usize::MAX);
    for (at, word) in material.words.iter().enumerate() {
        if material.words[..at].contains(word) {
            continue;
        }
        let is_in = |list: &[String]| list.iter().any(|other| matches(word, other));
        let points = match (is_in(&candidate.name), candidate.name.len()) {
            (true, 1) => 3,
            (true, _) => 1,
            (false, _) => u64::from(is_in(&candidate.description)),
        };
        if points > 0 {
            sum += points;
            first = first.min(at);
        }
    }
    (sum, first)
}

/// The best candidate; among equals the one whose word comes first in the text, then the first in the schema. `None`
/// where no word fits any.
pub(super) fn best<'a>(list: &'a [Candidate<'a>], material: &Material) -> Option<&'a Value> {
    let scored = list.iter().enumerate().map(|(at, candidate)| (score(candidate, material), at, candidate));
    let best = scored.min_by_key(|((sum, first), at, _)| (std::cmp::Reverse(*sum), *first, *at))?;
    (best.0.0 > 0).then_some(best.2.value)
}
