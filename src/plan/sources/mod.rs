//! Which sources can reach each value of a plan: through templates, channels, `for_each`, subgraphs and files, and through
//! the conditions that decide whether a node runs. Conservative: what cannot be told apart counts together, and order
//! counts for nothing. Knows no policy.

mod origins;
mod reading;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::effect::{Provenance, Source};

use self::origins::{GraphOrigins, Origin, Origins};
use super::{NodeIx, Plan};

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
