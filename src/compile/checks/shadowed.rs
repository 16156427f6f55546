//! `shadowed-name`: the names of a `for_each` may not hide a root or a function of the expression language. Words of the language
//! itself cannot be names; `run_index` and the like are only made by the `as` name.

use crate::compile::draft::Draft;
use crate::diag::{Diagnostic, Diagnostics, codes};

/// Names that an expression sees without a root before them.
const ROOTS: [&str; 9] = ["inputs", "nodes", "state", "loops", "run", "output", "error", "first_of", "range"];

pub(super) fn check(draft: &Draft<'_>, diagnostics: &mut Diagnostics) {
    for node in &draft.nodes {
        let Some(for_each) = &node.modifiers.for_each else { continue };
        let name = for_each.binding.value.as_str();
        let index = format!("{name}_index");
        if let Some(hidden) = ROOTS.iter().find(|root| **root == name || **root == index) {
            let message = format!("the item's name `{name}` hides `{hidden}`");
            let help = format!("write another name, like `each_{name}`");
            diagnostics
                .push(Diagnostic::new(codes::SHADOWED_NAME, for_each.binding.span, message).help(help));
        }
    }
}
