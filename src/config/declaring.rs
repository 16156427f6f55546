//! What sections of declarations have in common: their words and texts, and what is said where one is wrong.

use crate::diag::{Diagnostic, Diagnostics, codes, suggestion};
use crate::document::Tree;
use crate::source::Span;

/// Says each key that `what` does not have.
pub(super) fn only_keys(tree: &Tree, known: &[&str], what: &str, found: &mut Diagnostics) {
    for entry in tree.entries().iter().filter(|entry| !known.contains(&entry.key.value.as_str())) {
        let message = format!("unknown key `{}` of {what}", entry.key.value);
        let help = suggestion(&entry.key.value, known.iter().copied());
        found.push(Diagnostic::new(codes::UNKNOWN_KEY, entry.key.span, message).maybe_help(help));
    }
}

/// A text that is not empty.
pub(super) fn text(tree: &Tree, key: &str, found: &mut Diagnostics) -> Option<String> {
    match tree.as_str().filter(|text| !text.is_empty()) {
        Some(text) => Some(text.to_owned()),
        None => {
            found.push(wrong_type(key, "a text that is not empty", tree));
            None
        }
    }
}

/// One of these words.
pub(super) fn word<T: Copy>(
    tree: &Tree,
    key: &str,
    words: &[(&str, T)],
    found: &mut Diagnostics,
) -> Option<T> {
    let said = text(tree, key, found)?;
    let meant = words.iter().find(|(word, _)| *word == said);
    if meant.is_none() {
        let help = suggestion(&said, words.iter().map(|(word, _)| *word));
        let message = format!("`{key}` cannot be `{said}`");
        found.push(Diagnostic::new(codes::BAD_VALUE, tree.span, message).maybe_help(help));
    }
    meant.map(|(_, value)| *value)
}

pub(super) fn wrong_type(key: &str, wanted: &str, tree: &Tree) -> Diagnostic {
    let message = format!("`{key}` takes {wanted}, not {}", tree.kind());
    Diagnostic::new(codes::WRONG_TYPE, tree.span, message)
}

pub(super) fn missing(span: Span, message: String, help: impl Into<String>) -> Diagnostic {
    Diagnostic::new(codes::MISSING_KEY, span, message).help(help)
}

/// `https://host:port`, in its one form.
pub(super) fn is_origin(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.and_then(|rest| rest.rsplit_once(':')).is_some_and(|(host, port)| {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-[]:".contains(&b);
        !host.is_empty() && host.bytes().all(plain) && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
}
