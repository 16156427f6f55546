//! Names: of nodes, of what else a graph declares, and of error kinds.

use crate::diag::{Diagnostic, codes};
use crate::model::{Name, NodeId};
use crate::source::{Located, Span};

use super::{Decoder, Slot};

impl Decoder<'_> {
    /// The key of an entry as the name of `what` it declares. A bad name is reported; `None` then.
    pub(crate) fn name(&mut self, slot: Slot<'_>, what: &str) -> Option<Located<Name>> {
        self.name_at(slot.key, slot.key_span, what)
    }

    /// A string that is the name of `what`.
    pub(crate) fn name_value(&mut self, slot: Slot<'_>, what: &str) -> Option<Located<Name>> {
        let written = self.string(slot)?;
        self.name_at(&written.value, written.span, what)
    }

    /// The key of a node.
    pub(crate) fn node_id(&mut self, slot: Slot<'_>) -> Option<Located<NodeId>> {
        let id = NodeId::parse(slot.key);
        if id.is_none() {
            self.bad_name(slot.key, slot.key_span, "a node");
        }
        id.map(|id| Located::new(id, slot.key_span))
    }

    /// The shape of an error kind; whether there is such a kind is another question.
    pub(crate) fn kind_shape(&mut self, kind: &Located<String>) {
        let sound = kind.value.starts_with(|c: char| c.is_ascii_lowercase())
            && kind.value.len() <= 64
            && kind.value.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if !sound {
            self.bad_name(&kind.value, kind.span, "a kind of error");
        }
    }

    fn name_at(&mut self, text: &str, span: Span, what: &str) -> Option<Located<Name>> {
        let name = Name::parse(text);
        if name.is_none() {
            self.bad_name(text, span, what);
        }
        name.map(|name| Located::new(name, span))
    }

    fn bad_name(&mut self, text: &str, span: Span, what: &str) {
        let (message, help) = if Name::RESERVED.contains(&text) {
            (format!("`{text}` is a word of the expression language, and cannot name {what}"), renamed(text))
        } else {
            (format!("`{text}` cannot name {what}"), shaped(text))
        };
        self.report(Diagnostic::new(codes::BAD_NAME, span, message).help(help));
    }
}

fn renamed(text: &str) -> String {
    format!("write `{text}_` or another name")
}

/// The nearest name of the right shape.
fn shaped(text: &str) -> String {
    const RULE: &str = "begin with a small letter, go on with small letters, digits and `_`, at most 64";
    let lower: String = text
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
        .skip_while(|c| !c.is_ascii_lowercase())
        .take(64)
        .collect();
    if Name::parse(&lower).is_some() { format!("write `{lower}`: {RULE}") } else { RULE.to_owned() }
}
