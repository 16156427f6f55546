//! The laws of a layout, over random diagrams with regions, labels, long edges and edges that go back.

use proptest::arbitrary::any;
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestCaseError};
use proptest::{prop_assert, prop_assert_eq, proptest};

use super::*;

const SPACING: Spacing = Spacing {
    node: 28,
    wire: 14,
    row: 40,
    lead: 14,
    tail: 22,
    track: 9,
    attach: 16,
    corner: 14,
    pad: Size { width: 14, height: 14 },
    widest: 1000,
};

/// Numbers that make a diagram, whatever they are.
type Seed = (Vec<(u8, u8, u8)>, Vec<u8>, Vec<(u16, u16, u8)>);

fn seed() -> impl Strategy<Value = Seed> {
    let nodes = proptest::collection::vec(any::<(u8, u8, u8)>(), 1..30);
    (
        nodes,
        proptest::collection::vec(any::<u8>(), 0..6),
        proptest::collection::vec(any::<(u16, u16, u8)>(), 0..50),
    )
}

/// Each region stands in none or in one before it; each edge leads between any two ends.
fn diagram((nodes, regions, edges): &Seed) -> Diagram {
    let inside = |of: u8, count: usize| (of as usize % (count + 1)).checked_sub(1);
    let regions: Vec<DiagramRegion> = regions
        .iter()
        .enumerate()
        .map(|(at, &outer)| DiagramRegion {
            title: Size { width: 20 + i32::from(outer), height: 15 },
            outer: inside(outer, at),
        })
        .collect();
    let nodes: Vec<DiagramNode> = nodes
        .iter()
        .map(|&(width, height, region)| DiagramNode {
            size: Size { width: 30 + i32::from(width), height: 20 + i32::from(height) / 4 },
            region: inside(region, regions.len()),
        })
        .collect();
    let end = |at: u16| {
        let at = at as usize % (nodes.len() + regions.len());
        if at < nodes.len() { End::Node(at) } else { End::Region(at - nodes.len()) }
    };
    let edges = edges
        .iter()
        .map(|&(from, to, label)| DiagramEdge {
            from: end(from),
            to: end(to),
            label: (label % 3 == 0).then_some(Size { width: 10 + i32::from(label), height: 15 }),
            kind: u32::from(label % 2),
        })
        .collect();
    Diagram { nodes, regions, edges }
}

fn around(diagram: &Diagram, mut region: Option<usize>) -> Vec<usize> {
    let mut around = Vec::new();
    while let Some(at) = region {
        around.push(at);
        region = diagram.regions[at].outer;
    }
    around
}

fn place(drawing: &Drawing, end: End) -> Rect {
    match end {
        End::Node(at) => drawing.nodes[at],
        End::Region(at) => drawing.regions[at],
    }
}

fn is_on_border(point: Point, place: &Rect) -> bool {
    let beside = (place.x..=place.right()).contains(&point.x);
    beside && (point.y == place.y || point.y == place.bottom())
}

/// Does a piece of a line run through the inside of a box?
fn runs_through(a: Point, b: Point, place: &Rect) -> bool {
    let (left, right) = (a.x.min(b.x), a.x.max(b.x));
    let (top, bottom) = (a.y.min(b.y), a.y.max(b.y));
    if left == right {
        place.x < left && left < place.right() && top < place.bottom() && place.y < bottom
    } else {
        place.y < top && top < place.bottom() && left < place.right() && place.x < right
    }
}

fn hold(diagram: &Diagram, drawing: &Drawing) -> Result<(), TestCaseError> {
    let whole = Rect { x: 0, y: 0, width: drawing.width, height: drawing.height };
    for (at, node) in drawing.nodes.iter().enumerate() {
        prop_assert_eq!(
            (node.width, node.height),
            (diagram.nodes[at].size.width, diagram.nodes[at].size.height)
        );
        prop_assert!(whole.holds(node));
        for other in &drawing.nodes[..at] {
            prop_assert!(!node.overlaps(other), "{:?} {:?}", node, other);
        }
        let mine = around(diagram, diagram.nodes[at].region);
        for (region, place) in drawing.regions.iter().enumerate() {
            let (is_in, touches) = (place.holds(node), place.overlaps(node));
            prop_assert_eq!((is_in, touches), (mine.contains(&region), mine.contains(&region)));
        }
        prop_assert!(drawing.titles.iter().all(|title| !title.overlaps(node)));
    }
    for (at, region) in drawing.regions.iter().enumerate() {
        prop_assert!(whole.holds(region) && region.holds(&drawing.titles[at]));
        for (other, place) in drawing.regions.iter().enumerate().filter(|(other, _)| *other != at) {
            let nested = around(diagram, Some(at)).contains(&other);
            let apart = around(diagram, Some(other)).contains(&at) || !place.overlaps(region);
            let right = if nested { place.holds(region) } else { apart };
            prop_assert!(right, "regions {} and {}", at, other);
        }
    }
    let labels: Vec<Rect> = drawing.edges.iter().filter_map(|edge| edge.label).collect();
    for (at, label) in labels.iter().enumerate() {
        prop_assert!(whole.holds(label));
        prop_assert!(
            drawing
                .nodes
                .iter()
                .chain(&labels[..at])
                .chain(&drawing.titles)
                .all(|other| !label.overlaps(other))
        );
    }
    for (at, edge) in drawing.edges.iter().enumerate() {
        routed(diagram, drawing, at, edge)?;
    }
    Ok(())
}

