//! What a number may be in every syntax: a whole number of 64 bits, or a finite one.

use crate::diag::{Diagnostic, codes};
use crate::source::Span;

use super::Value;

/// Why a spelled number has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadNumber {
    TooLarge,
    NotFinite,
}

impl BadNumber {
    /// The finding about the number at `span`, spelled `written`.
    pub(super) fn diagnostic(self, written: &str, span: Span) -> Diagnostic {
        let shown: String = written.chars().take(40).collect();
        let message = match self {
            Self::TooLarge => {
                format!("the number `{shown}` does not fit into 64 bits, of which one is the sign")
            }
            Self::NotFinite => format!("`{shown}` is not a finite number"),
        };
        Diagnostic::new(codes::NUMBER, span, message)
            .help("write a smaller number, or quote it to make it a string")
    }
}

/// A whole number from its digits.
pub(super) fn integer(digits: &str, radix: u32) -> Result<Value, BadNumber> {
    i64::from_str_radix(digits, radix).map(Value::Int).map_err(|_| BadNumber::TooLarge)
}

/// Any other number, in the spelling that JSON, TOML and YAML share.
pub(super) fn float(written: &str) -> Result<Value, BadNumber> {
    match written.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(Value::Float(value)),
        // digits that overflow; `inf` and `nan` have none
        Ok(_) if written.contains(|c: char| c.is_ascii_digit()) => Err(BadNumber::TooLarge),
        _ => Err(BadNumber::NotFinite),
    }
}
