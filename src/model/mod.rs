//! What the author said, typed: graphs and policies with a span at everything. No I/O, no names resolved.

mod decode;
mod graph;
mod name;
pub mod policy;

pub use graph::{
    Backoff, Budgets, Channel, Concurrency, Defaults, Edge, ExhaustedRule, Field, ForEach, Graph, Group,
    Input, Join, JsonSchema, LoopClause, Model, Modifiers, Node, OnCrash, OnItemError, Prompt, PromptSource,
    Reduce, Retry, SchemaSource, Subgraph, SubgraphSource, Uses,
};
pub use name::{Name, NodeId};
pub use policy::Policy;
