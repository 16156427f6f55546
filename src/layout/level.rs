//! The content of one region, or of no region, as a graph of its own: its nodes, the regions directly inside as boxes,
//! and a port for each edge that crosses its border. Places nothing.

use std::collections::BTreeMap;

use super::diagram::{Diagram, DiagramEdge, End, Size};

/// What stands at a place of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Node(usize),
    Region(usize),
    /// The upper end of an edge that comes in.
    Entry,
    /// The lower end of an edge that goes out.
    Exit,
    /// A row that an edge passes through.
    Bend,
    /// The same, with the edge's label.
    Label,
}

/// After everything else.
pub(super) const LAST: usize = usize::MAX;

#[derive(Debug, Clone, Copy)]
pub(super) struct Item {
    pub(super) what: What,
    pub(super) size: Size,
    /// When it is read; of an exit, when that is read that it leads to.
    pub(super) reading: usize,
}

impl Item {
    /// Is it a part of an edge, with nothing to it but a line?
    pub(super) fn is_wire(&self) -> bool {
        !matches!(self.what, What::Node(_) | What::Region(_))
    }

    /// Does an edge pass through it?
    pub(super) fn is_passed(&self) -> bool {
        matches!(self.what, What::Bend | What::Label)
    }
}

/// The part of an edge that lies in this level.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link {
    pub(super) edge: usize,
    pub(super) from: usize,
    pub(super) to: usize,
    /// From the left side of a region that it comes out of.
    pub(super) from_port: Option<i32>,
    /// From the left side of a region that it goes into.
    pub(super) to_port: Option<i32>,
    pub(super) label: Option<Size>,
    pub(super) kind: u32,
    /// It leads to something that is read earlier.
    pub(super) back: bool,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Level {
    pub(super) items: Vec<Item>,
    pub(super) links: Vec<Link>,
}

/// What an inner level shows to the one around it.
#[derive(Debug, Clone, Default)]
pub(super) struct Shell {
    pub(super) size: Size,
    /// By edge, from the left side: where it comes in.
    pub(super) entries: BTreeMap<usize, i32>,
    /// By edge, from the left side: where it goes out.
    pub(super) exits: BTreeMap<usize, i32>,
}

/// Which edge has which part in which level.
#[derive(Debug)]
pub(super) struct Parts {
    /// By region, the root last: the edges that have an end or a part in it.
    by_level: Vec<Vec<Part>>,
    nodes: Vec<Vec<usize>>,
    regions: Vec<Vec<usize>>,
    /// By region: when its first node is read.
    reading: Vec<usize>,
}

#[derive(Debug, Clone, Copy)]
enum Part {
    /// From something here to something here.
    Within { edge: usize, from: End, to: End },
    /// From something here to the border.
    Out { edge: usize, from: End },
    /// From the border to something here.
    In { edge: usize, to: End },
}

impl Parts {
    pub(super) fn of(diagram: &Diagram) -> Self {
        let root = diagram.regions.len();
        let mut parts = Self {
            by_level: vec![Vec::new(); root + 1],
            nodes: vec![Vec::new(); root + 1],
            regions: vec![Vec::new(); root + 1],
            reading: vec![usize::MAX; root],
        };
        for (at, node) in diagram.nodes.iter().enumerate() {
            parts.nodes[node.region.unwrap_or(root)].push(at);
            if let Some(region) = node.region {
                parts.reading[region] = parts.reading[region].min(at);
            }
        }
        for (at, region) in diagram.regions.iter().enumerate().rev() {
            if let Some(outer) = region.outer {
                parts.reading[outer] = parts.reading[outer].min(parts.reading[at]);
            }
        }
        for (at, region) in diagram.regions.iter().enumerate() {
            parts.regions[region.outer.unwrap_or(root)].push(at);
        }
        for edge in 0..diagram.edges.len() {
            parts.divide(diagram, edge);
        }
        parts
    }

