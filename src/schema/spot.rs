//! From what a validator found in a value to the place in the text that the value was read from.

use crate::document::Tree;
use crate::source::Span;

use super::SchemaError;
use super::fault::Fault;

/// Where the fault is in `tree`, which may lack parts of the value that was judged: an unknown key itself, else the value
/// that does not fit, or the nearest one around it that is written.
pub fn spot(tree: &Tree, error: &SchemaError) -> Span {
    let steps = error.pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~"));
    let mut place = tree;
    for step in steps {
        let item = step.parse::<usize>().ok().and_then(|at| place.items().get(at));
        let Some(inner) = item.or_else(|| place.get(&step)) else { return place.span };
        place = inner;
    }
    match &error.fault {
        Fault::UnknownKey(key) => {
            let entry = place.entries().iter().find(|entry| entry.key.value == *key);
            entry.map_or(place.span, |entry| entry.key.span)
        }
        Fault::MissingKey(_) | Fault::WrongType | Fault::BadValue => place.span,
    }
}
