//! Does every value of one type fit where another is wanted? What only perhaps does not fit is left to the run.

use super::narrow::Step;
use super::shape::{ListOf, Lists, ObjectOf, Objects};
use super::ty::{Chance, Kind, Type};

/// Why a value does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Misfit {
    /// No value of the one type is of the other; the part, what it is, what is wanted.
    Stranger(Vec<Step>, Type, Type),
    /// It may be null, and null is not wanted.
    Null(Vec<Step>, Type),
    /// A field may be missing, and has to be there.
    Missing(Vec<Step>),
    /// A field that is not wanted.
    Extra(Vec<Step>),
}

/// Why a value of type `given` is wrong where `wanted` is taken, or may be: the first reason.
pub fn misfit(given: &Type, wanted: &Type) -> Option<Misfit> {
    let mut path = Vec::new();
    fault(given, wanted, &mut path)
}

/// Is every value of type `given` one of `wanted`? `false` also where that is not known.
pub fn surely_fits(given: &Type, wanted: &Type) -> bool {
    if given.is_never() || wanted.is_any() {
        return true;
    }
    let met = given.and(wanted);
    (given.null == Chance::Never || wanted.null == Chance::Known)
        && met.bools == given.bools
        && met.numbers == given.numbers
        && met.texts == given.texts
        && lists_fit(&given.lists, &wanted.lists)
        && objects_fit(&given.objects, &wanted.objects)
}

fn lists_fit(given: &Lists, wanted: &Lists) -> bool {
    match (given, wanted) {
        (Lists::None, _) | (_, Lists::Any) => true,
        (Lists::Any, _) | (_, Lists::None) => false,
        (Lists::Of(list), Lists::Of(into)) => match (&**list, &**into) {
            (ListOf::Tuple(items), ListOf::Each(wanted)) => {
                items.iter().all(|item| surely_fits(item, wanted))
            }
            (ListOf::Each(item), ListOf::Each(wanted)) => surely_fits(item, wanted),
            (_, ListOf::Tuple(_)) => false,
        },
    }
}

fn objects_fit(given: &Objects, wanted: &Objects) -> bool {
    match (given, wanted) {
        (Objects::None, _) | (_, Objects::Any) => true,
        (Objects::Any, _) | (_, Objects::None) => false,
        (Objects::Of(shapes), Objects::Of(into)) => {
            shapes.iter().all(|shape| into.iter().any(|wanted| shape_fits(shape, wanted)))
        }
    }
}

fn shape_fits(given: &ObjectOf, wanted: &ObjectOf) -> bool {
    let mut fields = given.fields.iter().filter(|(_, field)| !field.ty.is_never());
    surely_fits(&given.rest, &wanted.rest)
        && fields.all(|(name, field)| {
            let into = wanted.fields.get(name).map_or(&wanted.rest, |field| &field.ty);
            surely_fits(&field.ty, into)
        })
        && wanted.fields.iter().all(|(name, field)| match given.fields.get(name) {
            Some(known) => field.missing != Chance::Never || known.missing == Chance::Never,
            // what may stand there unnamed
            None => field.missing != Chance::Never && surely_fits(&given.rest, &field.ty),
        })
}

fn fault(given: &Type, wanted: &Type, path: &mut Vec<Step>) -> Option<Misfit> {
    if given.is_any() || wanted.is_any() || given.is_never() {
        return None;
    }
    if given.null == Chance::Known && wanted.null == Chance::Never {
        let rest = given.without(Kind::Null);
        let hopeless = rest.is_never() || rest.kinds().all(|kind| !wanted.has(kind));
        return Some(if hopeless {
            Misfit::Stranger(path.clone(), given.clone(), wanted.clone())
        } else {
            Misfit::Null(path.clone(), wanted.clone())
        });
    }
    if given.kinds().all(|kind| !wanted.has(kind)) {
        return Some(Misfit::Stranger(path.clone(), given.clone(), wanted.clone()));
    }
    // of several kinds, one may fit; that one of them does not is seen when it comes
    let mut kinds = given.kinds().filter(|kind| *kind != Kind::Null);
    let (only, None) = (kinds.next()?, kinds.next()) else { return None };
    match only {
        Kind::List => in_lists(given, wanted, path),
        Kind::Object => in_objects(given, wanted, path),
        _ if given.excludes(wanted) => Some(Misfit::Stranger(path.clone(), given.clone(), wanted.clone())),
        _ => None,
    }
}

fn in_lists(given: &Type, wanted: &Type, path: &mut Vec<Step>) -> Option<Misfit> {
    let (Lists::Of(list), Lists::Of(into)) = (&given.lists, &wanted.lists) else { return None };
    match (&**list, &**into) {
        (ListOf::Tuple(items), _) => items.iter().enumerate().find_map(|(at, item)| {
            let place = match &**into {
                ListOf::Each(wanted) => wanted,
                ListOf::Tuple(wanted) => wanted.get(at)?,
            };
            within(Step::item(at), item, place, path)
        }),
        (ListOf::Each(item), into) => within(Step::Item(0), item, &into.item(), path),
    }
}

fn within(step: Step, given: &Type, wanted: &Type, path: &mut Vec<Step>) -> Option<Misfit> {
    path.push(step);
    let found = fault(given, wanted, path);
    path.pop();
    found
}

fn in_objects(given: &Type, wanted: &Type, path: &mut Vec<Step>) -> Option<Misfit> {
    let (Objects::Of(shapes), Objects::Of(into)) = (&given.objects, &wanted.objects) else { return None };
    // each shape has to fit one of the wanted ones; where there are several, one reason would be a guess
    let [into] = &into[..] else { return None };
    let [shape] = &shapes[..] else { return None };
    in_shape(shape, into, path)
}

fn in_shape(shape: &ObjectOf, into: &ObjectOf, path: &mut Vec<Step>) -> Option<Misfit> {
    for (name, wanted) in &into.fields {
        let step = Step::Field(name.clone());
        let needed = wanted.missing == Chance::Never;
        match shape.field(name) {
            None if needed => return Some(Misfit::Missing(deeper(path, step))),
            Some(field) if needed && field.missing == Chance::Known => {
                return Some(Misfit::Missing(deeper(path, step)));
            }
            Some(field) => {
                if let Some(found) = within(step, &field.ty, &wanted.ty, path) {
                    return Some(found);
                }
            }
            None => {}
        }
    }
    shape.fields.iter().filter(|(name, _)| !into.fields.contains_key(*name)).find_map(|(name, field)| {
        let step = Step::Field(name.clone());
        if into.rest.is_never() {
            return (field.missing == Chance::Never).then(|| Misfit::Extra(deeper(path, step)));
        }
        within(step, &field.ty, &into.rest, path)
    })
}

fn deeper(path: &[Step], step: Step) -> Vec<Step> {
    path.iter().cloned().chain([step]).collect()
}
