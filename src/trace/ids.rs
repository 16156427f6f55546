//! Who an event is about. Numbers are given in the order of the log, so replay gives the same ones. Knows no state.

use crate::plan::NodeIx;

/// One execution of a graph within a run: the run's own graph is the first, each execution of a subgraph a further one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FrameId(pub u32);

impl FrameId {
    /// The execution of the run's own graph.
    pub const ROOT: FrameId = FrameId(0);
}

/// A call, or a batch of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub u32);

/// Something that only the passing of time ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WaitId(pub u32);

/// A question to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QuestionId(pub u32);

/// A node of one execution of a graph, in its present iteration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct At {
    /// The execution.
    pub frame: FrameId,
    /// The node.
    pub node: NodeIx,
}

/// What is tried and retried: a node, or one item of its `for_each`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Unit {
    /// The node.
    pub at: At,
    /// The index of the item.
    pub item: Option<u32>,
}

impl Unit {
    /// The node itself, where it has no `for_each`.
    pub fn node(at: At) -> Self {
        Self { at, item: None }
    }
}
