//! What was found, written in the place of what was expected: edits of the file's text, which keep everything else as its
//! author wrote it. A text that would then say anything else is not written.

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value, json};

use crate::diag::Diagnostics;
use crate::document::{Limits, Syntax, Tree, parse};
use crate::model::graph_test::GraphCase;
use crate::source::{FileId, Sources, Span};

use super::rewrite::Writer;
use super::{Difference, Rehearsal};

/// What became of the values that were found.
#[derive(Debug, Default)]
pub struct Blessed {
    /// The text of the file with them in it; nothing where none was written.
    pub text: Option<String>,
    /// Where one could not be written without changing more than that.
    pub unwritten: Vec<Span>,
}

/// The text of a file with what was found in the place of what was expected, as far as it can be written there: one value
/// that can't keeps no other out. `cases` are those of the file, with what they came to and how that parts from what they
/// expect.
pub fn bless(sources: &Sources, file: FileId, cases: &[(&GraphCase, &Rehearsal, &[Difference])]) -> Blessed {
    let mut values: BTreeMap<Span, Value> = BTreeMap::new();
    for (case, came_to, differences) in cases {
        if case.expect.is_empty() && came_to.is_whole {
            values.insert(case.expect.span, all_of(came_to));
        }
        for difference in differences.iter().filter(|one| one.can_be_blessed) {
            values.extend(difference.found.clone().map(|found| (difference.span, found)));
        }
    }
    if values.is_empty() {
        return Blessed::default();
    }
    let source = sources.get(file);
    let syntax = Syntax::of_path(source.name()).unwrap_or(Syntax::Yaml);
    let Some(before) = tree(source.text(), source.name(), syntax) else {
        return Blessed { text: None, unwritten: values.into_keys().collect() };
    };
    let mut page = Page {
        text: source.text(),
        name: source.name(),
        syntax,
        before,
        written: BTreeMap::new(),
        last: None,
    };
    let mut unwritten = Vec::new();
    page.write(&values.into_iter().collect::<Vec<_>>(), &mut unwritten);
    Blessed { text: page.last, unwritten }
}

/// The first whole number in a value that is larger than any that a file can hold: a `sum` comes to such.
pub fn no_file_holds(value: &Value) -> Option<&Number> {
    match value {
        Value::Number(number) => Some(number).filter(|number| number.is_u64() && !number.is_i64()),
        Value::Array(items) => items.iter().find_map(no_file_holds),
        Value::Object(entries) => entries.values().find_map(no_file_holds),
        _ => None,
    }
}

/// How a value is written.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// In the form that the old one has.
    InForm,
    /// On one line.
    OnALine,
}

/// A file's text, and the values that can be written into it together.
struct Page<'p> {
    text: &'p str,
    name: &'p str,
    syntax: Syntax,
    before: Tree,
    written: BTreeMap<Span, (Value, Way)>,
    /// The text with them.
    last: Option<String>,
}

impl Page<'_> {
    /// Writes these values beside those that are written, in their form; where that does not go, as many of them as do, and
    /// the others on a line each, or not at all.
    fn write(&mut self, values: &[(Span, Value)], unwritten: &mut Vec<Span>) {
        if values.is_empty() || self.has_written(values, Way::InForm) {
            return;
        }
        match values {
            [(span, _)] => {
                if !self.has_written(values, Way::OnALine) {
                    unwritten.push(*span);
                }
            }
            several => {
                let (first, rest) = several.split_at(several.len() / 2);
                self.write(first, unwritten);
                self.write(rest, unwritten);
            }
        }
    }

    fn has_written(&mut self, values: &[(Span, Value)], way: Way) -> bool {
        let mut all = self.written.clone();
        all.extend(values.iter().map(|(span, value)| (*span, (value.clone(), way))));
        let text = self.with(&all);
        let written = text.is_some();
        if written {
            (self.written, self.last) = (all, text);
        }
        written
    }

    /// The text with these values and nothing else that is otherwise.
    fn with(&self, values: &BTreeMap<Span, (Value, Way)>) -> Option<String> {
        let mut writer = Writer::new(self.text, self.syntax);
        for (span, (value, way)) in values {
            let old = at(&self.before, *span)?;
            match way {
                Way::InForm => writer.in_form(old, value)?,
                Way::OnALine => writer.on_a_line(old, value)?,
            }
        }
        let text = writer.finish();
        let wanted =
            values.iter().map(|(span, (value, _))| ((span.start, span.end), value.clone())).collect();
        let after = tree(&text, self.name, self.syntax)?;
        says(&self.before, &after, &wanted).then_some(text)
    }
}

/// The value that stands at a place.
fn at(tree: &Tree, span: Span) -> Option<&Tree> {
    if (tree.span.start, tree.span.end) == (span.start, span.end) {
        return Some(tree);
    }
    let inner = tree.items().iter().chain(tree.entries().iter().map(|entry| &entry.value));
    inner.into_iter().find_map(|inner| at(inner, span))
}

/// What a case that expects nothing yet is given: status, path, outputs and error.
fn all_of(came_to: &Rehearsal) -> Value {
    let summary = &came_to.summary;
    let mut all = Map::new();
    all.extend(summary.status.map(|status| ("status".to_owned(), json!(status.as_str()))));
    all.insert("path".to_owned(), json!(summary.path));
    if let Some(outputs) =
        summary.outputs.as_ref().filter(|outputs| outputs.as_object().is_some_and(|o| !o.is_empty()))
    {
        all.insert("outputs".to_owned(), (**outputs).clone());
    }
    if let Some(error) = &summary.error {
        let mut said = Map::new();
        said.extend(error.node.as_ref().map(|node| ("node".to_owned(), json!(node))));
        said.insert("kind".to_owned(), json!(error.error.kind.as_str()));
        all.insert("error".to_owned(), Value::Object(said));
    }
    let mut waiting: Vec<&str> = summary.waiting.iter().map(|question| question.node.as_str()).collect();
    waiting.sort_unstable();
    if !waiting.is_empty() {
        all.insert("waiting".to_owned(), json!(waiting));
    }
    Value::Object(all)
}

fn tree(text: &str, name: &str, syntax: Syntax) -> Option<Tree> {
    let mut sources = Sources::default();
    let file = sources.add(name, text);
    let mut found = Diagnostics::default();
    let parsed = parse(&sources, file, syntax, &Limits::default(), &mut found)?;
    (!found.has_errors()).then_some(parsed.tree)
}

/// Does the tree after say what the one before does, but for the edited places?
fn says(before: &Tree, after: &Tree, edits: &BTreeMap<(u32, u32), Value>) -> bool {
    if let Some(value) = edits.get(&(before.span.start, before.span.end)) {
        return after.to_json() == *value;
    }
    let (entries, after_entries) = (before.entries(), after.entries());
    let (items, after_items) = (before.items(), after.items());
    if !entries.is_empty() || !items.is_empty() {
        return entries.len() == after_entries.len()
            && items.len() == after_items.len()
            && entries
                .iter()
                .zip(after_entries)
                .all(|(a, b)| a.key.value == b.key.value && says(&a.value, &b.value, edits))
            && items.iter().zip(after_items).all(|(a, b)| says(a, b, edits));
    }
    before.to_json() == after.to_json()
}
