//! What became of the nodes and edges of one execution of a graph.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{End, Story};

/// The nodes and edges of one execution.
#[derive(Debug, Clone, Default)]
pub struct Fates {
    nodes: BTreeMap<String, Fate>,
    /// By the graph that they are in, and their place there.
    taken: BTreeMap<(String, u64), usize>,
}

/// What became of a node.
#[derive(Debug, Clone, Default)]
pub struct Fate {
    /// How it ended in its last iteration: `succeeded`, `failed`, `cancelled`, `skipped`, `not_reached`, `open`,
    /// `waiting`; empty where
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
        Self::by(story, &|at, name| (at == path).then(|| name.to_owned()))
    }

    /// Of all executions together: a node is named behind those that run its subgraph, `outer/inner`.
    pub fn merged(story: &Story) -> Self {
        Self::by(story, &|at, name| Some(format!("{}{name}", above(at))))
    }

    fn by(story: &Story, name: &dyn Fn(&str, &str) -> Option<String>) -> Self {
        let mut all = Self::default();
        for decided in &story.decided {
            let Some(key) = name(&decided.path, &decided.id) else { continue };
            let fate = all.nodes.entry(key).or_default();
            fate.status.clone_from(&decided.status);
            fate.why.clone_from(&decided.reason);
        }
        // the nodes whose questions nobody has answered
        let open = story
            .questions()
            .filter(|(piece, question)| question.granted.is_none() && piece.end == End::Open);
        let asked: Vec<String> = open.map(|(piece, _)| node_key(&piece.key)).collect();
        for (piece, node) in story.nodes() {
            let Some(key) = name(&node.path, &node.id) else { continue };
            let fate = all.nodes.entry(key).or_default();
            let (status, why) = match &piece.end {
                End::Done => ("succeeded", String::new()),
                End::Failed(kind, message) => ("failed", format!("{kind}: {message}")),
                End::Cancelled => ("cancelled", String::new()),
                End::Open if asked.contains(&piece.key) => ("waiting", String::new()),
                End::Open => ("open", String::new()),
            };
            status.clone_into(&mut fate.status);
            fate.why = why;
            fate.ran += 1;
            fate.took += piece.to.since(piece.from);
            fate.turn = fate.turn.max(node.iteration.last().copied().unwrap_or_default());
        }
        for edge in story.edges.iter().filter(|edge| edge.dead.is_none()) {
            if let Some(key) = name(&edge.path, "") {
                *all.taken.entry((key, edge.edge)).or_default() += 1;
            }
        }
        all
    }

    /// Of a node.
    pub fn node(&self, id: &str) -> Fate {
        self.nodes.get(id).cloned().unwrap_or_default()
    }

    /// How often an edge was taken; `above` names the graph: what stands before the names of its nodes.
    pub fn taken(&self, above: &str, edge: u64) -> usize {
        self.taken.get(&(above.to_owned(), edge)).copied().unwrap_or_default()
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
            "waiting" => ("?", "waits for an answer"),
            _ => return "nothing is told of it".to_owned(),
        };
        let times = if self.ran > 1 { format!(", ran {} times", self.ran) } else { String::new() };
        format!("{mark} {word}{times}")
    }
}

/// The nodes that run the subgraph of an execution, before the names of its nodes: `outer#2[3]!1/deep!1` to `outer/deep/`.
pub(super) fn above(path: &str) -> String {
    let mut above = String::new();
    for step in path.split('/').filter(|step| !step.is_empty()) {
        above.push_str(step.split(['#', '[', '!']).next().unwrap_or_default());
        above.push('/');
    }
    above
}

/// The key of the node that a piece within it is of: without item, attempt and what stands behind them.
fn node_key(key: &str) -> String {
    let attempt = key.rfind('/').map_or(key, |at| &key[..at]);
    let (before, step) = attempt.rsplit_once('/').map_or(("", attempt), |(before, step)| (before, step));
    let node = step.split(['[', '!']).next().unwrap_or_default();
    if before.is_empty() { node.to_owned() } else { format!("{before}/{node}") }
}
