//! Expressions and templates: parse, what they refer to, evaluate within limits. Knows no graph: the names that
//! an expression may use are given by the caller, and so are their values.

mod canonical;
mod compiled;
mod decide;
mod domain;
mod evaluate;
mod fault;
mod filters;
mod habit;
mod infer;
mod ir;
mod limits;
mod literal_keys;
mod longest;
mod lower;
pub mod names;
mod number;
mod operate;
mod parse;
mod reference;
mod render;
mod scan;
mod slip;
mod stop;
mod value;
mod value_template;

pub use compiled::{EvalError, Expression, Readable, See, Template, Values};
pub use decide::Subjects;
pub use domain::Domain;
pub use infer::{Doubt, Finding, Inferred, Known, Open, Subject};
pub use limits::{EXPRESSION_BYTES, OUTPUT_BYTES, TEMPLATE_BYTES};
pub use longest::Lengths;
pub use number::{in_one_form, sum_of};
pub use reference::{Reference, Root, Segment};
pub use value_template::{SECRET_KEY, ValueTemplate};

#[cfg(test)]
mod tests;
