//! A plan as a drawing: nodes, edges with what decides them, loops around their bodies. A file a form; what is
//! written on a node or an edge is the same in each.

mod dot;
mod labels;
mod mermaid;

pub use dot::dot;
pub use mermaid::mermaid;
