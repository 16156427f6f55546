//! The only effects of a workflow: `tools/`, one file a tool, and the serving side of the protocol. Takes `Granted` only.

mod answer_size;
mod bounds;
mod clean;
mod execute;
mod footing;
mod git_options;
mod net;
mod patch;
mod reach;
mod recover;
mod revision;
mod room;
mod secrets;
mod serve;
mod tools;
mod tracked;
mod work_tree;
mod world;

pub use bounds::{answer_unfit, call_beyond, call_unfit, result_beyond};
pub use execute::execute;
pub use footing::{planned_programs, planned_toolchains};
pub use git_options::git_options;
pub use net::Traffic;
#[cfg(feature = "otel")]
pub use net::{Post, post};
pub use patch::{Recovered, Recovery, bytes_of_changes, forget_changes};
pub use reach::{Reached, key_of, reach};
pub use recover::recover_workspace;
pub use room::{Inside, Room};
pub use secrets::{Keyring, SecretError, redaction};
pub use serve::{ServeError, machine, serve};
pub use tracked::tracked_beneath;
pub use work_tree::planned_workspace;
pub use world::{Cancel, CommandMemory, Hearing, Outside, Teller, ToolWorld};
