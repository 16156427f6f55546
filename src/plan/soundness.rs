//! What makes a graph unsound: cycles that no loop edge turns, and ways into a loop that go past its target. Knows
//! nodes and edges by number alone, and is the only place that knows petgraph.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::algo::dominators;
use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use super::Arrow;
use super::flow::incoming;

/// Sidesteps that are looked into; each costs a walk through the graph, and nobody reads the thousandth.
const SIDESTEPS: usize = 1000;

/// A way round without a loop edge: the numbers of its arrows, in order, the first from the node that stands
/// first in the file.
pub type Cycle = Vec<usize>;

/// A loop arrow whose target does not dominate its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sidestep {
    /// The loop arrow.
    pub arrow: usize,
    /// The arrow by which a way to the source enters the body beside the target; `None` where an entry leads to the
    /// source and nothing on the way comes after the target.
    pub beside: Option<usize>,
    /// The entry that the way begins at.
    pub entry: u32,
    /// The nearest node that every way to the source passes.
    pub dominator: Option<u32>,
}

/// Every cycle without a loop arrow: one, the shortest, for each knot.
pub fn cycles(nodes: usize, arrows: &[Arrow]) -> Vec<Cycle> {
    let graph = forward(nodes, arrows);
    let mut found: Vec<Cycle> = kosaraju_scc(&graph)
        .into_iter()
        // not `tarjan_scc`, which recurses: a long chain would overflow the stack
        .filter(|knot| knot.len() > 1 || graph.contains_edge(knot[0], knot[0]))
        .filter_map(|knot| {
            let members: BTreeSet<u32> = knot.into_iter().map(number).collect();
            shortest_cycle(&graph, &members)
        })
        .collect();
    found.sort();
    found
}

/// Every loop arrow whose target does not dominate its source, from a root above all entries; of very many, the
/// first. The graph has no cycle without a loop arrow.
pub fn sidesteps(nodes: usize, arrows: &[Arrow]) -> Vec<Sidestep> {
    if !arrows.iter().any(|arrow| arrow.turns) {
        return Vec::new();
    }
    let dominance = Dominance::of(nodes, arrows);
    let walk = Walk::new(nodes, arrows);
    arrows
        .iter()
        .enumerate()
        .filter(|(_, arrow)| arrow.turns && !dominance.holds(arrow.to, arrow.from))
        .take(SIDESTEPS)
        .map(|(at, arrow)| walk.sidestep(at, dominance.nearest(arrow.from)))
        .collect()
}

fn number(at: NodeIndex) -> u32 {
    at.index() as u32
}

fn forward(nodes: usize, arrows: &[Arrow]) -> DiGraph<(), usize> {
    let mut graph = DiGraph::with_capacity(nodes + 1, arrows.len());
    for _ in 0..nodes {
        graph.add_node(());
    }
    for (at, arrow) in arrows.iter().enumerate().filter(|(_, arrow)| !arrow.turns) {
        graph.add_edge(NodeIndex::new(arrow.from as usize), NodeIndex::new(arrow.to as usize), at);
    }
    graph
}

/// Breadth first from the member that stands first in the file, back to it: every member of a knot lies on a cycle.
fn shortest_cycle(graph: &DiGraph<(), usize>, members: &BTreeSet<u32>) -> Option<Cycle> {
    use petgraph::visit::EdgeRef as _;
    let start = *members.first()?;
    let mut came_by: BTreeMap<u32, (u32, usize)> = BTreeMap::new();
    let mut queue = std::collections::VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        let mut edges: Vec<(u32, usize)> = graph
            .edges(NodeIndex::new(at as usize))
            .map(|edge| (number(edge.target()), *edge.weight()))
            .filter(|(to, _)| members.contains(to))
            .collect();
        edges.sort_by_key(|&(_, arrow)| arrow);
        for (to, arrow) in edges {
            if to == start {
                return Some(way_back(&came_by, start, at, arrow));
            }
            came_by.entry(to).or_insert_with(|| {
                queue.push_back(to);
                (at, arrow)
            });
        }
    }
    None
}

fn way_back(came_by: &BTreeMap<u32, (u32, usize)>, start: u32, last: u32, closing: usize) -> Cycle {
    let mut cycle = vec![closing];
    let mut at = last;
    while at != start {
        let (before, arrow) = came_by[&at];
        cycle.push(arrow);
        at = before;
    }
    cycle.reverse();
    cycle
}

