//! Compiles the expressions and templates of a graph at their places: the one seam between the shape of a graph and
//! its expressions.

use std::sync::Arc;

use crate::diag::Diagnostics;
use crate::document::{Text, Tree};
use crate::expr::{Expression, Template, ValueTemplate};
use crate::model::Field;

use super::reading;
use super::scope::Place;

/// A bare expression: `when`, `skip_when`, `for_each.in`. What reads a name that is not there is reported, and is an
/// expression all the same: nothing is known of what that name holds.
pub(super) fn expression(
    text: &Text,
    place: &Place<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Expression> {
    let mut found = Diagnostics::default();
    let place = Place { met: met(diagnostics), ..*place };
    let parsed =
        Expression::parse_seeing(text, diagnostics, &mut |read| reading::check(read, &place, &mut found));
    diagnostics.append(found);
    parsed
}

/// A value whose strings may be templates; likewise.
pub(super) fn value(tree: &Tree, place: &Place<'_>, diagnostics: &mut Diagnostics) -> Option<ValueTemplate> {
    let mut found = Diagnostics::default();
    let place = Place { met: met(diagnostics), ..*place };
    let parsed =
        ValueTemplate::parse_seeing(tree, diagnostics, &mut |read| reading::check(read, &place, &mut found));
    diagnostics.append(found);
    parsed
}

/// How many findings there are; what is found after a full sink is only counted, and needs no guess at all.
fn met(diagnostics: &Diagnostics) -> usize {
    if diagnostics.is_full() { usize::MAX } else { diagnostics.len() }
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
