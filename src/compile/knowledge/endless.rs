//! Loop edges that are taken in every iteration, so that the loop runs out: by a condition that is the same whatever happens,
//! which is a warning, or without one, where only `exhausted: leave` lets their source succeed.

use std::collections::BTreeMap;

use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::expr::{Expression, Root};
use crate::model::Join;
use crate::plan::{EdgeIx, EdgeOutcome, LoopIx, NodeIx, Plan, PlanEdge, PlanLoop};

use super::conditions::leaves_when_run_out;
use super::flow::by_source;
use super::places::{Place, Places};
use super::report;
use super::search::leads;

/// Nodes of its body that are looked at for all edges of a loop.
const MOST: usize = 1_000_000;

/// Loop edges without a condition that fail their source in the last iteration, always.
pub(super) fn check(places: &Places<'_, '_>, diagnostics: &mut Diagnostics) {
    let plan = places.plan;
    for edge in plan.loops.iter().flat_map(|turned| turned.edges.iter().copied()) {
        let found = plan.edge(edge);
        let bare = found.outcome == EdgeOutcome::Success && found.when.is_none();
        let clause = places.draft.links.get(edge.0 as usize).and_then(|link| link.edge.repeat.as_ref());
        let Some(clause) = clause.filter(|_| bare && !leaves_when_run_out(plan, edge)) else { continue };
        if !Iteration::always_turns(plan, edge) {
            continue;
        }
        let message = "a loop edge without a condition, and no other way out, fails its source in the last iteration, always";
        let found = match &clause.exhausted {
            Some(rule) => Diagnostic::new(codes::BAD_VALUE, rule.span, message),
            None => Diagnostic::new(codes::MISSING_KEY, clause.span, message),
        };
        diagnostics.push(found.help("write `exhausted: leave`, or give the edge a condition with `when`"));
    }
}

/// A loop edge whose condition, of this `truth`, holds in every iteration if it does in one, and that is reached in each.
pub(super) fn endless(
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
    if !Iteration::always_turns(plan, edge) {
        return None;
    }
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

/// What of the body of a loop leads to the source of one of its edges, unless something fails that nothing catches.
struct Iteration<'p> {
    plan: &'p Plan,
    turned: LoopIx,
    source: NodeIx,
    /// Is it started in every iteration?
    started: BTreeMap<NodeIx, bool>,
    /// Once it has started, does the source succeed?
    hits: BTreeMap<NodeIx, bool>,
}

impl<'p> Iteration<'p> {
    /// Does the source of a loop edge succeed in every iteration that comes to its end? Of many edges of a large body that is
    /// not asked.
    fn always_turns(plan: &'p Plan, edge: EdgeIx) -> bool {
        let edge = plan.edge(edge);
        let Some(turned) = edge.turns.filter(|_| edge.outcome == EdgeOutcome::Success) else { return false };
        let PlanLoop { body, edges, .. } = &plan.loops[turned.0 as usize];
        if body.len().saturating_mul(edges.len()) > MOST {
            return false;
        }
        let mut iteration =
            Self { plan, turned, source: edge.from, started: BTreeMap::new(), hits: BTreeMap::new() };
        for at in body {
            let started = iteration.is_started(*at);
            iteration.started.insert(*at, started);
        }
        for at in body.iter().rev() {
            let hits = iteration.leads_on(*at);
            iteration.hits.insert(*at, hits);
        }
        iteration.hits.get(&plan.loops[turned.0 as usize].target).copied().unwrap_or(false)
    }

    fn is_started(&self, at: NodeIx) -> bool {
        let node = self.plan.node(at);
        if at == self.plan.loops[self.turned.0 as usize].target {
            return true;
        }
        let surely = |edge: &EdgeIx| {
            let edge = self.plan.edge(*edge);
            let started = self.started.get(&edge.from).copied().unwrap_or(false);
            started && is_plain(edge) && !self.catches(edge.from)
        };
        match node.join {
            Join::Some => node.incoming.iter().any(surely),
            Join::All => by_source(self.plan, node).iter().all(|edges| edges.iter().any(surely)),
        }
    }

    fn leads_on(&self, at: NodeIx) -> bool {
        let edges = || self.plan.node(at).outgoing.iter().map(|edge| self.plan.edge(*edge));
        // an inner loop that turns is left at last; then its edges count as not taken, or fail their source
        let inner = |edge: &PlanEdge| {
            edge.turns.is_some_and(|l| {
                l != self.turned && self.plan.loops[l.0 as usize].outer.contains(&self.turned)
            })
        };
        let hits = |edge: &PlanEdge| edge.turns.is_none() && self.starts(edge.to);
        let mut caught = edges().filter(|edge| matches!(edge.outcome, EdgeOutcome::Catch(_)) && !inner(edge));
        if !caught.all(|edge| edge.turns == Some(self.turned) || hits(edge)) {
            return false;
        }
        if at == self.source || edges().any(|edge| is_plain(edge) && hits(edge)) {
            return true;
        }
        let chosen =
            || edges().filter(|edge| matches!(edge.outcome, EdgeOutcome::Success | EdgeOutcome::Otherwise));
        chosen().any(|edge| edge.outcome == EdgeOutcome::Otherwise)
            && chosen().filter(|edge| !inner(edge)).all(hits)
    }

    /// Once an edge to the node is taken, does it start, and lead to the source?
    fn starts(&self, at: NodeIx) -> bool {
        let node = self.plan.node(at);
        let alone = node.join == Join::Some || by_source(self.plan, node).len() < 2;
        self.hits.get(&at).copied().unwrap_or(false)
            && (alone || self.started.get(&at).copied().unwrap_or(false))
    }

    fn catches(&self, at: NodeIx) -> bool {
        let mut edges = self.plan.node(at).outgoing.iter().map(|edge| self.plan.edge(*edge));
        edges.any(|edge| matches!(edge.outcome, EdgeOutcome::Catch(_)))
    }
}

/// Is it taken whenever its source has succeeded?
fn is_plain(edge: &PlanEdge) -> bool {
    matches!(edge.outcome, EdgeOutcome::Success | EdgeOutcome::Always)
        && edge.when.is_none()
        && edge.turns.is_none()
}
