//! One execution of a graph: its nodes, edges, loops and channels, and where each stands. Decides nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::plan::{NodeIx, Plan};

use super::channel::Writes;
use super::work::NodeState;
use super::{Budget, Cost, GraphError, Index, Unit};

/// One execution of a graph.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Frame {
    pub(crate) plan: PlanRef,
    /// The node that it is for, and its attempt; none for the run's own graph.
    pub(crate) parent: Option<(Unit, u32)>,
    /// `outer[3]!1/`, to tell executions apart; empty for the run's own graph.
    pub(crate) address: Arc<str>,
    /// `outer/`: the ids alone.
    pub(crate) path: Arc<str>,
    pub(crate) inputs: BTreeMap<String, Arc<Value>>,
    pub(crate) inputs_view: Arc<Value>,
    pub(crate) nodes: Vec<NodeState>,
    /// By edge: decided how?
    pub(crate) edges: Vec<Option<bool>>,
    pub(crate) loops: Vec<LoopState>,
    /// By channel.
    pub(crate) channels: Vec<Writes>,
    /// Parts outside of loops that are not settled.
    pub(crate) open: u32,
    /// Nodes that run, and loops that wait between iterations.
    pub(crate) running: BTreeSet<NodeIx>,
    /// What was reached through `always` and waits for the rest to end.
    pub(crate) parked: BTreeSet<(u32, NodeIx)>,
    pub(crate) ending: Option<Ending>,
    pub(crate) spent: Cost,
    /// Budgets whose end is in the trace.
    pub(crate) exceeded: Vec<Budget>,
    /// Leaf calls that run, here and in executions inside.
    pub(crate) busy: u32,
    /// What ran, in real order.
    pub(crate) ran: Vec<Ran>,
}

/// A node that ran, for the path of the run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ran {
    pub(crate) node: NodeIx,
    /// Of the loops around it, outermost first.
    pub(crate) iterations: Box<[u32]>,
    /// The paths of its subgraphs, by item and attempt.
    pub(crate) inside: Vec<(Option<u32>, u32, Vec<String>)>,
}

/// A failure or a cancellation ends an execution.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ending {
    /// What comes later than this in canonical order does not start. Empty: everything does.
    pub(crate) bound: Vec<u32>,
    /// What it came from.
    pub(crate) error: GraphError,
    /// `always` edges are followed.
    pub(crate) always: bool,
    /// `always` paths run, and the rest has ended.
    pub(crate) grace: bool,
}

/// A plan with what follows from it.
#[derive(Debug, Clone)]
pub(crate) struct PlanRef {
    pub(crate) plan: Arc<Plan>,
    pub(crate) index: Arc<Index>,
}

impl PartialEq for PlanRef {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.plan, &other.plan) || self.plan.digest == other.plan.digest
    }
}

/// The indexes of the plans that were met.
#[derive(Debug, Clone, Default)]
pub(crate) struct Indexes(Vec<PlanRef>);

impl PartialEq for Indexes {
    /// What was derived is no part of the state.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Indexes {
    pub(crate) fn of(&mut self, plan: &Arc<Plan>) -> PlanRef {
        if let Some(known) = self.0.iter().find(|known| Arc::ptr_eq(&known.plan, plan)) {
            return known.clone();
        }
        let made = PlanRef { plan: Arc::clone(plan), index: Arc::new(Index::of(plan)) };
        self.0.push(made.clone());
        made
    }
}

/// A loop in its present iteration.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LoopState {
    /// From 1.
    pub(crate) iteration: u32,
    /// Parts of the body that are not settled.
    pub(crate) open: u32,
    /// Was a loop edge taken, and by a node that was reached through `always`?
    pub(crate) turning: Option<bool>,
}

impl Frame {
    pub(crate) fn new(
        plan: PlanRef,
        parent: Option<(Unit, u32)>,
        address: Arc<str>,
        path: Arc<str>,
        inputs: &Arc<Value>,
    ) -> Self {
        let (graph, index) = (&plan.plan, &plan.index);
        let nodes = index.incoming.iter().map(|incoming| NodeState::new(*incoming)).collect();
        let edges = vec![None; graph.edges.len()];
        let loops = index.loops.iter().map(|l| LoopState::new(l.parts)).collect();
        let channels = graph.channels.iter().map(|_| Writes::default()).collect();
        let mut frame = Self {
            parent,
            address,
            path,
            inputs: BTreeMap::new(),
            inputs_view: Arc::new(json!({})),
            nodes,
            edges,
            loops,
            channels,
            open: index.outermost,
            running: BTreeSet::new(),
            parked: BTreeSet::new(),
            ending: None,
            spent: Cost::default(),
            exceeded: Vec::new(),
            busy: 0,
            ran: Vec::new(),
            plan,
        };
        frame.give(inputs);
        frame
    }

    /// Takes the inputs of a run.
    pub(crate) fn give(&mut self, inputs: &Arc<Value>) {
        self.inputs_view = Arc::clone(inputs);
        let entries = inputs.as_object().into_iter().flatten();
        self.inputs = entries.map(|(name, value)| (name.clone(), Arc::new(value.clone()))).collect();
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.plan.plan
    }

    pub(crate) fn node(&self, at: NodeIx) -> &NodeState {
        &self.nodes[at.0 as usize]
    }

    pub(crate) fn node_mut(&mut self, at: NodeIx) -> &mut NodeState {
        &mut self.nodes[at.0 as usize]
    }

    /// The iterations that a node is in, outermost loop first.
    pub(crate) fn iterations(&self, at: NodeIx) -> Box<[u32]> {
        self.plan().node(at).loops.iter().map(|l| self.loops[l.0 as usize].iteration).collect()
    }

    /// The place of a node's present iteration in canonical order: compare as lists.
    pub(crate) fn position(&self, at: NodeIx) -> Vec<u32> {
        position(self.plan(), at, &self.iterations(at))
    }
}

/// The place in canonical order of a node in the given iterations: for each loop around it the rank of its target and
/// the iteration, then its own rank.
pub(crate) fn position(plan: &Plan, at: NodeIx, iterations: &[u32]) -> Vec<u32> {
    let rank = |node: NodeIx| plan.rank[node.0 as usize];
    let mut place = Vec::with_capacity(2 * iterations.len() + 1);
    for (l, iteration) in plan.node(at).loops.iter().zip(iterations) {
        place.extend([rank(plan.loops[l.0 as usize].target), *iteration]);
    }
    place.push(rank(at));
    place
}

impl LoopState {
    pub(crate) fn new(parts: u32) -> Self {
        Self { iteration: 1, open: parts, turning: None }
    }
}
