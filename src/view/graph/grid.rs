//! Cells that lines, frames and letters are put into. Where lines of different edges cross, the one that goes down is
//! drawn and the other is interrupted; where they part or join, they are drawn joined.

use unicode_width::UnicodeWidthChar;

use crate::layout::{Point, Rect, length};

use super::text::Letters;

/// Directions out of a cell.
const UP: u16 = 1;
const DOWN: u16 = 2;
const LEFT: u16 = 4;
const RIGHT: u16 = 8;
/// By directions: what joins them.
const JOINTS: [char; 16] = [' ', '│', '│', '│', '─', '┘', '┐', '┤', '─', '└', '┌', '├', '─', '┴', '┬', '┼'];

/// What a frame is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    Node,
    Region,
}

/// What lies over the lines of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Over {
    #[default]
    Nothing,
    Letter(char),
    /// The wide letter before reaches here.
    Covered,
    /// The head of an edge.
    Head,
}

#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    /// A bit for each set of directions that a line has here.
    lines: u16,
    /// Are all of these lines broken ones?
    broken: bool,
    /// A side or a corner of a frame: its directions, and whether it is a region's.
    frame: u16,
    region: bool,
    over: Over,
}

pub(super) struct Grid {
    width: usize,
    cells: Vec<Cell>,
}

impl Grid {
    pub(super) fn new(width: i32, height: i32) -> Self {
        let [width, height] = [width, height].map(|length| usize::try_from(length).unwrap_or(0));
        Self { width, cells: vec![Cell::default(); width * height] }
    }

    fn at(&mut self, x: i32, y: i32) -> Option<&mut Cell> {
        let (x, y) = (usize::try_from(x).ok()?, usize::try_from(y).ok()?);
        if x < self.width { self.cells.get_mut(y * self.width + x) } else { None }
    }

    /// The sides of a box.
    pub(super) fn frame(&mut self, place: &Rect, ink: Ink) {
        let (right, bottom) = (place.right() - 1, place.bottom() - 1);
        let mut side = |x: i32, y: i32, directions: u16| {
            if let Some(cell) = self.at(x, y) {
                (cell.frame, cell.region) = (directions, ink == Ink::Region);
            }
        };
        for x in place.x + 1..right {
            side(x, place.y, LEFT | RIGHT);
            side(x, bottom, LEFT | RIGHT);
        }
        for y in place.y + 1..bottom {
            side(place.x, y, UP | DOWN);
            side(right, y, UP | DOWN);
        }
        side(place.x, place.y, DOWN | RIGHT);
        side(right, place.y, DOWN | LEFT);
        side(place.x, bottom, UP | RIGHT);
        side(right, bottom, UP | LEFT);
    }

    /// The line of an edge. It begins at the side of a box, which gets a joint.
    pub(super) fn line(&mut self, points: &[Point], broken: bool) {
        let (Some(&first), Some(&last)) = (points.first(), points.last()) else { return };
        if let Some(cell) = self.at(first.x, first.y - 1) {
            cell.frame |= DOWN;
        }
        let mut cells: Vec<Point> = Vec::new();
        for pair in points.windows(2) {
            let step = Point { x: (pair[1].x - pair[0].x).signum(), y: (pair[1].y - pair[0].y).signum() };
            let mut here = pair[0];
            while here != pair[1] {
                cells.push(here);
                here = Point { x: here.x + step.x, y: here.y + step.y };
            }
        }
        let towards = |from: Point, to: Point| match ((to.x - from.x).signum(), (to.y - from.y).signum()) {
            (1, _) => RIGHT,
            (-1, _) => LEFT,
            (_, 1) => DOWN,
            _ => UP,
        };
        for (nth, &here) in cells.iter().enumerate() {
            let before = nth.checked_sub(1).map_or(UP, |before| towards(here, cells[before]));
            let after = towards(here, cells.get(nth + 1).copied().unwrap_or(last));
            if let Some(cell) = self.at(here.x, here.y) {
                cell.broken = broken && (cell.lines == 0 || cell.broken);
                cell.lines |= 1 << (before | after);
            }
        }
    }

    /// The head of an edge that goes down.
    pub(super) fn head(&mut self, x: i32, y: i32) {
        if let Some(cell) = self.at(x, y) {
            cell.over = Over::Head;
        }
    }

    /// A line of text.
    pub(super) fn write(&mut self, mut x: i32, y: i32, text: &str) {
        for letter in text.chars() {
            let width = length(letter.width().unwrap_or(0));
            if width == 0 {
                continue;
            }
            if let Some(cell) = self.at(x, y) {
                cell.over = Over::Letter(letter);
            }
            for covered in 1..width {
                if let Some(cell) = self.at(x + covered, y) {
                    cell.over = Over::Covered;
                }
            }
            x += width;
        }
    }

    /// All of it, without spaces at the ends of lines.
    pub(super) fn text(&self, letters: Letters) -> String {
        let mut text = String::new();
        for row in self.cells.chunks(self.width.max(1)) {
            let line: String = row
                .iter()
                .filter(|cell| cell.over != Over::Covered)
                .map(|cell| cell.shown(letters))
                .collect();
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

impl Cell {
    fn shown(&self, letters: Letters) -> char {
        match (self.over, letters) {
            (Over::Letter(letter), _) => letter,
            (_, Letters::Ascii) => plain(self.drawn()),
            (_, Letters::Unicode) => self.drawn(),
        }
    }

    fn drawn(&self) -> char {
        if self.over == Over::Head {
            return '▼';
        }
        if self.lines == 0 {
            return match (self.frame, self.region) {
                (sides, true) if sides == LEFT | RIGHT => '┄',
                (sides, true) if sides == UP | DOWN => '┊',
                (sides, _) => JOINTS[usize::from(sides)],
            };
        }
        let (down, across) = (1u16 << (UP | DOWN), 1u16 << (LEFT | RIGHT));
        let directions = if self.lines == down | across {
            UP | DOWN
        } else {
            (0..16).filter(|set| self.lines & (1 << set) != 0).fold(0, |all, set| all | set)
        };
        match JOINTS[usize::from(directions)] {
            '│' if self.broken => '╎',
            '─' if self.broken => '╌',
            joint => joint,
        }
    }
}

fn plain(c: char) -> char {
    match c {
        '│' => '|',
        '╎' | '┊' => ':',
        '─' => '-',
        '╌' | '┄' => '.',
        '▼' => 'v',
        ' ' => ' ',
        _ => '+',
    }
}
