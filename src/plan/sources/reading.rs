//! One look at a node: what it is given, what decides that it runs, and what it makes, by what is known so far.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::effect::{Source, WebAddress};
use crate::expr::{Root, ValueTemplate};
use crate::model::Uses;

use super::origins::{GraphOrigins, NodeOrigins, Origin, Origins};
use crate::plan::{Action, EdgeOutcome, NodeIx, Plan, PlanNode};

/// A graph, its nodes and inputs by name, and its subgraphs.
pub(super) struct Around<'a> {
    pub(super) plan: &'a Plan,
    pub(super) graphs: &'a BTreeMap<NodeIx, Arc<GraphOrigins>>,
    pub(super) names: BTreeMap<&'a str, NodeIx>,
    pub(super) inputs: BTreeMap<&'a str, usize>,
}

/// What is known so far.
pub(super) struct Reading<'a> {
    pub(super) around: &'a Around<'a>,
    pub(super) found: &'a GraphOrigins,
}

impl Reading<'_> {
    fn named(&self, name: &str) -> Option<NodeIx> {
        self.around.names.get(name).copied()
    }

    pub(super) fn node(&self, at: NodeIx) -> NodeOrigins {
        let node = self.around.plan.node(at);
        let mut control = self.found.nodes[at.0 as usize].control.clone();
        control.extend(self.control(at, node));
        let (named, rest) = self.parameters(at, node, &control);
        let inner = self.around.graphs.get(&at).map(|graph| (Arc::clone(graph), self.given(at, node)));
        let mut found = NodeOrigins { named, rest, control, inner, output: Origins::new() };
        found.output = made(node, &found).into_iter().chain(found.control.clone()).collect();
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

    pub(super) fn value(&self, at: NodeIx, value: &ValueTemplate) -> Origins {
        self.roots(Some(at), value.roots())
    }

    /// The origins of what references begin at, as the node `at` sees them; the graph's outputs are no node's.
    pub(super) fn roots<'r>(&self, at: Option<NodeIx>, roots: impl IntoIterator<Item = &'r Root>) -> Origins {
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

/// The origins of what a node makes out of what it is given.
fn made(node: &PlanNode, given: &NodeOrigins) -> Origins {
    match &node.action {
        Action::Graph { .. } => given.told_outside(|graph| &graph.outputs),
        Action::Approval { .. } => given.all().into_iter().chain([Origin::Source(Source::User)]).collect(),
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
        Action::Render(_) | Action::Values(_) | Action::ParseReport(_) | Action::Fail { .. } => given.all(),
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
