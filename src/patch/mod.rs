//! What a patch says: a git-style diff, or a list of changes, strictly read into files, modes, hunks and binary parts. Knows no disk
//! and no policy; whether it fits, and who may apply it, is asked by others.

mod binary;
mod changes;
mod error;
mod header;
mod hunk;
mod model;
mod named;
mod parse;
mod path;
mod quoted;

pub(crate) use binary::{Binary, BlobNames, Flaw, MOST_BYTES, ObjectHash};
pub(crate) use changes::{Change, read_changes};
pub(crate) use error::PatchError;
pub(crate) use model::{Action, FilePatch, Hunk, Line, LineKind, Mode, is_text, split_lines};
pub use named::paths_of_patch;
pub(crate) use named::{Named, named_in_patch};
pub(crate) use parse::parse;
pub(crate) use path::{checked, is_protected};
pub(crate) use quoted::quote;
