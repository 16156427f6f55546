//! Model → plan; `checks/`, one file a check. Collects every finding. Opens no file: the texts that a file names
//! are asked of the caller.

mod load;
mod scope;

pub use load::{FileKind, FileRef, Load, LoadProblem, Loaded};
pub use scope::{Known, Local, Names, NodeFacts, Place};
