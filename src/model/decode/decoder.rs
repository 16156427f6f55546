//! What a decoder carries along: the sink, and the places that are not worth a word any more. Knows no key.

use crate::diag::{Code, Diagnostic, Diagnostics, codes, suggestion, type_edit};
use crate::document::{Damage, Entry, Syntax, Tree, Value};
use crate::source::Span;

use super::{Shape, Slot, example};

/// Keys whose lists are tables of their own in TOML.
const TABLES: [&str; 6] = ["edges", "cases", "commands", "network", "flows", "redact"];

/// Lists whose items have a name, and the key of it.
const KEYED: [(&str, &str); 2] = [("commands", "name"), ("network", "origin")];

/// The types of JSON Schema.
const TYPES: [&str; 7] = ["null", "boolean", "object", "array", "number", "string", "integer"];

/// Collects findings while a tree is read. A finding inside a damaged place is dropped: what broke the place was
/// reported before, and everything after it would be noise.
pub(crate) struct Decoder<'d> {
    diagnostics: &'d mut Diagnostics,
    damage: &'d Damage,
    damaged: Vec<Span>,
    misspelt: Vec<Span>,
}

impl<'d> Decoder<'d> {
    /// A decoder that reports into `diagnostics`; `damage` is what the parser had to skip.
    pub(crate) fn new(diagnostics: &'d mut Diagnostics, damage: &'d Damage) -> Self {
        Self { diagnostics, damage, damaged: damage.spans().to_vec(), misspelt: Vec::new() }
    }

    /// Reports, unless the place is damaged.
    pub(crate) fn report(&mut self, diagnostic: Diagnostic) {
        if !self.is_damaged(diagnostic.span()) {
            self.diagnostics.push(diagnostic);
        }
    }

    /// Is what is reported from here on only counted?
    pub(crate) fn is_full(&self) -> bool {
        self.diagnostics.is_full()
    }

    /// Declares that whatever is found at `span` from now on follows from what was reported.
    pub(crate) fn damage(&mut self, span: Span) {
        self.damaged.push(span);
    }

    /// The damaged places, the parser's and those that were found while decoding.
    pub(crate) fn into_damaged(self) -> Vec<Span> {
        self.damaged
    }

    /// Does `span` touch a damaged place?
    pub(crate) fn is_damaged(&self, span: Span) -> bool {
        self.damaged.iter().any(|bad| bad.file == span.file && bad.start <= span.end && span.start <= bad.end)
    }

    /// May one of these keys stand in what the parser skipped? Then that it is missing is no news.
    pub(crate) fn lost(&self, keys: &[&str]) -> bool {
        keys.iter().any(|key| self.damage.lost(key))
    }

    /// Does a merge key stand there, which may have meant any key?
    pub(crate) fn merges_into(&self, place: Span) -> bool {
        self.damage.merges_into(place)
    }

    /// Was anything skipped?
    pub(crate) fn skipped_something(&self) -> bool {
        !self.damage.is_empty()
    }

    /// `key` takes `wanted` (`a string`, `a list`), and `tree` is something else.
    pub(crate) fn wrong_type(&mut self, key: &str, wanted: &str, tree: &Tree) {
        let diagnostic = if matches!(tree.value, Value::Null) {
            Diagnostic::new(codes::WRONG_TYPE, tree.span, format!("`{key}` takes {wanted}, and has no value"))
                .help(format!("give `{key}` a value, or remove the key; there is no null here"))
        } else {
            let message = format!("`{key}` takes {wanted}, not {}", tree.kind());
            Diagnostic::new(codes::WRONG_TYPE, tree.span, message)
                .maybe_help(self.type_edit(key, wanted, tree))
        };
        self.report(diagnostic);
    }

    /// The edit in the file's own syntax.
    fn type_edit(&self, key: &str, wanted: &str, tree: &Tree) -> Option<String> {
        let syntax = self.damage.syntax();
        let is_map = matches!(tree.value, Value::Map(_));
        if let ("a list", Some(edit)) = (wanted, named_items(key, tree, syntax)) {
            return Some(edit);
        }
        match (wanted, syntax) {
            ("a list", Syntax::Toml) if is_map && TABLES.contains(&key) => {
                Some(format!("write the header `[[{key}]]`, or `{key} = [{{ … }}]`"))
            }
            ("a list", Syntax::Toml | Syntax::Json) if is_map || matches!(tree.value, Value::Null) => {
                Some("write `[ … ]`".to_owned())
            }
            ("a list", Syntax::Yaml) if is_map => Some("begin each item with `- `".to_owned()),
            _ => type_edit(wanted, &tree.to_json()).map(|edit| in_syntax(&edit, syntax)),
        }
    }

