//! The frozen graph: nodes, canonical order, loops, digest. Knows no syntax and no span; nothing in it names a
//! foreign graph type.

mod document;
mod flow;
mod limits;
mod patches;
mod soundness;
mod sources;
mod steps;
mod types;

pub use document::as_written;
pub use flow::{Arrow, Body, Flow, LOOPS_AROUND, too_many_loops_around};
pub use soundness::{Cycle, Sidestep, cycles, sidesteps};
pub use sources::{NodeSources, PlanSources, Sources};
pub use types::{
    Action, Apart, ChannelIx, Conversation, EdgeIx, EdgeOutcome, Extent, ForEachRule, LoopIx, NodeIx, Plan,
    PlanBudgets, PlanChannel, PlanEdge, PlanInput, PlanLoop, PlanNode, PlanOutput, Rendered, RetryRule,
};
