//! What each filter takes and gives, and what each test asks, before anything is evaluated: a column of the table.

use crate::expr::infer::{Call, item_of, part_of, values_of, whole_or_not};
use crate::types::{Chance, Field, Kind, ListOf, Lists, Type};

const SPLICED: [Kind; 3] = [Kind::Bool, Kind::Number, Kind::Text];
const ORDERED: [Kind; 2] = [Kind::Number, Kind::Text];

fn sure(ty: Type) -> Field {
    Field::sure(ty)
}

fn flag(call: &mut Call<'_, '_>, at: usize) {
    call.arg_takes(at, &[Kind::Bool], "true or false");
}

fn count(call: &mut Call<'_, '_>, at: usize) {
    call.arg_takes(at, &[Kind::Number], "a whole number");
}

fn text_arg(call: &mut Call<'_, '_>, at: usize) {
    call.arg_takes(at, &[Kind::Text], "a string");
}

/// A string, and a string again.
pub(super) fn text(call: &mut Call<'_, '_>) -> Field {
    call.takes(&[Kind::Text], "a string");
    sure(Type::TEXT)
}

pub(super) fn code(call: &mut Call<'_, '_>) -> Field {
    flag(call, 0);
    text(call)
}

pub(super) fn indent(call: &mut Call<'_, '_>) -> Field {
    count(call, 0);
    flag(call, 1);
    text(call)
}

pub(super) fn replace(call: &mut Call<'_, '_>) -> Field {
    text_arg(call, 0);
    text_arg(call, 1);
    text(call)
}

/// A string, and a list of strings.
pub(super) fn texts(call: &mut Call<'_, '_>) -> Field {
    text_arg(call, 0);
    call.takes(&[Kind::Text], "a string");
    sure(Type::list(Type::TEXT))
}

pub(super) fn abs(call: &mut Call<'_, '_>) -> Field {
    let ty = call.takes(&[Kind::Number], "a number");
    sure(whole_or_not(&ty))
}

pub(super) fn round(call: &mut Call<'_, '_>) -> Field {
    count(call, 0);
    let ty = call.takes(&[Kind::Number], "a number");
    sure(if call.is_zero_or_absent(0) { Type::WHOLE } else { whole_or_not(&ty) })
}

pub(super) fn int(call: &mut Call<'_, '_>) -> Field {
    call.takes(&[Kind::Number, Kind::Text], "a number or a string");
    sure(Type::WHOLE)
}

pub(super) fn float(call: &mut Call<'_, '_>) -> Field {
    call.takes(&[Kind::Number, Kind::Text], "a number or a string");
    sure(Type::NUMBER)
}

pub(super) fn fromjson(call: &mut Call<'_, '_>) -> Field {
    call.takes(&[Kind::Text], "a string");
    sure(Type::ANY)
}

pub(super) fn tojson(call: &mut Call<'_, '_>) -> Field {
    count(call, 0);
    sure(Type::TEXT)
}

pub(super) fn string(call: &mut Call<'_, '_>) -> Field {
    call.splice();
    sure(Type::TEXT)
}

pub(super) fn length(call: &mut Call<'_, '_>) -> Field {
    let ty = call.takes(&[Kind::Text, Kind::List, Kind::Object], "a string, a list or an object");
    let length = ty.lists.length().filter(|_| ty.kinds().eq([Kind::List]));
    sure(length.map_or(Type::WHOLE, |length| Type::of_value(&length.into())))
}

/// One of the items; missing where there is none.
pub(super) fn one(call: &mut Call<'_, '_>) -> Field {
    let list = call.takes(&[Kind::List], "a list");
    one_of(&list)
}

fn one_of(list: &Type) -> Field {
    let missing = match &list.lists {
        Lists::Of(items) => match &**items {
            ListOf::Tuple(items) if items.is_empty() => Chance::Known,
            ListOf::Tuple(_) => Chance::Never,
            ListOf::Each(_) => Chance::Perhaps,
        },
        Lists::None | Lists::Any => Chance::Perhaps,
    };
    let item = item_of(list);
    Field { ty: if item.is_never() { Type::ANY } else { item }, missing }
}

pub(super) fn extreme(call: &mut Call<'_, '_>) -> Field {
    let list = call.takes(&[Kind::List], "a list");
    let keys = call.keys(&item_of(&list), 0, &ORDERED, "numbers or strings");
    call.ordered(&keys);
    one_of(&list)
}

