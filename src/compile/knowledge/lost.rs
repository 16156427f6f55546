//! Failures that an edge catches, and that nothing then handles: the node that it leads to may not start, or the loop
//! may turn before the edge is followed.

use std::collections::BTreeSet;

use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::effect::ErrorKind;
use crate::model::Join;
use crate::plan::{Action, EdgeIx, EdgeOutcome, LoopIx, NodeIx};

use super::conditions::leaves_when_run_out;
use super::courses::{Must, Question};
use super::flow::by_source;
use super::places::Places;

/// `dead`: nodes of which it is told already that they never start.
pub(super) fn check(places: &Places<'_, '_>, dead: &BTreeSet<NodeIx>, diagnostics: &mut Diagnostics) {
    let plan = places.plan;
    for (at, edge) in (0..).map(EdgeIx).zip(&plan.edges) {
        if !matches!(edge.outcome, EdgeOutcome::Catch(_)) || edge.turns.is_some() || dead.contains(&edge.to) {
            continue;
        }
        let found = turned_past(places, at).or_else(|| not_joined(places, at));
        diagnostics.extend(found);
    }
}

/// The edge leaves a loop that may turn in the iteration of the failure: it is followed when the loop is over.
fn turned_past(places: &Places<'_, '_>, at: EdgeIx) -> Option<Diagnostic> {
    let plan = places.plan;
    let edge = plan.edge(at);
    let turning = edge.leaves.iter().filter(|l| !has_run_out(places, at, **l)).find_map(|l| {
        let turned = &plan.loops[l.0 as usize];
        let mut edges = turned.edges.iter().copied();
        edges.find(|turning| turns_anyway(places, edge.from, *turning)).map(|turning| (*l, turning))
    });
    let (l, turning): (LoopIx, EdgeIx) = turning?;
    if is_handled_inside(places, at, l) {
        return None;
    }
    let target = &plan.node(plan.loops[l.0 as usize].target).id;
    let message = format!(
        "`{}` is followed when the loop `{target}` is over: a failure in an iteration after which it turns is handled by nothing",
        name(places, at)
    );
    let found = Diagnostic::new(codes::LOST_FAILURE, span(places, at), message)
        .label(span(places, turning), "this edge may turn the loop after the failure");
    let help = format!(
        "catch it in the loop, by a node of its body, or turn the loop only after the success of `{}`",
        plan.node(edge.from).id
    );
    Some(found.help(help))
}

/// Is the failure that of a loop which has had its iterations, so that it does not turn any more?
fn has_run_out(places: &Places<'_, '_>, at: EdgeIx, l: LoopIx) -> bool {
    let plan = places.plan;
    let edge = plan.edge(at);
    let EdgeOutcome::Catch(kinds) = &edge.outcome else { return false };
    // the loop of a subgraph runs out at any time
    let own = !matches!(plan.node(edge.from).action, Action::Graph { .. });
    let within =
        |turned: LoopIx| turned == l || !plan.node(plan.loops[turned.0 as usize].target).loops.contains(&l);
    // one that is left when it has run out fails nothing
    let failing = plan.node(edge.from).outgoing.iter().filter(|at| !leaves_when_run_out(plan, **at));
    let turns = failing.filter_map(|at| plan.edge(*at).turns);
    own && kinds.iter().all(|kind| *kind == ErrorKind::Exhausted) && turns.into_iter().all(within)
}

/// May a loop edge be taken in an iteration in which the node has failed?
fn turns_anyway(places: &Places<'_, '_>, failed: NodeIx, turning: EdgeIx) -> bool {
    let edge = places.plan.edge(turning);
    // one that catches the failure handles it
    edge.from != failed && !places.flow.follows(edge.from, failed) && !is_behind(places, failed, edge.from)
}

/// Does one node start by the success of another alone, so far as the ways tell?
fn is_behind(places: &Places<'_, '_>, failed: NodeIx, at: NodeIx) -> bool {
    let before = places.outcomes(super::places::Place::Node(at), failed);
    before.is_some_and(|ends| ends.unknown || (ends.succeeded && !ends.failed && !ends.open))
}

/// Does another edge catch all of it within the body?
fn is_handled_inside(places: &Places<'_, '_>, at: EdgeIx, l: LoopIx) -> bool {
    let plan = places.plan;
    let edge = plan.edge(at);
    let EdgeOutcome::Catch(kinds) = &edge.outcome else { return true };
    let beside = plan.node(edge.from).outgoing.iter().map(|edge| plan.edge(*edge));
    let inside: Vec<_> =
        beside.filter(|edge| edge.when.is_none() && plan.node(edge.to).loops.contains(&l)).collect();
    kinds.iter().all(|kind| {
        inside.iter().any(|edge| matches!(&edge.outcome, EdgeOutcome::Catch(kinds) if kinds.contains(kind)))
    })
}

/// The edge leads to a node that waits for other sources as well, and may not start.
fn not_joined(places: &Places<'_, '_>, at: EdgeIx) -> Option<Diagnostic> {
    let plan = places.plan;
    let edge = plan.edge(at);
    let node = plan.node(edge.to);
    if node.join != Join::All || by_source(plan, node).len() < 2 {
        return None;
    }
    let question = Question { heals: Some(edge.from), must: Some(Must::Take(at)), ..Question::default() };
    if places.courses.as_ref()?.holds(&question) != Some(false) {
        return None;
    }
    let id = &node.id;
    let message = format!(
        "`{}` catches a failure, and `{id}` may still not start: it waits for all its sources. The failure is then handled by nothing",
        name(places, at)
    );
    let joined = places.draft.nodes[edge.to.0 as usize].node.id.span;
    let found = Diagnostic::new(codes::LOST_FAILURE, span(places, at), message)
        .label(joined, format!("`{id}` has `join: all`"));
    Some(
        found
            .help(format!("lead the failure to a node of its own, or give `{id}` the default, `join: some`")),
    )
}

fn name(places: &Places<'_, '_>, at: EdgeIx) -> String {
    places.draft.links.get(at.0 as usize).map_or_else(String::new, |link| places.draft.name_of(link))
}

fn span(places: &Places<'_, '_>, at: EdgeIx) -> crate::source::Span {
    let link = places.draft.links.get(at.0 as usize);
    link.map_or(places.draft.graph.span, |link| places.draft.span_of(link.edge))
}
