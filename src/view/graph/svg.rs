//! SVG, as a file of its own or within a page. The same picture has the same bytes, always; it refers to nothing outside.

use std::fmt::Write as _;

use crate::layout::{
    Diagram, DiagramEdge, DiagramNode, DiagramRegion, Drawing, Point, Rect, Route, Size, Spacing, TooLarge,
    lay_out, length,
};

use super::legend::{counts, kinds, look};
use super::measure::{cells, wrapped};
use super::picture::{EdgeKind, Passage, Picture, PictureEdge, RegionKind, Standing};
use super::style::CSS;
use super::xml::{anchor, xml};

/// The most boxes and bends of a picture.
const MOST: usize = 60_000;
/// The width of a cell, by height of the letters in pixels.
const CELL: [(i32, i32); 2] = [(11, 67), (13, 79)];
/// From the top of one line to that of the next.
const LINE: i32 = 15;
/// The same for the first line of a node.
const HEAD: i32 = 18;
/// Cells of a line.
const WIDEST_ID: usize = 44;
const WIDEST_LINE: usize = 34;
const WIDEST_LABEL: usize = 28;
/// How far a corner is rounded.
const ROUND: i32 = 5;

/// Where an SVG stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Embedding {
    /// In a file of its own, with its style.
    Alone,
    /// In a page that has [`CSS`] in its style. The nodes are reached one by one there.
    InPage,
}

/// A picture as SVG.
pub fn svg(picture: &Picture, embedding: Embedding) -> Result<String, TooLarge> {
    let texts = Texts::of(picture);
    let drawing = lay_out(&texts.diagram(picture), &spacing(&texts), MOST)?;
    let mut text = String::new();
    begin(picture, &drawing, embedding, &mut text);
    let writer = Writer { picture, texts: &texts, drawing: &drawing };
    for at in 0..picture.regions.len() {
        writer.region(at, &mut text);
    }
    for at in 0..picture.edges.len() {
        writer.edge(at, &mut text);
    }
    for at in 0..picture.nodes.len() {
        writer.node(at, &mut text);
    }
    text.push_str("</svg>\n");
    Ok(text)
}

fn begin(picture: &Picture, drawing: &Drawing, embedding: Embedding, text: &mut String) {
    let Drawing { width, height, .. } = drawing;
    let role = if embedding == Embedding::Alone { "img" } else { "group" };
    // writing to a string can't fail
    let _ = write!(
        text,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"lgflow-picture\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" role=\"{role}\" aria-labelledby=\"lgflow-title lgflow-about\">\n<title id=\"lgflow-title\">{}</title>\n\
         <desc id=\"lgflow-about\">{}</desc>\n",
        xml(&picture.title),
        xml(&description(picture))
    );
    if embedding == Embedding::Alone {
        let _ = writeln!(text, "<style>{CSS}</style>");
    }
    let _ = writeln!(text, "<rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>");
}

/// What a picture shows, for who does not see it.
fn description(picture: &Picture) -> String {
    let mut said = format!("{}.", counts(picture));
    let lines: Vec<String> =
        kinds(picture).into_iter().map(|kind| format!("{}: {}", kind.as_str(), look(kind))).collect();
    if !lines.is_empty() {
        let _ = write!(said, " Lines of edges: {}.", lines.join("; "));
    }
    if !picture.about.is_empty() {
        let _ = write!(said, " {}.", picture.about);
    }
    said
}

/// All that is written, in lines that have their room.
struct Texts {
    nodes: Vec<Vec<String>>,
    regions: Vec<Vec<String>>,
    labels: Vec<Vec<String>>,
}

impl Texts {
    fn of(picture: &Picture) -> Self {
        let lines = |lines: &[String], standing: Option<Standing>, note: Option<&String>| {
            let mut all: Vec<String> = Vec::new();
            for (at, line) in lines.iter().enumerate() {
                let (width, most) = if at == 0 { (WIDEST_ID, 3) } else { (WIDEST_LINE, 3) };
                all.extend(wrapped(line, width, most, "…"));
            }
            all.extend(standing.map(|standing| standing.line(note.map(String::as_str))).map(|line| {
                // one line, so that it is known which it is
                wrapped(&line, WIDEST_ID, 1, "…").concat()
            }));
            all
        };
        Self {
            nodes: picture
                .nodes
                .iter()
                .map(|node| lines(&node.lines, node.standing, node.note.as_ref()))
                .collect(),
            regions: picture
                .regions
                .iter()
                .map(|region| lines(&region.title, region.standing, region.note.as_ref()))
                .collect(),
            labels: picture.edges.iter().map(|edge| wrapped(&edge.label, WIDEST_LABEL, 4, "…")).collect(),
        }
    }

