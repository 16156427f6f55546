//! The serving side of the protocol over inherited sockets: one task at start, then calls until the front lets go.

mod answered;
mod approvals;
mod asking;
mod cached;
mod desk;
#[cfg(test)]
mod desk_tests;
mod footing;
mod freshness;
mod handshake;
mod held;
mod known;
mod looks;
mod machine;
mod past_changes;
mod pieces;
mod recall;
mod receipts;
mod reused;
mod said;
mod session;
mod toolchains;

pub use machine::machine;
pub use session::{ServeError, serve};
