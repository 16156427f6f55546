//! Conditions that are the same whatever happens.

use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::expr::Expression;
use crate::model::Uses;
use crate::plan::{EdgeIx, NodeIx};

use super::endless::endless;
use super::places::Places;
use super::report;
use super::tried::Table;

/// Is the condition with which a node is skipped, `tried` by itself, the same whatever happens?
pub(super) fn skip_condition(
    places: &Places<'_, '_>,
    at: NodeIx,
    when: &Expression,
    tried: Option<&Table>,
    diagnostics: &mut Diagnostics,
) {
    let Some(truth) = tried.and_then(Table::truth) else { return };
    let id = &places.plan.node(at).id;
    let (message, help) = if truth {
        (
            format!("this is always true, so `{id}` never runs"),
            format!("remove `{id}`, or change the condition"),
        )
    } else {
        (
            format!("this is never true, so `{id}` is never skipped"),
            "remove `skip_when`, or change the condition".to_owned(),
        )
    };
    diagnostics.push(Diagnostic::new(codes::CONSTANT_CONDITION, when.span(), message).help(help));
}

/// Is the condition of an edge, `tried` by itself, the same whatever happens?
pub(super) fn constant(
    places: &Places<'_, '_>,
    edge: EdgeIx,
    tried: Option<&Table>,
    diagnostics: &mut Diagnostics,
) -> bool {
    let plan = places.plan;
    let found = plan.edge(edge);
    let Some(when) = &found.when else { return false };
    let truth = tried.and_then(Table::truth);
    if let Some(l) = found.turns
        && let Some(finding) = endless(places, edge, l, when, truth)
    {
        diagnostics.push(finding);
        return true;
    }
    let Some(truth) = truth else { return false };
    let name =
        places.draft.links.get(edge.0 as usize).map_or_else(String::new, |link| places.draft.name_of(link));
    let (message, help) = if truth {
        (
            format!("this is always true, so it decides nothing for `{name}`"),
            "remove `when`, or change the condition",
        )
    } else {
        (
            format!("this is never true, so `{name}` is never taken"),
            "remove the edge, or change the condition",
        )
    };
    let command = plan.node(found.from).uses == Uses::Exec && when.source().contains("exit_code");
    let help = if command { report::OK_EXIT } else { help };
    let mut diagnostic = Diagnostic::new(codes::CONSTANT_CONDITION, when.span(), message).help(help);
    let target = plan.node(found.to);
    if !truth && target.incoming[..] == [edge] {
        let place = places.draft.nodes[found.to.0 as usize].node.id.span;
        diagnostic = diagnostic.label(place, format!("so `{}` never starts", target.id));
    }
    diagnostics.push(diagnostic);
    true
}
