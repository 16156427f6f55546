//! What follows from a plan alone and is asked again and again in a run: which results a reader sees, which writes,
//! what a turn of a loop takes back. Made once for each plan. Knows no run.

use std::collections::{BTreeMap, BTreeSet};

use crate::expr::{Expression, Reference, Root, Template, ValueTemplate};
use crate::plan::{Action, ChannelIx, EdgeIx, LoopIx, NodeIx, Plan, PlanNode};

use super::writer_set::WriterSet;

/// The derived facts of one plan.
#[derive(Debug)]
pub struct Index {
    /// By node: how many forward edges come in.
    pub(crate) incoming: Vec<u32>,
    /// Nodes outside of loops, and outermost loops.
    pub(crate) outermost: u32,
    /// By loop.
    pub(crate) loops: Vec<LoopIndex>,
    /// By channel name.
    channels: BTreeMap<String, ChannelIx>,
    /// By node name.
    nodes: BTreeMap<String, NodeIx>,
    /// By node: the nodes that it and its edges name, if they are its ancestors, and itself. Sorted by name.
    visible: Vec<Box<[(String, NodeIx)]>>,
    /// Nodes that write channels, by node: their number in `ancestors`.
    writers: BTreeMap<NodeIx, usize>,
    /// By node: which of them are its ancestors.
    ancestors: Vec<WriterSet>,
}

/// The derived facts of one loop.
#[derive(Debug, Default)]
pub(crate) struct LoopIndex {
    /// Nodes of the body in no inner loop, and the loops directly inside.
    pub(crate) parts: u32,
    /// Edges within the body, loop edges as well: a turn takes them back.
    pub(crate) inner_edges: Vec<EdgeIx>,
    /// The loops inside, at any depth.
    pub(crate) inner_loops: Vec<LoopIx>,
    /// Edges that are decided when this loop is over, by the place of their source in the file.
    pub(crate) held: Vec<EdgeIx>,
    /// Channels that its body writes.
    pub(crate) written: BTreeSet<ChannelIx>,
}

impl Index {
    /// The facts of `plan`. Takes time in proportion to its size, and to how far back its references reach.
    pub fn of(plan: &Plan) -> Self {
        let writers = writers(plan);
        Self {
            incoming: plan.nodes.iter().map(|node| node.incoming.len() as u32).collect(),
            outermost: plan.nodes.iter().filter(|node| node.loops.is_empty()).count() as u32
                + plan.loops.iter().filter(|l| l.outer.is_empty()).count() as u32,
            loops: loops(plan),
            channels: plan
                .channels
                .iter()
                .enumerate()
                .map(|(at, channel)| (channel.name.as_str().to_owned(), ChannelIx(at as u32)))
                .collect(),
            nodes: plan
                .nodes
                .iter()
                .enumerate()
                .map(|(at, node)| (node.id.as_str().to_owned(), NodeIx(at as u32)))
                .collect(),
            visible: visible(plan),
            ancestors: ancestors(plan, &writers),
            writers,
        }
    }

    /// The channel with this name.
    pub fn channel(&self, name: &str) -> Option<ChannelIx> {
        self.channels.get(name).copied()
    }

    /// The node with this id.
    pub fn node(&self, name: &str) -> Option<NodeIx> {
        self.nodes.get(name).copied()
    }

    /// The node called `name`, if `reader` may see it: as an ancestor, or as itself.
    pub fn sees(&self, reader: NodeIx, name: &str) -> Option<NodeIx> {
        let seen = &self.visible[reader.0 as usize];
        let at = seen.binary_search_by(|(known, _)| known.as_str().cmp(name)).ok()?;
        Some(seen[at].1)
    }

    /// Is `writer`, which writes to a channel or is the target of a loop that does, an ancestor of `reader`?
    pub(crate) fn sees_writes(&self, reader: NodeIx, writer: NodeIx) -> bool {
        self.writers.get(&writer).is_some_and(|number| self.ancestors[reader.0 as usize].has(*number))
    }
}

fn loops(plan: &Plan) -> Vec<LoopIndex> {
    let mut loops: Vec<LoopIndex> = plan.loops.iter().map(|_| LoopIndex::default()).collect();
    for (at, inner) in plan.loops.iter().enumerate() {
        if let Some(around) = inner.outer.last() {
            loops[around.0 as usize].parts += 1;
        }
        for around in &inner.outer {
            loops[around.0 as usize].inner_loops.push(LoopIx(at as u32));
        }
    }
    for node in &plan.nodes {
        if let Some(around) = node.loops.last() {
            loops[around.0 as usize].parts += 1;
        }
        for around in &node.loops {
            loops[around.0 as usize].written.extend(node.update.iter().map(|(channel, _)| *channel));
        }
    }
    for (at, edge) in plan.edges.iter().enumerate() {
        let at = EdgeIx(at as u32);
        if let Some(outermost) = edge.leaves.last() {
            loops[outermost.0 as usize].held.push(at);
        }
        for around in common(&plan.node(edge.from).loops, &plan.node(edge.to).loops) {
            loops[around.0 as usize].inner_edges.push(at);
        }
    }
    for l in &mut loops {
        l.held.sort_by_key(|edge| (plan.edge(*edge).from, *edge));
    }
    loops
}

/// The loops that two nodes share, given the loops around each, outermost first.
pub(crate) fn common<'a>(a: &'a [LoopIx], b: &[LoopIx]) -> &'a [LoopIx] {
    let shared = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    &a[..shared]
}

