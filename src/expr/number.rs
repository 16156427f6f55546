//! Numbers of the expression language: whole numbers as far as JSON carries them exactly, and finite others. One number
//! has one form, however it was written or computed: `2.0` is `2`. Nothing wraps, nothing becomes infinite.

use std::cmp::Ordering;
use std::fmt;

use serde_json::{Number, Value};

use super::ir::Arithmetic;
use super::stop::Stop;

/// A number. A whole one lies between `i64::MIN` and `u64::MAX`; what lies there is no [`Num::Float`].
#[derive(Debug, Clone, Copy)]
pub(super) enum Num {
    Int(i128),
    Float(f64),
}

impl Num {
    pub(super) fn from_json(number: &Number) -> Self {
        let whole = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
        whole.map_or_else(|| Num::of_float(number.as_f64().unwrap_or_default()), Num::Int)
    }

    /// The number that a reader of its canonical JSON has (`docs/decisions/0180`): without a fraction, a whole one. A run
    /// that is gone on with has its numbers from there.
    pub(super) fn of_float(float: f64) -> Self {
        /// Up to here each whole number is a float of its own.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        if float.fract() != 0.0 {
            return Num::Float(float);
        }
        let whole = if float.abs() <= EXACT {
            Some(float as i128)
        } else {
            // the shortest digits that mean it, and zeros: as RFC 8785 writes it
            float.to_string().parse().ok()
        };
        let whole = whole.filter(|whole| is_carried(*whole));
        whole.map_or(Num::Float(float), Num::Int)
    }

    pub(super) fn to_json(self) -> Result<Value, Stop> {
        let number = match self {
            Num::Int(whole) => i64::try_from(whole)
                .map(Number::from)
                .or_else(|_| u64::try_from(whole).map(Number::from))
                .ok(),
            Num::Float(float) => Number::from_f64(float),
        };
        number.map(Value::Number).ok_or_else(too_large)
    }

    /// As a whole number, where it is one.
    pub(super) fn whole(self) -> Option<i64> {
        if let Num::Int(whole) = self { i64::try_from(whole).ok() } else { None }
    }

    pub(super) fn as_f64(self) -> f64 {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "what a float is for")]
            Num::Int(whole) => whole as f64,
            Num::Float(float) => float,
        }
    }

    /// Has it no fraction? Beyond what JSON carries exactly each float is whole.
    pub(super) fn is_integral(self) -> bool {
        match self {
            Num::Int(_) => true,
            Num::Float(float) => float.fract() == 0.0,
        }
    }

    /// The least number without a fraction above it.
    pub(super) fn whole_above(self) -> Option<Num> {
        let float = match self {
            Num::Int(whole) if is_carried(whole + 1) => return Some(Num::Int(whole + 1)),
            // beyond the greatest whole number that is carried exactly, a power of two
            Num::Int(_) => self.as_f64(),
            Num::Float(float) if float.fract() != 0.0 => float.ceil(),
            Num::Float(float) => float.next_up(),
        };
        float.is_finite().then(|| Num::of_float(float))
    }

    /// The greatest number without a fraction below it.
    pub(super) fn whole_below(self) -> Option<Num> {
        const MOST: Num = Num::Int(u64::MAX as i128);
        let float = match self {
            Num::Int(whole) if is_carried(whole - 1) => return Some(Num::Int(whole - 1)),
            Num::Int(_) => self.as_f64().next_down(),
            Num::Float(float) if float.fract() != 0.0 => float.floor(),
            Num::Float(float) => float.next_down(),
        };
        let below = float.is_finite().then(|| Num::of_float(float))?;
        let skips = self.compare(MOST) == Ordering::Greater && below.compare(MOST) == Ordering::Less;
        Some(if skips { MOST } else { below })
    }

    /// The order of the numbers themselves: `1 == 1.0`, and no precision is lost between the two kinds.
    pub(super) fn compare(self, other: Num) -> Ordering {
        match (self, other) {
            (Num::Int(a), Num::Int(b)) => a.cmp(&b),
            (Num::Float(a), Num::Float(b)) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
            (Num::Int(a), Num::Float(b)) => whole_to_float(a, b),
            (Num::Float(a), Num::Int(b)) => whole_to_float(b, a).reverse(),
        }
    }

    pub(super) fn negate(self) -> Result<Num, Stop> {
        match self {
            Num::Int(whole) => within(-whole),
            Num::Float(float) => Ok(Num::of_float(-float)),
        }
    }

    /// `a OP b`; `/` gives a fraction, `//` and `%` round so that the remainder is never negative.
    pub(super) fn arithmetic(self, operation: Arithmetic, other: Num) -> Result<Num, Stop> {
        let by_zero = other.as_f64() == 0.0;
        let divides =
            matches!(operation, Arithmetic::Divide | Arithmetic::FloorDivide | Arithmetic::Remainder);
        if divides && by_zero {
            return Err(Stop::failed("it divides by zero"));
        }
        match (self, other, operation) {
            (Num::Int(a), Num::Int(b), Arithmetic::Add) => within(a + b),
            (Num::Int(a), Num::Int(b), Arithmetic::Subtract) => within(a - b),
            (Num::Int(a), Num::Int(b), Arithmetic::Multiply) => {
                a.checked_mul(b).map_or_else(|| Err(too_large()), within)
            }
            (Num::Int(a), Num::Int(b), Arithmetic::FloorDivide) => within(a.div_euclid(b)),
            (Num::Int(a), Num::Int(b), Arithmetic::Remainder) => within(a.rem_euclid(b)),
            (a, b, operation) => float_arithmetic(a.as_f64(), operation, b.as_f64()),
        }
    }
}

