//! What the author said, typed: graphs, policies and the manifests of packs with a span at everything. No I/O, no names resolved.

mod decode;
mod graph;
mod graph_decoder;
pub mod graph_test;
mod name;
mod ours;
mod pack;
mod parameters;
pub mod policy;

pub(crate) use decode::{parse_duration, parse_size};
pub use graph::{
    Backoff, Budgets, Channel, Concurrency, Defaults, Edge, ExhaustedRule, Field, ForEach, Graph, Group,
    Input, Join, JsonSchema, LoopClause, Model, Modifiers, Node, OnCrash, OnItemError, Prompt, PromptSource,
    Reduce, Retry, SchemaSource, Section, Subgraph, SubgraphSource, Uses,
};
pub use graph_decoder::{decode_graph, decode_schema};
pub use name::{Name, NodeId};
pub use ours::says_ours;
pub use pack::{PACK_PREFIX, PACK_SCHEMA, Pack, PackName, PackRef, PackVersion, Requirement, decode_pack};
pub use parameters::Parameters;
pub use policy::Policy;
