//! Conditions over few values, tried one by one: which are always or never true, which overlap, what they leave out.
//! Where the values are many, or not known, nothing is said.

use std::collections::{BTreeMap, BTreeSet};

use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::effect::ErrorKind;
use crate::expr::{Expression, Root, Subject};
use crate::plan::{EdgeIx, EdgeOutcome, NodeIx, Plan};
use crate::source::Span;
use crate::types::Step;

use super::constant::{constant, skip_condition};
use super::failing::{Guarded, Hopeless, Tried, for_a_kind, hopeless};
use super::late;
use super::places::{Facts, Place, Places};
use super::tried::{Row, Table, subjects, table};

/// What was found out of the edges of each node that decide by conditions.
pub(super) struct Decisions {
    nodes: BTreeMap<NodeIx, Decision>,
    /// Nodes that fail whatever the values are.
    pub(super) hopeless: Vec<Hopeless>,
}

/// The edges, and by combination of values which of them hold.
pub(super) type Conditional<'d> = (&'d [EdgeIx], Option<&'d Table>);

/// The conditional edges of one node.
struct Decision {
    edges: Vec<EdgeIx>,
    /// Where all values could be tried.
    table: Option<Table>,
}

impl Decisions {
    pub(super) fn of(places: &Places<'_, '_>, diagnostics: &mut Diagnostics) -> Self {
        let plan = places.plan;
        let mut decisions = Self { nodes: BTreeMap::new(), hopeless: Vec::new() };
        let guarded = Guarded::of(plan);
        for &at in &plan.order {
            let mut tried = Vec::new();
            if let Some(when) = &plan.node(at).skip_when {
                let one = Tried::of(places, Place::Node(at), at, when);
                skip_condition(places, at, when, one.alone.as_ref(), diagnostics);
                tried.push(one);
            }
            let (mut edges, mut told) = (Vec::new(), Vec::new());
            for &edge in &plan.node(at).outgoing {
                let Some(when) = &plan.edge(edge).when else { continue };
                let one = Tried::of(places, Place::Edge(edge), at, when);
                if constant(places, edge, one.alone.as_ref(), diagnostics) {
                    told.push(edge);
                }
                if plan.edge(edge).outcome == EdgeOutcome::Success {
                    edges.push(edge);
                }
                tried.push(one);
            }
            if tried.is_empty() {
                continue;
            }
            let decision = Decision { table: table(places, &edges), edges };
            match hopeless(places, at, &tried, decision.table.as_ref()) {
                Some(found) => decisions.hopeless.push(found),
                None => for_a_kind(places, at, &tried, &guarded, diagnostics),
            }
            decision.report(places, at, &told, diagnostics);
            decisions.nodes.insert(at, decision);
        }
        decisions
    }

    /// The edges of a node that decide by conditions, after success; and, where that could be tried, which of them hold
    /// together.
    pub(super) fn conditional(&self, at: NodeIx) -> Option<Conditional<'_>> {
        let decision = self.nodes.get(&at).filter(|decision| !decision.edges.is_empty())?;
        Some((&decision.edges, decision.table.as_ref()))
    }

    /// Can two edges of one node never be taken together?
    pub(super) fn exclude(&self, places: &Places<'_, '_>, a: EdgeIx, b: EdgeIx) -> bool {
        let plan = places.plan;
        let (one, other) = (plan.edge(a), plan.edge(b));
        if one.from != other.from || a == b {
            return false;
        }
        match (&one.outcome, &other.outcome) {
            (EdgeOutcome::Always, _) | (_, EdgeOutcome::Always) => {
                let (ends, others) = (ends(places, a), ends(places, b));
                ends.zip(others).is_some_and(|(ends, others)| ends.is_disjoint(&others))
            }
            (EdgeOutcome::Otherwise, EdgeOutcome::Otherwise) => false,
            (EdgeOutcome::Catch(caught), EdgeOutcome::Catch(others)) => {
                kinds(places, a, caught).is_disjoint(&kinds(places, b, others))
            }
            (EdgeOutcome::Catch(_) | EdgeOutcome::Otherwise, _)
            | (_, EdgeOutcome::Catch(_) | EdgeOutcome::Otherwise) => true,
            (EdgeOutcome::Success, EdgeOutcome::Success) => self.never_both(places, one.from, (a, b)),
        }
    }

    fn never_both(&self, places: &Places<'_, '_>, at: NodeIx, (a, b): (EdgeIx, EdgeIx)) -> bool {
        let (one, other) = (&places.plan.edge(a).when, &places.plan.edge(b).when);
        if one.as_ref().zip(other.as_ref()).is_some_and(|(one, other)| one.opposes(other)) {
            return true;
        }
        let Some(decision) = self.nodes.get(&at) else { return false };
        let place = |edge| decision.edges.iter().position(|known| *known == edge);
        match (&decision.table, place(a), place(b)) {
            (Some(table), Some(a), Some(b)) => table.exclude(a, b),
            // all conditions of the node are too many to be tried together; these two are not
            (None, Some(_), Some(_)) => table(places, &[a, b]).is_some_and(|table| table.exclude(0, 1)),
            _ => false,
        }
    }
}

