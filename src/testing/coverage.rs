//! Which nodes ran and which edges were taken, over all cases of a graph.

use std::collections::BTreeSet;

use crate::effect::ErrorKind;
use crate::plan::{Action, EdgeIx, EdgeOutcome, NodeIx, Plan};
use crate::trace::{EventBody, RunState};

/// What a run has come by. Nodes and edges of subgraphs are those at the path of their node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    nodes: BTreeSet<(String, NodeIx)>,
    edges: BTreeSet<(String, EdgeIx)>,
}

/// A graph with what was taken of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Covered {
    /// Nodes in all.
    pub nodes: usize,
    /// Edges in all.
    pub edges: usize,
    /// `catch` edges in all; they count among the edges as well.
    pub catches: usize,
    /// Nodes that never ran: `outer/inner`.
    pub never_run: Vec<String>,
    /// Edges that were never taken: `a -> b (otherwise)`.
    pub never_taken: Vec<String>,
    /// Those of them that catch.
    pub never_caught: Vec<String>,
}

impl Coverage {
    /// Looks at an event that has been applied.
    pub(super) fn see(&mut self, state: &RunState, event: &EventBody) {
        let path = |frame| state.frame(frame).map(|frame| frame.path.to_string());
        match event {
            EventBody::NodeStarted { at, .. } => {
                self.nodes.extend(path(at.frame).map(|path| (path, at.node)));
            }
            EventBody::EdgeTaken { frame, edge } => {
                self.edges.extend(path(*frame).map(|path| (path, *edge)));
            }
            _ => {}
        }
    }

    /// Adds what another run has come by.
    pub fn add(&mut self, other: Coverage) {
        self.nodes.extend(other.nodes);
        self.edges.extend(other.edges);
    }

    /// What of a graph that is.
    pub fn of(&self, plan: &Plan) -> Covered {
        let mut covered = Covered {
            nodes: 0,
            edges: 0,
            catches: 0,
            never_run: Vec::new(),
            never_taken: Vec::new(),
            never_caught: Vec::new(),
        };
        self.walk(plan, "", &mut covered);
        covered
    }

    fn walk(&self, plan: &Plan, path: &str, covered: &mut Covered) {
        for (at, node) in plan.nodes.iter().enumerate() {
            covered.nodes += 1;
            if !self.nodes.contains(&(path.to_owned(), NodeIx(at as u32))) {
                covered.never_run.push(format!("{path}{}", node.id));
            }
            if let Action::Graph { plan, .. } = &node.action {
                self.walk(plan, &format!("{path}{}/", node.id), covered);
            }
        }
        for (at, edge) in plan.edges.iter().enumerate() {
            covered.edges += 1;
            let catches = matches!(edge.outcome, EdgeOutcome::Catch(_));
            covered.catches += usize::from(catches);
            if !self.edges.contains(&(path.to_owned(), EdgeIx(at as u32))) {
                let (from, to) = (&plan.node(edge.from).id, &plan.node(edge.to).id);
                let shown = format!("{path}{from} -> {path}{to}{}", clause(edge));
                if catches {
                    covered.never_caught.push(shown.clone());
                }
                covered.never_taken.push(shown);
            }
        }
    }
}

/// What an edge says beyond its two ends.
fn clause(edge: &crate::plan::PlanEdge) -> String {
    let mut words = Vec::new();
    match &edge.outcome {
        EdgeOutcome::Success => {}
        EdgeOutcome::Otherwise => words.push("otherwise".to_owned()),
        EdgeOutcome::Always => words.push("always".to_owned()),
        EdgeOutcome::Catch(kinds) => {
            words.push(format!("catch: {}", ErrorKind::words(kinds).join(", ")));
        }
    }
    words.extend(edge.when.as_ref().map(|when| format!("when: {}", when.source())));
    words.extend(edge.turns.map(|_| "loop".to_owned()));
    if words.is_empty() { String::new() } else { format!(" ({})", words.join("; ")) }
}
