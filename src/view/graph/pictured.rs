//! The picture of a plan. A subgraph is drawn from inside, where the whole stays readable. Places nothing.

use crate::layout::End;
use crate::plan::{Action, EdgeOutcome, LoopIx, NodeIx, Plan, PlanEdge, PlanNode};

use super::facts::{loop_facts, node_facts};
use super::labels;
use super::picture::{EdgeKind, Picture, PictureEdge, PictureNode, PictureRegion, RegionKind};

/// With more nodes than this, subgraphs are drawn as nodes.
const OPENED: usize = 500;

impl Picture {
    /// What is drawn of a plan.
    pub fn of(plan: &Plan) -> Self {
        let mut picture = Self { title: plan.name.clone(), ..Self::default() };
        let open = fits(plan, &mut { OPENED });
        Drawn { picture: &mut picture, open }.add(plan, "", None);
        let closed = plan.nodes.iter().filter(|node| matches!(node.action, Action::Graph { .. })).count();
        if !open && closed > 0 {
            picture.about = format!(
                "Its {closed} subgraphs are drawn as nodes, because there are more than {OPENED} nodes with them"
            );
        }
        picture
    }
}

/// Are there at most `left` nodes, with those of subgraphs?
fn fits(plan: &Plan, left: &mut usize) -> bool {
    let Some(rest) = left.checked_sub(plan.nodes.len()) else { return false };
    *left = rest;
    plan.nodes.iter().all(|node| match &node.action {
        // an empty subgraph takes room as well
        Action::Graph { plan, .. } => left.checked_sub(1).is_some_and(|rest| {
            *left = rest;
            fits(plan, left)
        }),
        _ => true,
    })
}

/// A picture that is being made.
struct Drawn<'p> {
    picture: &'p mut Picture,
    open: bool,
}

impl Drawn<'_> {
    /// Adds a graph; `above` stands before the ids of its nodes, and `outer` is the region that it is in.
    fn add(&mut self, plan: &Plan, above: &str, outer: Option<usize>) {
        let first = self.picture.regions.len();
        let region = |of: Option<&LoopIx>| of.map_or(outer, |of| Some(first + of.0 as usize));
        for one in &plan.loops {
            let title = format!("loop {}", plan.node(one.target).id);
            self.picture.regions.push(PictureRegion {
                path: format!("{above}{}", plan.node(one.target).id),
                kind: RegionKind::Loop,
                outer: region(one.outer.last()),
                title: vec![title, labels::loop_bounds(one)],
                standing: None,
                note: None,
                tooltip: None,
                link: None,
                facts: loop_facts(plan, one),
            });
        }
        let mut ends = vec![End::Node(0); plan.nodes.len()];
        for &at in &plan.order {
            ends[at.0 as usize] = self.node(plan, at, above, region(plan.node(at).loops.last()));
        }
        for edge in &plan.edges {
            let (from, to) = (ends[edge.from.0 as usize], ends[edge.to.0 as usize]);
            let (kind, label, told) =
                (kind(edge), labels::edge(plan, edge), labels::edge_in_full(plan, edge));
            self.picture.edges.push(PictureEdge { from, to, kind, label, told, passage: None });
        }
    }

    fn node(&mut self, plan: &Plan, at: NodeIx, above: &str, region: Option<usize>) -> End {
        let node = plan.node(at);
        let (path, facts) = (format!("{above}{}", node.id), node_facts(plan, at));
        match &node.action {
            Action::Graph { plan: inner, .. } if self.open && !inner.nodes.is_empty() => {
                self.picture.regions.push(PictureRegion {
                    path: path.clone(),
                    kind: RegionKind::Subgraph,
                    outer: region,
                    title: subgraph_title(node, inner),
                    standing: None,
                    note: None,
                    tooltip: None,
                    link: None,
                    facts,
                });
                let own = self.picture.regions.len() - 1;
                self.add(inner, &format!("{path}/"), Some(own));
                End::Region(own)
            }
            _ => {
                let lines = labels::node(node);
                self.picture.nodes.push(PictureNode { path, region, lines, facts, ..PictureNode::default() });
                End::Node(self.picture.nodes.len() - 1)
            }
        }
    }
}

fn subgraph_title(node: &PlanNode, inner: &Plan) -> Vec<String> {
    let mut title = labels::node(node);
    // in place of the word `graph`, which one it is
    if let Some(kind) = title.get_mut(1) {
        *kind = format!("graph {}", crate::view::escaped(&inner.name));
    }
    title
}

fn kind(edge: &PlanEdge) -> EdgeKind {
    match (&edge.outcome, edge.turns) {
        (_, Some(_)) => EdgeKind::Again,
        (EdgeOutcome::Success, None) => EdgeKind::Success,
        (EdgeOutcome::Otherwise, None) => EdgeKind::Otherwise,
        (EdgeOutcome::Catch(_), None) => EdgeKind::Catch,
        (EdgeOutcome::Always, None) => EdgeKind::Always,
    }
}
