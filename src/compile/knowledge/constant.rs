//! Conditions that are the same whatever happens, and loops that they never leave.

use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::expr::{Expression, Root};
use crate::model::Uses;
use crate::plan::{EdgeIx, LoopIx, NodeIx};

use super::conditions::leaves_when_run_out;
use super::places::{Place, Places};
use super::report;
use super::search::leads;
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

/// A loop edge whose condition holds in every iteration, if it does in one.
fn endless(
    places: &Places<'_, '_>,
    edge: EdgeIx,
    l: LoopIx,
    when: &Expression,
    truth: Option<bool>,
) -> Option<Diagnostic> {
    let plan = places.plan;
    let turned = &plan.loops[l.0 as usize];
    let target = &plan.node(turned.target).id;
    let why = match truth {
        Some(true) => "this is always true".to_owned(),
        None if is_the_same(places, edge, l, when) => {
            format!("nothing in the loop changes what `{}` looks at", report::excerpt(when.source()))
        }
        Some(false) | None => return None,
    };
    let message = format!("{why}, so the loop `{target}` is never left before iteration {}", turned.max);
    let place = places.draft.nodes[turned.target.0 as usize].node.id.span;
    let found =
        Diagnostic::new(codes::ENDLESS_LOOP, when.span(), message).label(place, "the loop begins here");
    Some(found.help(if leaves_when_run_out(plan, edge) {
        "ask about something that the loop changes, or leave out `when`: it then turns until it has run out"
    } else {
        "ask about something that the loop changes, or write `loop: { …, exhausted: leave }` without `when`"
    }))
}

fn is_the_same(places: &Places<'_, '_>, edge: EdgeIx, l: LoopIx, when: &Expression) -> bool {
    let plan = places.plan;
    let inside = |node: &NodeIx| plan.node(*node).loops.contains(&l);
    // a node beside the loop may run while it turns
    let target = plan.loops[l.0 as usize].target;
    let meanwhile = |node: NodeIx| {
        inside(&node) || (leads(plan, node, target) != Some(true) && leads(plan, target, node) != Some(true))
    };
    let written = |name: &str| {
        let channel = plan.channels.iter().position(|channel| channel.name.as_str() == name);
        let writes =
            |node: &NodeIx| plan.node(*node).update.iter().any(|(to, _)| Some(to.0 as usize) == channel);
        plan.order.iter().copied().filter(writes).any(meanwhile)
    };
    let has_ended =
        |node: NodeIx| places.outcomes(Place::Edge(edge), node).is_some_and(|outcomes| !outcomes.open);
    let own = plan.edge(edge).from;
    !when.roots().is_empty()
        && when.roots().iter().all(|root| match root {
            Root::Input(_) | Root::Run => true,
            Root::Node(id) => {
                places.index.get(id.as_str()).is_some_and(|node| !inside(node) && has_ended(*node))
            }
            Root::Channel(name) => !written(name),
            Root::Loop(target) => places
                .index
                .get(target.as_str())
                .is_some_and(|node| *node != plan.loops[l.0 as usize].target && !inside(node)),
            Root::Output | Root::Error => !inside(&own),
            Root::Local(_) => false,
        })
}
