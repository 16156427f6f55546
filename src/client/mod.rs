//! The asking side of the protocol: over an inherited socket, alone or shared, and over HTTP. Knows no plan and no policy.

mod connection;
mod frames;
mod link;
#[cfg(feature = "cli")]
mod remote;

pub use connection::{Connection, Lost};
pub use frames::{FrameReader, FrameWriter, Frames};
pub use link::{Link, Piece};
#[cfg(feature = "cli")]
pub use remote::{Caller, RemoteError, RemoteFrames, RunnerUrl, UrlError, connect, fetch, post};