fn routed(diagram: &Diagram, drawing: &Drawing, at: usize, route: &Route) -> Result<(), TestCaseError> {
    let edge = &diagram.edges[at];
    let inside = |end: End| match end {
        End::Node(at) => around(diagram, diagram.nodes[at].region),
        End::Region(at) => around(diagram, diagram.regions[at].outer),
    };
    let encloses = |outer: End, inner: End| matches!(outer, End::Region(at) if inside(inner).contains(&at));
    if encloses(edge.from, edge.to) || encloses(edge.to, edge.from) {
        prop_assert!(route.points.is_empty() && route.label.is_none());
        return Ok(());
    }
    prop_assert_eq!(route.label.is_some(), edge.label.is_some());
    let (first, last) = (route.points[0], route.points[route.points.len() - 1]);
    prop_assert!(is_on_border(first, &place(drawing, edge.from)), "begins at {:?}", first);
    prop_assert!(is_on_border(last, &place(drawing, edge.to)), "ends at {:?}", last);
    for pair in route.points.windows(2) {
        prop_assert!(pair[0].x == pair[1].x || pair[0].y == pair[1].y, "slanting: {:?}", pair);
        for (node, place) in drawing.nodes.iter().enumerate() {
            prop_assert!(!runs_through(pair[0], pair[1], place), "{:?} runs through node {}", pair, node);
        }
        for title in &drawing.titles {
            prop_assert!(!runs_through(pair[0], pair[1], title), "{:?} runs through a title", pair);
        }
        let others = drawing.edges.iter().enumerate().filter(|(other, _)| *other != at);
        for label in others.filter_map(|(_, other)| other.label) {
            prop_assert!(!runs_through(pair[0], pair[1], &label), "{:?} runs through a label", pair);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(Config::with_cases(400))]

    #[test]
    fn boxes_lines_and_labels_keep_out_of_each_others_way(seed in seed()) {
        let diagram = diagram(&seed);
        let drawing = lay_out(&diagram, &SPACING, 100_000).unwrap();
        hold(&diagram, &drawing)?;
        prop_assert_eq!(&drawing, &lay_out(&diagram, &SPACING, 100_000).unwrap());
    }

    #[test]
    fn cells_of_a_terminal_are_coordinates_as_well(seed in seed()) {
        let pad = Size { width: 2, height: 1 };
        let cells =
            Spacing { node: 3, wire: 2, row: 2, lead: 1, tail: 2, track: 1, attach: 2, corner: 2, pad, widest: 200 };
        let diagram = diagram(&seed);
        hold(&diagram, &lay_out(&diagram, &cells, 100_000).unwrap())?;
    }
}

fn node() -> DiagramNode {
    DiagramNode { size: Size { width: 60, height: 30 }, region: None }
}

fn edge(from: usize, to: usize) -> DiagramEdge {
    DiagramEdge { from: End::Node(from), to: End::Node(to), label: None, kind: 0 }
}

fn laid(nodes: usize, edges: Vec<DiagramEdge>) -> Drawing {
    lay_out(&Diagram { nodes: vec![node(); nodes], regions: Vec::new(), edges }, &SPACING, 10_000).unwrap()
}

#[test]
fn a_chain_is_straight_and_a_fan_is_even() {
    let drawing = laid(4, vec![edge(0, 1), edge(1, 2), edge(2, 3)]);
    assert!(drawing.edges.iter().all(|route| route.points.len() == 2), "{drawing:?}");
    let drawing = laid(4, vec![edge(0, 1), edge(0, 2), edge(0, 3)]);
    assert_eq!(drawing.nodes[0].x, drawing.nodes[2].x, "the middle one stands under its source");
    assert_eq!(drawing.nodes[2].x - drawing.nodes[1].x, drawing.nodes[3].x - drawing.nodes[2].x);
}

#[test]
fn what_need_not_cross_does_not() {
    // written crosswise
    let drawing = laid(6, vec![edge(0, 5), edge(1, 4), edge(2, 3)]);
    assert!(drawing.edges.iter().all(|route| route.points.len() == 2), "{drawing:?}");
}

#[test]
fn a_row_that_is_too_wide_is_broken() {
    let drawing = laid(61, (1..61).map(|to| edge(0, to)).collect());
    assert!(drawing.width < 3000, "{}", drawing.width);
    assert!(drawing.nodes[1..].iter().any(|node| node.y > drawing.nodes[1].y));
}

#[test]
fn what_is_too_large_is_refused_before_it_takes_time() {
    let edges = (0..3000).flat_map(|to| [edge(to, to + 1), edge(0, to + 1)]).collect();
    let diagram = Diagram { nodes: vec![node(); 3001], regions: Vec::new(), edges };
    let refused = lay_out(&diagram, &SPACING, 60_000).unwrap_err();
    assert!(refused.parts > 4_000_000 && refused.most == 60_000, "{refused}");
}

#[test]
fn nothing_is_a_drawing_too() {
    assert_eq!(lay_out(&Diagram::default(), &SPACING, 1).unwrap().nodes, []);
}
