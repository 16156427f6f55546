//! Which sources can reach each value of a plan: through templates, channels, `for_each`, subgraphs and files, and through
//! the conditions that decide whether a node runs. Conservative: what cannot be told apart counts together, and order
//! counts for nothing. Knows no policy.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::effect::{Provenance, Source, WebAddress};
use crate::expr::{Root, ValueTemplate};
use crate::model::Uses;

use super::{Action, EdgeOutcome, NodeIx, Plan, PlanNode};

/// A set of sources.
pub type Sources = BTreeSet<Source>;

/// The sources of everything in one execution of a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanSources {
    /// By [`NodeIx`].
    nodes: Vec<NodeSources>,
    /// By channel.
    channels: Vec<Sources>,
    /// Of the outputs, together.
    outputs: Sources,
}

/// The sources of one node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeSources {
    /// Parameters that are written by name.
    named: BTreeMap<String, Sources>,
    /// All others.
    rest: Sources,
    /// What decides whether it runs and how often; part of all that it makes.
    control: Sources,
    /// Its output, and its error.
    output: Sources,
    /// Of a subgraph.
    inner: Option<Box<PlanSources>>,
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

    /// Of what it gives.
    pub fn answer(&self) -> &Sources {
        &self.output
    }

    /// Of everything that its calls are made from.
    pub fn all(&self) -> Sources {
        self.named.values().flatten().chain(&self.rest).cloned().collect()
    }

    /// The execution of its subgraph, if it has one.
    pub fn inner(&self) -> Option<&PlanSources> {
        self.inner.as_deref()
    }
}

impl PlanSources {
    /// The sources of a run of `plan`: its inputs are the user's.
    pub fn of(plan: &Plan) -> Self {
        let mut files = Sources::new();
        loop {
            let found = Self::within(plan, &|_| Sources::from([Source::User]), &Sources::new(), &files);
            let carried = found.written(plan);
            if carried.is_subset(&files) {
                return found;
            }
            files.extend(carried);
        }
    }

    /// The sources of a node.
    pub fn node(&self, at: NodeIx) -> Option<&NodeSources> {
        self.nodes.get(at.0 as usize)
    }

    /// What the run writes into the workspace, and so can be read from it: also by what a command runs.
    pub fn written(&self, plan: &Plan) -> Sources {
        let nodes = plan.nodes.iter().zip(&self.nodes);
        let written = nodes.flat_map(|(node, sources)| match &node.action {
            Action::Graph { plan, .. } => {
                sources.inner().map(|inner| inner.written(plan)).unwrap_or_default()
            }
            _ if writes(node) => sources.all(),
            _ => Sources::new(),
        });
        written.collect()
    }

    /// One execution: `input` are the sources of its inputs, `control` of its being run at all, `files` of what was
    /// written into the workspace.
    fn within(plan: &Plan, input: &dyn Fn(&str) -> Sources, control: &Sources, files: &Sources) -> Self {
        let mut sources = Self {
            nodes: vec![NodeSources { control: control.clone(), ..NodeSources::default() }; plan.nodes.len()],
            channels: vec![Sources::new(); plan.channels.len()],
            outputs: Sources::new(),
        };
        // a plan is asked for each name of each expression: by a look, not by a search
        let nodes = (0..).map(NodeIx).zip(&plan.nodes);
        let names: BTreeMap<&str, NodeIx> = nodes.map(|(at, node)| (node.id.as_str(), at)).collect();
        let names = &names;
        loop {
            let before = sources.clone();
            for &at in &plan.order {
                let node = Reading { plan, names, input, files, sources: &sources }.node(at);
                for (channel, value) in &plan.node(at).update {
                    let reading = Reading { plan, names, input, files, sources: &sources };
                    let written = reading.value(at, value);
                    sources.channels[channel.0 as usize]
                        .extend(written.into_iter().chain(node.control.clone()));
                }
                sources.nodes[at.0 as usize] = node;
            }
            if sources == before {
                break;
            }
        }
        let reading = Reading { plan, names, input, files, sources: &sources };
        let of_outputs = plan.outputs.iter().flat_map(|output| reading.roots(None, output.value.roots()));
        sources.outputs = of_outputs.collect();
        sources
    }
}

