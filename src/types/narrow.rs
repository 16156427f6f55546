//! What is known of a value once something is known of a part of it.

use std::sync::Arc;

use super::shape::{Field, ListOf, Lists, ObjectOf, Objects};
use super::ty::{Chance, Type};

/// A step into a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// A field of an object.
    Field(String),
    /// An item of a list, from 0, or from its end below 0.
    Item(i64),
}

impl Step {
    /// To an item, by its place.
    pub fn item(at: usize) -> Self {
        Step::Item(i64::try_from(at).unwrap_or(i64::MAX))
    }
}

/// The place in a list that a number means: from 0, or from its end below 0.
pub fn place(at: i64, length: usize) -> Option<usize> {
    let from = if at < 0 { at.checked_add_unsigned(length as u64)? } else { at };
    usize::try_from(from).ok().filter(|at| *at < length)
}

impl Field {
    /// What is at a path: how far a value is there, and null on the way counts as missing. `None` where nothing can
    /// be.
    pub fn at(&self, path: &[Step]) -> Option<Field> {
        let mut here = self.clone();
        for step in path {
            let null = here.ty.null;
            let inner = match step {
                Step::Field(name) => here.ty.field(name)?,
                Step::Item(at) => item(&here.ty, *at)?,
            };
            here = Field { ty: inner.ty, missing: inner.missing.max(null).max(here.missing) };
        }
        Some(here)
    }

    /// The same, where the value at `path` is there and `known` says more of it. `None`: there is no such value.
    #[must_use]
    pub fn narrowed(&self, path: &[Step], known: &dyn Fn(&Type) -> Type) -> Option<Field> {
        self.narrowed_to(Chance::Never, path, known)
    }

    /// The same, where nobody doubts that the value is there, and nobody says so.
    #[must_use]
    pub fn undoubted(&self, path: &[Step], known: &dyn Fn(&Type) -> Type) -> Option<Field> {
        self.narrowed_to(Chance::Perhaps, path, known)
    }

    /// The same, where nothing is at `path`. `None`: there surely is something.
    #[must_use]
    pub fn lacking(&self, path: &[Step]) -> Option<Field> {
        let Some((step, rest)) = path.split_first() else {
            let none = Field { ty: Type::NEVER, missing: Chance::Known };
            return (self.missing != Chance::Never).then_some(none);
        };
        // how long a list is, and what an open object holds, is not kept
        let (Step::Field(name), Objects::Of(shapes)) = (step, &self.ty.objects) else {
            return Some(self.clone());
        };
        let kept = shapes.iter().filter_map(|shape| {
            let Some(field) = shape.field(name) else { return Some(Arc::clone(shape)) };
            let mut fields = shape.fields.clone();
            fields.insert(name.clone(), field.lacking(rest)?);
            Some(Arc::new(ObjectOf { fields, rest: shape.rest.clone() }))
        });
        let kept: Vec<_> = kept.collect();
        let objects = if kept.is_empty() { Objects::None } else { Objects::of(kept) };
        let ty = Type { objects, ..self.ty.clone() };
        (!ty.is_never() || self.missing != Chance::Never).then_some(Field { ty, missing: self.missing })
    }

    /// `most`: how far it may still be missing.
    fn narrowed_to(&self, most: Chance, path: &[Step], known: &dyn Fn(&Type) -> Type) -> Option<Field> {
        let missing = self.missing.min(most);
        let Some((step, rest)) = path.split_first() else {
            let ty = known(&self.ty);
            return (!ty.is_never()).then_some(Field { ty, missing });
        };
        let inner = |field: &Field| field.narrowed_to(most, rest, known);
        let ty = match step {
            Step::Field(name) => Type { objects: objects(&self.ty.objects, name, &inner)?, ..Type::NEVER },
            Step::Item(at) => lists(&self.ty, *at, &inner)?,
        };
        Some(Field { ty, missing })
    }
}

/// An item at a place: whether a list is so long is known of tuples alone.
pub(super) fn item(ty: &Type, at: i64) -> Option<Field> {
    let perhaps = |ty: Type| Some(Field { ty, missing: Chance::Perhaps });
    match &ty.lists {
        Lists::None => None,
        Lists::Any => Some(Field::ANY),
        Lists::Of(list) => match &**list {
            ListOf::Each(item) => perhaps(item.clone()),
            ListOf::Tuple(items) => {
                place(at, items.len()).and_then(|at| items.get(at)).cloned().map(Field::sure)
            }
        },
    }
}

fn objects(objects: &Objects, name: &str, known: &dyn Fn(&Field) -> Option<Field>) -> Option<Objects> {
    let open = [Arc::new(ObjectOf::open())];
    let shapes = match objects {
        Objects::None => return None,
        Objects::Any => &open[..],
        Objects::Of(shapes) => shapes,
    };
    let mut kept = Vec::with_capacity(shapes.len());
    for shape in shapes {
        let Some(field) = shape.field(name).as_ref().and_then(known) else { continue };
        let mut fields = shape.fields.clone();
        fields.insert(name.to_owned(), field);
        kept.push(Arc::new(ObjectOf { fields, rest: shape.rest.clone() }));
    }
    (!kept.is_empty()).then(|| Objects::of(kept))
}

fn lists(ty: &Type, at: i64, known: &dyn Fn(&Field) -> Option<Field>) -> Option<Type> {
    if let Lists::Of(list) = &ty.lists
        && let ListOf::Tuple(items) = &**list
    {
        let place = place(at, items.len())?;
        let narrowed = known(&Field::sure(items[place].clone()))?;
        let mut items = items.clone();
        items[place] = narrowed.ty;
        return Some(Type::tuple(items));
    }
    // which item it was is not kept, so nothing is said of any
    (ty.lists != Lists::None).then_some(Type::LIST)
}
