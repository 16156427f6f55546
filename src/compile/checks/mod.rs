//! The checks of a graph: one file each, and one table of them.

mod table;

mod catch_kind;
mod cycle;
mod duplicate_edge;
mod edge_ends;
mod fail_kind;
mod loop_agreement;
mod loop_target;
mod modifier;
mod reachable;
mod retry_kind;
mod secret;
mod shadowed;
mod unconnected;

pub(super) use table::{CHECKS, Check};
