//! YAML, TOML or JSON text → one tree with byte spans, within limits. The only room that knows a syntax.

mod limits;
mod text;
mod tree;

pub use limits::Limits;
pub use text::Text;
pub use tree::{Entry, Syntax, Tree, Value};
