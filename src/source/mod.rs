//! Files in memory: ids, text, spans. Knows no syntax, no disk and no diagnostics.

mod file;
mod span;

pub use file::{SourceFile, Sources};
pub use span::{FileId, Located, Position, Span};
