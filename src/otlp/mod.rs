//! Sends the spans of a run to the user's own collector while the run goes on: made from the events of its trace, by a
//! thread of its own, out of a queue with an end. Nothing waits for it but the end of a run, and that not for long.

mod collector;
mod exporter;
mod sparing;

pub use collector::{Collector, NotSent};
pub use exporter::Exporter;
