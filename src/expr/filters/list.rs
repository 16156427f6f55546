//! Filters on lists and objects.

use std::cmp::Ordering;

use crate::expr::ir::Arithmetic;
use crate::expr::limits::Budget;
use crate::expr::number::Num;
use crate::expr::operate;
use crate::expr::stop::Stop;
use crate::expr::value::{Fields, Items, Val, View};

use super::Args;

fn items_of<'v, 'a>(value: &'v Val<'a>) -> Result<Items<'v, 'a>, Stop> {
    value.items().ok_or_else(|| Stop::failed(format!("it needs a list, not {}", value.kind())))
}

fn fields_of<'v, 'a>(value: &'v Val<'a>) -> Result<Fields<'v, 'a>, Stop> {
    value.fields().ok_or_else(|| Stop::failed(format!("it needs an object, not {}", value.kind())))
}

/// All items, paid for.
fn collected<'a>(budget: &mut Budget, items: Items<'_, 'a>) -> Result<Vec<Val<'a>>, Stop> {
    budget.make(items.len() * size_of::<Val<'_>>())?;
    budget.spend(items.len())?;
    Ok(items.iter().collect())
}

/// Characters of a string, items of a list, entries of an object.
pub(super) fn length<'a>(budget: &mut Budget, value: &Val<'a>, _: &Args<'a>) -> Result<Val<'a>, Stop> {
    match value.view() {
        View::Text(text) => {
            budget.spend((text.len() >> 6) + 1)?;
            Ok(Val::count(text.chars().count()))
        }
        View::List(items) => Ok(Val::count(items.len())),
        View::Object(fields) => Ok(Val::count(fields.len())),
        _ => Err(Stop::failed(format!("{} has no length", value.kind()))),
    }
}

fn nothing() -> Stop {
    Stop::missing("the list is empty")
}

/// The first item.
pub(super) fn first<'a>(_: &mut Budget, value: &Val<'a>, _: &Args<'a>) -> Result<Val<'a>, Stop> {
    items_of(value)?.get(0).ok_or_else(nothing)
}

/// The last item.
pub(super) fn last<'a>(_: &mut Budget, value: &Val<'a>, _: &Args<'a>) -> Result<Val<'a>, Stop> {
    let items = items_of(value)?;
    items.len().checked_sub(1).and_then(|at| items.get(at)).ok_or_else(nothing)
}

/// The first `n` characters or items.
pub(super) fn head<'a>(budget: &mut Budget, value: &Val<'a>, args: &Args<'a>) -> Result<Val<'a>, Stop> {
    let count = args.count(0)?.unwrap_or_default();
    operate::slice(budget, value, None, Some(i64::try_from(count).unwrap_or(i64::MAX)))
}

/// The last `n` characters or items.
pub(super) fn tail<'a>(budget: &mut Budget, value: &Val<'a>, args: &Args<'a>) -> Result<Val<'a>, Stop> {
    let count = args.count(0)?.unwrap_or_default();
    if let Some(text) = value.as_str() {
        budget.spend((text.len() >> 6) + 1)?;
        let start = text.char_indices().rev().take(count).last().map_or(text.len(), |(at, _)| at);
        return Val::text(budget, &text[start..]);
    }
    let items = items_of(value)?;
    let from = items.len().saturating_sub(count);
    operate::slice(budget, value, Some(i64::try_from(from).unwrap_or(i64::MAX)), None)
}

/// In the opposite order.
pub(super) fn reverse<'a>(budget: &mut Budget, value: &Val<'a>, _: &Args<'a>) -> Result<Val<'a>, Stop> {
    let mut items = collected(budget, items_of(value)?)?;
    items.reverse();
    Val::list(budget, items)
}

/// By the order of numbers or strings, equal ones as they stood.
pub(super) fn sort<'a>(budget: &mut Budget, value: &Val<'a>, args: &Args<'a>) -> Result<Val<'a>, Stop> {
    let items = collected(budget, items_of(value)?)?;
    let reverse = args.flag(1)?;
    let mut keyed = Vec::with_capacity(items.len());
    for item in items {
        keyed.push((args.of(0, item.clone())?, item));
    }
    // All of them have an order, and the work is paid for, before the sort relies on the one and does the other.
    let mut work = 0;
    for (key, _) in &keyed {
        operate::order(budget, &keyed[0].0, key)?;
        work += 1 + (key.as_str().map_or(0, str::len) >> 6);
    }
    budget.spend(work * keyed.len().max(1).ilog2() as usize)?;
    keyed.sort_by(|(a, _), (b, _)| {
        let order = operate::known_order(a, b).unwrap_or(Ordering::Equal);
        if reverse { order.reverse() } else { order }
    });
    Val::list(budget, keyed.into_iter().map(|(_, item)| item).collect())
}

/// Each value once, the first of equal ones.
pub(super) fn unique<'a>(budget: &mut Budget, value: &Val<'a>, args: &Args<'a>) -> Result<Val<'a>, Stop> {
    let mut seen: Vec<Val<'a>> = Vec::new();
    let mut kept = Vec::new();
    for item in items_of(value)?.iter() {
        budget.spend(1)?;
        let key = args.of(0, item.clone())?;
        let mut known = false;
        for other in &seen {
            known = operate::same(budget, other, &key)?;
            if known {
                break;
            }
        }
        if !known {
            seen.push(key);
            kept.push(item);
        }
    }
    Val::list(budget, kept)
}

/// The smallest item.
pub(super) fn min<'a>(budget: &mut Budget, value: &Val<'a>, args: &Args<'a>) -> Result<Val<'a>, Stop> {
    extreme(budget, value, args, Ordering::Less)
}

/// The largest item.
pub(super) fn max<'a>(budget: &mut Budget, value: &Val<'a>, args: &Args<'a>) -> Result<Val<'a>, Stop> {
    extreme(budget, value, args, Ordering::Greater)
}

fn extreme<'a>(
    budget: &mut Budget,
    value: &Val<'a>,
    args: &Args<'a>,
    wanted: Ordering,
) -> Result<Val<'a>, Stop> {
    let mut best: Option<(Val<'a>, Val<'a>)> = None;
    for item in items_of(value)?.iter() {
        let key = args.of(0, item.clone())?;
        let better = match &best {
            Some((old, _)) => operate::order(budget, &key, old)? == wanted,
            None => operate::order(budget, &key, &key).map(|_| true)?,
        };
        if better {
            best = Some((key, item));
        }
    }
    best.map(|(_, item)| item).ok_or_else(nothing)
}

