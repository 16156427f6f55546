//! The serving side of the protocol over inherited sockets: one task at start, then calls until the front lets go.

mod desk;
mod handshake;
mod machine;
mod session;
mod toolchains;

pub use machine::machine;
pub use session::{ServeError, serve};
