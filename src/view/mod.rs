//! Plans, diagnostics and traces as text, JSON, SARIF, Mermaid, DOT, SVG, HTML. Returns strings; prints nothing.

mod approval_text;
mod at_once;
mod brief;
mod comparison;
mod counted;
pub mod diagnostics;
mod explanation;
pub mod graph;
mod json_text;
mod layers;
pub mod plan_difference;
mod plan_text;
mod run_document;
mod standing;
mod trace_text;

pub use crate::source::{escaped, is_unsafe_to_show};

pub use approval_text::{approval_text, question_text};
pub use brief::{asked_in_brief, question_line};
pub use comparison::{comparison_document, comparison_text};
pub use counted::counted;
pub use explanation::{explanation_document, explanation_text, reason_document};
pub use json_text::{json_line, json_text};
pub use layers::{
    DifferenceFacts, LayersFacts, difference_document, difference_text, layers_document, layers_text,
};
pub use plan_text::{PlanFacts, plan_document, plan_text};
pub use run_document::{RunFacts, run_document};
pub use standing::{MomentFacts, standing_document, standing_text};
pub use trace_text::event_text;
