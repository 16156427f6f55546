//! A run that takes over what an earlier one came to, up to a node, and executes the rest. Starts nothing.

mod reach;
mod results;
mod source;

use std::collections::{BTreeMap, BTreeSet};

use crate::effect::{FrozenLayer, Reuse};
use crate::plan::{NodeIx, Plan};
use crate::policy::PolicySet;
use crate::source::Sources;
use crate::store::RunId;
use crate::trace::{Envelope, Point};

use super::{Again, AgainError, Place};
use reach::Reach;
pub(super) use results::node_of;
pub(super) use source::lost_by_now;
pub use source::{LostSource, lost_source};

/// A run that is forked from an earlier one.
#[derive(Debug, Clone, PartialEq)]
pub struct Fork {
    /// The earlier run.
    pub run: RunId,
    /// From where on it is executed, as it was named.
    pub from: String,
    /// What may be taken over.
    pub reuse: Reuse,
    /// Why the results of a node are not, or not all: by its id.
    pub why_not: BTreeMap<String, &'static str>,
}

/// What became of a node's calls in a run that was forked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenOver {
    /// The node of the run's own graph.
    pub node: String,
    /// How many results were taken over.
    pub reused: u64,
    /// How many calls were made.
    pub made: u64,
    /// Why they were made.
    pub why: Option<String>,
}

/// A run that cannot be forked so.
#[derive(Debug, thiserror::Error)]
pub enum ForkError {
    /// The earlier run.
    #[error(transparent)]
    Again(#[from] AgainError),
    /// It is no node.
    #[error("`{0}` is no node to fork from; write `node`, or `node[2]` for its second iteration")]
    NoPoint(String),
    /// The graph has no such node.
    #[error("the graph has no node `{0}`")]
    NoNode(String),
    /// It is in a subgraph.
    #[error(
        "`{0}` is a node of a subgraph; name the node that uses the subgraph, which is executed as a whole"
    )]
    Inner(String),
    /// It is in fewer loops than are named.
    #[error(
        "`{node}` is in {loops} of the graph, so `{from}` names no iteration of it; write at most a number for each, or `{node}` alone"
    )]
    NoLoop {
        /// As it was named.
        from: String,
        /// The node.
        node: String,
        /// How many loops are around it.
        loops: Loops,
    },
    /// It has not come to that.
    #[error("the run has no iteration `{from}`: `{node}` began in {had}")]
    NoIteration {
        /// As it was named.
        from: String,
        /// The node.
        node: String,
        /// Those that it has.
        had: String,
    },
}

/// How many loops are around a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loops(usize);

impl std::fmt::Display for Loops {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            0 => f.write_str("no loop"),
            1 => f.write_str("one loop"),
            loops => write!(f, "{loops} loops"),
        }
    }
}

/// What a run of `plan` under `layers` may take over from `again`, the run with the id `run`, if all from `from` on is executed.
pub fn fork(
    place: &Place,
    (run, again): (&RunId, &Again),
    (plan, layers): (&Plan, &[FrozenLayer]),
    from: &str,
) -> Result<Fork, ForkError> {
    let (node, iteration) = named(plan, from)?;
    let events = super::undo::events_of(place, run)?;
    began(plan, (node, &iteration), &events, from)?;
    let reach = Reach::of(plan, node, &iteration);
    let same_policy = policy_of(&events) == policy_in_force(layers);
    let mut fork =
        Fork { run: run.clone(), from: from.to_owned(), reuse: Reuse::default(), why_not: BTreeMap::new() };
    let mut stays = Vec::with_capacity(plan.nodes.len());
    for (at, node) in plan.nodes.iter().enumerate() {
        let at = NodeIx(at as u32);
        let changed = why_not(&again.plan, plan, at, same_policy);
        let from_here = (!reach.leaves_alone(at)).then_some("it comes from that node on");
        if let Some(why) = changed.or(from_here) {
            fork.why_not.insert(node.id.to_string(), why);
        }
        stays.push(changed.is_none());
    }
    let may = |node: &str, iteration: &[u32]| {
        let at = plan.nodes.iter().position(|known| known.id.as_str() == node);
        at.is_some_and(|at| stays[at] && reach.leaves(NodeIx(at as u32), iteration))
    };
    fork.reuse = results::reusable(run, &events, &may);
    fork.reuse.earlier = source::earlier(place, run, &events)?;
    Ok(fork)
}

