//! Parameters against the schema of their kind: names, types, words. Strings with templates are judged at run time,
//! but where a literal is needed. The codes are those of the schema: `wrong-type`, `bad-value`, `unknown-key`,
//! `missing-key`.

use crate::compile::draft::{Draft, DraftNode};
use crate::diag::{Diagnostic, Diagnostics};
use crate::schema;

use super::secret;

pub(super) fn check(draft: &Draft<'_>, diagnostics: &mut Diagnostics) {
    for node in &draft.nodes {
        let Some(uses) = node.uses() else { continue };
        let parameters = node.with.iter().map(|field| (&field.name, &field.value));
        let mut found = Diagnostics::default();
        schema::check_parameters(uses.as_str(), parameters, &mut found);
        diagnostics.extend(found.iter().filter(|finding| !is_secret(node, finding)).cloned());
    }
}

/// A secret that stands where it may not is reported as that.
fn is_secret(node: &DraftNode<'_>, finding: &Diagnostic) -> bool {
    let place = finding.span();
    let within = |span: crate::source::Span| place.start <= span.start && span.end <= place.end;
    node.with.iter().filter_map(|field| secret::find(&field.value)).any(within)
}
