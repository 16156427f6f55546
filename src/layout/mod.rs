//! Where the parts of a drawing stand: rows from top to bottom, regions as boxes around what is in them, edges as
//! lines of horizontal and vertical pieces. Knows sizes alone: no text, no drawing language, no plan. The unit is the
//! caller's: a pixel, or a cell of a terminal.
//!
//! Each region is laid out by itself, innermost first, and is one box in the region around it; where an edge crosses a
//! border there is a port in both. So a region holds its members and nothing else, whatever the graph.

mod assemble;
mod attach;
mod diagram;
mod drawing;
mod level;
mod order;
mod place;
mod rank;
mod route;
mod tracks;

#[cfg(test)]
mod tests;

pub use assemble::lay_out;
pub use diagram::{Diagram, DiagramEdge, DiagramNode, DiagramRegion, End, Size, Spacing, TooLarge, length};
pub use drawing::{Drawing, Point, Rect, Route};
