//! Which sources can reach each value of a plan: through templates, channels, `for_each`, subgraphs and files, and through
//! the conditions that decide whether a node runs. Conservative: what cannot be told apart counts together, and order
//! counts for nothing. Knows no policy.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use crate::effect::{Provenance, Source, WebAddress};
use crate::expr::{Root, ValueTemplate};
use crate::model::Uses;

use super::{Action, EdgeOutcome, NodeIx, Plan, PlanNode};

/// A set of sources.
pub type Sources = BTreeSet<Source>;

/// The sources of everything in one execution of a plan. What holds of every execution of a graph is worked out once, however
/// many nodes run it, and however deep; what is asked of one execution is made from that.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanSources {
    graph: Arc<GraphOrigins>,
    given: Given,
}

/// What an execution is given from outside.
#[derive(Debug, Clone, Default, PartialEq)]
struct Given {
    /// By the place of the input in its plan.
    inputs: Vec<Sources>,
    /// Of its being run at all.
    control: Sources,
    /// Of what was written into the workspace.
    files: Sources,
}

/// The sources of one node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeSources {
    /// Parameters that are written by name.
    named: BTreeMap<String, Sources>,
    /// All others.
    rest: Sources,
    /// Its output, and its error.
    output: Sources,
}

impl NodeSources {
    /// What is told with a call of it.
    pub fn provenance(&self) -> Provenance {
        Provenance::new(self.named.clone(), self.rest.clone())
    }

    /// What is told with a call that its own answer has asked for.
    pub fn of_answer(&self) -> Provenance {
        Provenance::of_all(self.output.clone())
    }

    /// Of everything that its calls are made from.
    pub fn all(&self) -> Sources {
        self.named.values().flatten().chain(&self.rest).cloned().collect()
    }
}

impl PlanSources {
    /// The sources of a run of `plan`: its inputs are the user's.
    pub fn of(plan: &Plan) -> Self {
        let graph = GraphOrigins::of(plan, &mut BTreeMap::new());
        let inputs = vec![Sources::from([Source::User]); plan.inputs.len()];
        let mut given = Given { inputs, ..Given::default() };
        // what is written may be read and written again, which adds nothing: so the first time says all
        given.files = given.put_into(&graph.written);
        Self { graph, given }
    }

    /// The sources of a node.
    pub fn node(&self, at: NodeIx) -> Option<NodeSources> {
        let node = self.graph.nodes.get(at.0 as usize)?;
        let named = node.named.iter().map(|(name, origins)| (name.clone(), self.given.put_into(origins)));
        Some(NodeSources {
            named: named.collect(),
            rest: self.given.put_into(&node.rest),
            output: self.given.put_into(&node.output),
        })
    }

    /// The execution of a node's subgraph, if it has one.
    pub fn inner(&self, at: NodeIx) -> Option<Self> {
        let node = self.graph.nodes.get(at.0 as usize)?;
        let (graph, inputs) = node.inner.as_ref()?;
        let given = Given {
            inputs: inputs.iter().map(|origins| self.given.put_into(origins)).collect(),
            control: self.given.put_into(&node.control),
            files: self.given.files.clone(),
        };
        Some(Self { graph: Arc::clone(graph), given })
    }

    /// What the run writes into the workspace, and so can be read from it: also by what a command runs.
    pub fn written(&self) -> Sources {
        self.given.put_into(&self.graph.written)
    }

    /// What commands are made from, here and in subgraphs.
    pub fn of_commands(&self) -> Sources {
        self.given.put_into(&self.graph.commands)
    }
}

impl Given {
    /// The sources that stand for origins in this execution.
    fn put_into(&self, origins: &Origins) -> Sources {
        let mut sources = Sources::new();
        for origin in origins {
            match origin {
                Origin::Source(source) => _ = sources.insert(source.clone()),
                Origin::Input(at) => sources.extend(self.inputs.get(*at).into_iter().flatten().cloned()),
                Origin::Control => sources.extend(self.control.iter().cloned()),
                Origin::Files => sources.extend(self.files.iter().cloned()),
            }
        }
        sources
    }
}

/// Where something comes from, as a graph by itself can tell.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Origin {
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
type Origins = BTreeSet<Origin>;

/// What holds of every execution of a graph.
#[derive(Debug, Clone, Default, PartialEq)]
struct GraphOrigins {
    /// By [`NodeIx`].
    nodes: Vec<NodeOrigins>,
    /// By channel.
    channels: Vec<Origins>,
    /// Of the outputs, together.
    outputs: Origins,
    /// Of what it writes into the workspace.
    written: Origins,
    /// Of its commands.
    commands: Origins,
}

