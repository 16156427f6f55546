//! Why a command line is not in a grammar, in words. Decides nothing.

use std::fmt;

use crate::model::policy::FlagValue;

/// Why a command line is not in a grammar, and how far it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mismatch {
    /// Elements of the pattern that matched before.
    pub(super) reached: usize,
    /// What is wrong.
    pub(super) flaw: Flaw,
}

/// What is wrong with a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Flaw {
    NoPattern,
    NotTheLiteral { found: String, wanted: String },
    TooMuch { found: String },
    TooLittle { wanted: String },
    AtSign { value: String },
    Outside { value: String },
    NulByte,
    UnknownFlag { flag: String, near: Option<String> },
    ValueMissing { flag: String },
    ValueNotTaken { flag: String },
    BadValue { flag: String, value: String, kind: FlagValue },
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Flaw::NoPattern => write!(f, "the rule has no pattern of arguments"),
            Flaw::NotTheLiteral { found, wanted } => write!(f, "`{found}` stands where `{wanted}` is wanted"),
            Flaw::TooMuch { found } => write!(f, "`{found}` is more than the pattern takes"),
            Flaw::TooLittle { wanted } => write!(f, "`{wanted}` is missing"),
            Flaw::AtSign { value } => {
                write!(f, "`{value}` begins with `@`, which can name a file of arguments")
            }
            Flaw::Outside { value } => write!(f, "`{value}` leads out of the workspace"),
            Flaw::NulByte => write!(f, "an argument holds a NUL character"),
            Flaw::UnknownFlag { flag, near: Some(near) } => {
                write!(f, "the flag `{flag}` is not listed (`{near}` is)")
            }
            Flaw::UnknownFlag { flag, near: None } => write!(f, "the flag `{flag}` is not listed"),
            Flaw::ValueMissing { flag } => write!(f, "the flag `{flag}` wants a value"),
            Flaw::ValueNotTaken { flag } => write!(f, "the flag `{flag}` takes no value"),
            Flaw::BadValue { flag, value, kind } => {
                write!(f, "the flag `{flag}` takes {}, not `{value}`", wanted_value(kind))
            }
        }
    }
}

fn wanted_value(kind: &FlagValue) -> String {
    match kind {
        FlagValue::None => "no value".to_owned(),
        FlagValue::String => "text that begins with neither `-` nor `@`".to_owned(),
        FlagValue::Path => "a path beneath the workspace".to_owned(),
        FlagValue::Int => "a whole number".to_owned(),
        FlagValue::OneOf(words) => {
            let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
            format!("one of {}", words.join(", "))
        }
    }
}
