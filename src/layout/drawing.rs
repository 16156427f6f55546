//! Where everything stands. Knows nothing of how it got there.

/// A place; `y` grows downwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Point {
    /// From the left.
    pub x: i32,
    /// From the top.
    pub y: i32,
}

impl Point {
    pub(super) fn moved(self, by: Point) -> Self {
        Self { x: self.x + by.x, y: self.y + by.y }
    }
}

/// A box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rect {
    /// Its left side.
    pub x: i32,
    /// Its upper side.
    pub y: i32,
    /// To the right.
    pub width: i32,
    /// Downwards.
    pub height: i32,
}

impl Rect {
    /// Its right side.
    pub fn right(&self) -> i32 {
        self.x + self.width
    }

    /// Its lower side.
    pub fn bottom(&self) -> i32 {
        self.y + self.height
    }

    /// Do both have a part in common? Sides that touch do not count.
    pub fn overlaps(&self, other: &Rect) -> bool {
        self.x < other.right() && other.x < self.right() && self.y < other.bottom() && other.y < self.bottom()
    }

    /// Is all of `other` inside?
    pub fn holds(&self, other: &Rect) -> bool {
        self.x <= other.x
            && self.y <= other.y
            && other.right() <= self.right()
            && other.bottom() <= self.bottom()
    }

    pub(super) fn moved(self, by: Point) -> Self {
        Self { x: self.x + by.x, y: self.y + by.y, ..self }
    }
}

/// The way of an edge.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Route {
    /// Its corners, from the border of where it begins to the border of where it ends. Empty where it leads from a
    /// region to something within it, or the other way round.
    pub points: Vec<Point>,
    /// Where its label stands.
    pub label: Option<Rect>,
}

/// A diagram with the places of its parts, by the same indices.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Drawing {
    /// The width of all.
    pub width: i32,
    /// The height of all.
    pub height: i32,
    /// The boxes of the nodes.
    pub nodes: Vec<Rect>,
    /// The boxes of the regions.
    pub regions: Vec<Rect>,
    /// Where their titles stand.
    pub titles: Vec<Rect>,
    /// The ways of the edges.
    pub edges: Vec<Route>,
}