impl fmt::Display for Num {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Num::Int(whole) => write!(f, "{whole}"),
            // As JSON writes it, so that text and value agree: `2.5`, `1e300`.
            Num::Float(float) => match Number::from_f64(*float) {
                Some(number) => write!(f, "{number}"),
                None => write!(f, "{float}"),
            },
        }
    }
}

fn float_arithmetic(a: f64, operation: Arithmetic, b: f64) -> Result<Num, Stop> {
    finite(match operation {
        Arithmetic::Add => a + b,
        Arithmetic::Subtract => a - b,
        Arithmetic::Multiply => a * b,
        Arithmetic::Divide => a / b,
        Arithmetic::FloorDivide => a.div_euclid(b),
        Arithmetic::Remainder => a.rem_euclid(b),
    })
}

/// A float that is a number.
pub(super) fn finite(float: f64) -> Result<Num, Stop> {
    if float.is_finite() { Ok(Num::of_float(float)) } else { Err(too_large()) }
}

/// A whole number that JSON carries exactly.
pub(super) fn within(whole: i128) -> Result<Num, Stop> {
    if is_carried(whole) { Ok(Num::Int(whole)) } else { Err(too_large()) }
}

fn is_carried(whole: i128) -> bool {
    (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&whole)
}

/// A value of JSON with its numbers in their one form.
pub fn in_one_form(value: &Value) -> Value {
    match value {
        Value::Number(number) => Num::from_json(number).to_json().unwrap_or_else(|_| value.clone()),
        Value::Array(items) => items.iter().map(in_one_form).collect(),
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(name, value)| (name.clone(), in_one_form(value))).collect())
        }
        Value::Null | Value::Bool(_) | Value::String(_) => value.clone(),
    }
}

/// What `+` makes of two numbers of JSON; none where they come to more than a number can be.
pub fn sum_of(a: &Number, b: &Number) -> Option<Number> {
    let sum = Num::from_json(a).arithmetic(Arithmetic::Add, Num::from_json(b)).ok()?;
    match sum.to_json().ok()? {
        Value::Number(sum) => Some(sum),
        _ => None,
    }
}

fn too_large() -> Stop {
    Stop::failed("the number is too large")
}