/// The dominator tree, with the times of a walk through it: one node dominates another if its visit encloses the
/// other's.
struct Dominance {
    /// By node: enter and leave times; `None` for what no entry reaches.
    visits: Vec<Option<(u32, u32)>>,
    parents: Vec<Option<u32>>,
}

impl Dominance {
    fn of(nodes: usize, arrows: &[Arrow]) -> Self {
        let mut graph = forward(nodes, arrows);
        let root = graph.add_node(());
        for entry in entries(nodes, arrows) {
            graph.add_edge(root, NodeIndex::new(entry as usize), usize::MAX);
        }
        let tree = dominators::simple_fast(&graph, root);
        let mut children = vec![Vec::new(); nodes + 1];
        let mut parents = vec![None; nodes];
        for (at, above) in parents.iter_mut().enumerate() {
            if let Some(parent) = tree.immediate_dominator(NodeIndex::new(at)) {
                children[parent.index()].push(at);
                *above = (parent != root).then(|| number(parent));
            }
        }
        Self { visits: visits(nodes, &children), parents }
    }

    fn holds(&self, above: u32, below: u32) -> bool {
        match (self.visits[above as usize], self.visits[below as usize]) {
            (Some((enter, leave)), Some((at, _))) => enter <= at && at < leave,
            _ => false,
        }
    }

    fn nearest(&self, at: u32) -> Option<u32> {
        self.parents[at as usize]
    }
}

/// Walks the tree below `root` without recursion.
fn visits(root: usize, children: &[Vec<usize>]) -> Vec<Option<(u32, u32)>> {
    let mut visits = vec![None; children.len()];
    let mut clock = 0;
    let mut stack = vec![(root, 0)];
    visits[root] = Some((0, u32::MAX));
    while let Some((at, next)) = stack.pop() {
        if let Some(&child) = children[at].get(next) {
            stack.push((at, next + 1));
            clock += 1;
            visits[child] = Some((clock, u32::MAX));
            stack.push((child, 0));
        } else if let Some((_, leave)) = &mut visits[at] {
            *leave = clock + 1;
        }
    }
    visits
}

/// The nodes without incoming forward arrows.
fn entries(nodes: usize, arrows: &[Arrow]) -> Vec<u32> {
    let mut entry = vec![true; nodes];
    for arrow in arrows.iter().filter(|arrow| !arrow.turns) {
        entry[arrow.to as usize] = false;
    }
    (0..nodes as u32).filter(|&at| entry[at as usize]).collect()
}

/// The forward arrows, from both of their ends.
struct Walk<'a> {
    arrows: &'a [Arrow],
    /// By node, the numbers of the arrows to it and from it.
    incoming: Vec<Vec<usize>>,
    outgoing: Vec<Vec<usize>>,
}

impl<'a> Walk<'a> {
    fn new(nodes: usize, arrows: &'a [Arrow]) -> Self {
        let mut outgoing = vec![Vec::new(); nodes];
        for (at, arrow) in arrows.iter().enumerate().filter(|(_, arrow)| !arrow.turns) {
            outgoing[arrow.from as usize].push(at);
        }
        Self { arrows, incoming: incoming(nodes, arrows, |arrow| !arrow.turns), outgoing }
    }

    fn sidestep(&self, at: usize, dominator: Option<u32>) -> Sidestep {
        let Arrow { from: source, to: target, .. } = self.arrows[at];
        let after = self.reached(target);
        let mut seen = vec![false; self.incoming.len()];
        seen[source as usize] = true;
        let mut stack = vec![(source, None)];
        let mut entry = source;
        let mut beside = None;
        while let Some((here, entered)) = stack.pop() {
            if self.incoming[here as usize].is_empty() {
                (entry, beside) = (here, entered);
                break;
            }
            for &by in &self.incoming[here as usize] {
                let before = self.arrows[by].from;
                if before != target && !std::mem::replace(&mut seen[before as usize], true) {
                    let enters = after[here as usize] && !after[before as usize];
                    stack.push((before, if enters { Some(by) } else { entered }));
                }
            }
        }
        Sidestep { arrow: at, beside, entry, dominator }
    }

    /// What forward arrows lead to from `start`, itself included.
    fn reached(&self, start: u32) -> Vec<bool> {
        let mut seen = vec![false; self.outgoing.len()];
        seen[start as usize] = true;
        let mut stack = vec![start];
        while let Some(at) = stack.pop() {
            for &by in &self.outgoing[at as usize] {
                let to = self.arrows[by].to;
                if !std::mem::replace(&mut seen[to as usize], true) {
                    stack.push(to);
                }
            }
        }
        seen
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prop_assert, prop_assert_eq, proptest};

