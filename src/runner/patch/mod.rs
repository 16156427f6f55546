//! Patches: git-style diffs and lists of changes, strictly read, exactly applied, all or nothing, and taken back.

mod changes;
mod commit;
mod compose;
mod error;
mod fit;
mod header;
mod history;
mod hunk;
mod journal;
mod model;
mod named;
mod parse;
mod path;
mod quoted;
mod recover;
mod render;
mod resolve;
mod version;

pub(crate) use changes::{Change, read_changes};
pub(crate) use commit::{Author, Wanted, Workshop, commit};
pub(crate) use compose::{Side, compose};
pub(crate) use error::PatchError;
pub(crate) use history::{History, Past, PastContent};
pub(crate) use model::{Action, FilePatch, Mode};
pub use named::paths_of_patch;
pub(crate) use parse::parse;
pub(crate) use path::{checked, is_protected};
pub(crate) use recover::recover;
pub use recover::{Recovered, Recovery};
pub(crate) use render::render;
pub(crate) use resolve::{Changed, Planned, resolve_changes, resolve_patch};
pub(crate) use version::{Content, Version};

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod git_tests;
#[cfg(test)]
mod scratch;
#[cfg(test)]
mod tests;
