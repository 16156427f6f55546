//! Two runs held against each other, event by event in what they mean: what must differ between any two runs (times, numbers,
//! hashes, ids) is left out, and so is the order in which calls ended. Reads events by their envelopes alone; pure.

mod calls;
mod channels;
mod divergence;
mod files;
mod layers;
mod meaning;
mod path;
mod place;
mod spent;
mod whole;

pub use calls::{CallChange, CallSide, Calls};
pub use channels::{ChannelChange, Write};
pub use divergence::{Divergence, EventRef};
pub use files::FileChange;
pub use path::{Decision, NodeChange, NodeEnd};
pub use place::Place;
pub use spent::{NodeTime, Spent};
pub use whole::{Comparison, compare};
