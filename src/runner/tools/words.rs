//! Words of a text, and when two of them mean the same: what ranking by a request and the deterministic model share.

/// Words that say nothing about what a text is about.
const EMPTY: &[&str] = &[
    "a", "an", "and", "are", "as", "at", "be", "by", "for", "from", "has", "have", "i", "in", "into", "is",
    "it", "its", "me", "my", "of", "on", "or", "our", "please", "so", "that", "the", "their", "them", "then",
    "there", "these", "this", "to", "us", "was", "we", "were", "will", "with", "you", "your",
];

/// Words that ask: they tell what sort of a request it is, and not what it is about.
const ASKING: &[&str] = &[
    "?", "can", "could", "did", "do", "does", "how", "should", "what", "when", "where", "which", "who",
    "whom", "whose", "why", "would",
];

/// Words share a meaning from this many letters on.
const STEM: usize = 5;

/// The words of a text in its order: runs of letters and digits, lowercase, `camelCase` taken apart, a question mark
/// as a word of its own; without words that say nothing.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut word = String::new();
    let mut after_lower = false;
    for c in text.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && after_lower) {
            finish(&mut word, &mut found);
        }
        if c == '?' {
            found.push("?".to_owned());
        }
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        }
        after_lower = c.is_lowercase() || c.is_numeric();
    }
    finish(&mut word, &mut found);
    found
}

/// The words that tell what a text is about: those of [`words`] that do not ask.
pub(super) fn telling_words(text: &str) -> Vec<String> {
    let mut found = words(text);
    found.retain(|word| !ASKING.contains(&word.as_str()));
    found
}

fn finish(word: &mut String, found: &mut Vec<String>) {
    let word = std::mem::take(word);
    if !word.is_empty() && !EMPTY.contains(&word.as_str()) {
        found.push(word);
    }
}

/// Equal, or both of five letters and more with the same first five: `summarize` and `summary`.
pub(super) fn matches(one: &str, other: &str) -> bool {
    let stem =
        |word: &str| word.char_indices().nth(STEM - 1).map(|(at, c)| word[..at + c.len_utf8()].to_owned());
    one == other || stem(one).is_some_and(|one| stem(other).is_some_and(|other| one == other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_texts_apart() {
        assert_eq!(
            words("Why does parseHTTP2 fail_in the Parser?"),
            ["why", "does", "parse", "http2", "fail", "parser", "?"]
        );
        assert!(matches("summarize", "summary"));
        assert!(matches("fix", "fix"));
        assert!(!matches("fix", "fixes"));
        assert!(!matches("repository", "report"));
    }
}
