//! Which nodes surely ran before which, by the ways through a graph alone: a tree of what every way passes, and walks
//! where the tree does not tell.

use crate::model::Join;
use crate::plan::{EdgeIx, EdgeOutcome, NodeIx, Plan, PlanNode};

/// The ways through one graph.
pub(super) struct Flow {
    /// By vertex: the nearest that every way to it passes.
    above: Vec<u32>,
    /// By vertex: one further above, so that any is reached in steps that grow with the logarithm of the depth ([`Flow::hang`]).
    jump: Vec<u32>,
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
            jump: vec![ROOT; vertices],
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

    /// Its second pointer leads as far as two pointers of the same length do from the vertex above, where there are two: Myers,
    /// "An applicative random-access stack", Information Processing Letters 17 (1983).
    fn hang(&mut self, vertex: u32, above: u32) {
        let depth = |at: u32| self.depth[at as usize];
        let near = self.jump[above as usize];
        let far = self.jump[near as usize];
        let jump = if depth(above) - depth(near) == depth(near) - depth(far) { far } else { above };
        let depth = depth(above) + 1;
        self.above[vertex as usize] = above;
        self.jump[vertex as usize] = jump;
        self.depth[vertex as usize] = depth;
    }

    /// What the ways over each of some edges share.
    fn shared(&self, edges: impl Iterator<Item = EdgeIx>) -> u32 {
        let vertices = edges.map(|edge| self.edge(edge));
        vertices.reduce(|a, b| self.meeting(a, b)).unwrap_or(ROOT)
    }

    /// The deepest vertex above both, or one of them.
    fn meeting(&self, a: u32, b: u32) -> u32 {
        let depth = self.depth[a as usize].min(self.depth[b as usize]);
        let (mut a, mut b) = (self.at_depth(a, depth), self.at_depth(b, depth));
        // of the same depth are the pointers of the same length
        while a != b {
            let (far, other) = (self.jump[a as usize], self.jump[b as usize]);
            (a, b) =
                if far == other { (self.above[a as usize], self.above[b as usize]) } else { (far, other) };
        }
        a
    }

    /// The vertex of this depth above another one, or that itself.
    fn at_depth(&self, mut vertex: u32, depth: u32) -> u32 {
        while self.depth[vertex as usize] > depth {
            let far = self.jump[vertex as usize];
            vertex = if self.depth[far as usize] < depth { self.above[vertex as usize] } else { far };
        }
        vertex
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

    /// The nearest node that all ways to `at` pass of those whose place in the canonical order is no later than `last`.
    pub(super) fn gate_until(&self, plan: &Plan, at: NodeIx, last: u32) -> Option<NodeIx> {
        let rank = |vertex: u32| match self.edge_of(vertex) {
            Some(edge) => plan.rank[plan.edge(edge).from.0 as usize],
            None => plan.rank[(vertex as usize - 1) / 2],
        };
        let later = |vertex: u32| vertex != ROOT && rank(vertex) > last;
        let mut vertex = self.above[self.node(at) as usize];
        // what is above stands earlier in the order
        while later(vertex) {
            let far = self.jump[vertex as usize];
            vertex = if later(far) { far } else { self.above[vertex as usize] };
        }
        while self.edge_of(vertex).is_some() {
            vertex = self.above[vertex as usize];
        }
        (vertex != ROOT).then(|| NodeIx((vertex - 1) / 2))
    }

    /// The `always` edge by which a node is reached past its source: on the way to it, the nearest.
    pub(super) fn rescue(&self, at: NodeIx) -> Option<EdgeIx> {
        // nothing else hangs off the root but nodes
        self.edge_of(self.at_depth(self.node(at), 1))
    }

    /// The edges of `from` that every way to a node passes, or by which it is reached past `from`.
    pub(super) fn passed_of(&self, plan: &Plan, at: NodeIx, from: NodeIx) -> impl Iterator<Item = EdgeIx> {
        let (start, depth) = (self.node(at), self.depth[self.node(at) as usize]);
        let own = self.depth[self.node(from) as usize];
        // off the node, off its success, off the root
        [own + 1, own + 2, 1].into_iter().filter(move |place| *place <= depth).filter_map(move |place| {
            let edge = self.edge_of(self.at_depth(start, place))?;
            (plan.edge(edge).from == from).then_some(edge)
        })
    }

    fn edge_of(&self, vertex: u32) -> Option<EdgeIx> {
        let first = (1 + 2 * self.nodes) as u32;
        vertex.checked_sub(first).map(EdgeIx)
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
        // an edge hangs off a node, off its success or off the root: beneath the meeting it is among the first three
        const DEEPEST: u32 = 3;
        let meeting = self.depth[self.meeting(a, b) as usize];
        let step = |from: u32| {
            let mut depths = meeting + 1..=(meeting + DEEPEST).min(self.depth[from as usize]);
            depths.find_map(|depth| self.edge_of(self.at_depth(from, depth)))
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
