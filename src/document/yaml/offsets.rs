//! Where each byte of a YAML string was written. Repeats what the parser did to the text; where the two come to
//! different strings, no map is given rather than a wrong one.

use std::ops::Range;

use serde_yaml::granit_parser::ScalarStyle;

use crate::document::damage::line_start;
use crate::document::runs::Runs;

/// The runs of the scalar that stands at `range` of `text` and means `decoded`.
pub(super) fn runs(text: &str, range: Range<usize>, decoded: &str, style: ScalarStyle) -> Vec<(u32, u32)> {
    let Some(written) = text.get(range.clone()) else { return Vec::new() };
    if let Some(start) = stands_as_it_is(written, range.start, decoded, style) {
        return if decoded.is_empty() { Vec::new() } else { vec![(0, start as u32)] };
    }
    let runs = match style {
        ScalarStyle::Plain => flow(written, range.start, Quote::None),
        ScalarStyle::SingleQuoted => flow(inner(written), range.start + 1, Quote::Single),
        ScalarStyle::DoubleQuoted => flow(inner(written), range.start + 1, Quote::Double),
        ScalarStyle::Literal => block(text, range, decoded, false),
        ScalarStyle::Folded => block(text, range, decoded, true),
    };
    runs.agreeing_with(decoded)
}

/// Where the text of a scalar begins that means exactly what is written: no escape, no line break.
fn stands_as_it_is(written: &str, start: usize, decoded: &str, style: ScalarStyle) -> Option<usize> {
    let (content, start, escape) = match style {
        ScalarStyle::Plain => (written, start, None),
        ScalarStyle::SingleQuoted => (inner(written), start + 1, Some('\'')),
        ScalarStyle::DoubleQuoted => (inner(written), start + 1, Some('\\')),
        ScalarStyle::Literal | ScalarStyle::Folded => return None,
    };
    let special = |c: char| matches!(c, '\r' | '\n') || Some(c) == escape;
    (content == decoded && !content.contains(special)).then_some(start)
}

#[derive(Clone, Copy, PartialEq)]
enum Quote {
    None,
    Single,
    Double,
}

fn inner(written: &str) -> &str {
    written.get(1..written.len().saturating_sub(1)).unwrap_or_default()
}

fn flow(written: &str, base: usize, quote: Quote) -> Runs {
    let mut runs = Runs::default();
    let mut at = 0;
    while let Some(c) = written[at..].chars().next() {
        let rest = &written[at..];
        at += match c {
            ' ' | '\t' | '\r' | '\n' => space(&mut runs, rest, base + at),
            '\'' if quote == Quote::Single => {
                let read = 2.min(rest.len());
                runs.escaped("'", base + at, read);
                read
            }
            '\\' if quote == Quote::Double => escape(&mut runs, rest, base + at),
            _ => {
                runs.copy(&rest[..c.len_utf8()], base + at);
                c.len_utf8()
            }
        };
    }
    runs
}

/// White space: as it is within a line, folded around line breaks. Returns the bytes that were read.
fn space(runs: &mut Runs, rest: &str, source: usize) -> usize {
    let blank = &rest[..rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len()];
    match blank.matches('\n').count() {
        0 => runs.copy(blank, source),
        1 => runs.made(" ", source),
        breaks => runs.made(&"\n".repeat(breaks - 1), source),
    }
    blank.len()
}

fn escape(runs: &mut Runs, rest: &str, source: usize) -> usize {
    let Some(c) = rest[1..].chars().next() else { return 1 };
    let digits = match c {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        '\n' | '\r' => return escaped_break(runs, rest, source),
        _ => 0,
    };
    if digits > 0 {
        return hexadecimal(runs, rest, digits, source);
    }
    let made = match c {
        '0' => "\0",
        'a' => "\x07",
        'b' => "\x08",
        't' | '\t' => "\t",
        'n' => "\n",
        'v' => "\x0b",
        'f' => "\x0c",
        'r' => "\r",
        'e' => "\x1b",
        'N' => "\u{85}",
        '_' => "\u{a0}",
        'L' => "\u{2028}",
        'P' => "\u{2029}",
        _ => &rest[1..=c.len_utf8()],
    };
    runs.escaped(made, source, 1 + c.len_utf8());
    1 + c.len_utf8()
}

