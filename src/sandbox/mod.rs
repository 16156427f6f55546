//! Confining as a pure transform of a command, and the helper that carries it out.
//!
//! `confine` turns a command and its grant into a [`Confined`], `run` hands that to a single-threaded process of our own
//! program, the *helper*, which puts up the walls. Helpers come from a fresh execution of it (`lgflow __sandbox`, the
//! *nursery*) that does nothing else. The way of a command:
//!
//! ```text
//! nursery ─fork→ helper
//! run ─order→ helper: control groups, namespaces ─fork→ first: private root, overlay ─fork→ begin: limits,
//!     no capabilities, Landlock, seccomp ─execute→ the command
//! run ←report─ helper ←told─ first: waits, ends all of them, reads what was changed
//! ```

mod begin;
mod cache_layers;
mod call_tree;
mod capabilities;
mod cgroup;
mod changes;
mod confine;
mod fetcher;
mod first;
mod foreign;
mod helper;
mod helpers;
mod interpreter;
mod landlock_rules;
mod layer;
mod mask_layer;
mod masks;
#[cfg(test)]
mod masks_tests;
mod moment;
mod mounts;
mod namespaces;
mod nursery;
mod output;
mod overlay_stack;
mod private_root;
mod probe;
mod program;
mod run;
mod seccomp_filter;
mod stack;
mod syscalls;
mod tree;
mod uncarried;
mod upper;
#[cfg(test)]
mod upper_tests;
mod watch;
mod wire;
mod workspace;

pub use cache_layers::{CacheLayers, NewLayer, remove_folder};
pub use confine::{CommandSpec, Confined, Refused, confine};
pub use fetcher::{FETCHER_ARGUMENT, FetchOrder, become_fetcher};
pub use foreign::{Foreign, foreign_owners};
pub use helpers::Helper;
pub use interpreter::{
    InterpreterError, begin_interpreter, broken_promises, confine_interpreter, confine_server,
};
pub use layer::{Layer, Standing};
pub use masks::{MaskError, MaskMemory, MaskRules, Masks};
pub use nursery::helper_main;
pub use output::Kept;
pub use probe::{Probed, probe, walls};
pub use program::{Program, ProgramDigests, ProgramError, find_program};
pub use run::{Beside, End, Job, Ran, RunError, run};
pub use stack::{Cache, CacheStart, Opaque, PRIVATE_HOME, PRIVATE_TMP, Stack, UpperSize};
pub use syscalls::close_all_on_exec;
pub use uncarried::{NotCarried, Uncarried};
pub use upper::{UpperBounds, UpperChanges, UpperFile, Wanted, read_upper};
pub use wire::HELPER_ARGUMENT;
pub use workspace::{CopyError, Difference, WorkspaceCopy};
