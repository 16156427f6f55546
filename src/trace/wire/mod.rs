//! The stored form of events, `lgflow.event/v1`: one line of canonical JSON each. Knows no chain and changes no state.

mod calls;
mod content;
mod decode;
mod encode;
mod envelope;
mod fields;

pub use calls::{is_told_rightly, order_data, result_data, results_data};
pub use content::{redact_data, redact_result};
pub use decode::{ReadError, read_envelope, read_event};
pub use envelope::{Blob, Envelope};

pub(crate) use encode::{Wire, encode};
