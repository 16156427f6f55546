//! Loop edges that are taken in every iteration, so that the loop runs out: by a condition that is the same whatever happens,
//! which is a warning, or without one, where only `exhausted: leave` lets their source succeed.

use std::collections::{BTreeMap, BTreeSet};

use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::expr::{Expression, Root};
use crate::model::Join;
use crate::plan::{EdgeIx, EdgeOutcome, LoopIx, NodeIx, Plan, PlanEdge, PlanLoop};

use super::conditions::{Decisions, leaves_when_run_out};
use super::flow::by_source;
use super::places::{Place, Places};
use super::report;
use super::search::leads;

/// Nodes of its body that are looked at for all edges of a loop.
const MOST: usize = 1_000_000;

/// Loop edges without a condition that fail their source in the last iteration, always: one of them, or one of several in
/// each iteration.
pub(super) fn check(places: &Places<'_, '_>, decisions: &Decisions, diagnostics: &mut Diagnostics) {
    let plan = places.plan;
    for (l, turned) in (0..).map(LoopIx).zip(&plan.loops) {
        let fails = |edge: &EdgeIx| {
            let found = plan.edge(*edge);
            found.outcome == EdgeOutcome::Success && found.when.is_none() && !leaves_when_run_out(plan, *edge)
        };
        let failing: Vec<EdgeIx> = turned.edges.iter().copied().filter(fails).collect();
        if !always_turn(plan, l, &failing, Some(decisions)) {
            continue;
        }
        let alone = |edge: &EdgeIx| always_turn(plan, l, &[*edge], Some(decisions));
        let told: Vec<EdgeIx> = failing.iter().copied().filter(alone).collect();
        for edge in if told.is_empty() { failing } else { told } {
            let link = places.draft.links.get(edge.0 as usize);
            let Some(clause) = link.and_then(|link| link.edge.repeat.as_ref()) else { continue };
            let message = "a loop edge without a condition, and no other way out, fails its source in the last iteration, always";
            let found = match &clause.exhausted {
                Some(rule) => Diagnostic::new(codes::BAD_VALUE, rule.span, message),
                None => Diagnostic::new(codes::MISSING_KEY, clause.span, message),
            };
            diagnostics
                .push(found.help("write `exhausted: leave`, or give the edge a condition with `when`"));
        }
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
    if plan.edge(edge).outcome != EdgeOutcome::Success || !always_turn(plan, l, &[edge], None) {
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

/// Does the source of one of these edges of a loop succeed in every iteration that comes to its end, if no other edge turns
/// the loop before? Of many edges of a large body that is not asked.
fn always_turn(plan: &Plan, turned: LoopIx, edges: &[EdgeIx], decisions: Option<&Decisions>) -> bool {
    let PlanLoop { body, edges: all, target, .. } = &plan.loops[turned.0 as usize];
    if edges.is_empty() || body.len().saturating_mul(all.len()) > MOST {
        return false;
    }
    let sources = edges.iter().map(|edge| plan.edge(*edge).from).collect();
    let mut iteration =
        Iteration { plan, turned, sources, decisions, started: BTreeMap::new(), hits: BTreeMap::new() };
    for at in body {
        let started = iteration.is_started(*at);
        iteration.started.insert(*at, started);
    }
    for at in body.iter().rev() {
        let hits = iteration.leads_on(*at);
        iteration.hits.insert(*at, hits);
    }
    iteration.hits.get(target).copied().unwrap_or(false)
}

/// What of the body of a loop leads to the source of one of some of its edges, unless something fails that nothing catches.
struct Iteration<'p> {
    plan: &'p Plan,
    turned: LoopIx,
    sources: BTreeSet<NodeIx>,
    /// Which conditions hold together, where that is known by now.
    decisions: Option<&'p Decisions>,
    /// Is it started in every iteration?
    started: BTreeMap<NodeIx, bool>,
    /// Once it has started, does one of the sources succeed?
    hits: BTreeMap<NodeIx, bool>,
}

impl Iteration<'_> {
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
        if self.sources.contains(&at) || edges().any(|edge| is_plain(edge) && hits(edge)) {
            return true;
        }
        let chosen =
            || edges().filter(|edge| matches!(edge.outcome, EdgeOutcome::Success | EdgeOutcome::Otherwise));
        let otherwise = chosen().any(|edge| edge.outcome == EdgeOutcome::Otherwise);
        (otherwise && chosen().filter(|edge| !inner(edge)).all(&hits)) || self.one_leads_on(at, &hits)
    }

    /// Of the conditions of a node, whatever they come to, does one hold that leads on, or none, and its `otherwise` does?
    fn one_leads_on(&self, at: NodeIx, hits: &dyn Fn(&PlanEdge) -> bool) -> bool {
        let plan = self.plan;
        let found = self.decisions.and_then(|decisions| decisions.conditional(at));
        let Some((edges, Some(table))) = found else { return false };
        let leads: Vec<bool> = edges.iter().map(|edge| hits(plan.edge(*edge))).collect();
        let mut others = plan.node(at).outgoing.iter().map(|edge| plan.edge(*edge));
        let otherwise = others.any(|edge| edge.outcome == EdgeOutcome::Otherwise && hits(edge));
        !table.rows.is_empty()
            && table.rows.iter().all(|row| {
                let none = !row.holds.contains(&true);
                (none && otherwise) || row.holds.iter().zip(&leads).any(|(holds, leads)| *holds && *leads)
            })
    }

    /// Once an edge to the node is taken, does it start, and lead to one of the sources?
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
