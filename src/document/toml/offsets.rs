//! Where each byte of a TOML string was written.

use crate::document::runs::Runs;

/// The runs of the string spelled `written` at byte `base`, which means `decoded`.
pub(super) fn runs(written: &str, base: usize, decoded: &str) -> Vec<(u32, u32)> {
    let (skip, escapes) = match written {
        _ if written.starts_with("\"\"\"") => (3, true),
        _ if written.starts_with("'''") => (3, false),
        _ if written.starts_with('"') => (1, true),
        _ if written.starts_with('\'') => (1, false),
        _ => return Vec::new(),
    };
    let Some(inner) = written.get(skip..written.len().saturating_sub(skip)) else { return Vec::new() };
    // a multi-line string begins after the first line break
    let first = if skip == 3 { inner.len() - after_break(inner).len() } else { 0 };
    let mut runs = Runs::default();
    let mut at = first;
    while let Some(c) = inner[at..].chars().next() {
        let rest = &inner[at..];
        let source = base + skip + at;
        at += match c {
            '\\' if escapes => escape(&mut runs, rest, source),
            '\r' if rest.starts_with("\r\n") => {
                // the parser may keep or normalise it; `agreeing_with` has the last word
                runs.made(if decoded.contains("\r\n") { "\r\n" } else { "\n" }, source);
                2
            }
            _ => {
                runs.copy(&rest[..c.len_utf8()], source);
                c.len_utf8()
            }
        };
    }
    runs.agreeing_with(decoded)
}

fn after_break(inner: &str) -> &str {
    inner.strip_prefix("\r\n").or_else(|| inner.strip_prefix('\n')).unwrap_or(inner)
}

fn escape(runs: &mut Runs, rest: &str, source: usize) -> usize {
    let Some(c) = rest[1..].chars().next() else { return 1 };
    let made = match c {
        'b' => "\x08",
        't' => "\t",
        'n' => "\n",
        'f' => "\x0c",
        'r' => "\r",
        'e' => "\x1b",
        'x' => return hexadecimal(runs, rest, 2, source),
        'u' => return hexadecimal(runs, rest, 4, source),
        'U' => return hexadecimal(runs, rest, 8, source),
        ' ' | '\t' | '\r' | '\n' => {
            runs.left_out(source);
            return rest.len() - rest[1..].trim_start_matches([' ', '\t', '\r', '\n']).len();
        }
        _ => &rest[1..=c.len_utf8()],
    };
    runs.escaped(made, source, 1 + c.len_utf8());
    1 + c.len_utf8()
}

fn hexadecimal(runs: &mut Runs, rest: &str, digits: usize, source: usize) -> usize {
    let value = rest.get(2..2 + digits).and_then(|hex| u32::from_str_radix(hex, 16).ok());
    let Some(c) = value.and_then(char::from_u32) else { return 2 };
    runs.escaped(c.encode_utf8(&mut [0; 4]), source, 2 + digits);
    2 + digits
}
