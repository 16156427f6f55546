//! Files in memory: ids, text, spans, and how text that is not ours is shown. Knows no syntax, no disk and no
//! diagnostics.

mod escape;
mod file;
mod span;

pub use escape::{escaped, is_unsafe_to_show, json_escaped};
pub use file::{SourceFile, Sources};
pub use span::{FileId, Located, Position, Span};
