//! The types of a plan. `compile` makes one; nobody changes it afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::digest::Digest;
use crate::effect::ErrorKind;
use crate::expr::{Expression, Template, ValueTemplate};
use crate::model::{Join, Name, NodeId, OnCrash, OnItemError, Reduce, Uses};
use crate::types::Type;

/// A node of one plan: its place in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeIx(pub u32);

/// An edge of one plan: its place in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EdgeIx(pub u32);

/// A loop of one plan: outer loops before inner ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LoopIx(pub u32);

/// A channel of one plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelIx(pub u32);

/// A compiled graph.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The graph's name.
    pub name: String,
    /// Of its meaning: formatting and key order do not change it. Subgraphs, prompts and schemas count.
    pub digest: Digest,
    /// What a run is given.
    pub inputs: Vec<PlanInput>,
    /// By [`NodeIx`].
    pub nodes: Vec<PlanNode>,
    /// By [`EdgeIx`].
    pub edges: Vec<PlanEdge>,
    /// By [`LoopIx`].
    pub loops: Vec<PlanLoop>,
    /// By [`ChannelIx`].
    pub channels: Vec<PlanChannel>,
    /// Canonical order: each outermost loop counts as one node; topological, ties by place in the file; the nodes
    /// of a loop stand together, ordered by the same rule.
    pub order: Vec<NodeIx>,
    /// By [`NodeIx`]: its place in `order`.
    pub rank: Vec<u32>,
    /// Evaluated when the run has succeeded.
    pub outputs: Vec<PlanOutput>,
    /// What a run may use up.
    pub budgets: PlanBudgets,
    /// Leaf calls at once, in each execution of it.
    pub concurrency: Option<u32>,
    /// Leaf calls at once, by group, in all executions of it together.
    pub groups: BTreeMap<Name, u32>,
    /// The policy layers that the graph names, as written: the first is the grant.
    pub policy: Vec<String>,
    /// What never happens together. It follows from the rest, and is no part of the digest.
    pub apart: Apart,
    /// With the graphs that its nodes run. It follows from the rest, too.
    pub extent: Extent,
    /// The path of its file, from the folder of the graph that was named: what its policies are named from. It means nothing
    /// for what the graph is.
    pub file: String,
    /// Where it is defined: its file, and the graphs of that file that it is written within (`ci.yaml//check//lint`). Its groups
    /// are one for all of its executions in a run.
    pub place: Arc<str>,
}

/// What a graph comes to with all graphs within it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extent {
    /// Its nodes, and those of a graph once for each node that runs it.
    pub nodes: u64,
    /// Graphs within one another, itself included.
    pub depth: usize,
}

impl Extent {
    /// Of a graph with these nodes.
    pub fn of(nodes: &[PlanNode]) -> Self {
        let inner = nodes.iter().filter_map(|node| match &node.action {
            Action::Graph { plan, .. } => Some(plan.extent),
            _ => None,
        });
        let own = Self { nodes: nodes.len() as u64, depth: 1 };
        inner.fold(own, |all, inner| Self {
            nodes: all.nodes.saturating_add(inner.nodes),
            depth: all.depth.max(inner.depth.saturating_add(1)),
        })
    }
}

/// What never happens together, by what conditions, statuses and kinds of failures say.
#[derive(Debug, Clone, Default)]
pub struct Apart {
    /// Edges of one node that are never both taken, the first of the file first.
    pub edges: BTreeSet<(EdgeIx, EdgeIx)>,
    /// Nodes one of which is always skipped, the first of the file first.
    pub nodes: BTreeSet<(NodeIx, NodeIx)>,
}

/// An input.
#[derive(Debug, Clone)]
pub struct PlanInput {
    /// Its name.
    pub name: Name,
    /// Its JSON Schema.
    pub schema: Value,
    /// Without one, it is required.
    pub default: Option<Value>,
}

/// An output.
#[derive(Debug, Clone)]
pub struct PlanOutput {
    /// Its name.
    pub name: Name,
    /// Its template.
    pub value: ValueTemplate,
    /// What it gives.
    pub ty: Type,
}

/// A node.
#[derive(Debug, Clone)]
pub struct PlanNode {
    /// Its id.
    pub id: NodeId,
    /// The word of the graph language.
    pub uses: Uses,
    /// What it does.
    pub action: Action,
    /// A condition.
    pub skip_when: Option<Expression>,
    /// Once for each item.
    pub for_each: Option<ForEachRule>,
    /// How often it is tried.
    pub retry: RetryRule,
    /// Of an attempt.
    pub timeout: Option<Duration>,
    /// How many taken edges it wants.
    pub join: Join,
    /// A concurrency group.
    pub group: Option<Name>,
    /// Reuse a result?
    pub cache: bool,
    /// Does this result decide success?
    pub verify: bool,
    /// Channel writes on success.
    pub update: Vec<(ChannelIx, ValueTemplate)>,
    /// What becomes of a call that a crash interrupted.
    pub on_crash: OnCrash,
    /// Forward edges to it; empty for an entry.
    pub incoming: Vec<EdgeIx>,
    /// All edges from it, loop edges included.
    pub outgoing: Vec<EdgeIx>,
    /// The loops whose body it is in, outermost first.
    pub loops: Vec<LoopIx>,
}