fn named(plan: &Plan, from: &str) -> Result<(NodeIx, Vec<u32>), ForkError> {
    let Ok(Point::End { ids, iteration }) = Point::parse(from) else {
        return Err(ForkError::NoPoint(from.to_owned()));
    };
    let [id] = &ids[..] else { return Err(ForkError::Inner(ids.join("/"))) };
    let at = plan.nodes.iter().position(|node| node.id.as_str() == id);
    let at = at.ok_or_else(|| ForkError::NoNode(id.clone()))?;
    let loops = plan.nodes[at].loops.len();
    if iteration.len() > loops {
        let (from, node) = (from.to_owned(), id.clone());
        return Err(ForkError::NoLoop { from, node, loops: Loops(loops) });
    }
    Ok((NodeIx(at as u32), iteration))
}

/// An iteration that is named must be one that the earlier run came to.
fn began(
    plan: &Plan,
    (node, iteration): (NodeIx, &[u32]),
    events: &[Envelope],
    from: &str,
) -> Result<(), ForkError> {
    let node = plan.node(node).id.as_str();
    let starts = events.iter().filter(|event| {
        event.kind == "node.started" && event.path.is_none() && event.node.as_deref() == Some(node)
    });
    let had: BTreeSet<&[u32]> = starts.map(|event| event.iteration.as_slice()).collect();
    if iteration.is_empty() || had.iter().any(|had| had.starts_with(iteration)) {
        return Ok(());
    }
    let numbers = |had: &&[u32]| {
        let numbers: Vec<String> = had.iter().map(u32::to_string).collect();
        format!("`{node}[{}]`", numbers.join("."))
    };
    let had: Vec<String> = had.iter().map(numbers).collect();
    let had = if had.is_empty() { "none".to_owned() } else { had.join(", ") };
    Err(ForkError::NoIteration { from: from.to_owned(), node: node.to_owned(), had })
}

/// Why no result of a node holds any more, whatever was asked.
fn why_not(then: &Plan, now: &Plan, node: NodeIx, same_policy: bool) -> Option<&'static str> {
    let id = now.node(node).id.as_str();
    let (old, new) = (then.definition(id), now.definition(id));
    match (old, new) {
        (None, _) => Some("the earlier run's graph has no such node"),
        (Some(old), Some(new)) if old != new => Some("its definition has changed"),
        _ if !same_policy => Some("the policy has changed"),
        _ => None,
    }
}

/// The policy that bound a run, as its first event says.
fn policy_of(events: &[Envelope]) -> Option<String> {
    events.first()?.data.get("facts")?.get("policy_digest")?.as_str().map(str::to_owned)
}

fn policy_in_force(layers: &[FrozenLayer]) -> Option<String> {
    PolicySet::compile(layers, &mut Sources::default()).ok().map(|set| set.digest().to_string())
}

impl Fork {
    /// The same for `run`, which is gone on with: it has done something by now.
    ///
    /// # Errors
    /// Its events cannot be read.
    pub fn gone_on_with(mut self, place: &Place, run: &RunId) -> Result<Self, AgainError> {
        let events = super::undo::events_of(place, run)?;
        self.reuse.done = results::footprints(run, &events);
        Ok(self)
    }

    /// What became of it, as the trace of the forked run tells: the nodes that made calls, in the order of their first.
    pub fn taken_over(&self, place: &Place, forked: &RunId) -> Result<Vec<TakenOver>, AgainError> {
        let mut found: Vec<TakenOver> = Vec::new();
        let events = super::undo::events_of(place, forked)?;
        for (event, _, result) in super::undo::results_in(events.iter()) {
            let (node, _) = results::node_of(event);
            let at = found.iter().position(|known| known.node == node).unwrap_or_else(|| {
                found.push(TakenOver { node: node.clone(), reused: 0, made: 0, why: None });
                found.len() - 1
            });
            if result["recalled"]["from"] == "run" {
                found[at].reused += 1;
            } else {
                found[at].made += 1;
                let said = result["passed_over"].as_str().map(str::to_owned);
                found[at].why = found[at].why.take().or(said);
            }
        }
        for node in found.iter_mut().filter(|node| node.made > 0) {
            let why = self.why_not.get(&node.node).map(|why| (*why).to_owned()).or_else(|| node.why.take());
            node.why =
                Some(why.unwrap_or_else(|| "the earlier run has no result for what it asks now".to_owned()));
        }
        Ok(found)
    }
}
