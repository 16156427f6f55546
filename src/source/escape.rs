//! Text that is not ours, made safe to show: no character of it moves a cursor, turns the direction of writing or
//! hides. Knows nothing of where the text comes from.

use std::fmt::Write as _;

/// Control, bidirectional and invisible characters: what a terminal or a reader would be deceived by. Line break
/// and tab count among them, and so does what is no character: XML and YAML do not take all of those.
pub fn is_unsafe_to_show(c: char) -> bool {
    c.is_control()
        || matches!(u32::from(c),
            0x00ad | 0x034f | 0x061c | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f | 0x200b..=0x200f
            | 0x2028..=0x202e | 0x2060..=0x206f | 0x3164 | 0xfe00..=0xfe0f | 0xfeff | 0xffa0 | 0xfff0..=0xfffb
            | 0xfdd0..=0xfdef | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a | 0xe0000..=0xe0fff)
        || u32::from(c) & 0xfffe == 0xfffe
}

/// `text` on one line, each unsafe character written as an escape.
pub fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            c if is_unsafe_to_show(c) => {
                // writing to a string can't fail
                let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
            }
            c => shown.push(c),
        }
    }
    shown
}

/// JSON with each unsafe character but a line break written as a `\u` escape: the same document.
pub fn json_escaped(plain: &str) -> String {
    let mut shown = String::with_capacity(plain.len());
    for c in plain.chars() {
        if c != '\n' && is_unsafe_to_show(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // writing to a string can't fail
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_deceives_passes_and_plain_text_stays() {
        assert_eq!(
            escaped("a\u{1b}[31mb\u{202e}c\u{200b}\nd\u{7f}\u{fffe}\u{1ffff}"),
            "a\\u{1b}[31mb\\u{202e}c\\u{200b}\\nd\\u{7f}\\u{fffe}\\u{1ffff}"
        );
        assert_eq!(escaped("grün 日本 😀 `x`"), "grün 日本 😀 `x`");
        assert!(
            (0..=0x0010_ffff)
                .filter_map(char::from_u32)
                .map(String::from)
                .all(|text| { !escaped(&text).chars().any(is_unsafe_to_show) })
        );
    }
}
