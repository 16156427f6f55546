//! Which nodes surely ran before which, by the ways through a graph alone: a tree of what every way passes, and walks
//! where the tree does not tell.

use crate::model::Join;
use crate::plan::{EdgeIx, EdgeOutcome, NodeIx, Plan, PlanNode};

/// The ways through one graph.
pub(super) struct Flow {
    /// By vertex: the nearest that every way to it passes.
    above: Vec<u32>,
    depth: Vec<u32>,
    /// By vertex: when a walk through the tree enters and leaves it.
    visits: Vec<(u32, u32)>,
    nodes: usize,
    /// By node: a failure of it may be caught.
    pub(super) handled: Vec<bool>,
    /// By node: an `always` edge may have led here, so that it may run although something before it has failed.
    pub(super) rescued: Vec<bool>,
}

/// The root of the tree.
const ROOT: u32 = 0;

impl Flow {
    pub(super) fn of(plan: &Plan) -> Self {
        let vertices = 1 + 2 * plan.nodes.len() + plan.edges.len();
        let mut flow = Self {
            above: vec![ROOT; vertices],
            depth: vec![0; vertices],
            visits: Vec::new(),
            nodes: plan.nodes.len(),
            handled: plan.nodes.iter().map(|node| is_handled(plan, node)).collect(),
            rescued: vec![false; plan.nodes.len()],
        };
        for &at in &plan.order {
            flow.place(plan, at);
        }
        flow.visits = flow.walk();
        flow
    }

    fn node(&self, at: NodeIx) -> u32 {
        debug_assert!((at.0 as usize) < self.nodes);
        1 + 2 * at.0
    }

    /// The node, once it has succeeded or was skipped.
    fn good(&self, at: NodeIx) -> u32 {
        self.node(at) + 1
    }

    fn edge(&self, at: EdgeIx) -> u32 {
        (1 + 2 * self.nodes) as u32 + at.0
    }

    fn place(&mut self, plan: &Plan, at: NodeIx) {
        let node = plan.node(at);
        self.rescued[at.0 as usize] = node
            .incoming
            .iter()
            .map(|edge| plan.edge(*edge))
            .any(|edge| edge.outcome == EdgeOutcome::Always || self.rescued[edge.from.0 as usize]);
        let above = match node.join {
            Join::Some => self.shared(node.incoming.iter().copied()),
            Join::All => {
                let mut deepest = ROOT;
                for edges in by_source(plan, node) {
                    let found = self.shared(edges.into_iter());
                    if self.depth[found as usize] > self.depth[deepest as usize] {
                        deepest = found;
                    }
                }
                deepest
            }
        };
        self.hang(self.node(at), above);
        self.hang(self.good(at), self.node(at));
        for &edge in &node.outgoing {
            let above = match plan.edge(edge).outcome {
                EdgeOutcome::Success | EdgeOutcome::Otherwise => self.good(at),
                EdgeOutcome::Catch(_) => self.node(at),
                // it is followed also where its source never started
                EdgeOutcome::Always => ROOT,
            };
            self.hang(self.edge(edge), above);
        }
    }

    fn hang(&mut self, vertex: u32, above: u32) {
        self.above[vertex as usize] = above;
        self.depth[vertex as usize] = self.depth[above as usize] + 1;
    }

    /// What the ways over each of some edges share.
    fn shared(&self, edges: impl Iterator<Item = EdgeIx>) -> u32 {
        let vertices = edges.map(|edge| self.edge(edge));
        vertices.reduce(|a, b| self.meeting(a, b)).unwrap_or(ROOT)
    }

    /// The deepest vertex above both, or one of them.
    fn meeting(&self, mut a: u32, mut b: u32) -> u32 {
        while a != b {
            if self.depth[a as usize] >= self.depth[b as usize] {
                a = self.above[a as usize];
            } else {
                b = self.above[b as usize];
            }
        }
        a
    }

