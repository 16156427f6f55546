//! The checks of a graph: one file each, and one table of them.

mod table;

mod batch_calls;
mod call_values;
mod catch_kind;
mod cycle;
mod defaults;
mod duplicate_edge;
mod edge_ends;
mod fail_kind;
mod folded_bound;
mod forgotten_edge;
mod group;
mod idle_kind;
mod loop_agreement;
mod loop_depth;
mod loop_target;
mod modifier;
mod no_calls;
mod not_built;
mod parameters;
mod prompt_variables;
mod reachable;
mod retry_kind;
mod secret;
mod shadowed;
mod subgraph_inputs;
mod taken_back;
mod unconnected;
mod undo_call;

pub(super) use table::CHECKS;
