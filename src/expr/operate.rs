//! The operators. Nothing is coerced: what does not fit is an error that names both kinds.

use std::cmp::Ordering;

use super::ir::{Arithmetic, Comparison};
use super::limits::Budget;
use super::number::Num;
use super::stop::Stop;
use super::value::{Fields, Items, Val, View};

/// `a OP b` for a comparison.
pub(super) fn compare(
    budget: &mut Budget,
    operation: Comparison,
    a: &Val<'_>,
    b: &Val<'_>,
) -> Result<bool, Stop> {
    match operation {
        Comparison::Equal => equal(budget, a, b),
        Comparison::NotEqual => Ok(!equal(budget, a, b)?),
        Comparison::Less => Ok(order(budget, a, b)? == Ordering::Less),
        Comparison::LessOrEqual => Ok(order(budget, a, b)? != Ordering::Greater),
        Comparison::Greater => Ok(order(budget, a, b)? == Ordering::Greater),
        Comparison::GreaterOrEqual => Ok(order(budget, a, b)? != Ordering::Less),
        Comparison::In => contains(budget, b, a),
        Comparison::NotIn => Ok(!contains(budget, b, a)?),
    }
}

/// Equality of one kind of values; null may be compared with anything.
pub(super) fn equal(budget: &mut Budget, a: &Val<'_>, b: &Val<'_>) -> Result<bool, Stop> {
    let comparable = a.kind() == b.kind() || a.kind() == "null" || b.kind() == "null";
    if !comparable {
        return Err(Stop::failed(format!(
            "it compares {} with {}, which are never equal",
            a.kind(),
            b.kind()
        )));
    }
    same(budget, a, b)
}

/// Are they the same, through lists and objects? Values of different kinds are not.
pub(super) fn same(budget: &mut Budget, a: &Val<'_>, b: &Val<'_>) -> Result<bool, Stop> {
    budget.spend(1)?;
    Ok(match (a.view(), b.view()) {
        (View::Null, View::Null) => true,
        (View::Bool(a), View::Bool(b)) => a == b,
        (View::Number(a), View::Number(b)) => a.compare(b) == Ordering::Equal,
        (View::Text(a), View::Text(b)) => {
            budget.spend(a.len().min(b.len()) >> 6)?;
            a == b
        }
        (View::List(a), View::List(b)) => return same_items(budget, a, b),
        (View::Object(a), View::Object(b)) => return same_fields(budget, a, b),
        _ => false,
    })
}

