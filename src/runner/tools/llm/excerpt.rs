//! An answer without a schema: the parts of the text that the question is about, as they stand.

use crate::runner::tools::words::{matches, words};

use super::material::Material;

/// The most paragraphs.
const MAX_PARTS: usize = 5;
/// The most characters.
const MAX_CHARS: usize = 4000;

/// The question is the first paragraph; the answer is those of the others that share most words with it, in the order
/// of the text. Where none shares any, it is the first of them; where there is only one, that one.
pub(super) fn excerpt(material: &Material) -> String {
    let parts = material.paragraphs();
    let Some((question, rest)) = parts.split_first() else { return String::new() };
    let wanted = words(question);
    let shared = |part: &str| {
        let there = words(part);
        wanted.iter().filter(|word| there.iter().any(|other| matches(word, other))).count()
    };
    let mut scored: Vec<(usize, usize)> = rest
        .iter()
        .enumerate()
        .map(|(at, part)| (shared(part), at))
        .filter(|(count, _)| *count > 0)
        .collect();
    scored.sort_by_key(|&(count, at)| (std::cmp::Reverse(count), at));
    scored.truncate(MAX_PARTS);
    let mut places: Vec<usize> = scored.into_iter().map(|(_, at)| at).collect();
    places.sort_unstable();
    let chosen: Vec<&str> = match (places.as_slice(), rest.first()) {
        ([], Some(first)) => vec![first],
        ([], None) => vec![question],
        (places, _) => places.iter().map(|&at| rest[at]).collect(),
    };
    chosen.join("\n\n").chars().take(MAX_CHARS).collect()
}
