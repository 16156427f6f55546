//! Why an evaluation ended without a value, on its way out to the expression's edge.

use super::ir::At;

/// The kinds that `default(…)`, `is defined` and `first_of(…)` tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// There is nothing where the expression looks: they take it.
    Missing,
    /// The expression is wrong for these values: nothing takes it.
    Failed,
}

/// An end without a value.
#[derive(Debug)]
pub(super) struct Stop {
    kind: Kind,
    message: String,
    at: Option<At>,
}

impl Stop {
    /// There is nothing where the expression looks.
    pub(super) fn missing(message: impl Into<String>) -> Self {
        Self { kind: Kind::Missing, message: message.into(), at: None }
    }

    /// The expression is wrong for these values, or too expensive.
    pub(super) fn failed(message: impl Into<String>) -> Self {
        Self { kind: Kind::Failed, message: message.into(), at: None }
    }

    pub(super) fn is_missing(&self) -> bool {
        self.kind == Kind::Missing
    }

    /// Names the part of the expression that it came from; the innermost one stays.
    pub(super) fn at(mut self, at: At) -> Self {
        self.at.get_or_insert(at);
        self
    }

    /// The sentence, with the part of `source` that it is about.
    pub(super) fn message(&self, source: &str) -> String {
        match self.at.and_then(|at| at.excerpt(source)) {
            Some(part) => format!("in `{part}`: {}", self.message),
            None => self.message.clone(),
        }
    }
}
