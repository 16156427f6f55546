//! The table of the checks. A check is a function over a draft; its codes have pages and fixtures, which a test
//! compares with this table.

use crate::compile::draft::Draft;
use crate::diag::{Code, Diagnostics, codes};

use super::{
    catch_kind, cycle, duplicate_edge, edge_ends, fail_kind, loop_agreement, loop_target, modifier, reachable,
    retry_kind, secret, shadowed, unconnected,
};

/// One check.
pub(in crate::compile) struct Check {
    /// The name of its file.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests compare it with the folder"))]
    pub(in crate::compile) file: &'static str,
    /// What it can find.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests compare them with pages and fixtures"))]
    pub(in crate::compile) codes: &'static [Code],
    /// Finds it.
    pub(in crate::compile) run: fn(&Draft<'_>, &mut Diagnostics),
}

/// Every check, in the order of running.
pub(in crate::compile) const CHECKS: &[Check] = &[
    Check { file: "edge_ends", codes: &[codes::UNKNOWN_NODE], run: edge_ends::check },
    Check { file: "duplicate_edge", codes: &[codes::DUPLICATE_EDGE], run: duplicate_edge::check },
    Check { file: "cycle", codes: &[codes::CYCLE], run: cycle::check },
    Check { file: "loop_target", codes: &[codes::LOOP_TARGET], run: loop_target::check },
    Check { file: "loop_agreement", codes: &[codes::LOOP_DISAGREES], run: loop_agreement::check },
    Check { file: "unconnected", codes: &[codes::UNCONNECTED_NODE], run: unconnected::check },
    Check { file: "reachable", codes: &[codes::UNREACHABLE_NODE, codes::DEAD_EDGE], run: reachable::check },
    Check { file: "catch_kind", codes: &[codes::UNKNOWN_ERROR_KIND], run: catch_kind::check },
    Check { file: "retry_kind", codes: &[codes::UNKNOWN_ERROR_KIND], run: retry_kind::check },
    Check { file: "fail_kind", codes: &[codes::RESERVED_KIND], run: fail_kind::check },
    Check { file: "modifier", codes: &[codes::ILLEGAL_MODIFIER], run: modifier::check },
    Check { file: "shadowed", codes: &[codes::SHADOWED_NAME], run: shadowed::check },
    Check { file: "secret", codes: &[codes::MISPLACED_SECRET], run: secret::check },
];