/// A part of a list or a string.
pub(super) fn part(call: &mut Call<'_, '_>) -> Field {
    count(call, 0);
    let ty = call.takes(&[Kind::Text, Kind::List], "a string or a list");
    sure(part_of(&ty))
}

/// The same items.
pub(super) fn same(call: &mut Call<'_, '_>) -> Field {
    let item = call.items();
    sure(Type::list(item))
}

pub(super) fn unique(call: &mut Call<'_, '_>) -> Field {
    let item = call.items();
    if let Some(field) = call.attribute(&item, 0)
        && field.missing == Chance::Known
        && !call.is_guarded()
    {
        call.missing_attribute(0);
    }
    sure(Type::list(item))
}

pub(super) fn sort(call: &mut Call<'_, '_>) -> Field {
    flag(call, 1);
    let item = call.items();
    let keys = call.keys(&item, 0, &ORDERED, "numbers or strings");
    call.ordered(&keys);
    sure(Type::list(item))
}

pub(super) fn groupby(call: &mut Call<'_, '_>) -> Field {
    let item = call.items();
    let key = call.keys(&item, 0, &ORDERED, "numbers or strings");
    call.ordered(&key);
    sure(Type::list(Type::record([("key", key), ("items", Type::list(item))])))
}

pub(super) fn sum(call: &mut Call<'_, '_>) -> Field {
    let item = call.items();
    let numbers = call.keys(&item, 0, &[Kind::Number], "numbers");
    sure(if item.is_never() { Type::WHOLE } else { whole_or_not(&numbers) })
}

pub(super) fn flatten(call: &mut Call<'_, '_>) -> Field {
    let item = call.items();
    let inner = call.keys(&item, usize::MAX, &[Kind::List], "lists of lists");
    sure(Type::list(item_of(&inner)))
}

pub(super) fn join(call: &mut Call<'_, '_>) -> Field {
    text_arg(call, 0);
    let item = call.items();
    call.keys(&item, 1, &SPLICED, "strings, numbers and booleans");
    sure(Type::TEXT)
}

/// Pairs with the items of another list.
pub(super) fn pairs(call: &mut Call<'_, '_>) -> Field {
    let item = call.items();
    let other = call.arg_takes(0, &[Kind::List], "a list");
    sure(Type::list(Type::tuple(vec![item, item_of(&other)])))
}

pub(super) fn items(call: &mut Call<'_, '_>) -> Field {
    let ty = call.takes(&[Kind::Object], "an object");
    sure(Type::list(Type::tuple(vec![Type::TEXT, values_of(&ty)])))
}

pub(super) fn keys(call: &mut Call<'_, '_>) -> Field {
    call.takes(&[Kind::Object], "an object");
    sure(Type::list(Type::TEXT))
}

pub(super) fn values(call: &mut Call<'_, '_>) -> Field {
    let ty = call.takes(&[Kind::Object], "an object");
    sure(Type::list(values_of(&ty)))
}

pub(super) fn map_attribute(call: &mut Call<'_, '_>) -> Field {
    let item = call.items();
    let default = call.arg(1).cloned();
    let field = if default.is_some() { call.attribute_if_there(&item, 0) } else { call.attribute(&item, 0) };
    let field = field.unwrap_or(Field::ANY);
    if field.missing == Chance::Known && default.is_none() && !call.is_guarded() {
        call.missing_attribute(0);
    }
    let ty = match (&default, field.missing) {
        (Some(default), Chance::Perhaps | Chance::Known) => field.ty.or(default),
        _ => field.ty,
    };
    let missing = if default.is_none() { field.missing.min(Chance::Perhaps) } else { Chance::Never };
    Field { ty: Type::list(ty), missing }
}

/// Any value has an answer.
pub(super) fn any(_: &mut Call<'_, '_>) {}

pub(super) fn whole(call: &mut Call<'_, '_>) {
    call.takes(&[Kind::Number], "about a whole number");
}

pub(super) fn divisible(call: &mut Call<'_, '_>) {
    count(call, 0);
    whole(call);
}

pub(super) fn emptiness(call: &mut Call<'_, '_>) {
    call.takes(&[Kind::Text, Kind::List, Kind::Object], "about a string, a list or an object");
}

pub(super) fn affix(call: &mut Call<'_, '_>) {
    text_arg(call, 0);
    call.takes(&[Kind::Text], "about a string");
}

pub(super) fn equal(call: &mut Call<'_, '_>) {
    call.equal();
}

pub(super) fn order(call: &mut Call<'_, '_>) {
    call.order();
}

pub(super) fn within(call: &mut Call<'_, '_>) {
    call.within();
}
