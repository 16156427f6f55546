//! Text as XML and HTML take it, whatever it is: nothing of it can end an attribute or begin an element, and no
//! character is one that a document must not have.

use crate::view::escaped;

/// For the content of an element, and for an attribute in double quotes.
pub(super) fn xml(text: &str) -> String {
    // unsafe characters, line breaks among them, are written as escapes first
    let mut written = String::with_capacity(text.len());
    for c in escaped(text).chars() {
        match c {
            '&' => written.push_str("&amp;"),
            '<' => written.push_str("&lt;"),
            '>' => written.push_str("&gt;"),
            '"' => written.push_str("&quot;"),
            '\'' => written.push_str("&#39;"),
            '\u{fffe}' => written.push_str("\\u{fffe}"),
            '\u{ffff}' => written.push_str("\\u{ffff}"),
            c => written.push(c),
        }
    }
    written
}

/// A text as the part of an address behind `#`, or as the value of an `id`: letters, digits, `-` and `_` stand for
/// themselves, all else is written by number.
pub(super) fn anchor(text: &str) -> String {
    use std::fmt::Write as _;
    let mut anchor = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || c == '-' || c == '_' {
            anchor.push(c);
        } else {
            // writing to a string can't fail
            let _ = write!(anchor, ".{:x}.", u32::from(c));
        }
    }
    anchor
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_its_place() {
        assert_eq!(
            xml("</text><script>'\"&\u{1b}\u{ffff}"),
            "&lt;/text&gt;&lt;script&gt;&#39;&quot;&amp;\\u{1b}\\u{ffff}"
        );
        assert_eq!(anchor("review/read-1\"x"), "review.2f.read-1.22.x");
    }
}
