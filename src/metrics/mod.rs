//! What can be counted of runs: a fixed table of families, counted from the events of a trace and from what the front
//! measures, and their text as Prometheus reads it. Pure: who writes or serves the text is elsewhere.

mod counts;
mod family;
mod text;

pub use counts::Counts;
pub use family::{FAMILIES, Family, Kind};
pub use text::{NotOurs, parse, text};
