//! Filters on numbers, and to numbers.

use crate::expr::limits::Budget;
use crate::expr::number::{Num, finite, within};
use crate::expr::stop::Stop;
use crate::expr::value::{Val, View};

use super::Args;

fn number(value: &Val<'_>) -> Result<Num, Stop> {
    value.as_number().ok_or_else(|| Stop::failed(format!("it needs a number, not {}", value.kind())))
}

/// Without its sign.
pub(super) fn abs<'a>(_: &mut Budget, value: &Val<'a>, _: &Args<'a>) -> Result<Val<'a>, Stop> {
    Ok(Val::Number(match number(value)? {
        Num::Int(whole) => Num::Int(whole.abs()),
        Num::Float(float) => Num::Float(float.abs()),
    }))
}

/// A whole number: of a number its whole part, of a string the number that it spells.
pub(super) fn int<'a>(_: &mut Budget, value: &Val<'a>, _: &Args<'a>) -> Result<Val<'a>, Stop> {
    match value.view() {
        View::Number(Num::Int(_)) => Ok(value.clone()),
        View::Number(Num::Float(float)) => within(float.trunc() as i128).map(Val::Number),
        View::Text(text) => match text.trim().parse::<i64>() {
            Ok(whole) => Ok(Val::Number(Num::Int(i128::from(whole)))),
            Err(_) => Err(Stop::failed("the string does not spell a whole number")),
        },
        _ => Err(Stop::failed(format!("`int` needs a number or a string, not {}", value.kind()))),
    }
}

/// A number, or the one that a string spells, with a fraction or without.
pub(super) fn float<'a>(_: &mut Budget, value: &Val<'a>, _: &Args<'a>) -> Result<Val<'a>, Stop> {
    match value.view() {
        View::Number(number) => finite(number.as_f64()).map(Val::Number),
        View::Text(text) => match text.trim().parse::<f64>() {
            Ok(float) => finite(float).map(Val::Number),
            Err(_) => Err(Stop::failed("the string does not spell a number")),
        },
        _ => Err(Stop::failed(format!("`float` needs a number or a string, not {}", value.kind()))),
    }
}

/// The nearest number with so many decimals, halves away from 0; without decimals a whole number.
pub(super) fn round<'a>(_: &mut Budget, value: &Val<'a>, args: &Args<'a>) -> Result<Val<'a>, Stop> {
    const FINEST: usize = 12;
    let decimals = args.count(0)?.unwrap_or_default();
    if decimals > FINEST {
        return Err(Stop::failed(format!("`round` gives at most {FINEST} decimals")));
    }
    let float = match number(value)? {
        Num::Int(_) => return Ok(value.clone()),
        Num::Float(float) => float,
    };
    if decimals == 0 {
        return within(float.round() as i128).map(Val::Number);
    }
    let scale = 10_f64.powi(i32::try_from(decimals).unwrap_or_default());
    let scaled = float * scale;
    // Beyond 2^53 a float has no decimals to round.
    let rounded = if scaled.is_finite() { scaled.round() / scale } else { float };
    finite(rounded).map(Val::Number)
}