/// The origins of one node.
#[derive(Debug, Clone, Default, PartialEq)]
struct NodeOrigins {
    /// Parameters that are written by name.
    named: BTreeMap<String, Origins>,
    /// All others.
    rest: Origins,
    /// What decides whether it runs and how often; part of all that it makes.
    control: Origins,
    /// Its output, and its error.
    output: Origins,
    /// Its subgraph, and what its inputs are made from, by their places.
    inner: Option<(Arc<GraphOrigins>, Vec<Origins>)>,
}

impl NodeOrigins {
    fn all(&self) -> Origins {
        self.named.values().flatten().chain(&self.rest).cloned().collect()
    }

    /// What stands within its subgraph, told from outside.
    fn from_outside(&self, inside: impl Fn(&GraphOrigins) -> &Origins) -> Origins {
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
    fn of(plan: &Plan, known: &mut Known) -> Arc<Self> {
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
            None => origins.from_outside(inside),
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

/// A graph, its nodes and inputs by name, and its subgraphs.
struct Around<'a> {
    plan: &'a Plan,
    graphs: &'a BTreeMap<NodeIx, Arc<GraphOrigins>>,
    names: BTreeMap<&'a str, NodeIx>,
    inputs: BTreeMap<&'a str, usize>,
}

/// What is known so far.
struct Reading<'a> {
    around: &'a Around<'a>,
    found: &'a GraphOrigins,
}

impl Reading<'_> {
    fn named(&self, name: &str) -> Option<NodeIx> {
        self.around.names.get(name).copied()
    }

    fn node(&self, at: NodeIx) -> NodeOrigins {
        let node = self.around.plan.node(at);
        let mut control = self.found.nodes[at.0 as usize].control.clone();
        control.extend(self.control(at, node));
        let (named, rest) = self.parameters(at, node, &control);
        let inner = self.around.graphs.get(&at).map(|graph| (Arc::clone(graph), self.given(at, node)));
        let mut found = NodeOrigins { named, rest, control, inner, output: Origins::new() };
        found.output = self.made(node, &found).into_iter().chain(found.control.clone()).collect();
        found
    }

    /// What the inputs of a node's subgraph are made from, by their places.
    fn given(&self, at: NodeIx, node: &PlanNode) -> Vec<Origins> {
        let Action::Graph { plan, inputs } = &node.action else { return Vec::new() };
        let of = |name: &str| match inputs {
            ValueTemplate::Object(fields) => {
                let field = fields.iter().find(|(field, _)| field == name);
                field.map(|(_, value)| self.value(at, value)).unwrap_or_default()
            }
            inputs => self.value(at, inputs),
        };
        plan.inputs.iter().map(|input| of(input.name.as_str())).collect()
    }

    /// What decides whether a node runs, and how often.
    fn control(&self, at: NodeIx, node: &PlanNode) -> Origins {
        let mut found = Origins::new();
        let loops = node.loops.iter().map(|&at| &self.around.plan.loops[at.0 as usize]);
        let turns = loops.flat_map(|one| &one.edges);
        for &edge in node.incoming.iter().chain(turns) {
            let edge = self.around.plan.edge(edge);
            found.extend(self.found.nodes[edge.from.0 as usize].control.iter().cloned());
            found.extend(edge.when.iter().flat_map(|when| self.roots(Some(edge.from), when.roots())));
            match edge.outcome {
                EdgeOutcome::Success | EdgeOutcome::Always => {}
                EdgeOutcome::Catch(_) => found.extend(self.output_of(edge.from)),
                EdgeOutcome::Otherwise => found.extend(self.conditions_of(edge.from)),
            }
        }
        found.extend(node.skip_when.iter().flat_map(|when| self.roots(Some(at), when.roots())));
        found.extend(node.for_each.iter().flat_map(|each| self.roots(Some(at), each.items.roots())));
        found
    }

    /// Of every condition on the edges from a node.
    fn conditions_of(&self, from: NodeIx) -> Origins {
        let edges = self.around.plan.node(from).outgoing.iter().map(|&edge| self.around.plan.edge(edge));
        let conditions = edges.filter_map(|edge| edge.when.as_ref());
        conditions.flat_map(|when| self.roots(Some(from), when.roots())).collect()
    }

    /// The origins of what a node is given, each with what decides that it runs.
    fn parameters(
        &self,
        at: NodeIx,
        node: &PlanNode,
        control: &Origins,
    ) -> (BTreeMap<String, Origins>, Origins) {
        let value = |value: &ValueTemplate| -> Origins {
            self.value(at, value).into_iter().chain(control.iter().cloned()).collect()
        };
        match &node.action {
            Action::Call { with: ValueTemplate::Object(fields) } => {
                let named = fields.iter().map(|(name, field)| (name.clone(), value(field)));
                (named.collect(), control.clone())
            }
            Action::Call { with } => (BTreeMap::new(), value(with)),
            Action::Llm(conversation) => (BTreeMap::new(), value(&conversation.vars)),
            Action::Batch { calls, .. } => (BTreeMap::new(), value(calls)),
            Action::Graph { inputs, .. } => (BTreeMap::new(), value(inputs)),
            Action::Approval { show, .. } => (BTreeMap::new(), value(show)),
            Action::Render(rendered) => (BTreeMap::new(), value(&rendered.vars)),
            Action::Values(values) | Action::ParseReport(values) => (BTreeMap::new(), value(values)),
            Action::Fail { message, .. } => (BTreeMap::new(), value(message)),
        }
    }

