//! From bytes to text: UTF-8 and nothing else. Knows no syntax.

use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::source::{FileId, Sources, Span};

use super::Limits;
use super::limits::Limit;

/// Takes the bytes of the file called `name` into `sources`. What is too large, in another encoding or broken
/// UTF-8 becomes a finding at the exact place, and `None`.
pub fn decode(
    sources: &mut Sources,
    name: &str,
    bytes: Vec<u8>,
    limits: &Limits,
    diagnostics: &mut Diagnostics,
) -> Option<FileId> {
    if bytes.len() > limits.bytes {
        let file = sources.add(name, "");
        diagnostics.push(Limit::Bytes.exceeded(limits, Span::whole(file)));
        return None;
    }
    if let Some(encoding) = other_encoding(&bytes) {
        let file = sources.add(name, "");
        let message = format!("the file is {encoding}, not UTF-8");
        diagnostics.push(
            Diagnostic::new(codes::ENCODING, Span::whole(file), message).help("save the file as UTF-8"),
        );
        return None;
    }
    match String::from_utf8(bytes) {
        Ok(text) => Some(sources.add(name, text)),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let byte = error.as_bytes()[at];
            let file = sources.add(name, String::from_utf8_lossy(error.as_bytes()).into_owned());
            let message = format!("the byte `0x{byte:02X}` is not part of UTF-8 text");
            let span = Span::new(file, at, at + '\u{fffd}'.len_utf8());
            diagnostics.push(Diagnostic::new(codes::ENCODING, span, message).help("save the file as UTF-8"));
            None
        }
    }
}

fn other_encoding(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Some("UTF-32"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("UTF-16"),
        // without a mark: an ASCII character beside a zero byte
        [first, 0, second, 0, ..] | [0, first, 0, second, ..] if *first != 0 && *second != 0 => {
            Some("UTF-16")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Position;

    fn finding(bytes: &[u8]) -> (String, Position) {
        let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
        assert!(decode(&mut sources, "f", bytes.to_vec(), &Limits::default(), &mut found).is_none());
        let first = found.iter().next().unwrap().clone();
        assert_eq!(found.len(), 1);
        let position = sources.get(first.span().file).position(first.span().start);
        (first.message, position)
    }

    #[test]
    fn other_encodings_are_named_and_a_bad_byte_is_placed() {
        let utf16: Vec<u8> = "\u{feff}a: 1".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(finding(&utf16).0, "the file is UTF-16, not UTF-8");
        let plain: Vec<u8> = "a: 1".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(finding(&plain).0, "the file is UTF-16, not UTF-8");
        let (message, position) = finding("ä: 1\nb: ü\u{0}".as_bytes().strip_suffix(b"\xbc\0").unwrap());
        assert_eq!(message, "the byte `0xC3` is not part of UTF-8 text");
        assert_eq!(position, Position { line: 2, column: 4 });
    }

    #[test]
    fn a_file_beyond_the_limit_is_not_kept() {
        let limits = Limits { bytes: 3, ..Limits::default() };
        let (mut sources, mut found) = (Sources::default(), Diagnostics::default());
        assert!(decode(&mut sources, "f", b"abcd".to_vec(), &limits, &mut found).is_none());
        assert_eq!(found.codes(), [codes::LIMIT]);
        assert_eq!(sources.iter().map(|file| file.text().len()).sum::<usize>(), 0);
    }
}
