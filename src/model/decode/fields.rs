//! The keys of one mapping: which are known, which are required, which was misspelt. Knows no meaning.

use crate::diag::{Diagnostic, codes, nearest, suggestion};
use crate::document::{Entry, Tree, Value};
use crate::source::Span;

use super::Decoder;
use super::foreign::{self, Foreign};

/// What a mapping may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// What it is, for messages: `a node`.
    pub(crate) what: &'static str,
    /// All keys.
    pub(crate) keys: &'static [&'static str],
    /// Those of them that must be there.
    pub(crate) required: &'static [&'static str],
    /// Keys of the author's own.
    pub(crate) own: OwnKeys,
}

/// May a mapping hold keys of the author's own?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OwnKeys {
    /// Those that begin with `x-`.
    Extensions,
    /// None.
    Refused,
}

/// The entries of a mapping under the keys of its [`Shape`]. A misspelt key has been reported, and stands under
/// the key that it was meant to be: so nothing follows from it.
#[derive(Debug)]
pub(crate) struct Fields<'t> {
    /// The whole mapping.
    pub(crate) span: Span,
    slots: Vec<Slot<'t>>,
}

/// A value with the key that it stands under, for messages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot<'t> {
    /// The key, rightly spelled.
    pub(crate) key: &'t str,
    /// Where the key is written; of a list's item, the item.
    pub(crate) key_span: Span,
    /// The value.
    pub(crate) value: &'t Tree,
}

impl<'t> Slot<'t> {
    /// The value of an entry whose key is a name of the author's.
    pub(crate) fn of(entry: &'t Entry) -> Self {
        Self { key: &entry.key.value, key_span: entry.key.span, value: &entry.value }
    }
}

impl<'t> Fields<'t> {
    /// The value under a key of the shape.
    pub(crate) fn get(&self, key: &str) -> Option<Slot<'t>> {
        self.slots.iter().find(|slot| slot.key == key).copied()
    }
}

impl Decoder<'_> {
    /// Reads a mapping's keys: reports those that are unknown and those that are missing, `None` if it is no
    /// mapping. `key` and `owner` are the key that the mapping stands under and its place.
    pub(crate) fn fields<'t>(&mut self, slot: Slot<'t>, shape: &Shape) -> Option<Fields<'t>> {
        let Value::Map(entries) = &slot.value.value else {
            self.no_mapping(slot, Some(shape));
            return None;
        };
        let mut slots = known(entries, shape);
        for entry in entries {
            if !is_known(&entry.key.value, shape) {
                slots.extend(self.adopt(slot, entry, shape, &slots));
            }
        }
        self.missing(slot, shape, &slots);
        Some(Fields { span: slot.value.span, slots })
    }

    /// Reports an unknown key, and takes its value for the absent key that it resembles.
    fn adopt<'t>(
        &mut self,
        owner: Slot<'t>,
        entry: &'t Entry,
        shape: &Shape,
        taken: &[Slot<'t>],
    ) -> Option<Slot<'t>> {
        let written = entry.key.value.as_str();
        let absent = || shape.keys.iter().copied().filter(|key| taken.iter().all(|slot| slot.key != *key));
        // looking for what was meant is dear, and nobody will read it
        let foreign =
            if self.is_full() { None } else { foreign::meant(shape.what, owner, written, &entry.value) };
        let (key, edit) = match foreign {
            Some(Foreign::Key(key)) => (absent().find(|absent| *absent == key), None),
            Some(Foreign::Changed(key, edit)) => (absent().find(|absent| *absent == key), Some(edit)),
            Some(Foreign::Edit(edit)) => (None, Some(edit)),
            None => (None, None),
        };
        let guess = || if self.is_full() || edit.is_some() { None } else { nearest(written, absent()) };
        let meant = key.or_else(guess);
        let help = match meant {
            _ if self.is_full() => None,
            _ if edit.is_some() => edit,
            Some(key) => Some(format!("write `{key}`")),
            None => suggestion(written, shape.keys.iter().copied()).map(|help| match shape.own {
                OwnKeys::Extensions => format!("{help}, or `x-{written}` for a key of your own"),
                OwnKeys::Refused => help,
            }),
        };
        let message = format!("unknown key `{written}` in {}", shape.what);
        self.report(Diagnostic::new(codes::UNKNOWN_KEY, entry.key.span, message).maybe_help(help));
        let key = absent().find(|key| Some(*key) == meant)?;
        self.misspelt(entry.key.span);
        Some(Slot { key, key_span: entry.key.span, value: &entry.value })
    }

    fn missing(&mut self, slot: Slot<'_>, shape: &Shape, slots: &[Slot<'_>]) {
        if self.merges_into(slot.value.span) {
            return;
        }
        for key in shape.required {
            if !self.lost(&[*key]) && slots.iter().all(|slot| slot.key != *key) {
                let message = format!("{} needs the key `{key}`", shape.what);
                let diagnostic = Diagnostic::new(codes::MISSING_KEY, slot.key_span, message);
                self.report(diagnostic.help(format!("add `{key}: …`")));
            }
        }
    }

    /// The entries of a mapping whose keys are names of the author's.
    pub(crate) fn entries<'t>(&mut self, slot: Slot<'t>) -> Option<&'t [Entry]> {
        let Value::Map(entries) = &slot.value.value else {
            self.no_mapping(slot, None);
            return None;
        };
        Some(entries)
    }

    /// The items of a list.
    pub(crate) fn items<'t>(&mut self, slot: Slot<'t>) -> Option<Vec<Slot<'t>>> {
        let Value::List(items) = &slot.value.value else {
            self.wrong_type(slot.key, "a list", slot.value);
            return None;
        };
        Some(items.iter().map(|item| Slot { key: slot.key, key_span: item.span, value: item }).collect())
    }
}

fn known<'t>(entries: &'t [Entry], shape: &Shape) -> Vec<Slot<'t>> {
    let named = entries.iter().filter_map(|entry| {
        let key = shape.keys.iter().find(|key| **key == entry.key.value)?;
        Some(Slot { key, key_span: entry.key.span, value: &entry.value })
    });
    named.collect()
}

fn is_known(key: &str, shape: &Shape) -> bool {
    shape.keys.contains(&key) || (shape.own == OwnKeys::Extensions && key.starts_with("x-"))
}
