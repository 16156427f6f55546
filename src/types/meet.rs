//! What is of both of two types.

use std::sync::Arc;

use super::shape::{Field, Fields, ListOf, Lists, Numbers, ObjectOf, Objects, Texts};
use super::ty::{Chance, Type};

impl Type {
    /// The values that are of both types; a little more, where that is not easy to say.
    #[must_use]
    pub fn and(&self, other: &Type) -> Type {
        Type {
            null: both(self.null, other.null),
            bools: [self.bools[0] && other.bools[0], self.bools[1] && other.bools[1]],
            numbers: numbers(&self.numbers, &other.numbers),
            texts: texts(&self.texts, &other.texts),
            lists: lists(&self.lists, &other.lists),
            objects: objects(&self.objects, &other.objects),
            loose: (self.loose && !self.is_any()) || (other.loose && !other.is_any()),
        }
    }

    /// Is there no value of both? Lists that have only the empty one in common count as strangers.
    pub fn excludes(&self, other: &Type) -> bool {
        let met = self.and(other);
        let empty = |lists: &Lists| match lists {
            Lists::None => true,
            Lists::Any => false,
            Lists::Of(list) => matches!(&**list, ListOf::Each(item) if item.is_never()),
        };
        let only_empty = empty(&met.lists) && !(is_empty(&self.lists) || is_empty(&other.lists));
        if only_empty { Type { lists: Lists::None, ..met }.is_never() } else { met.is_never() }
    }
}

/// Is it the empty list and no other?
fn is_empty(lists: &Lists) -> bool {
    match lists {
        Lists::Of(list) => match &**list {
            ListOf::Tuple(items) => items.is_empty(),
            ListOf::Each(item) => item.is_never(),
        },
        Lists::None | Lists::Any => false,
    }
}

/// One of the two says no: then it can't be. What one does not know, the other may.
fn both(a: Chance, b: Chance) -> Chance {
    match (a, b) {
        (Chance::Never, _) | (_, Chance::Never) => Chance::Never,
        (Chance::Known, _) | (_, Chance::Known) => Chance::Known,
        (Chance::Perhaps, Chance::Perhaps) => Chance::Perhaps,
    }
}

fn numbers(a: &Numbers, b: &Numbers) -> Numbers {
    match (a, b) {
        (Numbers::None, _) | (_, Numbers::None) => Numbers::None,
        (Numbers::Any, one) | (one, Numbers::Any) => one.clone(),
        (Numbers::Whole, Numbers::Whole) => Numbers::Whole,
        (Numbers::Whole, Numbers::Few(few)) | (Numbers::Few(few), Numbers::Whole) => {
            Numbers::Few(few.clone())
        }
        (Numbers::Few(a), Numbers::Few(b)) => {
            let few: std::collections::BTreeSet<i64> = a.intersection(b).copied().collect();
            if few.is_empty() { Numbers::None } else { Numbers::Few(Arc::new(few)) }
        }
    }
}

fn texts(a: &Texts, b: &Texts) -> Texts {
    match (a, b) {
        (Texts::None, _) | (_, Texts::None) => Texts::None,
        (Texts::Any, one) | (one, Texts::Any) => one.clone(),
        (Texts::Few(a), Texts::Few(b)) => Texts::few(a.intersection(b).cloned().collect()),
    }
}

fn lists(a: &Lists, b: &Lists) -> Lists {
    match (a, b) {
        (Lists::None, _) | (_, Lists::None) => Lists::None,
        (Lists::Any, one) | (one, Lists::Any) => one.clone(),
        (Lists::Of(a), Lists::Of(b)) => match (&**a, &**b) {
            (ListOf::Each(a), ListOf::Each(b)) => Lists::of(ListOf::Each(a.and(b))),
            (ListOf::Tuple(a), ListOf::Tuple(b)) if a.len() != b.len() => Lists::None,
            (ListOf::Tuple(a), ListOf::Tuple(b)) => tuple(a.iter().zip(b).map(|(a, b)| a.and(b)).collect()),
            (ListOf::Tuple(items), ListOf::Each(item)) | (ListOf::Each(item), ListOf::Tuple(items)) => {
                tuple(items.iter().map(|one| one.and(item)).collect())
            }
        },
    }
}

fn tuple(items: Vec<Type>) -> Lists {
    if items.iter().any(Type::is_never) { Lists::None } else { Lists::of(ListOf::Tuple(items)) }
}

fn objects(a: &Objects, b: &Objects) -> Objects {
    match (a, b) {
        (Objects::None, _) | (_, Objects::None) => Objects::None,
        (Objects::Any, one) | (one, Objects::Any) => one.clone(),
        (Objects::Of(a), Objects::Of(b)) => {
            let pairs = a.iter().flat_map(|a| b.iter().map(move |b| (a, b)));
            Objects::of(pairs.filter_map(|(a, b)| shape(a, b)).map(Arc::new).collect())
        }
    }
}

fn shape(a: &ObjectOf, b: &ObjectOf) -> Option<ObjectOf> {
    let mut met = ObjectOf { fields: Fields::new(), rest: a.rest.and(&b.rest) };
    for name in a.fields.keys().chain(b.fields.keys()) {
        if met.fields.contains_key(name) {
            continue;
        }
        let needed = [a, b].into_iter().filter_map(|shape| shape.fields.get(name));
        let needed = needed.into_iter().any(|field| field.missing == Chance::Never);
        let field = a
            .field(name)
            .zip(b.field(name))
            .map(|(a, b)| Field { ty: a.ty.and(&b.ty), missing: both(a.missing, b.missing) });
        match field {
            Some(field) if !field.ty.is_never() => {
                met.fields.insert(name.clone(), field);
            }
            _ if needed => return None,
            // without a value that fits, it is not there
            _ if !met.rest.is_never() => {
                met.fields.insert(name.clone(), Field { ty: Type::NEVER, missing: Chance::Known });
            }
            _ => {}
        }
    }
    Some(met)
}
