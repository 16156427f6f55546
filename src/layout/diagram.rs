//! What is to be drawn: sizes, and what leads where. Knows no place of anything.

/// A count as a coordinate. The bounds of a drawing keep every count far below the largest.
pub fn length(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// Width and height.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Size {
    /// From left to right.
    pub width: i32,
    /// From top to bottom.
    pub height: i32,
}

/// A node: a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiagramNode {
    /// Of its box.
    pub size: Size,
    /// The innermost region that it is in, by index.
    pub region: Option<usize>,
}

/// A region: a box with a title around its members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiagramRegion {
    /// Of its title, which no edge crosses.
    pub title: Size,
    /// The region around it, by index: a smaller one than its own.
    pub outer: Option<usize>,
}

/// What an edge leads from or to, by index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// A node.
    Node(usize),
    /// A region as a whole.
    Region(usize),
}

/// An edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiagramEdge {
    /// Where it begins.
    pub from: End,
    /// Where it ends: neither a region around `from` nor something within it.
    pub to: End,
    /// Of its label, if it has one.
    pub label: Option<Size>,
    /// Edges of one kind may share a line where they begin or end together.
    pub kind: u32,
}

/// All of it. The order of the nodes is the order in which they are read: an edge to an earlier node goes back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Diagram {
    /// The nodes.
    pub nodes: Vec<DiagramNode>,
    /// The regions, outer ones before inner ones.
    pub regions: Vec<DiagramRegion>,
    /// The edges.
    pub edges: Vec<DiagramEdge>,
}

/// Distances. All are at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spacing {
    /// Between two boxes of a row.
    pub node: i32,
    /// Between a line and what is beside it.
    pub wire: i32,
    /// Between two rows, where nothing turns.
    pub row: i32,
    /// From a row to the first horizontal line below it.
    pub lead: i32,
    /// From the last horizontal line to the row below, an arrowhead's length included.
    pub tail: i32,
    /// Between two horizontal lines.
    pub track: i32,
    /// Between two places where lines begin or end at one box.
    pub attach: i32,
    /// From a box's corner to the first of these.
    pub corner: i32,
    /// From a region's border to what is inside, and around all.
    pub pad: Size,
    /// The width that the boxes of one row should not exceed; a longer row is broken into several.
    pub widest: i32,
}

/// A diagram that would take too long or be of no use. Nothing of it was laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it would have {parts} boxes and bends, and {most} are the most that can be drawn")]
pub struct TooLarge {
    /// Boxes, and rows that lines pass through.
    pub parts: usize,
    /// The most of them.
    pub most: usize,
}
