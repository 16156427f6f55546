//! A text of several lines, written anew as it stood: under its mark in YAML, between three quotes in TOML.

use crate::document::{Syntax, Tree};
use crate::source::is_unsafe_to_show;

use super::places::value_start;
use super::rewrite::Edit;

/// Under its mark, as deep as it stood; none where it cannot stand there.
pub(super) fn under_mark(text: &str, old: &Tree, new: &str) -> Option<Edit> {
    let (start, end) = (value_start(text, Syntax::Yaml, old), old.span.end as usize);
    let mark_end = start + text[start..].find(|c: char| !"|>+-".contains(c) && !c.is_ascii_digit())?;
    let head_end = start + text[start..].find('\n')?;
    let content = &text[head_end + 1..];
    let filled = content.lines().find(|line| !line.trim().is_empty())?;
    let indent = &filled[..filled.len() - filled.trim_start_matches(' ').len()];
    if new.is_empty() || new.starts_with([' ', '\t', '\n']) || !new.chars().all(is_plain) {
        return None;
    }
    let chomp = match (new.ends_with('\n'), new.ends_with("\n\n")) {
        (false, _) => "-",
        (true, false) => "",
        (true, true) => "+",
    };
    let body: Vec<String> = new
        .strip_suffix('\n')
        .unwrap_or(new)
        .split('\n')
        .map(|line| if line.is_empty() { String::new() } else { format!("{indent}{line}") })
        .collect();
    let tail = if text[start..end].ends_with('\n') { "\n" } else { "" };
    let comment = &text[mark_end..head_end];
    Some((start..end, format!("|{chomp}{comment}\n{}{tail}", body.join("\n"))))
}

/// Between three quotes, of the kind that it had where they can hold it; none for what is no text of several lines.
pub(super) fn in_quotes(text: &str, old: &Tree, new: &str) -> Option<Edit> {
    let (start, end) = (old.span.start as usize, old.span.end as usize);
    if !new.contains('\n') || !new.chars().all(is_plain) {
        return None;
    }
    let first =
        if text[start + 3..end].starts_with(['\n', '\r']) || new.starts_with('\n') { "\n" } else { "" };
    let (quotes, new) = if text[start..].starts_with('\'') && !new.contains("'''") && !new.ends_with('\'') {
        ("'''", new.to_owned())
    } else {
        let new = new.replace('\\', "\\\\");
        // three quotes would end the text, and one at its end would be taken for one of the three
        let ends_early = new.contains("\"\"\"") || new.ends_with('"');
        let new = if ends_early { new.replace('"', "\\\"") } else { new };
        ("\"\"\"", new)
    };
    Some((start..end, format!("{quotes}{first}{new}{quotes}")))
}

fn is_plain(c: char) -> bool {
    c == '\n' || c == '\t' || !is_unsafe_to_show(c)
}
