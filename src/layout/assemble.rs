//! The levels put into one another: each region where its box stands, each edge as one line through all borders.

use std::collections::BTreeMap;

use super::attach::attach;
use super::diagram::{Diagram, Size, Spacing, TooLarge};
use super::drawing::{Drawing, Point, Rect, Route};
use super::level::{Parts, Shell, What};
use super::order::order;
use super::place::place;
use super::rank::{Rows, rows};
use super::route::{Routed, route};

/// A level that is laid out.
struct Laid {
    rows: Rows,
    routed: Routed,
    /// From the region's corner to the level's.
    inset: Point,
}

/// Lays a diagram out, of at most `most` boxes and bends. The same diagram has the same drawing, always.
pub fn lay_out(diagram: &Diagram, spacing: &Spacing, most: usize) -> Result<Drawing, TooLarge> {
    let parts = Parts::of(diagram);
    let root = diagram.regions.len();
    let mut shells = vec![Shell::default(); root];
    let mut laid: BTreeMap<usize, Laid> = BTreeMap::new();
    let mut room = most;
    // inner regions come after the ones around them
    for at in (0..root).rev().chain([root]) {
        let level = parts.level(diagram, at, &shells);
        let mut rows = rows(level, spacing, &mut room, most)?;
        order(&mut rows);
        let middle = place(&rows, spacing);
        let attached = attach(&rows, &middle, spacing);
        let routed = route(&rows, &middle, &attached, spacing);
        let title = diagram.regions.get(at).map(|region| region.title);
        let (shell, inset) = shell(&rows, &routed, title, spacing);
        if let Some(own) = shells.get_mut(at) {
            *own = shell;
        }
        laid.insert(at, Laid { rows, routed, inset });
    }
    Ok(assembled(diagram, &laid, spacing))
}

/// The box around a level: room for its title to the left of all that comes in from above.
fn shell(rows: &Rows, routed: &Routed, title: Option<Size>, spacing: &Spacing) -> (Shell, Point) {
    let pad = spacing.pad;
    let Some(title) = title else {
        let size =
            Size { width: routed.size.width + 2 * pad.width, height: routed.size.height + 2 * pad.height };
        return (Shell { size, ..Shell::default() }, Point { x: pad.width, y: pad.height });
    };
    let ports = |what: What| {
        let items = rows.items.iter().enumerate().filter(move |(_, item)| item.what == what);
        items.filter_map(|(at, _)| {
            let wire = rows.above[at].iter().chain(&rows.below[at]).next()?;
            Some((rows.links[rows.wires[*wire].link].edge, routed.boxes[at].x))
        })
    };
    let first = ports(What::Entry).map(|(_, x)| x).min();
    let inset = first.map_or(pad.width, |first| pad.width + (title.width + spacing.wire - first).max(0));
    let width = (inset + routed.size.width + pad.width).max(title.width + 2 * pad.width);
    let size = Size { width, height: title.height + routed.size.height + 3 * pad.height };
    let at = |ports: Vec<(usize, i32)>| ports.into_iter().map(|(edge, x)| (edge, x + inset)).collect();
    let shell =
        Shell { size, entries: at(ports(What::Entry).collect()), exits: at(ports(What::Exit).collect()) };
    (shell, Point { x: inset, y: 2 * pad.height + title.height })
}

fn assembled(diagram: &Diagram, laid: &BTreeMap<usize, Laid>, spacing: &Spacing) -> Drawing {
    let root = diagram.regions.len();
    let mut drawing = Drawing {
        nodes: vec![Rect::default(); diagram.nodes.len()],
        regions: vec![Rect::default(); root],
        titles: vec![Rect::default(); root],
        edges: vec![Route::default(); diagram.edges.len()],
        ..Drawing::default()
    };
    let outer = &laid[&root].routed.size;
    (drawing.width, drawing.height) =
        (outer.width + 2 * spacing.pad.width, outer.height + 2 * spacing.pad.height);
    let mut pieces: BTreeMap<usize, Vec<(i32, Vec<Point>)>> = BTreeMap::new();
    // outer regions come first, so each has its place when its level is put there
    for at in [root].into_iter().chain(0..root) {
        let corner = drawing.regions.get(at).map_or(Point::default(), |one| Point { x: one.x, y: one.y });
        let depth = depth(diagram, at);
        let Laid { rows, routed, inset } = &laid[&at];
        let by = corner.moved(*inset);
        for (item, place) in rows.items.iter().zip(&routed.boxes) {
            let place = place.moved(by);
            match item.what {
                What::Node(node) => drawing.nodes[node] = place,
                What::Region(region) => drawing.regions[region] = place,
                What::Entry | What::Exit | What::Bend | What::Label => {}
            }
        }
        if let Some(region) = diagram.regions.get(at) {
            let Size { width, height } = region.title;
            let corner = corner.moved(Point { x: spacing.pad.width, y: spacing.pad.height });
            drawing.titles[at] = Rect { x: corner.x, y: corner.y, width, height };
        }
        for (link, way) in rows.links.iter().zip(&routed.routes) {
            let mut points: Vec<Point> = way.points.iter().map(|point| point.moved(by)).collect();
            let own = drawing.regions.get(at).copied().unwrap_or_default();
            // to and from the border, through the room around the level
            let nth = match (rows.items[link.from].what, rows.items[link.to].what) {
                (What::Entry, _) => {
                    let x = points.first().map_or(0, |point| point.x);
                    points.insert(0, Point { x, y: own.y });
                    depth
                }
                (_, What::Exit) => {
                    let x = points.last().map_or(0, |point| point.x);
                    points.push(Point { x, y: own.bottom() });
                    -depth
                }
                _ => 0,
            };
            pieces.entry(link.edge).or_default().push((nth, points));
            if let Some(label) = way.label {
                drawing.edges[link.edge].label = Some(label.moved(by));
            }
        }
    }
    for (edge, mut pieces) in pieces {
        pieces.sort_by_key(|&(nth, _)| nth);
        let points = pieces.into_iter().flat_map(|(_, points)| points);
        drawing.edges[edge].points = corners(points);
    }
    drawing
}

/// How many regions a region is in, itself included; none for the root.
fn depth(diagram: &Diagram, at: usize) -> i32 {
    let mut depth = 0;
    let mut around = (at < diagram.regions.len()).then_some(at);
    while let Some(region) = around {
        depth += 1;
        around = diagram.regions[region].outer;
    }
    depth
}

/// A line without points that it would pass anyway.
fn corners(points: impl Iterator<Item = Point>) -> Vec<Point> {
    let mut corners: Vec<Point> = Vec::new();
    for point in points {
        if corners.last() == Some(&point) {
            continue;
        }
        let passed = |a: Point, b: Point| (a.x == b.x && b.x == point.x) || (a.y == b.y && b.y == point.y);
        if matches!(corners[..], [.., a, b] if passed(a, b)) {
            corners.pop();
        }
        corners.push(point);
    }
    corners
}
