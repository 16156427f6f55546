//! lgflow: a declarative engine for repo-aware coding workflows.
//!
//! The way of the data, room by room (`docs/architecture.md` has the floors):
//!
//! ```text
//! text ─source→ SourceFile ─document→ Tree with spans ─schema→ same Tree + diagnostics ─model→ Graph, Policy
//!  ─compile→ Plan + diagnostics ─interpret→ Request ─effect→ (process border) ─policy→ Granted | Denied
//!  ─runner→ Outcome ─trace→ Event ─apply→ RunState ─interpret→ … ─view→ what people see
//! ```
//!
//! A room imports only rooms on lower floors; `tests/architecture.rs` holds that.

pub mod approval;
pub mod client;
pub mod comparison;
pub mod compile;
pub mod config;
pub mod diag;
pub mod digest;
pub mod document;
pub mod effect;
pub mod export;
pub mod expr;
pub mod files;
pub mod interpret;
pub mod layout;
pub mod ledger;
pub mod logging;
pub mod metrics;
pub mod model;
pub mod notes;
#[cfg(feature = "otel")]
pub mod otlp;
pub mod packs;
pub mod patch;
pub mod plan;
pub mod policy;
pub mod receipt;
pub mod redact;
pub mod runner;
pub mod sandbox;
pub mod schema;
pub mod session;
pub mod source;
pub mod store;
pub mod testing;
pub mod trace;
pub mod trust;
pub mod types;
pub mod view;
pub mod wire;
pub mod witness;

#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "cli")]
pub mod front;
#[cfg(feature = "cli")]
pub mod mcp_server;
#[cfg(feature = "cli")]
pub mod service;
#[cfg(feature = "cli")]
pub mod watch;
