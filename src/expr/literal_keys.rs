//! The keys of objects that an expression writes out.

use std::collections::BTreeSet;

use serde_json::Value;

use super::ir::{Kind, Node};

/// The keys that stand in the text of what a node may come to as a whole. Those of what it looks at are none.
pub(super) fn literal_keys<'n>(node: &'n Node, found: &mut BTreeSet<&'n str>) {
    match &node.kind {
        Kind::Object(fields) => found.extend(fields.iter().filter_map(|(key, _)| match &key.kind {
            Kind::Const(Value::String(key)) => Some(key.as_str()),
            _ => None,
        })),
        Kind::Const(Value::Object(fields)) => found.extend(fields.keys().map(String::as_str)),
        Kind::If(parts) => parts[1..].iter().for_each(|part| literal_keys(part, found)),
        Kind::Default(value, otherwise) => {
            literal_keys(value, found);
            literal_keys(otherwise, found);
        }
        Kind::FirstOf(choices) => choices.iter().for_each(|choice| literal_keys(choice, found)),
        _ => {}
    }
}
