//! Waiting for changes of the files that a graph is made of. What a change means is decided by whoever waits: everything is
//! read again from its beginning, so that nothing can be half reloaded.

mod changes;
mod places;

pub use changes::{Changes, WatchError};
pub use places::{Places, around_file, own_folder};
