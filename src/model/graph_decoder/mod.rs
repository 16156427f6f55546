//! A tree → a graph, with every finding about keys, types and values on the way. Resolves no name.

mod edge;
mod json_schema;
mod meant;
mod misplaced;
mod modifiers;
mod node;
mod root;
mod section;

pub use json_schema::decode_schema;
pub use root::decode_graph;

use std::collections::BTreeSet;

use super::Section;
use super::decode::Decoder;

/// The decoder with what it could not read.
struct Reader<'a, 'd> {
    decoder: &'a mut Decoder<'d>,
    lost: BTreeSet<Section>,
}
