//! Model → plan; `checks/`, one file a check. Collects every finding. Opens no file: the texts that a file names
//! are asked of the caller.

mod beside;
mod build;
mod bundle;
mod checks;
mod draft;
mod expressions;
mod foreign;
mod graph;
mod graph_tests;
mod kinds;
mod knowledge;
mod literal;
mod load;
mod names;
mod parts;
mod pointer;
mod project;
mod reading;
mod scope;
mod shipped;
mod tools;

pub use bundle::{bundle, check_bundle};
pub use graph_tests::CheckedTests;
pub use knowledge::{MOST_AT_ONCE, Sides, at_once};
pub use load::{FileKind, FileRef, Load, LoadProblem, Loaded};
pub use project::{Checked, CheckedRoot, ReadFile, Root, check_files};
pub use scope::{Known, Local, LoopFacts, Names, NodeFacts, Place};
pub use shipped::{check_shipped, shipped_bundle, shipped_file, shipped_files, shipped_graphs};
