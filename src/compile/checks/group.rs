//! `unknown-group`: a concurrency group that is not declared.

use std::collections::BTreeSet;

use crate::compile::draft::Draft;
use crate::diag::{Diagnostic, Diagnostics, codes, suggestion};
use crate::model::{Modifiers, Name, Uses};
use crate::source::Located;

use super::modifier::takes_no_slot;

pub(super) fn check(draft: &Draft<'_>, diagnostics: &mut Diagnostics) {
    let nodes = draft.nodes.iter().map(|node| (node.uses(), &*node.modifiers));
    let defaults =
        draft.graph.defaults.iter().map(|defaults| (Some(defaults.uses.value), &defaults.modifiers));
    // what stands in the defaults stands there once, also where no node has it
    let mut told = BTreeSet::new();
    for group in nodes.chain(defaults).filter_map(|(uses, modifiers)| named(uses, modifiers)) {
        let known = || draft.graph.concurrency.groups.iter().map(|known| known.name.value.as_str());
        let word = group.value.as_str();
        if !known().any(|known| known == word)
            && !draft.may_be_lost("concurrency", word)
            && told.insert(group.span)
        {
            let help = suggestion(word, known())
                .unwrap_or_else(|| format!("add `concurrency: {{ groups: {{ {word}: 1 }} }}`"));
            let found = Diagnostic::new(codes::UNKNOWN_GROUP, group.span, format!("unknown group `{word}`"));
            diagnostics.push(found.help(help));
        }
    }
}

/// Where it may stand: elsewhere that is said of it, and not that it is unknown.
fn named(uses: Option<Uses>, modifiers: &Modifiers) -> Option<&Located<Name>> {
    let may_stand = uses.is_none_or(|uses| takes_no_slot(uses).is_none());
    modifiers.group.as_ref().filter(|_| may_stand)
}