impl Decision {
    /// Conditions that overlap, and values that they leave out, or don't. Of some edges it is `told` that their conditions are
    /// the same whatever happens: what follows from that is not said again.
    fn report(&self, places: &Places<'_, '_>, at: NodeIx, told: &[EdgeIx], diagnostics: &mut Diagnostics) {
        let Some(table) = self.table.as_ref().filter(|table| !table.is_hopeless()) else { return };
        for &edge in &places.plan.node(at).outgoing {
            let otherwise = places.plan.edge(edge).outcome == EdgeOutcome::Otherwise;
            if otherwise && self.leaves_nothing(places.plan, table, told, edge) {
                self.idle(places, edge, diagnostics);
            }
        }
        if !told.is_empty() || self.edges.len() < 2 || table.is_loose() || !table.failed.is_empty() {
            return;
        }
        let plan = places.plan;
        let own = |edge: EdgeIx| {
            let when = plan.edge(edge).when.as_ref();
            when.and_then(|when| subjects(places, Place::Edge(edge), at, when))
                .map(|subjects| subjects.domains().len())
        };
        let one_subject = table.domains.len() == 1 && self.edges.iter().all(|edge| own(*edge) == Some(1));
        if one_subject && let Some((row, a, b)) = self.overlap(plan, table) {
            diagnostics.push(overlapping(places, table, row, a, b));
        }
        let outgoing = plan.node(at).outgoing.iter().map(|edge| plan.edge(*edge));
        let mut in_any_case = outgoing.filter(|edge| {
            edge.outcome == EdgeOutcome::Otherwise
                || (edge.outcome == EdgeOutcome::Success && edge.when.is_none())
        });
        if in_any_case.next().is_none()
            && self.are_about_one_thing(places, at)
            && let Some(row) = table.rows.iter().find(|row| !row.holds.contains(&true))
        {
            diagnostics.push(self.incomplete(places, at, table, row));
        }
    }

    /// Is one of the edges taken whatever the values are, so that nothing is left for an `otherwise`? Those are left out of
    /// which it is `told` that they are taken always or never.
    fn leaves_nothing(&self, plan: &Plan, table: &Table, told: &[EdgeIx], otherwise: EdgeIx) -> bool {
        // once its loop has run out, an edge that may leave it counts as not taken, where that is known in time
        let stays = |edge: EdgeIx| !leaves_when_run_out(plan, edge) || late::is_late(plan, edge, otherwise);
        let counts = |edge: &EdgeIx| stays(*edge) && !told.contains(edge);
        let taken = |row: &Row| {
            let mut held = self.edges.iter().zip(&row.holds);
            held.any(|(edge, holds)| *holds && counts(edge))
        };
        table.rows.iter().all(taken)
    }

    /// Tells of an `otherwise` beside conditions that leave nothing out.
    fn idle(&self, places: &Places<'_, '_>, edge: EdgeIx, diagnostics: &mut Diagnostics) {
        let plan = places.plan;
        let Some(link) = places.draft.links.get(edge.0 as usize) else { return };
        let name = places.draft.name_of(link);
        let message = format!("one of the conditions beside it always holds, so `{name}` is never taken");
        let mut found = Diagnostic::new(codes::CONSTANT_CONDITION, places.draft.span_of(link.edge), message);
        for span in self.edges.iter().filter_map(|edge| span(places, *edge)).take(3) {
            found = found.label(span, "one of the conditions");
        }
        let target = plan.node(plan.edge(edge).to);
        if target.incoming[..] == [edge] {
            let place = places.draft.nodes[plan.edge(edge).to.0 as usize].node.id.span;
            found = found.label(place, format!("so `{}` never starts", target.id));
        }
        diagnostics
            .push(found.help("remove the edge, or write `otherwise: true` in place of the last `when`"));
    }

    /// Does each condition look at something that another one looks at? Steps that are optional for reasons of their own
    /// leave nothing out.
    fn are_about_one_thing(&self, places: &Places<'_, '_>, at: NodeIx) -> bool {
        let mut open: Vec<BTreeSet<Subject>> = Vec::with_capacity(self.edges.len());
        for &edge in &self.edges {
            let when = places.plan.edge(edge).when.as_ref();
            let Some(found) = when.and_then(|when| subjects(places, Place::Edge(edge), at, when)) else {
                return false;
            };
            let mut joined: BTreeSet<Subject> =
                found.domains().into_iter().map(|domain| domain.subject).collect();
            open.retain(|group| {
                let apart = group.is_disjoint(&joined);
                if !apart {
                    joined.extend(group.iter().cloned());
                }
                apart
            });
            open.push(joined);
        }
        open.len() == 1
    }

