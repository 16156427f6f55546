//! Confining as a pure transform of a command, and the helper that carries it out.
//!
//! `confine` turns a command and its grant into a [`Confined`], `run` hands that to a fresh, single-threaded execution
//! of our own program (`lgflow __sandbox`), which is where the walls stand. In this release the helper cleans the
//! environment, the descriptors and the process tree; namespaces, Landlock and seccomp are not in force, and every
//! result says so.

mod confine;
mod fetcher;
mod helper;
mod inherited;
mod interpreter;
mod layer;
mod masks;
#[cfg(test)]
mod masks_tests;
mod output;
mod probe;
mod program;
mod run;
mod stack;
mod tree;
mod uncarried;
mod upper;
#[cfg(test)]
mod upper_tests;
mod wire;
mod workspace;

pub use confine::{CommandSpec, Confined, Refused, confine};
pub use fetcher::{FETCHER_ARGUMENT, FetchOrder, become_fetcher};
pub use helper::helper_main;
pub use inherited::close_all_on_exec;
pub use interpreter::{InterpreterError, begin_interpreter, broken_promises, confine_interpreter};
pub use layer::{Layer, layers_in_force, missing_layers, walls};
pub use masks::{MaskError, MaskMemory, MaskRules, Masks};
pub use output::Kept;
pub use probe::{Offered, Probed, probe};
pub use program::{Program, ProgramDigests, ProgramError, find_program};
pub use run::{End, Helper, Ran, RunError, run};
pub use stack::{Cache, CacheStart, Opaque, PRIVATE_HOME, PRIVATE_TMP, Stack, UpperSize};
pub use uncarried::{NotCarried, Uncarried};
pub use upper::{UpperBounds, UpperChanges, UpperFile, Wanted, read_upper};
pub use wire::HELPER_ARGUMENT;
pub use workspace::{CopyError, Difference, WorkspaceCopy};
