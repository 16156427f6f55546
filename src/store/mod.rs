//! Runs in the user's state folder: append, read back, lock. Never in a workspace: a repository must not be able to
//! ship a run, an approval or a cached result. Knows no event, only lines and blobs.

mod blobs;
mod error;
mod folder;
mod run_id;
mod run_log;

pub use blobs::Blobs;
pub use error::StoreError;
pub use folder::{RunFiles, Store};
pub use run_id::RunId;
pub use run_log::{Durability, RunLog};
