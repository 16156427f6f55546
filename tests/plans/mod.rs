//! Plans built by hand, and a world that answers their calls: for tests and benches of the interpreter.
#![allow(dead_code, reason = "each test and bench uses a part of it")]

pub mod drive;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lgflow::digest::Digest;
use lgflow::effect::ErrorKind;
use lgflow::expr::{Expression, ValueTemplate};
use lgflow::model::{Join, Name, NodeId, OnCrash, Reduce, Uses};
use lgflow::plan::{
    Action, Apart, Arrow, ChannelIx, EdgeIx, EdgeOutcome, Extent, Flow, LoopIx, NodeIx, Plan, PlanBudgets,
    PlanChannel, PlanEdge, PlanLoop, PlanNode, PlanOutput, RetryRule,
};
use serde_json::{Value, json};

/// A graph under construction.
#[derive(Default)]
pub struct Builder {
    pub nodes: Vec<PlanNode>,
    pub edges: Vec<Edge>,
    pub channels: Vec<PlanChannel>,
    pub outputs: Vec<PlanOutput>,
    pub budgets: PlanBudgets,
    pub concurrency: Option<u32>,
    pub groups: BTreeMap<Name, u32>,
}

/// An edge under construction.
#[derive(Clone)]
pub struct Edge {
    pub from: u32,
    pub to: u32,
    pub outcome: EdgeOutcome,
    pub when: Option<String>,
    /// A loop edge: how many iterations, and is running out no failure?
    pub turns: Option<(u32, bool)>,
}

impl Edge {
    pub fn plain(from: u32, to: u32) -> Self {
        Self { from, to, outcome: EdgeOutcome::Success, when: None, turns: None }
    }
}

pub fn expression(source: &str) -> Expression {
    Expression::from_source(source).unwrap_or_else(|_| panic!("`{source}` does not parse"))
}

/// A template that is exactly one expression.
pub fn value(source: &str) -> ValueTemplate {
    ValueTemplate::Expression(expression(source))
}

/// An object of expressions.
pub fn object(fields: &[(&str, &str)]) -> ValueTemplate {
    ValueTemplate::Object(fields.iter().map(|(name, source)| ((*name).to_owned(), value(source))).collect())
}

impl Builder {
    /// Adds a node; gives its number.
    pub fn node(&mut self, id: &str, uses: Uses, action: Action) -> u32 {
        self.nodes.push(PlanNode {
            id: NodeId::parse(id).unwrap(),
            uses,
            action,
            skip_when: None,
            for_each: None,
            retry: RetryRule { attempts: 1, backoff: Duration::ZERO, kinds: ErrorKind::RETRIED.to_vec() },
            timeout: None,
            join: Join::Some,
            group: None,
            cache: false,
            verify: false,
            update: Vec::new(),
            on_crash: OnCrash::Fail,
            incoming: Vec::new(),
            outgoing: Vec::new(),
            loops: Vec::new(),
        });
        self.nodes.len() as u32 - 1
    }

    pub fn values(&mut self, id: &str, values: ValueTemplate) -> u32 {
        self.node(id, Uses::Values, Action::Values(values))
    }

    pub fn call(&mut self, id: &str, with: ValueTemplate) -> u32 {
        self.node(id, Uses::Exec, Action::Call { with })
    }

    pub fn edge(&mut self, edge: Edge) {
        self.edges.push(edge);
    }

    pub fn chain(&mut self, nodes: &[u32]) {
        for pair in nodes.windows(2) {
            self.edge(Edge::plain(pair[0], pair[1]));
        }
    }

    pub fn channel(&mut self, name: &str, reduce: Reduce, start: Value) -> ChannelIx {
        self.channels.push(PlanChannel {
            name: Name::parse(name).unwrap(),
            schema: json!({}),
            start,
            reduce,
        });
        ChannelIx(self.channels.len() as u32 - 1)
    }

    pub fn output(&mut self, name: &str, source: &str) {
        self.outputs.push(PlanOutput {
            name: Name::parse(name).unwrap(),
            value: value(source),
            ty: lgflow::types::Type::ANY,
        });
    }

    pub fn arrows(&self) -> Vec<Arrow> {
        self.edges
            .iter()
            .map(|edge| Arrow { from: edge.from, to: edge.to, turns: edge.turns.is_some() })
            .collect()
    }

    /// The plan. The graph has neither cycles nor sidesteps.
    pub fn build(mut self, name: &str) -> Arc<Plan> {
        let flow = Flow::of(self.nodes.len(), &self.arrows()).unwrap();
        let mut by_target: BTreeMap<u32, LoopIx> = BTreeMap::new();
        for (at, body) in flow.loops.iter().enumerate() {
            by_target.insert(body.target, LoopIx(at as u32));
        }
        for (at, edge) in self.edges.iter().enumerate() {
            let at = EdgeIx(at as u32);
            self.nodes[edge.from as usize].outgoing.push(at);
            if edge.turns.is_none() {
                self.nodes[edge.to as usize].incoming.push(at);
            }
        }
        for (at, around) in flow.around.iter().enumerate() {
            self.nodes[at].loops = around.iter().map(|l| LoopIx(*l)).collect();
        }
        let loops = flow
            .loops
            .iter()
            .map(|body| {
                let around = &flow.around[body.target as usize];
                let of = |at: usize| self.edges[at].turns.unwrap();
                PlanLoop {
                    target: NodeIx(body.target),
                    body: body.nodes.iter().map(|node| NodeIx(*node)).collect(),
                    edges: body.arrows.iter().map(|at| EdgeIx(*at as u32)).collect(),
                    max: of(body.arrows[0]).0,
                    leave: body.arrows.iter().map(|at| of(*at).1).collect(),
                    delay: Duration::ZERO,
                    outer: around[..around.len() - 1].iter().map(|l| LoopIx(*l)).collect(),
                }
            })
            .collect();
        let edges = self
            .edges
            .iter()
            .map(|edge| PlanEdge {
                from: NodeIx(edge.from),
                to: NodeIx(edge.to),
                outcome: edge.outcome.clone(),
                when: edge.when.as_deref().map(expression),
                turns: edge.turns.map(|_| by_target[&edge.to]),
                leaves: flow.leaves(edge.from, edge.to).into_iter().map(LoopIx).collect(),
            })
            .collect();
        Arc::new(Plan {
            apart: Apart::default(),
            extent: Extent::of(&self.nodes),
            name: name.to_owned(),
            digest: Digest::of(name),
            inputs: Vec::new(),
            nodes: self.nodes,
            edges,
            loops,
            channels: self.channels,
            order: flow.order.iter().map(|node| NodeIx(*node)).collect(),
            rank: flow.ranks(),
            outputs: self.outputs,
            budgets: self.budgets,
            concurrency: self.concurrency,
            groups: self.groups,
            policy: Vec::new(),
            file: String::new(),
            place: name.into(),
        })
    }
}
