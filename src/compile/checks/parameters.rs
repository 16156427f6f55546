//! Parameters against the schema of their kind: names, types, words. Strings with templates are judged at run time,
//! but where a literal is needed. The codes are those of the schema: `wrong-type`, `bad-value`, `unknown-key`,
//! `missing-key`.

use crate::compile::draft::Draft;
use crate::diag::Diagnostics;
use crate::schema;

pub(super) fn check(draft: &Draft<'_>, diagnostics: &mut Diagnostics) {
    for node in &draft.nodes {
        let Some(uses) = node.uses() else { continue };
        let parameters = node.with.iter().map(|field| (&field.name, &field.value));
        schema::check_parameters(uses.as_str(), parameters, diagnostics);
    }
}
