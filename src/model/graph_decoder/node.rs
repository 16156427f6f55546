//! A node and its parameters.

use crate::diag::{Diagnostic, codes, nearest, suggestion};
use crate::document::{Entry, Tree, Value};
use crate::model::decode::{OwnKeys, Shape, Slot};
use crate::model::{Defaults, Field, Modifiers, Node, Section, Uses};
use crate::source::Located;

use super::Reader;

/// The keys of a node.
pub(super) const NODE_KEYS: &[&str] = &[
    "uses",
    "with",
    "description",
    "skip_when",
    "for_each",
    "retry",
    "timeout",
    "join",
    "group",
    "cache",
    "verify",
    "update",
    "on_crash",
];

const NODE: Shape = Shape { what: "a node", keys: NODE_KEYS, required: &["uses"], own: OwnKeys::Extensions };

impl Reader<'_, '_> {
    pub(super) fn nodes(&mut self, slot: Slot<'_>, defaults: &[Defaults]) -> Option<Vec<Node>> {
        let nodes = self.section(Section::Nodes, slot, |reader, slot| reader.node(slot, defaults))?;
        if slot.value.entries().is_empty() && !self.decoder.skipped_something() {
            let help =
                Some("add a node, for example `hello: { uses: values, with: { text: hello } }`".to_owned());
            self.decoder.bad_value(slot.value.span, "a graph needs at least one node", help);
        }
        Some(nodes)
    }

    fn node(&mut self, slot: Slot<'_>, defaults: &[Defaults]) -> Option<Node> {
        let id = self.decoder.node_id(slot);
        let span = slot.key_span.to(slot.value.span);
        let fields = self.decoder.fields(slot, &NODE);
        let Some(fields) = fields else {
            self.decoder.damage(span);
            return Some(Node {
                id: id?,
                span,
                uses: None,
                with: Vec::new(),
                modifiers: Modifiers::default(),
            });
        };
        let uses = fields.get("uses").and_then(|slot| {
            let written = self.decoder.string(slot)?;
            let uses = self.uses(&written)?;
            Some(Located::new(uses, written.span))
        });
        let kind = uses.as_ref().map(|uses| uses.value);
        let with = match (kind, fields.get("with")) {
            (Some(kind), Some(slot)) => self.parameters(kind, slot),
            (None, Some(slot)) => self.unknown_parameters(slot),
            (_, None) => Vec::new(),
        };
        if let Some(kind) = kind
            && fields.get("with").is_none_or(|with| matches!(with.value.value, Value::Map(_)))
        {
            self.missing_parameters(kind, slot, fields.get("with"), &with, defaults);
        }
        let modifiers = self.modifiers(&fields, kind);
        Some(Node { id: id?, span, uses, with, modifiers })
    }

    /// The parameters of a node whose kind is not known.
    fn unknown_parameters(&mut self, slot: Slot<'_>) -> Vec<Field> {
        let Some(entries) = self.decoder.entries(slot) else { return Vec::new() };
        entries.iter().map(field).collect()
    }

    /// The parameters of a node, or of `defaults`, under their right names.
    pub(super) fn parameters(&mut self, uses: Uses, slot: Slot<'_>) -> Vec<Field> {
        let Some(entries) = self.decoder.entries(slot) else {
            self.decoder.damage(slot.value.span);
            return Vec::new();
        };
        let mut fields = Vec::with_capacity(entries.len());
        for entry in entries {
            let name = self.parameter_name(uses, entry, entries);
            self.parameter_value(uses, &name.value, &entry.value);
            fields.push(Field { name, value: entry.value.clone() });
        }
        self.parameters_exclude(uses, &fields);
        fields
    }

    /// The name of a parameter; a misspelt one is reported, and taken for the absent one that it resembles.
    fn parameter_name(&mut self, uses: Uses, entry: &Entry, all: &[Entry]) -> Located<String> {
        let written = entry.key.value.as_str();
        let Some(names) = uses.parameters().names else { return entry.key.clone() };
        if names.contains(&written) {
            return entry.key.clone();
        }
        let absent = names.iter().copied().filter(|name| all.iter().all(|entry| entry.key.value != *name));
        let meant = nearest(written, absent);
        let help = meant
            .map(|name| format!("write `{name}`"))
            .or_else(|| suggestion(written, names.iter().copied()));
        if NODE_KEYS.contains(&written) {
            let message = format!("`{written}` is a key of the node, and stands among its parameters");
            let help = format!("move `{written}` out of `with`; in TOML, above the node's `with` table");
            self.decoder.report(Diagnostic::new(codes::MISPLACED_KEY, entry.key.span, message).help(help));
            return entry.key.clone();
        }
        let message = format!("unknown parameter `{written}` of `{}`", uses.as_str());
        self.decoder.report(Diagnostic::new(codes::UNKNOWN_KEY, entry.key.span, message).maybe_help(help));
        self.decoder.misspelt(entry.key.span);
        Located::new(meant.unwrap_or(written).to_owned(), entry.key.span)
    }

    /// What is the same for each parameter: no null, and schemas that are schemas.
    fn parameter_value(&mut self, uses: Uses, name: &str, value: &Tree) {
        let is_schema = matches!((uses, name), (Uses::Llm, "output_schema") | (Uses::Approval, "response"));
        if is_schema {
            let slot = Slot { key: name, key_span: value.span, value };
            self.schema_source(slot);
        } else {
            self.no_null(value);
        }
    }

    fn parameters_exclude(&mut self, uses: Uses, fields: &[Field]) {
        for (at, field) in fields.iter().enumerate() {
            let name = field.name.value.as_str();
            let other = fields[..at].iter().find(|other| uses.parameters().exclude(name, &other.name.value));
            if let Some(other) = other {
                let what = format!("`{}`", uses.as_str());
                self.decoder.conflict(field.name.span, name, other.name.span, &other.name.value, &what);
            }
        }
    }

    fn missing_parameters(
        &mut self,
        uses: Uses,
        node: Slot<'_>,
        with: Option<Slot<'_>>,
        fields: &[Field],
        defaults: &[Defaults],
    ) {
        let defaults = defaults.iter().filter(|defaults| defaults.uses.value == uses);
        let given: Vec<&str> = defaults
            .flat_map(|defaults| &defaults.with)
            .chain(fields)
            .map(|f| f.name.value.as_str())
            .collect();
        for group in uses.parameters().required {
            if group.iter().any(|name| given.contains(name)) || self.decoder.lost(group) {
                continue;
            }
            let names = group.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ");
            let message = format!("`{}` needs the parameter {names}", uses.as_str());
            let place = with.map_or(node.key_span, |with| with.key_span);
            let help = match with {
                Some(_) => format!("add `{}: …`", group[0]),
                None => format!("add `with: {{ {}: … }}`", group[0]),
            };
            self.decoder.report(Diagnostic::new(codes::MISSING_KEY, place, message).help(help));
        }
    }

    /// There is no null outside JSON Schemas.
    pub(super) fn no_null(&mut self, value: &Tree) {
        match &value.value {
            Value::Null => {
                let diagnostic =
                    Diagnostic::new(codes::WRONG_TYPE, value.span, "there is no null in a graph");
                self.decoder.report(diagnostic.help("give the key a value, or remove it"));
            }
            Value::List(items) => items.iter().for_each(|item| self.no_null(item)),
            Value::Map(entries) => entries.iter().for_each(|entry| self.no_null(&entry.value)),
            Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::String(_) => {}
        }
    }
}

fn field(entry: &Entry) -> Field {
    Field { name: entry.key.clone(), value: entry.value.clone() }
}
