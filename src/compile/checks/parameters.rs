//! Parameters against the schema of their kind: names, types, words. Strings with templates are judged at run time,
//! but where a literal is needed. The codes are those of the schema: `wrong-type`, `bad-value`, `unknown-key`,
//! `missing-key`.

use crate::compile::draft::{Draft, DraftNode};
use crate::compile::literal;
use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::model::{Name, Uses};
use crate::schema;

use super::secret;

pub(super) fn check(draft: &Draft<'_>, diagnostics: &mut Diagnostics) {
    for node in &draft.nodes {
        let Some(uses) = node.uses() else { continue };
        let parameters = node.with.iter().map(|field| (&field.name, &field.value));
        let mut found = Diagnostics::default();
        schema::check_parameters(uses.as_str(), parameters, &mut found);
        let told_here = |finding: &&Diagnostic| !is_secret(node, finding) && !is_no_name(node, uses, finding);
        diagnostics.extend(found.iter().filter(told_here).cloned());
    }
}

/// What is no name names nothing either: that it is unknown is said where it is looked up, and what to write.
fn is_no_name(node: &DraftNode<'_>, uses: Uses, finding: &Diagnostic) -> bool {
    let name = match uses {
        Uses::Graph => "graph",
        Uses::Llm | Uses::Render => "prompt",
        _ => return false,
    };
    let value = node.parameter(name).map(|field| &field.value).filter(|value| value.span == finding.span());
    let written = value.and_then(literal::word);
    finding.code == codes::BAD_VALUE && written.is_some_and(|written| Name::parse(&written.value).is_none())
}

/// A secret that stands where it may not is reported as that.
fn is_secret(node: &DraftNode<'_>, finding: &Diagnostic) -> bool {
    let place = finding.span();
    let within = |span: crate::source::Span| place.start <= span.start && span.end <= place.end;
    node.with.iter().filter_map(|field| secret::find(&field.value)).any(within)
}
