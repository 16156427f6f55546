//! A TOML, JSON or YAML file of somebody else's, with lines: read whole, or the first reason why it can't be.

use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::document::{Limits, Syntax, Tree, Value, parse};
use crate::source::{Sources, Span};

use super::found::Fault;

/// A parsed file.
pub(in crate::runner::tools::repo_context) struct Doc {
    sources: Sources,
    pub(in crate::runner::tools::repo_context) tree: Tree,
}

impl Doc {
    /// Reads a text. What our own files may not have, and theirs may (an anchor, a tag, a name twice in JSON), is no
    /// fault here.
    pub(in crate::runner::tools::repo_context) fn parse(text: &str, syntax: Syntax) -> Result<Self, Fault> {
        let mut sources = Sources::default();
        let file = sources.add("", text);
        let mut found = Diagnostics::default();
        let parsed = parse(&sources, file, syntax, &Limits::default(), &mut found);
        let is_fault = |one: &&Diagnostic| {
            parsed.is_none()
                || one.code == codes::SYNTAX
                || (one.code == codes::DUPLICATE_KEY && syntax == Syntax::Toml)
        };
        let fault = found.iter().find(is_fault).map(|one| Fault {
            // the end of a file is not on a line of its own
            line: sources.get(file).position(one.span().start).line.min(text.lines().count().max(1)) as u64,
            message: one.message.clone(),
        });
        match (parsed, fault) {
            (Some(parsed), None) => Ok(Self { sources, tree: parsed.tree }),
            (_, fault) => Err(fault.unwrap_or_else(|| Fault::at(1, "it can't be read"))),
        }
    }

    /// A text that must be an object or a table.
    pub(super) fn table(text: &str, syntax: Syntax) -> Result<Self, Fault> {
        let doc = Self::parse(text, syntax)?;
        match doc.tree.value {
            Value::Map(_) => Ok(doc),
            _ => Err(Fault::at(1, "it is no object")),
        }
    }

    /// The value behind some keys.
    pub(in crate::runner::tools::repo_context) fn at(&self, keys: &[&str]) -> Option<&Tree> {
        keys.iter().try_fold(&self.tree, |tree, key| tree.get(key))
    }

    /// The string behind some keys, or nothing.
    pub(in crate::runner::tools::repo_context) fn text(&self, keys: &[&str]) -> String {
        self.at(keys).and_then(Tree::as_str).unwrap_or_default().to_owned()
    }

    /// The line where a value begins.
    pub(in crate::runner::tools::repo_context) fn line(&self, span: Span) -> u64 {
        self.sources.get(span.file).position(span.start).line as u64
    }

    /// The line of the last of some keys; 0 where it is not there.
    pub(in crate::runner::tools::repo_context) fn line_of(&self, keys: &[&str]) -> u64 {
        let Some((last, before)) = keys.split_last() else { return 0 };
        let entry = self.at(before).and_then(|tree| tree.entries().iter().find(|e| e.key.value == *last));
        entry.map_or(0, |entry| self.line(entry.key.span))
    }

    /// The strings of a list.
    pub(in crate::runner::tools::repo_context) fn texts(&self, keys: &[&str]) -> Vec<String> {
        let items = self.at(keys).map(Tree::items).unwrap_or_default();
        items.iter().filter_map(Tree::as_str).map(str::to_owned).collect()
    }
}

/// A scalar as text.
pub(in crate::runner::tools::repo_context) fn shown(tree: &Tree) -> String {
    match &tree.value {
        Value::String(text) => text.as_str().to_owned(),
        Value::Bool(_) | Value::Int(_) | Value::Float(_) => tree.to_json().to_string(),
        Value::Null | Value::List(_) | Value::Map(_) => String::new(),
    }
}
