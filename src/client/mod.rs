//! The asking side of the protocol, over an inherited socket. Knows no plan and no policy.

mod connection;
mod frames;
mod shared;

pub use connection::{Connection, Lost};
pub use frames::Frames;
pub use shared::Shared;
