//! After a syntax error: the quote or bracket before it that is still open. A rough reading of the text, used for
//! nothing but to place the blame.

/// A quote or bracket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Opener {
    pub(super) at: usize,
    pub(super) mark: char,
}

/// What is open at `end`, reading from `start`.
#[derive(Debug, Default)]
pub(super) struct Open {
    /// The innermost bracket without its partner.
    pub(super) bracket: Option<Opener>,
    /// The last quoted scalar, where it ends at `end` or is still open there.
    pub(super) quote: Option<Opener>,
}

/// Reads `text[start..end]`.
pub(super) fn open_at(text: &str, start: usize, end: usize) -> Open {
    let mut brackets: Vec<Opener> = Vec::new();
    let mut quote = None;
    let mut before = ' ';
    let mut at = start;
    while let Some(c) = text.get(at..end).and_then(|rest| rest.chars().next()) {
        let begins_token = before.is_whitespace() || matches!(before, '[' | '{' | ',' | ':');
        match c {
            '"' | '\'' if begins_token => {
                quote = Some(Opener { at, mark: c });
                at = closing_quote(text, at + 1, end, c);
                if at < end {
                    quote = None;
                }
            }
            '#' if before.is_whitespace() => at += text[at..end].find('\n').unwrap_or(end - at),
            '[' | '{' if begins_token || !brackets.is_empty() => brackets.push(Opener { at, mark: c }),
            ']' | '}' => drop(brackets.pop()),
            _ => {}
        }
        before = text.get(at..).and_then(|rest| rest.chars().next()).unwrap_or(' ');
        at += before.len_utf8();
    }
    Open { bracket: brackets.pop(), quote }
}

/// The byte of the closing quote, or `end`.
fn closing_quote(text: &str, from: usize, end: usize, mark: char) -> usize {
    let bytes = text.as_bytes();
    let mut at = from;
    while at < end {
        match bytes[at] {
            b'\\' if mark == '"' => at += 1,
            b'\'' if mark == '\'' && bytes.get(at + 1) == Some(&b'\'') => at += 1,
            byte if char::from(byte) == mark => return if at + 1 >= end { end } else { at },
            _ => {}
        }
        at += 1;
    }
    end
}
