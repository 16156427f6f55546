//! The one resolver: everything is opened beneath a held root descriptor, and what was opened is what is checked.
//! For our own files (no link at all) and for the workspace (links that stay inside are followed, and the path that
//! they lead to is what rules are asked about). Knows no policy and no tool.

mod entry;
mod error;
#[cfg(test)]
pub(crate) mod faults;
mod given;
mod ignored;
mod new_files;
mod open_file;
mod own;
pub mod private;
mod protected_name;
mod rel_path;
mod resolve;
mod root;
mod sight;
mod swap;
mod system;
mod walk;
mod write;

pub use entry::{EntryKind, Facts};
pub use error::FileError;
pub use given::{
    ApartError, demand_apart, read_found_bytes, read_given, read_given_bytes, write_given, write_within,
};
pub use ignored::Exclusions;
pub use new_files::NewFiles;
pub use open_file::{FileReader, OpenFile};
pub use own::OwnFolder;
pub use protected_name::{as_file_systems_read, protected_name};
pub use rel_path::{PathError, RelPath};
pub use root::{Entry, Links, Root};
pub use sight::{Sight, Watcher};
pub use walk::{IgnoreFiles, Walk, Walked, walk, walk_until};