    /// The origins of what a node makes out of what it is given.
    fn made(&self, node: &PlanNode, given: &NodeOrigins) -> Origins {
        match &node.action {
            Action::Graph { .. } => given.from_outside(|graph| &graph.outputs),
            Action::Approval { .. } => {
                given.all().into_iter().chain([Origin::Source(Source::User)]).collect()
            }
            Action::Call { with } => called(node.uses, with, given.all()),
            Action::Llm(conversation) => {
                let mut made = given.all();
                made.insert(Origin::Source(Source::Llm(Some(conversation.model.clone()))));
                for &tool in &conversation.tools {
                    made.extend(called(tool, &ValueTemplate::literal(Value::Null), Origins::new()));
                }
                made
            }
            Action::Batch { tools, .. } => {
                let nothing = ValueTemplate::literal(Value::Null);
                tools.iter().flat_map(|&tool| called(tool, &nothing, given.all())).collect()
            }
            Action::Render(_) | Action::Values(_) | Action::ParseReport(_) | Action::Fail { .. } => {
                given.all()
            }
        }
    }

    fn value(&self, at: NodeIx, value: &ValueTemplate) -> Origins {
        self.roots(Some(at), value.roots())
    }

    /// The origins of what references begin at, as the node `at` sees them; the graph's outputs are no node's.
    fn roots<'r>(&self, at: Option<NodeIx>, roots: impl IntoIterator<Item = &'r Root>) -> Origins {
        roots.into_iter().flat_map(|root| self.root(at, root)).collect()
    }

    fn root(&self, at: Option<NodeIx>, root: &Root) -> Origins {
        match root {
            Root::Input(name) => {
                self.around.inputs.get(name.as_str()).map(|&at| Origin::Input(at)).into_iter().collect()
            }
            Root::Node(name) => self.named(name).map(|node| self.output_of(node)).unwrap_or_default(),
            Root::Channel(name) => {
                let channels = self.around.plan.channels.iter().zip(&self.found.channels);
                let found = channels.filter(|(channel, _)| channel.name.as_str() == name);
                found.flat_map(|(_, sources)| sources.iter().cloned()).collect()
            }
            Root::Loop(name) => {
                let target =
                    self.named(name).map(|target| self.found.nodes[target.0 as usize].control.clone());
                target.unwrap_or_default()
            }
            Root::Run => Origins::new(),
            Root::Output | Root::Error => at.map(|at| self.output_of(at)).unwrap_or_default(),
            // a binding of `for_each`: an item of its list, which is part of what decides how often the node runs
            Root::Local(_) => {
                let each =
                    at.and_then(|at| self.around.plan.node(at).for_each.as_ref().map(|each| (at, each)));
                each.map(|(at, each)| self.roots(Some(at), each.items.roots())).unwrap_or_default()
            }
        }
    }

    fn output_of(&self, node: NodeIx) -> Origins {
        let node = &self.found.nodes[node.0 as usize];
        node.output.iter().chain(&node.control).cloned().collect()
    }
}

/// What a call gives back: its parameters, and what it reads.
fn called(tool: Uses, with: &ValueTemplate, mut made: Origins) -> Origins {
    let text = |name: &str| literal(with, name);
    let read = match tool {
        Uses::ReadFile => Source::Workspace(text("path")),
        Uses::Http => Source::Http(text("url").and_then(|url| Some(WebAddress::parse(&url)?.origin()))),
        Uses::Mcp => Source::Mcp(text("server")),
        Uses::Llm => Source::Llm(None),
        _ => Source::Workspace(None),
    };
    if tool == Uses::Exec {
        made.insert(Origin::Source(Source::Exec));
    }
    made.insert(Origin::Source(read));
    made.insert(Origin::Files);
    made
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

/// A parameter that is written as a text without templates.
fn literal(with: &ValueTemplate, name: &str) -> Option<String> {
    let value = match with {
        ValueTemplate::Literal(value) => value.get(name).cloned(),
        ValueTemplate::Object(fields) => {
            let field = fields.iter().find(|(field, _)| field == name);
            field.and_then(|(_, value)| match value {
                ValueTemplate::Literal(value) => Some(Value::clone(value)),
                _ => None,
            })
        }
        _ => None,
    };
    value.and_then(|value| value.as_str().map(str::to_owned))
}