    /// Through the tree without recursion.
    fn walk(&self) -> Vec<(u32, u32)> {
        let count = self.above.len();
        let mut first = vec![u32::MAX; count];
        let mut next = vec![u32::MAX; count];
        for vertex in (1..count).rev() {
            let above = self.above[vertex] as usize;
            next[vertex] = first[above];
            first[above] = vertex as u32;
        }
        let mut visits = vec![(0, u32::MAX); count];
        let (mut clock, mut stack) = (0, vec![ROOT]);
        while let Some(&at) = stack.last() {
            let child = first[at as usize];
            if child == u32::MAX {
                visits[at as usize].1 = clock;
                stack.pop();
            } else {
                first[at as usize] = next[child as usize];
                clock += 1;
                visits[child as usize].0 = clock;
                stack.push(child);
            }
        }
        visits
    }

    fn above_all(&self, above: u32, below: u32) -> bool {
        let ((enter, leave), (at, _)) = (self.visits[above as usize], self.visits[below as usize]);
        enter <= at && at <= leave
    }

    /// Has `other` surely succeeded, or was it skipped, when `at` starts? That it does not say so proves nothing.
    pub(super) fn follows(&self, at: NodeIx, other: NodeIx) -> bool {
        self.above_all(self.good(other), self.node(at))
    }

    /// The nearest node that all ways to `at` pass.
    pub(super) fn gate(&self, at: NodeIx) -> Option<NodeIx> {
        let mut vertex = self.above[self.node(at) as usize];
        while vertex != ROOT {
            if vertex <= 2 * self.nodes as u32 {
                return Some(NodeIx((vertex - 1) / 2));
            }
            vertex = self.above[vertex as usize];
        }
        None
    }

    /// Do all ways to `at` pass `other`?
    pub(super) fn passes(&self, at: NodeIx, other: NodeIx) -> bool {
        self.above_all(self.node(other), self.node(at))
    }

    /// The edges that every way to a node passes, or by which it is reached past its source, the nearest first.
    pub(super) fn passed(&self, at: NodeIx) -> impl Iterator<Item = EdgeIx> {
        let first = (1 + 2 * self.nodes) as u32;
        let up = std::iter::successors(Some(self.node(at)), |vertex| {
            (*vertex != ROOT).then(|| self.above[*vertex as usize])
        });
        up.filter(move |vertex| *vertex >= first).map(move |vertex| EdgeIx(vertex - first))
    }

    /// The edges of one node that lead to two nodes apart: `(source, edge to a, edge to b)`.
    pub(super) fn parting(&self, a: NodeIx, b: NodeIx) -> Option<(EdgeIx, EdgeIx)> {
        self.parted(self.node(a), self.node(b))
    }

    /// The same for two edges that are taken: themselves, where they are edges of one node. The source of an `always` edge was
    /// reached then, whether it started or not.
    pub(super) fn parting_of_taken(&self, plan: &Plan, a: EdgeIx, b: EdgeIx) -> Option<(EdgeIx, EdgeIx)> {
        let reached = |edge: EdgeIx| match plan.edge(edge).outcome {
            EdgeOutcome::Always => self.node(plan.edge(edge).from),
            _ => self.edge(edge),
        };
        self.parted(reached(a), reached(b))
    }

    fn parted(&self, a: u32, b: u32) -> Option<(EdgeIx, EdgeIx)> {
        let meeting = self.meeting(a, b);
        let first = (1 + 2 * self.nodes) as u32;
        let step = |from: u32| {
            let mut at = from;
            let mut edge = None;
            while at != meeting {
                if at >= first {
                    edge = Some(EdgeIx(at - first));
                }
                at = self.above[at as usize];
            }
            edge
        };
        step(a).zip(step(b))
    }
}

/// The forward edges to a node, those of one source together.
pub(super) fn by_source(plan: &Plan, node: &PlanNode) -> Vec<Vec<EdgeIx>> {
    let mut edges = node.incoming.clone();
    edges.sort_by_key(|edge| plan.edge(*edge).from);
    edges.chunk_by(|a, b| plan.edge(*a).from == plan.edge(*b).from).map(<[EdgeIx]>::to_vec).collect()
}

fn is_handled(plan: &Plan, node: &PlanNode) -> bool {
    node.outgoing.iter().any(|edge| matches!(plan.edge(*edge).outcome, EdgeOutcome::Catch(_)))
}
