//! One graph: its checks, then its plan. Pure, and knows no file.

use crate::diag::Diagnostics;
use crate::model::Graph;
use crate::plan::Plan;
use crate::source::Sources;

use super::build;
use super::checks::{CHECKS, Run};
use super::draft::{Draft, Origin};
use super::names;
use super::parts::Parts;

/// Checks and compiles a graph whose parts were read. Everything is checked in any case; the plan is only good if
/// there was no error.
pub(super) fn compile(
    graph: &Graph,
    origin: Origin<'_>,
    parts: &Parts,
    sources: &Sources,
    diagnostics: &mut Diagnostics,
) -> Option<Plan> {
    let draft = Draft::new(graph, origin, sources, parts);
    for check in CHECKS {
        if let Run::Draft(run) = check.run {
            run(&draft, diagnostics);
        }
    }
    let names = names::names(&draft);
    let nodes = build::nodes(&draft, &names, diagnostics);
    for check in CHECKS {
        if let Run::Nodes(run) = check.run {
            run(&draft, &nodes, diagnostics);
        }
    }
    build::plan(&draft, &names, nodes, diagnostics)
}
