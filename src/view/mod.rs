//! Plans, diagnostics and traces as text, JSON, SARIF, Mermaid, DOT. Returns strings; prints nothing.

pub mod diagnostics;
mod escape;
pub mod graph;
mod json_text;
mod plan_text;
mod run_document;
mod trace_text;

pub use escape::{escaped, is_unsafe_to_show};
pub use json_text::json_text;
pub use plan_text::{PlanFacts, plan_document, plan_text};
pub use run_document::{RunFacts, run_document};
pub use trace_text::event_text;
