//! `cycle`: a way round without a loop edge. It would never start, for every node on it waits for the one before.

use crate::compile::draft::{Draft, Link};
use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::plan::cycles;

pub(super) fn check(draft: &Draft<'_>, diagnostics: &mut Diagnostics) {
    // guessed ends prove nothing
    let sure: Vec<&Link<'_>> = draft.links.iter().filter(|link| link.sure).collect();
    let arrows: Vec<_> = draft.arrows().into_iter().zip(&draft.links).filter(|(_, link)| link.sure).collect();
    let arrows: Vec<_> = arrows.into_iter().map(|(arrow, _)| arrow).collect();
    for cycle in cycles(draft.nodes.len(), &arrows) {
        let links: Vec<&Link<'_>> = cycle.iter().map(|&at| sure[at]).collect();
        diagnostics.extend(finding(draft, &links));
    }
}

fn finding(draft: &Draft<'_>, links: &[&Link<'_>]) -> Option<Diagnostic> {
    let (closing, others) = links.split_last()?;
    let mut path: Vec<&str> = links.iter().map(|link| draft.id(link.from)).collect();
    path.push(draft.id(closing.to));
    let message = format!("a cycle without a loop edge: `{}`", path.join(" -> "));
    let name = draft.name_of(closing);
    let mut diagnostic = Diagnostic::new(codes::CYCLE, draft.span_of(closing.edge), message)
        .here(format!("`{name}` closes it"));
    for link in others {
        diagnostic = diagnostic.label(draft.span_of(link.edge), format!("`{}`", draft.name_of(link)));
    }
    let [from, to] = [draft.id(closing.from), draft.id(closing.to)];
    Some(diagnostic.help(format!(
        "make it a loop: `{{ from: {from}, to: {to}, when: \"…\", loop: {{ max: 3 }} }}`; or remove the edge"
    )))
}
