//! What became of the nodes and edges of one execution of a graph.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{End, Story};

/// The nodes and edges of one execution.
#[derive(Debug, Clone, Default)]
pub struct Fates {
    nodes: BTreeMap<String, Fate>,
    taken: BTreeMap<u64, usize>,
}

/// What became of a node.
#[derive(Debug, Clone, Default)]
pub struct Fate {
    /// How it ended in its last iteration: `succeeded`, `failed`, `cancelled`, `skipped`, `not_reached`, `open`; empty where
    /// nothing is told of it.
    pub status: String,
    /// In how many iterations it ran.
    pub ran: usize,
    /// How long, in all of them.
    pub took: Duration,
    /// Why it failed, or did not run.
    pub why: String,
    /// The innermost iteration that it reached.
    turn: u32,
}

impl Fates {
    /// Of the execution of a subgraph at `path`; empty: of the run's own graph.
    pub fn of(story: &Story, path: &str) -> Self {
        let mut all = Self::default();
        for decided in story.decided.iter().filter(|decided| decided.path == path) {
            let fate = all.nodes.entry(decided.id.clone()).or_default();
            fate.status.clone_from(&decided.status);
            fate.why.clone_from(&decided.reason);
        }
        for (piece, node) in story.nodes().filter(|(_, node)| node.path == path) {
            let fate = all.nodes.entry(node.id.clone()).or_default();
            let (status, why) = match &piece.end {
                End::Done => ("succeeded", String::new()),
                End::Failed(kind, message) => ("failed", format!("{kind}: {message}")),
                End::Cancelled => ("cancelled", String::new()),
                End::Open => ("open", String::new()),
            };
            status.clone_into(&mut fate.status);
            fate.why = why;
            fate.ran += 1;
            fate.took += piece.to.since(piece.from);
            fate.turn = fate.turn.max(node.iteration.last().copied().unwrap_or_default());
        }
        for edge in story.edges.iter().filter(|edge| edge.path == path && edge.dead.is_none()) {
            *all.taken.entry(edge.edge).or_default() += 1;
        }
        all
    }

    /// Of a node.
    pub fn node(&self, id: &str) -> Fate {
        self.nodes.get(id).cloned().unwrap_or_default()
    }

    /// How often an edge was taken.
    pub fn taken(&self, edge: u64) -> usize {
        self.taken.get(&edge).copied().unwrap_or_default()
    }

    /// How many iterations the loop of a target came to.
    pub fn turns(&self, target: &str) -> u32 {
        self.nodes.get(target).map_or(0, |fate| fate.turn)
    }
}

impl Fate {
    /// A mark and words: the colour is never all that tells.
    pub fn sentence(&self) -> String {
        let (mark, word) = match self.status.as_str() {
            "succeeded" => ("✓", "succeeded"),
            "failed" => ("✗", "failed"),
            "cancelled" => ("⊘", "cancelled"),
            "skipped" => ("–", "skipped"),
            "not_reached" => ("–", "not reached"),
            "open" => ("…", "did not end"),
            _ => return "nothing is told of it".to_owned(),
        };
        let times = if self.ran > 1 { format!(", ran {} times", self.ran) } else { String::new() };
        format!("{mark} {word}{times}")
    }
}
