//! Builds the plan: everything that the checks have looked at, compiled and put in order.

mod action;
mod node;
mod sections;

use std::ops::Range;

use crate::diag::Diagnostics;
use crate::digest::Digest;
use crate::effect::ErrorKind;
use crate::model::{ExhaustedRule, LoopClause};
use crate::plan::{
    Apart, EdgeIx, EdgeOutcome, Extent, Flow, LoopIx, NodeIx, Plan, PlanEdge, PlanLoop, PlanNode, cycles,
    sidesteps,
};

use super::beside::{MANY, beside};
use super::draft::{Class, Draft, Link};
use super::expressions;
use super::scope::{Local, Names, Place};

/// What building needs at every step.
struct Builder<'b, 'a> {
    draft: &'b Draft<'a>,
    names: &'b Names,
    /// The node whose expressions are compiled.
    reader: Option<&'a str>,
    diagnostics: &'b mut Diagnostics,
}

/// The nodes; `None` for one of which a part could not be compiled. All of it is tried in any case.
pub(super) fn nodes(
    draft: &Draft<'_>,
    names: &Names,
    diagnostics: &mut Diagnostics,
) -> Vec<Option<PlanNode>> {
    let part = |places: Range<usize>| {
        let mut found = Diagnostics::default();
        let mut builder = Builder { draft, names, reader: None, diagnostics: &mut found };
        let nodes: Vec<Option<PlanNode>> = places.map(|at| builder.node(at)).collect();
        (nodes, found)
    };
    let (all, half) = (draft.nodes.len(), draft.nodes.len() / 2);
    let ((mut nodes, found), (others, more)) = beside(all >= MANY, || part(0..half), || part(half..all));
    nodes.extend(others);
    diagnostics.append(found);
    diagnostics.append(more);
    nodes
}

/// The plan without its digest, or `None` where any part of it could not be compiled; all of it is tried in any case.
pub(super) fn plan(
    draft: &Draft<'_>,
    names: &Names,
    nodes: Vec<Option<PlanNode>>,
    diagnostics: &mut Diagnostics,
) -> Option<Plan> {
    let mut builder = Builder { draft, names, reader: None, diagnostics };
    let edges: Vec<PlanEdge> = draft.links.iter().map(|link| builder.edge(link)).collect();
    builder.reader = None;
    let outputs = builder.outputs();
    let channels = builder.channels();
    let nodes = nodes.into_iter().collect::<Option<Vec<_>>>()?;
    let flow = flow(draft)?;
    let mut plan = Plan {
        name: draft.graph.name.value.clone(),
        digest: Digest::of(""),
        inputs: sections::inputs(draft),
        extent: Extent::of(&nodes),
        nodes,
        edges,
        loops: loops(draft, &flow),
        channels: channels?,
        order: flow.order.iter().map(|&at| NodeIx(at)).collect(),
        rank: flow.ranks(),
        outputs: outputs?,
        budgets: sections::budgets(draft),
        concurrency: draft.graph.concurrency.max.as_ref().map(|max| max.value),
        groups: sections::groups(draft),
        policy: draft.graph.policy.iter().map(|layer| layer.value.clone()).collect(),
        apart: Apart::default(),
        file: String::new(),
        place: "".into(),
    };
    connect(&mut plan, draft, &flow);
    Some(plan)
}

/// The loops and the order, if the shape is sound; what is not has been reported.
pub(super) fn flow(draft: &Draft<'_>) -> Option<Flow> {
    let (count, arrows) = (draft.nodes.len(), draft.arrows());
    let sound = draft.is_whole() && cycles(count, &arrows).is_empty() && sidesteps(count, &arrows).is_empty();
    sound.then(|| Flow::of(count, &arrows)).flatten()
}

/// Tells nodes of their edges and loops, and edges of the loops that they turn and leave.
fn connect(plan: &mut Plan, draft: &Draft<'_>, flow: &Flow) {
    for (at, link) in draft.links.iter().enumerate() {
        plan.nodes[link.from as usize].outgoing.push(EdgeIx(at as u32));
        if !link.turns() {
            plan.nodes[link.to as usize].incoming.push(EdgeIx(at as u32));
        }
        plan.edges[at].leaves = flow.leaves(link.from, link.to).into_iter().map(LoopIx).collect();
    }
    for (at, body) in flow.loops.iter().enumerate() {
        for &edge in &body.arrows {
            plan.edges[edge].turns = Some(LoopIx(at as u32));
        }
    }
    for (node, around) in plan.nodes.iter_mut().zip(&flow.around) {
        node.loops = around.iter().map(|&at| LoopIx(at)).collect();
    }
}

fn loops(draft: &Draft<'_>, flow: &Flow) -> Vec<PlanLoop> {
    let clause = |edge: usize| draft.links[edge].edge.repeat.as_ref();
    let leaves = |clause: &LoopClause| {
        clause.exhausted.as_ref().is_some_and(|rule| rule.value == ExhaustedRule::Leave)
    };
    let outer = |at: usize, target: u32| {
        let around = flow.around[target as usize].iter();
        around.take_while(|&&outer| outer as usize != at).map(|&outer| LoopIx(outer)).collect()
    };
    let built = |(at, body): (usize, &crate::plan::Body)| PlanLoop {
        target: NodeIx(body.target),
        body: body.nodes.iter().map(|&node| NodeIx(node)).collect(),
        edges: body.arrows.iter().map(|&edge| EdgeIx(edge as u32)).collect(),
        max: body.arrows.first().and_then(|&edge| clause(edge)).map_or(1, |clause| clause.max.value),
        leave: body.arrows.iter().map(|&edge| clause(edge).is_some_and(leaves)).collect(),
        delay: body
            .arrows
            .iter()
            .find_map(|&edge| clause(edge)?.delay.as_ref())
            .map(|delay| delay.value)
            .unwrap_or_default(),
        outer: outer(at, body.target),
    };
    flow.loops.iter().enumerate().map(built).collect()
}

impl<'b> Builder<'b, '_> {
    /// Where the expressions of the present node stand.
    fn place<'p>(&self, locals: &'p [Local]) -> Place<'p>
    where
        'b: 'p,
    {
        Place { reader: self.reader, locals, ..Place::new(self.names) }
    }

    fn edge(&mut self, link: &Link<'_>) -> PlanEdge {
        let output = self.names.nodes.get(self.draft.id(link.from));
        self.reader = Some(self.draft.id(link.from));
        let place = Place { output, error: true, ..self.place(&[]) };
        let when = link.edge.when.as_ref();
        PlanEdge {
            from: NodeIx(link.from),
            to: NodeIx(link.to),
            outcome: outcome(link),
            when: when.map(|text| expressions::expression(text, &place, self.diagnostics)),
            turns: None,
            leaves: Vec::new(),
        }
    }
}

fn outcome(link: &Link<'_>) -> EdgeOutcome {
    match link.class {
        Class::Success => EdgeOutcome::Success,
        Class::Otherwise => EdgeOutcome::Otherwise,
        Class::Always => EdgeOutcome::Always,
        Class::Catch => EdgeOutcome::Catch(kinds(link.edge.catch.iter().map(|kind| kind.value.as_str()))),
    }
}

/// The kinds behind some words, `any` spelled out.
fn kinds<'w>(words: impl Iterator<Item = &'w str>) -> Vec<ErrorKind> {
    let mut kinds: Vec<ErrorKind> = words
        .flat_map(|word| match word {
            "any" => ErrorKind::ANY.to_vec(),
            word => vec![ErrorKind::parse(word)],
        })
        .collect();
    kinds.sort();
    kinds.dedup();
    kinds
}
