//! `unknown-node`: an edge that leads from or to a node that does not exist.

use std::collections::BTreeSet;

use crate::compile::draft::Draft;
use crate::diag::{Diagnostic, Diagnostics, codes, suggestion};

pub(super) fn check(draft: &Draft<'_>, diagnostics: &mut Diagnostics) {
    // an edge with a list of nodes names its other end once for each of them
    let mut seen = BTreeSet::new();
    for name in &draft.strangers {
        if !seen.insert(name.span) || draft.may_be_lost("nodes", &name.value) {
            continue;
        }
        let message = format!("unknown node `{}`", name.value);
        let help = suggestion(&name.value, draft.ids());
        diagnostics.push(Diagnostic::new(codes::UNKNOWN_NODE, name.span, message).maybe_help(help));
    }
}
