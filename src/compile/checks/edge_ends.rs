//! `unknown-node`: an edge that leads from or to a node that does not exist.

use std::collections::BTreeSet;

use crate::compile::draft::Draft;
use crate::diag::{Diagnostic, Diagnostics, codes, suggestion, worth_guessing};

pub(super) fn check(draft: &Draft<'_>, diagnostics: &mut Diagnostics) {
    // an edge with a list of nodes names its other end once for each of them
    let mut seen = BTreeSet::new();
    for name in &draft.strangers {
        if !seen.insert(name.span) || draft.may_be_lost("nodes", &name.value) {
            continue;
        }
        let message = format!("unknown node `{}`", name.value);
        let help =
            worth_guessing(seen.len(), draft.nodes.len()).then(|| suggestion(&name.value, draft.ids()));
        let finding = Diagnostic::new(codes::UNKNOWN_NODE, name.span, message);
        diagnostics.push(finding.maybe_help(help.flatten()));
    }
}
