//! A plan as a drawing: nodes, edges with what decides them, loops around their bodies. A file a form; what is
//! written on a node or an edge is the same in each.
//!
//! Mermaid and DOT leave the places to other programs. SVG, HTML and text are of a [`Picture`], whose parts `layout` puts
//! in their places: a picture is of a plan alone, or of what became of it in a run, where a [`Standing`] is given to its
//! nodes.

mod dot;
mod facts;
mod grid;
mod html;
mod labels;
mod legend;
mod measure;
mod mermaid;
mod outline;
mod page;
mod picture;
mod pictured;
mod style;
mod svg;
mod text;
mod xml;

pub use dot::dot;
pub use html::html;
pub use labels::again;
pub(in crate::view) use labels::{edge_in_full, loop_bounds};
pub use mermaid::{mermaid, quoted as mermaid_quoted};
pub use picture::{
    EdgeKind, Fact, Passage, Picture, PictureEdge, PictureNode, PictureRegion, RegionKind, Standing,
};
pub use style::CSS;
pub use svg::{Embedding, svg};
pub use text::{Letters, text};
