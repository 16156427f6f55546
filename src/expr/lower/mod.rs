//! From the parser's tree to our own form: names become places, what the language does not have is refused, and
//! every reference is noted with its span.

mod call;
mod context;
mod expression;
mod path;
mod statement;

pub(in crate::expr) use call::FUNCTIONS;
pub(in crate::expr) use context::{Lowering, Names};