/// What a node does.
#[derive(Debug, Clone)]
pub enum Action {
    /// One call of a tool.
    Call {
        /// Its parameters: an object.
        with: ValueTemplate,
    },
    /// One model call, made through the runner.
    Llm(Box<Conversation>),
    /// Tool calls computed at run time.
    Batch {
        /// A list of `{tool, input}`.
        calls: ValueTemplate,
        /// The only tools that they may name.
        tools: Vec<Uses>,
        /// The most calls.
        max_calls: u32,
    },
    /// Another graph.
    Graph {
        /// The graph.
        plan: Arc<Plan>,
        /// Its inputs: an object.
        inputs: ValueTemplate,
    },
    /// A question to a person.
    Approval {
        /// What is shown; `{call: NODE}` shows the exact call that NODE will make.
        show: ValueTemplate,
        /// The choices.
        options: Vec<String>,
        /// JSON Schema of a further answer.
        response: Option<Value>,
    },
    /// A prompt to text.
    Render(Rendered),
    /// Expressions to an object.
    Values(ValueTemplate),
    /// A tool's report to the verifier report: `{format, text}`.
    ParseReport(ValueTemplate),
    /// End in failure.
    Fail {
        /// `failed` unless named.
        kind: ErrorKind,
        /// The message.
        message: ValueTemplate,
    },
}

/// A prompt with the values it sees.
#[derive(Debug, Clone)]
pub struct Rendered {
    /// The prompt's name.
    pub name: Name,
    /// Its text.
    pub prompt: Arc<Template>,
    /// By name.
    pub vars: ValueTemplate,
}

/// One model call.
#[derive(Debug, Clone)]
pub struct Conversation {
    /// The name in the user's configuration; `deterministic` is built in.
    pub model: String,
    /// The graph left the choice to the user: it is `deterministic` until their configuration says otherwise.
    pub by_default: bool,
    /// `temperature`, `max_tokens`, …
    pub params: BTreeMap<String, Value>,
    /// Role (`system`, `user`, `assistant`) and prompt, in order.
    pub messages: Vec<(String, Arc<Template>)>,
    /// What the prompts see, by name.
    pub vars: ValueTemplate,
    /// JSON Schema of the answer; without one the answer is text.
    pub output_schema: Option<Value>,
    /// How often an answer that does not satisfy the schema goes back.
    pub repairs: u32,
    /// Tools that the model may call.
    pub tools: Vec<Uses>,
    /// Rounds of tool calls.
    pub max_rounds: u32,
    /// Tool calls.
    pub max_calls: u32,
}

/// `for_each`
#[derive(Debug, Clone)]
pub struct ForEachRule {
    /// The list.
    pub items: Expression,
    /// The name of an item; `NAME_index` is its index.
    pub binding: Name,
    /// The most items.
    pub max: u32,
    /// How many at once.
    pub parallel: u32,
    /// What a failed item means.
    pub on_error: OnItemError,
}

/// How often a node is tried.
#[derive(Debug, Clone)]
pub struct RetryRule {
    /// All attempts, the first included.
    pub attempts: u32,
    /// The first wait; it doubles up to 60 s.
    pub backoff: Duration,
    /// The kinds that are tried again.
    pub kinds: Vec<ErrorKind>,
}

/// An edge.
#[derive(Debug, Clone)]
pub struct PlanEdge {
    /// The source.
    pub from: NodeIx,
    /// The target.
    pub to: NodeIx,
    /// What it is decided by.
    pub outcome: EdgeOutcome,
    /// A further condition.
    pub when: Option<Expression>,
    /// Loop edges: the loop that they turn.
    pub turns: Option<LoopIx>,
    /// The loops whose body it leaves, innermost first: decided once, when the outermost of them is over.
    pub leaves: Vec<LoopIx>,
}

/// What an edge is decided by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EdgeOutcome {
    /// Success.
    Success,
    /// Success, and no other success edge is taken.
    Otherwise,
    /// Failure with one of these kinds.
    Catch(Vec<ErrorKind>),
    /// Whatever happened.
    Always,
}

/// A loop, named by its target.
#[derive(Debug, Clone)]
pub struct PlanLoop {
    /// The target.
    pub target: NodeIx,
    /// The body, in canonical order; the target is the first.
    pub body: Vec<NodeIx>,
    /// Its loop edges.
    pub edges: Vec<EdgeIx>,
    /// Iterations, the first included.
    pub max: u32,
    /// Does running out count as not taken, by edge in `edges`? Otherwise the source fails with `exhausted`.
    pub leave: Vec<bool>,
    /// The wait between iterations.
    pub delay: Duration,
    /// The loops around it, outermost first.
    pub outer: Vec<LoopIx>,
}

/// A channel.
#[derive(Debug, Clone)]
pub struct PlanChannel {
    /// Its name.
    pub name: Name,
    /// JSON Schema of its value.
    pub schema: Value,
    /// The start value.
    pub start: Value,
    /// How writes are folded.
    pub reduce: Reduce,
}

/// What a run may use up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanBudgets {
    /// Time on the clock.
    pub wall: Option<Duration>,
    /// Calls of tools.
    pub tool_calls: Option<u64>,
    /// Tokens of models.
    pub llm_tokens: Option<u64>,
    /// Bytes of patches.
    pub patch_bytes: Option<u64>,
    /// Time for `always` paths after a failure or a cancellation.
    pub grace: Duration,
}

impl PlanEdge {
    /// Is it there for failures of this kind?
    pub fn catches(&self, kind: &ErrorKind) -> bool {
        matches!(&self.outcome, EdgeOutcome::Catch(kinds) if kinds.contains(kind))
    }
}

impl Plan {
    /// The node behind an index of this plan.
    pub fn node(&self, at: NodeIx) -> &PlanNode {
        &self.nodes[at.0 as usize]
    }

    /// The edge behind an index of this plan.
    pub fn edge(&self, at: EdgeIx) -> &PlanEdge {
        &self.edges[at.0 as usize]
    }

    /// The node with this id.
    pub fn find(&self, id: &str) -> Option<NodeIx> {
        self.nodes.iter().position(|node| node.id.as_str() == id).map(|at| NodeIx(at as u32))
    }
}