fn escaped_break(runs: &mut Runs, rest: &str, source: usize) -> usize {
    let blank = &rest[1..rest.len() - rest[1..].trim_start_matches([' ', '\t', '\r', '\n']).len()];
    runs.left_out(source);
    runs.made(&"\n".repeat(blank.matches('\n').count().saturating_sub(1)), source);
    1 + blank.len()
}

fn hexadecimal(runs: &mut Runs, rest: &str, digits: usize, source: usize) -> usize {
    let unit = |from: usize| rest.get(from..from + digits).and_then(|hex| u32::from_str_radix(hex, 16).ok());
    let Some(first) = unit(2) else { return 2 };
    let mut read = 2 + digits;
    let mut value = first;
    if (0xd800..0xdc00).contains(&first)
        && let Some(second) = unit(read + 2)
    {
        value = 0x10000 + ((first - 0xd800) << 10) + second.wrapping_sub(0xdc00);
        read += 2 + digits;
    }
    runs.escaped(char::from_u32(value).unwrap_or('\u{fffd}').encode_utf8(&mut [0; 4]), source, read);
    read
}

/// A block scalar: every line loses its indentation; a folded one joins lines. The decoded text itself tells
/// which.
fn block(text: &str, range: Range<usize>, decoded: &str, folded: bool) -> Runs {
    let mut runs = Runs::default();
    let mut at = first_line(text, range.start);
    let Some(indent) = indentation(text, at, decoded) else { return runs };
    while at < range.end {
        let end = text[at..range.end].find('\n').map_or(range.end, |newline| at + newline);
        let line = &text[at..end];
        let line = line.strip_suffix('\r').unwrap_or(line);
        let content = line.get(indent.min(line.len())..).unwrap_or_default();
        let source = at + line.len() - content.len();
        if !content.is_empty() && !content_line(&mut runs, content, source, decoded, folded) {
            return Runs::default();
        }
        if (!folded || !content.is_empty()) && rest(&runs, decoded).starts_with('\n') {
            runs.made("\n", source + content.len());
        }
        at = end + 1;
    }
    let last = rest(&runs, decoded);
    if last.chars().all(|c| c == '\n') {
        runs.made(last, range.end);
    }
    runs
}

/// What of `decoded` is still to be placed.
fn rest<'d>(runs: &Runs, decoded: &'d str) -> &'d str {
    decoded.get(runs.decoded.len()..).unwrap_or_default()
}

/// Takes a line's content, after the joint that folding left before it; does it stand there?
fn content_line(runs: &mut Runs, content: &str, source: usize, decoded: &str, folded: bool) -> bool {
    let left = rest(runs, decoded);
    let breaks = &left[..left.len() - left.trim_start_matches('\n').len()];
    let joined = folded && !runs.decoded.is_empty() && !runs.decoded.ends_with('\n');
    match breaks {
        "" if joined => runs.made(" ", runs.end().unwrap_or(source)),
        breaks => runs.made(breaks, source),
    }
    let stands = rest(runs, decoded).starts_with(content);
    if stands {
        runs.copy(content, source);
    }
    stands
}

/// How far the lines are indented: the first line with content tells.
fn indentation(text: &str, start: usize, decoded: &str) -> Option<usize> {
    let spaces = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let first = |text: &str| text.split('\n').find(|line| !line.trim().is_empty()).map(spaces);
    first(&text[start..])?.checked_sub(first(decoded)?)
}

/// The start of the line after the scalar's header: blank lines may stand between it and the first content.
fn first_line(text: &str, at: usize) -> usize {
    let mut start = line_start(text, at);
    while start > 0 {
        let above = line_start(text, start - 1);
        if !text[above..start].trim().is_empty() {
            break;
        }
        start = above;
    }
    start
}