fn whole_to_float(a: i128, b: f64) -> Ordering {
    /// Every whole number of ours is smaller.
    const BEYOND: f64 = 1e30;
    if b >= BEYOND {
        return Ordering::Less;
    }
    if b <= -BEYOND {
        return Ordering::Greater;
    }
    let floor = b.floor();
    a.cmp(&(floor as i128)).then(if b > floor { Ordering::Less } else { Ordering::Equal })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_and_floats_compare_exactly() {
        let big = Num::Int((1 << 53) + 1);
        assert_eq!(big.compare(Num::Float(9_007_199_254_740_992.0)), Ordering::Greater);
        assert_eq!(Num::Int(1).compare(Num::Float(1.0)), Ordering::Equal);
        assert_eq!(Num::Int(-2).compare(Num::Float(-1.5)), Ordering::Less);
        assert_eq!(Num::Float(1e40).compare(Num::Int(7)), Ordering::Greater);
    }

    #[test]
    fn a_number_is_what_is_read_back_from_canonical_json() {
        let floats = [2.0, -0.0, 0.5, 1e15, -9_007_199_254_740_994.0, 1e21, 1e300, 5e-324, 1.5e17];
        let powers =
            (0..80).flat_map(|power| [2f64.powi(power), -(2f64.powi(power)), 2f64.powi(power) - 0.5]);
        for float in floats.into_iter().chain(powers) {
            let live = Num::of_float(float).to_json().unwrap();
            let read: Value = serde_json::from_str(&crate::digest::canonical_json(&live)).unwrap();
            assert_eq!(Num::from_json(read.as_number().unwrap()).to_json().unwrap(), live, "{float:e}");
            let raw = crate::digest::canonical_json(&Value::from(float));
            let read: Value = serde_json::from_str(&raw).unwrap();
            assert_eq!(
                Num::from_json(read.as_number().unwrap()).to_json().unwrap(),
                live,
                "{float:e}: {raw}"
            );
        }
        assert_eq!(
            in_one_form(&serde_json::json!({ "a": [2.0, 2.5] })),
            serde_json::json!({ "a": [2, 2.5] })
        );
    }

    #[test]
    fn neighbours_have_nothing_between_them() {
        let of =
            |text: &str| Num::from_json(serde_json::from_str::<Value>(text).unwrap().as_number().unwrap());
        let cases = [
            ("3", "2", "4"),
            ("2.5", "2", "3"),
            ("-0.5", "-1", "0"),
            ("9007199254740993", "9007199254740992", "9007199254740994"),
            ("18446744073709551615", "18446744073709551614", "18446744073709551616"),
            ("18446744073709551616", "18446744073709551615", "18446744073709555712"),
            ("-9223372036854775808", "-9223372036854777856", "-9223372036854775807"),
            ("-9223372036854777856", "-9223372036854779904", "-9223372036854775808"),
        ];
        for (number, below, above) in cases {
            let same = |found: Option<Num>, wanted| {
                let found = found.unwrap();
                assert_eq!(found.compare(of(wanted)), Ordering::Equal, "{number}: {found} is not {wanted}");
            };
            same(of(number).whole_below(), below);
            same(of(number).whole_above(), above);
        }
        assert!(Num::Float(f64::MAX).whole_above().is_none() && Num::Float(f64::MIN).whole_below().is_none());
    }

    #[test]
    fn nothing_wraps() {
        let most = Num::Int(i128::from(u64::MAX));
        assert!(most.arithmetic(Arithmetic::Add, Num::Int(1)).is_err());
        assert!(most.arithmetic(Arithmetic::Multiply, most).is_err());
        assert!(Num::Float(f64::MAX).arithmetic(Arithmetic::Multiply, Num::Int(10)).is_err());
        assert!(most.negate().is_err());
    }

    #[test]
    fn remainders_are_never_negative() {
        let rem = |a, b| Num::Int(a).arithmetic(Arithmetic::Remainder, Num::Int(b)).unwrap().whole();
        assert_eq!((rem(7, 3), rem(-7, 3), rem(7, -3)), (Some(1), Some(2), Some(1)));
        assert!(Num::Int(1).arithmetic(Arithmetic::Remainder, Num::Float(0.0)).is_err());
    }
}