    use super::for_tests::{arrow, back, graphs};
    use super::*;

    #[test]
    fn finds_one_cycle_for_each_knot() {
        let arrows = [arrow(0, 1), arrow(1, 2), arrow(2, 0), arrow(2, 1), arrow(3, 3), arrow(2, 3)];
        assert_eq!(cycles(4, &arrows), [vec![0, 1, 2], vec![4]]);
        assert_eq!(cycles(2, &[arrow(0, 1), back(1, 0)]), [] as [Cycle; 0]);
    }

    #[test]
    fn names_the_arrow_that_goes_past_a_loops_target() {
        // plan -> apply -> test -> plan, and cfg -> test
        let arrows = [arrow(0, 1), arrow(1, 2), back(2, 0), arrow(3, 2)];
        let found = sidesteps(4, &arrows);
        assert_eq!(found, [Sidestep { arrow: 2, beside: Some(3), entry: 3, dominator: None }]);
        let mended = [arrow(0, 1), arrow(1, 2), back(2, 0), arrow(3, 0)];
        assert_eq!(sidesteps(4, &mended), []);
    }

    /// Does every way from an entry to `below` pass `above`? By taking `above` away.
    fn dominates(nodes: usize, arrows: &[Arrow], above: u32, below: u32) -> bool {
        let mut seen = vec![false; nodes];
        let mut stack: Vec<u32> = entries(nodes, arrows).into_iter().filter(|&at| at != above).collect();
        while let Some(at) = stack.pop() {
            if !std::mem::replace(&mut seen[at as usize], true) {
                let next = arrows.iter().filter(|a| !a.turns && a.from == at && a.to != above);
                stack.extend(next.map(|a| a.to));
            }
        }
        above == below || !seen[below as usize]
    }

    proptest! {
        #[test]
        fn dominance_is_what_taking_the_node_away_shows((nodes, arrows) in graphs()) {
            let wrong: Vec<usize> = sidesteps(nodes, &arrows).iter().map(|found| found.arrow).collect();
            let brute: Vec<usize> = (0..arrows.len())
                .filter(|&at| arrows[at].turns && !dominates(nodes, &arrows, arrows[at].to, arrows[at].from))
                .collect();
            prop_assert_eq!(wrong, brute);
        }

        #[test]
        fn a_sidesteps_help_mends_that_way_in((nodes, arrows) in graphs()) {
            for found in sidesteps(nodes, &arrows) {
                let Some(beside) = found.beside else { continue };
                let target = arrows[found.arrow].to;
                let mut mended = arrows.clone();
                mended[beside].to = target;
                prop_assert!(cycles(nodes, &mended).is_empty());
            }
        }
    }
}

/// Graphs for the tests of this room.
#[cfg(test)]
pub(super) mod for_tests {
    use proptest::arbitrary::any;
    use proptest::collection::vec;
    use proptest::strategy::Strategy;

    use super::Arrow;

    /// A forward arrow.
    pub(in crate::plan) fn arrow(from: u32, to: u32) -> Arrow {
        Arrow { from, to, turns: false }
    }

    /// A loop arrow.
    pub(in crate::plan) fn back(from: u32, to: u32) -> Arrow {
        Arrow { from, to, turns: true }
    }

    /// Random forward arrows go from lower to higher numbers of a shuffled order; loop arrows go anywhere.
    pub(in crate::plan) fn graphs() -> impl Strategy<Value = (usize, Vec<Arrow>)> {
        (2usize..14).prop_flat_map(|nodes| {
            let n = nodes as u32;
            let ends = (0..n, 0..n, any::<bool>(), any::<bool>());
            (vec(any::<u32>(), nodes), vec(ends, 1..30)).prop_map(move |(keys, ends)| {
                let before = |a: u32, b: u32| (keys[a as usize], a) < (keys[b as usize], b);
                let mut arrows: Vec<Arrow> = Vec::new();
                for (a, b, rare, turns) in ends {
                    let (low, high) = if before(a, b) { (a, b) } else { (b, a) };
                    let new = if turns && rare { back(high, low) } else { arrow(low, high) };
                    if (new.turns || low != high) && !arrows.contains(&new) {
                        arrows.push(new);
                    }
                }
                (nodes, arrows)
            })
        })
    }
}