    fn diagram(&self, picture: &Picture) -> Diagram {
        let nodes = picture.nodes.iter().zip(&self.nodes);
        let regions = picture.regions.iter().zip(&self.regions);
        let edges = picture.edges.iter().zip(&self.labels);
        Diagram {
            nodes: nodes
                .map(|(node, lines)| DiagramNode { size: node_size(lines), region: node.region })
                .collect(),
            regions: regions
                .map(|(region, lines)| DiagramRegion { title: lines_size(lines), outer: region.outer })
                .collect(),
            edges: edges
                .map(|(edge, label)| DiagramEdge {
                    from: edge.from,
                    to: edge.to,
                    label: (!label.is_empty()).then(|| lines_size(label)),
                    kind: bundle(edge),
                })
                .collect(),
        }
    }
}

/// Edges that look alike may share a line.
fn bundle(edge: &PictureEdge) -> u32 {
    let passage = match edge.passage {
        None => 0,
        Some(Passage::Taken) => 1,
        Some(Passage::NotTaken) => 2,
    };
    edge.kind as u32 * 3 + passage
}

fn width(line: &str, letters: i32) -> i32 {
    let tenths = CELL.iter().find(|(height, _)| *height == letters).map_or(80, |(_, tenths)| *tenths);
    (length(cells(line)) * tenths + 9) / 10
}

fn node_size(lines: &[String]) -> Size {
    let head = lines.first().map_or(0, |line| width(line, 13));
    let rest = lines.iter().skip(1).map(|line| width(line, 11)).max().unwrap_or(0);
    let height = HEAD + LINE * (length(lines.len()) - 1).max(0) + 14;
    Size { width: head.max(rest).max(56) + 24, height }
}

fn lines_size(lines: &[String]) -> Size {
    let width = lines.iter().map(|line| width(line, 11)).max().unwrap_or(0);
    Size { width: width + 4, height: LINE * length(lines.len()) }
}

/// Rows as wide as makes the whole about twice as wide as high.
fn spacing(texts: &Texts) -> Spacing {
    let area: i64 = texts
        .nodes
        .iter()
        .map(|lines| {
            let size = node_size(lines);
            i64::from(size.width + 28) * i64::from(size.height + 50)
        })
        .sum();
    let widest = i32::try_from((area * 2).isqrt()).unwrap_or(i32::MAX).clamp(1100, 6000);
    let pad = Size { width: 14, height: 14 };
    Spacing { node: 28, wire: 14, row: 40, lead: 14, tail: 22, track: 9, attach: 16, corner: 14, pad, widest }
}

struct Writer<'w> {
    picture: &'w Picture,
    texts: &'w Texts,
    drawing: &'w Drawing,
}

impl Writer<'_> {
    fn region(&self, at: usize, text: &mut String) {
        let (region, place, title) =
            (&self.picture.regions[at], &self.drawing.regions[at], &self.drawing.titles[at]);
        let kind = match region.kind {
            RegionKind::Loop => "loop",
            RegionKind::Subgraph => "subgraph",
        };
        let link = Link::begin(region.link.as_deref(), text);
        let _ = write!(text, "<g class=\"region {kind}{}\">", standing_class(region.standing));
        let tooltip = region.tooltip.clone().unwrap_or_else(|| region.title.join(": "));
        let _ = write!(text, "<title>{}</title>{}", xml(&tooltip), rect(place, 10));
        for (nth, line) in self.texts.regions[at].iter().enumerate() {
            let class = line_class(nth, self.texts.regions[at].len(), region.standing);
            let y = title.y + LINE * length(nth) + 11;
            let _ = write!(text, "<text{class} x=\"{}\" y=\"{y}\">{}</text>", title.x, xml(line));
        }
        text.push_str("</g>");
        link.end(text);
    }

    fn node(&self, at: usize, text: &mut String) {
        let (node, place, lines) = (&self.picture.nodes[at], &self.drawing.nodes[at], &self.texts.nodes[at]);
        let link = Link::begin(node.link.as_deref(), text);
        let _ = write!(
            text,
            "<g class=\"node{}\" data-node=\"{}\">",
            standing_class(node.standing),
            xml(&node.path)
        );
        let tooltip = node.tooltip.clone().unwrap_or_else(|| node.lines.join(", "));
        let _ = write!(text, "<title>{}</title>{}", xml(&tooltip), rect(place, 6));
        let middle = place.x + place.width / 2;
        for (nth, line) in lines.iter().enumerate() {
            let class = line_class(nth, lines.len(), node.standing);
            let y = place.y + 7 + if nth == 0 { 14 } else { HEAD + LINE * (length(nth) - 1) + 11 };
            let _ = write!(text, "<text{class} x=\"{middle}\" y=\"{y}\">{}</text>", xml(line));
        }
        text.push_str("</g>");
        link.end(text);
    }

    fn edge(&self, at: usize, text: &mut String) {
        let (edge, route) = (&self.picture.edges[at], &self.drawing.edges[at]);
        let [.., before, end] = route.points[..] else { return };
        let passage = match edge.passage {
            None => "",
            Some(Passage::Taken) => " taken",
            Some(Passage::NotTaken) => " not-taken",
        };
        let kind = match edge.kind {
            EdgeKind::Again => "back",
            kind => kind.as_str(),
        };
        let told = if edge.told.is_empty() { String::new() } else { format!(": {}", edge.told) };
        let tooltip = format!("{} → {}{told}", self.picture.path(edge.from), self.picture.path(edge.to));
        let _ = write!(text, "<g class=\"edge {kind}{passage}\"><title>{}</title>", xml(&tooltip));
        let _ = write!(text, "<path class=\"line\" d=\"{}\"/>", path(route));
        // the head touches the border from where the line comes
        let base = if before.y <= end.y { end.y - 8 } else { end.y + 8 };
        let Point { x, y } = end;
        let _ = write!(text, "<path class=\"head\" d=\"M{x} {y}L{} {base}H{}Z\"/>", x - 4, x + 4);
        if let Some(label) = &route.label {
            let x = if edge.kind == EdgeKind::Again { label.x } else { label.x + label.width / 2 };
            for (nth, line) in self.texts.labels[at].iter().enumerate() {
                let y = label.y + LINE * length(nth) + 11;
                let _ = write!(text, "<text class=\"label\" x=\"{x}\" y=\"{y}\">{}</text>", xml(line));
            }
        }
        text.push_str("</g>\n");
    }
}

