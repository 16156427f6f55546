//! The ways of the links of one level, and how high its rows and the gaps between them are. Links that go back run up
//! in lanes to the right of everything. Moves nothing from left to right.

use std::collections::BTreeMap;

use super::attach::Attached;
use super::diagram::{Size, Spacing, length};
use super::drawing::{Point, Rect, Route};
use super::place::left;
use super::rank::Rows;
use super::tracks::{Segment, tracks};

/// A level with all places, from its own upper left corner.
#[derive(Debug, Default)]
pub(super) struct Routed {
    pub(super) size: Size,
    /// By item.
    pub(super) boxes: Vec<Rect>,
    /// By link.
    pub(super) routes: Vec<Route>,
}

/// A way up.
#[derive(Debug, Clone, Copy)]
struct Lane {
    x: i32,
    /// The row beside which the label stands.
    beside: usize,
}

/// The way between two rows.
#[derive(Debug, Default)]
struct Gap {
    segments: Vec<Segment>,
    lines: Vec<Option<usize>>,
    count: usize,
    top: i32,
    height: i32,
    /// The segment of each bundle.
    bundles: BTreeMap<usize, usize>,
    /// The segment of each link that goes back, by whether it begins here.
    back: BTreeMap<(usize, bool), usize>,
}

/// Routes a level whose items have the middles `middle`.
pub(super) fn route(rows: &Rows, middle: &[i32], attached: &Attached, spacing: &Spacing) -> Routed {
    let lefts: Vec<i32> = rows.items.iter().zip(middle).map(|(item, &x)| left(x, item.size.width)).collect();
    let low = lefts.iter().copied().min().unwrap_or(0);
    let high = rows.items.iter().zip(&lefts).map(|(item, left)| left + item.size.width).max().unwrap_or(0);
    let mut heights: Vec<i32> = rows
        .rows
        .iter()
        .map(|row| row.iter().map(|&item| rows.items[item].size.height).max().unwrap_or(0))
        .collect();
    let (lanes, high) = lanes(rows, high, &mut heights, spacing);
    let mut gaps = gaps(rows, attached, &lanes);
    let mut tops = vec![0; heights.len()];
    let mut y = 0;
    for (at, gap) in gaps.iter_mut().enumerate() {
        (gap.lines, gap.count) = tracks(&gap.segments, spacing.wire);
        (gap.top, gap.height) = (y, gap.height(at, rows.rows.len(), spacing));
        y += gap.height;
        if let Some(&height) = heights.get(at) {
            tops[at] = y;
            y += height;
        }
    }
    let boxes: Vec<Rect> = (0..rows.items.len())
        .map(|item| {
            let Size { width, height } = rows.items[item].size;
            let row = rows.row[item];
            // a label stands in the middle of its row
            let down = if rows.items[item].is_passed() { (heights[row] - height) / 2 } else { 0 };
            Rect { x: lefts[item], y: tops[row] + down, width, height }
        })
        .collect();
    let bands = Bands {
        rows,
        attached,
        gaps: &gaps,
        lanes: &lanes,
        boxes: &boxes,
        tops: &tops,
        heights: &heights,
        spacing,
    };
    let mut routes: Vec<Route> = (0..rows.links.len()).map(|link| bands.route(link)).collect();
    let by = Point { x: -low, y: 0 };
    for route in &mut routes {
        route.points.iter_mut().for_each(|point| *point = point.moved(by));
        route.label = route.label.map(|label| label.moved(by));
    }
    let boxes = boxes.into_iter().map(|one| one.moved(by)).collect();
    Routed { size: Size { width: high - low, height: y }, boxes, routes }
}

/// The lanes of the links that go back, the shortest nearest; and the right side of all.
fn lanes(rows: &Rows, high: i32, heights: &mut [i32], spacing: &Spacing) -> (BTreeMap<usize, Lane>, i32) {
    let mut back: Vec<(usize, usize, usize)> = rows
        .links
        .iter()
        .enumerate()
        .filter(|(_, link)| link.back)
        .map(|(at, link)| {
            // what is read later may stand higher
            let (from, to) = (rows.row[link.from], rows.row[link.to]);
            (at, from.min(to), from.max(to))
        })
        .collect();
    back.sort_by_key(|&(at, top, bottom)| (bottom - top, at));
    let mut used: Vec<Vec<(usize, usize)>> = Vec::new();
    let mut lane_of: Vec<(usize, usize, usize)> = Vec::new();
    for &(at, top, bottom) in &back {
        let free = |lane: &Vec<(usize, usize)>| lane.iter().all(|&(a, b)| b + 1 < top || bottom + 1 < a);
        // outside of everything that it goes past
        let inside = used.iter().rposition(|lane| !free(lane)).map_or(0, |lane| lane + 1);
        if inside == used.len() {
            used.push(Vec::new());
        }
        used[inside].push((top, bottom));
        let height = rows.links[at].label.map_or(0, |label| label.height);
        let middle = usize::midpoint(top, bottom);
        let beside =
            (top..=bottom).min_by_key(|&row| (heights[row] < height, row.abs_diff(middle))).unwrap_or(top);
        heights[beside] = heights[beside].max(height);
        lane_of.push((at, inside, beside));
    }
    let mut x = high + spacing.wire;
    let mut lanes = BTreeMap::new();
    for lane in 0..used.len() {
        let here = || lane_of.iter().filter(|one| one.1 == lane);
        let widest = here().filter_map(|one| rows.links[one.0].label).map(|label| label.width).max();
        lanes.extend(here().map(|&(at, _, beside)| (at, Lane { x, beside })));
        x += widest.map_or(1, |width| label_gap(spacing) + width) + spacing.wire;
    }
    let right = if used.is_empty() { high } else { x - spacing.wire };
    (lanes, right)
}

