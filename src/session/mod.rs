//! Ask `interpret`, record, ask the runner through `client`, record, apply; cancel, limits.

mod load;
mod policies;

pub use load::{CheckedFolder, check_own_folder, check_paths};
pub use policies::{given_layers, graph_layers};
