//! `loop-target`: the target of a loop edge has to stand on every way from an entry to the edge's source (it has to
//! dominate it). Otherwise an iteration would begin in the middle of something.

use crate::compile::draft::Draft;
use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::plan::{Sidestep, cycles, sidesteps};

pub(super) fn check(draft: &Draft<'_>, diagnostics: &mut Diagnostics) {
    let arrows = draft.arrows();
    if !draft.is_whole() || !cycles(draft.nodes.len(), &arrows).is_empty() {
        return;
    }
    for found in sidesteps(draft.nodes.len(), &arrows) {
        diagnostics.push(finding(draft, &found));
    }
}

fn finding(draft: &Draft<'_>, found: &Sidestep) -> Diagnostic {
    let link = &draft.links[found.arrow];
    let (source, target, entry) = (draft.id(link.from), draft.id(link.to), draft.id(found.entry));
    let message = format!(
        "`{source}` can be reached from `{entry}` without passing `{target}`, so it cannot loop back to it"
    );
    let diagnostic = Diagnostic::new(codes::LOOP_TARGET, draft.span_of(link.edge), message);
    match (found.beside, found.dominator) {
        (Some(beside), _) => {
            let beside = &draft.links[beside];
            let arrow = draft.name_of(beside);
            let is_there = draft.links.iter().any(|other| other.from == beside.from && other.to == link.to);
            let help = if is_there {
                format!("lead `{arrow}` to a node outside of the loop, or remove it")
            } else {
                format!("add `{} -> {target}` in place of `{arrow}`", draft.id(beside.from))
            };
            diagnostic.label(draft.span_of(beside.edge), format!("goes past `{target}`")).help(help)
        }
        (None, Some(dominator)) => diagnostic
            .help(format!("loop back to `{}`, which is on every way to `{source}`", draft.id(dominator))),
        (None, None) => diagnostic.help(format!("add an edge from `{target}` that leads to `{source}`")),
    }
}
