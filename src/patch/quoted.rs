//! Names in git's C style: `"a/tab\there"`. Knows nothing of what a name may be.

/// Why a quoted name can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum QuoteError {
    /// No closing quote.
    #[error("the quoted name has no closing `\"`")]
    Unclosed,
    /// A backslash before something that is no escape.
    #[error("the quoted name holds an escape that does not exist")]
    Escape,
    /// The bytes are not UTF-8.
    #[error("the quoted name is not UTF-8")]
    NotUtf8,
}

/// Reads a quoted name at the start of `text`; gives it with what follows the closing quote.
pub(crate) fn unquote(text: &[u8]) -> Result<(String, &[u8]), QuoteError> {
    let mut rest = text.strip_prefix(b"\"").ok_or(QuoteError::Unclosed)?;
    let mut name = Vec::new();
    loop {
        let (&first, after) = rest.split_first().ok_or(QuoteError::Unclosed)?;
        rest = after;
        match first {
            b'"' => break,
            b'\\' => {
                let (byte, after) = escape(rest)?;
                name.push(byte);
                rest = after;
            }
            byte => name.push(byte),
        }
    }
    Ok((String::from_utf8(name).map_err(|_| QuoteError::NotUtf8)?, rest))
}

fn escape(text: &[u8]) -> Result<(u8, &[u8]), QuoteError> {
    let (&first, rest) = text.split_first().ok_or(QuoteError::Unclosed)?;
    let byte = match first {
        b'a' => 7,
        b'b' => 8,
        b't' => b'\t',
        b'n' => b'\n',
        b'v' => 11,
        b'f' => 12,
        b'r' => b'\r',
        b'"' => b'"',
        b'\\' => b'\\',
        b'0'..=b'3' => {
            let [high, middle, low, ..] = *text else { return Err(QuoteError::Escape) };
            let octal = |digit: u8| (b'0'..=b'7').contains(&digit).then(|| digit - b'0');
            let (Some(high), Some(middle), Some(low)) = (octal(high), octal(middle), octal(low)) else {
                return Err(QuoteError::Escape);
            };
            return Ok((high << 6 | middle << 3 | low, &text[3..]));
        }
        _ => return Err(QuoteError::Escape),
    };
    Ok((byte, rest))
}

/// The name as git writes it in a header, with its prefix: quoted if it holds a control character, a quote, a
/// backslash or anything beyond ASCII.
pub(crate) fn quote(prefix: &str, name: &str) -> String {
    use std::fmt::Write as _;
    let plain = |b: u8| (b' '..0x7f).contains(&b) && b != b'"' && b != b'\\';
    if name.bytes().all(plain) {
        return format!("{prefix}{name}");
    }
    let mut out = format!("\"{prefix}");
    for byte in name.bytes() {
        match byte {
            7 => out.push_str("\\a"),
            8 => out.push_str("\\b"),
            b'\t' => out.push_str("\\t"),
            b'\n' => out.push_str("\\n"),
            11 => out.push_str("\\v"),
            12 => out.push_str("\\f"),
            b'\r' => out.push_str("\\r"),
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            byte if plain(byte) => out.push(char::from(byte)),
            // writing to a String cannot fail
            byte => drop(write!(out, "\\{byte:03o}")),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_git_writes() {
        for (written, name, rest) in [
            (r#""a\tb" x"#, "a\tb", " x"),
            (r#""\303\244""#, "ä", ""),
            (r#""q\"\\""#, "q\"\\", ""),
            (r#""\a\b\n\v\f\r""#, "\u{7}\u{8}\n\u{b}\u{c}\r", ""),
        ] {
            assert_eq!(unquote(written.as_bytes()), Ok((name.to_owned(), rest.as_bytes())), "{written}");
        }
    }

    #[test]
    fn refuses_what_git_never_writes() {
        for (written, error) in [
            (r#""open"#, QuoteError::Unclosed),
            (r#""a\"#, QuoteError::Unclosed),
            (r#""\x41""#, QuoteError::Escape),
            (r#""\40""#, QuoteError::Escape),
            (r#""\477""#, QuoteError::Escape),
            (r#""\377""#, QuoteError::NotUtf8),
            ("plain", QuoteError::Unclosed),
        ] {
            assert_eq!(unquote(written.as_bytes()).unwrap_err(), error, "{written}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_quoted_name_reads_back(name in ".*") {
            let quoted = quote("a/", &name);
            let expected = format!("a/{name}");
            if quoted.starts_with('"') {
                proptest::prop_assert_eq!(unquote(quoted.as_bytes()), Ok((expected, &b""[..])));
            } else {
                proptest::prop_assert_eq!(quoted, expected);
            }
        }
    }
}
