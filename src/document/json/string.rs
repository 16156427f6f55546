//! A JSON string: decoded, with the place of each of its bytes.

use crate::document::runs::Runs;

/// A string that can't be read: what is wrong, and where.
pub(super) struct BadString {
    pub(super) message: &'static str,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Reads the string whose opening quote is at `start`; gives it and the byte after its closing quote.
pub(super) fn string(text: &str, start: usize) -> Result<(Runs, usize), BadString> {
    let mut runs = Runs::default();
    let mut at = start + 1;
    loop {
        let rest = &text[at..];
        let bad = |message, end| Err(BadString { message, start: at, end });
        at += match rest.chars().next() {
            None => return Err(BadString { message: "this string is never closed", start, end: start + 1 }),
            Some('"') => return Ok((runs, at + 1)),
            Some('\n') => {
                return Err(BadString {
                    message: "this string is not closed on its line",
                    start,
                    end: start + 1,
                });
            }
            Some('\t') => return bad("a tab in a string is written `\\t`", at + 1),
            Some('\\') => match escape(&mut runs, rest, at) {
                Some(read) => read,
                None => return bad("an escape that JSON does not have", (at + 2).min(text.len())),
            },
            Some(c) => {
                runs.copy(&rest[..c.len_utf8()], at);
                c.len_utf8()
            }
        };
    }
}

fn escape(runs: &mut Runs, rest: &str, source: usize) -> Option<usize> {
    let made = match rest.as_bytes().get(1)? {
        b'"' => "\"",
        b'\\' => "\\",
        b'/' => "/",
        b'b' => "\x08",
        b'f' => "\x0c",
        b'n' => "\n",
        b'r' => "\r",
        b't' => "\t",
        b'u' => return unicode(runs, rest, source),
        _ => return None,
    };
    runs.escaped(made, source, 2);
    Some(2)
}

fn unicode(runs: &mut Runs, rest: &str, source: usize) -> Option<usize> {
    let unit = |from: usize| {
        let hex = rest.get(from..from + 4)?;
        hex.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u32::from_str_radix(hex, 16).ok())?
    };
    let first = unit(2)?;
    let (value, read) = if (0xd800..0xdc00).contains(&first) {
        let second = rest.get(6..8).filter(|next| *next == "\\u").and_then(|_| unit(8))?;
        (0x10000 + ((first - 0xd800) << 10) + second.checked_sub(0xdc00)?, 12)
    } else {
        (first, 6)
    };
    runs.escaped(char::from_u32(value)?.encode_utf8(&mut [0; 4]), source, read);
    Some(read)
}