    /// Cuts an edge at the borders that it crosses.
    fn divide(&mut self, diagram: &Diagram, edge: usize) {
        let root = diagram.regions.len();
        let ends = &diagram.edges[edge];
        let (out, into) = (chain(diagram, ends.from), chain(diagram, ends.to));
        let shared = out.iter().zip(&into).take_while(|(a, b)| a == b).count();
        if out.len() == shared || into.len() == shared {
            // one end is around the other, or both are one region
            let same = ends.from == ends.to && matches!(ends.from, End::Region(_) | End::Node(_));
            if same {
                let level = out.len().checked_sub(2).map_or(root, |at| region_of(out[at]));
                self.by_level[level].push(Part::Within { edge, from: ends.from, to: ends.to });
            }
            return;
        }
        let level = shared.checked_sub(1).map_or(root, |at| region_of(out[at]));
        self.by_level[level].push(Part::Within { edge, from: out[shared], to: into[shared] });
        for pair in out[shared..].windows(2) {
            self.by_level[region_of(pair[0])].push(Part::Out { edge, from: pair[1] });
        }
        for pair in into[shared..].windows(2) {
            self.by_level[region_of(pair[0])].push(Part::In { edge, to: pair[1] });
        }
    }

    fn reading_of(&self, end: End) -> usize {
        match end {
            End::Node(at) => at,
            End::Region(at) => self.reading[at],
        }
    }

    /// The level of a region, whose inner regions have their shells.
    pub(super) fn level(&self, diagram: &Diagram, at: usize, shells: &[Shell]) -> Level {
        let mut level = Level::default();
        let mut place: BTreeMap<End, usize> = BTreeMap::new();
        for &node in &self.nodes[at] {
            place.insert(End::Node(node), level.items.len());
            let size = diagram.nodes[node].size;
            level.items.push(Item { what: What::Node(node), size, reading: node });
        }
        for &region in &self.regions[at] {
            place.insert(End::Region(region), level.items.len());
            let (size, reading) = (shells[region].size, self.reading[region]);
            level.items.push(Item { what: What::Region(region), size, reading });
        }
        for part in &self.by_level[at] {
            let (Part::Within { edge, .. } | Part::Out { edge, .. } | Part::In { edge, .. }) = *part;
            let written = &diagram.edges[edge];
            let (from, to) = (self.reading_of(written.from), self.reading_of(written.to));
            // what goes back goes around everything else
            let target = if from >= to { LAST } else { to };
            level.link(written, *part, target, &place, shells);
        }
        level
    }
}

impl Level {
    fn link(
        &mut self,
        written: &DiagramEdge,
        part: Part,
        target: usize,
        place: &BTreeMap<End, usize>,
        shells: &[Shell],
    ) {
        let mut port = |what: What| {
            let reading = if what == What::Exit { target } else { 0 };
            self.items.push(Item { what, size: Size::default(), reading });
            self.items.len() - 1
        };
        let (edge, from, to) = match part {
            Part::Within { edge, from, to } => (edge, place[&from], place[&to]),
            Part::Out { edge, from } => (edge, place[&from], port(What::Exit)),
            Part::In { edge, to } => (edge, port(What::Entry), place[&to]),
        };
        let within = matches!(part, Part::Within { .. });
        let of = |item: usize, ports: fn(&Shell) -> &BTreeMap<usize, i32>| match self.items[item].what {
            What::Region(region) => ports(&shells[region]).get(&edge).copied(),
            _ => None,
        };
        self.links.push(Link {
            edge,
            from,
            to,
            from_port: of(from, |shell| &shell.exits),
            to_port: of(to, |shell| &shell.entries),
            label: written.label.filter(|_| within),
            kind: written.kind,
            back: within && self.items[from].reading >= self.items[to].reading,
        });
    }
}

/// What an end is in, outermost first, and the end itself.
fn chain(diagram: &Diagram, end: End) -> Vec<End> {
    let mut chain = vec![end];
    let mut around = match end {
        End::Node(node) => diagram.nodes[node].region,
        End::Region(region) => diagram.regions[region].outer,
    };
    while let Some(region) = around {
        chain.push(End::Region(region));
        around = diagram.regions[region].outer;
    }
    chain.reverse();
    chain
}

/// The region that a link of a chain, which is not its last, is.
fn region_of(end: End) -> usize {
    match end {
        End::Region(at) | End::Node(at) => at,
    }
}
