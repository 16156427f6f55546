//! Parameters that are literals, because something before the run depends on them.

use crate::document::{Tree, Value};
use crate::model::{JsonSchema, SchemaSource};
use crate::source::Located;

/// A string without a template in it.
pub(super) fn word(tree: &Tree) -> Option<Located<String>> {
    let text = tree.as_str().filter(|text| !is_template(text))?;
    Some(Located::new(text.to_owned(), tree.span))
}

/// A count.
pub(super) fn count(tree: &Tree) -> Option<u32> {
    if let Value::Int(value) = tree.value { u32::try_from(value).ok() } else { None }
}

/// The strings of a list.
pub(super) fn words(tree: &Tree) -> Vec<Located<String>> {
    tree.items().iter().filter_map(word).collect()
}

/// A JSON Schema, or the file that holds it.
pub(super) fn schema_source(tree: &Tree) -> Option<SchemaSource> {
    if !matches!(tree.value, Value::Map(_)) {
        return None;
    }
    match tree.get("file") {
        Some(path) => word(path).map(SchemaSource::File),
        None => Some(SchemaSource::Inline(JsonSchema { tree: tree.clone() })),
    }
}

/// Does a string hold an expression, a statement or a comment of a template?
pub(super) fn is_template(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|mark| text.contains(mark))
}
