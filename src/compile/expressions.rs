//! Compiles the expressions and templates of a graph at their places: the one seam between the shape of a graph and
//! its expressions.

use std::sync::Arc;

use crate::diag::Diagnostics;
use crate::document::{Text, Tree};
use crate::expr::{Expression, Template, ValueTemplate};
use crate::model::Field;

use super::reading;
use super::scope::Place;

/// A bare expression: `when`, `skip_when`, `for_each.in`. What can't be read, and what reads a name that is not there, is
/// reported, and is an expression all the same: nothing is known of its value.
pub(super) fn expression(text: &Text, place: &Place<'_>, diagnostics: &mut Diagnostics) -> Expression {
    let mut found = Diagnostics::default();
    let place = Place { met: met(diagnostics), ..*place };
    let read = Expression::read(text, diagnostics, &mut |read| reading::check(read, &place, &mut found));
    diagnostics.append(found);
    read
}

/// A value whose strings may be templates; likewise.
pub(super) fn value(tree: &Tree, place: &Place<'_>, diagnostics: &mut Diagnostics) -> ValueTemplate {
    let mut found = Diagnostics::default();
    let place = Place { met: met(diagnostics), ..*place };
    let read = ValueTemplate::read(tree, diagnostics, &mut |read| reading::check(read, &place, &mut found));
    diagnostics.append(found);
    read
}

/// How many findings there are; what is found after a full sink is only counted, and needs no guess at all.
fn met(diagnostics: &Diagnostics) -> usize {
    if diagnostics.is_full() { usize::MAX } else { diagnostics.len() }
}

/// An object whose values may be templates; likewise.
pub(super) fn object<'f>(
    fields: impl IntoIterator<Item = &'f Field>,
    place: &Place<'_>,
    diagnostics: &mut Diagnostics,
) -> ValueTemplate {
    let compiled =
        fields.into_iter().map(|field| (field.name.value.clone(), value(&field.value, place, diagnostics)));
    ValueTemplate::Object(compiled.collect())
}

/// A prompt: it sees its variables alone, which are checked where it is used. What can't be read of it is reported.
pub(super) fn prompt(text: &Text, diagnostics: &mut Diagnostics) -> Arc<Template> {
    Arc::new(Template::read_prompt(text, diagnostics))
}
