//! The table of the checks. A check is a function over a draft; its codes have pages and fixtures, which a test
//! compares with this table.

use crate::compile::draft::Draft;
use crate::diag::{Code, Diagnostics, codes};

use super::{
    batch_calls, call_values, catch_kind, cycle, defaults, duplicate_edge, edge_ends, fail_kind,
    folded_bound, forgotten_edge, group, idle_kind, loop_agreement, loop_depth, loop_target, modifier,
    no_calls, not_built, parameters, prompt_variables, reachable, retry_kind, secret, shadowed,
    subgraph_inputs, taken_back, unconnected, undo_call,
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
    Check { file: "loop_depth", codes: &[codes::LIMIT], run: loop_depth::check },
    Check { file: "loop_agreement", codes: &[codes::LOOP_DISAGREES], run: loop_agreement::check },
    Check { file: "unconnected", codes: &[codes::UNCONNECTED_NODE], run: unconnected::check },
    Check { file: "reachable", codes: &[codes::UNREACHABLE_NODE, codes::DEAD_EDGE], run: reachable::check },
    Check {
        file: "catch_kind",
        codes: &[codes::UNKNOWN_ERROR_KIND, codes::BAD_VALUE],
        run: catch_kind::check,
    },
    Check { file: "idle_kind", codes: &[codes::IDLE_KIND], run: idle_kind::check },
    Check {
        file: "retry_kind",
        codes: &[codes::UNKNOWN_ERROR_KIND, codes::BAD_VALUE],
        run: retry_kind::check,
    },
    Check { file: "fail_kind", codes: &[codes::RESERVED_KIND], run: fail_kind::check },
    Check { file: "modifier", codes: &[codes::ILLEGAL_MODIFIER], run: modifier::check },
    Check { file: "group", codes: &[codes::UNKNOWN_GROUP], run: group::check },
    Check { file: "shadowed", codes: &[codes::SHADOWED_NAME], run: shadowed::check },
    Check {
        file: "parameters",
        codes: &[codes::WRONG_TYPE, codes::BAD_VALUE, codes::UNKNOWN_KEY, codes::MISSING_KEY],
        run: parameters::check,
    },
    Check {
        file: "batch_calls",
        codes: &[
            codes::BAD_VALUE,
            codes::WRONG_TYPE,
            codes::UNKNOWN_KEY,
            codes::MISSING_KEY,
            codes::CONFLICTING_KEYS,
        ],
        run: batch_calls::check,
    },
    Check { file: "call_values", codes: &[codes::BAD_PATTERN, codes::BAD_VALUE], run: call_values::check },
    Check { file: "no_calls", codes: &[codes::BAD_VALUE], run: no_calls::check },
    Check { file: "taken_back", codes: &[codes::BAD_VALUE], run: taken_back::check },
    Check { file: "undo_call", codes: &[codes::BAD_VALUE], run: undo_call::check },
    Check { file: "folded_bound", codes: &[codes::BAD_VALUE], run: folded_bound::check },
    Check { file: "defaults", codes: &[codes::BAD_DEFAULT], run: defaults::check },
    Check {
        file: "subgraph_inputs",
        codes: &[codes::UNKNOWN_INPUT, codes::MISSING_INPUT, codes::WRONG_INPUT],
        run: subgraph_inputs::check,
    },
    Check {
        file: "prompt_variables",
        codes: &[codes::UNKNOWN_VARIABLE, codes::UNUSED_VARIABLE],
        run: prompt_variables::check,
    },
    Check { file: "forgotten_edge", codes: &[codes::FORGOTTEN_EDGE], run: forgotten_edge::check },
    Check { file: "secret", codes: &[codes::MISPLACED_SECRET, codes::BAD_VALUE], run: secret::check },
    Check { file: "not_built", codes: &[codes::NOT_BUILT], run: not_built::check },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_file_of_the_folder_is_in_the_table_once() {
        let modules = include_str!("mod.rs").lines().filter_map(|line| line.strip_prefix("mod "));
        let mut modules: Vec<&str> = modules.map(|name| name.trim_end_matches(';')).collect();
        modules.retain(|name| *name != "table");
        let mut listed: Vec<&str> = CHECKS.iter().map(|check| check.file).collect();
        listed.sort_unstable();
        assert_eq!(listed, modules);
    }

    #[test]
    fn every_code_of_a_check_has_a_page_and_a_fixture() {
        let home = Path::new(env!("CARGO_MANIFEST_DIR"));
        for check in CHECKS {
            assert!(!check.codes.is_empty(), "{}", check.file);
            assert_eq!(
                check.codes.iter().collect::<BTreeSet<_>>().len(),
                check.codes.len(),
                "{}",
                check.file
            );
            for code in check.codes {
                assert!(home.join(format!("docs/codes/{code}.md")).is_file(), "{code} has no page");
                assert!(home.join(format!("tests/diagnostics/{code}")).is_dir(), "{code} has no fixture");
            }
        }
    }
}
