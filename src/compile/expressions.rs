//! Compiles the expressions and templates of a graph at their places: the one seam between the shape of a graph and
//! its expressions.

use std::sync::Arc;

use crate::diag::Diagnostics;
use crate::document::{Text, Tree};
use crate::expr::{Expression, Template, ValueTemplate};
use crate::model::Field;

use super::scope::Place;

/// A bare expression: `when`, `skip_when`, `for_each.in`.
pub(super) fn expression(
    text: &Text,
    place: &Place<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Expression> {
    let _ = place;
    Expression::parse(text, diagnostics)
}

/// A value whose strings may be templates.
pub(super) fn value(tree: &Tree, place: &Place<'_>, diagnostics: &mut Diagnostics) -> Option<ValueTemplate> {
    let _ = place;
    ValueTemplate::parse(tree, diagnostics)
}

/// An object whose values may be templates; every field is compiled, also after one with an error.
pub(super) fn object<'f>(
    fields: impl IntoIterator<Item = &'f Field>,
    place: &Place<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<ValueTemplate> {
    let compiled: Vec<_> = fields
        .into_iter()
        .map(|field| Some((field.name.value.clone(), value(&field.value, place, diagnostics)?)))
        .collect();
    compiled.into_iter().collect::<Option<Vec<_>>>().map(ValueTemplate::Object)
}

/// A prompt: it sees its variables alone, which are checked where it is used.
pub(super) fn prompt(text: &Text, diagnostics: &mut Diagnostics) -> Option<Arc<Template>> {
    Template::parse_prompt(text, diagnostics).map(Arc::new)
}
