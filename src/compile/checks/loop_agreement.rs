//! `loop-disagrees`: all loop edges with one target are one loop, with one `max` and one `delay`.

use std::collections::BTreeMap;

use crate::compile::draft::Draft;
use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::model::LoopClause;

pub(super) fn check(draft: &Draft<'_>, diagnostics: &mut Diagnostics) {
    let mut first: BTreeMap<u32, &LoopClause> = BTreeMap::new();
    for link in &draft.links {
        let Some(clause) = &link.edge.repeat else { continue };
        let before = *first.entry(link.to).or_insert(clause);
        if let Some(found) = disagreement(draft.id(link.to), before, clause) {
            diagnostics.push(found);
        }
    }
}

fn disagreement(target: &str, first: &LoopClause, second: &LoopClause) -> Option<Diagnostic> {
    if first.max.value != second.max.value {
        let max = first.max.value;
        let message = format!(
            "the loop `{target}` has `max: {max}` in another edge and `max: {}` here",
            second.max.value
        );
        let found = Diagnostic::new(codes::LOOP_DISAGREES, second.max.span, message);
        return Some(
            found.label(first.max.span, "the other edge").help(format!("write `max: {max}` in both")),
        );
    }
    let (one, other) = (first.delay.as_ref()?, second.delay.as_ref()?);
    (one.value != other.value).then(|| {
        let message = format!("the loop `{target}` has another `delay` in another edge");
        Diagnostic::new(codes::LOOP_DISAGREES, other.span, message)
            .label(one.span, "the other edge")
            .help("write one `delay`, in one of the edges")
    })
}
