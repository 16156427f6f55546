//! The policy-checked tools as a server of the Model Context Protocol. Its client is not trusted: it names tools and
//! parameters, and everything else is the session's. Holds a connection to a runner and nothing else; no key, no
//! policy, no file.

mod answer;
mod conversations;
mod http;
mod lines;
mod offer;
mod progress;
mod server;
mod stdio;

pub use http::{Own, PATH, serve_http};
pub use server::{Hosted, Said};
pub use stdio::{Ended, ServeError, serve_stdio};
