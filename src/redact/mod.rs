//! What must not leave: the exact values of secrets under every encoding that is looked for, and what patterns match.
//! Texts and values go in and come out without them. Knows no source of secrets and no receiver.

mod flow;
mod forms;
mod redaction;
mod values;

pub use flow::Flow;
pub use redaction::{Cut, Redaction};
pub use values::{LEAST_BYTES, TooShort, Values};
