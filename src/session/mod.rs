//! Ask `interpret`, record, ask the runner through `client`, record, apply; cancel, limits.

mod load;

pub use load::{CheckedFolder, check_own_folder, check_paths};
