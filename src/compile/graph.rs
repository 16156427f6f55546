//! One graph: its checks, then its plan. Pure, and knows no file.

use crate::diag::Diagnostics;
use crate::model::Graph;
use crate::plan::Plan;
use crate::source::Sources;

use super::beside::{MANY, beside};
use super::build;
use super::checks::CHECKS;
use super::draft::{Draft, Origin};
use super::knowledge;
use super::names;
use super::parts::Parts;

/// A graph of which a plan came.
pub(super) struct Compiled {
    pub(super) plan: Plan,
    /// Was all of it looked at, what flows in it as well? Then no fault in it stands in the way of looking at a graph
    /// that uses it.
    pub(super) known: bool,
}

/// Checks and compiles a graph whose parts were read. Everything is checked in any case; the plan is only good if
/// there was no error. `sound`: nothing was wrong with its file so far that could bring other faults after it.
pub(super) fn compile(
    graph: &Graph,
    origin: Origin<'_>,
    parts: &Parts,
    sources: &Sources,
    sound: bool,
    diagnostics: &mut Diagnostics,
) -> Option<Compiled> {
    let draft = Draft::new(graph, origin, sources, parts);
    for check in CHECKS {
        (check.run)(&draft, diagnostics);
    }
    let names = names::names(&draft);
    let nodes = build::nodes(&draft, &names, diagnostics);
    let mut plan = build::plan(&draft, &names, nodes, diagnostics)?;
    // another fault would bring faults after it
    let known = sound && knowledge::is_possible(diagnostics);
    if known {
        let (digest, learned) = beside(
            plan.nodes.len() >= MANY,
            || plan.compute_digest(),
            || knowledge::check(&draft, &plan, diagnostics),
        );
        plan.digest = digest;
        learned.tell(&mut plan);
    } else {
        plan.digest = plan.compute_digest();
    }
    Some(Compiled { plan, known })
}
