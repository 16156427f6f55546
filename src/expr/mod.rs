//! Expressions and templates: parse, what they refer to, evaluate within limits. Knows no graph: the names that
//! an expression may use are given by the caller, and so are their values.

mod compiled;
mod reference;

pub use compiled::{EvalError, Expression, Template, ValueTemplate, Values};
pub use reference::{Reference, Root, Segment};