    fn overlap<'t>(&self, plan: &Plan, table: &'t Table) -> Option<(&'t Row, EdgeIx, EdgeIx)> {
        let source = |edge: EdgeIx| plan.edge(edge).when.as_ref().map(Expression::source);
        table.rows.iter().find_map(|row| {
            let mut holding =
                self.edges.iter().zip(&row.holds).filter(|(_, holds)| **holds).map(|(edge, _)| *edge);
            let first = holding.next()?;
            // the same words twice are meant so
            let second = holding.find(|edge| source(*edge) != source(first))?;
            Some((row, first, second))
        })
    }

    fn incomplete(&self, places: &Places<'_, '_>, at: NodeIx, table: &Table, row: &Row) -> Diagnostic {
        let id = &places.plan.node(at).id;
        let message = format!("no edge of `{id}` is taken where {}", table.values(row));
        let spans = self.edges.iter().filter_map(|edge| span(places, *edge));
        let mut found = Diagnostic::new(
            codes::INCOMPLETE_CONDITIONS,
            places.draft.nodes[at.0 as usize].node.id.span,
            message,
        );
        for span in spans.take(3) {
            found = found.label(span, "one of its conditions");
        }
        found.help(format!("add `{{ from: {id}, to: …, otherwise: true }}`"))
    }
}

/// The statuses of its source with which an edge may be taken; `None` where that is not known.
fn ends(places: &Places<'_, '_>, at: EdgeIx) -> Option<BTreeSet<String>> {
    let edge = places.plan.edge(at);
    let words = |words: &[&str]| Some(words.iter().map(ToString::to_string).collect());
    let by_outcome: Option<BTreeSet<String>> = match &edge.outcome {
        EdgeOutcome::Success | EdgeOutcome::Otherwise => words(&["succeeded", "skipped"]),
        EdgeOutcome::Catch(_) => words(&["failed"]),
        EdgeOutcome::Always => None,
    };
    let asked = edge.when.as_ref().and_then(|when| {
        let own = Root::Node(places.plan.node(edge.from).id.to_string());
        asked_for(places, at, when, &own, "status")
    });
    match (by_outcome, asked) {
        (Some(ends), Some(asked)) => Some(ends.intersection(&asked).cloned().collect()),
        (ends, asked) => ends.or(asked),
    }
}

/// The kinds of failures for which an edge may be taken that catches some.
fn kinds(places: &Places<'_, '_>, at: EdgeIx, caught: &[ErrorKind]) -> BTreeSet<String> {
    let caught: BTreeSet<String> = caught.iter().map(|kind| kind.as_str().to_owned()).collect();
    let when = places.plan.edge(at).when.as_ref();
    match when.and_then(|when| asked_for(places, at, when, &Root::Error, "kind")) {
        Some(asked) => caught.intersection(&asked).cloned().collect(),
        None => caught,
    }
}

/// The words that a part of a root is one of where a condition holds; `None` where they are not few.
fn asked_for(
    places: &Places<'_, '_>,
    at: EdgeIx,
    when: &Expression,
    root: &Root,
    part: &str,
) -> Option<BTreeSet<String>> {
    let mut facts = Facts::new();
    places.learn(Place::Edge(at), &mut facts, when, &|known| when.assume(true, known));
    let words = facts.get(root)?.at(&[Step::Field(part.to_owned())])?.ty.values()?;
    words.iter().map(|word| word.as_str().map(str::to_owned)).collect()
}

/// Does a loop edge count as not taken, once its loop has run out?
pub(super) fn leaves_when_run_out(plan: &Plan, edge: EdgeIx) -> bool {
    plan.edge(edge).turns.is_some_and(|l| {
        let turned = &plan.loops[l.0 as usize];
        let place = turned.edges.iter().position(|known| *known == edge);
        place.and_then(|place| turned.leave.get(place)).copied().unwrap_or(false)
    })
}

fn overlapping(places: &Places<'_, '_>, table: &Table, row: &Row, a: EdgeIx, b: EdgeIx) -> Diagnostic {
    let name = |edge: EdgeIx| {
        places.draft.links.get(edge.0 as usize).map_or_else(String::new, |link| places.draft.name_of(link))
    };
    let message = format!("`{}` and `{}` are both taken where {}", name(a), name(b), table.values(row));
    let place = span(places, b).unwrap_or(places.draft.graph.span);
    let found = Diagnostic::new(codes::OVERLAPPING_CONDITIONS, place, message);
    let found = match span(places, a) {
        Some(span) => found.label(span, "the other condition"),
        None => found,
    };
    found
        .help("change one of the conditions so that they exclude each other, or give both edges the same one")
}

fn span(places: &Places<'_, '_>, edge: EdgeIx) -> Option<Span> {
    places.plan.edge(edge).when.as_ref().map(Expression::span)
}
