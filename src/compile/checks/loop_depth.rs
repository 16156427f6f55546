//! `limit`: how many loops may stand around one node.

use crate::compile::draft::Draft;
use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::plan::{LOOPS_AROUND, cycles, sidesteps, too_many_loops_around};

pub(super) fn check(draft: &Draft<'_>, diagnostics: &mut Diagnostics) {
    let (count, arrows) = (draft.nodes.len(), draft.arrows());
    if !arrows.iter().any(|arrow| arrow.turns) {
        return;
    }
    let sound = draft.is_whole() && cycles(count, &arrows).is_empty() && sidesteps(count, &arrows).is_empty();
    let Some(arrow) = sound.then(|| too_many_loops_around(count, &arrows)).flatten() else { return };
    let span = draft.span_of(draft.links[arrow].edge);
    let message =
        format!("the limit `loops_around` is exceeded: more than {LOOPS_AROUND} loops around one node");
    let finding = Diagnostic::new(codes::LIMIT, span, message);
    diagnostics
        .push(finding.help("move the inner loops into a graph of their own, and name it with `uses: graph`"));
}