/// A part of the picture that leads somewhere.
struct Link(bool);

impl Link {
    fn begin(to: Option<&str>, text: &mut String) -> Self {
        if let Some(to) = to {
            let _ = write!(text, "<a href=\"#{}\">", anchor(to));
        }
        Self(to.is_some())
    }

    fn end(self, text: &mut String) {
        text.push_str(if self.0 { "</a>\n" } else { "\n" });
    }
}

fn standing_class(standing: Option<Standing>) -> String {
    standing.map(|standing| format!(" {}", standing.as_str().replace(' ', "-"))).unwrap_or_default()
}

fn line_class(nth: usize, count: usize, standing: Option<Standing>) -> &'static str {
    match (nth, standing) {
        (0, _) => " class=\"id\"",
        (nth, Some(_)) if nth + 1 == count => " class=\"standing\"",
        _ => "",
    }
}

fn rect(place: &Rect, round: i32) -> String {
    let Rect { x, y, width, height } = place;
    format!("<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"{round}\"/>")
}

/// A way with rounded corners, without the piece that its label covers, and ending within its head.
fn path(route: &Route) -> String {
    let mut points = route.points.clone();
    if let [.., before, end] = &mut points[..] {
        end.y += (before.y - end.y).signum() * 6.min((before.y - end.y).abs());
    }
    let mut path = String::new();
    let Some(first) = points.first() else { return path };
    let _ = write!(path, "M{} {}", first.x, first.y);
    for at in 1..points.len() {
        let (before, here) = (points[at - 1], points[at]);
        if let Some(label) = route.label.filter(|label| crosses(before, here, label)) {
            let (near, far) =
                if before.y < here.y { (label.y, label.bottom()) } else { (label.bottom(), label.y) };
            let _ = write!(path, "V{near}M{} {far}", here.x);
        }
        match points.get(at + 1) {
            Some(&next) => corner(before, here, next, &mut path),
            None => {
                let _ = write!(path, "L{} {}", here.x, here.y);
            }
        }
    }
    path
}

/// Does a vertical piece run through the label?
fn crosses(from: Point, to: Point, label: &Rect) -> bool {
    let (top, bottom) = (from.y.min(to.y), from.y.max(to.y));
    from.x == to.x && label.x < from.x && from.x < label.right() && top <= label.y && label.bottom() <= bottom
}

fn corner(before: Point, here: Point, next: Point, path: &mut String) {
    let length = |a: Point, b: Point| (a.x - b.x).abs() + (a.y - b.y).abs();
    let round = ROUND.min(length(before, here) / 2).min(length(here, next) / 2);
    let towards = |to: Point| Point {
        x: here.x + (to.x - here.x).signum() * round,
        y: here.y + (to.y - here.y).signum() * round,
    };
    let (begin, end) = (towards(before), towards(next));
    let _ = write!(path, "L{} {}Q{} {} {} {}", begin.x, begin.y, here.x, here.y, end.x, end.y);
}
