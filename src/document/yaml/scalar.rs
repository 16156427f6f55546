//! What a plain scalar means: the core schema of YAML 1.2, but that numbers with leading zeros or underscores are
//! strings, as `yes`, `no`, `on` and `off` are.

use crate::document::Value;
use crate::document::number::{self, BadNumber};

/// The meaning of a plain scalar.
#[derive(Debug, PartialEq)]
pub(super) enum Plain {
    Value(Value),
    String,
    Bad(BadNumber),
}

/// Resolves the text of a plain scalar.
pub(super) fn resolve(text: &str) -> Plain {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Plain::Value(Value::Null),
        "true" | "True" | "TRUE" => Plain::Value(Value::Bool(true)),
        "false" | "False" | "FALSE" => Plain::Value(Value::Bool(false)),
        _ => resolve_number(text),
    }
}

fn resolve_number(text: &str) -> Plain {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Plain::Bad(BadNumber::NotFinite);
    }
    let number = if let Some(digits) =
        text.strip_prefix("0x").filter(|d| is_all(d, |c| c.is_ascii_hexdigit()))
    {
        number::integer(digits, 16)
    } else if let Some(digits) = text.strip_prefix("0o").filter(|d| is_all(d, |c| ('0'..='7').contains(&c))) {
        number::integer(digits, 8)
    } else if is_all(unsigned, |c| c.is_ascii_digit()) && !leading_zero(unsigned) {
        number::integer(text.strip_prefix('+').unwrap_or(text), 10)
    } else if is_float(unsigned) {
        number::float(text.strip_prefix('+').unwrap_or(text))
    } else {
        return Plain::String;
    };
    number.map_or_else(Plain::Bad, Plain::Value)
}

fn is_all(text: &str, allowed: impl Fn(char) -> bool) -> bool {
    !text.is_empty() && text.chars().all(allowed)
}

fn leading_zero(digits: &str) -> bool {
    digits.len() > 1 && digits.starts_with('0')
}

/// `[0-9]+ (. [0-9]*)?` or `. [0-9]+`, then an optional exponent, as in the core schema.
fn is_float(unsigned: &str) -> bool {
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let digits = |part: &str| part.chars().all(|c| c.is_ascii_digit());
    let mantissa_is_one = match mantissa.split_once('.') {
        Some((whole, part)) => {
            digits(whole) && digits(part) && !(whole.is_empty() && part.is_empty()) && !leading_zero(whole)
        }
        None => !mantissa.is_empty() && digits(mantissa) && !leading_zero(mantissa),
    };
    let exponent_is_one = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    mantissa_is_one && exponent_is_one
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubtful_scalars_are_strings() {
        for text in [
            "yes",
            "no",
            "on",
            "off",
            "y",
            "n",
            "007",
            "1_000",
            "0b11",
            "1:30",
            "1e",
            ".",
            "-",
            "+",
            "e3",
            "01.5",
            "0x",
            "1.2.3",
            "NULl",
            "tRue",
            "--1",
            "1-",
            "inf",
            "nan",
            "2026-11-22",
        ] {
            assert_eq!(resolve(text), Plain::String, "{text}");
        }
    }

    #[test]
    fn numbers_are_exact_or_refused() {
        for (text, value) in [
            ("0", Value::Int(0)),
            ("-12", Value::Int(-12)),
            ("+3", Value::Int(3)),
            ("0x1F", Value::Int(31)),
            ("0o17", Value::Int(15)),
            ("9223372036854775807", Value::Int(i64::MAX)),
            ("-9223372036854775808", Value::Int(i64::MIN)),
            ("1.", Value::Float(1.0)),
            (".5", Value::Float(0.5)),
            ("1e3", Value::Float(1000.0)),
            ("-1.5E-1", Value::Float(-0.15)),
        ] {
            assert_eq!(resolve(text), Plain::Value(value), "{text}");
        }
        for (text, bad) in [
            ("9223372036854775808", BadNumber::TooLarge),
            ("0xFFFFFFFFFFFFFFFFFF", BadNumber::TooLarge),
            ("1e999", BadNumber::TooLarge),
            (".inf", BadNumber::NotFinite),
            ("-.INF", BadNumber::NotFinite),
            (".nan", BadNumber::NotFinite),
        ] {
            assert_eq!(resolve(text), Plain::Bad(bad), "{text}");
        }
    }
}