/// From a lane to its label.
fn label_gap(spacing: &Spacing) -> i32 {
    (spacing.wire / 2).max(2)
}

/// What lies in each gap; gap `n` is above row `n`.
fn gaps(rows: &Rows, attached: &Attached, lanes: &BTreeMap<usize, Lane>) -> Vec<Gap> {
    let mut gaps: Vec<Gap> = (0..=rows.rows.len()).map(|_| Gap::default()).collect();
    for (at, wire) in rows.wires.iter().enumerate() {
        let gap = &mut gaps[rows.row[wire.to]];
        let next = gap.segments.len();
        let segment = *gap.bundles.entry(attached.bundle[at]).or_insert(next);
        if segment == next {
            gap.segments.push(Segment::default());
        }
        let (above, below) = attached.wires[at];
        let segment = &mut gap.segments[segment];
        if !segment.above.contains(&above) {
            segment.above.push(above);
        }
        if !segment.below.contains(&below) {
            segment.below.push(below);
        }
    }
    for (&link, &(begin, end)) in &attached.back {
        let lane = lanes[&link].x;
        let (from, to) = (rows.row[rows.links[link].from] + 1, rows.row[rows.links[link].to]);
        let at = gaps[from].segments.len();
        gaps[from].segments.push(Segment { above: vec![begin, lane], below: Vec::new() });
        gaps[from].back.insert((link, true), at);
        let at = gaps[to].segments.len();
        gaps[to].segments.push(Segment { above: Vec::new(), below: vec![end, lane] });
        gaps[to].back.insert((link, false), at);
    }
    gaps
}

impl Gap {
    /// Nothing is above the first row and below the last, where nothing turns there.
    fn height(&self, at: usize, rows: usize, spacing: &Spacing) -> i32 {
        let edge = at == 0 || at == rows;
        match length(self.count) {
            0 if edge => 0,
            0 => spacing.row,
            count => {
                let lines = spacing.lead + (count - 1) * spacing.track + spacing.tail;
                if edge { lines } else { lines.max(spacing.row) }
            }
        }
    }

    /// Where the line of a segment is.
    fn line(&self, segment: usize, spacing: &Spacing) -> Option<i32> {
        let line = length(self.lines[segment]?);
        let lines = (length(self.count) - 1) * spacing.track;
        let spare = (self.height - spacing.lead - lines - spacing.tail) / 2;
        Some(self.top + spacing.lead + spare + line * spacing.track)
    }
}

/// Everything that a way is made of.
struct Bands<'b> {
    rows: &'b Rows,
    attached: &'b Attached,
    gaps: &'b [Gap],
    lanes: &'b BTreeMap<usize, Lane>,
    boxes: &'b [Rect],
    tops: &'b [i32],
    heights: &'b [i32],
    spacing: &'b Spacing,
}

impl Bands<'_> {
    fn route(&self, link: usize) -> Route {
        if self.rows.links[link].back { self.upwards(link) } else { self.downwards(link) }
    }

    fn downwards(&self, link: usize) -> Route {
        let (mut points, mut label) = (Vec::new(), None);
        let chain = &self.rows.chains[link];
        for (nth, &at) in chain.iter().enumerate() {
            let wire = &self.rows.wires[at];
            let (above, below) = self.attached.wires[at];
            if nth == 0 {
                points.push(Point { x: above, y: self.boxes[wire.from].bottom() });
            }
            let gap = &self.gaps[self.rows.row[wire.to]];
            let segment = gap.bundles.get(&self.attached.bundle[at]);
            if let Some(y) = segment.and_then(|&segment| gap.line(segment, self.spacing)) {
                points.extend([Point { x: above, y }, Point { x: below, y }]);
            }
            if nth + 1 == chain.len() {
                points.push(Point { x: below, y: self.boxes[wire.to].y });
            } else if self.rows.items[wire.to].what == super::level::What::Label {
                label = Some(self.boxes[wire.to]);
            }
        }
        Route { points, label }
    }

    fn upwards(&self, link: usize) -> Route {
        let of = &self.rows.links[link];
        let (begin, end) = self.attached.back[&link];
        let lane = self.lanes[&link];
        let line = |row: usize, begins: bool| {
            let gap = &self.gaps[row];
            let segment = gap.back.get(&(link, begins)).copied();
            segment.and_then(|segment| gap.line(segment, self.spacing)).unwrap_or(gap.top)
        };
        let (low, high) = (line(self.rows.row[of.from] + 1, true), line(self.rows.row[of.to], false));
        let points = vec![
            Point { x: begin, y: self.boxes[of.from].bottom() },
            Point { x: begin, y: low },
            Point { x: lane.x, y: low },
            Point { x: lane.x, y: high },
            Point { x: end, y: high },
            Point { x: end, y: self.boxes[of.to].y },
        ];
        let label = of.label.map(|Size { width, height }| {
            let y = self.tops[lane.beside] + (self.heights[lane.beside] - height) / 2;
            Rect { x: lane.x + label_gap(self.spacing), y, width, height }
        });
        Route { points, label }
    }
}