/// The attribute of each item; `default` where an item has none.
pub(super) fn map_attribute<'a>(
    budget: &mut Budget,
    value: &Val<'a>,
    args: &Args<'a>,
) -> Result<Val<'a>, Stop> {
    let mut found = Vec::new();
    for item in items_of(value)?.iter() {
        budget.spend(1)?;
        found.push(match (args.of(0, item), args.get(1)) {
            (Err(stop), Some(default)) if stop.is_missing() => default.clone(),
            (result, _) => result?,
        });
    }
    Val::list(budget, found)
}

/// All numbers added; 0 for none.
pub(super) fn sum<'a>(budget: &mut Budget, value: &Val<'a>, args: &Args<'a>) -> Result<Val<'a>, Stop> {
    let mut total = Num::Int(0);
    for item in items_of(value)?.iter() {
        budget.spend(1)?;
        let item = args.of(0, item)?;
        let number = item.as_number();
        let number =
            number.ok_or_else(|| Stop::failed(format!("`sum` adds numbers, not {}", item.kind())))?;
        total = total.arithmetic(Arithmetic::Add, number)?;
    }
    Ok(Val::Number(total))
}

/// The items of the lists in a list, one level deep.
pub(super) fn flatten<'a>(budget: &mut Budget, value: &Val<'a>, _: &Args<'a>) -> Result<Val<'a>, Stop> {
    let mut flat = Vec::new();
    for item in items_of(value)?.iter() {
        match item.items() {
            Some(inner) => flat.extend(collected(budget, inner)?),
            None => {
                return Err(Stop::failed(format!(
                    "`flatten` needs a list of lists, and one item is {}",
                    item.kind()
                )));
            }
        }
    }
    Val::list(budget, flat)
}

/// Pairs of the items at the same place, as many as the shorter list has.
pub(super) fn zip<'a>(budget: &mut Budget, value: &Val<'a>, args: &Args<'a>) -> Result<Val<'a>, Stop> {
    let other = args.required(0)?;
    let mut pairs = Vec::new();
    for (a, b) in items_of(value)?.iter().zip(items_of(other)?.iter()) {
        budget.spend(1)?;
        pairs.push(Val::list(budget, vec![a, b])?);
    }
    Val::list(budget, pairs)
}

/// Each item of the one with each of the other.
pub(super) fn product<'a>(budget: &mut Budget, value: &Val<'a>, args: &Args<'a>) -> Result<Val<'a>, Stop> {
    let other = items_of(args.required(0)?)?;
    let mut pairs = Vec::new();
    for a in items_of(value)?.iter() {
        for b in other.iter() {
            budget.spend(1)?;
            pairs.push(Val::list(budget, vec![a.clone(), b])?);
        }
    }
    Val::list(budget, pairs)
}

/// `[key, value]` for each entry of an object, by key.
pub(super) fn items<'a>(budget: &mut Budget, value: &Val<'a>, _: &Args<'a>) -> Result<Val<'a>, Stop> {
    let fields = fields_of(value)?;
    budget.spend(fields.len())?;
    let mut pairs = Vec::with_capacity(fields.len());
    for (key, value) in fields.entries() {
        let key = Val::text(budget, &key)?;
        pairs.push(Val::list(budget, vec![key, value])?);
    }
    Val::list(budget, pairs)
}

/// The keys of an object, in order.
pub(super) fn keys<'a>(budget: &mut Budget, value: &Val<'a>, _: &Args<'a>) -> Result<Val<'a>, Stop> {
    let fields = fields_of(value)?;
    budget.spend(fields.len())?;
    let keys = fields.entries().iter().map(|(key, _)| Val::text(budget, key)).collect::<Result<_, _>>()?;
    Val::list(budget, keys)
}

/// The values of an object, by key.
pub(super) fn values<'a>(budget: &mut Budget, value: &Val<'a>, _: &Args<'a>) -> Result<Val<'a>, Stop> {
    let fields = fields_of(value)?;
    budget.spend(fields.len())?;
    Val::list(budget, fields.entries().into_iter().map(|(_, value)| value).collect())
}

/// `{key, items}` for each value of an attribute, in the order of those values.
pub(super) fn groupby<'a>(budget: &mut Budget, value: &Val<'a>, args: &Args<'a>) -> Result<Val<'a>, Stop> {
    let sorted = sort(budget, value, args)?;
    let mut groups: Vec<(Val<'a>, Vec<Val<'a>>)> = Vec::new();
    for item in items_of(&sorted)?.iter() {
        let key = args.of(0, item.clone())?;
        match groups.last_mut() {
            Some((last, members)) if operate::same(budget, last, &key)? => members.push(item),
            _ => groups.push((key, vec![item])),
        }
    }
    let mut made = Vec::with_capacity(groups.len());
    for (key, members) in groups {
        let members = Val::list(budget, members)?;
        made.push(Val::object(budget, vec![("key".into(), key), ("items".into(), members)])?);
    }
    Val::list(budget, made)
}
