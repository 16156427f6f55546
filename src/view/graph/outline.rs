//! A picture in lines: each node with where it leads, regions indented. It takes any width, and any graph.

use std::fmt::Write as _;

use crate::layout::End;

use super::measure::wrapped;
use super::picture::{EdgeKind, Picture, PictureRegion};
use super::text::{Letters, standing_line};

/// The picture in lines of at most `width` columns, where its words allow that.
pub(super) fn outline(picture: &Picture, width: usize, letters: Letters) -> String {
    let mut lines = Lines { width, letters, text: String::new() };
    lines.line(0, &format!("graph {}: each node with where it leads", picture.title));
    lines.line(0, &picture.about);
    let mut leads: Vec<Vec<usize>> = vec![Vec::new(); picture.nodes.len()];
    let mut region_leads: Vec<Vec<usize>> = vec![Vec::new(); picture.regions.len()];
    for (at, edge) in picture.edges.iter().enumerate() {
        match edge.from {
            End::Node(node) => leads[node].push(at),
            End::Region(region) => region_leads[region].push(at),
        }
    }
    let mut open: Vec<usize> = Vec::new();
    for (at, node) in picture.nodes.iter().enumerate() {
        let around = around(picture, node.region);
        let shared = open.iter().zip(&around).take_while(|(a, b)| a == b).count();
        for (depth, &region) in around.iter().enumerate().skip(shared) {
            let PictureRegion { title, standing, note, .. } = &picture.regions[region];
            let standing = standing.map(|standing| standing_line(standing, note.as_ref(), letters));
            let said: Vec<String> = title.iter().cloned().chain(standing).collect();
            lines.line(depth, &said.join(": "));
            lines.edges(picture, depth + 1, &region_leads[region]);
        }
        open = around;
        let standing = node.standing.map(|standing| standing_line(standing, node.note.as_ref(), letters));
        let said: Vec<String> = node.lines.iter().cloned().chain(standing).collect();
        lines.line(open.len(), &said.join(", "));
        lines.edges(picture, open.len() + 1, &leads[at]);
    }
    lines.text
}

struct Lines {
    width: usize,
    letters: Letters,
    text: String,
}

impl Lines {
    fn line(&mut self, depth: usize, said: &str) {
        // deep ones stay readable
        let indent = (2 * depth).min(self.width / 3);
        let room = self.width.saturating_sub(indent + 2).max(8);
        for (nth, line) in wrapped(said, room, usize::MAX, "").iter().enumerate() {
            let indent = " ".repeat(indent + if nth == 0 { 0 } else { 2 });
            // writing to a string can't fail
            let _ = writeln!(self.text, "{indent}{line}");
        }
    }

    fn edges(&mut self, picture: &Picture, depth: usize, edges: &[usize]) {
        for &at in edges {
            let edge = &picture.edges[at];
            let arrow = match (self.letters, edge.kind) {
                (Letters::Unicode, EdgeKind::Again) => "↺",
                (Letters::Unicode, _) => "→",
                (Letters::Ascii, EdgeKind::Again) => "^",
                (Letters::Ascii, _) => "->",
            };
            let told = if edge.told.is_empty() { String::new() } else { format!(": {}", edge.told) };
            self.line(depth, &format!("{arrow} {}{told}", picture.path(edge.to)));
        }
    }
}

fn around(picture: &Picture, mut region: Option<usize>) -> Vec<usize> {
    let mut around = Vec::new();
    while let Some(at) = region {
        around.push(at);
        region = picture.regions[at].outer;
    }
    around.reverse();
    around
}
