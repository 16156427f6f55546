//! What was meant by a value that stands where a mapping belongs: a number, a text, the origin of an address, the words of a
//! command line.

use crate::document::{Syntax, Tree, Value};

/// Longer texts are not repeated.
const LONGEST: usize = 60;

/// The value that was written, and the syntax of its file.
pub(super) struct Given<'t> {
    pub(super) value: &'t Tree,
    pub(super) syntax: Syntax,
}

impl Given<'_> {
    /// A number that is more than none.
    pub(super) fn number(&self) -> Option<i64> {
        if let Value::Int(number) = self.value.value {
            Some(number).filter(|number| *number > 0)
        } else {
            None
        }
    }

    /// A text that is short enough to be repeated.
    pub(super) fn text(&self) -> Option<&str> {
        self.value
            .as_str()
            .filter(|text| !text.trim().is_empty() && text.len() <= LONGEST && !text.contains('\n'))
    }

    /// The text without `{{` and `}}` around it, where no others are in it.
    pub(super) fn expression(&self) -> Option<&str> {
        let text = self.text()?.trim();
        let inner = text.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
        let inner = inner.map_or(text, |inner| inner.trim_matches('-').trim());
        Some(inner).filter(|inner| !inner.is_empty() && !inner.contains(['{', '}']))
    }

    /// Scheme, host and port of the address, the usual port where it names none.
    pub(super) fn origin(&self) -> Option<String> {
        let text = self.text()?.trim().to_ascii_lowercase();
        let (scheme, rest) = text.split_once("://").unwrap_or(("https", text.as_str()));
        let usual = match scheme {
            "https" => 443,
            "http" => 80,
            _ => return None,
        };
        let place = rest.split('/').next().unwrap_or_default();
        let (host, port) = place.rsplit_once(':').unwrap_or((place, ""));
        let port =
            if port.is_empty() { Some(usual) } else { port.parse::<u16>().ok().filter(|port| *port > 0) };
        let plain = host.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-".contains(&b));
        port.filter(|_| plain && !host.is_empty()).map(|port| format!("{scheme}://{host}:{port}"))
    }

    /// The words of a command line in which nothing is quoted, and no shell is needed.
    pub(super) fn words(&self) -> Option<Vec<&str>> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
        let words: Vec<&str> = self.text()?.split_whitespace().collect();
        let (program, arguments) = words.split_first()?;
        let is_plain = program.chars().all(plain)
            && !program.starts_with('-')
            && arguments.iter().all(|word| word.chars().all(|c| plain(c) || c == '/'))
            && !arguments.contains(&"...");
        is_plain.then_some(words)
    }
}
