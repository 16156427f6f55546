//! Requests over a network: to an address that was looked up once and judged, with times and sizes that end, and with nothing
//! of the machine's own settings (no proxy, no cookie, no redirect by itself). Knows no tool and no policy.

mod address;
mod connect;
mod exchange;
mod fault;
mod patience;
#[cfg(feature = "otel")]
mod post;
mod traffic;

pub(in crate::runner) use exchange::{Exchange, Outgoing, Terms};
pub(in crate::runner) use fault::NetFault;
pub(in crate::runner) use patience::Begin;
#[cfg(feature = "otel")]
pub use post::{Post, post};
pub use traffic::Traffic;