    /// A mapping is wanted, of this shape or of names of the author's, and something else stands there.
    pub(crate) fn no_mapping(&mut self, slot: Slot<'_>, shape: Option<&Shape>) {
        let tree = slot.value;
        if matches!(tree.value, Value::Null) {
            return self.wrong_type(slot.key, "a mapping", tree);
        }
        let message = format!("`{}` takes a mapping, not {}", slot.key, tree.kind());
        let help = example::edit(slot.key, shape, tree, self.damage.syntax());
        self.report(Diagnostic::new(codes::WRONG_TYPE, tree.span, message).help(help));
    }

    /// A value that has the right type and still may not stand here.
    pub(crate) fn bad_value(&mut self, span: Span, message: impl Into<String>, help: Option<String>) {
        self.report(Diagnostic::new(codes::BAD_VALUE, span, message).maybe_help(help));
    }

    /// Remembers that the key here was reported, and is taken for another one.
    pub(crate) fn misspelt(&mut self, key: Span) {
        self.misspelt.push(key);
    }

    /// Two keys that exclude each other; `at` is the second. What a misspelt key would exclude is no news.
    pub(crate) fn conflict(&mut self, at: Span, key: &str, other: Span, other_key: &str, what: &str) {
        if self.misspelt.contains(&at) || self.misspelt.contains(&other) {
            return;
        }
        let message = format!("`{key}` cannot stand beside `{other_key}` in {what}");
        let diagnostic = Diagnostic::new(codes::CONFLICTING_KEYS, at, message);
        self.report(
            diagnostic.help(format!("remove `{key}` or `{other_key}`")).label(other, "the other key"),
        );
    }

    /// Is a file's `schema` one of those that `what` has? An id that is not is the one finding: this may be another kind
    /// of file altogether. A line that is not there is told with the other keys.
    pub(crate) fn knows_schema(&mut self, tree: &Tree, what: &str, known: &[&'static str]) -> bool {
        let Some(written) = tree.get("schema") else { return true };
        let Some(id) = written.as_str() else {
            self.wrong_type("schema", "a string", written);
            return false;
        };
        if known.contains(&id) {
            return true;
        }
        let ids = known.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ");
        let message = format!("unknown schema `{id}`; {what} has one of {ids}");
        self.unknown_word(codes::UNKNOWN_SCHEMA, written.span, id, message, known);
        false
    }

    /// `written` is none of the `known` words that may stand under `key`; the nearest one is suggested.
    pub(crate) fn unknown_word(
        &mut self,
        code: Code,
        span: Span,
        written: &str,
        message: impl Into<String>,
        known: &[&'static str],
    ) {
        let help = suggestion(written, known.iter().copied());
        self.report(Diagnostic::new(code, span, message).maybe_help(help));
    }
}

/// A list was written as a mapping of names, each with its item: the edit says where the name goes.
fn named_items(key: &str, tree: &Tree, syntax: Syntax) -> Option<String> {
    let (_, name) = KEYED.iter().find(|(list, _)| *list == key)?;
    let is_item = |entry: &Entry| matches!(entry.value.value, Value::Map(_));
    let first = tree.entries().first()?;
    if !tree.entries().iter().all(is_item) {
        return None;
    }
    let value = serde_json::Value::from(first.key.value.as_str());
    Some(match syntax {
        Syntax::Yaml => format!("write a list, each name within its item: `- {{ {name}: {value}, … }}`"),
        Syntax::Toml => format!("write the header `[[{key}]]`, and the name below it: `{name} = {value}`"),
        Syntax::Json => {
            format!("write a list, each name within its item: `[{{ \"{name}\": {value}, … }}]`")
        }
    })
}

/// An edit of schemas as the syntax has it: how a key stands before its value, and the word of a type.
fn in_syntax(edit: &str, syntax: Syntax) -> String {
    let (open, sign) = match syntax {
        Syntax::Yaml => return edit.to_owned(),
        Syntax::Toml => ("", " = "),
        Syntax::Json => ("\"", ": "),
    };
    let mut edit = edit.to_owned();
    for key in ["type", "NAME"] {
        edit = edit.replace(&format!("{key}: "), &format!("{open}{key}{open}{sign}"));
    }
    for word in TYPES {
        edit = edit.replace(&format!("{sign}{word} }}"), &format!("{sign}\"{word}\" }}"));
    }
    edit
}
