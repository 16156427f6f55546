//! YAML, TOML or JSON text → one tree with byte spans, within limits. The only room that knows a syntax.

mod damage;
mod decode;
mod inline;
mod json;
mod limits;
mod number;
mod parse;
mod runs;
mod text;
mod toml;
mod tree;
mod yaml;

pub use damage::Damage;
pub use decode::decode;
pub use inline::{inline, toml_entry};
pub use limits::Limits;
pub use parse::{Parsed, parse};
pub use text::Text;
pub use tree::{Entry, Syntax, Tree, Value};