/// The nodes that write to a channel, and the targets of the loops that they are in: who comes behind those sees what earlier
/// iterations wrote.
fn writers(plan: &Plan) -> BTreeMap<NodeIx, usize> {
    let writes = |at: &NodeIx| !plan.node(*at).update.is_empty();
    let loops = plan.nodes.iter().filter(|node| !node.update.is_empty()).flat_map(|node| &node.loops);
    let targets: BTreeSet<NodeIx> = loops.map(|l| plan.loops[l.0 as usize].target).collect();
    let nodes = plan.order.iter().copied().filter(|at| writes(at) || targets.contains(at));
    nodes.enumerate().map(|(number, at)| (at, number)).collect()
}

/// In canonical order, which is topological: each node has the writers of its sources, and the sources themselves.
fn ancestors(plan: &Plan, writers: &BTreeMap<NodeIx, usize>) -> Vec<WriterSet> {
    let mut sets = vec![WriterSet::default(); plan.nodes.len()];
    for &at in &plan.order {
        let mut set = WriterSet::default();
        for &edge in &plan.node(at).incoming {
            let from = plan.edge(edge).from;
            set.extend(&sets[from.0 as usize]);
            if let Some(number) = writers.get(&from) {
                set.insert(*number);
            }
        }
        set.settle();
        sets[at.0 as usize] = set;
    }
    sets
}

fn visible(plan: &Plan) -> Vec<Box<[(String, NodeIx)]>> {
    let by_name: BTreeMap<&str, NodeIx> =
        plan.nodes.iter().enumerate().map(|(at, node)| (node.id.as_str(), NodeIx(at as u32))).collect();
    let mut seen: Vec<BTreeMap<String, NodeIx>> = vec![BTreeMap::new(); plan.nodes.len()];
    let mut far: BTreeMap<NodeIx, Vec<NodeIx>> = BTreeMap::new();
    for (at, node) in plan.nodes.iter().enumerate() {
        let reader = NodeIx(at as u32);
        let sources: BTreeSet<NodeIx> = node.incoming.iter().map(|edge| plan.edge(*edge).from).collect();
        for name in named_nodes(plan, node) {
            let Some(&source) = by_name.get(name.as_str()) else { continue };
            let near = source == reader || sources.contains(&source);
            if near {
                seen[at].insert(name, source);
            } else {
                far.entry(source).or_default().push(reader);
            }
        }
    }
    let mut reach = Reach { plan, mark: vec![0; plan.nodes.len()], turn: 0 };
    for (source, readers) in far {
        for reader in reach.from(source, &readers) {
            seen[reader.0 as usize].insert(plan.node(source).id.as_str().to_owned(), source);
        }
    }
    seen.into_iter().map(|names| names.into_iter().collect()).collect()
}

/// Forward reachability, one source at a time, no further than the last reader that asks.
struct Reach<'a> {
    plan: &'a Plan,
    mark: Vec<u32>,
    turn: u32,
}

impl Reach<'_> {
    fn from(&mut self, source: NodeIx, readers: &[NodeIx]) -> Vec<NodeIx> {
        self.turn += 1;
        let rank = |node: NodeIx| self.plan.rank[node.0 as usize];
        let last = readers.iter().map(|reader| rank(*reader)).max().unwrap_or_default();
        let mut open = vec![source];
        while let Some(at) = open.pop() {
            for edge in self.plan.node(at).outgoing.iter().map(|edge| self.plan.edge(*edge)) {
                let mark = &mut self.mark[edge.to.0 as usize];
                if edge.turns.is_none() && *mark != self.turn && rank(edge.to) <= last {
                    *mark = self.turn;
                    open.push(edge.to);
                }
            }
        }
        readers.iter().copied().filter(|reader| self.mark[reader.0 as usize] == self.turn).collect()
    }
}

/// The nodes that a node and its edges refer to.
fn named_nodes(plan: &Plan, node: &PlanNode) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut keep = |references: &[Reference]| {
        names.extend(references.iter().filter_map(|reference| match &reference.root {
            Root::Node(name) => Some(name.clone()),
            _ => None,
        }));
    };
    let conditions = node.outgoing.iter().filter_map(|edge| plan.edge(*edge).when.as_ref());
    let own = node.skip_when.iter().chain(node.for_each.iter().map(|rule| &rule.items));
    own.chain(conditions).map(Expression::references).for_each(&mut keep);
    let mut open: Vec<&ValueTemplate> = node.update.iter().map(|(_, value)| value).collect();
    open.push(seen_template(&node.action));
    while let Some(template) = open.pop() {
        match template {
            ValueTemplate::Literal(_) => {}
            ValueTemplate::Expression(expression) => keep(expression.references()),
            ValueTemplate::Text(text) => keep(Template::references(text)),
            ValueTemplate::List(items) => open.extend(items),
            ValueTemplate::Object(entries) => open.extend(entries.iter().map(|(_, value)| value)),
        }
    }
    names
}

/// The template of an action that sees the run; a prompt sees its variables alone.
fn seen_template(action: &Action) -> &ValueTemplate {
    match action {
        Action::Call { with } => with,
        Action::Llm(conversation) => &conversation.vars,
        Action::Batch { calls, .. } => calls,
        Action::Graph { inputs, .. } => inputs,
        Action::Approval { show, .. } => show,
        Action::Render(rendered) => &rendered.vars,
        Action::Values(values) => values,
        Action::ParseReport(report) => report,
        Action::Fail { message, .. } => message,
    }
}
