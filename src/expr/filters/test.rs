//! Tests: what `is …` says about a value.

use crate::expr::ir::Comparison;
use crate::expr::limits::Budget;
use crate::expr::number::Num;
use crate::expr::operate;
use crate::expr::stop::Stop;
use crate::expr::value::{Val, View};

use super::Args;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident: $pattern:pat,)*) => {
        $(
            $(#[$doc])*
            pub(super) fn $name<'a>(_: &mut Budget, value: &Val<'a>, _: &Args<'a>) -> Result<bool, Stop> {
                Ok(matches!(value.view(), $pattern))
            }
        )*
    };
}

kinds! {
    /// Is it null?
    none: View::Null,
    /// Is it true or false?
    boolean: View::Bool(_),
    /// Is it a number?
    number: View::Number(_),
    /// Is it a whole number?
    integer: View::Number(Num::Int(_)),
    /// Is it a string?
    string: View::Text(_),
    /// Is it a list?
    list: View::List(_),
    /// Is it an object?
    object: View::Object(_),
}

macro_rules! comparisons {
    ($($(#[$doc:meta])* $name:ident: $operation:ident;)*) => {
        $(
            $(#[$doc])*
            pub(super) fn $name<'a>(budget: &mut Budget, value: &Val<'a>, args: &Args<'a>) -> Result<bool, Stop> {
                operate::compare(budget, Comparison::$operation, value, args.required(0)?)
            }
        )*
    };
}

comparisons! {
    /// `==`
    eq: Equal;
    /// `!=`
    ne: NotEqual;
    /// `<`
    lt: Less;
    /// `<=`
    le: LessOrEqual;
    /// `>`
    gt: Greater;
    /// `>=`
    ge: GreaterOrEqual;
    /// `in`
    is_in: In;
}

/// Has it no characters, items or entries?
pub(super) fn empty<'a>(_: &mut Budget, value: &Val<'a>, _: &Args<'a>) -> Result<bool, Stop> {
    match value.view() {
        View::Text(text) => Ok(text.is_empty()),
        View::List(items) => Ok(items.len() == 0),
        View::Object(fields) => Ok(fields.len() == 0),
        _ => Err(Stop::failed(format!("`empty` needs a string, a list or an object, not {}", value.kind()))),
    }
}

fn whole(value: &Val<'_>) -> Result<i64, Stop> {
    let whole = value.as_number().and_then(Num::whole);
    whole.ok_or_else(|| Stop::failed(format!("it needs a whole number, not {}", value.kind())))
}

/// Is it odd?
pub(super) fn odd<'a>(_: &mut Budget, value: &Val<'a>, _: &Args<'a>) -> Result<bool, Stop> {
    Ok(whole(value)? % 2 != 0)
}

/// Is it even?
pub(super) fn even<'a>(_: &mut Budget, value: &Val<'a>, _: &Args<'a>) -> Result<bool, Stop> {
    Ok(whole(value)? % 2 == 0)
}

/// Is it a multiple of the number?
pub(super) fn divisible<'a>(_: &mut Budget, value: &Val<'a>, args: &Args<'a>) -> Result<bool, Stop> {
    let by = whole(args.required(0)?)?;
    if by == 0 {
        return Err(Stop::failed("nothing is divisible by 0"));
    }
    Ok(whole(value)?.checked_rem(by).unwrap_or(0) == 0)
}

fn two_texts<'v, 'a>(value: &'v Val<'a>, args: &'v Args<'a>) -> Result<(&'v str, &'v str), Stop> {
    match (value.as_str(), args.text(0)?) {
        (Some(text), Some(part)) => Ok((text, part)),
        _ => Err(Stop::failed(format!("it needs a string, not {}", value.kind()))),
    }
}

/// Does it begin with the text?
pub(super) fn starting_with<'a>(_: &mut Budget, value: &Val<'a>, args: &Args<'a>) -> Result<bool, Stop> {
    two_texts(value, args).map(|(text, part)| text.starts_with(part))
}

/// Does it end with the text?
pub(super) fn ending_with<'a>(_: &mut Budget, value: &Val<'a>, args: &Args<'a>) -> Result<bool, Stop> {
    two_texts(value, args).map(|(text, part)| text.ends_with(part))
}
