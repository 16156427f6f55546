//! `loop-needs-leave`: a loop edge without a condition is taken in every iteration, so the loop always runs out. That
//! this is no failure has to be said.

use crate::compile::draft::Draft;
use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::model::ExhaustedRule;

pub(super) fn check(draft: &Draft<'_>, diagnostics: &mut Diagnostics) {
    for link in &draft.links {
        let Some(clause) = &link.edge.repeat else { continue };
        let conditional = link.edge.when.is_some() || !link.edge.catch.is_empty();
        let leaves = clause.exhausted.as_ref().is_some_and(|rule| rule.value == ExhaustedRule::Leave);
        if conditional || leaves {
            continue;
        }
        let max = clause.max.value;
        let message = format!(
            "the loop edge `{}` has no condition, so after {max} iterations it always fails",
            draft.name_of(link)
        );
        let help = format!("add `when`, or write `loop: {{ max: {max}, exhausted: leave }}`");
        diagnostics.push(Diagnostic::new(codes::LOOP_NEEDS_LEAVE, clause.span, message).help(help));
    }
}
