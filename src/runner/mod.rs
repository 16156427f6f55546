//! The only effects of a workflow: `tools/`, one file a tool, and the serving side of the protocol. Takes `Granted` only.

mod execute;
mod tools;
mod world;

pub use execute::execute;
pub use world::{Cancel, ToolWorld};
