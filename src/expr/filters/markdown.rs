//! Text that is not the author's, put into Markdown so that it reads as itself: it opens no link and no tag, ends no
//! code span and no table cell, and hides nothing. Knows no graph and no report.

use std::fmt::Write as _;

use crate::expr::limits::Budget;
use crate::expr::stop::Stop;
use crate::expr::value::Val;
use crate::source::{escaped, is_unsafe_to_show};

use super::Args;
use super::text::string;

/// Asks for an emoji in colour. Many a title has one; it is left away, and the emoji stays.
const EMOJI_STYLE: char = '\u{fe0f}';

/// A code span on one line. With `table`, it may stand in a cell.
pub(super) fn code<'a>(budget: &mut Budget, value: &Val<'a>, args: &Args<'a>) -> Result<Val<'a>, Stop> {
    let text = string(value)?;
    pay(budget, text)?;
    let span = span_of(&escaped(text));
    Val::text(budget, &if args.flag(0)? { cell_of(&span) } else { span })
}

/// Prose on one line.
pub(super) fn markdown<'a>(budget: &mut Budget, value: &Val<'a>, _: &Args<'a>) -> Result<Val<'a>, Stop> {
    let text = string(value)?;
    pay(budget, text)?;
    Val::text(budget, &prose_of(text))
}

/// At most twice as long, and an escape for what hides.
fn pay(budget: &mut Budget, text: &str) -> Result<(), Stop> {
    const ESCAPE: usize = 11;
    budget.spend((text.len() >> 4) + 1)?;
    let hidden = text.chars().filter(|&c| is_unsafe_to_show(c)).count();
    budget.make(text.len().saturating_mul(2).saturating_add(hidden.saturating_mul(ESCAPE)))
}

/// A code span ends at a run of as many backticks as it began with, so it begins with one more than any run within.
fn span_of(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    // a blank on both sides is taken away by the reader
    let padded = text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']);
    let blank = if padded && !text.trim().is_empty() { " " } else { "" };
    format!("{fence}{blank}{text}{blank}{fence}")
}

/// A `|` ends a cell, in code as well, unless a `\` stands before it; and readers differ on what two of them mean.
fn cell_of(span: &str) -> String {
    let mut cell = String::with_capacity(span.len());
    let mut before = ' ';
    for c in span.chars() {
        match c {
            '|' if before == '\\' => cell.push_str("\\u{7c}"),
            '|' => cell.push_str("\\|"),
            c => cell.push(c),
        }
        before = c;
    }
    cell
}

fn prose_of(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut shown = String::with_capacity(words.len());
    let mut before = None;
    let mut ahead = words.chars().peekable();
    while let Some(c) = ahead.next() {
        let next = ahead.peek().copied();
        if c == EMOJI_STYLE && before.is_some_and(|c: char| !c.is_ascii() && !is_unsafe_to_show(c)) {
            continue;
        }
        if is_unsafe_to_show(c) {
            // writing to a string can't fail
            let _ = write!(shown, "\\\\u{{{:x}}}", u32::from(c));
        } else {
            if has_a_meaning(c, before, next, &shown) {
                shown.push('\\');
            }
            shown.push(c);
        }
        before = Some(c);
    }
    shown
}

/// Would a reader of Markdown take this character for more than itself? `shown` is what stands before it.
fn has_a_meaning(c: char, before: Option<char>, next: Option<char>, shown: &str) -> bool {
    let in_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    match c {
        '\\' | '`' | '*' | '[' | ']' | '<' | '|' | '~' => true,
        '_' => !(in_word(before) && in_word(next)),
        '&' => in_word(next) || next == Some('#'),
        '#' => before.is_none_or(|before| before == ' ' || before == '#'),
        '>' | '+' | '-' | '=' | ':' => before.is_none(),
        '.' | ')' => {
            let numbered = !shown.is_empty() && shown.chars().all(|c| c.is_ascii_digit());
            numbered && matches!(next, None | Some(' '))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_shown_whole_and_ends_where_it_ends() {
        for (text, span) in [
            ("src/main.rs", "`src/main.rs`"),
            ("a`b", "``a`b``"),
            ("``", "``` `` ```"),
            ("`x", "`` `x ``"),
            (" ", "` `"),
            (" x ", "`  x  `"),
            ("", ""),
            ("<b>*[x](y)", "`<b>*[x](y)`"),
        ] {
            assert_eq!(span_of(text), span);
        }
        assert_eq!(cell_of("`a|b`"), "`a\\|b`");
        assert_eq!(cell_of("`a\\|b`"), "`a\\\\u{7c}b`");
    }

    #[test]
    fn prose_means_nothing_but_itself() {
        for (text, shown) in [
            ("plain words, 1.5 and snake_case", "plain words, 1.5 and snake_case"),
            ("two\n\n# lines\t", "two \\# lines"),
            ("[x](http://y) <img src=x>", "\\[x\\](http://y) \\<img src=x>"),
            ("*a* _b_ ~c~ `d` e|f \\g", "\\*a\\* \\_b\\_ \\~c\\~ \\`d\\` e\\|f \\\\g"),
            ("- not a list", "\\- not a list"),
            ("12. not a list", "12\\. not a list"),
            ("0.1.0", "0.1.0"),
            ("AT&T, &amp; C#", "AT\\&T, \\&amp; C#"),
            ("a\u{202e}b\u{1b}[31m", "a\\\\u{202e}b\\\\u{1b}\\[31m"),
            ("\u{2699}\u{fe0f} gear, x\u{fe0f}", "\u{2699} gear, x\\\\u{fe0f}"),
        ] {
            assert_eq!(prose_of(text), shown);
        }
    }
}
