//! Two plans beside one another: what one has and the other has not, and above all which calls may be made that might
//! not before. Made of two documents `lgflow.plan/v1`, so that a plan that was written down can be one of them.

mod calls;
mod compare;
mod document;
mod parts;
mod sources;
mod text;
mod values;

#[cfg(test)]
mod tests;

pub use calls::{CallChange, Told, Untold};
pub use compare::{Difference, EdgeChange, NodeChange, compare};
pub use document::plan_difference_document;
pub use parts::{Change, Part};
pub use text::plan_difference_text;
