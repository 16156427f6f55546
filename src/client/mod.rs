//! The asking side of the protocol, over an inherited socket. Knows no plan and no policy.

mod connection;

pub use connection::{Connection, Lost};
