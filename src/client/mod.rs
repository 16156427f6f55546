//! The asking side of the protocol, over an inherited socket. Knows no plan and no policy.

mod connection;
mod frames;

pub use connection::{Connection, Lost};
pub use frames::Frames;