/// What is known so far.
struct Reading<'a> {
    plan: &'a Plan,
    names: &'a BTreeMap<&'a str, NodeIx>,
    input: &'a dyn Fn(&str) -> Sources,
    files: &'a Sources,
    sources: &'a PlanSources,
}

impl Reading<'_> {
    fn named(&self, name: &str) -> Option<NodeIx> {
        self.names.get(name).copied()
    }

    fn node(&self, at: NodeIx) -> NodeSources {
        let node = self.plan.node(at);
        let mut control = self.sources.nodes[at.0 as usize].control.clone();
        control.extend(self.control(at, node));
        let (named, rest) = self.parameters(at, node, &control);
        let mut found = NodeSources { named, rest, control, ..NodeSources::default() };
        let made = self.made(at, node, &found);
        found.inner = made.1;
        found.output = made.0.into_iter().chain(found.control.clone()).collect();
        found
    }

    /// What decides whether a node runs, and how often.
    fn control(&self, at: NodeIx, node: &PlanNode) -> Sources {
        let mut found = Sources::new();
        for &edge in &node.incoming {
            let edge = self.plan.edge(edge);
            found.extend(self.sources.nodes[edge.from.0 as usize].control.iter().cloned());
            found.extend(edge.when.iter().flat_map(|when| self.roots(Some(edge.from), when.roots())));
            match edge.outcome {
                EdgeOutcome::Success | EdgeOutcome::Always => {}
                EdgeOutcome::Catch(_) => found.extend(self.output_of(edge.from)),
                EdgeOutcome::Otherwise => found.extend(self.conditions_of(edge.from)),
            }
        }
        let turns = node.loops.iter().flat_map(|l| &self.plan.loops[l.0 as usize].edges);
        for &edge in turns {
            let edge = self.plan.edge(edge);
            found.extend(edge.when.iter().flat_map(|when| self.roots(Some(edge.from), when.roots())));
        }
        found.extend(node.skip_when.iter().flat_map(|when| self.roots(Some(at), when.roots())));
        found.extend(node.for_each.iter().flat_map(|each| self.roots(Some(at), each.items.roots())));
        found
    }

    /// Of every condition on the edges from a node.
    fn conditions_of(&self, from: NodeIx) -> Sources {
        let edges = self.plan.node(from).outgoing.iter().map(|&edge| self.plan.edge(edge));
        let conditions = edges.filter_map(|edge| edge.when.as_ref());
        conditions.flat_map(|when| self.roots(Some(from), when.roots())).collect()
    }

    /// The sources of what a node is given, each with what decides that it runs.
    fn parameters(
        &self,
        at: NodeIx,
        node: &PlanNode,
        control: &Sources,
    ) -> (BTreeMap<String, Sources>, Sources) {
        let value = |value: &ValueTemplate| -> Sources {
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

    /// The sources of what a node makes out of what it is given.
    fn made(&self, at: NodeIx, node: &PlanNode, given: &NodeSources) -> (Sources, Option<Box<PlanSources>>) {
        match &node.action {
            Action::Graph { plan, inputs } => {
                let input = |name: &str| match inputs {
                    ValueTemplate::Object(fields) => fields
                        .iter()
                        .find(|(field, _)| field == name)
                        .map(|(_, value)| self.value(at, value))
                        .unwrap_or_default(),
                    inputs => self.value(at, inputs),
                };
                let inner = PlanSources::within(plan, &input, &given.control, self.files);
                (inner.outputs.clone(), Some(Box::new(inner)))
            }
            Action::Approval { .. } => (given.all().into_iter().chain([Source::User]).collect(), None),
            Action::Call { with } => (self.called(node.uses, with, given.all()), None),
            Action::Llm(conversation) => {
                let mut made = given.all();
                made.insert(Source::Llm(Some(conversation.model.clone())));
                for &tool in &conversation.tools {
                    made.extend(self.called(tool, &ValueTemplate::literal(Value::Null), Sources::new()));
                }
                (made, None)
            }
            Action::Batch { tools, .. } => {
                let nothing = ValueTemplate::literal(Value::Null);
                let made = tools.iter().flat_map(|&tool| self.called(tool, &nothing, given.all()));
                (made.collect(), None)
            }
            Action::Render(_) | Action::Values(_) | Action::ParseReport(_) | Action::Fail { .. } => {
                (given.all(), None)
            }
        }
    }

    /// What a call gives back: its parameters, and what it reads.
    fn called(&self, tool: Uses, with: &ValueTemplate, mut made: Sources) -> Sources {
        let text = |name: &str| literal(with, name);
        match tool {
            Uses::ReadFile => made.insert(Source::Workspace(text("path"))),
            Uses::Http => {
                made.insert(Source::Http(text("url").and_then(|url| Some(WebAddress::parse(&url)?.origin()))))
            }
            Uses::Mcp => made.insert(Source::Mcp(text("server"))),
            Uses::Llm => made.insert(Source::Llm(None)),
            Uses::Exec => made.insert(Source::Exec) | made.insert(Source::Workspace(None)),
            _ => made.insert(Source::Workspace(None)),
        };
        made.extend(self.files.iter().cloned());
        made
    }

    fn value(&self, at: NodeIx, value: &ValueTemplate) -> Sources {
        self.roots(Some(at), value.roots())
    }

    /// The sources of what references begin at, as the node `at` sees them; the graph's outputs are no node's.
    fn roots<'r>(&self, at: Option<NodeIx>, roots: impl IntoIterator<Item = &'r Root>) -> Sources {
        roots.into_iter().flat_map(|root| self.root(at, root)).collect()
    }

    fn root(&self, at: Option<NodeIx>, root: &Root) -> Sources {
        match root {
            Root::Input(name) => (self.input)(name),
            Root::Node(name) => self.named(name).map(|node| self.output_of(node)).unwrap_or_default(),
            Root::Channel(name) => {
                let channels = self.plan.channels.iter().zip(&self.sources.channels);
                let found = channels.filter(|(channel, _)| channel.name.as_str() == name);
                found.flat_map(|(_, sources)| sources.iter().cloned()).collect()
            }
            Root::Loop(name) => {
                let target =
                    self.named(name).map(|target| self.sources.nodes[target.0 as usize].control.clone());
                target.unwrap_or_default()
            }
            Root::Run => Sources::new(),
            Root::Output | Root::Error => at.map(|at| self.output_of(at)).unwrap_or_default(),
            // a binding of `for_each`: an item of its list, which is part of what decides how often the node runs
            Root::Local(_) => {
                let each = at.and_then(|at| self.plan.node(at).for_each.as_ref().map(|each| (at, each)));
                each.map(|(at, each)| self.roots(Some(at), each.items.roots())).unwrap_or_default()
            }
        }
    }

    fn output_of(&self, node: NodeIx) -> Sources {
        let node = &self.sources.nodes[node.0 as usize];
        node.output.iter().chain(&node.control).cloned().collect()
    }
}

/// Does the node write what it is given into the workspace?
fn writes(node: &PlanNode) -> bool {
    match &node.action {
        Action::Call { .. } => matches!(node.uses, Uses::ApplyPatch | Uses::Exec | Uses::Mcp),
        Action::Batch { tools, .. } => {
            tools.iter().any(|tool| matches!(tool, Uses::ApplyPatch | Uses::Exec | Uses::Mcp))
        }
        Action::Llm(conversation) => {
            conversation.tools.iter().any(|tool| matches!(tool, Uses::ApplyPatch | Uses::Exec | Uses::Mcp))
        }
        _ => false,
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
