//! Expressions that have a value wherever the values that they name are there and of the kinds that they take.

use crate::expr::ir::{Kind, Node, Step};

use super::path::visit;

/// Tests and filters without a value for which they have none.
const TESTS: [&str; 11] =
    ["none", "boolean", "number", "string", "list", "object", "integer", "empty", "eq", "ne", "in"];
const FILTERS: [&str; 8] = ["length", "string", "tojson", "upper", "lower", "trim", "join", "lines"];

pub(in crate::expr) fn is_plain(node: &Node) -> bool {
    let mut plain = true;
    visit(node, &mut |part| {
        plain &= match &part.kind {
            Kind::Test(test, ..) => TESTS.contains(&test.name),
            Kind::Filter(filter, ..) => FILTERS.contains(&filter.name),
            Kind::Item(..)
            | Kind::Slice(..)
            | Kind::Negate(_)
            | Kind::Arithmetic(..)
            | Kind::Range(_)
            | Kind::Each(..)
            | Kind::Keep(_)
            | Kind::Unread(_) => false,
            _ => true,
        };
    });
    plain
}

/// The same for a text.
pub(in crate::expr) fn are_plain(steps: &[Step]) -> bool {
    steps.iter().all(|step| match step {
        Step::Text(_) => true,
        Step::Emit(node) | Step::Set(_, node) => is_plain(node),
        Step::If(branches, otherwise) => {
            are_plain(otherwise)
                && branches.iter().all(|(condition, body)| is_plain(condition) && are_plain(body))
        }
        Step::For(repeat) => {
            is_plain(&repeat.list)
                && repeat.condition.as_ref().is_none_or(is_plain)
                && are_plain(&repeat.body)
                && are_plain(&repeat.otherwise)
        }
    })
}