fn same_items(budget: &mut Budget, a: Items<'_, '_>, b: Items<'_, '_>) -> Result<bool, Stop> {
    if a.len() != b.len() {
        return Ok(false);
    }
    for (a, b) in a.iter().zip(b.iter()) {
        if !same(budget, &a, &b)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn same_fields(budget: &mut Budget, a: Fields<'_, '_>, b: Fields<'_, '_>) -> Result<bool, Stop> {
    if a.len() != b.len() {
        return Ok(false);
    }
    budget.spend(a.len() + b.len())?;
    for ((a_key, a), (b_key, b)) in a.entries().iter().zip(b.entries().iter()) {
        if a_key != b_key || !same(budget, a, b)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The order of two numbers or two strings.
pub(super) fn order(budget: &mut Budget, a: &Val<'_>, b: &Val<'_>) -> Result<Ordering, Stop> {
    budget.spend(1)?;
    if let (Some(a), Some(b)) = (a.as_str(), b.as_str()) {
        budget.spend(a.len().min(b.len()) >> 6)?;
    }
    known_order(a, b).ok_or_else(|| {
        Stop::failed(format!(
            "{} and {} have no order; two numbers or two strings have one",
            a.kind(),
            b.kind()
        ))
    })
}

/// The order of two numbers or two strings, unpaid.
pub(super) fn known_order(a: &Val<'_>, b: &Val<'_>) -> Option<Ordering> {
    match (a.view(), b.view()) {
        (View::Number(a), View::Number(b)) => Some(a.compare(b)),
        (View::Text(a), View::Text(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

/// Is `needle` an item of a list, a key of an object, a part of a string?
pub(super) fn contains(budget: &mut Budget, heap: &Val<'_>, needle: &Val<'_>) -> Result<bool, Stop> {
    match (heap.view(), needle.view()) {
        (View::Text(text), View::Text(part)) => {
            budget.spend((text.len() >> 4) + 1)?;
            Ok(text.contains(part))
        }
        (View::Object(fields), View::Text(key)) => Ok(fields.get(key).is_some()),
        (View::List(items), _) => list_contains(budget, items, needle),
        (View::Text(_), _) => Err(Stop::failed(format!("{} can't be in a string", needle.kind()))),
        (View::Object(_), _) => Err(Stop::failed(format!("{} can't be a key", needle.kind()))),
        _ => Err(Stop::failed(format!("nothing can be in {}", heap.kind()))),
    }
}

fn list_contains(budget: &mut Budget, items: Items<'_, '_>, needle: &Val<'_>) -> Result<bool, Stop> {
    let mut fits = items.len() == 0 || needle.kind() == "null";
    for item in items.iter() {
        if same(budget, &item, needle)? {
            return Ok(true);
        }
        fits |= item.kind() == needle.kind() || item.kind() == "null";
    }
    if fits {
        return Ok(false);
    }
    Err(Stop::failed(format!("{} can't be in a list without any, and this one has none", needle.kind())))
}

/// `a OP b` for numbers; `+` also joins two strings or two lists.
pub(super) fn arithmetic<'a>(
    budget: &mut Budget,
    operation: Arithmetic,
    a: &Val<'a>,
    b: &Val<'a>,
) -> Result<Val<'a>, Stop> {
    match (a.view(), b.view(), operation) {
        (View::Number(a), View::Number(b), _) => a.arithmetic(operation, b).map(Val::Number),
        (View::Text(a), View::Text(b), Arithmetic::Add) => join(budget, a, b),
        (View::List(a), View::List(b), Arithmetic::Add) => {
            budget.spend(a.len() + b.len())?;
            Val::list(budget, a.iter().chain(b.iter()).collect())
        }
        _ => {
            Err(Stop::failed(format!("`{}` does not go with {} and {}", sign(operation), a.kind(), b.kind())))
        }
    }
}

fn sign(operation: Arithmetic) -> &'static str {
    match operation {
        Arithmetic::Add => "+",
        Arithmetic::Subtract => "-",
        Arithmetic::Multiply => "*",
        Arithmetic::Divide => "/",
        Arithmetic::FloorDivide => "//",
        Arithmetic::Remainder => "%",
    }
}

/// `a ~ b`: both as text.
pub(super) fn concat<'a>(budget: &mut Budget, a: &Val<'a>, b: &Val<'a>) -> Result<Val<'a>, Stop> {
    join(budget, &spliced(a)?, &spliced(b)?)
}

fn join<'a>(budget: &mut Budget, a: &str, b: &str) -> Result<Val<'a>, Stop> {
    budget.make(a.len() + b.len())?;
    Val::text(budget, &[a, b].concat())
}

/// A value as a part of a text: strings, numbers and booleans alone have one meaning there.
pub(super) fn spliced<'v>(value: &'v Val<'_>) -> Result<std::borrow::Cow<'v, str>, Stop> {
    match value.view() {
        View::Text(text) => Ok(text.into()),
        View::Number(number) => Ok(number.to_string().into()),
        View::Bool(true) => Ok("true".into()),
        View::Bool(false) => Ok("false".into()),
        View::List(_) => {
            Err(Stop::failed("a list can't become a part of a text; use `tojson` or `join(', ')`"))
        }
        View::Object(_) => Err(Stop::failed("an object can't become a part of a text; use `tojson`")),
        View::Null => Err(Stop::failed("null can't become a part of a text; compare it, or use `tojson`")),
    }
}

/// `value.name`
pub(super) fn field<'a>(value: &Val<'a>, name: &str) -> Result<Val<'a>, Stop> {
    match value.view() {
        View::Object(fields) => {
            fields.get(name).ok_or_else(|| Stop::missing(format!("there is no `{name}`")))
        }
        View::Null => Err(Stop::missing(format!("null has no `{name}`"))),
        _ => Err(Stop::failed(format!("{} has no fields, and so no `{name}`", value.kind()))),
    }
}

/// `value[key]`: an item of a list, counted from 0 or, below 0, from its end; or a value of an object.
pub(super) fn item<'a>(value: &Val<'a>, key: &Val<'_>) -> Result<Val<'a>, Stop> {
    match (value.view(), key.view()) {
        (View::Object(_) | View::Null, View::Text(name)) => field(value, name),
        (View::List(items), View::Number(Num::Int(at))) => {
            let from = if at < 0 { at + items.len() as i128 } else { at };
            let found = usize::try_from(from).ok().and_then(|at| items.get(at));
            found.ok_or_else(|| {
                Stop::missing(format!("the list has no item {at}, its length is {}", items.len()))
            })
        }
        (View::Null, _) => Err(Stop::missing("null has no items")),
        _ => Err(Stop::failed(format!("{} can't be looked up with {}", value.kind(), key.kind()))),
    }
}

/// `value[from:to]` of a list or a string; what lies outside is left out.
pub(super) fn slice<'a>(
    budget: &mut Budget,
    value: &Val<'a>,
    from: Option<i64>,
    to: Option<i64>,
) -> Result<Val<'a>, Stop> {
    match value.view() {
        View::List(items) => {
            let (from, to) = bounds(from, to, items.len());
            budget.spend(to - from)?;
            Val::list(budget, (from..to).filter_map(|at| items.get(at)).collect())
        }
        View::Text(text) => {
            budget.spend((text.len() >> 4) + 1)?;
            let (from, to) = bounds(from, to, text.chars().count());
            Val::text(budget, &text.chars().skip(from).take(to - from).collect::<String>())
        }
        _ => Err(Stop::failed(format!("{} has no parts to take", value.kind()))),
    }
}

fn bounds(from: Option<i64>, to: Option<i64>, length: usize) -> (usize, usize) {
    let place = |at: i64| {
        let at = if at < 0 { at.saturating_add_unsigned(length as u64).max(0) } else { at };
        usize::try_from(at).unwrap_or(0).min(length)
    };
    let from = from.map_or(0, place);
    (from, to.map_or(length, place).max(from))
}
