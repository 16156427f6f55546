//! A picture in the cells of a terminal. Where it is wider than the terminal or too large, its nodes follow one another
//! in lines instead, each with where it leads: all of it is told in any case.

use crate::layout::{
    Diagram, DiagramEdge, DiagramNode, DiagramRegion, Drawing, Point, Rect, Size, Spacing, lay_out, length,
};

use super::grid::{Grid, Ink};
use super::measure::{cells, wrapped};
use super::outline::outline;
use super::picture::{EdgeKind, Picture, Standing};

/// The most boxes and bends of a drawing.
const MOST: usize = 20_000;
/// The most cells of a drawing.
const CELLS: i64 = 4_000_000;
/// Cells of a line of a node, and of a label: as people like it, and where there is little room.
const ROOMY: (usize, usize) = (34, 26);
const NARROW: (usize, usize) = (18, 12);

/// Which characters may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Letters {
    /// ASCII alone.
    Ascii,
    /// All of Unicode.
    Unicode,
}

impl Letters {
    /// What stands for what was left out.
    pub(super) fn cut(self) -> &'static str {
        match self {
            Letters::Ascii => "...",
            Letters::Unicode => "…",
        }
    }
}

/// A picture in at most `width` columns.
pub fn text(picture: &Picture, width: usize, letters: Letters) -> String {
    let told = match letters {
        Letters::Ascii => ascii(picture),
        Letters::Unicode => picture.clone(),
    };
    for (limits, share) in [(ROOMY, 1), (ROOMY, 2), (NARROW, 1), (NARROW, 3)] {
        let texts = Texts::of(&told, limits, letters);
        let Ok(drawing) = lay_out(&texts.diagram(&told), &spacing(length(width / share)), MOST) else {
            break;
        };
        let area = i64::from(drawing.width) * i64::from(drawing.height);
        if drawing.width <= length(width) && area <= CELLS {
            return drawn(&told, &texts, &drawing, letters);
        }
    }
    outline(&told, width, letters)
}

fn spacing(widest: i32) -> Spacing {
    let pad = Size { width: 2, height: 1 };
    Spacing { node: 3, wire: 2, row: 2, lead: 1, tail: 2, track: 1, attach: 2, corner: 2, pad, widest }
}

/// The same picture without a character that is not ASCII.
fn ascii(picture: &Picture) -> Picture {
    let plain = |text: &String| text.chars().map(plain).collect::<String>();
    let mut picture = picture.clone();
    for node in &mut picture.nodes {
        node.lines = node.lines.iter().map(plain).collect();
        node.note = node.note.as_ref().map(plain);
    }
    for region in &mut picture.regions {
        region.title = region.title.iter().map(plain).collect();
        region.note = region.note.as_ref().map(plain);
    }
    for edge in &mut picture.edges {
        (edge.label, edge.told) = (plain(&edge.label), plain(&edge.told));
    }
    (picture.title, picture.about) = (plain(&picture.title), plain(&picture.about));
    picture
}

fn plain(c: char) -> String {
    match c {
        c if c.is_ascii() => c.to_string(),
        '…' => "...".to_owned(),
        c => format!("\\u{{{:x}}}", u32::from(c)),
    }
}

/// What is written, in lines.
struct Texts {
    nodes: Vec<Vec<String>>,
    regions: Vec<Vec<String>>,
    labels: Vec<Vec<String>>,
}

impl Texts {
    fn of(picture: &Picture, (line, label): (usize, usize), letters: Letters) -> Self {
        let lines = |lines: &[String], standing: Option<Standing>, note: Option<&String>| {
            let standing = standing.map(|standing| standing_line(standing, note, letters));
            lines.iter().chain(&standing).flat_map(|text| wrapped(text, line, 4, letters.cut())).collect()
        };
        let nodes = picture.nodes.iter().map(|node| lines(&node.lines, node.standing, node.note.as_ref()));
        let regions =
            picture.regions.iter().map(|region| lines(&region.title, region.standing, region.note.as_ref()));
        Self {
            nodes: nodes.collect(),
            regions: regions.collect(),
            labels: picture.edges.iter().map(|edge| wrapped(&edge.label, label, 8, letters.cut())).collect(),
        }
    }

    fn diagram(&self, picture: &Picture) -> Diagram {
        let nodes = picture.nodes.iter().zip(&self.nodes).map(|(node, lines)| {
            let Size { width, height } = size(lines);
            DiagramNode { size: Size { width: width + 4, height: height + 2 }, region: node.region }
        });
        let regions = picture.regions.iter().zip(&self.regions);
        let edges = picture.edges.iter().zip(&self.labels).map(|(edge, label)| DiagramEdge {
            from: edge.from,
            to: edge.to,
            label: (!label.is_empty()).then(|| size(label)),
            kind: edge.kind as u32,
        });
        Diagram {
            nodes: nodes.collect(),
            regions: regions
                .map(|(region, lines)| DiagramRegion { title: size(lines), outer: region.outer })
                .collect(),
            edges: edges.collect(),
        }
    }
}

pub(super) fn standing_line(standing: Standing, note: Option<&String>, letters: Letters) -> String {
    let line = standing.line(note.map(String::as_str));
    match letters {
        Letters::Unicode => line,
        Letters::Ascii => line.chars().skip(2).collect(),
    }
}

fn size(lines: &[String]) -> Size {
    let width = lines.iter().map(|line| cells(line)).max().unwrap_or(0);
    Size { width: length(width), height: length(lines.len()) }
}

fn drawn(picture: &Picture, texts: &Texts, drawing: &Drawing, letters: Letters) -> String {
    let mut grid = Grid::new(drawing.width, drawing.height);
    for (place, (title, lines)) in drawing.regions.iter().zip(drawing.titles.iter().zip(&texts.regions)) {
        grid.frame(place, Ink::Region);
        for (nth, line) in lines.iter().enumerate() {
            grid.write(title.x, title.y + length(nth), line);
        }
    }
    for place in &drawing.nodes {
        grid.frame(place, Ink::Node);
    }
    for (edge, route) in picture.edges.iter().zip(&drawing.edges) {
        let broken = matches!(edge.kind, EdgeKind::Catch | EdgeKind::Always);
        grid.line(&route.points, broken);
    }
    for (place, lines) in drawing.nodes.iter().zip(&texts.nodes) {
        centred(&mut grid, &Rect { y: place.y + 1, ..*place }, lines);
    }
    for (edge, (route, lines)) in picture.edges.iter().zip(drawing.edges.iter().zip(&texts.labels)) {
        if let Some(label) = &route.label {
            if edge.kind == EdgeKind::Again {
                lines
                    .iter()
                    .enumerate()
                    .for_each(|(nth, line)| grid.write(label.x, label.y + length(nth), line));
            } else {
                centred(&mut grid, label, lines);
            }
        }
        if let Some(&Point { x, y }) = route.points.last() {
            grid.head(x, y - 1);
        }
    }
    let mut text = grid.text(letters);
    if !picture.about.is_empty() {
        text.extend(["\n", &picture.about, ".\n"]);
    }
    text
}

/// Lines in the middle of a box.
fn centred(grid: &mut Grid, place: &Rect, lines: &[String]) {
    for (nth, line) in lines.iter().enumerate() {
        let x = place.x + (place.width - length(cells(line))) / 2;
        grid.write(x, place.y + length(nth), line);
    }
}
