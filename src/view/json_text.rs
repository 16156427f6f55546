//! A JSON document as text for people and programs. Knows no document's shape.

use crate::source::json_escaped;

/// `value`, indented, with a line break at its end. Characters that could deceive a reader are written as `\u`
/// escapes: the same document, safe on a terminal.
pub fn json_text(value: &serde_json::Value) -> String {
    json_escaped(&format!("{value:#}\n"))
}

/// The same on one line.
pub fn json_line(value: &serde_json::Value) -> String {
    json_escaped(&format!("{value}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_stays_the_same() {
        let value = serde_json::json!({"a\u{202e}": ["\u{7f}\u{e0001}\n", "ü"]});
        let text = json_text(&value);
        assert!(text.is_ascii() || text.contains('ü'));
        assert!(!text.contains('\u{202e}') && !text.contains('\u{e0001}'));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }
}
