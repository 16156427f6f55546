//! One graph: its checks, then its plan. Pure, and knows no file.

use crate::diag::Diagnostics;
use crate::model::Graph;
use crate::plan::Plan;
use crate::source::Sources;

use super::build;
use super::checks::CHECKS;
use super::draft::{Draft, Origin};
use super::knowledge;
use super::names;
use super::parts::Parts;

/// Checks and compiles a graph whose parts were read. Everything is checked in any case; the plan is only good if
/// there was no error. `sound`: nothing was wrong with its file so far.
pub(super) fn compile(
    graph: &Graph,
    origin: Origin<'_>,
    parts: &Parts,
    sources: &Sources,
    sound: bool,
    diagnostics: &mut Diagnostics,
) -> Option<Plan> {
    let draft = Draft::new(graph, origin, sources, parts);
    for check in CHECKS {
        (check.run)(&draft, diagnostics);
    }
    let names = names::names(&draft);
    let nodes = build::nodes(&draft, &names, diagnostics);
    let mut plan = build::plan(&draft, &names, nodes, diagnostics)?;
    // what flows where is known of a sound graph alone: a fault before would bring faults after it
    if sound && !diagnostics.has_errors() {
        knowledge::check(&draft, &mut plan, diagnostics);
    }
    Some(plan)
}
