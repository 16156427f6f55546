//! Where a key that stands twice in a TOML text stood first. The parser names only the second place.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

/// The place of the first definition of the key at `second`.
pub(super) fn first_definition(
    table: &DeTable<'_>,
    text: &str,
    second: &Range<usize>,
) -> Option<Range<usize>> {
    let written = text.get(second.clone())?;
    let same_line_header = header_around(text, second);
    match same_line_header {
        Some(path) => earlier_header(text, &path, second.start).or_else(|| in_tree(table, second, written)),
        None => in_tree(table, second, written),
    }
}

/// The dotted path of the header that ends with the key at `key`, white space aside.
fn header_around(text: &str, key: &Range<usize>) -> Option<String> {
    let line = text[..key.start].rfind('\n').map_or(0, |newline| newline + 1);
    let before = text[line..key.start].trim_start();
    let path = before.strip_prefix("[[").or_else(|| before.strip_prefix('['))?;
    Some(spaceless(&format!("{path}{}", &text[key.clone()])))
}

fn earlier_header(text: &str, path: &str, before: usize) -> Option<Range<usize>> {
    let mut at = 0;
    for line in text.get(..before)?.split_inclusive('\n') {
        let inside =
            line.trim().strip_prefix('[').and_then(|rest| rest.split(']').next()).unwrap_or_default();
        let inside = inside.trim_start_matches('[');
        if !inside.is_empty() && spaceless(inside) == path {
            let last = inside.rsplit('.').next().unwrap_or(inside).trim();
            let start = at + line.find(inside)? + inside.rfind(last)?;
            return Some(start..start + last.len());
        }
        at += line.len();
    }
    None
}

fn spaceless(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

/// The last key of the same spelling that stands before `second`, in a table that reaches up to it.
fn in_tree(table: &DeTable<'_>, second: &Range<usize>, written: &str) -> Option<Range<usize>> {
    let name = written.trim_matches(['"', '\'']);
    let mut best: Option<Range<usize>> = None;
    let mut tables = vec![table];
    while let Some(table) = tables.pop() {
        for (key, value) in table {
            let span = key.span();
            let nearer = best.as_ref().is_none_or(|best| best.start < span.start);
            if key.get_ref().as_ref() == name && span.end <= second.start && nearer {
                best = Some(span);
            }
            inner(value.get_ref(), &mut tables);
        }
    }
    best
}

fn inner<'t, 'i>(value: &'t DeValue<'i>, tables: &mut Vec<&'t DeTable<'i>>) {
    match value {
        DeValue::Table(table) => tables.push(table),
        DeValue::Array(items) => items.iter().for_each(|item| inner(item.get_ref(), tables)),
        _ => {}
    }
}
