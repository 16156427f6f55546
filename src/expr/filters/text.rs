//! Filters on strings.

use crate::expr::limits::Budget;
use crate::expr::operate;
use crate::expr::stop::Stop;
use crate::expr::value::Val;

use super::Args;

pub(super) fn string<'v>(value: &'v Val<'_>) -> Result<&'v str, Stop> {
    value.as_str().ok_or_else(|| Stop::failed(format!("it needs a string, not {}", value.kind())))
}

/// Without the white space around it.
pub(super) fn trim<'a>(budget: &mut Budget, value: &Val<'a>, _: &Args<'a>) -> Result<Val<'a>, Stop> {
    Val::text(budget, string(value)?.trim())
}

/// In small letters.
pub(super) fn lower<'a>(budget: &mut Budget, value: &Val<'a>, _: &Args<'a>) -> Result<Val<'a>, Stop> {
    let text = string(value)?;
    budget.make(text.len())?;
    Val::text(budget, &text.to_lowercase())
}

/// In capital letters.
pub(super) fn upper<'a>(budget: &mut Budget, value: &Val<'a>, _: &Args<'a>) -> Result<Val<'a>, Stop> {
    let text = string(value)?;
    budget.make(text.len())?;
    Val::text(budget, &text.to_uppercase())
}

/// Every `old` replaced by `new`.
pub(super) fn replace<'a>(budget: &mut Budget, value: &Val<'a>, args: &Args<'a>) -> Result<Val<'a>, Stop> {
    let text = string(value)?;
    let (old, new) = (args.text(0)?.unwrap_or_default(), args.text(1)?.unwrap_or_default());
    if old.is_empty() {
        return Err(Stop::failed("an empty string can't be replaced"));
    }
    budget.spend((text.len() >> 4) + 1)?;
    let count = text.matches(old).count();
    budget.make(text.len().saturating_add(count.saturating_mul(new.len())))?;
    Val::text(budget, &text.replace(old, new))
}

/// The parts between separators; without one, the words.
pub(super) fn split<'a>(budget: &mut Budget, value: &Val<'a>, args: &Args<'a>) -> Result<Val<'a>, Stop> {
    let text = string(value)?;
    budget.spend((text.len() >> 4) + 1)?;
    match args.text(0)? {
        Some("") => Err(Stop::failed("an empty string separates nothing")),
        Some(separator) => parts(budget, text.split(separator)),
        None => parts(budget, text.split_whitespace()),
    }
}

/// The lines, without their line breaks.
pub(super) fn lines<'a>(budget: &mut Budget, value: &Val<'a>, _: &Args<'a>) -> Result<Val<'a>, Stop> {
    parts(budget, string(value)?.lines())
}

fn parts<'a, 't>(budget: &mut Budget, found: impl Iterator<Item = &'t str>) -> Result<Val<'a>, Stop> {
    let mut items = Vec::new();
    for part in found {
        budget.spend(1)?;
        items.push(Val::text(budget, part)?);
    }
    Val::list(budget, items)
}

/// The items of a list as one string.
pub(super) fn join<'a>(budget: &mut Budget, value: &Val<'a>, args: &Args<'a>) -> Result<Val<'a>, Stop> {
    let Some(items) = value.items() else {
        return Err(Stop::failed(format!("`join` needs a list, not {}", value.kind())));
    };
    let separator = args.text(0)?.unwrap_or_default();
    let mut joined = String::new();
    for (at, item) in items.iter().enumerate() {
        budget.spend(1)?;
        let item = args.of(1, item)?;
        let part = operate::spliced(&item)?;
        budget.make(part.len() + separator.len())?;
        if at > 0 {
            joined.push_str(separator);
        }
        joined.push_str(&part);
    }
    Val::text(budget, &joined)
}

/// Each line but the first (or all) moved to the right; empty lines stay empty.
pub(super) fn indent<'a>(budget: &mut Budget, value: &Val<'a>, args: &Args<'a>) -> Result<Val<'a>, Stop> {
    const WIDEST: usize = 200;
    let text = string(value)?;
    let width = args.count(0)?.unwrap_or_default();
    if width > WIDEST {
        return Err(Stop::failed(format!("an indentation is at most {WIDEST} wide")));
    }
    let first = args.flag(1)?;
    let mut moved = String::new();
    for (at, line) in text.split_inclusive('\n').enumerate() {
        budget.spend(1)?;
        budget.make(line.len() + width)?;
        if (at > 0 || first) && !line.trim().is_empty() {
            moved.extend(std::iter::repeat_n(' ', width));
        }
        moved.push_str(line);
    }
    Val::text(budget, &moved)
}
