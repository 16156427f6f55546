//! The collections that are open while events come in.

use std::collections::BTreeMap;

use crate::document::damage::line_start;
use crate::document::limits::Spent;
use crate::document::{Entry, Tree, Value};
use crate::source::{Located, Span};

/// One open collection.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) flow: bool,
    /// The anchor's id, 0 for none.
    pub(super) anchor: usize,
    /// What was spent when it was opened.
    pub(super) before: Spent,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    List(Vec<Tree>),
    Map(Mapping),
}

/// A mapping half read.
#[derive(Debug, Default)]
pub(super) struct Mapping {
    pub(super) entries: Vec<Entry>,
    pub(super) seen: BTreeMap<String, Span>,
    pub(super) key: Option<Key>,
}

/// The key whose value comes next.
#[derive(Debug)]
pub(super) enum Key {
    Good(Located<String>),
    /// It was reported; its value is read and dropped.
    Bad(Span),
}

impl Kind {
    pub(super) fn finish(self) -> Value {
        match self {
            // most collections are small, and a vector that grows starts with room for four
            Self::List(mut items) => {
                items.shrink_to_fit();
                Value::List(items)
            }
            Self::Map(mut mapping) => {
                mapping.entries.shrink_to_fit();
                Value::Map(mapping.entries)
            }
        }
    }
}

/// The dash on a line of its own that nothing but white space and a comment part from `at`.
pub(super) fn first_dash(text: &str, at: usize) -> Option<usize> {
    let line = line_start(text, at);
    let before = text.get(line..at)?;
    let from_dash = before.trim_start_matches(' ');
    let behind = from_dash.strip_prefix('-')?.trim_start();
    (behind.is_empty() || behind.starts_with('#')).then_some(line + before.len() - from_dash.len())
}
