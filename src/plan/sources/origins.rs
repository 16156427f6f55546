//! What holds of every execution of a graph: its values by where they come from, as the graph by itself can tell. Knows no
//! execution, and of graphs within only what they were found to be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::effect::Source;
use crate::model::Uses;

use super::reading::{Around, Reading};
use crate::plan::{Action, NodeIx, Plan, PlanNode};

/// Where something comes from, as a graph by itself can tell.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    /// A source.
    Source(Source),
    /// The input at this place.
    Input(usize),
    /// Whatever decides that the graph is run.
    Control,
    /// Whatever the run writes into the workspace.
    Files,
}

/// A set of origins.
pub(super) type Origins = BTreeSet<Origin>;

/// What holds of every execution of a graph.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct GraphOrigins {
    /// By [`NodeIx`].
    pub(super) nodes: Vec<NodeOrigins>,
    /// By channel.
    pub(super) channels: Vec<Origins>,
    /// Of the outputs, together.
    pub(super) outputs: Origins,
    /// Of what it writes into the workspace.
    pub(super) written: Origins,
    /// Of its commands.
    pub(super) commands: Origins,
}

/// The origins of one node.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct NodeOrigins {
    /// Parameters that are written by name.
    pub(super) named: BTreeMap<String, Origins>,
    /// All others.
    pub(super) rest: Origins,
    /// What decides whether it runs and how often; part of all that it makes.
    pub(super) control: Origins,
    /// Its output, and its error.
    pub(super) output: Origins,
    /// Its subgraph, and what its inputs are made from, by their places.
    pub(super) inner: Option<(Arc<GraphOrigins>, Vec<Origins>)>,
}

impl NodeOrigins {
    pub(super) fn all(&self) -> Origins {
        self.named.values().flatten().chain(&self.rest).cloned().collect()
    }

    /// What stands within its subgraph, told from outside.
    pub(super) fn told_outside(&self, inside: impl Fn(&GraphOrigins) -> &Origins) -> Origins {
        let Some((graph, inputs)) = &self.inner else { return Origins::new() };
        let mut found = Origins::new();
        for origin in inside(graph) {
            match origin {
                Origin::Input(at) => found.extend(inputs.get(*at).into_iter().flatten().cloned()),
                Origin::Control => found.extend(self.control.iter().cloned()),
                Origin::Source(_) | Origin::Files => _ = found.insert(origin.clone()),
            }
        }
        found
    }
}

/// Graphs that were worked out, by where their plans lie: several nodes may run one.
type Known = BTreeMap<*const Plan, Arc<GraphOrigins>>;

impl GraphOrigins {
    pub(super) fn of(plan: &Plan, known: &mut Known) -> Arc<Self> {
        if let Some(graph) = known.get(&std::ptr::from_ref(plan)) {
            return Arc::clone(graph);
        }
        let graphs: BTreeMap<NodeIx, Arc<Self>> = (0..)
            .map(NodeIx)
            .zip(&plan.nodes)
            .filter_map(|(at, node)| match &node.action {
                Action::Graph { plan, .. } => Some((at, Self::of(plan, known))),
                _ => None,
            })
            .collect();
        let graph = Arc::new(Self::worked_out(plan, &graphs));
        known.insert(std::ptr::from_ref(plan), Arc::clone(&graph));
        graph
    }

    /// Of a graph whose subgraphs, by the nodes that run them, are worked out: what is known grows until nothing is added.
    fn worked_out(plan: &Plan, graphs: &BTreeMap<NodeIx, Arc<Self>>) -> Self {
        let control = Origins::from([Origin::Control]);
        let mut found = Self {
            nodes: vec![NodeOrigins { control, ..NodeOrigins::default() }; plan.nodes.len()],
            channels: vec![Origins::new(); plan.channels.len()],
            ..Self::default()
        };
        // a plan is asked for each name of each expression: by a look, not by a search
        let nodes = (0..).map(NodeIx).zip(&plan.nodes);
        let names: BTreeMap<&str, NodeIx> = nodes.map(|(at, node)| (node.id.as_str(), at)).collect();
        let inputs: BTreeMap<&str, usize> =
            plan.inputs.iter().enumerate().map(|(at, input)| (input.name.as_str(), at)).collect();
        let around = &Around { plan, graphs, names, inputs };
        loop {
            let before = found.clone();
            for &at in &plan.order {
                let node = Reading { around, found: &found }.node(at);
                for (channel, value) in &plan.node(at).update {
                    let written = Reading { around, found: &found }.value(at, value);
                    found.channels[channel.0 as usize]
                        .extend(written.into_iter().chain(node.control.clone()));
                }
                found.nodes[at.0 as usize] = node;
            }
            if found == before {
                break;
            }
        }
        let of_outputs = plan
            .outputs
            .iter()
            .flat_map(|output| Reading { around, found: &found }.roots(None, output.value.roots()));
        found.outputs = of_outputs.collect();
        found.written = found.of_those(plan, writes, |graph| &graph.written);
        found.commands = found.of_those(plan, commands, |graph| &graph.commands);
        found
    }

    /// What the nodes of a sort are made from, with what stands within subgraphs.
    fn of_those(
        &self,
        plan: &Plan,
        sort: fn(&PlanNode) -> Option<Made>,
        inside: fn(&Self) -> &Origins,
    ) -> Origins {
        let nodes = plan.nodes.iter().zip(&self.nodes);
        let made = nodes.flat_map(|(node, origins)| match sort(node) {
            Some(Made::OfParameters) => origins.all(),
            Some(Made::OfAnswer) => origins.output.clone(),
            None => origins.told_outside(inside),
        });
        made.collect()
    }
}

/// What a call is made from.
enum Made {
    /// What its node is given.
    OfParameters,
    /// What a model answered to its node.
    OfAnswer,
}

/// Does the node write what it is given into the workspace?
fn writes(node: &PlanNode) -> Option<Made> {
    let written = |tool: &Uses| matches!(tool, Uses::ApplyPatch | Uses::Exec | Uses::Mcp);
    let found = match &node.action {
        Action::Call { .. } => written(&node.uses),
        Action::Batch { tools, .. } => tools.iter().any(written),
        Action::Llm(conversation) => conversation.tools.iter().any(written),
        _ => false,
    };
    found.then_some(Made::OfParameters)
}

/// Is there a command among its calls?
fn commands(node: &PlanNode) -> Option<Made> {
    match &node.action {
        Action::Call { .. } if node.uses == Uses::Exec => Some(Made::OfParameters),
        Action::Batch { tools, .. } if tools.contains(&Uses::Exec) => Some(Made::OfParameters),
        Action::Llm(conversation) if conversation.tools.contains(&Uses::Exec) => Some(Made::OfAnswer),
        _ => None,
    }
}
